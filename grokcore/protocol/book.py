"""The token book: which token takes the next request, and what each outcome means for it.

Pure bookkeeping: ``now`` is an argument, nothing waits here. :mod:`grokcore.runtime.pool` puts the queue around it,
:mod:`grokcore.runtime.rate_limits` makes the asks, and :mod:`grokcore.runtime.store` keeps what was learned. What outcomes
teach is in :mod:`~grokcore.protocol.account`; :mod:`~grokcore.protocol.shelves` finds the best of many.

Rules
-----
1. Choice: able tier (basic before super, so that super stays free for what needs it) → open → below the cap → fewest in
   flight → most left → least recently used. A suspect token is taken only if no better one is there, not even a busy one
   that is worth the wait; and one that is spent by our own counting after that.
2. A request that has failed already takes a token that has answered before one that is not known.
3. The cost of a question is reserved with its lease. Whatever is leased is given back exactly once.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from attrs import define, frozen

from ..errors import Challenge, CredentialsRejected, GrokApiError, NoTokens, NoValidTokens, RateLimitExceeded
from .account import Account, Egress, State
from .allowance import Charge
from .asks import Ask, Asks
from .memory import recall
from .models import Model, Tier
from .quota import Quota
from .shelves import FRESH, PROVEN, SPENT, SUSPECT, Left, Shelf
from .tokens import TokenEntry

__all__ = ["Adoption", "Loan", "Need", "TokenBook"]

SURE_AFTER = 2
"""After so many failed attempts a busy token that has answered is worth waiting for, before an unknown one is tried."""


@frozen(cache_hash=True)
class Need:
    """What a request asks of the pool.

    :ivar excluded: keys of tokens that must not be taken (they failed this request by their own fault, or twice).
    :ivar avoided: keys of tokens that are taken only if no other is free (they failed it by nobody's fault).
    """

    model: Model
    excluded: frozenset[str] = frozenset()
    avoided: frozenset[str] = frozenset()


@define(eq=False)
class Loan:
    """An account that was chosen, and what was reserved of it; to be given to :meth:`TokenBook.settle` or ``abandon``."""

    account: Account
    group: str
    charge: Charge


@frozen
class Adoption:
    """What a new token list changed: how many tokens came, went, and are described otherwise."""

    added: int = 0
    removed: int = 0
    changed: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def __str__(self) -> str:
        told = [(self.added, "added"), (self.removed, "removed"), (self.changed, "changed")]
        return ", ".join(f"{count} {what}" for count, what in told if count) or "nothing changed"


@frozen
class _Verdict:
    """Why nobody is open, remembered as long as it stays true."""

    leaf: type[GrokApiError]
    message: str
    opens_at: float | None
    changes: int
    holds_until: float

    def error(self, now: float) -> GrokApiError:
        wait = None if self.opens_at is None else max(0.0, self.opens_at - now)
        in_seconds = "" if wait is None else str(max(1, math.ceil(wait)))
        return self.leaf(self.message.replace("{seconds}", in_seconds), retry_after=wait)


class TokenBook:
    """All accounts. See the theory.

    :param default_proxy: the egress of tokens that name none.
    :param max_in_flight: requests that one token may have open at once.
    :ivar accounts: those that may be used.
    :ivar disabled: how many tokens of the file may not be.
    :ivar asks: the plan of what to ask Grok.
    """

    def __init__(self, entries: Iterable[TokenEntry], *, default_proxy: str = "", max_in_flight: int = 2) -> None:
        self.accounts: list[Account] = []
        self.disabled = 0
        self.asks = Asks()
        self._all: dict[str, Account] = {}
        self._egresses: dict[str, Egress] = {}
        self._shelves: dict[tuple[Tier, str, int], Shelf] = {}
        self._max_in_flight = max_in_flight
        self._changes = 0
        self._verdicts: dict[Need, _Verdict] = {}
        self._unsaved: set[Account] = set()
        self.adopt(entries, default_proxy=default_proxy, max_in_flight=max_in_flight, now=-math.inf)

    # The token list -------------------------------------------------------------------------------------------------

    def adopt(self, entries: Iterable[TokenEntry], *, default_proxy: str, max_in_flight: int, now: float) -> Adoption:
        """Take over a new token list and its settings; what was learned of tokens that stay, stays.

        A token that comes back is remembered, and asked for at once if it was refused: somebody may have mended it.
        Loans of tokens that went are given back as ever.
        """
        entries = list(entries)
        before = {account.entry.key: (account.entry, account.egress) for account in self.accounts}
        self.accounts = [
            self._adopted(entry, self._egress(entry, default_proxy), now) for entry in entries if not entry.disabled
        ]
        self.disabled = len(entries) - len(self.accounts)
        after = {account.entry.key: (account.entry, account.egress) for account in self.accounts}
        for key in before.keys() - after.keys():
            self._all[key].retired = True
        self._max_in_flight = max_in_flight
        self._shelves.clear()
        self._verdicts.clear()
        self._changes += 1
        changed = sum(before[key] != after[key] for key in before.keys() & after.keys())
        return Adoption(len(after.keys() - before.keys()), len(before.keys() - after.keys()), changed)

    def _adopted(self, entry: TokenEntry, egress: Egress, now: float) -> Account:
        account = self._all.get(entry.key)
        if account is None:
            account = self._all[entry.key] = Account(entry, egress)
        account.entry, account.egress = entry, egress
        if account.retired:
            account.retired = False
            for allowance in account.allowances.values():
                allowance.ask_at = math.inf  # its asks were dropped
            self._plan_after_absence(account, now)
        account.version += 1
        return account

    def _egress(self, entry: TokenEntry, default_proxy: str) -> Egress:
        proxy = default_proxy if entry.proxy_url is None else entry.proxy_url
        proxy = "" if proxy == "direct" else proxy
        return self._egresses.setdefault(proxy, Egress(proxy))

    def recall(self, records: Mapping[str, Mapping[str, object]], now: float, offset: float) -> None:
        """Give accounts of which nothing is known yet what was kept of them (:mod:`~grokcore.protocol.memory`).

        Tokens that were refused, and allowances that are used up for an unknown time, are asked for at once: their
        owner may have started the server anew because something has changed.
        """
        for account in self.accounts:
            record = records.get(account.entry.key)
            if record is None:
                continue
            recall(account, record, now, offset)
            self._plan_after_absence(account, now)
            account.version += 1
        self._shelves.clear()
        self._changes += 1

    def _plan_after_absence(self, account: Account, now: float) -> None:
        """Plan the asks of an account that nobody has looked after for a while."""
        if account.invalid:
            account.cooling_until = now
        for group, allowance in account.allowances.items():
            self.asks.replan(account, group, now)
            used_up = allowance.open_at(1) > now and allowance.cooling_until <= now
            if account.invalid or (used_up and allowance.quota is not None and allowance.quota.wait_s is None):
                self.asks.wish(account, group, now)

    # Choice ---------------------------------------------------------------------------------------------------------

    def choose(self, need: Need, now: float, *, patient: bool = True) -> Loan | None:
        """Lend an account for *need*; None if there is none, or none that is as good as one worth waiting for.

        :param patient: False takes whatever is free.
        """
        shelves = self._woken(need, now)
        account = self._ready(need, shelves, now, patient=patient)
        if account is None:
            return None
        allowance = account.allowance(need.model.rate_limit_name)
        self.asks.first_use(account, need.model.rate_limit_name, now)
        loan = Loan(account, need.model.rate_limit_name, allowance.take(need.model.cost))
        account.in_flight += 1
        account.last_used = now
        self._touch(account, now)
        return loan

    def _ready(self, need: Need, shelves: Sequence[Shelf], now: float, *, patient: bool) -> Account | None:
        failed = need.excluded | need.avoided
        # Good ones first; those that failed this request by nobody's fault, and are not suspect any more, after them.
        tries = (((PROVEN,), failed), ((FRESH,), failed), (_GOOD, need.excluded)) if failed else ((_GOOD, failed),)
        for kinds, passed_over in tries:
            account = _first(shelves, kinds, passed_over, now)
            if account is not None:
                return account
            if (
                kinds == (PROVEN,)
                and patient
                and len(failed) >= SURE_AFTER
                and _worth_a_wait(shelves, kinds, failed, now)
            ):
                return None
        if patient and _worth_a_wait(shelves, _GOOD, failed, now):
            return None
        for passed_over in (failed, need.excluded) if need.avoided else (failed,):
            for kind in (SUSPECT, SPENT):
                account = _first(shelves, (kind,), passed_over, now)
                if account is not None:
                    return account
        return None

    def hopeless(self, need: Need, now: float) -> GrokApiError | None:
        """Why waiting for a busy token would not help; None if it would."""
        kinds = (PROVEN, FRESH, SUSPECT, SPENT)
        for shelf in self._woken(need, now):
            if shelf.best(kinds, need.excluded, now) or shelf.has_busy(kinds, need.excluded, now):
                return None
        known = self._verdicts.get(need)
        if known is None or known.changes != self._changes or known.holds_until <= now:
            known = self._judge(need, now)
            # Those with exclusions are as many as failed requests, and rarely asked for twice.
            if not need.excluded:
                self._verdicts[need] = known
        return known.error(now)

    def next_opening(self, need: Need, now: float) -> float:
        """When the next account that could serve *need* may stop cooling or resting; infinity if none is."""
        return min((shelf.next_opening() for shelf in self._woken(need, now)), default=math.inf)

    def left(self, need: Need, now: float) -> Left | None:
        """What is known to be left for *need*, over all tokens that may be asked; None if nothing is known."""
        known = [left for shelf in self._woken(need, now) if (left := shelf.left(now)) is not None]
        if not known:
            return None
        return Left(
            sum(left.remaining for left in known),
            sum(left.total for left in known),
            min(left.renewed_at for left in known),
        )

    def _woken(self, need: Need, now: float) -> list[Shelf]:
        """The shelves that may serve *need*, the one to be preferred first."""
        tiers = (Tier.BASIC, Tier.SUPER) if need.model.tier is Tier.BASIC else (Tier.SUPER,)
        shelves = [self._shelf(tier, need.model, now) for tier in tiers]
        for shelf in shelves:
            shelf.wake(now)
        return shelves

    def _shelf(self, tier: Tier, model: Model, now: float) -> Shelf:
        key = (tier, model.rate_limit_name, model.cost)
        shelf = self._shelves.get(key)
        if shelf is None:
            shelf = self._shelves[key] = Shelf(model.rate_limit_name, model.cost, self._max_in_flight)
            for account in self.accounts:
                if account.entry.tier is tier:
                    shelf.put(account, now)
        return shelf

    # Outcomes -------------------------------------------------------------------------------------------------------

    def settle(self, loan: Loan, error: GrokApiError | None, now: float) -> None:
        """Give an account back after an attempt.

        :param error: None for a success; the attempt's failure otherwise.
        """
        account, group = loan.account, loan.group
        account.in_flight -= 1
        if error is None:
            account.succeed(group, now)
        else:
            account.allowance(group).give_back(loan.charge)
            account.fail(group, error, now)
        if error is None or isinstance(error, RateLimitExceeded):
            self.asks.used(account, group, now)
        self._learned(account, group, now)

    def abandon(self, loan: Loan, now: float) -> None:
        """Give an account back after an attempt that nobody waited for.

        Nothing is learned of it; whether Grok counts the question will be asked.
        """
        loan.account.in_flight -= 1
        self.asks.used(loan.account, loan.group, now)
        self._touch(loan.account, now)

    def asked(self, ask: Ask, answer: Quota | GrokApiError | None, now: float) -> None:
        """An ask has come to its end: with what is left, with a failure, or with nothing that could be read.

        A refused credential counts, unless the token has answered: then its next question will tell. No other failure
        says anything of the account: asking is a call of its own, with limits of its own.
        """
        account, allowance = ask.account, ask.account.allowance(ask.group)
        if isinstance(answer, Quota):
            allowance.learn(answer, now)
        else:
            allowance.learn_nothing()
        if not isinstance(answer, CredentialsRejected):
            account.reprieve(now)
        elif not account.answered:
            account.doubt(answer.message, now)
        self._learned(account, ask.group, now)

    def _learned(self, account: Account, group: str, now: float) -> None:
        self.asks.replan(account, group, now)
        self._changes += 1
        self._touch(account, now)

    def _touch(self, account: Account, now: float) -> None:
        """Something about it has changed: its places on the shelves, and what is to be saved."""
        account.version += 1
        self._unsaved.add(account)
        if account.retired:
            return
        for (tier, _, _), shelf in self._shelves.items():
            if tier is account.entry.tier:
                shelf.put(account, now)

    # Seen from outside ----------------------------------------------------------------------------------------------

    def counts(self, now: float) -> dict[str, int]:
        """Accounts by state, for ``/health``."""
        states = [account.state(now) for account in self.accounts]
        return {state: states.count(state) for state in (State.OK, State.UNKNOWN, State.COOLING, State.INVALID)}

    def egresses(self) -> list[Egress]:
        """The ways to Grok that are in use."""
        return list({id(account.egress): account.egress for account in self.accounts}.values())

    def next_reset(self, now: float) -> float | None:
        """When the next token that is cooling is back; None if none is."""
        openings = (opening for account in self.accounts for opening in _openings(account) if now < opening < math.inf)
        return min(openings, default=None)

    def take_unsaved(self) -> set[Account]:
        """The accounts of which something was learned since this was last called."""
        unsaved, self._unsaved = self._unsaved, set()
        return unsaved

    # Why there is nobody ----------------------------------------------------------------------------------------------

    def _judge(self, need: Need, now: float) -> _Verdict:
        """Look at every account: why is each of them shut?"""
        able = [
            account for account in self.accounts if need.model.tier is Tier.BASIC or account.entry.tier is Tier.SUPER
        ]
        leaf, message, opens_at = self._why(need, able, now)
        return _Verdict(leaf, message, opens_at, self._changes, self.next_opening(need, now))

    def _why(self, need: Need, able: Sequence[Account], now: float) -> tuple[type[GrokApiError], str, float | None]:
        group, cost = need.model.rate_limit_name, need.model.cost
        if not able:
            return NoTokens, self._why_none_able(need), None
        opens = {account: account.open_at(group, cost) for account in able}
        shut = [account for account in able if max(opens[account], account.egress.paused_until) > now]
        if not shut:
            return NoValidTokens, "Every token that may use this model was tried for this request, and failed.", None
        resting = [account.egress.paused_until for account in shut if opens[account] <= now]
        if resting:
            return Challenge, _RESTING, min(resting)
        refusals = [account.refusal for account in shut if account.refusal]
        if len(refusals) == len(shut):
            return NoValidTokens, f"No configured token is accepted by Grok any more. {refusals[0]}", None
        return RateLimitExceeded, _USED_UP, min(at for account, at in opens.items() if at > now and not account.refusal)

    def _why_none_able(self, need: Need) -> str:
        if not self.accounts:
            return (
                "No Grok token is configured. Put the sso cookie of your grok.com session into tokens.json (see "
                "tokens.example.json); it is taken over within seconds."
            )
        return f"The model {need.model.name} needs a token of a Super account, and none is configured."


_RESTING = (
    "Grok answered with a challenge page a moment ago, so this address is left alone for now. Open grok.com in your "
    "browser through the same proxy and copy its cf_clearance cookie and User-Agent into the configuration; the three "
    "belong together."
)
_USED_UP = "All tokens for this model are used up for now; the first is back in {seconds} s."


_GOOD = (PROVEN, FRESH)


def _first(shelves: Sequence[Shelf], kinds: Sequence[str], passed_over: Container[str], now: float) -> Account | None:
    """The best ready account of these kinds on the first shelf that has one."""
    for shelf in shelves:
        account = shelf.best(kinds, passed_over, now)
        if account is not None:
            return account
    return None


def _worth_a_wait(shelves: Sequence[Shelf], kinds: Sequence[str], passed_over: Container[str], now: float) -> bool:
    return any(shelf.has_busy(kinds, passed_over, now) for shelf in shelves)


def _openings(account: Account) -> Iterator[float]:
    if not account.invalid:
        yield account.cooling_until
        for allowance in account.allowances.values():
            yield allowance.open_at(1)
