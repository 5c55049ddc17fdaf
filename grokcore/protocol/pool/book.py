"""The token book: which token takes the next request, and what each outcome means for it.

Pure bookkeeping: ``now`` is an argument, nothing waits here. :mod:`grokcore.runtime.pool.leases`
puts the queue around it, :mod:`grokcore.runtime.lanes.grok_web.quota_polling` makes the asks, and
:mod:`grokcore.runtime.disk.state_keeper` keeps what was learned. What outcomes teach is in
:mod:`~grokcore.protocol.pool.account`; :mod:`~grokcore.protocol.pool.roster` knows who is there,
:mod:`~grokcore.protocol.pool.shelves` who is the best, :mod:`~grokcore.protocol.pool.why_not` why
there is nobody, :mod:`~grokcore.protocol.pool.view` how a token looks to its owner.

Rules
-----
1. Choice: able tier (basic before super, so that super stays free for what needs it) → open → below
   the cap → fewest in flight → most left → least recently used. A suspect token is taken only if no
   better one is there, not even a busy one that is worth the wait; and one that is spent by our own
   counting after that.
2. A request that has failed already takes a token that has answered before one that is not known.
3. The cost of a question is reserved with its lease. Whatever is leased is given back exactly once.
4. A token's owner may act on it. What Grok says afterwards counts as ever: no act makes a token
   immune.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

from attrs import define, frozen

from ...errors import (
    Challenge,
    ContentPolicyViolation,
    ContextLengthExceeded,
    CredentialsRejected,
    GrokApiError,
    IncompleteAnswer,
    QuotaExhausted,
    TimeoutChunk,
    TimeoutTotal,
    TransportFailure,
)
from ..models import SHIPPED, Model, Tier
from ..quota import Quota
from ..tokens import TokenEntry
from .account import Account, Egress, State
from .allowance import Charge
from .overload import Overload
from .quota_polls import Ask, Asks
from .roster import Adoption, Roster, UnknownToken
from .shelves import FRESH, PROVEN, SPENT, SUSPECT, Left, Shelf
from .view import TokenView, TokenViews, listing, view_of, view_of_many, within
from .why_not import Verdict, judge

__all__ = ["Loan", "Need", "TokenBook", "UnknownToken"]

SURE_AFTER = 2
"""After so many failed attempts a busy token that has answered is worth waiting for, before an
unknown one is tried.
"""


@frozen(cache_hash=True)
class Need:
    """What a request asks of the pool.

    :ivar excluded: keys of tokens that must not be taken (they failed this request by their own
        fault, or twice).
    :ivar avoided: keys of tokens that are taken only if no other is free (they failed it by
        nobody's fault).
    :ivar asker: the name of the API key that it came with; empty without one.
    """

    model: Model
    excluded: frozenset[str] = frozenset()
    avoided: frozenset[str] = frozenset()
    asker: str = ""


@define(eq=False)
class Loan:
    """An account that was chosen, and what was reserved of it; to be given to
    :meth:`TokenBook.settle` or ``abandon``.

    :ivar began: when it was lent.
    :ivar asker: whose question it is lent for.
    """

    account: Account
    egress: Egress
    group: str
    charge: Charge
    began: float
    asker: str = ""


class TokenBook:
    """All accounts. See the theory.

    :param default_proxy: the egress of tokens that name none.
    :param max_in_flight: requests that one token may have open at once.
    :ivar asks: the plan of what to ask Grok.
    :ivar overload: which models Grok is not asked for at the moment, since it sheds load.
    """

    def __init__(
        self, entries: Iterable[TokenEntry], *, default_proxy: str = "", max_in_flight: int = 2
    ) -> None:
        self.asks = Asks()
        self.overload = Overload()
        self._roster = Roster()
        self._shelves: dict[tuple[Tier, str, int], Shelf] = {}
        self._dearest: dict[str, int] = {}
        self._max_in_flight = max_in_flight
        self._verdicts: dict[Need, tuple[Verdict, object]] = {}
        self._changes: Counter[str] = Counter()
        self._unsaved: set[Account] = set()
        self.adopt(entries, default_proxy=default_proxy, max_in_flight=max_in_flight, now=-math.inf)

    # The token list ------------------------------------------------------------------------------

    @property
    def accounts(self) -> list[Account]:
        """Those that may be used."""
        return self._roster.accounts

    @property
    def disabled(self) -> int:
        """How many tokens of the file may not be: disabled there, or switched off here."""
        return len(self._roster.aside)

    def adopt(
        self, entries: Iterable[TokenEntry], *, default_proxy: str, max_in_flight: int, now: float
    ) -> Adoption:
        """Take over a new token list and its settings; what was learned of tokens that stay, stays.

        A token that comes back is remembered, and asked for at once if it was refused: somebody may
        have mended it. Loans of tokens that went are given back as ever.
        """
        adoption = self._roster.adopt(list(entries), default_proxy, now)
        self._max_in_flight = max_in_flight
        self._start_anew()
        for account in adoption.returned:
            self._plan_after_absence(account, now)
        return adoption

    def recall(
        self,
        records: Mapping[str, Mapping[str, object]],
        now: float,
        offset: float,
        set_since: Callable[[Mapping[str, object]], float] = lambda _: 0.0,
    ) -> None:
        """Give accounts of which nothing is known yet what was kept of them
        (:mod:`~grokcore.protocol.pool.records`).

        Tokens that were refused, and allowances that are used up for an unknown time, are asked for
        at once: their owner may have started the server anew because something has changed. Records
        of tokens that are not here are kept for the day they come.

        :param set_since: by how many seconds the wall clock was set since a record was made
            (:mod:`grokcore.protocol.wall`).
        """
        offsets = {key: offset - set_since(record) for key, record in records.items()}
        for account in self._roster.remember(records, now, offsets):
            self._plan_after_absence(account, now)
        self._start_anew()

    def forget_egresses(self) -> None:
        """Grok sees another identity, or is another: nothing that was learned of the ways to it
        holds.
        """
        self._roster.forget_egresses()
        self.overload = Overload()
        self._start_anew()

    def shift(self, seconds: float) -> None:
        """Move all times earlier by *seconds* that the caller's clock has missed
        (:mod:`grokcore.protocol.wall`).
        """
        self._roster.shift(seconds)
        self.asks.shift(seconds)
        self.overload.shift(seconds)
        self._start_anew()

    def rewrite(self) -> None:
        """Save everything that is known again: the wall clock, by which times are saved, was
        set.
        """
        self._unsaved.update(self._roster.known())

    def _start_anew(self) -> None:
        self._shelves.clear()
        self._verdicts.clear()
        self._changes[_EVERYTHING] += 1

    def _plan_after_absence(self, account: Account, now: float) -> None:
        """Plan the asks of an account that nobody has looked after for a while."""
        if account.invalid:
            account.cooling_until = now
            account.on_trial = (
                not account.allowances
            )  # there is nothing to ask for: a question has to tell
        for group, allowance in account.allowances.items():
            self._replan(account, group, now)
            used_up = allowance.open_at(1) > now and allowance.cooling_until <= now
            unknown_end = (
                used_up and allowance.quota is not None and allowance.quota.told_wait(1) is None
            )
            if account.invalid or unknown_end or allowance.demanded:
                self.asks.wish(account, group, now)

    # Choice --------------------------------------------------------------------------------------

    def choose(self, need: Need, now: float, *, patient: bool = True) -> Loan | None:
        """Lend an account for *need*; None if there is none, or none that is as good as one worth
        waiting for.

        :param patient: False takes whatever is free.
        """
        group = need.model.rate_limit_name
        if self.overload.shut_until(group, need.asker) > now:
            return None
        account = self._ready(need, self._woken(need, now), now, patient=patient)
        if account is None:
            return None
        self.asks.first_use(account, group, now)
        loan = Loan(
            account,
            account.egress,
            group,
            account.allowance(group).take(need.model.cost),
            now,
            need.asker,
        )
        loan.egress.pass_one(now)
        self.overload.pass_one(group, now, need.asker)
        account.in_flight += 1
        account.last_used = now
        self._touch(account, now)
        return loan

    def _ready(
        self, need: Need, shelves: Sequence[Shelf], now: float, *, patient: bool
    ) -> Account | None:
        failed = need.excluded | need.avoided
        # Good ones first; those that failed this request by nobody's fault, and are not suspect any
        # more, after them.
        tries = (
            (((PROVEN,), failed), ((FRESH,), failed), (_GOOD, need.excluded))
            if failed
            else ((_GOOD, failed),)
        )
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
                return self.overload.refusal(need.model.rate_limit_name, now, need.asker)
        return self._verdict(need, now).error(now)

    def _verdict(self, need: Need, now: float) -> Verdict:
        """Why nobody is open. That looks at everybody, so it is remembered until something changes
        for this group.
        """
        as_of = (self._changes[_EVERYTHING], self._changes[need.model.rate_limit_name])
        known, known_as_of = self._verdicts.get(need, (None, None))
        if known is not None and known_as_of == as_of and now < (known.opens_at or math.inf):
            return known
        verdict = judge(self.accounts, self._roster.aside, need.model, now)
        if (
            not need.excluded and not need.avoided
        ):  # the others are a failed request's own, and rarely asked for twice
            self._verdicts[need] = verdict, as_of
        return verdict

    def next_opening(self, need: Need, now: float) -> float:
        """When the next account that could serve *need* may stop cooling or resting; infinity if
        none is.
        """
        return min((shelf.next_opening() for shelf in self._woken(need, now)), default=math.inf)

    def left(self, need: Need, now: float) -> Left | None:
        """What is known to be left for *need*, over all tokens that may be asked; None if nothing
        is known.
        """
        populated = [shelf for shelf in self._woken(need, now) if shelf.population]
        known = [left for shelf in populated if (left := shelf.left(now)) is not None]
        if not known:
            return None
        return Left(
            sum(left.remaining for left in known),
            sum(left.total for left in known),
            min(left.renewed_at for left in known),
            complete=all(left.complete for left in known) and len(known) == len(populated),
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
            shelf = self._shelves[key] = Shelf(
                model.rate_limit_name, model.cost, self._max_in_flight
            )
            dearer = model.cost > self._dearest.get(model.rate_limit_name, 1)
            if dearer:
                self._dearest[model.rate_limit_name] = model.cost
            for account in self.accounts:
                if account.entry.tier is tier:
                    shelf.put(account, now)
                    if dearer and model.rate_limit_name in account.allowances:
                        self._replan(account, model.rate_limit_name, now)
        return shelf

    def _replan(self, account: Account, group: str, now: float) -> None:
        self.asks.replan(account, group, self._dearest.get(group, 1), now)

    # Outcomes ------------------------------------------------------------------------------------

    def settle(self, loan: Loan, error: GrokApiError | None, now: float) -> None:
        """Give an account back after an attempt.

        :param error: None for a success; the attempt's failure otherwise.
        """
        account, group = loan.account, loan.group
        doubted = bool(account.refusal)
        account.in_flight -= 1
        if error is not None and not isinstance(error, _COUNTED):
            account.allowance(group).give_back(loan.charge)
        if error is None:
            self.answering(loan)
            account.succeed(group, now)
        else:
            if isinstance(error, _GROKS_WORD):
                self._reached(loan)
            loan.egress.fail(error, loan.began, now)
            self.overload.fail(group, error, loan.began, now, loan.asker)
            account.fail(group, error, now)
        if not isinstance(error, Challenge | CredentialsRejected):
            self.asks.used(account, group, now)
        concerns_all = doubted or isinstance(
            error, Challenge | CredentialsRejected | TransportFailure
        )
        self._learned(account, group, now, changed=_EVERYTHING if concerns_all else group)

    def answering(self, loan: Loan) -> None:
        """Grok has begun to answer: whatever kept requests from it is over."""
        self.overload.succeed(loan.group, loan.began)
        self._reached(loan)

    def _reached(self, loan: Loan) -> None:
        """Grok has said something of its own."""
        self.overload.reached(loan.began)
        if loan.egress.succeed(loan.began):
            self._start_anew()  # its accounts are filed as shut until the pause's end

    def abandon(self, loan: Loan, now: float) -> None:
        """Give an account back after an attempt that nobody waited for.

        Nothing is learned of it; whether Grok counts the question will be asked.
        """
        loan.account.in_flight -= 1
        self.asks.used(loan.account, loan.group, now)
        self._touch(loan.account, now)

    def return_unused(self, loan: Loan, now: float) -> None:
        """Give an account back that nothing was asked with."""
        loan.account.in_flight -= 1
        loan.account.allowance(loan.group).give_back(loan.charge)
        self._touch(loan.account, now)

    def asked(self, ask: Ask, answer: Quota | GrokApiError | None, now: float) -> None:
        """An ask has come to its end: with what is left, with a failure, or with nothing that could
        be read.

        A refused credential counts, unless the token has answered: then its next question will
        tell. No other failure says anything of the account: asking is a call of its own, with
        limits of its own.
        """
        account, allowance = ask.account, ask.account.allowance(ask.group)
        if isinstance(answer, Quota):
            allowance.learn(answer, now)
            account.egress.asks_challenged = 0
        else:
            allowance.learn_nothing()
        if isinstance(answer, Challenge):
            account.egress.pause_asks(now)
        if ask.early and isinstance(answer, Quota):
            account.readmit(now)
        if not isinstance(answer, CredentialsRejected):
            account.reprieve(now)
        elif not account.answered:
            account.doubt(answer.message, now)
        self._learned(
            account, ask.group, now, changed=_EVERYTHING if account.refusal else ask.group
        )

    def _learned(self, account: Account, group: str, now: float, *, changed: str) -> None:
        self._replan(account, group, now)
        self._changes[changed] += 1
        self._touch(account, now)

    def _touch(self, account: Account, now: float) -> None:
        """Something about it has changed: its places on the shelves, and what is to be saved."""
        self._unsaved.add(account)
        if account.retired:
            return
        for (tier, _, _), shelf in self._shelves.items():
            if tier is account.entry.tier:
                shelf.put(account, now)

    # The acts of a token's owner -----------------------------------------------------------------
    # Each takes a token's id (or more of its key), raises UnknownToken, and returns a sentence on
    # what it did.

    def clear(self, token: str, now: float) -> str:
        """What is held against it does not hold: every cooling, what was used up, slips, the rest
        after a refusal.

        It may be taken for the next question that fits. An invalid one goes on trial, and Grok is
        asked for it at once. (A pause of its egress stays: that is not the token's.)
        """
        account = self._roster.find(token)
        account.clear()
        dear = max(model.cost for model in SHIPPED.values())  # it may not have been asked for yet
        for group, allowance in account.allowances.items():
            allowance.clear(max(dear, self._dearest.get(group, 1)))
            if account.invalid and not account.retired:
                self.asks.wish(account, group, now)
        self._changes[_EVERYTHING] += 1
        self._touch(account, now)
        if account.disabled:
            return "Nothing is held against it any more, but it is disabled."
        return (
            "The next question tells whether Grok accepts it again."
            if account.invalid
            else "It may be used again."
        )

    def recheck(self, token: str, now: float, *, group: str = "") -> str:
        """Ask Grok what it has left, now: for all groups that are known of it, or for *group* if
        none is.

        Without a name that is the group of the first model of the shipped table. Asks of a group
        are 5 s apart at least. An invalid token that Grok gives an answer for goes on trial; if it
        is refused again, that counts for nothing.
        """
        account = self._roster.find(token)
        if account.disabled:
            return "It is disabled, so Grok is not asked for it."
        groups = sorted(account.allowances) or [
            group or next(iter(SHIPPED.values())).rate_limit_name
        ]
        last = max(self.asks.demand(account, one, now) for one in groups)
        self._unsaved.add(account)
        return f"Grok is asked what is left for {listing(groups)}{within(last - now)}."

    def disable(self, token: str) -> str:
        """Use it for nothing until :meth:`enable`, whatever becomes of the token file. Answers
        under way finish.
        """
        account = self._roster.find(token)
        if account.switched_off:
            return "It is switched off already."
        self._roster.switch(account, on=False)
        for shelf in self._shelves.values():
            shelf.remove(account)
        self._changes[_EVERYTHING] += 1
        self._unsaved.add(account)
        return (
            "It is switched off."
            if not account.in_flight
            else "It is switched off; what is under way finishes."
        )

    def enable(self, token: str, now: float) -> str:
        """Use it again. If it was refused it is asked for at once, like one that comes back into
        the token file.
        """
        account = self._roster.find(token)
        if account.switched_off:
            self._roster.switch(account, on=True)
            if not account.disabled:
                self._plan_after_absence(account, now)
            self._changes[_EVERYTHING] += 1
            self._touch(account, now)
        return "It is disabled in the token file." if account.disabled else "It is switched on."

    # Seen from outside ---------------------------------------------------------------------------

    def view(self, token: str, now: float) -> TokenView:
        """A token of the file as its owner sees it.

        :param token: its id, or more of its key.
        :raises UnknownToken: there is none, or more than one.
        """
        return view_of(self._roster.find(token), now)

    def views(self, now: float, *, most: int = 200) -> TokenViews:
        """The tokens of the file, disabled ones too: those with trouble first, and no more than
        *most* of them.
        """
        return view_of_many(self._roster.listed, now, most)

    def counts(self, now: float) -> dict[str, int]:
        """Accounts that may be used, by state, for ``/health``."""
        states = [account.state(now) for account in self.accounts]
        return {
            state: states.count(state)
            for state in (State.OK, State.UNKNOWN, State.COOLING, State.INVALID)
        }

    def egresses(self) -> list[Egress]:
        """The ways to Grok that are in use."""
        return self._roster.egresses()

    def next_reset(self, now: float) -> float | None:
        """When the next token that is cooling is back; None if none is."""
        openings = (
            opening
            for account in self.accounts
            for opening in _openings(account)
            if now < opening < math.inf
        )
        return min(openings, default=None)

    def take_unsaved(self) -> set[Account]:
        """The accounts of which something was learned since this was last called."""
        unsaved, self._unsaved = self._unsaved, set()
        return unsaved


_GOOD = (PROVEN, FRESH)

_EVERYTHING = ""
"""Where a group of models stands: what concerns all of them."""

_COUNTED = (IncompleteAnswer, TimeoutChunk, TimeoutTotal)
"""Failures of an answer that had begun: Grok has counted the question."""

_GROKS_WORD = (ContentPolicyViolation, ContextLengthExceeded, CredentialsRejected, QuotaExhausted)
"""Failures that only Grok itself can report: the way to it works, and it is there."""


def _first(
    shelves: Sequence[Shelf], kinds: Sequence[str], passed_over: Container[str], now: float
) -> Account | None:
    """The best ready account of these kinds on the first shelf that has one."""
    for shelf in shelves:
        account = shelf.best(kinds, passed_over, now)
        if account is not None:
            return account
    return None


def _worth_a_wait(
    shelves: Sequence[Shelf], kinds: Sequence[str], passed_over: Container[str], now: float
) -> bool:
    return any(shelf.has_busy(kinds, passed_over, now) for shelf in shelves)


def _openings(account: Account) -> Iterator[float]:
    if not account.invalid:
        yield account.cooling_until
        for allowance in account.allowances.values():
            yield allowance.open_at(1)
