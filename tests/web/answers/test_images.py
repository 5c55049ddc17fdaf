"""The image routes over real sockets, with OpenAI's own SDK."""

from __future__ import annotations

import base64
import io
import json
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import openai
import pytest
import trio
from attrs import frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types import ImagesResponse

from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator import lines
from grokcore.simulator.assets import jpeg, png
from grokcore.simulator.files import UPLOAD_PATH
from grokcore.simulator.scripts import (
    HANG,
    Script,
    answer,
    drawing,
    error,
    page,
    play_lines,
    wrapped,
)
from tests.lanes import each_lane, files_of, model_of, pictures_of, words_of
from tests.servers import Site
from tests.web.media_site import on_media_site, run_on_media_site

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
    """A request for pictures, the setting, and the pictures in the response."""

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


@each_lane
@pytest.mark.parametrize("case", FORMATS, ids=lambda case: case.name)
@on_media_site(config=lambda case: f'[grok]\nimage_mode = "{case.mode}"', lane=lambda lane: lane)
async def test_the_openai_sdk_gets_pictures_as_it_wants_them(site: Site, case: Format) -> None:
    """As content or as an address that it can fetch; both when it says nothing."""
    site.play(drawing(pictures(2)))
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
    (call,) = site.asked
    assert (words_of(call), pictures_of(call)) == ("Drawing: a cat", 2)
    assert model_of(call) in {"grok-4-1-non-thinking-w-tool", "auto"}
    assert site.leased() == 0


CARD = play_lines([*map(wrapped, [
    lines.picture_card("p1"),
    lines.token("Here:"),
    lines.token(lines.picture("p1")),
    lines.picture_card("p1", 50, "users/u/generated/0-part-0/image.jpg"),
    lines.picture_card("p1", 100, PICTURE.format(0)),
    lines.soft_stop(),
])])  # fmt: skip


@on_media_site(config='[grok]\nimage_mode = "url"')
async def test_a_picture_as_a_card_is_one_too(site: Site) -> None:
    """The form of 2026; the preview is not given."""
    site.simulator.always(CARD)
    found = await with_sdk(
        site, "generate", prompt="a cat", model="grok-imagine-image", response_format="url"
    )
    assert [one.url for one in found.data or ()] == [f"{site.grok_url}/{PICTURE.format(0)}"]


@each_lane
@on_media_site(lane=lambda lane: lane)
async def test_a_picture_is_edited_by_the_openai_sdk(site: Site) -> None:
    """A form with one file or several; they go up with the token that then answers."""
    site.play(drawing(pictures(1)))
    for images in (png(), [png(), png(9)]):
        site.simulator.uploads.clear()
        found = await with_sdk(
            site, "edit", prompt="redder", image=images, response_format="b64_json"
        )
        assert [one.b64_json for one in found.data or ()] == [CONTENT]
    first, second = site.asked
    assert words_of(first) == "Edit the attached image: redder"
    files = site.simulator.files.contents
    assert [files[second.sso, file_id] for file_id in files_of(second)] == [png(), png(9)]


