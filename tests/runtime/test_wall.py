"""Coolings, limits and records while the machine sleeps, and while its wall clock is set."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from typing import cast

import attrs
import pytest
import trio
import trio.testing
from attrs import define, field, frozen

from grokcore.errors import (
    Challenge,
    KeyLimitExceeded,
    QuotaExhausted,
    RateLimitExceeded,
    UpstreamOverloaded,
    UpstreamUnavailable,
)
from grokcore.protocol.key_allowance import KeyAllowance
from grokcore.protocol.key_day import Today
from grokcore.protocol.models import SHIPPED
from grokcore.protocol.pool.account import Account, Egress
from grokcore.protocol.pool.allowance import Allowance
from grokcore.protocol.pool.book import Need, TokenBook
from grokcore.protocol.pool.breaker import Breaker
from grokcore.protocol.pool.overload import TOLERANCE, Overload
from grokcore.protocol.pool.records import record_of
from grokcore.protocol.quota import Quota
from grokcore.protocol.tokens import TokenEntry
from grokcore.protocol.wall import ClockReading, set_since
from grokcore.runtime.pool.leases import TokenPool
from grokcore.runtime.wall import TICK_S, WallClock, clock_reader
from grokcore.web.edge.auth import Caller, KeyRing
from tests.scenarios import on_fake_clock, on_real_clock, run_on_fake_clock
from tests.servers import Site, on_site

HOUR = 3600.0
TODAY = Today("2026-11-29", 6 * HOUR)
NEED = Need(SHIPPED["grok-3-fast"])
GROUP = NEED.model.rate_limit_name
COOLING, RESET, REFUSED = (
    TokenEntry("sso-cooling"),
    TokenEntry("sso-reset"),
    TokenEntry("sso-refused"),
)
ENTRIES = (COOLING, RESET, REFUSED)
NIGHT = 1_792_890_000.0
"""25 October 2026, 01:00 UTC, less an hour: the clocks of Berlin go from 3 to 2 o'clock within
it.
"""


@define
class Machine:
    """Its clocks. trio's is a MockClock, which jumps while the process works."""

    has_uptime: bool = True
    epoch: float = NIGHT
    slept: float = 0.0
    set_by: float = 0.0

    def read(self) -> ClockReading:
        passed = trio.current_time() + self.slept
        wall = self.epoch + passed + self.set_by
        return ClockReading(
            trio.current_time(),
            wall,
            passed + 9000 if self.has_uptime else None,
            "b" * self.has_uptime,
        )

    async def do(self, what: str, seconds: float) -> None:
        match what:
            case "work":
                await trio.sleep(seconds)
            case "sleep":
                self.slept += seconds
            case "set":
                self.set_by += seconds


