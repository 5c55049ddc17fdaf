"""Polls that are cancelled, that meet bugs, and their log; on a clock that jumps."""

from __future__ import annotations

import logging
import math
import re

import pytest
import trio
import trio.testing
from attrs import define

from grokcore.protocol.pool.book import Need, TokenBook
from grokcore.protocol.pool.quota_polls import FIRST_S
from grokcore.protocol.quota import Quota
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.lanes.grok_web.quota_polling import QuotaAsker, QuotaKeeper
from grokcore.runtime.pool.leases import TokenPool
from grokcore.runtime.transport.seam import UpstreamRequest
from grokcore.simulator.scripts import HANG, Script, Wait
from tests.scenarios import on_fake_clock

from ...fakes import FakeExchange
from .polls import (
    BASE_URL,
    FAILING,
    GROUP,
    IDENTITY,
    MODEL,
    OTHER,
    PLENTY,
    Grok,
    World,
    make_world,
    said,
    used_up,
    with_keeper,
)


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "grokcore.runtime.lanes.grok_web.quota_polling")


# The end ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", [0, 0.05, FIRST_S, 0.5, 1.5, 2.5, 4.5, 30.5, 100.5])
@on_fake_clock
async def test_the_end_at_any_time_leaves_nothing_under_way(moment: float) -> None:
    """Before the head, in the body, with more that are due than there are places, between two
    asks.
    """
    world = make_world(Script((Wait(1), *PLENTY.steps), before=1), tokens=20)
    with trio.move_on_after(moment):
        async with trio.open_nursery() as nursery:
            await nursery.start(world.keeper.run)
            for number in range(20):
                await world.use(used_up(90), sso=f"sso-{number}")
    assert trio.current_time() == moment
    assert world.idle


@define(eq=False)
class _SlowToClose(FakeExchange):
    """Takes its time to close."""

    takes_s: float = 1

    async def aclose(self) -> None:
        await trio.sleep(self.takes_s)
        await super().aclose()


@pytest.mark.parametrize(("takes_s", "ends"), [(1, 6), (math.inf, 7)], ids=["slow", "never"])
@pytest.mark.parametrize("cancelled", [True, False], ids=["cancelled", "answered"])
@on_fake_clock
async def test_closing_is_waited_for_at_the_end_too_but_not_for_long(
    takes_s: float, ends: float, cancelled: bool
) -> None:
    """A connection is out of our hands when the ask is over; on the day it never is, two seconds
    are enough.
    """
    script = Script((HANG,)) if cancelled else Script(PLENTY.steps, before=5)
    exchanges = []

    class Transport(Grok):
        def open(self, request: UpstreamRequest) -> FakeExchange:
            exchanges.append(_SlowToClose(request, script, takes_s=takes_s))
            return exchanges[-1]

    ended = None
    asker = QuotaAsker(Transport([]), BASE_URL, IDENTITY)
    with trio.move_on_after(5.0 if cancelled else math.inf):
        try:
            await asker.ask("sso-0", "", GROUP)
        finally:
            ended = trio.current_time()
    assert ended == ends
    assert (exchanges[0].closed_at is not None) == (takes_s == 1)


class _CancelAfter(trio.abc.Instrument):
    """Cancels a scope when any task but the test's own main one has been scheduled so many
    times.
    """

    def __init__(self, count: int, scope: trio.CancelScope) -> None:
        self._main = trio.lowlevel.current_root_task()
        self._count = count
        self._scope = scope

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self._count -= task is not self._main
        if self._count == 0:
            self._scope.cancel()


@on_fake_clock
async def test_cancellation_at_every_step_leaves_nothing_under_way() -> None:
    """At the n-th step of any task, for every n until all asks are done: exchanges closed, none
    marked as under way.
    """
    for steps in range(1, 2000):
        world = make_world(
            Script((Wait(1), *PLENTY.steps), before=1), FAILING, Script((HANG,)), tokens=3
        )
        began = trio.current_time()
        scope = trio.CancelScope()
        instrument = _CancelAfter(steps, scope)
        with scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(world.keeper.run)
                trio.lowlevel.add_instrument(instrument)
                for number in range(3):
                    await world.use(sso=f"sso-{number}")
                await trio.sleep(50)
                nursery.cancel_scope.cancel()
        trio.lowlevel.remove_instrument(instrument)
        assert world.idle, f"cancelled at step {steps}"
        if not scope.cancelled_caught and trio.current_time() >= began + 50:
            return
    raise AssertionError("it never finished")


