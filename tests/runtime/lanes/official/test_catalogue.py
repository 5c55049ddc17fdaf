"""The list of models: when xAI is asked for it, and what stays if it does not answer."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Sequence

import pytest
import trio
from attrs import define, field

from grokcore.protocol.models import LaneName
from grokcore.protocol.official.model_list import OfficialModel
from grokcore.runtime.lanes.official.asker import OfficialAsker
from grokcore.runtime.lanes.official.catalogue import Catalogue, CatalogueKeeper
from grokcore.runtime.lanes.official.credentials import Credential
from grokcore.simulator.scripts import HANG, Script, error
from tests.scenarios import decorator, run_on_fake_clock

from .auth_files import AT
from .xai import XAI, Source, asker, listing, xai

ONE, TWO = listing("grok-9"), listing("grok-9", "grok-10", aliases=["grok-new"])
FAILING = error(500, {})
DAY = 86400


@define(eq=False)
class World:
    """A keeper and the xAI that it asks."""

    grok: XAI
    source: Source
    changes: list[float] = field(factory=list)
    broken: bool = False
    keeper: CatalogueKeeper = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.keeper = CatalogueKeeper(
            self.asker, self.wall, lambda: self.changes.append(trio.current_time())
        )

    def asker(self) -> OfficialAsker:
        if self.broken:
            raise RuntimeError("a bug")
        return asker(self.grok, lane=LaneName.CLI, source=self.source)

    def wall(self) -> float:
        return AT + trio.current_time()

    @property
    def names(self) -> list[str]:
        return list(self.keeper.catalogue.models)


def run_with_keeper(scenario: Callable[[World], Awaitable[None]], *lists: Script) -> None:
    async def main() -> None:
        world = World(xai(models=lists), Source([Credential("key-1")]))
        async with trio.open_nursery() as nursery:
            await nursery.start(world.keeper.run)
            await scenario(world)
            nursery.cancel_scope.cancel()
        assert world.grok.all_closed

    run_on_fake_clock(main)


with_keeper = decorator(run_with_keeper, gives=1)


@with_keeper(ONE, ONE, TWO)
async def test_lists_are_asked_for_at_the_start_and_daily(world: World) -> None:
    """Changes are announced, the same list again is not."""
    await trio.sleep(2.5 * DAY)
    assert world.grok.times == [0, DAY, 2 * DAY]
    assert world.changes == [0, 2 * DAY]
    assert world.names == ["grok-9", "grok-10", "grok-new"]
    assert (world.keeper.catalogue.at, world.keeper.catalogue.fault) == (AT + 2 * DAY, "")


@with_keeper(FAILING, FAILING, FAILING, FAILING, ONE)
async def test_a_failure_is_repeated_ever_more_seldom(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """After a minute, five and then thirty; the log has one line for all."""
    with caplog.at_level(logging.INFO):
        await trio.sleep(DAY)
    assert world.grok.times == [0, 60, 360, 2160, 3960]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert world.names == ["grok-9"]


@with_keeper(FAILING, ONE)
async def test_another_credential_is_tried_at_once(world: World) -> None:
    """The owner has just mended it, and does not wait for a minute."""
    await trio.sleep(2)
    world.keeper.hurry()
    await trio.sleep(1)
    assert world.grok.times == [0, 2]
    assert world.names == ["grok-9"]


@with_keeper(ONE, FAILING)
async def test_the_last_good_list_stays(world: World) -> None:
    """Its models are answered by xAI itself, list or no list."""
    await trio.sleep(1.5 * DAY)
    assert world.names == ["grok-9"]
    assert world.keeper.catalogue.at == AT
    assert world.keeper.catalogue.fault.startswith("xAI refused")


@with_keeper(ONE, error(404, {}), FAILING)
async def test_another_reason_is_logged_as_well(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The owner may have mended the first one."""
    await trio.sleep(1)
    world.source.credentials[0] = None
    await trio.sleep(DAY + 30)
    world.source.credentials[0] = Credential("key-1")
    await trio.sleep(60)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "Run `grok login`" in caplog.text


@pytest.mark.parametrize(
    ("demands", "asked"),
    [
        ([100], [0, 100]),
        ([5], [0, 60]),
        ([5, 10, 20, 59], [0, 60]),
        ([100, 100, 101, 170], [0, 100, 160, 220]),
        ([1000, 2000], [0, 1000, 2000]),
    ],
)
@with_keeper(ONE)
async def test_a_demand_brings_a_list_once_a_minute_at_most(
    world: World, demands: Sequence[float], asked: Sequence[float]
) -> None:
    """A client that asks for a model that is gone, again and again, does not become a storm."""
    for at in demands:
        await trio.sleep_until(at)
        world.keeper.demand()
    await trio.sleep(3600)
    assert world.grok.times == list(asked)


@with_keeper(Script((HANG,)))
async def test_an_answer_that_does_not_come_is_a_failure(world: World) -> None:
    """The keeper does not hang."""
    await trio.sleep(100)
    assert world.grok.times == [0, 90]
    assert "did not answer within 30 s" in world.keeper.catalogue.fault


@with_keeper(ONE, TWO)
async def test_a_bug_does_not_end_the_keeper(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has its traceback."""
    await trio.sleep(1)
    world.broken = True
    world.keeper.demand()
    await trio.sleep(100)
    assert "a bug ended a question" in caplog.text
    assert world.names == ["grok-9"]
    world.broken = False
    await trio.sleep(100)
    assert "grok-10" in world.names


@with_keeper(FAILING)
async def test_a_list_survives_a_restart(world: World) -> None:
    """Its models are served before xAI has answered, with the list's own age."""
    assert world.keeper.record() == {}
    before = CatalogueKeeper(world.asker, world.wall)
    before.catalogue.take((OfficialModel("grok-9", ("grok-new",)),), AT - 7200)
    world.keeper.recall({"at": "?"})
    assert world.names == []
    world.keeper.recall(json.loads(json.dumps(before.record())))
    assert world.names == ["grok-9", "grok-new"]
    assert world.keeper.catalogue.age_words(AT) == "2 hours"
    assert world.keeper.record() == before.record()


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (-5, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 minute"),
        (7199, "1 hour"),
        (2 * DAY, "2 days"),
    ],
)
def test_the_age_is_in_words(age: float, words: str) -> None:
    """For the status page; a wall clock may have been set back."""
    catalogue = Catalogue()
    assert catalogue.age_words(AT) == "none"
    assert catalogue.fault == "xAI has not been asked for its models yet."
    catalogue.take((), AT)
    assert catalogue.age_words(AT + age) == words
