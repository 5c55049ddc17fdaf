"""The book of alerts: it is shown the server's condition every some seconds, and says which alerts
are due.

Rules
-----
1. A state is alerted once it has lasted as long as its kind says
   (:mod:`~grokcore.protocol.alerts.kinds`). It has ended once it has been gone as long as its kind
   says; shorter gaps are no end, but their time does not count as lasting.
2. A kind is alerted once in ``repeat_s`` at most, whatever happens.
3. Another state of a kind (another model, say) is alerted too, within rule 2. A state that lasts is
   alerted again after ``repeat_s``, then after twice that, and so on, up to once a day.
4. ``mended`` comes once, when all states of a kind that was alerted have ended.
5. No state is alerted twice: ``down`` is not alerted if alerts of other kinds have named all its
   reasons, and these are not if ``down`` has.
6. An alert that reached nobody counts for rule 2 only.
7. Alerts that were delivered are kept over restarts.

Times are seconds since 1970. Two looks count as :data:`STEP_S` apart at most: a machine that slept
has observed nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from attrs import define, frozen

from ..condition import Condition, Health, Reason
from .alert import Alert, AlertState
from .kinds import AlertKind, reasons_by_kind, span_of
from .standing import Standing, read_standings, standings_record

__all__ = ["AlertBook"]

STEP_S = 30.0
"""Most seconds that count between two looks."""

DAY_S = 86400.0

MOST_WORDS = 5
"""Reasons that an alert has in words."""

NOTHING_ANSWERED = "Nothing can be answered now."


@define
class _Spell:
    """A state that is there, or has been a moment ago. Times are seconds.

    :ivar lasted: the time for which it was seen.
    :ivar gone: the time since it was seen last.
    """

    lasted: float = 0.0
    gone: float = 0.0


@frozen
class _Key:
    """A state of a kind. ``down`` is one state, whatever its reasons."""

    kind: AlertKind
    id: str


class AlertBook:
    """Decides by the rules above.

    :param kinds: the kinds that the owner wants.
    :param repeat_s: the least time between two alerts of a kind, in seconds.
    :ivar unsaved: whether the record has changed since it was taken.
    """

    def __init__(self, kinds: frozenset[AlertKind], repeat_s: float) -> None:
        self._kinds = kinds
        self._repeat_s = repeat_s
        self._spells: dict[_Key, _Spell] = {}
        self._standings: dict[AlertKind, Standing] = {}
        self._kept: dict[AlertKind, Standing] = {}
        self._looked: float | None = None
        self.unsaved = False

    def look(self, condition: Condition, now: float) -> tuple[Alert, ...]:
        """The alerts that are due. Each has to be reported to :meth:`settle` some time."""
        found = {k: v for k, v in reasons_by_kind(condition).items() if k in self._kinds}
        passed = 0.0 if self._looked is None else min(max(now - self._looked, 0.0), STEP_S)
        self._looked = now
        self._count(found, passed)
        alerts = []
        for kind in AlertKind:  # down first
            alert = self._mended(kind, now) or self._begun(kind, found.get(kind, {}), now)
            if alert is not None:
                alerts.append(_with_severity(alert, condition))
        return tuple(alerts)

    def settle(self, alert: Alert, *, delivered: bool) -> None:
        """Note that *alert* has reached the owner, or nobody."""
        standing = self._standings.get(alert.kind)
        if standing is None:
            return
        if not delivered and alert.state is AlertState.BEGUN:
            standing = self._standings[alert.kind] = attrs.evolve(standing, known=(), count=0)
        self._kept[alert.kind] = standing
        self.unsaved = True

    def take_back(self) -> None:
        """Forget the alerts that are not settled: nobody sends them any more."""
        self._standings = dict(self._kept)

    def adopt(self, kinds: frozenset[AlertKind], repeat_s: float) -> None:
        """Use other settings from now on. Kinds that are not wanted any more are forgotten."""
        self._kinds, self._repeat_s = kinds, repeat_s
        self._spells = {key: spell for key, spell in self._spells.items() if key.kind in kinds}
        self._kept = {kind: each for kind, each in self._kept.items() if kind in kinds}
        self.take_back()

    def clock_set(self, seconds: float) -> None:
        """Move all times with the wall clock, which was set by *seconds*."""
        for standings in (self._standings, self._kept):
            for kind, standing in standings.items():
                standings[kind] = attrs.evolve(standing, sent_at=standing.sent_at + seconds)
        if self._looked is not None:
            self._looked += seconds
        self.unsaved = bool(self._kept)

    # The state file ------------------------------------------------------------------------------

    def recall(self, record: Mapping[str, object], now: float, set_by: float = 0.0) -> None:
        """Take over the record of an earlier run. Damaged parts of it are passed over.

        :param set_by: seconds by which the wall clock was set since.
        """
        for kind, standing in read_standings(record, now, set_by).items():
            if kind in self._kinds:
                self._standings[kind] = self._kept[kind] = standing
                for name in standing.known:
                    self._spells[_key(kind, name)] = _Spell()

    def record(self) -> dict[str, object]:
        """The alerts of the moment for a later run, as JSON values."""
        self.unsaved = False
        return standings_record(self._kept)

    # The rules -----------------------------------------------------------------------------------

    def _count(self, found: Mapping[AlertKind, Mapping[str, Reason]], passed: float) -> None:
        """Let *passed* seconds count for the states that are there, and against the others."""
        present = {_key(kind, name) for kind, reasons in found.items() for name in reasons}
        for key, spell in [*self._spells.items()]:
            if key in present:
                spell.lasted, spell.gone = spell.lasted + passed, 0.0
                continue
            spell.gone += passed
            if spell.gone >= span_of(key.kind).ends_s:
                del self._spells[key]
        for key in present:
            self._spells.setdefault(key, _Spell())

    def _mended(self, kind: AlertKind, now: float) -> Alert | None:
        standing = self._standings.get(kind)
        if standing is None or not standing.known or any(k.kind is kind for k in self._spells):
            return None
        self._standings[kind] = attrs.evolve(standing, known=(), count=0)
        return Alert(kind, AlertState.MENDED, _subjects(standing.known), at=now)

    def _begun(self, kind: AlertKind, reasons: Mapping[str, Reason], now: float) -> Alert | None:
        held = {name for name in reasons if self._has_lasted(_key(kind, name))}
        told = {name for standing in self._standings.values() for name in standing.known}
        standing = self._standings.get(kind, Standing())
        fresh = bool(held - told)
        again_at = standing.sent_at + self._wait(standing, fresh=fresh)
        if not held or not (fresh or standing.known) or now < again_at:
            return None
        count = 1 if fresh else standing.count + 1
        self._standings[kind] = Standing(tuple(sorted(reasons)), now, count)
        shown = [*reasons.values()][:MOST_WORDS]
        return Alert(
            kind,
            AlertState.BEGUN,
            tuple(dict.fromkeys(reason.subject for reason in shown if reason.subject)),
            tuple(dict.fromkeys(reason.words for reason in shown)),
            tuple(dict.fromkeys(reason.advice for reason in shown if reason.advice)),
            now,
        )

    def _has_lasted(self, key: _Key) -> bool:
        return self._spells[key].lasted >= span_of(key.kind).begins_s

    def _wait(self, standing: Standing, *, fresh: bool) -> float:
        """The least time from the last alert of a kind to the next, in seconds."""
        if fresh:
            return self._repeat_s
        return min(self._repeat_s * 2.0 ** (standing.count - 1), max(self._repeat_s, DAY_S))


def _key(kind: AlertKind, name: str) -> _Key:
    return _Key(kind, "" if kind is AlertKind.DOWN else name)


def _subjects(told: tuple[str, ...]) -> tuple[str, ...]:
    """The subjects in ids of states."""
    subjects = (name.partition(" ")[2] for name in told[:MOST_WORDS])
    return tuple(dict.fromkeys(filter(None, subjects)))


def _with_severity(alert: Alert, condition: Condition) -> Alert:
    says_so = alert.kind is AlertKind.DOWN or alert.state is AlertState.MENDED
    if says_so or condition.health is not Health.DOWN:
        return alert
    return attrs.evolve(alert, words=(*alert.words, NOTHING_ANSWERED))
