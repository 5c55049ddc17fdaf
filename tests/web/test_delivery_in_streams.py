"""Delivery of media within answers, on a clock that jumps."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing
from attrs import evolve, frozen

from grokcore.errors import ShuttingDown
from grokcore.protocol.dialects.openai_chat.writers import (
    DONE,
    KEEP_ALIVE,
    AnswerWriter,
    ChatHead,
    ChunkWriter,
)
from grokcore.protocol.dialects.rendering import Style, ThinkingStyle
from grokcore.protocol.models import Limits
from grokcore.runtime.completion.gateway import Completion
from grokcore.runtime.lanes.grok_web.lane import GrokWebLane
from grokcore.simulator import lines
from grokcore.simulator.assets import jpeg, png
from grokcore.simulator.scripts import (
    HANG,
    Script,
    Send,
    Wait,
    wrapped,
)
from grokcore.web.answers.event_stream import EventStream, collect
from tests.runtime.fakes import FakeExchange, FakeTransport
from tests.runtime.worlds import World, make_world
from tests.scenarios import (
    decorator,
    run_on_fake_clock,
)
from tests.web.delivery_world import (
    ASSETS_URL,
    BASE64,
    PICTURE,
    PICTURE_DATA,
    Assets,
    asset,
    delivery_of,
)
from tests.wire import data_lines, text_of


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
    """Afterwards nothing may be left of the answer and of the media fetched for it."""

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
    """The events before it are sent at once; 25 s are longer than all clocks here, and no clock
    counts them.
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
    """The client gets its error event while the stream can still send it."""
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
