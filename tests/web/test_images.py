"""The image routes over real sockets, with OpenAI's own SDK."""

from __future__ import annotations

import base64
from collections import deque
from pathlib import Path
from typing import Any

import openai
import pytest
import trio
from attrs import frozen
from openai.types import ImagesResponse

from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator import lines
from grokcore.simulator.assets import jpeg, png
from grokcore.simulator.files import UPLOAD_PATH
from grokcore.simulator.scripts import HANG, Script, answer, drawing, error, page, play_lines, wrapped
from tests.servers import Site

from .test_delivery import on_media_site

PICTURE = "users/u/generated/{}/image.jpg"
CONTENT = base64.b64encode(jpeg()).decode()
ONE = (TokenEntry("sso-0"),)


def pictures(count: int) -> list[str]:
    return [PICTURE.format(number) for number in range(count)]


async def with_sdk(site: Site, call: str, **fields: Any) -> ImagesResponse:
    """``generate`` or ``edit`` of the SDK."""

    def ask() -> ImagesResponse:
        with openai.OpenAI(base_url=f"{site.url}/v1", api_key="none", max_retries=0) as client:
            found: ImagesResponse = getattr(client.images, call)(**fields)
            return found

    return await trio.to_thread.run_sync(ask)


@frozen
class Format:
    """What is asked for, with which setting, and what there is then."""

    response_format: str | None
    mode: str
    content: bool
    address: str

    @property
    def name(self) -> str:
        return f"{self.response_format} {self.mode}"


FORMATS = [
    Format("b64_json", "url", True, ""),
    Format("b64_json", "cache", True, ""),
    Format("url", "url", False, "grok"),
    Format("url", "cache", False, "own"),
    Format("url", "base64", False, "own"),
    Format(None, "url", True, "grok"),
    Format(None, "cache", True, "own"),
]


@pytest.mark.parametrize("case", FORMATS, ids=lambda case: case.name)
def test_the_openai_sdk_gets_pictures_as_it_wants_them(case: Format, tmp_path: Path) -> None:
    """As content or as an address that it can fetch; both when it says nothing."""

    async def scenario(site: Site) -> None:
        site.simulator.always(drawing(pictures(2)))
        wanted = {} if case.response_format is None else {"response_format": case.response_format}
        found = await with_sdk(site, "generate", prompt="a cat", n=2, **wanted)
        assert found.data is not None
        assert [one.b64_json for one in found.data] == [CONTENT if case.content else None] * 2
        for number, one in enumerate(found.data):
            if case.address == "grok":
                assert one.url == f"{site.grok_url}/{PICTURE.format(number)}"
            elif case.address == "own":
                assert (one.url or "").startswith(f"{site.url}/media/")
                assert (await site.client.get(one.url or "")).content == jpeg()
            else:
                assert one.url is None
        (call,) = site.simulator.calls
        assert (call.body["message"], call.body["imageGenerationCount"]) == ("Drawing: a cat", 2)
        assert call.body["modelName"] == "grok-4-1-non-thinking-w-tool"
        assert site.leased() == 0

    on_media_site(scenario, tmp_path, config=f'[grok]\nimage_mode = "{case.mode}"')


CARD = play_lines([*map(wrapped, [
    lines.picture_card("p1"),
    lines.token("Here:"),
    lines.token(lines.picture("p1")),
    lines.picture_card("p1", 50, "users/u/generated/0-part-0/image.jpg"),
    lines.picture_card("p1", 100, PICTURE.format(0)),
    lines.soft_stop(),
])])  # fmt: skip


def test_a_picture_as_a_card_is_one_too(tmp_path: Path) -> None:
    """The form of 2026; the preview is not given."""

    async def scenario(site: Site) -> None:
        site.simulator.always(CARD)
        found = await with_sdk(site, "generate", prompt="a cat", model="grok-imagine-image", response_format="url")
        assert [one.url for one in found.data or ()] == [f"{site.grok_url}/{PICTURE.format(0)}"]

    on_media_site(scenario, tmp_path)


def test_a_picture_is_edited_by_the_openai_sdk(tmp_path: Path) -> None:
    """A form with one file or several; they go up with the token that then answers."""

    async def scenario(site: Site) -> None:
        site.simulator.always(drawing(pictures(1)))
        for images in (png(), [png(), png(9)]):
            site.simulator.uploads.clear()
            found = await with_sdk(site, "edit", prompt="redder", image=images, response_format="b64_json")
            assert [one.b64_json for one in found.data or ()] == [CONTENT]
        first, second = site.simulator.calls
        assert first.body["message"] == "Edit the attached image: redder"
        files = site.simulator.files.contents
        assert [files[second.sso, file_id] for file_id in second.body["fileAttachments"]] == [png(), png(9)]

    on_media_site(scenario, tmp_path)


def test_a_picture_is_edited_in_json(tmp_path: Path) -> None:
    """As a data: URL."""

    async def scenario(site: Site) -> None:
        site.simulator.always(drawing(pictures(1)))
        url = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
        fields = {"prompt": "redder", "images": [{"image_url": url}], "response_format": "b64_json"}
        reply = await site.client.post("/v1/images/edits", json=fields)
        assert reply.json()["data"] == [{"b64_json": CONTENT}]
        assert [call.path for call in site.simulator.uploads] == [UPLOAD_PATH]

    on_media_site(scenario, tmp_path)


