"""Kinds of shortness: what a server lacks, in words that another server understands."""

from __future__ import annotations

import json

from attrs import frozen

from ..models import Model, Tier
from ..pool.account import Account

__all__ = ["Kind", "kind_of", "read_kind", "share_of"]


@frozen(cache_hash=True)
class Kind:
    """Tokens that ease a shortness.

    :ivar tier: the tier of the tokens, by its name; of questions: the tier that they need.
    :ivar group: the allowance that a question takes; empty if every token of the tier will do,
        since the server has less than its share of them.
    """

    tier: str
    group: str = ""
    cost: int = 0
    mode: str = ""

    @property
    def name(self) -> str:
        """The kind's text, for the table."""
        return json.dumps([self.tier, self.group, self.cost, self.mode])

    def fits(self, account: Account, now: float) -> bool:
        """Whether *account* could take such a question now, if it is not busy."""
        if not self.group:
            return account.entry.tier.value == self.tier
        in_tier = self.tier == Tier.BASIC.value or account.entry.tier is Tier.SUPER
        opens_at = max(account.open_at(self.group, self.cost), account.egress.paused_until)
        return in_tier and self.mode not in account.refused_modes and opens_at <= now


def kind_of(model: Model) -> Kind:
    """The kind of questions to *model*."""
    return Kind(model.tier.value, model.rate_limit_name, model.cost, model.socket_mode)


def share_of(tier: Tier) -> Kind:
    """The kind of tokens that a server has less than its share of."""
    return Kind(tier.value)


def read_kind(name: str) -> Kind | None:
    """The kind of this name; None if it can't be read (another version may have made it)."""
    try:
        tier, group, cost, mode = json.loads(name)
    except (ValueError, TypeError):
        return None
    kind = Kind(tier, group, cost, mode)
    typed = all(isinstance(text, str) for text in (tier, group, mode)) and type(cost) is int
    return kind if typed else None
