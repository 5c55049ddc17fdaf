"""The token book: which token takes the next request, and how its outcome changes the pool.

Pure bookkeeping: ``now`` is an argument, nothing waits here. Of the runtime,

* :mod:`grokcore.runtime.pool.leases` puts the queue around it,
* :mod:`grokcore.runtime.lanes.grok_web.quota_polling` makes the polls,
* :mod:`grokcore.runtime.disk.state_keeper` saves the accounts.

Of the pure half,

* :mod:`~grokcore.protocol.pool.roster` holds the accounts,
* :mod:`~grokcore.protocol.pool.choice` finds the best of them for a request,
* :mod:`~grokcore.protocol.pool.account` changes one by an outcome,
* :mod:`~grokcore.protocol.pool.why_not` finds the reason why none is open,
* :mod:`~grokcore.protocol.pool.serving` knows the models that they may be asked for,
* :mod:`~grokcore.protocol.pool.view` shows one to its owner.

Rules
-----
1. An account is chosen if it is able, open and below the cap. Basic ones come before super, so that
   super stays free for the models that need it. Then: fewest in flight, most left, least recently
   used.
2. Then suspect accounts, unless waiting for a busy better one is worthwhile. Last, accounts that
   are spent by our own count.
3. A request that has failed already prefers accounts that have answered to unknown ones.
4. The cost of a question is reserved with its loan. Each loan is given back exactly once.
5. The owner of a token may act on it. Grok's later answers count as ever: no action makes a token
   immune.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from attrs import define

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
from ..models import SHIPPED, Model
from ..quota import Quota
from ..tokens import TokenEntry
from .account import Account, Egress
from .allowance import Charge
from .choice import Choice, Need
from .overload import Overload
from .owner_actions import Cleared, Disabled, Enabled, Rechecked
from .quota_polls import Poll, PollPlan
from .records import replace
from .roster import Adoption, Roster, UnknownToken
from .serving import Serving
from .shelves import Left
from .view import (
    TokenView,
    TokenViews,
    count_by_state,
    next_reset,
    view_of,
    view_of_many,
)
from .why_not import Reasons

__all__ = ["Loan", "Need", "Sharing", "TokenBook", "UnknownToken"]


@define(eq=False)
class Loan:
    """The book's record of a token that is reserved for one attempt, with its charge.

    :meth:`TokenBook.settle`, ``abandon`` or ``return_unused`` takes it back. (The runtime's handle
    for it, which takes care that this happens once, is a
    :class:`~grokcore.runtime.pool.leases.Lease`.)

    :ivar lent_at: time of the lending, on a clock that has missed nothing (see
        :meth:`TokenBook.shift`).
    :ivar asker: name of the API key whose question it serves; empty without one.
    """

    account: Account
    egress: Egress
    group: str
    charge: Charge
    lent_at: float
    asker: str = ""


class Sharing(Protocol):
    """A server's part of a pool that several servers share."""

    def expire(self) -> None:
        """Withhold the accounts whose ownership has ended."""

    def refusal(self) -> GrokApiError | None:
        """The error while no account can be had of other servers; None if it is worth waiting."""