@frozen
class Refused:
    """A drawing that comes to nothing."""

    name: str
    script: Script
    status: int
    code: str
    says: str = ""
    n: int = 1
    partial_ok: bool = False


MODERATED = play_lines([*map(wrapped, [
    lines.image_count(1),
    lines.image_progress(0, 100, PICTURE.format(0), moderated=True),
    lines.token("I made it."),
    lines.soft_stop(),
    lines.model_response("I made it.", "grok-3", generatedImageUrls=[]),
])])  # fmt: skip

REFUSED = [
    Refused("words", answer("I can't draw that."), 502, "upstream_refused", "It said: I can't draw that."),
    Refused("too few", drawing(pictures(1)), 502, "upstream_refused", "1 of the 2 pictures", 2),
    Refused("none, and partial_ok", answer("no"), 502, "upstream_refused", "no picture", 2, True),
    Refused("moderated", MODERATED, 400, "content_policy_violation"),
    Refused("refused", error(403, lines.ERROR_403_MODERATED), 400, "content_policy_violation"),
    Refused("used up", error(429, lines.ERROR_429), 429, "rate_limit_exceeded"),
    Refused("a challenge", page(), 502, "upstream_challenge"),
    Refused("silence", Script((HANG,)), 504, "timeout_first_response"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_no_picture_is_an_error_that_says_why(case: Refused, tmp_path: Path) -> None:
    """Never an empty list, never somebody else's picture, and no lease is kept."""

    async def scenario(site: Site) -> None:
        site.simulator.script("sso-0", case.script)
        fields = {"prompt": "a cat", "n": case.n, "partial_ok": case.partial_ok}
        reply = await site.client.post("/v1/images/generations", json=fields)
        failure = reply.json()["error"]
        assert (reply.status_code, failure["code"]) == (case.status, case.code)
        assert case.says in failure["message"]
        assert reply.headers["x-grok2api-attempts"] == str(len(site.simulator.calls))
        assert site.leased() == 0

    on_media_site(scenario, tmp_path, config="[grok]\nstream_first_response_timeout = 0.3", tokens=ONE)


def test_fewer_pictures_are_an_answer_if_the_client_says_so(tmp_path: Path) -> None:
    """And more than asked for are not given."""

    async def scenario(site: Site) -> None:
        for made, asked, given in ((1, 3, 1), (3, 2, 2)):
            site.simulator.always(drawing(pictures(made)))
            fields = {"prompt": "a cat", "n": asked, "partial_ok": True, "response_format": "url"}
            reply = await site.client.post("/v1/images/generations", json=fields)
            assert len(reply.json()["data"]) == given

    on_media_site(scenario, tmp_path)


@pytest.mark.parametrize("response_format", ["b64_json", None])
def test_content_that_can_t_be_fetched_is_an_error(response_format: str | None, tmp_path: Path) -> None:
    """A picture without content would be an answer that looks complete."""

    async def scenario(site: Site) -> None:
        site.simulator.always(drawing(pictures(2)))
        site.simulator.asset_scripts[f"/{PICTURE.format(1)}"] = error(
            404, {"code": 5, "message": "gone", "details": []}
        )
        fields = {"prompt": "a cat", "n": 2, "response_format": response_format}
        reply = await site.client.post("/v1/images/generations", json=fields)
        assert reply.status_code == 502
        assert "sso-" not in reply.text
        assert site.leased() == 0

    on_media_site(scenario, tmp_path)


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("not JSON", {"content": b"{"}, "not valid JSON"),
    ("a list", {"json": []}, "a JSON object"),
    ("no prompt", {"json": {}}, "prompt"),
    ("a broken form", {"content": b"--x", "headers": {"content-type": "multipart/form-data; boundary=x"}}, "form"),
    ("a video model", {"json": {"prompt": "a", "model": "grok-imagine-0.9"}}, "videos"),
]


@pytest.mark.parametrize(("sent", "says"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_request_is_refused_without_asking_grok(sent: dict[str, Any], says: str, tmp_path: Path) -> None:
    """With 400, and what is wrong."""

    async def scenario(site: Site) -> None:
        reply = await site.client.post("/v1/images/generations", **sent)
        assert (reply.status_code, says in reply.json()["error"]["message"]) == (400, True), reply.text
        assert not site.simulator.calls

    on_media_site(scenario, tmp_path)


def test_an_unknown_model_is_named(tmp_path: Path) -> None:
    """As in chats."""

    async def scenario(site: Site) -> None:
        reply = await site.client.post("/v1/images/generations", json={"prompt": "a", "model": "dall-e-9"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")

    on_media_site(scenario, tmp_path)


def test_a_failing_upload_fails_the_edit(tmp_path: Path) -> None:
    """Never an edit of nothing."""

    async def scenario(site: Site) -> None:
        site.simulator.upload_scripts["sso-0"] = deque([error(400, lines.ERROR_400)])
        with pytest.raises(openai.BadRequestError) as caught:
            await with_sdk(site, "edit", prompt="redder", image=png())
        assert caught.value.code == "invalid_attachment"
        assert caught.value.param == "image"
        assert not site.simulator.calls

    on_media_site(scenario, tmp_path, tokens=ONE)
