"""Requests, outcomes, polls and actions of owners in any order: the invariants, and the choice beside
a reference.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import pytest
from attrs import evolve, frozen
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from grokcore.errors import (
    AntiBotRefusal,
    Blame,
    Challenge,
    ContentPolicyViolation,
    CredentialsRejected,
    EmptyAnswer,
    GrokApiError,
    IncompleteAnswer,
    NoTokens,
    QuotaExhausted,
    TimeoutChunk,
    TransportFailure,
    UpstreamFailure,
    UpstreamOverloaded,
    UpstreamRefused,
)
from grokcore.protocol.models import SHIPPED, Tier, WebLane
from grokcore.protocol.pool.account import Egress
from grokcore.protocol.pool.book import Loan, Need, TokenBook, UnknownToken
from grokcore.protocol.pool.breaker import PROBES_APART_S
from grokcore.protocol.pool.owner_actions import ActionResult
from grokcore.protocol.pool.quota_polls import Poll
from grokcore.protocol.pool.view import in_words
from grokcore.protocol.quota import Quota
from grokcore.protocol.tokens import TokenEntry
from tests.protocol.pool.books import DAY, GROUP, NEED, poll
from tests.protocol.pool.reference import Reference

OUTCOMES: list[type[GrokApiError] | None] = [
    None,
    AntiBotRefusal,
    Challenge,
    ContentPolicyViolation,
    CredentialsRejected,
    EmptyAnswer,
    IncompleteAnswer,
    QuotaExhausted,
    TimeoutChunk,
    TransportFailure,
    UpstreamFailure,
    UpstreamOverloaded,
    UpstreamRefused,
]

ANSWERS: list[Quota | GrokApiError | None] = [
    Quota(0, 25, 7200, wait_s=100),
    Quota(0, 25, 7200),
    Quota(2, 25, 300),
    Quota(9, 140, 7200, flat=False),
    Quota(3, 140, 7200, flat=False, effort_waits=((4, 600.0),)),
    None,
    CredentialsRejected("no"),
    TransportFailure("no"),
]

LONGEST_COOLING = DAY
LONGEST_PAUSE = 300.0
MODELS = [
    SHIPPED[name] for name in ("grok-3-fast", "grok-4-fast", "grok-4-fast-expert", "grok-4-heavy")
]
MODELS.append(evolve(MODELS[0], mode_id="fast", web_lane=WebLane.SOCKET))


@frozen
class Taken:
    """A lease, and when it was made and ended (steps of the history)."""

    loan: Loan
    began: int
    refunded: bool = False


class AnyHistory(RuleBasedStateMachine):
    """Requests that begin, end in every way and are abandoned, and polls with every answer, in any
    order, at any time.
    """

    @initialize(
        tiers=st.lists(st.tuples(st.sampled_from(Tier), st.sampled_from([None, "direct", "http://p.example:1"])), min_size=1, max_size=5),
        cap=st.integers(1, 3),
    )  # fmt: skip
    def begin(self, tiers: list[tuple[Tier, str | None]], cap: int) -> None:
        self.entries = [
            TokenEntry(f"t{number}", tier, proxy_url=proxy)
            for number, (tier, proxy) in enumerate(tiers)
        ]
        self.book = TokenBook(
            self.entries, max_in_flight=cap, default_proxy="http://default.example:1"
        )
        self.cap = cap
        self.now = 0.0
        self.step = 0
        self.leases: list[Taken] = []
        self.ended: list[Taken] = []
        self.polls: list[tuple[Poll, int]] = []
        self.answers: dict[tuple[str, str], tuple[Quota, int]] = {}
        self.last_ask: dict[tuple[str, str], float] = {}
        self.refused: dict[str, list[float]] = {entry.key: [] for entry in self.entries}
        self.in_file = {
            entry.key: True for entry in self.entries
        }  # whether it is enabled; not there: removed
        self.off: set[str] = set()
        self.demanded: set[tuple[str, str]] = set()

    @rule(seconds=st.sampled_from([0.1, 1, 4, 5, 30, 59, 60, 61, 299, 3600, DAY]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(data=st.data(), patient=st.booleans())
    def a_request_comes(self, data: st.DataObject, patient: bool) -> None:
        keys = [entry.key for entry in self.entries]
        some = st.frozensets(st.sampled_from(keys), max_size=2)
        model = data.draw(st.sampled_from(MODELS))
        need = Need(model, data.draw(some), data.draw(some))
        reference = self.reference(need, patient=patient)
        expected = reference.choice()
        loan = self.book.choose(need, self.now, patient=patient)
        assert (loan is None) == (not expected)
        if loan is not None:
            self.step += 1
            assert loan.account in expected
            self.leases.append(Taken(loan, self.step))
            assert loan.account.allowance(loan.group).left >= 0
        error = self.book.hopeless(need, self.now)
        shed = self.book.overload.refusal(model.rate_limit_name, self.now)
        assert (error is None) == (bool(reference.open_now()) and shed is None)
        if error is not None and not reference.able():
            disabled = [
                account
                for account in self.book._roster.aside
                if model.tier is Tier.BASIC or account.entry.tier is Tier.SUPER
                if model.socket_mode not in account.refused_modes
            ]
            assert isinstance(error, NoTokens)
            assert ("disabled" in error.message) == bool(disabled)
        if loan is None:  # the wait ends in time (a busy account that opens is given back first)
            shut = [
                reference.opens_at(account)
                for account in reference.able()
                if account.in_flight < self.cap
            ]
            shut = [at for at in shut if at > self.now]
            assert self.now < self.book.next_opening(need, self.now) <= min(shut, default=math.inf)
        if self.book.overload.shut_until(model.rate_limit_name) > self.now:
            assert error is not None
            assert error.retry_after is not None or not reference.open_now()

    def reference(self, need: Need, *, patient: bool = True) -> Reference:
        return Reference(self.book, need, self.now, self.cap, patient)

    @precondition(lambda self: self.leases)
    @rule(
        data=st.data(),
        leaf=st.sampled_from(OUTCOMES),
        retry_after=st.sampled_from([None, 0.5, 7200.0]),
    )
    def one_ends(
        self, data: st.DataObject, leaf: type[GrokApiError] | None, retry_after: float | None
    ) -> None:
        taken = self.leases.pop(data.draw(st.integers(0, len(self.leases) - 1)))
        account = taken.loan.account
        accounts_before = self.accounts()
        egresses_before = self.egresses()
        error = None if leaf is None else leaf("no", retry_after=retry_after)
        self.book.settle(taken.loan, error, self.now)
        begun = isinstance(error, IncompleteAnswer | TimeoutChunk)
        self.ended.append(evolve(taken, refunded=error is not None and not begun))
        changed = {sso for sso, state in self.accounts().items() if state != accounts_before[sso]}
        repathed = {
            proxy for proxy, state in self.egresses().items() if state != egresses_before[proxy]
        }
        if error is None:
            assert changed <= {account.entry.sso}
            assert repathed <= {account.egress.proxy_url}
        elif error.blame is Blame.TOKEN:
            assert changed <= {account.entry.sso}
            assert repathed == set()
        else:
            assert changed == set()
            blamed = isinstance(error, Challenge | TransportFailure)
            assert repathed <= ({taken.loan.egress.proxy_url} if blamed else set())
        if isinstance(error, CredentialsRejected):
            self.refused[account.entry.key].append(self.now)
        if isinstance(error, QuotaExhausted):
            assert account.allowance(taken.loan.group).cooling_until > self.now
        if isinstance(error, Challenge):
            assert error.retry_after is not None
            assert 0 < error.retry_after <= LONGEST_PAUSE

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def one_is_abandoned(self, data: st.DataObject) -> None:
        before = self.accounts(), self.egresses()
        taken = self.leases.pop(data.draw(st.integers(0, len(self.leases) - 1)))
        self.book.abandon(taken.loan, self.now)
        self.ended.append(taken)
        assert (self.accounts(), self.egresses()) == before

    @rule()
    def an_ask_begins(self) -> None:
        due = self.book.polls.take(self.now)
        if due is not None:
            self.step += 1
            self.polls.append((due, self.step))
            which = due.account.entry.key, due.group
            assert due.account in self.book.accounts
            assert self.now - self.last_ask.get(which, -math.inf) >= (
                5 if which in self.demanded else 30
            )
            assert not due.early or which in self.demanded
            self.demanded.discard(which)
            assert due.account.egress.paused_until <= self.now
            self.last_ask[which] = self.now

    @precondition(lambda self: self.polls)
    @rule(data=st.data(), answer=st.sampled_from(ANSWERS))
    def an_ask_ends(self, data: st.DataObject, answer: Quota | GrokApiError | None) -> None:
        due, step = self.polls.pop(data.draw(st.integers(0, len(self.polls) - 1)))
        rests = due.account.invalid and due.account.cooling_until > self.now
        before = due.account.refusals, due.account.cooling_until
        self.book.polled(due, answer, self.now)
        if rests and not (due.early and isinstance(answer, Quota)):
            assert (due.account.refusals, due.account.cooling_until) == before
        if isinstance(answer, CredentialsRejected):
            self.refused[due.account.entry.key].append(self.now)
        if isinstance(answer, Quota):
            self.answers[due.account.entry.key, due.group] = answer, step

    @rule(data=st.data())
    def the_list_is_read_again(self, data: st.DataObject) -> None:
        """With some tokens disabled, or removed, for a while."""
        drawn = {
            entry.key: data.draw(st.sampled_from([True, True, False, None]))
            for entry in self.entries
        }
        self.in_file = {key: enabled for key, enabled in drawn.items() if enabled is not None}
        entries = [
            evolve(e, disabled=not self.in_file[e.key])
            for e in self.entries
            if e.key in self.in_file
        ]
        self.book.adopt(
            entries, default_proxy="http://default.example:1", max_in_flight=self.cap, now=self.now
        )
        self.demanded = {which for which in self.demanded if self.in_file.get(which[0])}

    # Actions of the owner.

    def acted(self, data: st.DataObject, act: Callable[[str], ActionResult]) -> str | None:
        """The key of the token that the action was for; None if it was not in the file."""
        entry = data.draw(st.sampled_from(self.entries))
        if entry.key in self.in_file:
            assert in_words(act(entry.id)).endswith(".")
            return entry.key
        with pytest.raises(UnknownToken):
            act(entry.id)
        return None

    @rule(data=st.data(), refused=st.sampled_from([None, {}, {"fast": ""}, {"heavy": "PLAN"}]))
    def modes_are_learned(self, data: st.DataObject, refused: dict[str, str] | None) -> None:
        """A mode that an account may not use shuts it for that mode alone."""
        if self.book.accounts:
            account = data.draw(st.sampled_from(self.book.accounts))
            self.book.learn_modes(account, refused, self.now + DAY, self.now)

    @rule(data=st.data())
    def one_is_cleared(self, data: st.DataObject) -> None:
        egresses_before = self.egresses()
        cleared = self.acted(data, lambda token: self.book.clear(token, self.now))
        for account in self.book.accounts:
            if account.entry.key == cleared:
                opens = [account.open_at(model.rate_limit_name, model.cost) for model in MODELS]
                assert max(*opens, account.suspect_until) <= self.now
                allowances = [
                    (account.allowance(model.rate_limit_name), model.cost) for model in MODELS
                ]
                assert not any(allowance.spent(cost, self.now) for allowance, cost in allowances)
        assert self.egresses() == egresses_before

    @rule(data=st.data())
    def one_is_rechecked(self, data: st.DataObject) -> None:
        before = self.accounts(), self.egresses()
        rechecked = self.acted(data, lambda token: self.book.recheck(token, self.now, group=GROUP))
        for account in self.book.accounts:
            if account.entry.key == rechecked:
                under_way = {due.group for due, _ in self.polls if due.account is account}
                self.demanded |= {
                    (rechecked, group) for group in account.allowances.keys() - under_way
                }
        if self.demanded:
            assert self.book.polls.next_at() <= max(
                self.now + 5, *(e.paused_until for e in self.every_egress())
            )
        assert (self.accounts(), self.egresses()) == before

    def every_egress(self) -> list[Egress]:
        return [account.egress for account in self.book.accounts] + [Egress(""), Egress("")]

    @rule(data=st.data())
    def one_is_switched_off(self, data: st.DataObject) -> None:
        off = self.acted(data, self.book.disable)
        self.off |= {off} if off else set()
        self.demanded = {which for which in self.demanded if which[0] != off}

    @rule(data=st.data())
    def one_is_switched_on(self, data: st.DataObject) -> None:
        on = self.acted(data, lambda token: self.book.enable(token, self.now))
        self.off -= {on} if on else set()

    @invariant()
    def nobody_is_used_against_a_word_of_the_owner(self) -> None:
        used = [e.key for e in self.entries if self.in_file.get(e.key) and e.key not in self.off]
        assert [account.entry.key for account in self.book.accounts] == used
        assert self.book.disabled == len(self.in_file) - len(used)

    @invariant()
    def what_the_owner_sees_is_what_is_counted(self) -> None:
        views = self.book.views(self.now)
        assert (views.total, {view.key for view in views.shown}) == (
            len(self.in_file),
            set(self.in_file),
        )
        counted = Counter({**self.book.counts(self.now), "disabled": self.book.disabled})
        assert Counter(view.state for view in views.shown) == +counted

    def accounts(self) -> dict[str, tuple[object, ...]]:
        """The part of each token's state that is to its disadvantage."""
        return {
            a.entry.sso: (
                a.cooling_until,
                a.first_refusal_at,
                a.refusals,
                a.refusal,
                [
                    (group, one.cooling_until, one.strikes)
                    for group, one in a.allowances.items()
                    if one.strikes
                ],
            )
            for a in self.book.accounts
        }

    def egresses(self) -> dict[str, tuple[float, int]]:
        return {e.proxy_url: (e.paused_until, e.challenges) for e in self.book.egresses()}

    @invariant()
    def in_flight_is_what_was_leased(self) -> None:
        for account in {
            *self.book.accounts,
            *(taken.loan.account for taken in (*self.leases, *self.ended)),
        }:
            assert account.in_flight == sum(taken.loan.account is account for taken in self.leases)
            assert 0 <= account.in_flight <= self.cap

    @invariant()
    def no_reservation_leaks(self) -> None:
        """A counter is Grok's number, less the questions since its poll that have not failed."""
        for account in self.book.accounts:
            for group, allowance in account.allowances.items():
                if allowance.quota is None:
                    continue
                quota, since = self.answers[account.entry.key, group]
                counted = [
                    quota.charge(taken.loan.charge.cost)
                    for taken in (*self.leases, *self.ended)
                    if (taken.loan.account, taken.loan.group) == (account, group)
                    and taken.began > since
                    and not taken.refunded
                ]
                assert allowance.balance == quota.left - sum(counted)
                assert allowance.left == max(0, allowance.balance)

    @invariant()
    def what_is_left_adds_up(self) -> None:
        for model in MODELS:
            need = Need(model)
            parts = []
            for account in self.reference(need).able():
                allowance = account.allowance(model.rate_limit_name)
                quota = allowance.known(self.now)
                if quota is not None and quota.total is not None and not account.invalid:
                    parts.append(
                        (
                            allowance.left // quota.charge(model.cost),
                            quota.total // quota.charge(model.cost),
                        )
                    )
            left = self.book.left(need, self.now)
            assert (None if left is None else (left.remaining, left.total)) == (
                (sum(one for one, _ in parts), sum(other for _, other in parts)) if parts else None
            )

    @invariant()
    def every_cooling_and_every_pause_ends(self) -> None:
        for account in self.book.accounts:
            assert account.cooling_until <= self.now + LONGEST_COOLING
            assert account.egress.paused_until <= self.now + LONGEST_PAUSE
            assert account.suspect_until <= self.now + 8

    @invariant()
    def an_invalid_token_was_refused_twice_a_minute_apart(self) -> None:
        assert sum(self.book.counts(self.now).values()) == len(self.book.accounts)
        for account in self.book.accounts:
            times = self.refused[account.entry.key]
            if account.refusals:
                assert max(times, default=math.inf) - min(times, default=math.inf) >= 60

    def teardown(self) -> None:
        """Given back once each, and waited for long enough, every token serves again."""
        if not hasattr(self, "book"):
            return
        self.book.adopt(
            self.entries,
            default_proxy="http://default.example:1",
            max_in_flight=self.cap,
            now=self.now,
        )
        for entry in self.entries:
            self.book.enable(entry.id, self.now)
        for taken in self.leases:
            self.book.abandon(taken.loan, self.now)
        for due, _ in self.polls:
            self.book.polled(due, None, self.now)
        self.now += LONGEST_COOLING + LONGEST_PAUSE
        while poll(self.book, None, self.now):
            pass
        self.now += LONGEST_PAUSE
        while poll(self.book, None, self.now):
            pass
        self.now += 8
        served = []
        for _ in range(self.cap * len(self.book.accounts)):
            self.now += PROBES_APART_S  # after a pause, single attempts pass
            one = self.book.choose(NEED, self.now)
            assert one is not None
            served.append(one.account.entry.sso)
        assert self.book.choose(NEED, self.now + PROBES_APART_S) is None
        assert sorted(served) == sorted(
            a.entry.sso for a in self.book.accounts for _ in range(self.cap)
        )


TestAnyHistory = AnyHistory.TestCase

TestAnyHistory.settings = settings(
    deadline=None,
    max_examples=60,
    stateful_step_count=40,
    # Not "explain": of a history that long it takes minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
