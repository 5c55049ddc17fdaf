"""The token book: who may be chosen, and what each outcome changes."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import TypeAlias

import pytest
from attrs import frozen
from hypothesis import settings
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
    NoValidTokens,
    QuotaExhausted,
    RateLimitExceeded,
    TimeoutChunk,
    TransportFailure,
    UpstreamFailure,
    UpstreamOverloaded,
    UpstreamRefused,
)
from grokcore.protocol.book import Account, Need, TokenBook
from grokcore.protocol.models import SHIPPED, Tier
from grokcore.protocol.tokens import TokenEntry, token_id

BASIC_MODEL = SHIPPED["grok-3-fast"]
SUPER_MODEL = SHIPPED["grok-4-heavy"]
NEED = Need(BASIC_MODEL)

DAY = 86400.0


def book_of(*entries: TokenEntry | str, max_in_flight: int = 2, default_proxy: str = "") -> TokenBook:
    whole = [TokenEntry(entry) if isinstance(entry, str) else entry for entry in entries]
    return TokenBook(whole, max_in_flight=max_in_flight, default_proxy=default_proxy)


def attempt(book: TokenBook, error: GrokApiError | None, now: float, need: Need = NEED) -> str:
    """One attempt that begins and ends at *now*; returns the token it was made with."""
    account = book.choose(need, now)
    assert account is not None
    book.settle(account, error, now)
    return account.entry.sso


def chosen(book: TokenBook, now: float, need: Need = NEED, count: int = 1) -> list[str | None]:
    """The tokens that *count* requests at once get; all are given back."""
    accounts = [book.choose(need, now) for _ in range(count)]
    for account in accounts:
        if account is not None:
            book.abandon(account)
    return [None if account is None else account.entry.sso for account in accounts]


def opens_after(book: TokenBook, now: float, need: Need = NEED) -> float:
    """Seconds until a token can be chosen, to the tenth."""
    return bisect_left(range(1_000_000), True, key=lambda tenth: chosen(book, now + tenth / 10, need) != [None]) / 10


# Choice ------------------------------------------------------------------------------------------------------------


def test_the_least_busy_and_then_the_least_recent_token_is_taken() -> None:
    """Requests are spread, up to the cap; then there is none."""
    book = book_of("a", "b", "c")
    attempt(book, None, 1)
    assert chosen(book, 2, count=7) == ["b", "c", "a", "a", "b", "c", None]


def test_super_accounts_are_kept_for_what_needs_them() -> None:
    """Basic before super, even when basic ones are busier; heavy only on super."""
    book = book_of(TokenEntry("s", Tier.SUPER), "a", "b")
    assert chosen(book, 0, count=7) == ["a", "b", "a", "b", "s", "s", None]
    assert chosen(book, 0, Need(SUPER_MODEL), count=3) == ["s", "s", None]


def test_a_token_that_failed_the_request_is_excluded_or_the_last_choice() -> None:
    """Excluded ids are never taken, avoided ones only if no other is free."""
    book = book_of("a", "b", TokenEntry("s", Tier.SUPER))
    avoiding = Need(BASIC_MODEL, avoided=frozenset({token_id("a"), token_id("b")}))
    assert chosen(book, 0, avoiding, count=4) == ["s", "s", "a", "b"]
    excluding = Need(BASIC_MODEL, excluded=frozenset({token_id("a"), token_id("s")}))
    assert chosen(book, 0, excluding, count=3) == ["b", "b", None]


def test_disabled_tokens_are_not_in_the_book() -> None:
    """``disabled`` in the file means just that."""
    book = book_of("a", TokenEntry("b", disabled=True))
    assert [account.entry.sso for account in book.accounts] == ["a"]


# Outcomes ----------------------------------------------------------------------------------------------------------


def quota(retry_after: float | None = None) -> QuotaExhausted:
    return QuotaExhausted("used up", retry_after=retry_after)


def test_a_used_up_token_cools_for_longer_and_longer_up_to_an_hour() -> None:
    """A minute first, doubled with each further refusal; a success starts anew."""
    book = book_of("a")
    now, waits = 0.0, []
    for _ in range(8):
        attempt(book, quota(), now)
        waits.append(opens_after(book, now))
        now += waits[-1]
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    attempt(book, None, now)
    attempt(book, quota(), now)
    assert opens_after(book, now) == 60


def test_a_used_up_token_cools_for_as_long_as_grok_says() -> None:
    """If it ever says so."""
    book = book_of("a", "b")
    attempt(book, quota(retry_after=900), 10)
    attempt(book, quota(retry_after=300), 10)
    assert opens_after(book, 10) == 300
    assert chosen(book, 311) == ["b"]


def test_one_egress_pauses_longer_and_longer_up_to_five_minutes() -> None:
    """5 s, doubling to 300 s; the answer says how long; a success starts anew; other egresses go on."""
    book = book_of("a", TokenEntry("b", proxy_url="http://proxy.example:1"))
    behind_proxy = Need(BASIC_MODEL, excluded=frozenset({token_id("a")}))
    direct = Need(BASIC_MODEL, excluded=frozenset({token_id("b")}))
    now, waits, told = 0.0, [], []
    for _ in range(8):
        challenge = Challenge("challenged")
        attempt(book, challenge, now, direct)
        told.append(challenge.retry_after)
        waits.append(opens_after(book, now, direct))
        assert chosen(book, now, behind_proxy) == ["b"]
        now += waits[-1]
    assert waits == told == [5, 10, 20, 40, 80, 160, 300, 300]
    attempt(book, None, now, direct)
    attempt(book, Challenge("challenged"), now, direct)
    assert opens_after(book, now, direct) == 5


def test_challenges_of_requests_that_were_under_way_together_count_once() -> None:
    """The second says nothing new; it is told the rest of the pause."""
    book = book_of("a")
    first, second = book.choose(NEED, 0), book.choose(NEED, 0)
    assert first is not None
    assert second is not None
    book.settle(first, Challenge("one"), 1)
    late = Challenge("two")
    book.settle(second, late, 3)
    assert (late.retry_after, opens_after(book, 1)) == (3, 5)


def test_a_success_that_began_before_a_challenge_does_not_end_the_pause() -> None:
    """It proves nothing about now."""
    book = book_of("a")
    first, second = book.choose(NEED, 0), book.choose(NEED, 0)
    assert first is not None
    assert second is not None
    book.settle(first, Challenge("one"), 1)
    book.settle(second, None, 2)
    assert opens_after(book, 1) == 5


Outcome: TypeAlias = "tuple[float, GrokApiError | None]"


@frozen
class Doubt:
    """Outcomes of one token's attempts, and its state and pause after the last."""

    name: str
    outcomes: Sequence[Outcome]
    state: str
    pause: float


