"""How pictures and videos reach the client: the events on a clock that jumps, and whole answers
over real sockets.
"""

from __future__ import annotations

import base64
import json
import logging
import math
import re
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import openai
import pytest
import trio
import trio.testing
from attrs import evolve, field, frozen

from grokcore.config import ImageMode
from grokcore.errors import ShuttingDown
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
from grokcore.protocol.dialects.openai_chat.writers import (
    DONE,
    KEEP_ALIVE,
    AnswerWriter,
    ChatHead,
    ChunkWriter,
)
from grokcore.protocol.dialects.rendering import Style, ThinkingStyle
from grokcore.protocol.grok_web.identity import Identity
from grokcore.protocol.models import Limits
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.completion.gateway import Completion
from grokcore.runtime.disk.media_cache import MediaCache
from grokcore.runtime.lanes.grok_web.assets import AssetAccess, AssetFetcher
from grokcore.runtime.lanes.grok_web.lane import GrokWebLane
from grokcore.runtime.lanes.lane import Asset
from grokcore.simulator import lines
from grokcore.simulator.assets import jpeg, mp4, png
from grokcore.simulator.scripts import (
    HANG,
    Script,
    Send,
    Wait,
    answer,
    error,
    play_lines,
    video,
    wrapped,
)
from grokcore.web import delivery as delivery_module
from grokcore.web.delivery import Delivery
from grokcore.web.reply import EventStream, collect
from tests.runtime.fakes import FakeExchange, FakeTransport
from tests.runtime.worlds import World, make_world
from tests.scenarios import (
    decorator,
    on_fake_clock,
    on_real_clock,
    run_on_fake_clock,
    run_on_real_clock,
)
from tests.servers import Site, chat, read_until
from tests.web.media_site import on_media_site, run_on_media_site
from tests.wire import data_lines, post, text_of

ACCESS = AssetAccess("canary-sso", "http://user:canary@proxy.example.com:1")
BASE = "https://me.example.com"
ASSETS_URL = "https://assets.example.com"
FOLDER = "users/u/generated"
PICTURE = f"{FOLDER}/1/image.jpg"
VIDEO_PATH = f"{FOLDER}/9/generated_video.mp4"
NAME = re.compile(rf"{BASE}/media/[0-9a-f]{{32}}\.(\w+)")
PICTURE_DATA = f"data:image/jpeg;base64,{base64.b64encode(jpeg()).decode()}"


def asset(data: bytes, *, after: float = 0) -> Script:
    return Script((Send(data),), before=after)


class Assets(FakeTransport):
    """Plays scripts by the path of what is asked for; the others are not there."""

    def __init__(self, scripts: dict[str, Script]) -> None:
        super().__init__([])
        self.by_path = scripts

    def open(self, request: Any) -> FakeExchange:
        path = request.url.removeprefix(f"{ASSETS_URL}/")
        self.exchanges.append(FakeExchange(request, self.by_path.get(path, error(404, {}))))
        return self.exchanges[-1]


@frozen
class Grok:
    """Questions and assets, each from scripts of its own."""

    questions: FakeTransport
    assets: Assets

    def open(self, request: Any) -> FakeExchange:
        return (self.assets if request.url.startswith(ASSETS_URL) else self.questions).open(request)


def world_with(assets: Assets, script: Script) -> World:
    world = make_world(script)
    assert isinstance(world.gateway.lane, GrokWebLane)
    settings = evolve(world.gateway.lane.settings, assets_url=ASSETS_URL)
    world.gateway.lane = GrokWebLane(Grok(world.transport, assets), settings)
    return world


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


def delivery_of(mode: ImageMode, cache: MediaCache | None = None) -> Delivery:
    return Delivery(mode, cache, BASE)


# Events -----------------------------------------------------------------------------------------

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
URL, CACHE, BASE64 = ImageMode.URL, ImageMode.CACHE, ImageMode.BASE64
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
    """Nothing else about it changes, nor about the events around it; what is as wanted is nothing
    to warn of.
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
    """What can't be had or kept keeps Grok's address; one line says why, however many they are, and
    tells no secret.
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


# Streams on a clock that jumps ------------------------------------------------------------------

HEAD = ChatHead("chatcmpl-1", 1, "grok-3-fast", 1, Style(ThinkingStyle.HIDDEN))
TIGHT = Limits(first_response=10, chunk=10, total=20)
WORDS = ["Here:", f"![image]({PICTURE_DATA})", "Nice?", "Yes."]


