"""Messages to systemd about a running server."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
import trio
import trio.testing
from attrs import define, field, frozen

from grokcore.cli import reporting
from grokcore.cli.assembly import Server
from grokcore.cli.reporting import (
    LOOK_AGAIN_S,
    STATUS_EVERY_S,
    STOP_MARGIN_S,
    Reporter,
    status_line,
)
from grokcore.cli.systemd import Notifier
from grokcore.config.sections import DEFAULT_LIMITS
from grokcore.errors import QuotaExhausted
from grokcore.protocol.condition import Condition, Health, Matter, Reason
from grokcore.protocol.conversation.messages import Message
from grokcore.protocol.conversation.question import Question
from grokcore.protocol.models import SHIPPED
from grokcore.protocol.pool.book import Need
from grokcore.protocol.tokens import TokenEntry
from tests.desk import BOTH, C, Running, desk, token_file, watched
from tests.scenarios import decorator, on_fake_clock, run_on_fake_clock
from tests.servers import configured
from tests.service_manager import Manager, fill, manager

__all__ = ["desk", "manager"]  # fixtures

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")

MODEL = SHIPPED["grok-3-fast"]


# Messages and their times -----------------------------------------------------------------------


@define
class Reported:
    """A server that reports to a manager, on a clock that jumps."""

    manager: Manager
    server: Server
    reporter: Reporter

    def statuses(self) -> list[str]:
        return [message["STATUS"] for message in self.manager.heard() if "STATUS" in message]


def run_with_reporter(
    scenario: Callable[[Reported], Awaitable[None]],
    manager: Manager,
    *,
    config: str = "",
    tokens: int = 2,
    watchdog_s: float | None = None,
    jumps: bool = True,
) -> None:
    """Run *scenario* beside the reporter of a server that is ready.

    :param jumps: whether the clock jumps over every wait; else it stands still.
    """

    async def main() -> None:
        server = Server(
            configured(config), [TokenEntry(f"sso-{number}") for number in range(tokens)]
        )
        listeners = list(server.pool.on_change)
        with Notifier(manager.address, watchdog_s) as notifier:
            reporter = Reporter(notifier, server)
            async with trio.open_nursery() as nursery:
                reporter.ready()
                nursery.start_soon(reporter.run)
                await trio.testing.wait_all_tasks_blocked()
                await scenario(Reported(manager, server, reporter))
                nursery.cancel_scope.cancel()
            assert server.pool.on_change == listeners

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0 if jumps else math.inf))


with_reporter = decorator(run_with_reporter, gives=1, manager=lambda manager: manager)


@frozen
class Life:
    """Events of a server's life, and the messages that systemd gets."""

    happens: str
    messages: str


LIVES = [
    Life("ready", "READY"),
    Life("ready reloading reloaded", "READY RELOADING READY"),
    Life("ready reloading reloading reloaded", "READY RELOADING RELOADING READY"),
    Life("ready reloaded", "READY"),
    Life("ready ready", "READY"),
    Life("reloading reloaded ready", "READY"),
    Life("ready stopping", "READY STOPPING"),
    Life("ready reloading stopping reloaded", "READY RELOADING STOPPING"),
    Life("ready stopping reloading reloaded", "READY STOPPING"),
    Life("stopping ready", "STOPPING"),
]


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.happens.replace(" ", "-"))
def test_ready_is_told_after_the_start_and_after_each_reload_and_never_of_a_server_that_stops(
    life: Life, manager: Manager
) -> None:
    """For any order of signals. Each of these messages contains the status."""

    async def main() -> None:
        server = Server(configured(), [TokenEntry("sso")])
        with Notifier(manager.address) as notifier:
            reporter = Reporter(notifier, server)
            for event in life.happens.split():
                getattr(reporter, event)()

    run_on_fake_clock(main)
    messages = manager.heard()
    assert [next(iter(message)) for message in messages] == life.messages.split()
    assert all(message["STATUS"].endswith("1 token not used yet") for message in messages)
    assert all(
        message["STATUS"].startswith("stopping; ") == ("STOPPING" in message)
        for message in messages
    )


@with_reporter(config="[server]\ngrace_seconds = 77")
async def test_a_reload_says_when_it_began_and_a_stop_how_long_it_may_take(
    reported: Reported, manager: Manager
) -> None:
    """By the machine's monotonic clock; with ``grace_seconds`` and a margin, in microseconds."""
    manager.heard()
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    reported.reporter.reloading()
    reported.reporter.stopping()
    reloading, stopping = manager.heard()
    assert (
        before
        <= int(reloading["MONOTONIC_USEC"])
        <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    )
    assert stopping["EXTEND_TIMEOUT_USEC"] == f"{(77 + STOP_MARGIN_S) * 1e6:.0f}"


