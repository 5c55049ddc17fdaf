"""Conditions of a server, and a book that looks at them every five seconds."""

from __future__ import annotations

from attrs import define, field

from grokcore.protocol.alerts.alert import Alert
from grokcore.protocol.alerts.book import AlertBook
from grokcore.protocol.alerts.kinds import KINDS, AlertKind
from grokcore.protocol.condition import Condition, Health, Matter, Reason

LOOK_S = 5.0
HOUR_S = 3600.0
START = 1_764_000_000.0

FINE = Condition(Health.OK)


def reason(matter: Matter, subject: str = "", weight: Health = Health.DEGRADED) -> Reason:
    """A reason whose words name it."""
    words = f"{matter.value} of {subject or 'the server'}."
    return Reason(matter, weight, subject, words, f"Mend {matter.value}.")


def because(*reasons: Reason) -> Condition:
    """The condition that follows from these reasons."""
    order = (Health.DOWN, Health.DEGRADED, Health.OK)
    worst = sorted(reasons, key=lambda each: order.index(each.weight))
    return Condition(worst[0].weight if worst else Health.OK, tuple(worst))


LONE_FILE = because(reason(Matter.FILE, "config"))
USED_UP = because(reason(Matter.USED_UP, "grok-4"))
DOWN = because(reason(Matter.MODEL, "grok-4", Health.DOWN))


@define
class Watched:
    """A book that is shown a condition every five seconds, and what it has alerted.

    :ivar told: seconds since the start, kind and state of each alert.
    :ivar delivered: whether alerts reach the owner; None leaves them under way.
    """

    kinds: frozenset[AlertKind] = KINDS
    repeat_s: float = HOUR_S
    now: float = START
    delivered: bool | None = True
    told: list[tuple[float, str]] = field(factory=list)
    alerts: list[Alert] = field(factory=list)
    book: AlertBook = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.book = AlertBook(self.kinds, self.repeat_s)

    def see(
        self, condition: Condition, seconds: float, *, step: float = LOOK_S
    ) -> list[tuple[float, str]]:
        """Look at *condition* for so long; the alerts of that time."""
        before = len(self.told)
        for _ in range(round(seconds / step)):
            self.look(condition)
            self.now += step
        return self.told[before:]

    def look(self, condition: Condition) -> None:
        """Look once."""
        for alert in self.book.look(condition, self.now):
            assert alert.at == self.now
            self.alerts.append(alert)
            self.told.append((self.now - START, f"{alert.kind.value} {alert.state.value}"))
            if self.delivered is not None:
                self.book.settle(alert, delivered=self.delivered)

    def restart(self, *, after: float = 10.0, set_by: float = 0.0) -> None:
        """Go on with another book, which knows what this one has saved."""
        record = self.book.record()
        self.now += after
        self.book = AlertBook(self.kinds, self.repeat_s)
        self.book.recall(record, self.now, set_by)
