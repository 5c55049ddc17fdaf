"""The day's spending of a paid lane, counted for all servers together.

The ledger is a text in the shared table, which a server replaces as a whole. Its rules are those of
:class:`~grokcore.protocol.pool.spending.Spending`. Beside the sums it lists the answers under way,
each with its reserve. That of a killed server counts as its expected cost
after :data:`FORSAKEN_S`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from attrs import define, field

from ..pool.spending import Reserve, Spending

__all__ = ["Ledger"]

FORSAKEN_S = 3600.0
"""Seconds. No answer takes as long: its total clock is at most half of that."""


@define
class Ledger:
    """A ledger, as one server reads and changes it.

    :ivar spending: the day and its sums.
    :ivar new: whether nothing was ever written in it.
    """

    spending: Spending
    new: bool = False
    _open: dict[str, tuple[Reserve, float]] = field(factory=dict)

    @classmethod
    def read(cls, text: str, cap: int, now: float) -> Ledger:
        """The ledger of this text; an empty one if it is empty, or can't be read.

        :param cap: the most that a day may cost, in ticks.
        :param now: seconds since 1970.
        """
        values = _object(text)
        ledger = cls(Spending(cap), new=not values)
        ledger.spending.recall(values)
        entries = values.get("open")
        for entry, listed in entries.items() if isinstance(entries, dict) else ():
            ledger._resume(entry, listed, now)
        return ledger

    def _resume(self, entry: str, listed: object, now: float) -> None:
        match listed:
            case [str(model), int() | None as ticks, int(expected), int() | float() as until]:
                reserve = Reserve(model, ticks, expected)
                self.spending.resume(reserve)
                if until < now:
                    self.spending.settle(reserve, None)
                else:
                    self._open[entry] = reserve, float(until)
            case _:
                pass

    def begin(self, entry: str, model: str, day: str, now: float) -> bool:
        """Enter an answer of *model*; return False if it has to wait, or the cap is reached.

        :param entry: name of the answer, which no other has.
        """
        self.spending.turn_to(day)
        reserve = self.spending.begin(model)
        if reserve is None:
            return False
        self._open[entry] = reserve, now + FORSAKEN_S
        return True

    def end(self, entry: str, ticks: int | None) -> None:
        """End an answer with its cost; None if that is not known. One that is not there, or has
        ended, counts nothing.
        """
        reserve, _ = self._open.pop(entry, (None, 0.0))
        if reserve is not None:
            self.spending.settle(reserve, ticks)

    @property
    def text(self) -> str:
        """The ledger, for the table."""
        spending = self.spending
        spending.changed = True
        record = spending.take_record() or {}
        record["ticks"] = spending.spent
        record["open"] = {
            entry: [reserve.model, reserve.ticks, reserve.expected, until]
            for entry, (reserve, until) in self._open.items()
        }
        return json.dumps(record)


def _object(text: str) -> Mapping[str, object]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
