"""The requests and tokens of one API key on one day, and their record in the state file.

Rules
-----
1. A request counts from its beginning. It is given back if it got nothing through the fault of this
   server or of Grok.
2. Tokens count at the end of their request, for the day of that end.
3. A new day forgets both (:mod:`~grokcore.protocol.day_turns`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from attrs import define, field, frozen

from .day_turns import day_number, turn_of

__all__ = ["KeyDay", "KeyDays", "Today", "Use", "record_name"]

DAY_S = 86400.0

MOST = 10**15
"""Bound of a figure from outside."""

_NAME = "key use "


@frozen
class Today:
    """The calendar's day, as YYYY-MM-DD, and the seconds until it ends."""

    day: str
    ends_in: float


@define(eq=False)
class Use:
    """Requests that began together.

    :ivar at: the time of their beginning.
    :ivar turns: the day's number among those that the key has had.
    """

    requests: int
    turns: int
    at: float
    is_open: bool = True


@define(eq=False)
class KeyDay:
    """The figures of a key's day.

    :ivar day: the day that they belong to; empty before the first look at the calendar.
    :ivar changed: whether the record has changed since :meth:`take_record`.
    """

    day: str = ""
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    changed: bool = False
    _later: str = ""
    _turns: int = 0

    @property
    def tokens(self) -> int:
        """The tokens of questions and answers together."""
        return self.tokens_in + self.tokens_out

    def turn_to(self, today: Today) -> None:
        """Begin a new day, if it is one."""
        turn = turn_of(self.day, today.day, self._later)
        if turn.forgets:
            self.changed = self.changed or self.requests + self.tokens > 0
            self.requests = self.tokens_in = self.tokens_out = 0
            self._turns += 1
        else:
            self.changed = self.changed or turn.day != self.day
        self.day, self._later = turn.day, turn.later

    def ends_in(self, today: Today) -> float:
        """Seconds until the figures begin anew. They may be a day ahead of the calendar."""
        ahead = (day_number(self.day) or 0) - (day_number(today.day) or 0) if self.day else 0
        return today.ends_in + max(0, ahead) * DAY_S

    def begin(self, now: float, today: Today, requests: int = 1) -> Use:
        """Count requests that begin together."""
        self.turn_to(today)
        self.requests += requests
        self.changed = True
        return Use(requests, self._turns, now)

    def withdraw(self, use: Use) -> None:
        """Count requests as if they had not begun. Safe to repeat, and after their end."""
        if use.is_open and use.turns == self._turns:
            self.requests = max(0, self.requests - use.requests)
            self.changed = True
        use.is_open = False

    def end(self, use: Use, today: Today, tokens_in: int, tokens_out: int) -> None:
        """Count the tokens of requests at their end. Safe to repeat."""
        if use.is_open:
            self.turn_to(today)
            self.tokens_in += tokens_in
            self.tokens_out += tokens_out
            self.changed = True
        use.is_open = False

    # The state file ------------------------------------------------------------------------------

    def take_record(self) -> dict[str, object] | None:
        """The record, of JSON's types only; None if nothing has changed since the last call."""
        if not self.changed:
            return None
        self.changed = False
        later = {"later": self._later} if self._later else {}
        return {
            "day": self.day,
            "requests": self.requests,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            **later,
        }

    def recall(self, record: Mapping[str, object]) -> None:
        """Restore what a record holds; values that can't be meant count as missing."""
        day, later = record.get("day"), record.get("later")
        if not isinstance(day, str) or day_number(day) is None:
            return
        self.day, self._later = day, later if isinstance(later, str) else ""
        self.requests, self.tokens_in, self.tokens_out = (
            _count(record.get(name)) for name in ("requests", "tokens_in", "tokens_out")
        )


@define(eq=False)
class KeyDays:
    """The days of all keys. A key that vanishes from the configuration, and comes back, goes on
    with what it has used.
    """

    _days: dict[str, KeyDay] = field(factory=dict, init=False)
    _recorded: dict[str, Mapping[str, object]] = field(factory=dict, init=False)

    def of(self, digests: Iterable[bytes]) -> KeyDay:
        """The day of a key, by the digests of its forms: that of the first form which has one."""
        names = [record_name(digest) for digest in digests]
        for name in names:
            if name in self._days:
                return self._known_as(names, self._days[name])
        day = KeyDay()
        for name in reversed(names):
            day.recall(self._recorded.get(name, {}))
        return self._known_as(names, day)

    def _known_as(self, names: Iterable[str], day: KeyDay) -> KeyDay:
        self._days |= dict.fromkeys(names, day)
        return day

    def recall(self, records: Mapping[str, Mapping[str, object]]) -> None:
        """Restore the days that a state file holds, also of keys that are known already."""
        self._recorded = {name: one for name, one in records.items() if name.startswith(_NAME)}
        for name, day in reversed(self._days.items()):
            day.recall(self._recorded.get(name, {}))

    def take_records(self) -> dict[str, dict[str, object]]:
        """The records that have changed since the last call, by their names. A key of two forms has
        two, since its owner may remove either.
        """
        taken = {day: day.take_record() for day in dict.fromkeys(self._days.values())}
        named = ((name, taken[day]) for name, day in self._days.items())
        return {name: record for name, record in named if record is not None}


def record_name(digest: bytes) -> str:
    """The name of a key's record, from the key's digest. Neither can be read from it.

    :param digest: empty for a server without keys.
    """
    return _NAME + hashlib.sha256(b"grok2api use of a key " + digest).hexdigest()[:32]


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return min(max(value, 0), MOST)