@define
class Process:
    """What one server process keeps."""

    machine: Machine
    wall: WallClock = field(init=False)
    pool: TokenPool = field(init=False)
    keys: KeyRing = field(init=False, factory=lambda: KeyRing(""))
    key: KeyAllowance = field(init=False, factory=lambda: KeyAllowance("guest", rpm=1))
    records: dict[str, dict[str, object]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.wall = WallClock(self.machine.read)
        self.pool = TokenPool(TokenBook(ENTRIES), queue_s=10)
        self.keys.callers[b"x"] = Caller("guest", allowance=self.key)
        self.keys.callers[b"y"] = self.keys.callers[b"x"]
        self.wall.on_missed += [self.pool.shift, self.keys.shift]
        self.wall.on_set.append(lambda _: self.pool.book.rewrite())
        self.pool.look = self.wall.look
        reading = self.wall.look()
        self.pool.book.recall(
            self.records, reading.now, reading.offset, self.wall.recall(self.records)
        )

    def save(self) -> None:
        """As the server does."""
        reading = self.wall.look()
        stamp = self.wall.stamp(reading)
        for account in self.pool.book.take_unsaved():
            self.records[account.entry.key] = (
                record_of(account, reading.now, reading.offset) | stamp
            )

    def restarted(self) -> Process:
        return Process(self.machine, records=self.records)

    def account(self, entry: TokenEntry) -> Account:
        return next(one for one in self.pool.book.accounts if one.entry == entry)

    async def begin(self) -> None:
        """Everything begins to wait."""
        now = trio.current_time()
        self.account(COOLING).allowance(GROUP).cool(2 * HOUR, now)
        self.account(RESET).allowance(GROUP).begin_poll(now)
        self.account(RESET).allowance(GROUP).learn(Quota(0, 25, wait_s=2 * HOUR), now)
        refused = self.account(REFUSED)
        refused.doubt("no", now - 60)
        refused.doubt("no", now)
        for _ in range(7):
            refused.egress.challenged.paused_until = now
            refused.egress.fail(Challenge("page"), now, now)
        self.key.begin(now, TODAY)
        self.pool.book.rewrite()
        self.save()


def seconds_of(reset_in: float | None) -> float:
    return 0.0 if reset_in is None else reset_in


async def retry_after(process: Process) -> float:
    """What a client hears, while the way to Grok is open."""
    process.wall.look()
    process.account(COOLING).egress.forget()
    process.pool.changed()
    try:
        lease = await process.pool.lease(Need(NEED.model, excluded=frozenset({REFUSED.key})))
    except RateLimitExceeded as error:
        return seconds_of(error.retry_after)
    lease.return_unused()
    return 0.0


async def of_the_key(process: Process) -> float:
    process.wall.look()
    try:
        process.key.begin(trio.current_time(), TODAY)
    except KeyLimitExceeded as error:
        return seconds_of(error.retry_after)
    return 0.0


async def cooling(process: Process) -> float:
    process.wall.look()
    return seconds_of(process.pool.view(COOLING.id).groups[0].cooling_for)


async def reset(process: Process) -> float:
    process.wall.look()
    groups = process.pool.view(RESET.id).groups
    return seconds_of(groups[0].reset_in)


async def shown(process: Process) -> float:
    process.wall.look()
    return seconds_of(process.pool.view(REFUSED.id).back_in)


async def egress(process: Process) -> float:
    process.wall.look()
    return process.account(COOLING).egress.paused_until - trio.current_time()


async def ask(process: Process) -> float:
    """When Grok is asked for the first of those that are used up."""
    process.wall.look()
    process.pool.book.forget_egresses()
    for account in process.pool.book.accounts:
        for group in account.allowances:
            process.pool.book.polls.replan(account, group, trio.current_time())
    return process.pool.book.polls.next_at() - trio.current_time()


async def saved(process: Process) -> float:
    """What another program reads."""
    process.save()
    allowances = cast("dict[str, dict[str, float]]", process.records[COOLING.key]["allowances"])
    set_by = set_since(process.records[COOLING.key], process.machine.read())
    return allowances[GROUP]["cooling_until"] + set_by - process.machine.read().wall


@frozen
class Wait:
    """Something that waits for some seconds, and how long it still does (whatever is over may be
    below 0).
    """

    name: str
    length: float
    left: Callable[[Process], Awaitable[float]]
    kept: bool = True
    """Over a restart."""


WAITS = [
    Wait("a cooling", 2 * HOUR, cooling),
    Wait("a reset", 2 * HOUR, reset),
    Wait("Retry-After", 2 * HOUR, retry_after),
    Wait("the next ask", 2 * HOUR, ask),
    Wait("the state file", 2 * HOUR, saved),
    Wait("a refused token", HOUR, shown, kept=False),
    Wait("a key's minute", 60, of_the_key, kept=False),
    Wait("an egress", 300, egress, kept=False),
]


@frozen
class Event:
    """What happens to the machine, and how much time that is by the rules."""

    name: str
    steps: tuple[tuple[str, float], ...]
    passed: float
    without_uptime: float | None = None


EVENTS = [
    Event("nothing", (), 0),
    Event("a sleep", (("sleep", HOUR),), HOUR),
    Event("set forwards", (("set", HOUR),), HOUR),
    Event("set back", (("set", -HOUR),), 0),
    Event("set back and corrected", (("set", -HOUR), ("work", 10), ("set", HOUR)), 10),
    Event("a night of daylight saving", (("work", HOUR),), HOUR),
    Event("set back, and a sleep", (("set", -1800), ("sleep", HOUR)), HOUR, 1800),
    Event("a sleep, and set back", (("sleep", 1800), ("work", 5), ("set", -HOUR)), 1805),
]

RESTARTS = ["none", "before", "within", "after"]


def cases() -> Iterator[tuple[Wait, Event, str, bool]]:
    for wait in WAITS:
        for event in EVENTS:
            for restart in RESTARTS if wait.kept else ["none"]:
                yield wait, event, restart, True
                # Without an uptime nobody knows how the clock was set while no process was there to
                # see it.
                unseen = restart in ("within", "after") and any(
                    what == "set" and by < 0 for what, by in event.steps
                )
                if not unseen:
                    yield wait, event, restart, False


def named(value: object) -> str:
    return value.name if isinstance(value, Wait | Event) else str(value)


@pytest.mark.parametrize(("wait", "event", "restart", "has_uptime"), list(cases()), ids=named)
def test_every_wait_ends_in_time(
    wait: Wait, event: Event, restart: str, has_uptime: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right within 5 s, whatever happens to the clocks, without a restart or with one: before,
    after or within the event (the state was written before it, and read after it).
    """
    if hasattr(time, "tzset"):
        monkeypatch.setenv("TZ", "Europe/Berlin")
        time.tzset()

    async def scenario() -> None:
        process = Process(Machine(has_uptime))
        await process.begin()
        if restart == "before":
            process = process.restarted()
        for what, seconds in event.steps:
            await process.machine.do(what, seconds)
            if restart != "within":
                process.save()  # which looks
        if restart in ("within", "after"):
            process = process.restarted()
        left = await wait.left(process)
        passed = (
            event.passed if has_uptime or event.without_uptime is None else event.without_uptime
        )
        if restart in ("within", "after") and not has_uptime:
            passed = event.passed
        assert max(left, 0.1) == pytest.approx(max(0.1, wait.length - passed), abs=5)

    try:
        run_on_fake_clock(scenario)
    finally:
        monkeypatch.undo()
        if hasattr(time, "tzset"):
            time.tzset()


@on_fake_clock
async def test_a_request_that_waits_is_served_when_its_token_is_back() -> None:
    """It sleeps until the next token opens, which a sleep of the machine has moved."""
    machine = Machine()
    process = Process(machine)
    process.pool.queue_s = 60
    process.pool.disable(REFUSED.id)
    busy = await process.pool.lease(Need(NEED.model, excluded=frozenset({COOLING.key})))
    busy_too = await process.pool.lease(Need(NEED.model, excluded=frozenset({COOLING.key})))
    assert busy.key == busy_too.key == RESET.key
    cooling = await process.pool.lease(NEED)
    cooling.settle(QuotaExhausted("x", retry_after=3600))
    served: list[float] = []

    async def ask() -> None:
        await process.pool.lease(NEED)
        served.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(process.wall.run)
        nursery.start_soon(ask)
        await trio.sleep(1)
        machine.slept += 3590  # the token is back in 10 s now
        await trio.sleep(30)
        nursery.cancel_scope.cancel()
        busy.abandon()
        busy_too.abandon()
    assert len(served) == 1
    assert served[0] <= 1 + 10 + 5


@pytest.mark.parametrize("kind", [Account, Allowance, Egress, Breaker, Overload])
def test_every_time_that_is_kept_is_moved(kind: type) -> None:
    """Whatever has a name that ends like a time's, so that no later one is forgotten."""
    made: list[Account | Allowance | Egress | Breaker | Overload]
    made = [Account(COOLING, Egress("")), Allowance(), Egress(""), Breaker(1, 5, 60), Overload()]
    (one,) = [one for one in made if type(one) is kind]
    names = [
        name
        for name in attrs.fields_dict(kind)
        if name.endswith(("_at", "_until")) or name == "last_used"
    ]
    assert names
    for name in names:
        setattr(one, name, 1000.0)
    one.shift(100)
    assert {name: getattr(one, name) for name in names} == dict.fromkeys(names, 900.0)


def test_breakers_are_moved_by_what_holds_them() -> None:
    """Pauses of an egress, of a group of models, and of Grok as a whole."""
    egress, overload = Egress(""), Overload()
    egress.fail(Challenge("page"), 0, 0)
    for _ in range(TOLERANCE):
        overload.fail("grok-3", UpstreamOverloaded("x"), 0, 0)
        overload.fail("grok-4", UpstreamUnavailable("x"), 0, 0)
    before = egress.paused_until, overload.shut_until("grok-3"), overload.shut_until("another")
    egress.shift(100)
    overload.shift(100)
    after = egress.paused_until, overload.shut_until("grok-3"), overload.shut_until("another")
    assert after == tuple(at - 100 for at in before)


def test_the_clocks_are_looked_at_while_nobody_asks() -> None:
    """Often enough for everything to be right within 5 s."""
    looks: list[float] = []

    async def scenario() -> None:
        machine = Machine()
        wall = WallClock(machine.read)
        wall.on_missed.append(lambda seconds: looks.append(trio.current_time()))
        with trio.move_on_after(21):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wall.run)
                await trio.sleep(1)
                machine.slept += 100
                await trio.sleep(10)
                machine.slept += 100

    run_on_fake_clock(scenario)
    assert looks == [TICK_S, 12]
    assert TICK_S < 5


@on_real_clock
async def test_the_clocks_of_this_machine_can_be_read() -> None:
    """In a container too; on Linux with an uptime and a name for it."""
    first, second = clock_reader()(), clock_reader()()
    assert abs(first.wall - time.time()) < 5
    assert first.boot == second.boot
    if first.uptime is not None and second.uptime is not None:
        assert second.uptime >= first.uptime


@on_site(config='[[keys]]\nname = "guest"\nkey = "g"\nrpm = 1\n[grok]\napi_key = "owner"\n')
async def test_a_server_that_wakes_up_has_everything_moved(site: Site) -> None:
    """Tokens, keys, tickets and the time it is up, with the first request; the last hour stays
    where it was.
    """
    owner, key = {"authorization": "Bearer owner"}, {"authorization": "Bearer g"}
    body = {"model": "grok-3-fast", "messages": [{"role": "user", "content": "hello"}]}
    account = site.server.pool.book.accounts[0]
    account.allowance(GROUP).cool(HOUR + 50, trio.current_time())
    wall = site.server.state.wall
    read = wall._read
    assert read is not None
    missed = set_by = 0.0

    def tampered() -> ClockReading:
        real = read()
        uptime = None if real.uptime is None else real.uptime + missed
        return attrs.evolve(real, wall=real.wall + missed + set_by, uptime=uptime)

    wall._read = tampered
    first = await site.client.post("/v1/chat/completions", json=body, headers=key)
    second = await site.client.post("/v1/chat/completions", json=body, headers=key)
    assert (first.status_code, second.status_code) == (200, 429)
    ticket = (await site.client.post("/status/ticket", headers=owner)).json()["ticket"]

    missed = HOUR
    third = await site.client.post("/v1/chat/completions", json=body, headers=key)
    assert third.status_code == 200
    while len(site.server.state.history._buckets) < 2:  # an hour apart
        await trio.testing.wait_all_tasks_blocked(0.002)
    assert (await site.client.get(f"/status/events?ticket={ticket}")).status_code == 401
    report = (await site.client.get("/status", headers=owner)).json()
    assert HOUR <= report["uptime_s"] < HOUR + 40
    (row,) = [row for row in report["tokens"]["rows"] if row["id"] == account.entry.id]
    assert 0 < row["back_in"] <= 50
    counted = [minute["at"] for minute in report["minutes"] if minute["requests"]]
    assert counted

    set_by = -HOUR
    later = (await site.client.get("/status", headers=owner)).json()
    assert abs(later["time"] - (report["time"] - HOUR)) < 40
    assert later["uptime_s"] >= report["uptime_s"]
    assert counted[-1] in [minute["at"] + HOUR for minute in later["minutes"] if minute["requests"]]
