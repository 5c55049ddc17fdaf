"""The image routes if xAI's API may draw: which lane does, and what goes there and comes back."""

from __future__ import annotations

import base64
import io

import openai
import pytest
from openai.types import ImagesResponse

from grokcore.errors import UpstreamFailure
from grokcore.protocol.models import LaneUse
from grokcore.simulator.assets import jpeg, png
from grokcore.simulator.official.catalogue import PICTURE_TICKS
from grokcore.simulator.scripts import drawing, error
from tests.web.official_media import Studio, in_studio

OWN = "grok-imagine-image"
PICTURE = "users/u/generated/{}/image.jpg"
CONTENT = base64.b64encode(jpeg()).decode()
AS_URL = '[grok]\nimage_mode = "url"'

GUESTS = """
[grok]
api_key = "owner"
image_mode = "url"
[[keys]]
name = "anna"
key = "key-anna"
rpm = 1000
lanes = ["api"]
[[keys]]
name = "carl"
key = "key-carl"
rpm = 1000
[[keys]]
name = "dora"
key = "key-dora"
models = ["grok-4.1"]
lanes = ["api"]
"""


def drawn(studio: Studio) -> int:
    """How many requests for pictures xAI's API has had."""
    official = studio.site.official
    return len(official.asked("/images/generations")) + len(official.asked("/images/edits"))


@in_studio(config=AS_URL)
async def test_xais_own_names_go_to_its_api(studio: Studio) -> None:
    """Which draws in the client's shape, tells its cost and is counted with it."""

    def ask(client: openai.OpenAI) -> ImagesResponse:
        return client.images.generate(
            model=OWN,
            prompt="A cat",
            n=2,
            size="1536x1024",
            quality="low",
            user="u",
            background="opaque",
        )

    found = await studio.sdk(ask)
    assert found.data is not None
    assert [bool(one.url and one.url.endswith(".jpg")) for one in found.data] == [True, True]
    assert found.usage is not None
    assert found.usage.model_extra == {"cost_in_usd_ticks": 2 * PICTURE_TICKS}
    [call] = studio.site.official.asked("/images/generations")
    assert call.body == {
        "model": OWN,
        "prompt": "A cat",
        "n": 2,
        "response_format": "url",
        "aspect_ratio": "3:2",
        "quality": "low",
        "user": "u",
    }
    assert studio.spending.spent == 2 * PICTURE_TICKS
    assert studio.at_assets == []


@in_studio(config=AS_URL)
async def test_what_is_not_passed_on_is_named(studio: Studio) -> None:
    """In the header of ignored fields, as on every route."""
    body = {"model": OWN, "prompt": "A cat", "background": "opaque", "response_format": "b64_json"}
    found = await studio.site.client.post("/v1/images/generations", json=body)
    assert found.headers["x-grok2api-ignored"] == "background"
    assert found.headers["x-grok2api-lane"] == "api"
    assert found.json()["data"] == [{"b64_json": CONTENT}]


@in_studio
async def test_with_a_cache_a_client_that_says_nothing_gets_both_forms(studio: Studio) -> None:
    """As from the web sessions; the address is this server's."""
    body = {"model": OWN, "prompt": "A cat"}
    [one] = (await studio.site.client.post("/v1/images/generations", json=body)).json()["data"]
    assert one["b64_json"] == CONTENT
    assert one["url"].startswith(f"{studio.site.url}/media/")
    assert (await studio.site.client.get(one["url"])).content == jpeg()
    body["response_format"] = "url"
    [one] = (await studio.site.client.post("/v1/images/generations", json=body)).json()["data"]
    assert list(one) == ["url"]


@in_studio(config=AS_URL)
async def test_other_names_are_drawn_by_web_sessions(studio: Studio) -> None:
    """The paid lane is for what the web can't do."""
    studio.site.play(drawing([PICTURE.format(0)]))
    for model in ("gpt-image-1", "dall-e-3", "grok-4.1", None):
        body = {"prompt": "A cat", "response_format": "url"} | ({"model": model} if model else {})
        assert (await studio.site.client.post("/v1/images/generations", json=body)).is_success
    assert drawn(studio) == 0


