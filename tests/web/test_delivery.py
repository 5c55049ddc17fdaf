"""Delivery of pictures and videos: the events."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import cast

import pytest
import trio
import trio.testing
from attrs import evolve, field, frozen

from grokcore.config import ImageMode
from grokcore.protocol.conversation.events import (
    Activity,
    Event,
    File,
    Finished,
    FoundPicture,
    KeptPicture,
    Picture,
    Text,
    Video,
)
from grokcore.protocol.grok_web.identity import Identity
from grokcore.runtime.disk.media_cache import MediaCache
from grokcore.runtime.lanes.grok_web.assets import AssetAccess, AssetFetcher
from grokcore.runtime.lanes.lane import Asset
from grokcore.simulator.assets import jpeg, mp4, png
from grokcore.simulator.scripts import (
    Script,
    Send,
    error,
)
from grokcore.web import delivery as delivery_module
from tests.scenarios import (
    on_fake_clock,
    on_real_clock,
    run_on_fake_clock,
    run_on_real_clock,
)
from tests.web.delivery_world import (
    ASSETS_URL,
    BASE,
    BASE64,
    CACHE,
    PICTURE,
    PICTURE_DATA,
    URL,
    VIDEO_PATH,
    Assets,
    asset,
    delivery_of,
)

ACCESS = AssetAccess("canary-sso", "http://user:canary@proxy.example.com:1")


NAME = re.compile(rf"{BASE}/media/[0-9a-f]{{32}}\.(\w+)")


@frozen
class Made:
    """Media of an answer that was made with the token and the egress of ACCESS."""

    assets: Assets

    async def fetch(self, url: str) -> Asset:
        return await self._fetcher.fetch(ACCESS, url)

    async def fetch_file(self, url: str) -> Asset:
        return await self._fetcher.fetch_file(ACCESS, url)

    async def save(self, url: str, cache: MediaCache) -> str:
        return await self._fetcher.save(ACCESS, url, cache)

    @property
    def _fetcher(self) -> AssetFetcher:
        return AssetFetcher(self.assets, ASSETS_URL, Identity("statsig"))


OTHERS: list[Event] = [
    Text("a"),
    Activity(),
    FoundPicture("https://example.com/found.png", "t"),
    Finished(),
]


@frozen
class Delivered:
    """Media as Grok sends it, and its address afterwards; *asks*: how often it is asked for.

    ``NAME.ending`` stands for a link into the cache.
    """

    mode: ImageMode
    event: Picture | Video | File
    expected: str
    cached: bool = True
    asks: int = 1

    def __str__(self) -> str:
        return f"{self.mode.value} {'with' if self.cached else 'without'} cache: {self.event}"


PDF = b"%PDF-1.7 "


ASSETS = {
    PICTURE: asset(jpeg()),
    "huge.png": asset(png().ljust(delivery_module.MOST_INLINE_BYTES + 1, b"\0")),
    "just.png": asset(png().ljust(delivery_module.MOST_INLINE_BYTES, b"\0")),
    "a.pdf": asset(PDF),
    VIDEO_PATH: asset(mp4()),
}


DELIVERED = [
    *(
        Delivered(URL, one, one.url, asks=0)
        for one in (Picture(PICTURE), Video(VIDEO_PATH), File("a.pdf", "a"))
    ),
    Delivered(CACHE, Picture(PICTURE), "NAME.jpg"),
    Delivered(CACHE, Picture("huge.png"), "NAME.png"),
    Delivered(CACHE, Video(VIDEO_PATH), "NAME.mp4"),
    Delivered(CACHE, File("a.pdf", "the name stays"), "NAME.pdf"),
    *(
        Delivered(CACHE, one, one.url, cached=False, asks=0)
        for one in (Picture(PICTURE), Video(VIDEO_PATH))
    ),
    Delivered(BASE64, Picture(PICTURE), PICTURE_DATA),
    Delivered(BASE64, Picture(PICTURE), PICTURE_DATA, cached=False),
    Delivered(
        BASE64, File("a.pdf", "a"), f"data:application/pdf;base64,{base64.b64encode(PDF).decode()}"
    ),
    Delivered(BASE64, Picture("huge.png"), "NAME.png"),
    Delivered(BASE64, Picture("huge.png"), "huge.png", cached=False),
    Delivered(BASE64, Video(VIDEO_PATH), "NAME.mp4"),
    Delivered(BASE64, Video(VIDEO_PATH), VIDEO_PATH, cached=False, asks=0),
    *(Delivered(mode, Picture(PICTURE_DATA), PICTURE_DATA, asks=0) for mode in ImageMode),
]


@pytest.mark.parametrize("case", DELIVERED, ids=str)
def test_media_gets_the_address_that_the_mode_wants(
    case: Delivered, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing else about it changes, nor about the events around it; a delivery as configured logs
    no warning.
    """

    async def scenario() -> None:
        assets, cache = Assets(ASSETS), MediaCache(tmp_path, 10**9) if case.cached else None
        delivery = delivery_of(case.mode, cache)
        events = [*OTHERS[:2], case.event, *OTHERS[2:]]
        assert delivery.concerns(events) is (
            case.mode is BASE64 or (case.mode is CACHE and case.cached)
        )
        assert not delivery.concerns(OTHERS)
        found = await delivery.deliver(Made(assets), events)
        media = cast(Picture, found[2])
        kept = NAME.fullmatch(media.url)
        assert (f"NAME.{kept[1]}" if kept else media.url) == case.expected
        moved = (
            KeptPicture(media.url, case.event.url)
            if kept and isinstance(case.event, Picture)
            else None
        )
        assert found == [*OTHERS[:2], moved or evolve(case.event, url=media.url), *OTHERS[2:]]
        assert len(assets.exchanges) == case.asks
        assert assets.all_closed
        if kept:
            path = tmp_path / media.url.rpartition("/")[2]
            assert path.read_bytes() == ASSETS[case.event.url].body

    run_on_real_clock(scenario)
    assert caplog.records == []