@with_reporter(watchdog_s=30)
async def test_the_watchdog_is_fed_at_a_third_of_its_interval_and_nothing_else_is_told_of_a_quiet_server(
    reported: Reported, manager: Manager
) -> None:
    """One message may be lost. The messages go on while the server stops."""
    assert manager.heard() == [{"READY": "1", "STATUS": "2 tokens not used yet"}, {"WATCHDOG": "1"}]
    await trio.sleep(105)
    assert manager.heard() == [{"WATCHDOG": "1"}] * 10
    reported.reporter.stopping()
    assert len(manager.heard()) == 1
    await trio.sleep(100)
    assert manager.heard() == [{"WATCHDOG": "1"}] * 10


@with_reporter(watchdog_s=30, jumps=False)
async def test_a_loop_that_is_stuck_does_not_feed_the_watchdog(
    reported: Reported, manager: Manager
) -> None:
    """No thread and no timer does it in its place; and the meals that it missed are not made up
    for.
    """
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, trio.testing.MockClock)
    manager.heard()
    for _step in range(10):
        clock.jump(30)  # a task that does not come back to the loop for so long
        assert manager.heard() == []
    await trio.testing.wait_all_tasks_blocked()
    assert manager.heard() == [{"WATCHDOG": "1"}]
    clock.jump(10)
    await trio.testing.wait_all_tasks_blocked()
    assert manager.heard() == [{"WATCHDOG": "1"}]


def test_a_server_that_nobody_listens_to_does_not_even_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No task, no listener, no status."""

    def fail(_: Server) -> str:
        raise AssertionError("nobody wants to know")

    monkeypatch.setattr(reporting, "status_line", fail)

    async def main() -> None:
        server = Server(configured(), [TokenEntry("sso")])
        listeners = list(server.pool.on_change)
        with Notifier("", 30) as notifier:
            reporter = Reporter(notifier, server)
            reporter.ready()
            await reporter.run()
            for happens in (reporter.reloading, reporter.reloaded, reporter.stopping):
                happens()
        assert server.pool.on_change == listeners

    run_on_fake_clock(main)


@with_reporter
async def test_the_status_is_told_when_it_changes_and_at_most_once_a_second(
    reported: Reported, manager: Manager
) -> None:
    """The last status is true, however fast changes came; a status is not repeated."""
    manager.heard()
    pool = reported.server.pool
    for _ in range(100):
        lease = await pool.lease(Need(MODEL))
        await trio.sleep(0.01)
        lease.settle(None)
    assert len(reported.statuses()) <= 2
    await trio.sleep(2)
    assert reported.statuses()[-1:] in ([], ["2 tokens ok"])
    for _ in range(10):
        pool.changed()
        await trio.sleep(0.5)
    assert reported.statuses() == []
    lease = await pool.lease(Need(MODEL))
    lease.settle(QuotaExhausted("used up", retry_after=90))
    await trio.lowlevel.checkpoint()
    await trio.testing.wait_all_tasks_blocked()
    assert reported.statuses() == ["1 token ok, 1 cooling"]


@pytest.mark.parametrize("seconds", [0.5, 90])
@with_reporter(tokens=1)
async def test_a_token_that_is_back_is_told_of_without_anything_having_happened(
    reported: Reported, seconds: float
) -> None:
    """At that moment, or when a second has gone by since the last change: nobody looks again and
    again.
    """
    await trio.sleep(5)
    lease = await reported.server.pool.lease(Need(MODEL))
    lease.settle(QuotaExhausted("used up", retry_after=seconds))
    await trio.sleep(seconds - 0.1)
    assert reported.statuses()[-1] == "1 token cooling"
    await trio.sleep(0.1 + STATUS_EVERY_S)
    assert reported.statuses() == ["1 token not used yet"]


@pytest.mark.parametrize("after_s", [0.5, 5])
@with_reporter
async def test_an_answer_whose_end_nobody_tells_of_is_noticed_all_the_same(
    reported: Reported, after_s: float
) -> None:
    """The token was given back before the client had read everything."""
    gateway = reported.server.gateway
    asked = gateway.lane.render(Question(MODEL, DEFAULT_LIMITS, (Message("user", "hello"),)))
    await trio.sleep(5)
    completion = gateway.completion(asked, trio.current_time())
    reported.server.pool.changed()
    await trio.sleep(after_s)
    assert reported.statuses()[-1] == "2 tokens not used yet; 1 answer under way"
    await completion.aclose()
    await trio.sleep(LOOK_AGAIN_S + 0.1)
    assert reported.statuses() == ["2 tokens not used yet"]


@on_fake_clock
async def test_a_busy_manager_gets_the_state_of_things_once_it_listens_again(
    manager: Manager,
) -> None:
    """A server whose READY was lost would be killed by its own service manager."""
    server = Server(configured(), [TokenEntry("sso")])
    with Notifier(manager.address) as notifier:
        fill(notifier)
        reporter = Reporter(notifier, server)
        reporter.ready()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reporter.run)
            await trio.sleep(100)
            manager.heard()
            await trio.sleep(2)
            assert manager.heard() == [{"READY": "1", "STATUS": "1 token not used yet"}]
            fill(notifier)
            (await server.pool.lease(Need(MODEL))).settle(None)
            await trio.sleep(100)
            manager.heard()
            await trio.sleep(3)
            assert manager.heard() == [{"STATUS": "1 token ok"}]
            nursery.cancel_scope.cancel()


@on_fake_clock
async def test_of_the_phases_that_a_busy_manager_missed_it_gets_the_last(manager: Manager) -> None:
    """With the watchdog's messages, which wait for none of it."""
    server = Server(configured(), [TokenEntry("sso")])
    with Notifier(manager.address, watchdog_s=3) as notifier:
        fill(notifier)
        reporter = Reporter(notifier, server)
        reporter.ready()
        reporter.reloading()
        reporter.stopping()
        manager.wait()  # room for one message: the watchdog's
        assert notifier.send("WATCHDOG=1")
        manager.heard()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reporter.run)
            await trio.sleep(1.5)
            heard = [next(iter(message)) for message in manager.heard()]
            assert sorted(heard) == ["STOPPING", "WATCHDOG", "WATCHDOG"]
            nursery.cancel_scope.cancel()