# Bugs and the log -------------------------------------------------------------------------------


class _Broken(QuotaAsker):
    """Has a bug, for one token."""

    async def ask(self, sso: str, proxy_url: str, group: str) -> Quota:
        await trio.lowlevel.checkpoint()
        if sso == "sso-0":
            raise ZeroDivisionError("a bug")
        return await super().ask(sso, proxy_url, group)


@on_fake_clock
async def test_a_bug_in_asking_is_logged_and_ends_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With its traceback; the other tokens are asked for, and this one too when its time comes."""
    grok = Grok([PLENTY])
    pool = TokenPool(TokenBook([TokenEntry("sso-0"), TokenEntry("sso-1")]), queue_s=10)
    world = World(grok, pool, QuotaKeeper(pool, lambda: _Broken(grok, BASE_URL, IDENTITY)))
    async with trio.open_nursery() as nursery:
        await nursery.start(world.keeper.run)
        for pause in (0, 100):
            await trio.sleep(pause)
            for sso in ("sso-0", "sso-1"):
                await world.use(sso=sso)
            await trio.sleep(2)
        nursery.cancel_scope.cancel()
    assert [world.allowance(number=number).known(110) is not None for number in (0, 1)] == [
        False,
        True,
    ]
    assert world.idle
    bugs = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.levelname for record in bugs] == ["ERROR", "ERROR"]
    assert [str(record.exc_info[1]) for record in bugs if record.exc_info] == ["a bug", "a bug"]
    assert len(grok.exchanges) == 2


@on_fake_clock
async def test_a_bug_where_the_way_is_made_is_one_too(caplog: pytest.LogCaptureFixture) -> None:
    """An asker that can't even be made."""

    def make() -> QuotaAsker:
        raise ZeroDivisionError("a bug")

    pool = TokenPool(TokenBook([TokenEntry("sso-0")]), queue_s=10)
    keeper = QuotaKeeper(pool, make)
    async with trio.open_nursery() as nursery:
        await nursery.start(keeper.run)
        (await pool.lease(Need(MODEL))).settle(None)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert not pool.book.accounts[0].allowance(GROUP).polling
    assert [line.partition(" ")[0] for line in said(caplog)] == ["ERROR"]


@with_keeper(FAILING, tokens=2)
async def test_a_period_of_failure_is_one_warning_for_each_group_and_its_end_one_line(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the number of tokens and asks; the warning says which token, why, and that questions
    go on.
    """
    world.grok.by_group = {OTHER.rate_limit_name: [FAILING]}
    for round_ in range(3):
        for sso in ("sso-0", "sso-1"):
            for model in (MODEL, OTHER):
                await world.use(sso=sso, model=model)
        await trio.sleep(300)
        if round_ == 0:
            warnings = said(caplog)
            assert [re.findall(r"allowance for (\S+), with", line) for line in warnings] == [
                [GROUP],
                [OTHER.rate_limit_name],
            ]
            assert all("WARNING" in line and "upstream_error" in line for line in warnings)
            assert all(TokenEntry("sso-0").id in line for line in warnings)
            assert all("questions are answered all the same" in line for line in warnings)
            assert not any(".." in line for line in warnings)
            assert "sso-" not in caplog.text
            caplog.clear()
            world.grok.scripts = [FAILING, PLENTY]
    assert said(caplog) == [f"INFO Grok reports the allowance for {GROUP} again"]
    caplog.clear()

    world.grok.scripts = [FAILING]
    await world.use()
    await trio.sleep(300)
    assert [line.partition(" ")[0] for line in said(caplog)] == ["WARNING"]


@with_keeper(PLENTY)
async def test_asks_that_work_are_told_of_only_to_who_wants_to_know_everything(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """One line at DEBUG with the token's short hash, none above."""
    await world.use()
    await trio.sleep(1)
    assert said(caplog) == []
    (line,) = said(caplog, least=logging.DEBUG)
    assert TokenEntry("sso-0").id in line
    assert GROUP in line


@with_keeper(Script(PLENTY.steps, before=1))
async def test_whoever_listens_to_the_pool_hears_of_an_answer(world: World) -> None:
    """The new quota is to be saved, and a waiting request may be served."""
    heard: list[float] = []
    await world.use()
    world.pool.on_change.append(lambda: heard.append(trio.current_time()))
    await trio.sleep(2)
    assert heard == [FIRST_S + 1]
    assert world.book.take_unsaved() == set(world.book.accounts)
