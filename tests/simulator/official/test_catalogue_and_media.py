"""Lists of models, accounts, files, pictures and videos of the simulated services."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from grokcore.simulator.official.catalogue import PICTURE_TICKS, SECOND_TICKS

from .place import KEYED, Place, in_place, of_cli


@in_place
async def test_the_api_lists_its_models(place: Place) -> None:
    """Bare ones of all kinds, and lists of each kind with more."""
    listed = (await place.get("/models")).json()["data"]
    assert {"id", "created", "object", "owned_by"} == set(listed[0])
    assert {row["id"] for row in listed} >= {"grok-4.7", "grok-imagine-image"}
    language = (await place.get("/language-models")).json()["models"]
    assert language[0]["prompt_text_token_price"] == 20_000
    assert "grok-imagine-image" not in {row["id"] for row in language}
    for kind in ("image", "video"):
        (row,) = (await place.get(f"/{kind}-generation-models")).json()["models"]
        assert row["output_modalities"] == [kind]
    assert [model.id async for model in place.sdk().models.list()] == [row["id"] for row in listed]


@in_place
async def test_an_alias_is_answered_by_its_model(place: Place) -> None:
    """The answer names the model itself."""
    assert (await place.ask(model="grok-latest")).json()["model"] == "grok-4.7"


@in_place
async def test_the_cli_gets_lists_of_its_own(place: Place) -> None:
    """With contexts and levels of reasoning; models and accounts."""

    async def get(path: str) -> Any:
        return (await place.http.get(f"{place.urls.cli}{path}", headers=of_cli())).json()

    rows = {row["id"]: row for row in (await get("/models"))["data"]}
    assert rows["grok-4.7"]["context_window"] == 500_000
    efforts = rows["grok-4.7"]["reasoning_efforts"]
    assert [one["value"] for one in efforts] == ["xhigh", "high", "medium", "low"]
    assert [one["value"] for one in efforts if one.get("default")] == ["high"]
    assert "grok-imagine-image" not in rows
    assert (await get("/user"))["email"] == "owner@example.com"
    told = (await get("/billing?format=credits"))["config"]
    assert told["creditUsagePercent"] == 12.5
    assert told["currentPeriod"]["type"] == "USAGE_PERIOD_TYPE_WEEKLY"
    assert "currentPeriod" not in (await get("/billing"))["config"]
    place.simulator.account.used_percent = 0
    assert "creditUsagePercent" not in (await get("/billing?format=credits"))["config"]


@in_place
async def test_a_key_is_described(place: Place) -> None:
    """A blocked one too."""
    place.simulator.account.blocked = True
    assert (await place.get("/api-key")).json()["api_key_blocked"] is True


@in_place
async def test_files_are_kept(place: Place) -> None:
    """The SDK uploads, looks and deletes."""
    files = place.sdk().files
    stored = await files.create(file=("a.txt", b"one\r\n\r\ntwo"), purpose="assistants")
    assert (stored.filename, stored.bytes) == ("a.txt", 10)
    assert place.simulator.media.files[stored.id].data == b"one\r\n\r\ntwo"
    assert (await files.retrieve(stored.id)).id == stored.id
    assert (await files.delete(stored.id)).deleted
    assert (await place.get(f"/files/{stored.id}")).status_code == 404
    no_form = await place.post({}, "/files")
    no_file = await place.http.post(f"{place.urls.api}/files", files={"other": b""}, headers=KEYED)
    assert (no_form.status_code, no_file.status_code) == (415, 400)


@in_place
async def test_the_sdk_gets_pictures(place: Place) -> None:
    """As links to elsewhere, or inline; each costs."""
    images = place.sdk().images
    linked = await images.generate(model="grok-imagine-image", prompt="a cat", n=2)
    inline = await images.generate(
        model="grok-imagine-image", prompt="a cat", response_format="b64_json"
    )
    assert linked.data is not None
    assert inline.data is not None
    reply = await place.http.get(str(linked.data[0].url))
    assert reply.content == base64.b64decode(str(inline.data[0].b64_json))
    assert place.simulator.spent_ticks == 3 * PICTURE_TICKS


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/images/generations", {"prompt": ""}, 400),
        ("/images/generations", {"n": 11}, 400),
        ("/images/generations", {"prompt": "simulate:moderated"}, 400),
        ("/images/edits", {}, 400),
        ("/images/edits", {"images": [{"url": "x"}] * 6}, 400),
        ("/images/edits", {"image": {"file_id": "file_0"}}, 404),
        ("/images/edits", {"image": {"url": "data:image/png;base64,AA=="}}, 200),
        ("/videos/generations", {"prompt": ""}, 400),
    ],
)
@in_place
async def test_requests_for_media_are_checked(
    place: Place, path: str, fields: dict[str, Any], status: int
) -> None:
    """By the bounds of xAI."""
    reply = await place.post({"model": "grok-imagine-image", "prompt": "x", **fields}, path)
    assert reply.status_code == status


@in_place
async def test_edits_are_json_alone(place: Place) -> None:
    """The form that OpenAI has for it is refused."""
    reply = await place.http.post(
        f"{place.urls.api}/images/edits", files={"image": b"x"}, headers=KEYED
    )
    assert reply.status_code == 415


@in_place
async def test_a_video_is_waited_for(place: Place) -> None:
    """Two times pending, then done; it costs once; its bytes are elsewhere, without a key."""
    job = (await place.post({"prompt": "x", "duration": 8}, "/videos/generations")).json()
    polled = [await place.get(f"/videos/{job['request_id']}") for _ in range(3)]
    assert [reply.status_code for reply in polled] == [202, 202, 200]
    assert [reply.json()["progress"] for reply in polled] == [45, 90, 100]
    done = polled[-1].json()
    assert (done["status"], done["video"]["duration"]) == ("done", 8)
    assert place.simulator.spent_ticks == 8 * SECOND_TICKS
    await place.get(f"/videos/{job['request_id']}")
    assert place.simulator.spent_ticks == 8 * SECOND_TICKS
    film = await place.http.get(done["video"]["url"])
    assert (film.headers["content-type"], film.content[4:8]) == ("video/mp4", b"ftyp")
    (call,) = [call for call in place.simulator.calls if call.service == "assets"]
    assert "authorization" not in call.headers
    assert (await place.get("/videos/unknown")).status_code == 404
    unknown = done["video"]["url"].replace(".mp4", ".txt")
    assert (await place.http.get(unknown)).status_code == 404


@pytest.mark.parametrize("end", ["failed", "expired", "moderated"])
@in_place
async def test_a_video_may_fail(place: Place, end: str) -> None:
    """By a word of its prompt, or by the setting for all."""
    place.simulator.media.video_polls = 0
    said = await place.post({"prompt": f"simulate:video_{end}"}, "/videos/generations")
    place.simulator.media.video_end = end
    by_setting = await place.post({"prompt": "x"}, "/videos/edits")
    for begun in (said, by_setting):
        told = (await place.get(f"/videos/{begun.json()['request_id']}")).json()
        if end == "moderated":
            assert told["video"]["respect_moderation"] is False
        else:
            assert told["status"] == end