def refusal() -> CredentialsRejected:
    return CredentialsRejected("refused")


DOUBTS = [
    Doubt("one refusal", [(0, refusal())], "cooling", 60),
    Doubt("two, a minute apart", [(0, refusal()), (60, refusal())], "invalid", 3600),
    Doubt("two, far apart", [(0, refusal()), (500, refusal())], "invalid", 3600),
    Doubt("an hour later once more", [(0, refusal()), (60, refusal()), (3660, refusal())], "invalid", DAY),
    Doubt("and daily from then on", [(0, refusal()), (60, refusal()), (3660, refusal()), (90060, refusal())], "invalid", DAY),
    Doubt("a success between", [(0, refusal()), (60, None), (70, refusal())], "cooling", 60),
    Doubt("a success at the end", [(0, refusal()), (60, None)], "ok", 0),
    Doubt("accounts do come back", [(0, refusal()), (60, refusal()), (3660, None), (3661, refusal())], "cooling", 60),
    Doubt("nobody's failure between", [(0, refusal()), (61, TransportFailure("x")), (62, refusal())], "invalid", 3600),
]  # fmt: skip


@pytest.mark.parametrize("case", DOUBTS, ids=lambda case: case.name)
def test_a_token_is_invalid_after_two_refusals_a_minute_apart_and_never_after_one(case: Doubt) -> None:
    """Single refusals have been wrong; and an invalid token is asked again, after an hour, then daily."""
    book = book_of("a")
    now = 0.0
    for now, error in case.outcomes:
        attempt(book, error, now)
    counts = {"ok": 0, "unknown": 0, "cooling": 0, "invalid": 0, case.state: 1}
    assert (book.counts(now), opens_after(book, now)) == (counts, case.pause)


