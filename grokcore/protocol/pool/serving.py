"""The models that the accounts may be asked for, however busy or used up they are.

Theory
------
A client reads the list of models once, and keeps it. So a list must not depend on what an hour
changes: an account counts while it cools and when its allowance is used up. It does not count if it
is disabled, or if Grok has refused its credential for good.

Of the rest, the tier and the refused modes decide. Few accounts differ in both, so one of each kind
is looked at.
"""

from __future__ import annotations

from ..models import Model, Tier
from .account import Account
from .roster import Roster

__all__ = ["Serving"]


class Serving:
    """An account of each kind, remembered until an account's kind has changed."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._kinds: list[Account] | None = None

    def forget(self) -> None:
        """Look at all accounts anew: one of them has come, gone, or changed."""
        self._kinds = None

    @property
    def idle(self) -> bool:
        """Whether no account counts, so that nothing is known of what Grok would allow."""
        return not self._looked_up()

    def serves(self, model: Model) -> bool:
        """Whether an account may be asked for *model*, now or later."""
        return any(account.may_use(model) for account in self._looked_up())

    def _looked_up(self) -> list[Account]:
        if self._kinds is None:
            # A tier is no part of a key: ten thousand accounts would spend most of the time on
            # hashes of an enum's member.
            kinds: dict[Tier, dict[frozenset[str], Account]] = {tier: {} for tier in Tier}
            basic, others = kinds[Tier.BASIC], kinds[Tier.SUPER]
            for account in self._roster.accounts:
                if not account.invalid:
                    alike = basic if account.entry.tier is Tier.BASIC else others
                    alike[frozenset(account.refused_modes)] = account
            self._kinds = [account for alike in kinds.values() for account in alike.values()]
        return self._kinds