@on_real_clock
async def test_the_just_not_too_large_picture_is_inline(tmp_path: Path) -> None:
    """The bound is the file's size, not that of its base64."""
    assets, delivery = Assets(ASSETS), delivery_of(BASE64, MediaCache(tmp_path, 10**9))
    (found,) = await delivery.deliver(Made(assets), [Picture("just.png")])
    assert isinstance(found, Picture)
    assert found.url.startswith("data:image/png;base64,")


@frozen
class Fault:
    """Why a picture can't be delivered, and what the log says of it."""

    name: str
    says: str
    script: Script = field(factory=lambda: asset(jpeg()))
    event: Picture | Video = field(factory=lambda: Picture(PICTURE))
    most_bytes: int = 10**9
    blocked: bool = False


FAULTS = [
    Fault("not there", "upstream_refused: Grok refused the request.", error(404, {})),
    Fault("challenged", "upstream_challenge: ", Script((), 403)),
    Fault("echoed", "no such session: …", Script((Send(b"no such session: canary-sso"),), 404)),
    Fault("a page", "upstream_error: ", asset(b"<html>canary")),
    Fault("elsewhere", "upstream_error: ", event=Picture("https://evil.example.com/canary.jpg")),
    Fault("larger than the cache", "it can't be stored: a file of ", most_bytes=10),
    Fault(
        "a video larger than the cache",
        "it can't be stored: ",
        asset(mp4()),
        Video(PICTURE),
        most_bytes=10,
    ),
    Fault("no folder", "it can't be stored: ", blocked=True),
    Fault(
        "no folder for a video", "it can't be stored: ", asset(mp4()), Video(PICTURE), blocked=True
    ),
]


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: case.name)
def test_an_answer_is_not_lost_over_its_picture(
    case: Fault, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Media that can't be fetched or stored keep Grok's address; one log line says why, however
    many they are, and holds no secret.
    """
    folder = tmp_path / "media"
    if case.blocked:
        folder.touch()

    async def scenario() -> None:
        delivery = delivery_of(CACHE, MediaCache(folder, case.most_bytes))
        assets = Assets({PICTURE: case.script})
        events: list[Event] = [case.event, Text("and"), case.event, Finished()]
        assert await delivery.deliver(Made(assets), events) == events

    run_on_real_clock(scenario)
    (record,) = caplog.records
    message = record.getMessage()
    assert record.levelname == "WARNING"
    assert message.startswith("2 of an answer's pictures or videos keep Grok's address: ")
    assert case.says in message
    assert "canary" not in message


def test_one_failure_does_not_hold_up_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """Each picture is on its own."""

    async def scenario() -> None:
        delivery = delivery_of(BASE64)
        assets = Assets({PICTURE: asset(jpeg(), after=3)})
        found = await delivery.deliver(Made(assets), [Picture("gone.jpg"), Picture(PICTURE)])
        assert found == [Picture("gone.jpg"), Picture(PICTURE_DATA)]

    run_on_fake_clock(scenario)
    assert len(caplog.records) == 1


@on_fake_clock
async def test_pictures_of_one_batch_come_at_the_same_time_four_at_most_and_in_their_order() -> (
    None
):
    """Ten that take a second each take three."""
    assets = Assets({f"{n}.png": asset(png(n + 1), after=1) for n in range(10)})
    delivery = delivery_of(BASE64)
    found = await delivery.deliver(Made(assets), [Picture(f"{n}.png") for n in range(10)])
    assert trio.current_time() == 3
    assert [exchange.opened_at for exchange in assets.exchanges] == [0] * 4 + [1] * 4 + [2] * 2
    data = [base64.b64decode(cast(Picture, event).url.partition(",")[2]) for event in found]
    assert data == [png(n + 1) for n in range(10)]