def test_two_refusals_within_a_minute_are_one() -> None:
    """Requests that were under way together bring no second evidence."""
    book = book_of("a")
    first, second = book.choose(NEED, 0), book.choose(NEED, 0)
    assert first is not None
    assert second is not None
    book.settle(first, refusal(), 1)
    book.settle(second, refusal(), 60.9)
    assert (book.counts(60.9)["invalid"], opens_after(book, 60.9)) == (0, 0.1)


@pytest.mark.parametrize(
    "outcomes", [[quota(900), quota()], [quota(900), refusal()]], ids=["429 and 429", "429 and 401"]
)
def test_a_late_outcome_does_not_shorten_a_cooling(outcomes: list[GrokApiError]) -> None:
    """A token that is used up for 15 minutes is not asked after one."""
    book = book_of("a")
    accounts = [book.choose(NEED, 0), book.choose(NEED, 0)]
    for account, error in zip(accounts, outcomes, strict=True):
        assert account is not None
        book.settle(account, error, 1)
    assert opens_after(book, 1) >= 900


def test_counts_are_by_state() -> None:
    """Never used, fine, cooling, refused."""
    book = book_of("a", "b", "c", "d")
    attempt(book, refusal(), 0)
    attempt(book, quota(), 1)
    attempt(book, None, 2)
    assert book.counts(3) == {"ok": 1, "unknown": 1, "cooling": 2, "invalid": 0}


# When waiting does not help ----------------------------------------------------------------------------------------


@frozen
class Hopeless:
    """A book's history (token, outcome, time), a need at time 10, and what is said then."""

    name: str
    entries: Sequence[TokenEntry]
    outcomes: Sequence[tuple[str, GrokApiError, float]]
    need: Need
    leaf: type[GrokApiError] | None
    retry_after: float | None = None


A, B, S = TokenEntry("a"), TokenEntry("b"), TokenEntry("s", Tier.SUPER)
PROXIED = TokenEntry("b", proxy_url="http://proxy.example:1")
BOTH_TRIED = Need(BASIC_MODEL, excluded=frozenset({A.id, B.id}))

HOPELESS = [
    Hopeless("no token", [], [], NEED, NoTokens),
    Hopeless("all disabled", [TokenEntry("a", disabled=True)], [], NEED, NoTokens),
    Hopeless("none of that tier", [A, B], [], Need(SUPER_MODEL), NoTokens),
    Hopeless("one is open", [A, B], [("a", quota(), 0)], NEED, None),
    Hopeless("the open one was tried", [A, B], [("a", quota(), 0)], Need(BASIC_MODEL, excluded=frozenset({B.id})), RateLimitExceeded, 50),
    Hopeless("all were tried", [A, B], [], BOTH_TRIED, NoValidTokens),
    Hopeless("all used up", [A, B], [("a", quota(900), 0), ("b", quota(100), 5)], NEED, RateLimitExceeded, 95),
    Hopeless("all refused", [A, B], [("a", refusal(), 0), ("b", refusal(), 0)], NEED, NoValidTokens),
    Hopeless("refused and used up", [A, B], [("a", refusal(), 0), ("b", quota(), 5)], NEED, RateLimitExceeded, 55),
    Hopeless("the egress pauses", [A, B], [("a", Challenge("x"), 8)], NEED, Challenge, 3),
    Hopeless("another egress is open", [A, PROXIED], [("a", Challenge("x"), 8)], NEED, None),
    Hopeless("both egresses pause", [A, PROXIED], [("a", Challenge("x"), 6), ("b", Challenge("x"), 9)], NEED, Challenge, 1),
    Hopeless("paused and used up", [A, PROXIED], [("a", quota(), 0), ("b", Challenge("x"), 9)], NEED, Challenge, 4),
    Hopeless("a super account is able too", [S], [("s", quota(), 5)], NEED, RateLimitExceeded, 55),
]  # fmt: skip