@on_media_site
async def test_a_picture_is_edited_in_json(site: Site) -> None:
    """As a data: URL."""
    site.simulator.always(drawing(pictures(1)))
    url = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
    fields = {"prompt": "redder", "images": [{"image_url": url}], "response_format": "b64_json"}
    reply = await site.client.post("/v1/images/edits", json=fields)
    assert reply.json()["data"] == [{"b64_json": CONTENT}]
    assert [call.path for call in site.simulator.uploads] == [UPLOAD_PATH]


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
    Refused(
        "words",
        answer("I can't draw that."),
        502,
        "upstream_refused",
        "It said: I can't draw that.",
    ),
    Refused("too few", drawing(pictures(1)), 502, "upstream_refused", "1 of the 2 pictures", 2),
    Refused("none, and partial_ok", answer("no"), 502, "upstream_refused", "no picture", 2, True),
    Refused("moderated", MODERATED, 400, "content_policy_violation"),
    Refused("refused", error(403, lines.ERROR_403_MODERATED), 400, "content_policy_violation"),
    Refused("used up", error(429, lines.ERROR_429), 429, "rate_limit_exceeded"),
    Refused("a challenge", page(), 502, "upstream_challenge"),
    Refused("silence", Script((HANG,)), 504, "timeout_first_response"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
@on_media_site(config="[grok]\nstream_first_response_timeout = 0.3", tokens=ONE)
async def test_no_picture_is_an_error_that_says_why(site: Site, case: Refused) -> None:
    """Never an empty list, never a picture of another request, and no lease is kept."""
    site.simulator.script("sso-0", case.script)
    fields = {"prompt": "a cat", "n": case.n, "partial_ok": case.partial_ok}
    reply = await site.client.post("/v1/images/generations", json=fields)
    failure = reply.json()["error"]
    assert (reply.status_code, failure["code"]) == (case.status, case.code)
    assert case.says in failure["message"]
    assert reply.headers["x-grok2api-attempts"] == str(len(site.simulator.calls))
    assert site.leased() == 0


@on_media_site
async def test_fewer_pictures_are_an_answer_if_the_client_says_so(site: Site) -> None:
    """And more than asked for are not given."""
    for made, asked, found in ((1, 3, 1), (3, 2, 2)):
        site.simulator.always(drawing(pictures(made)))
        fields = {"prompt": "a cat", "n": asked, "partial_ok": True, "response_format": "url"}
        reply = await site.client.post("/v1/images/generations", json=fields)
        assert len(reply.json()["data"]) == found


@pytest.mark.parametrize("response_format", ["b64_json", None])
@on_media_site
async def test_content_that_can_t_be_fetched_is_an_error(
    site: Site, response_format: str | None
) -> None:
    """A picture without content would be an answer that looks complete."""
    site.simulator.always(drawing(pictures(2)))
    site.simulator.asset_scripts[f"/{PICTURE.format(1)}"] = error(
        404, {"code": 5, "message": "gone", "details": []}
    )
    fields = {"prompt": "a cat", "n": 2, "response_format": response_format}
    reply = await site.client.post("/v1/images/generations", json=fields)
    assert reply.status_code == 502
    assert "sso-" not in reply.text
    assert site.leased() == 0


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("not JSON", {"content": b"{"}, "not valid JSON"),
    ("a list", {"json": []}, "a JSON object"),
    ("no prompt", {"json": {}}, "prompt"),
    (
        "a broken form",
        {"content": b"--x", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        "form",
    ),
    ("a video model", {"json": {"prompt": "a", "model": "grok-imagine-0.9"}}, "videos"),
]


@pytest.mark.parametrize(("sent", "says"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
@on_media_site
async def test_a_bad_request_is_refused_without_asking_grok(
    site: Site, sent: dict[str, Any], says: str
) -> None:
    """With 400, and a message that names the fault."""
    reply = await site.client.post("/v1/images/generations", **sent)
    assert (reply.status_code, says in reply.json()["error"]["message"]) == (400, True), reply.text
    assert not site.simulator.calls


@on_media_site
async def test_an_unknown_model_is_named(site: Site) -> None:
    """As in chats; the message suggests no model that this route refuses."""
    for name in ("grok-imagine-0.8-video", "midjourney", "x" * 200_000):
        reply = await site.client.post(
            "/v1/images/generations", json={"prompt": "a", "model": name}
        )
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")
        assert "grok-imagine-0.9" not in reply.json()["error"]["message"]


@on_media_site(tokens=ONE)
async def test_a_failing_upload_fails_the_edit(site: Site) -> None:
    """Never an edit of nothing."""
    site.simulator.upload_scripts["sso-0"] = deque([error(400, lines.ERROR_400)])
    with pytest.raises(openai.BadRequestError) as caught:
        await with_sdk(site, "edit", prompt="redder", image=png())
    assert caught.value.code == "invalid_attachment"
    assert caught.value.param == "image"
    assert not site.simulator.calls


# What clients send ------------------------------------------------------------------------------

PNG_URL = f"data:image/png;base64,{base64.b64encode(png()).decode()}"


class Nameless(io.BytesIO):
    """As a picture library leaves it in memory."""


EDITS: list[tuple[str, Any]] = [
    ("bytes", png()),
    ("a stream without a name", Nameless(png())),
    ("a tuple", ("a.png", png(), "image/png")),
    ("a tuple without a name", (None, png(), "image/png")),
    ("a tuple of two without a name", (None, png())),
    ("a tuple with an odd type", ("a", png(), "text/plain")),
    ("a list of one", [png()]),
    ("a list of tuples", [("a.png", png()), ("b.jpg", jpeg(), "image/jpeg")]),
    ("a list of streams", [io.BytesIO(png()), io.BytesIO(jpeg())]),
]


@pytest.mark.parametrize("image", [row[1] for row in EDITS], ids=[row[0] for row in EDITS])
@on_media_site
async def test_the_sdk_s_edits_keep_all_pictures_in_their_order(site: Site, image: Any) -> None:
    """In each form that a file may have, beside all the parameters that there are."""
    everything = {
        "background": "opaque", "input_fidelity": "high", "output_compression": 50, "output_format": "webp",
        "partial_images": 2, "quality": "high", "size": "1024x1024", "user": "me", "moderation": "low",
    }  # fmt: skip
    extra = {"moderation": everything.pop("moderation"), "mask": None, "partial_ok": False}
    site.simulator.always(drawing(pictures(1)))
    found = await with_sdk(site, "edit", prompt="redder", image=image, model="gpt-image-2", n=1, stream=False,
                           response_format="b64_json", extra_body=extra, **everything)  # fmt: skip
    assert [one.b64_json for one in found.data or ()] == [CONTENT]
    (call,) = site.simulator.calls
    files = site.simulator.files.contents
    wanted = [png(), jpeg()] if isinstance(image, list) and len(image) == 2 else [png()]
    assert [files[call.sso, file_id] for file_id in call.body["fileAttachments"]] == wanted


@on_media_site
async def test_the_sdk_s_generations_take_every_parameter(site: Site) -> None:
    """Those without effect are named in a header; pictures that come along are edited."""
    fields = {
        "background": "auto", "moderation": "low", "output_compression": 50, "output_format": "png", "partial_images": 0,
        "quality": "hd", "size": "1024x1024", "style": "vivid", "user": "me",
    }  # fmt: skip
    site.simulator.always(drawing(pictures(1)))
    for model in ("dall-e-3", "gpt-image-1", "grok-imagine-image", "grok-2-image", None):
        reply = await site.client.post(
            "/v1/images/generations",
            json={"prompt": "a", "model": model, **fields, "stream": False},
        )
        assert reply.status_code == 200, reply.text
        assert reply.headers["x-grok2api-ignored"].split(", ") == sorted(fields)
    await with_sdk(
        site,
        "generate",
        prompt="a cat",
        extra_body={"image": [PNG_URL, PNG_URL]},
        model="gpt-image-1",
        **fields,
    )
    call = site.simulator.calls[-1]
    assert call.body["message"] == "Edit the attached images: a cat"
    assert len(call.body["fileAttachments"]) == 2


@on_media_site
async def test_pictures_are_fetched_from_the_web_in_both_routes(site: Site) -> None:
    """What can't be had is refused by its name."""
    for route in ("generations", "edits"):
        reply = await site.client.post(
            f"/v1/images/{route}", json={"prompt": "a", "image_url": "http://10.0.0.1/a.png"}
        )
        failure = reply.json()["error"]
        assert (reply.status_code, failure["code"], failure["param"]) == (
            400,
            "invalid_attachment",
            "image_url",
        )
    assert not site.simulator.calls


@on_media_site
async def test_variations_are_refused_with_the_way_to_go(site: Site) -> None:
    """SDKs still have the call."""
    for path in ("/v1/images/variations", "/images/variations/"):
        reply = await site.client.post(path, files={"image": png()})
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_url")
        assert "/v1/images/edits" in reply.json()["error"]["message"]


FORM_NAMES = [
    "image",
    "images",
    "image[]",
    "image_1",
    "image[0]",
    "mask",
    "n",
    "stream",
    "partial_ok",
    "size",
    "file",
    "é",
]
PICTURE_NAMES = {"image", "images", "image[]", "image_1", "image[0]"}
FORM_VALUES = st.sampled_from(
    [
        "",
        "None",
        "1",
        "1.0",
        "true",
        "False",
        "x",
        PNG_URL,
        PNG_URL.partition(",")[2],
        "a.png",
        "url",
        png(),
        b"",
        b"\xff\xfe",
        b"abc",
    ]
)
KINDS = st.sampled_from(["form", "json", "urlencoded", "form as json", "json as form"])


def sent(kind: str, fields: list[tuple[str, str | bytes]]) -> dict[str, Any]:
    """A request with these fields, for httpx."""
    texts = [
        (name, value if isinstance(value, str) else base64.b64encode(value).decode())
        for name, value in fields
    ]
    match kind:
        case "json" | "json as form":
            header = "application/json" if kind == "json" else "multipart/form-data; boundary=x"
            return {
                "content": json.dumps(dict(texts)).encode(),
                "headers": {"content-type": header},
            }
        case "urlencoded":
            return {
                "content": urlencode(texts).encode(),
                "headers": {"content-type": "application/x-www-form-urlencoded"},
            }
    files = [
        (
            name,
            (None, value) if isinstance(value, str) else ("", value) if not value else ("a", value),
        )
        for name, value in fields
    ]
    written = httpx.Request("POST", "http://127.0.0.1/", files=files)
    header = written.headers["content-type"] if kind == "form" else "application/json"
    return {"content": written.read(), "headers": {"content-type": header}}


def test_no_field_of_a_form_is_passed_over_or_ends_in_a_fault_of_ours(tmp_path: Path) -> None:
    """Each is used, named in the header, or refused by its name; over real sockets, in every kind
    of body.
    """
    told: list[int] = []

    async def scenario(site: Site) -> None:
        site.simulator.always(drawing(pictures(1)))
        portal = trio.lowlevel.current_trio_token()

        @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            kind=KINDS,
            route=st.sampled_from(["generations", "edits"]),
            fields=st.lists(st.tuples(st.sampled_from(FORM_NAMES), FORM_VALUES), max_size=4),
        )
        def ask(kind: str, route: str, fields: list[tuple[str, str | bytes]]) -> None:
            fields = list(dict(fields).items()) if "json" in kind else fields
            request = sent(kind, [("prompt", "a cat"), ("response_format", "url"), *fields])
            reply = trio.from_thread.run(
                partial(site.client.post, f"/v1/images/{route}", **request), trio_token=portal
            )
            told.append(reply.status_code)
            if reply.status_code == 200:
                there = {name for name, value in fields if value not in ("", "None", b"")}
                assert bool(there & PICTURE_NAMES) == bool(
                    site.simulator.calls[-1].body["fileAttachments"]
                )
                ignored = set(reply.headers.get("x-grok2api-ignored", "").split(", "))
                assert {quote(name) for name in there & {"size", "é", "file"}} <= ignored
                return
            error = reply.json()["error"]
            assert reply.status_code == 400, reply.text
            assert error["param"], (kind, fields, reply.text)

        await trio.to_thread.run_sync(ask)
        assert site.leased() == 0

    run_on_media_site(scenario, tmp_path)
    assert {200, 400} <= set(told)