def drawing(*pictures: str, then: tuple[Any, ...] = ()) -> Script:
    """Text, pictures (as cards of 2026) and text, all in one piece; then whatever is to follow, and
    the end.
    """
    cards = [lines.picture_card(f"p{n}", 100, url) for n, url in enumerate(pictures)]
    objects = [lines.token("Here:"), *cards, lines.token(" Nice?")]
    first = Send(b"".join(lines.line(wrapped(one)) for one in objects))
    last = Send(
        b"".join(lines.line(wrapped(one)) for one in (lines.token(" Yes."), lines.soft_stop()))
    )
    return Script((first, *then, last))


@frozen
class Stage:
    """A gateway with one answer, whose lane finds the assets that belong to it."""

    world: World
    nursery: trio.Nursery
    sent: list[tuple[float, bytes]]

    async def stream(self, *, limits: Limits = TIGHT, client_takes_s: float = 0) -> None:
        """Ask, and note what goes out and when."""
        completion = self.world.ask(limits=limits)
        try:
            delivery = delivery_of(BASE64)
            writer = ChunkWriter(HEAD, include_usage=False)
            stream = EventStream(
                completion, writer, self.nursery, heartbeat_s=10, delivery=delivery
            )
            await stream.begin(trio.current_time() + 45)
            async for data in stream:
                self.sent.append((trio.current_time(), data))
                await trio.sleep(client_takes_s)
        finally:
            await completion.aclose()

    @property
    def text(self) -> str:
        return text_of(b"".join(data for _, data in self.sent).decode())


def run_on_stage(
    scenario: Callable[[Stage], Awaitable[None]], script: Script, assets: dict[str, Script]
) -> None:
    """Afterwards nothing may be left of the answer and of what was fetched for it."""

    async def main() -> None:
        transport = Assets(assets)
        world = world_with(transport, script)
        async with trio.open_nursery() as nursery:
            await scenario(Stage(world, nursery, []))
            nursery.cancel_scope.cancel()
        assert world.idle
        assert transport.all_closed

    run_on_fake_clock(main)


on_stage = decorator(run_on_stage, gives=1)


@on_stage(drawing(PICTURE, then=(Wait(34),)), {PICTURE: asset(jpeg(), after=25)})
async def test_while_a_picture_is_fetched_heartbeats_go_out_and_no_clock_runs(stage: Stage) -> None:
    """What comes before it is shown at once; 25 s are longer than all clocks here, and are counted
    by none.
    """
    await stage.stream()
    assert [at for at, _ in stage.sent] == [0, 10, 20, 25, 34, 34]
    assert text_of(stage.sent[0][1].decode() + "data: [DONE]\n") == "Here:"
    assert [data for _, data in stage.sent[1:3]] == [KEEP_ALIVE] * 2
    assert stage.text.split() == WORDS
    assert stage.sent[-1][1].endswith(DONE)


@on_stage(drawing(PICTURE, then=(Wait(34),)), {PICTURE: asset(jpeg(), after=25)})
async def test_a_whole_answer_s_clocks_do_not_run_meanwhile_either(stage: Stage) -> None:
    """The picture is in it, though it took longer than the whole answer may."""
    completion = stage.world.ask(limits=TIGHT)
    whole = AnswerWriter(HEAD)
    await collect(completion, whole, delivery_of(BASE64))
    content = json.loads(whole.body())["choices"][0]["message"]["content"]
    assert content.split() == WORDS
    await completion.aclose()


@on_stage(drawing(PICTURE, then=(HANG,)), {PICTURE: asset(jpeg(), after=25)})
async def test_grok_s_own_silence_is_counted_all_the_same(stage: Stage) -> None:
    """The chunk clock goes on where it was when the picture has come."""
    await stage.stream()
    assert [at for at, _ in stage.sent] == [0, 10, 20, 25, 35]
    assert b'"code":"timeout_chunk"' in stage.sent[-1][1]


@on_stage(drawing(PICTURE, then=(HANG,)), {PICTURE: asset(jpeg(), after=25)})
async def test_the_time_of_a_client_that_is_slow_meanwhile_is_not_counted_twice(
    stage: Stage,
) -> None:
    """It takes 8 s for each piece: with 34 s of client and picture in all, a chunk clock of 10 s is
    due at 44.
    """
    await stage.stream(limits=Limits(first_response=10, chunk=10, total=30), client_takes_s=8)
    assert [at for at, _ in stage.sent] == [0, 18, 26, 44]
    assert b'"code":"timeout_' in stage.sent[-1][1]