@in_studio(config=AS_URL, tokens=())
async def test_other_names_overflow_if_no_web_session_can_draw(studio: Studio) -> None:
    """In the form that OpenAI's model has unless told otherwise."""
    for model, form in (("gpt-image-1", "b64_json"), ("dall-e-3", "url")):
        body = {"prompt": "A cat", "model": model, "quality": "high"}
        found = await studio.site.client.post("/v1/images/generations", json=body)
        assert list(found.json()["data"][0]) == [form]
        assert found.headers["x-grok2api-ignored"] == "quality"
    assert drawn(studio) == 2
    body = {"prompt": "A cat", "model": "grok-4.1"}
    assert (await studio.site.client.post("/v1/images/generations", json=body)).is_error


@in_studio(config=AS_URL, use=LaneUse.FIRST)
async def test_with_use_first_other_names_go_to_the_api(studio: Studio) -> None:
    """The owner has said so."""
    body = {"prompt": "A cat", "model": "dall-e-3"}
    assert (await studio.site.client.post("/v1/images/generations", json=body)).is_success
    assert drawn(studio) == 1


@in_studio(config=AS_URL)
async def test_a_web_session_that_fails_is_not_followed_by_a_paid_picture(studio: Studio) -> None:
    """A lane is chosen before anything is drawn."""
    studio.site.play(error(403, {"error": {"code": 7, "message": "no"}}))
    body = {"prompt": "A cat", "model": "dall-e-3"}
    assert (await studio.site.client.post("/v1/images/generations", json=body)).is_error
    assert drawn(studio) == 0


@in_studio(config=GUESTS, tokens=())
async def test_a_key_without_the_lane_draws_as_before(studio: Studio) -> None:
    """No guest spends the owner's money, and none uses a model that it may not."""
    expected = {"anna": 200, "carl": 503, "dora": 503}
    for name, status in expected.items():
        body = {"prompt": "A cat", "model": OWN}
        headers = {"authorization": f"Bearer key-{name}"}
        found = await studio.site.client.post("/v1/images/generations", json=body, headers=headers)
        assert found.status_code == status, name
    assert drawn(studio) == 1


@in_studio(config=AS_URL)
async def test_an_edits_form_becomes_xais_json(studio: Studio) -> None:
    """One picture keeps its own shape; several are a list."""

    def ask(client: openai.OpenAI) -> None:
        one, two = io.BytesIO(png()), io.BytesIO(png())
        client.images.edit(model=OWN, prompt="Day", image=one, size="1024x1024")
        one.seek(0)
        client.images.edit(model=OWN, prompt="Day", image=[one, two], size="2048x2048")

    await studio.sdk(ask)
    first, second = studio.site.official.asked("/images/edits")
    url = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
    assert first.body["image"] == {"url": url}
    assert "aspect_ratio" not in first.body
    assert second.body["images"] == [{"url": url}, {"url": url}]
    assert (second.body["aspect_ratio"], second.body["resolution"]) == ("1:1", "2k")


@in_studio(config=AS_URL, usd=0.03)
async def test_the_cap_ends_the_pictures_of_a_day(studio: Studio) -> None:
    """And a refused request has cost nothing."""
    body = {"prompt": "A cat", "model": OWN}
    client = studio.site.client
    studio.site.official.fail_next(400, {"error": "No."}, path="/images/generations")
    assert (await client.post("/v1/images/generations", json=body)).is_error
    assert studio.spending.spent == 0
    for status in (200, 200, 429):
        assert (await client.post("/v1/images/generations", json=body)).status_code == status


@in_studio(config=AS_URL)
async def test_an_answer_without_pictures_is_the_upstreams_fault(studio: Studio) -> None:
    """Not an empty list that the client would fail at. What it cost is not known, and counted."""
    for data in ([], [{"b64_json": "###"}]):
        studio.site.official.fail_next(200, {"data": data}, path="/images/generations")
        body = {"prompt": "A cat", "model": OWN}
        found = await studio.site.client.post("/v1/images/generations", json=body)
        assert found.json()["error"]["code"] == UpstreamFailure.code
    assert studio.spending.spent > 0


@pytest.mark.parametrize("n", [0, 11, "many"])
@in_studio(config=AS_URL)
async def test_a_number_that_xai_does_not_draw_is_refused_here(studio: Studio, n: object) -> None:
    """Before anything is paid."""
    body = {"prompt": "A cat", "model": OWN, "n": n}
    found = await studio.site.client.post("/v1/images/generations", json=body)
    assert (found.status_code, found.json()["error"]["param"]) == (400, "n")
