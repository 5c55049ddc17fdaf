"""The parent of several workers, with processes that are made up, on a clock that jumps."""

from __future__ import annotations

import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import Any, cast

import pytest
import trio
import trio.testing
from attrs import define, field

from grokcore.cli.last_net import LastNet
from grokcore.cli.systemd import Notifier
from grokcore.cli.workers.life import Launch, how_it_ended
from grokcore.cli.workers.parent import FAULTY_S, Parent
from grokcore.cli.workers.reporting import ParentReporter, stop_seconds
from grokcore.cli.workers.topics import PING, READY, STOP
from grokcore.protocol.sharing.table import Table
from grokcore.runtime.workers.channel import Channel
from grokcore.runtime.workers.hub import Hub
from tests.scenarios import run_on_fake_clock

CONFIG = 78


@define
class Process:
    """A worker's process that lives for some seconds, or until it is stopped or killed.

    :ivar lives: seconds; negative for a process that is never ready.
    """

    pid: int
    lives: float
    code: int
    stops: bool = True
    returncode: int | None = None
    ended: trio.Event = field(factory=trio.Event)

    async def wait(self) -> int:
        with trio.move_on_after(abs(self.lives)):
            await self.ended.wait()
        if self.returncode is None:
            self.returncode = self.code
        return self.returncode

    def kill(self) -> None:
        self.returncode = -signal.SIGKILL
        self.ended.set()

    def stop(self, _: object) -> None:
        if self.stops:
            self.returncode = 0
            self.ended.set()


async def no_figures(_: object) -> dict[str, object]:
    return {}


@define
class World:
    """Starts processes as they are listed, worker by worker; then ones that live for ever."""

    lives: dict[int, list[tuple[float, int]]]
    stops: bool = True
    starts: list[tuple[float, int]] = field(factory=list)
    announced: int = 0
    nursery: Any = None

    count = 2

    async def start(self, index: int, restarts: int) -> tuple[Process, Channel]:
        self.starts.append((round(trio.current_time(), 2), index))
        listed = self.lives.get(index, [])
        lives, code = listed.pop(0) if listed else (1e9, 0)
        process = Process(len(self.starts), lives, code, self.stops)
        ours, theirs = trio.testing.memory_stream_pair()
        channel = Channel(theirs)
        channel.hear(STOP, process.stop)
        channel.answer(PING, no_figures)
        self.nursery.start_soon(channel.run)
        if lives > 0:
            channel.tell(READY, {})
        return process, Channel(ours)

    def announce(self, _: object) -> None:
        self.announced += 1


def run_parent(
    world: World, scenario: Callable[[], Awaitable[None]] = trio.sleep_forever, grace_s: float = 10
) -> tuple[int, float]:
    """The parent's exit code, and the seconds that it took."""
    result: list[float] = []

    async def main() -> None:
        hub = Hub(Table("table", 0.0), trio.current_time)
        net, began = LastNet(end=lambda _: None), trio.current_time()
        async with trio.open_nursery() as nursery:
            world.nursery = nursery
            nursery.start_soon(scenario)
            with net:
                parent = Parent(
                    cast("Launch", world),
                    hub,
                    ParentReporter(Notifier()),
                    net,
                    grace_s,
                    lambda: None,
                    world.announce,
                )
                result.append(await parent.run())
            result.append(round(trio.current_time() - began, 2))
            nursery.cancel_scope.cancel()

    run_on_fake_clock(main)
    code, seconds = result
    return int(code), seconds


@pytest.mark.parametrize("code", [1, CONFIG, -signal.SIGKILL])
def test_a_worker_that_is_never_ready_ends_the_server_with_its_code(code: int) -> None:
    """The other workers are stopped; the server has said nothing of being ready."""
    world = World({1: [(-1, code)]})
    assert run_parent(world) == (code if code > 0 else 1, 1)
    assert world.announced == 0


def test_one_that_dies_is_started_again_after_waits_that_grow_and_then_given_up() -> None:
    """The fifth death of a minute ends the server."""
    world = World({0: [(1, 1)] * 5})
    assert run_parent(world) == (1, 6.5)
    assert [time for time, index in world.starts if index == 0] == [0, 1.1, 2.3, 3.7, 5.5]
    assert [index for _, index in world.starts].count(1) == 1
    assert world.announced == 1


def signals(*times: float) -> Callable[[], Awaitable[None]]:
    async def send() -> None:
        before = 0.0
        for time in times:
            await trio.sleep(time - before)
            before = time
            signal.raise_signal(signal.SIGTERM)

    return send


def test_a_faulty_file_is_no_death(caplog: pytest.LogCaptureFixture) -> None:
    """The worker is tried again for as long as it takes, and the others go on."""
    world = World({1: [(5, 1), *[(-1, CONFIG)] * 20]})
    with caplog.at_level(logging.ERROR):
        code, _ = run_parent(world, signals(400))
    assert code == 0
    tries = [time for time, index in world.starts if index == 1]
    waits = [round(after - before, 2) for before, after in pairwise(tries[1:])]
    assert waits == [FAULTY_S + 1] * 20
    assert caplog.messages[1] == "worker 1 has ended with code 78; it is started again in 10 s"


def test_a_worker_that_does_not_stop_in_time_is_killed() -> None:
    """And the exit code says that not all was well."""
    world = World({}, stops=False)
    assert run_parent(world, signals(3), grace_s=7) == (1, 3 + stop_seconds(7))


def test_a_stop_ends_the_wait_for_a_restart() -> None:
    """Nothing is started any more."""
    world = World({1: [(5, 1), (-1, CONFIG)]})
    assert run_parent(world, signals(8)) == (0, 8)
    assert len(world.starts) == 3


def test_a_machine_without_room_for_a_process_is_tried_again() -> None:
    """As after a death: the first start of a server fails at once, a later one waits."""

    class Full(World):
        async def start(self, index: int, restarts: int) -> tuple[Process, Channel]:
            if len(self.starts) == 2:
                self.starts.append((trio.current_time(), index))
                raise OSError(11, "Resource temporarily unavailable")
            return await super().start(index, restarts)

    world = Full({1: [(5, 1)]})
    assert run_parent(world, signals(60))[0] == 0
    assert [time for time, index in world.starts if index == 1] == [0, 5.1, 5.3]


WORDS: Sequence[tuple[int, str]] = (
    (3, "has ended with code 3"),
    (-9, "was ended by SIGKILL"),
    (-99, "was ended by signal 99"),
)


@pytest.mark.parametrize(("code", "words"), WORDS)
def test_the_end_of_a_process_is_named(code: int, words: str) -> None:
    """The log's reader looks for the reason elsewhere: in the worker's lines, or the system's."""
    assert how_it_ended(code) == words