@pytest.mark.parametrize("case", HOPELESS, ids=lambda case: case.name)
def test_why_waiting_would_not_help(case: Hopeless) -> None:
    """The reason is the one that the client can do something about, with an honest time."""
    book = book_of(*case.entries)
    for sso, error, at in case.outcomes:
        others = frozenset(entry.id for entry in case.entries if entry.sso != sso)
        assert attempt(book, error, at, Need(BASIC_MODEL, excluded=others)) == sso
    found = book.hopeless(case.need, 10)
    if found is None:
        assert case.leaf is None
    else:
        assert (type(found), found.retry_after) == (case.leaf, case.retry_after)


def test_waiting_for_a_busy_token_is_not_hopeless() -> None:
    """A lease comes back; a queue is worth it."""
    book = book_of("a", max_in_flight=1)
    assert book.choose(NEED, 0) is not None
    assert (book.choose(NEED, 0), book.hopeless(NEED, 0)) == (None, None)


def test_a_token_that_is_used_up_is_not_called_refused() -> None:
    """All able tokens cooling for quota: 429 with the time, not 503."""
    book = book_of("a")
    attempt(book, refusal(), 0)
    attempt(book, quota(900), 61)
    found = book.hopeless(NEED, 61)
    assert found is not None
    assert (found.code, found.retry_after) == ("rate_limit_exceeded", 900)


# Secrets -----------------------------------------------------------------------------------------------------------


def test_nothing_of_a_token_or_a_proxy_is_shown() -> None:
    """Accounts and egresses turn up in tracebacks and logs."""
    book = book_of(TokenEntry("secret-token", proxy_url="http://user:secret-password@proxy.example:1"))
    attempt(book, refusal(), 0)
    assert "secret" not in repr(book.accounts)


# Any history -------------------------------------------------------------------------------------------------------

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

LONGEST_COOLING = DAY
LONGEST_PAUSE = 300.0


