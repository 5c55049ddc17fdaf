"""The routes of videos over real sockets, with OpenAI's own SDK and as xAI's clients ask."""

from __future__ import annotations

import openai
import pytest

from grokcore.protocol.models import LaneUse
from grokcore.simulator.assets import mp4
from tests.servers import Site
from tests.web.media_site import on_media_site
from tests.web.official_media import Studio, in_studio, studio_of

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

PROMPT = "A lighthouse in a storm"

GUESTS = """
[grok]
api_key = "owner"
[[keys]]
name = "anna"
key = "key-anna"
rpm = 1000
lanes = ["api", "web"]
[[keys]]
name = "ben"
key = "key-ben"
rpm = 1000
lanes = ["api"]
[[keys]]
name = "carl"
key = "key-carl"
rpm = 1000
"""


async def begun(studio: Studio, key: str = "none") -> str:
    """The id of a new video, as OpenAI's clients get it."""
    video = await studio.sdk(lambda client: client.videos.create(prompt=PROMPT), key)
    return str(video.id)


def as_key(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@in_studio()
async def test_openais_sdk_makes_looks_and_downloads(studio: Studio) -> None:
    """With the words of OpenAI's clients, from the beginning to the bytes."""

    def whole(client: openai.OpenAI) -> tuple[list[str], bytes]:
        video = client.videos.create(model="sora-2", prompt=PROMPT, seconds="8", size="720x1280")
        seen = [video.status]
        while video.status in ("queued", "in_progress"):
            video = client.videos.retrieve(video.id)
            seen.append(video.status)
        assert video.created_at > 1_700_000_000
        return seen, client.videos.download_content(video.id).read()

    seen, data = await studio.sdk(whole)
    assert (seen[0], seen[-1]) == ("queued", "completed")
    assert data == mp4()
    [call] = studio.site.official.asked("/videos/generations")
    assert call.body == {
        "model": "grok-imagine-video",
        "prompt": PROMPT,
        "duration": 8,
        "aspect_ratio": "9:16",
        "resolution": "720p",
    }


@in_studio()
async def test_xais_clients_read_xais_words(studio: Studio) -> None:
    """By the request_id of the first answer; a wait is a 202, the end is ``done``."""
    client = studio.site.client
    body = {"model": "grok-imagine-video", "prompt": PROMPT, "duration": 5}
    made = (await client.post("/v1/videos/generations", json=body)).json()
    path = f"/v1/videos/{made['request_id']}"
    first = await client.get(path)
    assert (first.status_code, first.json()["status"]) == (202, "pending")
    await client.get(path)
    last = await client.get(path)
    assert (last.status_code, last.json()["status"]) == (200, "done")
    assert last.json()["video"]["url"].endswith(".mp4")
    assert last.json()["usage"]["cost_in_usd_ticks"] == 5 * 500_000_000


@in_studio()
async def test_an_id_outlives_the_server(studio: Studio) -> None:
    """A new process with the same key knows the video, and does not count it twice."""
    name = await begun(studio)
    later = studio_of(studio.site)
    studio.site.server.media_maker = lambda: later.maker
    found = await studio.sdk(lambda client: client.videos.retrieve(name))
    assert found.id == name
    for _ in range(3):
        await studio.sdk(lambda client: client.videos.retrieve(name))
    assert later.spending.spent == 0


@in_studio(config=GUESTS)
async def test_guests_do_not_see_each_others_videos(studio: Studio) -> None:
    """Neither by the other's id nor by xAI's own, and the owner sees all."""
    name = await begun(studio, "key-anna")
    own = next(iter(studio.site.official.media.videos))
    client = studio.site.client
    for path in (name, name.removeprefix("video_"), own, f"{name}0", "v%20x"):
        for end in ("", "/content"):
            asked = await client.get(f"/v1/videos/{path}{end}", headers=as_key("key-ben"))
            assert (asked.status_code, asked.json()["error"]["code"]) == (404, "video_not_found")
    assert (await client.get(f"/v1/videos/{name}", headers=as_key("key-anna"))).is_success
    for path in (name, own):
        assert (await client.get(f"/v1/videos/{path}", headers=as_key("owner"))).is_success


@in_studio(config=GUESTS)
async def test_a_guest_without_the_paid_lane_is_refused(studio: Studio) -> None:
    """No guest spends the owner's money unless the owner says so."""
    with pytest.raises(openai.PermissionDeniedError, match="lanes"):
        await begun(studio, "key-carl")
    assert studio.site.official.calls == []


@on_media_site()
async def test_videos_that_are_not_offered_name_the_setting(site: Site) -> None:
    """So that the owner knows what to do."""
    asked = await site.client.post("/v1/videos", json={"prompt": PROMPT})
    assert asked.status_code == 501
    assert "images = true in [api]" in asked.json()["error"]["message"]


@pytest.mark.parametrize(
    ("end", "status", "code"),
    [
        ("failed", 409, "video_not_ready"),
        ("expired", 404, "video_not_found"),
        ("moderated", 400, "content_policy_violation"),
    ],
)
@in_studio()
async def test_a_video_that_fails_is_told_as_such(
    studio: Studio, end: str, status: int, code: str
) -> None:
    """In the words of each client, and at its content."""
    media, client = studio.site.official.media, studio.site.client
    media.video_end, media.video_polls = end, 0
    name = await begun(studio)
    openais = (await client.get(f"/v1/videos/{name}")).json()
    assert openais["status"] == ("expired" if end == "expired" else "failed")
    assert openais["error"]["message"]
    xais = (await client.get(f"/v1/videos/{name.removeprefix('video_')}")).json()
    assert xais["status"] == ("done" if end == "moderated" else end)
    content = await client.get(f"/v1/videos/{name}/content")
    assert (content.status_code, content.json()["error"]["code"]) == (status, code)


@in_studio()
async def test_a_content_is_not_there_before_its_time(studio: Studio) -> None:
    """409, which no SDK repeats by itself here."""
    name = await begun(studio)
    content = await studio.site.client.get(f"/v1/videos/{name}/content")
    assert (content.status_code, content.headers["x-should-retry"]) == (409, "false")


@in_studio()
async def test_a_look_survives_an_upstream_that_is_away(studio: Studio) -> None:
    """The error may be repeated, and the video is still known afterwards."""
    name, client = await begun(studio), studio.site.client
    url, studio.maker.base_url = studio.maker.base_url, "http://127.0.0.1:9/v1"
    away = await client.get(f"/v1/videos/{name}")
    assert away.status_code >= 500
    assert away.headers["x-should-retry"] == "true"
    studio.maker.base_url = url
    assert (await client.get(f"/v1/videos/{name}")).status_code == 200


@in_studio()
async def test_the_site_of_contents_never_sees_the_key(studio: Studio) -> None:
    """Neither in a header nor in the address; and a part of the video can be had."""
    studio.site.official.media.video_polls = 0
    name = await begun(studio)
    client = studio.site.client
    part = await client.get(f"/v1/videos/{name}/content", headers={"range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, mp4()[:10])
    assert part.headers["content-type"] == "video/mp4"
    await client.get(f"/v1/videos/{name}/content")
    [headers] = studio.at_assets
    assert "authorization" not in headers
    assert studio.holding.secret not in str(headers)


@in_studio(folder=None)
async def test_without_a_cache_a_video_is_passed_through(studio: Studio) -> None:
    """Also for a player that only looks at the head."""
    studio.site.official.media.video_polls = 0
    name = await begun(studio)
    whole = await studio.site.client.get(f"/v1/videos/{name}/content")
    assert (whole.content, whole.headers["content-type"]) == (mp4(), "video/mp4")
    assert (await studio.site.client.head(f"/v1/videos/{name}/content")).content == b""


@in_studio()
async def test_a_redirect_is_not_followed_with_the_key(studio: Studio) -> None:
    """Another host would see it."""
    site = studio.site
    place = (("location", f"{site.official_urls.api}/videos/elsewhere"),)
    site.official.fail_next(302, {}, place, path="/videos/generations")
    with pytest.raises(openai.APIStatusError):
        await begun(studio)
    assert [call.path for call in site.official.calls] == ["/videos/generations"]


@in_studio(use=LaneUse.FIRST, usd=1.0)
async def test_the_cap_counts_a_video_from_its_beginning(studio: Studio) -> None:
    """At the highest price, until xAI tells the cost: nobody may ever ask for it."""
    body = {"prompt": PROMPT, "seconds": 10, "resolution": "720p"}
    client, media = studio.site.client, studio.site.official.media
    media.video_polls = 0
    made = (await client.post("/v1/videos", json=body)).json()
    refused = await client.post("/v1/videos", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    for _ in range(2):
        assert (await client.get(f"/v1/videos/{made['id']}")).json()["status"] == "completed"
    assert studio.spending.spent == studio.site.official.spent_ticks
    assert (await client.post("/v1/videos", json=body)).status_code == 200


@in_studio()
async def test_a_refused_video_costs_nothing(studio: Studio) -> None:
    """And xAI's words reach the client."""
    studio.site.official.fail_next(400, {"error": "No such thing."}, path="/videos/generations")
    with pytest.raises(openai.APIStatusError, match="No such thing"):
        await begun(studio)
    assert studio.spending.spent == 0


@in_studio()
async def test_a_wrong_model_is_answered_with_those_that_there_are(studio: Studio) -> None:
    """Before anything is paid."""
    body = {"prompt": PROMPT, "model": "grok-4.1"}
    asked = await studio.site.client.post("/v1/videos", json=body)
    assert (asked.status_code, asked.json()["error"]["code"]) == (404, "model_not_found")
    assert "grok-imagine-video" in asked.json()["error"]["message"]


@in_studio()
async def test_a_key_that_is_gone_is_told(studio: Studio) -> None:
    """Instead of a request without one."""
    name = await begun(studio)
    studio.holding.secret = ""
    asked = await studio.site.client.get(f"/v1/videos/{name}")
    assert (asked.status_code, asked.json()["error"]["code"]) == (503, "no_valid_tokens")
    assert (await studio.site.client.get(f"/v1/videos/{name}/content?variant=thumbnail")).is_error
