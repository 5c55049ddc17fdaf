"""Queues and retries of alerts, at exact times."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import attrs
import pytest
import trio
from attrs import define, field

from grokcore.protocol.alerts.kinds import AlertKind
from grokcore.protocol.alerts.message import Message
from grokcore.runtime.alerts.sender import MOST_WAITING, AlertSender
from grokcore.runtime.alerts.target import Outcome
from tests.protocol.alerts.messages import BEGUN, MENDED, told
from tests.scenarios import decorator, run_on_fake_clock

FINE = Outcome()
LATER = Outcome("example.com answered 500", again=True)
NEVER = Outcome("example.com answered 403")
PARTLY = Outcome("example.com refused 1 of 2 recipients", partly=True)

on_fake_clock = decorator(run_on_fake_clock, gives=0)


@define
class Scripted:
    """A target that answers as it is told; the last outcome is for ever.

    :ivar tries: the time and the kind and state of each try.
    """

    script: Sequence[Outcome | Exception]
    name: str = "webhook"
    place: str = "example.com"
    takes_s: float = 0.0
    tries: list[tuple[float, str]] = field(factory=list)

    async def send(self, message: Message) -> Outcome:
        alert = message.alert
        self.tries.append((trio.current_time(), f"{alert.kind.value} {alert.state.value}"))
        await trio.sleep(self.takes_s)
        outcome = self.script[min(len(self.tries), len(self.script)) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@define
class Sent:
    """How deliveries ended, with the times."""

    ends: list[tuple[float, bool]] = field(factory=list)

    def __call__(self, *, delivered: bool) -> None:
        self.ends.append((trio.current_time(), delivered))


async def sent(
    messages: Iterable[Message], *targets: Scripted, seconds: float = 4000.0
) -> tuple[AlertSender, Sent]:
    """Have *messages* sent, and wait."""
    sender, ends = AlertSender(targets), Sent()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.run)
        for message in messages:
            sender.put(message, ends)
        await trio.sleep(seconds)
        nursery.cancel_scope.cancel()
    return sender, ends


@on_fake_clock
async def test_a_try_that_failed_is_repeated_for_ten_minutes() -> None:
    """Four tries; then the alert is given up."""
    target = Scripted([LATER])
    sender, ends = await sent([told()], target)
    assert [at for at, _ in target.tries] == [0, 15, 120, 600]
    assert ends.ends == [(600, False)]
    assert sender.failing == ("webhook",)


@pytest.mark.parametrize(
    ("script", "ends", "failing"),
    [
        ([FINE], [(0, True)], ()),
        ([LATER, FINE], [(15, True)], ()),
        ([LATER, LATER, LATER, FINE], [(600, True)], ()),
        ([NEVER], [(0, False)], ("webhook",)),
        ([LATER, NEVER], [(15, False)], ("webhook",)),
        ([PARTLY], [(0, True)], ("webhook",)),
        ([RuntimeError("a bug"), FINE], [(0, False)], ("webhook",)),
    ],
)
@on_fake_clock
async def test_each_outcome_ends_as_it_should(
    script: list[Outcome | Exception], ends: list[tuple[float, bool]], failing: tuple[str, ...]
) -> None:
    """Only what may help is repeated, and a bug of a target ends nothing else."""
    sender, found = await sent([told()], Scripted(script))
    assert (found.ends, sender.failing) == (ends, failing)


@on_fake_clock
async def test_a_dead_target_holds_up_no_other() -> None:
    """The e-mail goes out while the webhook is retried, and the alert counts as delivered."""
    dead, well = Scripted([LATER]), Scripted([FINE], name="ntfy")
    sender, ends = await sent([told()], dead, well)
    assert well.tries == [(0, "used_up begun")]
    assert ends.ends == [(0, True)]
    assert sender.failing == ("webhook",)


@on_fake_clock
async def test_alerts_wait_in_order_and_the_oldest_is_given_up() -> None:
    """Memory is bounded whatever the target does."""
    target = Scripted([FINE], takes_s=1.0)
    messages = [told() for _ in range(MOST_WAITING + 5)]
    _, ends = await sent(messages, target)
    assert len(target.tries) == MOST_WAITING
    assert [delivered for _, delivered in ends.ends].count(False) == 5


@on_fake_clock
async def test_an_end_is_not_told_where_the_beginning_was_missed() -> None:
    """Per target: another one that has it hears of its end."""
    late, well = Scripted([NEVER, FINE]), Scripted([FINE], name="ntfy")
    other = told(attrs.evolve(MENDED, kind=AlertKind.FILE))
    _, ends = await sent([told(BEGUN), told(MENDED), other, told(MENDED)], late, well)
    assert [what for _, what in late.tries] == ["used_up begun", "file mended", "used_up mended"]
    assert len(well.tries) == 4
    assert [delivered for _, delivered in ends.ends] == [True] * 4


def test_a_dead_target_is_logged_once_and_its_return_too(caplog: pytest.LogCaptureFixture) -> None:
    """A log full of the same line hides the fault that the alerts are about."""
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        await sent([told(), told(), told()], Scripted([NEVER, NEVER, FINE]))

    run_on_fake_clock(scenario)
    assert [record.getMessage() for record in caplog.records] == [
        "alerts: webhook: example.com answered 403",
        "alerts: webhook: example.com takes alerts again",
        "alert sent: webhook: used_up (begun)",
    ]