@on_stage(
    drawing(
        PICTURE,
        then=(Wait(1), Send(lines.line(wrapped(lines.picture_card("later", 100, "2.png"))))),
    ),
    {PICTURE: asset(jpeg(), after=25), "2.png": asset(png())},
)
async def test_several_batches_with_pictures_come_in_their_order(stage: Stage) -> None:
    """Also if a later one's picture is there sooner."""
    await stage.stream(limits=Limits(100, 100, 100))
    kinds = re.findall(r"data:image/(\w+);", stage.text)
    assert kinds == ["jpeg", "png"]
    assert stage.text.startswith("Here:\n\n![image](data:")
    assert stage.text.endswith(" Yes.")


@on_stage(
    drawing(PICTURE, "2.png"),
    {PICTURE: asset(jpeg().ljust(1000000, b"\x00")), "2.png": asset(png())},
)
async def test_a_picture_is_whole_in_one_delta(stage: Stage) -> None:
    """Clients that turn pictures in the text into files look at each delta by itself."""
    await stage.stream()
    everything = b"".join(data for _, data in stage.sent).decode()
    deltas = [
        json.loads(one)["choices"][0]["delta"].get("content", "")
        for one in data_lines(everything)[:-1]
    ]
    assert [
        bool(re.fullmatch(r"\s*!\[image\]\(data:image/\w+;base64,[^)]+\)", one))
        for one in deltas
        if one
    ] == [
        *(False, True, True, False),
        False,
    ]


@pytest.mark.parametrize("at", [0, 5], ids=["before", "meanwhile"])
@on_stage(drawing(PICTURE), {PICTURE: asset(jpeg(), after=25)})
async def test_a_stop_does_not_wait_for_a_picture_of_a_stream(stage: Stage, at: float) -> None:
    """The client gets its error event while there is still somebody to send it."""
    completion = stage.world.ask()
    writer, delivery = ChunkWriter(HEAD, include_usage=False), delivery_of(BASE64)
    stream = EventStream(completion, writer, stage.nursery, heartbeat_s=10, delivery=delivery)
    await stream.begin(math.inf)
    stage.nursery.start_soon(stop_at, completion, at)
    await trio.testing.wait_all_tasks_blocked()
    sent = [data async for data in stream]
    assert b'"code":"shutting_down"' in sent[-1]
    assert b"[DONE]" not in b"".join(sent)
    assert trio.current_time() == at
    await completion.aclose()


@on_stage(drawing(PICTURE), {PICTURE: asset(jpeg(), after=25)})
async def test_a_stop_does_not_wait_for_a_picture_of_a_whole_answer(stage: Stage) -> None:
    """It becomes the error that the client may repeat."""
    completion = stage.world.ask()
    stage.nursery.start_soon(stop_at, completion, 5)
    with pytest.raises(ShuttingDown):
        await collect(completion, AnswerWriter(HEAD), delivery_of(BASE64))
    assert trio.current_time() == 5
    await completion.aclose()


async def stop_at(completion: Completion, at: float) -> None:
    await trio.sleep_until(at)
    completion.interrupt(ShuttingDown("The server is stopping."))


# Over real sockets ------------------------------------------------------------------------------

OTHER_PICTURE = f"{FOLDER}/2/image.png"
TEXT = "Two pictures."
SEED = answer(TEXT, final={"generatedImageUrls": [PICTURE, OTHER_PICTURE]})
CARDS = play_lines(
    [
        wrapped(one)
        for one in (
            *(lines.picture_card(card) for card in ("p1", "p2")),
            lines.token(TEXT),
            *(lines.token(lines.picture(card)) for card in ("p1", "p2")),
            *(lines.picture_card("p1", percent, PICTURE) for percent in (50, 100)),
            *(lines.picture_card("p2", percent, OTHER_PICTURE) for percent in (50, 100)),
            lines.soft_stop(),
        )
    ]
)
LINK = re.compile(r"!?\[(?:image|video)\]\(([^)]*)\)")
AROUND = re.compile(r"\[(!\[image\]\([^)]*\))\]\(([^)]*)\)")
"""A picture that is a link."""


def ask_with_sdk(site: Site) -> tuple[str, str, list[str]]:
    """The text of a whole answer and of a streamed one, and the latter's deltas."""
    request: Any = {"model": "grok-3-fast", "messages": [{"role": "user", "content": "draw"}]}
    with openai.OpenAI(base_url=f"{site.url}/v1", api_key="key", max_retries=0) as client:
        whole = client.chat.completions.create(**request).choices[0].message.content
        chunks = client.chat.completions.create(**request, stream=True)
        deltas = [chunk.choices[0].delta.content or "" for chunk in chunks]
    return whole or "", "".join(deltas), deltas


