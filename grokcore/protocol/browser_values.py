"""The browser values that the owner copies: since when each is in use, and when Grok last refused a
request that it was part of.

Theory
------
``cf_clearance`` lives for hours to days, ``x-statsig-id`` for less, and neither says when it ends.
What shows an owner whether to copy anew is their age, and refusals since. The configuration has no
time of its values: a file's time changes with every other setting. So the server notes when it
first sees a value, and recognises it after a restart.

Rules
-----
1. A value is in no record: a salted hash shows whether it is the same. (The User-Agent could be
   guessed from its hash; it is no secret.)
2. Another value begins anew: its age is 0, and nothing is held against it.
3. A challenge concerns what Grok's edge looks at, ``cf_clearance`` and the User-Agent. A refusal by
   anti-bot rules concerns them too, and over REST ``x-statsig-id``, which the websocket never
   sends.
4. Of the refusals the last one is kept for each lane and egress, of up to 20 of these.

All times are seconds since 1970.
"""

from __future__ import annotations

import enum
import hashlib
import math
from collections.abc import Callable, Iterator, Mapping

from attrs import asdict, define, field, frozen

from ..errors import AntiBotRefusal, Challenge, GrokApiError
from .models import WebLane

__all__ = [
    "RECORD_KEYS",
    "BrowserValues",
    "GivenValue",
    "Refusal",
    "Source",
    "ValueView",
]

NAMES = ("cf_clearance", "user_agent", "x_statsig_id")

_KEY = "browser value "
RECORD_KEYS = frozenset(f"{_KEY}{name}" for name in NAMES)
"""Keys of this module's records; no token has such a key."""

MOST_REFUSALS = 20
MOST_CHARS = 100
"""Most characters of a text in a record that is read."""


class Source(enum.Enum):
    """The origin of a value. ``NONE``: the setting is empty."""

    OWN = "own"
    SHIPPED = "shipped"
    NONE = "none"


@frozen
class GivenValue:
    """A value as configured; a table of values is one text."""

    text: str = field(repr=False)
    source: Source


@frozen
class Refusal:
    """The last refusal by one lane through one egress.

    :ivar egress: as :func:`~grokcore.protocol.pool.view.egress_label` names it.
    """

    lane: str
    egress: str
    code: str
    at: float


@frozen
class ValueView:
    """A value as its owner sees it.

    :ivar since: the time since which it is in use here; None if it is not the owner's.
    :ivar refused: newest first.
    """

    name: str
    source: str
    since: float | None
    refused: tuple[Refusal, ...]


@define
class _Use:
    """The use of one value, from the moment at which it was first seen."""

    given: GivenValue
    salt: str
    since: float
    refusals: list[Refusal] = field(factory=list)

    @property
    def is_worth_keeping(self) -> bool:
        return self.given.source is Source.OWN or bool(self.refusals)

    def note(self, refusal: Refusal) -> None:
        """Put *refusal* in the place of the last one of its kind."""
        kind = (refusal.lane, refusal.egress)
        others = [each for each in self.refusals if (each.lane, each.egress) != kind]
        self.refusals = [refusal, *others][:MOST_REFUSALS]

    def shift(self, seconds: float) -> None:
        self.since += seconds
        self.refusals = [
            Refusal(each.lane, each.egress, each.code, each.at + seconds) for each in self.refusals
        ]

    def record(self) -> dict[str, object]:
        return {
            "salt": self.salt,
            "hash": _hash(self.given.text, self.salt),
            "since": round(self.since, 3),
            "refusals": [asdict(refusal) for refusal in self.refusals],
        }


class BrowserValues:
    """The values in use.

    :param new_salt: returns a random text.
    """

    def __init__(self, new_salt: Callable[[], str]) -> None:
        self._new_salt = new_salt
        self._uses: dict[str, _Use] = {}
        self._unsaved: set[str] = set()

    def adopt(self, given: Mapping[str, GivenValue], now: float) -> bool:
        """Take over the values of a configuration; return whether one is another than before."""
        changed = [
            name
            for name in NAMES
            if name not in self._uses or self._uses[name].given != given[name]
        ]
        for name in changed:
            had_record = name in self._uses and self._uses[name].is_worth_keeping
            self._uses[name] = _Use(given[name], self._new_salt(), now)
            if had_record or self._uses[name].is_worth_keeping:
                self._unsaved.add(name)
        return bool(changed)

    def refused(self, error: GrokApiError, lane: WebLane, egress: str, now: float) -> bool:
        """Note that an answer was refused; return whether that concerns one of the values."""
        concerned = list(_concerned(error, lane))
        for name in concerned:
            self._uses[name].note(Refusal(lane.value, egress, error.label, now))
            self._unsaved.add(name)
        return bool(concerned)

    def clock_set(self, seconds: float) -> None:
        """Shift all times: the wall clock was set by *seconds*, and ages must stay the same."""
        for name, use in self._uses.items():
            use.shift(seconds)
            if use.is_worth_keeping:
                self._unsaved.add(name)

    def views(self) -> list[ValueView]:
        """All values, in the order of the settings."""
        return [
            ValueView(
                name,
                use.given.source.value,
                use.since if use.given.source is Source.OWN else None,
                tuple(sorted(use.refusals, key=lambda refusal: -refusal.at)),
            )
            for name, use in self._uses.items()
        ]

    # Records -------------------------------------------------------------------------------------

    def take_unsaved(self) -> dict[str, dict[str, object] | None]:
        """The records that have changed since the last call, by their keys; None for one that is to
        go.
        """
        unsaved, self._unsaved = self._unsaved, set()
        uses = {name: self._uses[name] for name in sorted(unsaved)}
        return {
            f"{_KEY}{name}": use.record() if use.is_worth_keeping else None
            for name, use in uses.items()
        }

    def recall(
        self,
        records: Mapping[str, Mapping[str, object]],
        now: float,
        set_since: Callable[[Mapping[str, object]], float],
    ) -> None:
        """Restore the uses of values that are the same as when their records were written.

        :param set_since: gives the seconds by which the wall clock was set since a record was made.
        """
        for name, use in self._uses.items():
            record = records.get(f"{_KEY}{name}")
            if record is None:
                continue
            salt = _text(record.get("salt"))
            if record.get("hash") != _hash(use.given.text, salt):
                self._unsaved.add(name)  # the record is another value's
                continue
            use.salt, use.since = salt, _time(record.get("since"), now)
            use.refusals = list(_refusals(record.get("refusals"), now))
            use.shift(set_since(record))
            self._unsaved.discard(name)


def _concerned(error: GrokApiError, lane: WebLane) -> Iterator[str]:
    if isinstance(error, Challenge | AntiBotRefusal):
        yield from ("cf_clearance", "user_agent")
    if isinstance(error, AntiBotRefusal) and lane is WebLane.REST:
        yield "x_statsig_id"


def _hash(text: str, salt: str) -> str:
    return hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest()


def _refusals(value: object, now: float) -> Iterator[Refusal]:
    for item in (value if isinstance(value, list) else [])[:MOST_REFUSALS]:
        if isinstance(item, dict):
            lane, egress, code = (_text(item.get(name)) for name in ("lane", "egress", "code"))
            yield Refusal(lane, egress, code, _time(item.get("at"), now))


def _text(value: object) -> str:
    return value[:MOST_CHARS] if isinstance(value, str) else ""


def _time(value: object, now: float) -> float:
    """A time of a record. One that is missing or lies ahead is taken for *now*."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return min(float(value), now)
    return now
