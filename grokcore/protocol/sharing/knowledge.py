"""The states of tokens as servers report them: by the server that has a token, to all others.

Rules
-----
1. A server reports the state of a token whenever it has changed there. It is the last to know until
   another server has reported.
2. A server that was cut off, and whose ownership ended, reports what it learned until then. If
   another server has reported of the token meanwhile, the state is doubtful: Grok has to be asked.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from attrs import define, field

from ..pool.account import Account
from ..pool.book import TokenBook
from ..pool.records import record_of

__all__ = ["Knowledge", "read_object"]

RECORDS_AT_ONCE = 200
"""Records in one step, at most."""


@define(eq=False)
class Knowledge:
    """The reports of one server.

    :ivar offset: the table's clock, less that of the caller (seconds).
    """

    book: TokenBook
    offset: float = 0.0
    _latest: set[str] = field(factory=set)
    _unreported: set[Account] = field(factory=set)
    _on_its_way: frozenset[str] = frozenset()
    _doubtful: set[str] = field(factory=set)

    def owned(self, account: Account) -> None:
        """Note that this server has a token from now on."""
        self._latest.add(account.entry.key)
        if account.has_history:
            self._unreported.add(account)

    def given(self, keys: Collection[str]) -> None:
        """Note that other servers may have used these tokens."""
        self._latest.difference_update(keys)

    def ended(self, key: str) -> None:
        """Note that the ownership of a token has ended by time."""
        self._collect()
        if key in self._on_its_way or self.book.account_of(key) in self._unreported:
            self._doubtful.add(key)

    def changed(self, key: str) -> None:
        """Report a token's state anew."""
        account = self.book.account_of(key)
        if account is not None:
            self._unreported.add(account)

    def forgotten(self) -> None:
        """Report all anew: the table may have lost it."""
        accounts = filter(None, map(self.book.account_of, self._latest))
        self._unreported.update(account for account in accounts if account.has_history)

    def _collect(self) -> None:
        self._unreported.update(self.book.take_unreported())

    # Steps ---------------------------------------------------------------------------------------

    def take(self, now: float, *, all_of_them: bool = False) -> dict[str, str]:
        """The records for a step, which ends in :meth:`arrived` or :meth:`lost`."""
        self._collect()
        latest = [account for account in self._unreported if account.entry.key in self._latest]
        most = len(latest) if all_of_them else RECORDS_AT_ONCE
        self._unreported = set(latest[most:])
        records = {account.entry.key: self.record(account, now) for account in latest[:most]}
        self._on_its_way = frozenset(records)
        return records

    def record(self, account: Account, now: float) -> str:
        """The record of an account, without the id of its user, which is private."""
        record = record_of(account, now, self.offset)
        del record["user_id"]
        return json.dumps(record)

    def lost(self) -> None:
        """Note that the last records may not have arrived."""
        for key in self._on_its_way:
            self.changed(key)
        self._on_its_way = frozenset()

    def arrived(self, news: Mapping[str, str], owned: Collection[str], now: float) -> list[str]:
        """Note that the last records have arrived, and hear the *news*.

        :param owned: tokens that this server has; it knows these better.
        :returns: tokens of which Grok has to be asked (rule 2).
        """
        arrived, self._on_its_way = self._on_its_way, frozenset()
        for key, text in news.items():
            account, record = self.book.account_of(key), read_object(text)
            if account is not None and record and key not in owned:
                self._latest.discard(key)
                self.book.hear(account, record, now, self.offset)
        to_ask = [key for key in self._doubtful if key in news]
        self._doubtful -= arrived | news.keys()
        return to_ask


def read_object(text: str) -> dict[str, object]:
    """The JSON object in *text*; an empty one if there is none."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