@frozen
class Pool:
    """A pool and its line."""

    line: str
    counts: Mapping[str, int] = field(factory=dict)
    reasons: tuple[Reason, ...] = ()
    disabled: int = 0
    under_way: int = 0
    faults: tuple[str, ...] = ()


POOLS = [
    Pool("no tokens"),
    Pool("1 token ok", {"ok": 1}),
    Pool("3 tokens ok, 1 cooling; 2 answers under way", {"ok": 3, "cooling": 1}, under_way=2),
    Pool("1 token cooling; 1 answer under way", {"cooling": 1}, under_way=1),
    Pool(
        "1 token ok, 2 not used yet, 3 cooling, 4 invalid, 5 disabled",
        {"ok": 1, "unknown": 2, "cooling": 3, "invalid": 4},
        disabled=5,
    ),
    Pool("2 tokens disabled", disabled=2),
    Pool(
        "2 tokens invalid; at fault, see the log: config, state",
        {"invalid": 2},
        faults=("config", "state"),
    ),
    Pool("1 token of a new kind", {"of a new kind": 1}),
    Pool(
        "down (no credentials); no tokens",
        reasons=(Reason(Matter.NO_CREDENTIALS, Health.DOWN, "", "There is none."),),
    ),
    Pool(
        "degraded (used up: grok-4.1); 1 token ok",
        {"ok": 1},
        reasons=(
            Reason(Matter.USED_UP, Health.DEGRADED, "grok-4.1", "Back in 7 s."),
            Reason(Matter.SESSION_ENDED, Health.OK, "", "One has ended."),
        ),
    ),
    Pool("1 token ok", {"ok": 1}, reasons=(Reason(Matter.LANE, Health.OK, "api", "A notice."),)),
]


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: f"{pool.line} {len(pool.reasons)}")
@on_fake_clock
async def test_the_status_is_a_line_about_the_pool(pool: Pool, manager: Manager) -> None:
    """Zero counts are left out; faults appear by name only, so no secret can."""
    server = Server(configured(), [])
    states = ("ok", "unknown", "cooling", "invalid")
    with pytest.MonkeyPatch.context() as patched:
        book: Any = server.pool.book
        patched.setattr(book, "counts", lambda _: {**dict.fromkeys(states, 0), **pool.counts})
        patched.setattr(type(book), "disabled", pool.disabled)
        patched.setattr(type(server.gateway), "open_count", pool.under_way)
        health = pool.reasons[0].weight if pool.reasons else Health.OK
        patched.setattr(server.services.watch, "take", lambda: Condition(health, pool.reasons))
        server.state.notices.update(dict.fromkeys(pool.faults, "eyJ-very-secret"))
        assert status_line(server) == pool.line


@watched(files=BOTH)
async def test_a_reload_is_over_when_nobody_has_asked_for_another(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal during a reload may be about a file that was read already. Changes that are seen by
    looking count too.
    """
    over: list[list[str]] = []

    async def slow(work: Callable[[], object], **_: object) -> object:
        await trio.sleep(10)
        return work()

    running.reloader.on_reload.append(lambda: over.append(running.tokens))
    running.write("tokens.json", token_file(C))
    await trio.sleep(3)
    assert over == [[C]]
    monkeypatch.setattr(trio.to_thread, "run_sync", slow)
    running.reloader.hurry()
    await trio.sleep(15)  # the tokens are being read
    running.reloader.hurry()
    await trio.sleep(10)
    assert len(over) == 1
    await trio.sleep(100)
    assert len(over) == 2