@pytest.mark.parametrize("script", [SEED, CARDS], ids=["2025", "2026"])
@pytest.mark.parametrize("mode", ["url", "cache", "base64"])
@on_media_site(config=lambda mode: f'[grok]\napi_key = "key"\nimage_mode = "{mode}"')
async def test_the_openai_sdk_gets_pictures_that_can_be_shown(
    site: Site, mode: str, script: Script
) -> None:
    """Whole and streamed, of both forms. A link into the cache is good without a key; a picture
    within is whole.
    """
    site.simulator.always(script)
    whole, streamed, deltas = await trio.to_thread.run_sync(ask_with_sdk, site)
    origins = (
        [f"{site.grok_url}/{path}" for path in (PICTURE, OTHER_PICTURE)] if mode == "cache" else []
    )
    for text in (whole, streamed):
        assert [found[2] for found in AROUND.finditer(text)] == origins
    whole, streamed = (AROUND.sub(r"\1", text) for text in (whole, streamed))
    assert [LINK.sub("", text).rstrip() for text in (whole, streamed)] == [TEXT] * 2
    assert [sum(bool(LINK.search(delta)) for delta in deltas)] == [2]
    assert len(site.simulator.fetches) == (0 if mode == "url" else 4)
    assert {call.sso for call in site.simulator.fetches} <= {
        call.sso for call in site.simulator.calls
    }
    for text in (whole, streamed):
        found = [await shown(site, mode, url) for url in LINK.findall(text)]
        assert found == [("image/jpeg", jpeg()), ("image/png", png())]


async def shown(site: Site, mode: str, url: str) -> tuple[str, bytes]:
    """What a client makes of an address: media type and content."""
    match mode:
        case "base64":
            head, _, payload = url.partition(",")
            return head.removeprefix("data:").removesuffix(";base64"), base64.b64decode(payload)
        case "cache":
            assert url.startswith(f"{site.url}/media/")
            response = await site.client.get(url)
        case _:
            assert url.startswith(f"{site.grok_url}/users/")
            assert (await site.client.get(url)).status_code == 403
            response = await site.client.get(url, headers={"cookie": "sso=sso-0"})
    return response.headers["content-type"], response.content


@on_media_site(config='[grok]\napi_key = "key"\nimage_mode = "cache"')
async def test_a_cached_video_is_had_whole_in_part_and_by_head_without_a_key(site: Site) -> None:
    """As players ask for it; everything else asks for the key as before."""
    site.simulator.always(video(VIDEO_PATH))
    key = {"authorization": "Bearer key"}
    asked = await site.client.post("/v1/chat/completions", json=chat("a film"), headers=key)
    content = asked.json()["choices"][0]["message"]["content"]
    (url,) = LINK.findall(content)
    assert f'<video src="{url}" controls>{url}</video>' in content
    whole, part, head = (
        await site.client.get(url),
        await site.client.get(url, headers={"range": "bytes=4-7"}),
        await site.client.head(url),
    )
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (
        200,
        mp4(),
        "video/mp4",
    )
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert part.headers["content-range"] == f"bytes 4-7/{len(mp4())}"
    assert (head.status_code, head.headers["content-length"], head.content) == (
        200,
        str(len(mp4())),
        b"",
    )
    others = ["/models", "/media", "/media/x/y", "/media/../models", "/v1/media/%2e%2e/models"]
    assert [(await site.client.get(path)).status_code for path in others] == [401] * len(others)
    assert (await site.client.get("/media/x.mp4")).json()["error"]["code"] == "unknown_url"
    assert (await site.client.post(url)).status_code == 401


def test_links_survive_a_restart(tmp_path: Path) -> None:
    """The cache is read again at the start, whatever the mode is then."""
    found: list[str] = []

    async def draw(site: Site) -> None:
        site.simulator.always(SEED)
        found.extend(LINK.findall((await site.ask()).json()["choices"][0]["message"]["content"]))

    async def look(site: Site) -> None:
        for url, data in zip(found, (jpeg(), png()), strict=True):
            assert (
                await site.client.get(url.partition("127.0.0.1")[2].partition("/")[2])
            ).content == data

    run_on_media_site(draw, tmp_path, config='[grok]\nimage_mode = "cache"')
    run_on_media_site(look, tmp_path)


