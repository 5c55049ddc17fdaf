"""Who is in the pool: the accounts of the token file, and what is remembered of those that went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from ..tokens import ID_DIGITS, TokenEntry
from .account import Account, Egress
from .records import recall

__all__ = ["Adoption", "Roster", "UnknownToken"]

FORGOTTEN_ABOVE = 1000
"""Accounts that are gone and may be remembered all the same; of more, those with nothing under way
are forgotten.
"""


class UnknownToken(LookupError):
    """There is no such token, or more than one. ``str()`` is a sentence for a person."""


@frozen
class Adoption:
    """What a new token list changed.

    :ivar returned: accounts that were not looked after until now: they are new, came back, or were
        recalled from a record.
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

    :ivar listed: those of the token file, in its order.
    :ivar accounts: those of them that may be used.
    :ivar aside: those that may not be: disabled in the file, or switched off.
    """

    def __init__(self) -> None:
        self.listed: list[Account] = []
        self.accounts: list[Account] = []
        self.aside: list[Account] = []
        self._all: dict[str, Account] = {}
        self._egresses: dict[str, Egress] = {}
        self._records: dict[str, Mapping[str, object]] = {}
        self._offsets: Mapping[str, float] = {}
        self._missed = 0.0  # by the caller's clock, since the offsets were taken

    def find(self, token: str) -> Account:
        """The account of a token in the file, by its short id, or as much more of its key as it
        takes.

        :raises UnknownToken: it is of no token, or of more than one.
        """
        wanted = token.strip().lower()
        found = [account for account in self.listed if account.entry.key.startswith(wanted)]
        if len(wanted) < ID_DIGITS or not found:
            raise UnknownToken("There is no token of that id.")
        if len(found) > 1:
            raise UnknownToken("More than one token has that id. Their whole keys tell them apart.")
        return found[0]

    def remember(
        self, records: Mapping[str, Mapping[str, object]], now: float, offsets: Mapping[str, float]
    ) -> tuple[Account, ...]:
        """Recall accounts from *records* (:mod:`~grokcore.protocol.pool.records`), now or when they
        come.

        :param offsets: for each, the wall clock that it was written by, minus the caller's.
        :returns: the accounts in use that are recalled by now.
        """
        self._records, self._offsets, self._missed = dict(records), offsets, 0.0
        recalled = [account for account in self.listed if self._recalled(account, now)]
        self._part()
        return tuple(account for account in recalled if not account.retired)

    def adopt(self, entries: Sequence[TokenEntry], default_proxy: str, now: float) -> Adoption:
        """Take over a new token list. An account that comes back is remembered."""
        before = self._enabled_in_file()
        self.listed = [
            self._adopted(entry, self._egress(entry, default_proxy), now) for entry in entries
        ]
        after = self._enabled_in_file()
        for key in before.keys() - after.keys():
            self._all[key].retired = True
        returned = self._part()
        self._forget(now)
        changed = sum(before[key] != after[key] for key in before.keys() & after.keys())
        came, went = after.keys() - before.keys(), before.keys() - after.keys()
        return Adoption(len(came), len(went), changed, returned)

    def switch(self, account: Account, *, on: bool) -> None:
        """Use an account that is in the file, or don't, whatever the file says."""
        account.switched_off = not on
        self._part()

    def egresses(self) -> list[Egress]:
        """The ways to Grok that are in use."""
        return list({id(account.egress): account.egress for account in self.accounts}.values())

    def shift(self, seconds: float) -> None:
        """So much time has passed that the caller's clock has not counted."""
        self._missed += seconds
        egresses = {id(egress): egress for egress in self._egresses.values()}
        for account in self._all.values():
            account.shift(seconds)
            egresses[id(account.egress)] = account.egress
        for egress in egresses.values():
            egress.shift(seconds)

    def with_history(self) -> list[Account]:
        """The accounts that have a state to save."""
        return [account for account in self._all.values() if account.has_history]

    def forget_egresses(self) -> None:
        """What was learned of the ways to Grok, in use or not, does not hold."""
        for egress in self._egresses.values():
            egress.forget()

    def _enabled_in_file(self) -> dict[str, tuple[TokenEntry, Egress]]:
        enabled = (account for account in self.listed if not account.entry.disabled)
        return {account.entry.key: (account.entry, account.egress) for account in enabled}

    def _adopted(self, entry: TokenEntry, egress: Egress, now: float) -> Account:
        account = self._all.get(entry.key)
        if account is None:
            account = self._all[entry.key] = Account(entry, egress, retired=True)
            self._recalled(account, now)
        account.entry, account.egress = entry, egress
        return account

    def _part(self) -> tuple[Account, ...]:
        """Part those that may be used from the others. Returns those that were not in use
        before.
        """
        self.accounts = [account for account in self.listed if not account.disabled]
        self.aside = [account for account in self.listed if account.disabled]
        returned = tuple(account for account in self.accounts if account.retired)
        for account in returned:
            account.retired = False
            for allowance in account.allowances.values():
                allowance.drop_polls()  # the plan has passed over them
        for account in self.aside:
            account.retired = True
        return returned

    def _recalled(self, account: Account, now: float) -> bool:
        record = self._records.pop(account.entry.key, None)
        if record is not None:
            recall(account, record, now, self._offsets[account.entry.key] + self._missed)
        return record is not None

    def _egress(self, entry: TokenEntry, default_proxy: str) -> Egress:
        proxy = default_proxy if entry.proxy_url is None else entry.proxy_url
        proxy = "" if proxy == "direct" else proxy
        return self._egresses.setdefault(proxy, Egress(proxy))

    def _forget(self, now: float) -> None:
        """Bound what is remembered of those that went: a file whose tokens change daily must not
        fill the memory.

        Those that were switched off one by one are no such flood, and must still be off when they
        come back.
        """
        listed = {account.entry.key for account in self.listed}
        went = [
            account
            for key, account in self._all.items()
            if key not in listed and not account.switched_off
        ]
        gone = [account.entry.key for account in went if not account.in_flight]
        for key in gone[: max(0, len(gone) - FORGOTTEN_ABOVE)]:
            del self._all[key]
        used = {id(account.egress) for account in self.listed}
        self._egresses = {
            proxy: egress
            for proxy, egress in self._egresses.items()
            if id(egress) in used or egress.paused_until > now
        }
