"""Who is in the pool: the accounts of the token file, and what is remembered of those that went."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from attrs import frozen

from .account import Account, Egress
from .memory import recall
from .tokens import TokenEntry

__all__ = ["Adoption", "Roster"]

FORGOTTEN_ABOVE = 1000
"""Accounts that are gone and may be remembered all the same; of more, those with nothing under way are forgotten."""


@frozen
class Adoption:
    """What a new token list changed.

    :ivar returned: accounts that were not looked after for a while: they came back, or were recalled from a record.
    """

    added: int = 0
    removed: int = 0
    changed: int = 0
    returned: tuple[Account, ...] = ()

    def __str__(self) -> str:
        """In words; empty if nothing is different."""
        told = [(self.added, "added"), (self.removed, "removed"), (self.changed, "changed")]
        return ", ".join(f"{count} {what}" for count, what in told if count)


class Roster:
    """The accounts.

    :ivar accounts: those that may be used.
    :ivar disabled: how many tokens of the file may not be.
    """

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.disabled = 0
        self._all: dict[str, Account] = {}
        self._egresses: dict[str, Egress] = {}
        self._records: dict[str, Mapping[str, object]] = {}
        self._offset = 0.0

    def remember(self, records: Mapping[str, Mapping[str, object]], now: float, offset: float) -> tuple[Account, ...]:
        """Recall accounts from *records* (:mod:`~grokcore.protocol.memory`), now or when they come.

        :returns: the accounts that are recalled by now.
        """
        self._records, self._offset = dict(records), offset
        return tuple(account for account in self.accounts if self._recalled(account, now))

    def adopt(self, entries: Sequence[TokenEntry], default_proxy: str, now: float) -> Adoption:
        """Take over a new token list. An account that comes back is remembered."""
        before = {account.entry.key: (account.entry, account.egress) for account in self.accounts}
        returned: list[Account] = []
        self.accounts = [
            self._adopted(entry, self._egress(entry, default_proxy), returned, now)
            for entry in entries
            if not entry.disabled
        ]
        self.disabled = len(entries) - len(self.accounts)
        after = {account.entry.key: (account.entry, account.egress) for account in self.accounts}
        for key in before.keys() - after.keys():
            self._all[key].retired = True
        self._forget(now)
        changed = sum(before[key] != after[key] for key in before.keys() & after.keys())
        came, went = after.keys() - before.keys(), before.keys() - after.keys()
        return Adoption(len(came), len(went), changed, tuple(returned))

    def egresses(self) -> list[Egress]:
        """The ways to Grok that are in use."""
        return list({id(account.egress): account.egress for account in self.accounts}.values())

    def _adopted(self, entry: TokenEntry, egress: Egress, returned: list[Account], now: float) -> Account:
        account = self._all.get(entry.key)
        if account is None:
            account = self._all[entry.key] = Account(entry, egress)
            if self._recalled(account, now):
                returned.append(account)
        account.entry, account.egress = entry, egress
        if account.retired:
            account.retired = False
            for allowance in account.allowances.values():
                allowance.ask_at = math.inf  # its asks were dropped
            returned.append(account)
        return account

    def _recalled(self, account: Account, now: float) -> bool:
        record = self._records.pop(account.entry.key, None)
        if record is not None:
            recall(account, record, now, self._offset)
        return record is not None

    def _egress(self, entry: TokenEntry, default_proxy: str) -> Egress:
        proxy = default_proxy if entry.proxy_url is None else entry.proxy_url
        proxy = "" if proxy == "direct" else proxy
        return self._egresses.setdefault(proxy, Egress(proxy))

    def _forget(self, now: float) -> None:
        """Bound what is remembered of those that went: a file whose tokens change daily must not fill the memory."""
        gone = [key for key, account in self._all.items() if account.retired and not account.in_flight]
        for key in gone[: max(0, len(gone) - FORGOTTEN_ABOVE)]:
            del self._all[key]
        used = {id(egress) for egress in self.egresses()}
        self._egresses = {
            proxy: egress for proxy, egress in self._egresses.items() if id(egress) in used or egress.paused_until > now
        }