@on_media_site(config='[grok]\nimage_mode = "base64"\ncf_clearance = "cleared"')
async def test_the_picture_is_fetched_with_the_token_and_the_way_that_made_it(site: Site) -> None:
    """Other accounts may not see it, and cookies belong to an address."""
    site.server.adopt_tokens(
        (TokenEntry("sso-other"), TokenEntry("sso-own", proxy_url=site.grok_url))
    )
    for sso in ("sso-other", "sso-own"):
        site.simulator.script(sso, SEED)
    for _ in range(2):
        await site.ask()
    made = [(call.sso, call.proxied) for call in site.simulator.calls]
    assert sorted(made) == [("sso-other", False), ("sso-own", True)]
    assert [(call.sso, call.proxied) for call in site.simulator.fetches] == [made[0]] * 2 + [
        made[1]
    ] * 2
    headers = site.simulator.fetches[0].headers
    assert headers["cookie"] == f"sso={made[0][0]}; sso-rw={made[0][0]}; cf_clearance=cleared"
    assert headers["sec-fetch-dest"] == "image"
    assert "Chrome/" in headers["user-agent"]
    assert not {
        "origin",
        "content-type",
        "x-statsig-id",
        "upgrade-insecure-requests",
        "sec-fetch-user",
    } & set(headers)


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("mode", ["cache", "base64"])
def test_a_picture_that_can_t_be_had_keeps_grok_s_address(
    mode: str, *, streamed: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer ends as it should, with the other picture as wanted."""

    async def scenario(site: Site) -> None:
        site.simulator.always(SEED)
        site.simulator.asset_scripts[f"/{PICTURE}"] = error(
            404, {"code": 5, "message": "Not Found"}
        )
        response = await site.ask(stream=streamed)
        text = (
            text_of(response.text)
            if streamed
            else response.json()["choices"][0]["message"]["content"]
        )
        first, second = LINK.findall(text)
        assert first == f"{site.grok_url}/{PICTURE}"
        assert await shown(site, mode, second) == ("image/png", png())

    run_on_media_site(scenario, tmp_path, config=f'[grok]\nimage_mode = "{mode}"')
    (record,) = [record for record in caplog.records if record.name == delivery_module.__name__]
    assert "upstream_refused" in record.getMessage()
    assert "sso-" not in record.getMessage()


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
def test_a_client_that_leaves_ends_the_fetch(*, streamed: bool, tmp_path: Path) -> None:
    """Nothing of it is left, at either side."""

    async def scenario(site: Site) -> None:
        site.simulator.always(SEED)
        for path in (PICTURE, OTHER_PICTURE):
            site.simulator.asset_scripts[f"/{path}"] = Script((Send(jpeg()), HANG))
        async with await site.connect() as stream:
            await stream.send_all(post(chat(stream=streamed)))
            if streamed:
                await read_until(stream, b'"content":" pictures."')
            await site.simulator.until(lambda: len(site.simulator.fetches) == 2)
        await site.simulator.until(
            lambda: all(call.outcome == "aborted" for call in site.simulator.fetches)
        )
        while site.gateway.open_count:
            await trio.testing.wait_all_tasks_blocked(0.001)

    run_on_media_site(scenario, tmp_path, config='[grok]\nimage_mode = "base64"')
    assert not list(tmp_path.rglob("*.jpg"))


@on_media_site(config='[server]\nheartbeat_seconds = 0.05\n[grok]\nimage_mode = "base64"')
async def test_heartbeats_go_out_while_a_picture_is_fetched(site: Site) -> None:
    """On the wire, while the answer's text is there already."""
    site.simulator.always(SEED)
    site.simulator.asset_scripts[f"/{PICTURE}"] = Script((HANG,))
    async with await site.connect() as stream:
        await stream.send_all(post(chat(stream=True)))
        await read_until(stream, b'"content":" pictures."')
        await read_until(stream, KEEP_ALIVE + b"\r\n")
        await read_until(stream, KEEP_ALIVE + b"\r\n")


@on_media_site(config='[grok]\nimage_mode = "cache"')
async def test_links_have_the_address_that_is_configured_or_that_a_trusted_proxy_says(
    site: Site,
) -> None:
    """Taken over with the next answer, like the mode itself."""

    async def links(site: Site, **headers: str) -> list[str]:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await site.client.post("/v1/chat/completions", json=chat(), headers=told)
        found = LINK.findall(response.json()["choices"][0]["message"]["content"])
        return [url.partition("/media/")[0] for url in found]

    site.simulator.always(SEED)
    config = site.server.state.config
    asked = partial(links, site, x_forwarded_host="me.example.com", x_forwarded_proto="https")
    assert await asked() == [site.url] * 2
    trusting = evolve(config, server=evolve(config.server, trusted_proxies=("127.0.0.0/8",)))
    site.server.adopt_config(trusting)
    assert await asked() == [BASE] * 2
    named = evolve(
        trusting, server=evolve(trusting.server, public_url="https://grok.example.com/x")
    )
    site.server.adopt_config(named)
    assert await asked() == ["https://grok.example.com/x"] * 2
    site.server.adopt_config(evolve(named, grok=evolve(named.grok, image_mode=URL)))
    assert await asked() == [f"{site.grok_url}/{path}" for path in (PICTURE, OTHER_PICTURE)]


NO_CACHE = (
    "Pictures and videos keep Grok's own addresses, which open only with the account signed in at Grok: "
    '[grok] image_mode = "cache" needs {}. If that is meant, set image_mode = "url".'
)


@pytest.mark.parametrize(
    ("folder", "cache_mb", "lacking"),
    [
        (False, 512, "a data directory that can be used"),
        (True, 0, "a [grok] cache_mb above 0"),
        (True, 1, ""),
    ],
    ids=["no folder", "no room", "all well"],
)
def test_without_a_cache_the_mode_is_as_url_and_one_line_at_the_start_says_so(
    folder: bool, cache_mb: int, lacking: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A cache that is given room later is used from then on."""
    caplog.set_level(logging.WARNING)

    async def scenario(site: Site) -> None:
        site.simulator.always(SEED)
        for _ in range(2):
            urls = LINK.findall((await site.ask()).json()["choices"][0]["message"]["content"])
            assert [url.startswith(f"{site.url}/media/") for url in urls] == [not lacking] * 2
        config = site.server.state.config
        site.server.adopt_config(evolve(config, grok=evolve(config.grok, cache_mb=1)))
        urls = LINK.findall((await site.ask()).json()["choices"][0]["message"]["content"])
        assert [url.startswith(f"{site.url}/media/") for url in urls] == [folder] * 2

    run_on_media_site(
        scenario,
        tmp_path if folder else None,
        config=f'[grok]\nimage_mode = "cache"\ncache_mb = {cache_mb}',
    )
    told = [record.getMessage() for record in caplog.records]
    expected = [NO_CACHE.format(lacking)] if lacking else []
    # Told again when the settings change and it is still so.
    assert told == expected * (1 if folder else 2)


@pytest.mark.parametrize("folder", [True, False], ids=["with a data directory", "without"])
@on_media_site(folder=lambda tmp_path, folder: tmp_path if folder else None)
async def test_pictures_can_be_shown_without_any_setting(
    site: Site, tmp_path: Path, *, folder: bool
) -> None:
    """Where there is a place to keep them. Grok's own address stays with each, for when the copy
    has made room.
    """
    site.simulator.always(SEED)
    text = (await site.ask()).json()["choices"][0]["message"]["content"]
    if not folder:
        assert LINK.findall(text) == [
            f"{site.grok_url}/{path}" for path in (PICTURE, OTHER_PICTURE)
        ]
        return
    for (picture, origin), path, data in zip(
        AROUND.findall(text), (PICTURE, OTHER_PICTURE), (jpeg(), png()), strict=True
    ):
        (url,) = LINK.findall(picture)
        assert (await site.client.get(url)).content == data
        assert origin == f"{site.grok_url}/{path}"
        (tmp_path / "media" / url.rpartition("/")[2]).unlink()
        gone = await site.client.get(url)
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "unknown_url")


@on_media_site(config='[grok]\nimage_mode = "cache"')
async def test_a_smaller_cache_holds_less_from_the_next_picture_on(
    site: Site, tmp_path: Path
) -> None:
    """The setting is taken over while the server runs."""
    site.simulator.always(SEED)
    large = Script((Send(png().ljust(700_000, b"\0")),))
    site.simulator.asset_scripts.update({f"/{path}": large for path in (PICTURE, OTHER_PICTURE)})
    await site.ask()
    assert len(list((tmp_path / "media").iterdir())) == 2
    config = site.server.state.config
    site.server.adopt_config(evolve(config, grok=evolve(config.grok, cache_mb=1)))
    await site.ask()
    assert len(list((tmp_path / "media").iterdir())) == 1
