"""The accounts of the token file, and the state of tokens that were removed from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from ..tokens import ID_DIGITS, TokenEntry
from .account import Account, Egress
from .records import recall

__all__ = ["Adoption", "Roster", "UnknownToken"]

FORGOTTEN_ABOVE = 1000
"""Removed accounts that are remembered. Of more, those without requests under way are forgotten."""


class UnknownToken(LookupError):
    """No token has this id, or more than one. ``str()`` is a sentence for a person."""


@frozen
class Adoption:
    """The changes that a new token list made.

    :ivar returned: accounts that are in use from now on: new ones, and those that came back.
    """

    added: int = 0
    removed: int = 0
    changed: int = 0
    returned: tuple[Account, ...] = ()

    def __str__(self) -> str:
        """The changes in words; empty if there are none."""
        counts = [(self.added, "added"), (self.removed, "removed"), (self.changed, "changed")]
        return ", ".join(f"{count} {change}" for count, change in counts if count)


class Roster:
    """All accounts, by key.

    :ivar listed: accounts of the token file, in its order.
    :ivar accounts: the part of them that may be used.
    :ivar aside: the other part: disabled in the file, or switched off.
    :ivar shared: whether other servers may own accounts, so that new ones are withheld at first.
    """

    def __init__(self) -> None:
        self.listed: list[Account] = []
        self.accounts: list[Account] = []
        self.aside: list[Account] = []
        self.shared = False
        self._all: dict[str, Account] = {}
        self._egresses: dict[str, Egress] = {}
        self._records: dict[str, Mapping[str, object]] = {}
        self._offsets: Mapping[str, float] = {}
        self._missed_s = 0.0  # by the caller's clock, since the offsets were taken

    def find(self, token: str) -> Account:
        """The account of a token in the file.

        :param token: its id, or more of its key if two tokens share the id.
        :raises UnknownToken: if no token has this id, or more than one.
        """
        wanted = token.strip().lower()
        matches = [account for account in self.listed if account.entry.key.startswith(wanted)]
        if len(wanted) < ID_DIGITS or not matches:
            raise UnknownToken("There is no token of that id.")
        if len(matches) > 1:
            raise UnknownToken("More than one token has that id. Use more digits of its key.")
        return matches[0]

    def get(self, key: str) -> Account | None:
        """The account of this key, in the file or removed from it; None if there is none."""
        return self._all.get(key)

    def remember(
        self, records: Mapping[str, Mapping[str, object]], now: float, offsets: Mapping[str, float]
    ) -> tuple[Account, ...]:
        """Restore accounts from *records* (:mod:`~grokcore.protocol.pool.records`): now, or when
        their token is added to the file.

        :param offsets: by key, the offset of the wall clock that wrote the record.
        :returns: the accounts in use that are restored now.
        """
        self._records, self._offsets, self._missed_s = dict(records), offsets, 0.0
        recalled = [account for account in self.listed if self._recalled(account, now)]
        self._part()
        return tuple(account for account in recalled if not account.retired)

    def adopt(self, entries: Sequence[TokenEntry], default_proxy: str, now: float) -> Adoption:
        """Take over a new token list. An account that comes back has its former state."""
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
        """Switch an account of the file on or off. One that the file disables stays disabled."""
        account.switched_off = not on
        self._part()

    def egresses(self) -> list[Egress]:
        """The egresses in use."""
        return list({id(account.egress): account.egress for account in self.accounts}.values())

    def shift(self, seconds: float) -> None:
        """Move all times earlier by *seconds* that the caller's clock has missed."""
        self._missed_s += seconds
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
        """Forget the failures of all egresses, in use or not."""
        for egress in self._egresses.values():
            egress.forget()

    def _enabled_in_file(self) -> dict[str, tuple[TokenEntry, Egress]]:
        enabled = (account for account in self.listed if not account.entry.disabled)
        return {account.entry.key: (account.entry, account.egress) for account in enabled}

    def _adopted(self, entry: TokenEntry, egress: Egress, now: float) -> Account:
        account = self._all.get(entry.key)
        if account is None:
            account = Account(entry, egress, retired=True, withheld=self.shared)
            self._all[entry.key] = account
            self._recalled(account, now)
        account.entry, account.egress = entry, egress
        return account

    def _part(self) -> tuple[Account, ...]:
        """Divide the accounts of the file into usable and other ones.

        :returns: usable ones that were not in use before.
        """
        self.accounts = [account for account in self.listed if not account.disabled]
        self.aside = [account for account in self.listed if account.disabled]
        returned = tuple(account for account in self.accounts if account.retired)
        for account in returned:
            account.retired = False
            for allowance in account.allowances.values():
                allowance.drop_polls()  # the plan skipped them while the account was out of use
        for account in self.aside:
            account.retired = True
        return returned

    def _recalled(self, account: Account, now: float) -> bool:
        record = self._records.pop(account.entry.key, None)
        if record is not None:
            recall(account, record, now, self._offsets[account.entry.key] + self._missed_s)
        return record is not None

    def _egress(self, entry: TokenEntry, default_proxy: str) -> Egress:
        proxy = default_proxy if entry.proxy_url is None else entry.proxy_url
        proxy = "" if proxy == "direct" else proxy
        return self._egresses.setdefault(proxy, Egress(proxy))

    def _forget(self, now: float) -> None:
        """Bound the number of removed accounts: a file whose tokens change daily must not fill the
        memory.

        Accounts that an owner switched off one by one are few, and must still be off when they come
        back.
        """
        listed = {account.entry.key for account in self.listed}
        removed = [
            account
            for key, account in self._all.items()
            if key not in listed and not account.switched_off
        ]
        idle = [account.entry.key for account in removed if not account.in_flight]
        for key in idle[: max(0, len(idle) - FORGOTTEN_ABOVE)]:
            del self._all[key]
        used = {id(account.egress) for account in self.listed}
        self._egresses = {
            proxy: egress
            for proxy, egress in self._egresses.items()
            if id(egress) in used or egress.paused_until > now
        }