class TokenBook:
    """All accounts and egresses, and the plan of polls.

    :param default_proxy: egress of tokens that name none.
    :param max_in_flight: requests that one token may have open at once.
    :ivar polls: plan of what to ask Grok.
    :ivar overload: groups of models that are left alone for now, since Grok sheds load.
    """

    def __init__(
        self, entries: Iterable[TokenEntry], *, default_proxy: str = "", max_in_flight: int = 2
    ) -> None:
        self.polls = PollPlan()
        self.overload = Overload()
        self._roster = Roster()
        self._choice = Choice(self._roster, self.polls, max_in_flight)
        self._reasons = Reasons(self._roster)
        self._serving = Serving(self._roster)
        self._missed_s = 0.0  # by the caller's clock, as far as shift() knows
        self._unsaved: set[Account] = set()
        self._unreported: set[Account] = set()
        self._sharing: Sharing | None = None
        self.adopt(entries, default_proxy=default_proxy, max_in_flight=max_in_flight, now=-math.inf)

    # The token list ------------------------------------------------------------------------------

    @property
    def accounts(self) -> list[Account]:
        """The accounts that may be used."""
        return self._roster.accounts

    @property
    def disabled(self) -> int:
        """Number of tokens that are disabled in the token file or switched off on this server."""
        return len(self._roster.aside)

    def adopt(
        self, entries: Iterable[TokenEntry], *, default_proxy: str, max_in_flight: int, now: float
    ) -> Adoption:
        """Take over a new token list and its settings. Tokens that stay keep their state.

        A token that comes back keeps its state too. It is polled at once if it was refused, since
        its owner may have renewed the session. Loans of tokens that went are given back as ever.
        """
        adoption = self._roster.adopt(list(entries), default_proxy, now)
        self._choice.max_in_flight = max_in_flight
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
        """Restore the state of new accounts from records (:mod:`~grokcore.protocol.pool.records`).

        Tokens that were refused, and allowances that are used up for an unknown time, are polled at
        once: their owner may have restarted the server because something has changed. Records of
        tokens that are not in the file are kept for the day they come.

        :param offset: seconds since 1970, minus the caller's time.
        :param set_since: gives the seconds by which the wall clock was set since a record was made
            (:mod:`grokcore.protocol.wall`).
        """
        offsets = {key: offset - set_since(record) for key, record in records.items()}
        for account in self._roster.remember(records, now, offsets):
            self._plan_after_absence(account, now)
        self._start_anew()

    def forget_egresses(self) -> None:
        """Forget the failures of all egresses and of Grok: the identity or Grok's address has
        changed.
        """
        self._roster.forget_egresses()
        self.overload = Overload()
        self._start_anew()

    def shift(self, seconds: float) -> None:
        """Move all times earlier by *seconds* that the caller's clock has missed
        (:mod:`grokcore.protocol.wall`).
        """
        self._missed_s += seconds
        self._roster.shift(seconds)
        self.polls.shift(seconds)
        self.overload.shift(seconds)
        self._start_anew()

    def rewrite(self) -> None:
        """Mark all accounts with a state as unsaved: the wall clock, by which times are saved, was
        set.
        """
        self._unsaved.update(self._roster.with_history())

    def _start_anew(self) -> None:
        self._choice.clear()
        self._account_changed()

    def _account_changed(self) -> None:
        """Forget conclusions from the state of all accounts."""
        self._reasons.forget_all()
        self._serving.forget()

    def _plan_after_absence(self, account: Account, now: float) -> None:
        """Plan the polls of an account that was out of use for a while."""
        if account.invalid:
            account.cooling_until = now
            account.on_trial = not account.allowances  # with nothing to poll, a question is needed
        for group, allowance in account.allowances.items():
            self.polls.replan(account, group, now)
            used_up = allowance.open_at(1) > now and allowance.cooling_until <= now
            unknown_end = (
                used_up and allowance.quota is not None and allowance.quota.stated_wait(1) is None
            )
            if account.invalid or unknown_end or allowance.demanded:
                self.polls.schedule(account, group, now)

    # Choice --------------------------------------------------------------------------------------

    def choose(self, need: Need, now: float, *, patient: bool = True) -> Loan | None:
        """Lend an account for *need*; None if none is free, or none as good as a busy one that is
        worth waiting for.

        :param patient: False takes any free one.
        """
        if self._sharing is not None:
            self._sharing.expire()
        group = need.model.rate_limit_name
        if self.overload.shut_until(group, need.asker) > now:
            return None
        account = self._choice.best(need, now, patient=patient)
        return None if account is None else self._lend(account, need, now)

    def _lend(self, account: Account, need: Need, now: float) -> Loan:
        group = need.model.rate_limit_name
        self.polls.first_use(account, group, now)
        charge = account.allowance(group).take(need.model.cost)
        account.egress.pass_one(now)
        self.overload.pass_one(group, now, need.asker)
        account.in_flight += 1
        account.last_used = now
        self._touch(account, now)
        return Loan(account, account.egress, group, charge, now + self._missed_s, need.asker)

    def hopeless(self, need: Need, now: float) -> GrokApiError | None:
        """The error to answer *need* with, if waiting for a busy token would not help; None if it
        would.
        """
        if self._choice.may_serve(need, now):
            return self.overload.refusal(need.model.rate_limit_name, now, need.asker)
        if self._sharing is not None and self._others_may_serve(need, now):
            return self._sharing.refusal()
        return self._reasons.find(need, now).error(now)

    def _others_may_serve(self, need: Need, now: float) -> bool:
        """Whether an account that is withheld is open for *need*, as last reported by its owner."""
        return any(
            account.withheld
            and account.entry.key not in need.excluded
            and account.is_open(need.model, now)
            for account in self._roster.accounts
        )

    def next_opening(self, need: Need, now: float) -> float:
        """Time at which the next account that could serve *need* may open; infinity if none is
        shut.
        """
        return self._choice.next_opening(need, now)

    def left(self, need: Need, now: float) -> Left | None:
        """The sum of the known allowances for *need*; None if none is known."""
        return self._choice.left(need, now)

    def serves(self, model: Model) -> bool:
        """Whether an account may be asked for *model*, now or when its cooling is over."""
        return self._serving.serves(model)

    def listed(self, models: Iterable[Model]) -> list[Model]:
        """The part of *models* that accounts may be asked for. It is the whole if no account is
        usable (each is disabled or invalid, or there is none). Nothing is known then, and a
        client's question gets the error that says what to do.
        """
        return [model for model in models if self._serving.idle or self.serves(model)]

    def usable(self, model: Model, now: float) -> int:
        """The number of accounts that could take a question to *model* now, if they are not busy.
        Looks at each account.
        """
        return sum(account.is_open(model, now) for account in self._roster.accounts)

    # Outcomes ------------------------------------------------------------------------------------

    def settle(self, loan: Loan, error: GrokApiError | None, now: float) -> None:
        """Give an account back after an attempt.

        :param error: None for a success; the attempt's failure otherwise.
        """
        account, group, began = loan.account, loan.group, self._began(loan)
        doubted = bool(account.refusal)
        account.in_flight -= 1
        if error is not None and not isinstance(error, _COUNTED):
            account.allowance(group).give_back(loan.charge)
        if error is None:
            self.answering(loan)
            loan.egress.outcomes.append(False)
            account.succeed(group, now)
        else:
            if isinstance(error, _SENT_BY_GROK):
                self._reached(loan.egress, began)
                loan.egress.outcomes.append(False)
            loan.egress.fail(error, began, now)
            self.overload.fail(group, error, began, now, loan.asker)
            account.fail(group, error, now)
        if not isinstance(error, Challenge | CredentialsRejected):
            self.polls.used(account, group, now)
        if doubted or isinstance(error, CredentialsRejected):
            self._account_changed()
        elif isinstance(error, Challenge | TransportFailure):
            self._reasons.forget_all()
        self._learned(account, group, now)

    def answering(self, loan: Loan) -> None:
        """Close the breakers that kept requests from Grok: it has begun to answer."""
        began = self._began(loan)
        self.overload.succeed(loan.group, began)
        self._reached(loan.egress, began)

    def _reached(self, egress: Egress, began: float) -> None:
        """Count an attempt that began at *began* and that Grok itself has answered."""
        self.overload.reached(began)
        if egress.succeed(began):
            self._start_anew()  # its accounts are filed as shut until the pause's end

    def _began(self, loan: Loan) -> float:
        """The time of the lending, on the caller's clock as it is now."""
        return loan.lent_at - self._missed_s

    def abandon(self, loan: Loan, now: float) -> None:
        """Give an account back after an attempt whose client has left.

        Its state stays. A poll is planned, since Grok may have counted the question.
        """
        loan.account.in_flight -= 1
        self.polls.used(loan.account, loan.group, now)
        self._touch(loan.account, now)

    def return_unused(self, loan: Loan, now: float) -> None:
        """Give an account back after no request was sent with it."""
        loan.account.in_flight -= 1
        loan.account.allowance(loan.group).give_back(loan.charge)
        self._touch(loan.account, now)

    def polled(self, poll: Poll, answer: Quota | GrokApiError | None, now: float) -> None:
        """Count the outcome of a poll.

        A refused credential counts, unless the token has answered: its next question decides then.
        No other failure changes the account: a poll is a call of its own, with limits of its own.

        :param answer: None if it could not be read.
        """
        account, allowance = poll.account, poll.account.allowance(poll.group)
        if isinstance(answer, Quota):
            allowance.learn(answer, now)
            account.egress.polls_challenged = 0
        else:
            allowance.learn_nothing()
        if isinstance(answer, Challenge):
            account.egress.pause_polls(now)
        if poll.early and isinstance(answer, Quota):
            account.readmit(now)
        if not isinstance(answer, CredentialsRejected):
            account.reprieve(now)
        elif not account.answered:
            account.doubt(answer.message, now)
        if account.refusal:
            self._account_changed()
        self._learned(account, poll.group, now)

    def _learned(self, account: Account, group: str, now: float) -> None:
        self.polls.replan(account, group, now)
        self._reasons.forget(group)
        self._touch(account, now)

    def _touch(self, account: Account, now: float) -> None:
        """Place *account* anew and mark it as unsaved, after a change of anything about it."""
        self._unsaved.add(account)
        self._unreported.add(account)
        if not account.idle:
            self._choice.put(account, now)

    def learn_user(self, account: Account, user_id: str) -> None:
        """Note the id of an account's user, to be saved; empty forgets it."""
        if account.learned_user_id != user_id:
            account.learned_user_id = user_id
            self._unsaved.add(account)

    def learn_modes(
        self, account: Account, refused: Mapping[str, str] | None, due_at: float, now: float
    ) -> None:
        """Note the modes that Grok does not let an account use.

        :param refused: by id, with the plan that has it; None if Grok did not say.
        :param due_at: time from which Grok may be asked again.
        """
        if refused is not None and refused != account.refused_modes:
            account.refused_modes = dict(refused)
            self._account_changed()
        account.modes_due_at = due_at
        self._touch(account, now)

    # A pool that several servers share ------------------------------------------------------------

    def share(self, sharing: Sharing) -> None:
        """Withhold all accounts, and those that are added later, until :meth:`use`."""
        self._sharing = sharing
        self._roster.shared = True
        for account in self._roster.listed:
            account.withheld = True
        self._start_anew()

    def account_of(self, key: str) -> Account | None:
        """The account of this key, in the file or removed from it; None if there is none."""
        return self._roster.get(key)

    def use(self, account: Account, now: float) -> None:
        """Lend an account from now on that was withheld."""
        account.withheld = False
        for allowance in account.allowances.values():
            allowance.poll_at = math.inf  # the plan skipped it
        if not account.retired:
            self._plan_after_absence(account, now)
            self._choice.put(account, now)

    def withhold(self, account: Account) -> None:
        """Lend an account no longer. Answers under way finish, and their loans are given back."""
        account.withheld = True
        self._choice.remove(account)

    def hear(
        self, account: Account, record: Mapping[str, object], now: float, offset: float
    ) -> None:
        """Take over what the owner of a withheld account has learned of it.

        :param offset: seconds since 1970 by the clock of the record's times, minus *now*.
        """
        was_off = account.switched_off
        replace(account, record, now, offset)
        if account.switched_off != was_off:
            self._roster.switch(account, on=not account.switched_off)
        self._account_changed()
        self._unsaved.add(account)

    def take_unreported(self) -> set[Account]:
        """The accounts that have changed here since the last call, for other servers."""
        unreported, self._unreported = self._unreported, set()
        return unreported

    # Actions of a token's owner ------------------------------------------------------------------
    # Each takes a token's id (or more of its key), and raises UnknownToken if there is none.

    def clear(self, token: str, now: float) -> Cleared:
        """Forget the coolings, used-up allowances and failures that are held against a token.

        It may be taken for the next question that fits. An invalid one goes on trial, and is polled
        at once. (A pause of its egress stays: that is not the token's.)
        """
        account = self._roster.find(token)
        account.clear()
        dear = max(model.cost for model in SHIPPED.values())  # it may not have been asked for yet
        for group, allowance in account.allowances.items():
            allowance.clear(max(dear, self.polls.dearest(group)))
            if account.invalid and not account.idle:
                self.polls.schedule(account, group, now)
        self._account_changed()
        self._touch(account, now)
        if account.disabled:
            return Cleared.DISABLED
        return Cleared.ON_TRIAL if account.invalid else Cleared.USABLE

    def recheck(self, token: str, now: float, *, group: str = "") -> Rechecked:
        """Plan polls for now, of all groups with an allowance, or of *group* if there is none.

        Without a name that is the group of the first model of the shipped table. Polls of a group
        are at least 5 s apart. An invalid token whose poll Grok answers goes on trial; another
        refusal does not make its cooling longer.
        """
        account = self._roster.find(token)
        if account.disabled:
            return Rechecked()
        first = group or next(iter(SHIPPED.values())).rate_limit_name
        groups = tuple(sorted(account.allowances)) or (first,)
        last = max(self.polls.demand(account, name, now) for name in groups)
        self._unsaved.add(account)
        return Rechecked(groups, last - now)

    def disable(self, token: str) -> Disabled:
        """Take a token out of use until :meth:`enable`, even if the token file changes. Answers
        under way finish.
        """
        account = self._roster.find(token)
        if account.switched_off:
            return Disabled.ALREADY
        self._roster.switch(account, on=False)
        self._choice.remove(account)
        self._account_changed()
        self._unsaved.add(account)
        self._unreported.add(account)
        return Disabled.BUSY if account.in_flight else Disabled.IDLE

    def enable(self, token: str, now: float) -> Enabled:
        """Use a token again. If it was refused it is polled at once, like one that comes back into
        the token file.
        """
        account = self._roster.find(token)
        if account.switched_off:
            self._roster.switch(account, on=True)
            if not account.disabled:
                self._plan_after_absence(account, now)
            self._account_changed()
            self._touch(account, now)
        return Enabled.DISABLED_IN_FILE if account.disabled else Enabled.ENABLED

    # Seen from outside ---------------------------------------------------------------------------

    def view(self, token: str, now: float) -> TokenView:
        """A token of the file as its owner sees it.

        :param token: its id, or more of its key.
        :raises UnknownToken: if there is none, or more than one.
        """
        return view_of(self._roster.find(token), now)

    def views(self, now: float, *, most: int = 200) -> TokenViews:
        """The first *most* tokens of the file, disabled ones too; those with trouble come first."""
        return view_of_many(self._roster.listed, now, most)

    def counts(self, now: float) -> dict[str, int]:
        """Number of accounts that may be used, by state, for ``/health``."""
        return count_by_state(self.accounts, now)

    def egresses(self) -> list[Egress]:
        """The egresses in use."""
        return self._roster.egresses()

    def next_reset(self, now: float) -> float | None:
        """Time at which the next cooling token is back; None if none cools."""
        return next_reset(self.accounts, now)

    def take_unsaved(self) -> set[Account]:
        """The accounts that have changed since the last call."""
        unsaved, self._unsaved = self._unsaved, set()
        return unsaved


_COUNTED = (IncompleteAnswer, TimeoutChunk, TimeoutTotal)
"""Failures of an answer that had begun: Grok has counted the question."""

_SENT_BY_GROK = (ContentPolicyViolation, ContextLengthExceeded, CredentialsRejected, QuotaExhausted)
"""Failures that only Grok itself can report: the way to it works, and it is there."""