class AnyHistory(RuleBasedStateMachine):
    """Requests that come, end in every way and are abandoned, in any order, at any time."""

    @initialize(
        tiers=st.lists(st.tuples(st.sampled_from(Tier), st.sampled_from([None, "direct", "http://p.example:1"])), min_size=1, max_size=4),
        cap=st.integers(1, 3),
    )  # fmt: skip
    def begin(self, tiers: list[tuple[Tier, str | None]], cap: int) -> None:
        entries = [TokenEntry(f"t{number}", tier, proxy_url=proxy) for number, (tier, proxy) in enumerate(tiers)]
        self.book = TokenBook(entries, max_in_flight=cap, default_proxy="http://default.example:1")
        self.cap = cap
        self.now = 0.0
        self.leases: list[Account] = []
        self.refused: dict[str, list[float]] = {entry.id: [] for entry in entries}

    @rule(seconds=st.sampled_from([0.1, 1, 4, 5, 30, 59, 60, 61, 299, 3600, DAY]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(data=st.data())
    def a_request_comes(self, data: st.DataObject) -> None:
        ids = [account.entry.id for account in self.book.accounts]
        some = st.frozensets(st.sampled_from(ids), max_size=2)
        need = Need(data.draw(st.sampled_from([BASIC_MODEL, SUPER_MODEL])), data.draw(some), data.draw(some))
        able = [a for a in self.book.accounts if a.entry.tier is Tier.SUPER or need.model.tier is Tier.BASIC]
        open_now = [a for a in able if max(a.cooling_until, a.egress.paused_until) <= self.now]
        open_now = [a for a in open_now if a.entry.id not in need.excluded]
        free = [a for a in open_now if a.in_flight < self.cap]
        account = self.book.choose(need, self.now)
        assert (account is None) == (not free)
        if account is not None:
            assert account in free
            assert account.entry.id not in need.avoided or all(a.entry.id in need.avoided for a in free)
            self.leases.append(account)
        assert (self.book.hopeless(need, self.now) is None) == bool(open_now)

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), leaf=st.sampled_from(OUTCOMES), retry_after=st.sampled_from([None, 0.5, 7200.0]))
    def one_ends(self, data: st.DataObject, leaf: type[GrokApiError] | None, retry_after: float | None) -> None:
        account = self.leases.pop(data.draw(st.integers(0, len(self.leases) - 1)))
        accounts_before = self.accounts()
        egresses_before = self.egresses()
        error = None if leaf is None else leaf("no", retry_after=retry_after)
        self.book.settle(account, error, self.now)
        changed = {sso for sso, state in self.accounts().items() if state != accounts_before[sso]}
        repathed = {proxy for proxy, state in self.egresses().items() if state != egresses_before[proxy]}
        if error is None:
            assert changed <= {account.entry.sso}
            assert repathed <= {account.egress.proxy_url}
        elif error.blame is Blame.TOKEN:
            assert (changed, repathed) == ({account.entry.sso}, set())
        else:
            assert changed == set()
            assert repathed <= ({account.egress.proxy_url} if isinstance(error, Challenge) else set())
        if isinstance(error, CredentialsRejected):
            self.refused[account.entry.id].append(self.now)
        if isinstance(error, Challenge):
            assert error.retry_after is not None
            assert 0 < error.retry_after <= LONGEST_PAUSE

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def one_is_abandoned(self, data: st.DataObject) -> None:
        before = self.accounts(), self.egresses()
        self.book.abandon(self.leases.pop(data.draw(st.integers(0, len(self.leases) - 1))))
        assert (self.accounts(), self.egresses()) == before

    def accounts(self) -> dict[str, tuple[object, ...]]:
        """What has been learned of each token."""
        return {
            a.entry.sso: (a.cooling_until, a.quota_strikes, a.first_refusal_at, a.refusals, id(a.last_refusal))
            for a in self.book.accounts
        }

    def egresses(self) -> dict[str, tuple[float, int]]:
        return {a.egress.proxy_url: (a.egress.paused_until, a.egress.challenges) for a in self.book.accounts}

    @invariant()
    def in_flight_is_what_was_leased(self) -> None:
        for account in self.book.accounts:
            assert account.in_flight == sum(lease is account for lease in self.leases)
            assert 0 <= account.in_flight <= self.cap

    @invariant()
    def every_cooling_and_every_pause_ends(self) -> None:
        for account in self.book.accounts:
            assert account.cooling_until <= self.now + LONGEST_COOLING
            assert account.egress.paused_until <= self.now + LONGEST_PAUSE

    @invariant()
    def an_invalid_token_was_refused_twice_a_minute_apart(self) -> None:
        assert sum(self.book.counts(self.now).values()) == len(self.book.accounts)
        for account in self.book.accounts:
            times = self.refused[account.entry.id]
            if account.refusals:
                assert max(times, default=math.inf) - min(times, default=math.inf) >= 60

    def teardown(self) -> None:
        """Given back once each, and waited for long enough, every token serves again."""
        for account in self.leases:
            self.book.abandon(account)
        self.now += LONGEST_COOLING + LONGEST_PAUSE
        served = []
        while (one := self.book.choose(NEED, self.now)) is not None:
            served.append(one.entry.sso)
        assert sorted(served) == sorted(a.entry.sso for a in self.book.accounts for _ in range(self.cap))


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(deadline=None, max_examples=40, stateful_step_count=30)
