"""The choice of a token once more, by looking at every token: slow, and in the order of the rules
in book.py's docstring.
"""

from __future__ import annotations

from attrs import frozen

from grokcore.protocol.models import Tier, WebLane
from grokcore.protocol.pool.account import Account
from grokcore.protocol.pool.book import Need, TokenBook


@frozen
class Reference:
    """One request at one moment.

    :ivar cap: how many requests a token may have in flight.
    :ivar patient: whether the request may wait for a better token.
    """

    book: TokenBook
    need: Need
    now: float
    cap: int
    patient: bool = True

    def choice(self) -> list[Account]:
        """The tokens that are equally good to take; none if the request has to wait."""
        if self.book.overload.shut_until(self.group) > self.now:
            return []
        known = self.proven() if self.failed else self.good()
        if found := self.best(known):
            return found
        if len(self.failed) >= 2 and self.worth_waiting_for(self.proven()):
            return []
        if found := self.best(self.new()) or self.best(self.good(), self.need.excluded):
            return found
        if self.worth_waiting_for(self.good()):
            return []
        return self.last_resort()

    # Rule 1: able, open, below the cap; of these the fewest in flight, the most left, the least
    # recently used.

    def able(self) -> list[Account]:
        model = self.need.model
        mode = model.mode_id if model.web_lane is WebLane.SOCKET else None
        return [
            account
            for account in self.book.accounts
            if model.tier is Tier.BASIC or account.entry.tier is Tier.SUPER
            if mode not in account.refused_modes
        ]

    def opens_at(self, account: Account) -> float:
        return max(account.open_at(self.group, self.need.model.cost), account.egress.paused_until)

    def open_now(self) -> list[Account]:
        able = [account for account in self.able() if account.entry.key not in self.need.excluded]
        return [account for account in able if self.opens_at(account) <= self.now]

    def best(self, accounts: list[Account], without: frozenset[str] | None = None) -> list[Account]:
        """Those of *accounts* that have room and come first; basic ones, as long as there are any.

        :param without: keys of tokens that don't count; by default those that have failed this
            request.
        """
        without = self.failed if without is None else without
        ready = [
            one for one in accounts if one.in_flight < self.cap and one.entry.key not in without
        ]
        for tier in (Tier.BASIC, Tier.SUPER):
            ranks = [self.rank(one) for one in ready if one.entry.tier is tier]
            if ranks:
                return [
                    one for one in ready if one.entry.tier is tier and self.rank(one) == min(ranks)
                ]
        return []

    def rank(self, account: Account) -> tuple[float, ...]:
        return account.in_flight, -account.allowance(self.group).rank(self.now), account.last_used

    # Rule 2: suspect tokens, and then those that are spent by our own count, come last.

    def good(self) -> list[Account]:
        return [
            one
            for one in self.open_now()
            if one.suspect_until <= self.now and not self.is_spent(one)
        ]

    def is_spent(self, account: Account) -> bool:
        return account.allowance(self.group).spent(self.need.model.cost, self.now)

    def worth_waiting_for(self, accounts: list[Account]) -> bool:
        """Whether the request waits for one of them that is busy."""
        busy = [
            one
            for one in accounts
            if one.in_flight >= self.cap and one.entry.key not in self.failed
        ]
        return self.patient and bool(busy)

    def last_resort(self) -> list[Account]:
        suspect = [
            one
            for one in self.open_now()
            if one.suspect_until > self.now and not self.is_spent(one)
        ]
        spent = [one for one in self.open_now() if self.is_spent(one)]
        ways = [
            (accounts, without)
            for without in (self.failed, self.need.excluded)
            for accounts in (suspect, spent)
        ]
        return next((found for way in ways if (found := self.best(*way))), [])

    # Rule 3: a request that has failed takes a token that has answered before one that is not
    # known.

    @property
    def failed(self) -> frozenset[str]:
        return self.need.excluded | self.need.avoided

    def proven(self) -> list[Account]:
        return [account for account in self.good() if account.answered]

    def new(self) -> list[Account]:
        return [account for account in self.good() if not account.answered]

    @property
    def group(self) -> str:
        return self.need.model.rate_limit_name
