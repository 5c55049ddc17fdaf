"""The token book: who may be chosen, and what each outcome changes."""

from __future__ import annotations

import copy
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias

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
    ContextLengthExceeded,
    CredentialsRejected,
    EmptyAnswer,
    GrokApiError,
    IncompleteAnswer,
    LineTooLong,
    NoTokens,
    NoValidTokens,
    QuotaExhausted,
    RateLimitExceeded,
    TimeoutChunk,
    TransportFailure,
    UpstreamFailure,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamUnavailable,
)
from grokcore.protocol.models import SHIPPED, Tier
from grokcore.protocol.pool.account import Account, Egress
from grokcore.protocol.pool.book import Loan, Need, TokenBook, UnknownToken
from grokcore.protocol.pool.breaker import PROBES_APART_S
from grokcore.protocol.pool.quota_polls import Ask
from grokcore.protocol.pool.records import record_of
from grokcore.protocol.quota import Quota
from grokcore.protocol.tokens import TokenEntry

BASIC_MODEL = SHIPPED["grok-3-fast"]
SUPER_MODEL = SHIPPED["grok-4-heavy"]
NEED = Need(BASIC_MODEL)
GROUP = BASIC_MODEL.rate_limit_name

DAY = 86400.0


def book_of(*entries: TokenEntry | str, max_in_flight: int = 2, default_proxy: str = "") -> TokenBook:
    whole = [TokenEntry(entry) if isinstance(entry, str) else entry for entry in entries]
    return TokenBook(whole, max_in_flight=max_in_flight, default_proxy=default_proxy)


def key(sso: str) -> str:
    return TokenEntry(sso).key


def attempt(book: TokenBook, error: GrokApiError | None, now: float, need: Need = NEED) -> str:
    """One attempt that begins and ends at *now*; returns the token it was made with."""
    loan = book.choose(need, now)
    assert loan is not None
    book.settle(loan, error, now)
    return loan.account.entry.sso


def chosen(book: TokenBook, now: float, need: Need = NEED, count: int = 1) -> list[str | None]:
    """The tokens that *count* requests at once get; all are given back."""
    loans = [book.choose(need, now) for _ in range(count)]
    for loan in loans:
        if loan is not None:
            book.abandon(loan, now)
    return [None if loan is None else loan.account.entry.sso for loan in loans]


def asked_next(book: TokenBook) -> float:
    """When the next ask is really made; infinity if none is planned."""
    book = copy.deepcopy(book)
    while (at := book.asks.next_at()) < math.inf and book.asks.take(at) is None:
        pass
    return at


def ask(book: TokenBook, answer: Quota | GrokApiError | None, now: float) -> bool:
    """Make the asks that are due, each with this outcome; whether there was any."""
    asked = False
    while (due := book.asks.take(now)) is not None:
        book.asked(due, answer, now)
        asked = True
    return asked


def opens_after(book: TokenBook, now: float, need: Need = NEED) -> float:
    """Seconds until a token can be chosen, to the tenth. The book itself is not touched, nor asked to go back in time."""

    def is_open(tenth: int) -> bool:
        return chosen(copy.deepcopy(book), now + tenth / 10, need) != [None]

    return bisect_left(range(1_000_000), True, key=is_open) / 10


# Choice ------------------------------------------------------------------------------------------------------------


def test_the_least_busy_and_then_the_least_recent_token_is_taken() -> None:
    """Requests are spread, up to the cap; then there is none."""
    book = book_of("a", "b", "c")
    attempt(book, None, 1)
    assert chosen(book, 2, count=7) == ["b", "c", "a", "b", "c", "a", None]


def test_super_accounts_are_kept_for_what_needs_them() -> None:
    """Basic before super, even when basic ones are busier; heavy only on super."""
    book = book_of(TokenEntry("s", Tier.SUPER), "a", "b")
    assert chosen(book, 0, count=7) == ["a", "b", "a", "b", "s", "s", None]
    assert chosen(book, 0, Need(SUPER_MODEL), count=3) == ["s", "s", None]


def test_a_token_that_failed_the_request_is_excluded_or_the_last_choice() -> None:
    """Excluded ids are never taken, avoided ones only if no other is free."""
    book = book_of("a", "b", TokenEntry("s", Tier.SUPER))
    avoiding = Need(BASIC_MODEL, avoided=frozenset({key("a"), key("b")}))
    assert chosen(book, 0, avoiding, count=4) == ["s", "s", "a", "b"]
    excluding = Need(BASIC_MODEL, excluded=frozenset({key("a"), key("s")}))
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
    behind_proxy = Need(BASIC_MODEL, excluded=frozenset({key("a")}))
    direct = Need(BASIC_MODEL, excluded=frozenset({key("b")}))
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


@pytest.mark.parametrize("said", [QuotaExhausted, CredentialsRejected, ContentPolicyViolation, ContextLengthExceeded])
@pytest.mark.parametrize("failure", [Challenge, UpstreamUnavailable])
def test_grok_s_own_refusal_ends_a_pause_of_the_way_to_it(
    failure: type[GrokApiError], said: type[GrokApiError]
) -> None:
    """Its egress works, and Grok is there: no more attempts are spaced by a second."""
    book = book_of("a", "b", "c")
    loans = [book.choose(NEED, 0) for _ in range(4)]
    for loan in loans:
        assert loan is not None
        book.settle(loan, failure("x"), 0)
    until = opens_after(book, 0)
    probe = book.choose(NEED, until)
    assert probe is not None
    assert book.choose(NEED, until) is None
    book.settle(probe, said("x"), until)
    assert book.choose(NEED, until) is not None
    assert book.choose(NEED, until) is not None


def refusal() -> CredentialsRejected:
    return CredentialsRejected("refused")


def challenge() -> Challenge:
    return Challenge("challenged")


QUOTA = Quota(left=30, total=40)


@frozen
class Asked:
    """An ask that is due, and its outcome."""

    answer: Quota | GrokApiError | None


Outcome: TypeAlias = "tuple[float, GrokApiError | Asked | None]"


@frozen
class Doubt:
    """Outcomes of one token's attempts and asks, its state after the last, and how long it is shut then.

    :ivar asked_in: seconds until Grok is asked for it, where no question is spent on it before.
    """

    name: str
    outcomes: Sequence[Outcome]
    state: str
    pause: float = math.inf
    asked_in: float | None = None


INVALID = [(0, refusal()), (60, refusal())]
DOUBTS = [
    Doubt("one refusal", [(0, refusal())], "cooling", 60),
    Doubt("two, a minute apart", INVALID, "invalid", asked_in=3600),
    Doubt("two, far apart", [(0, refusal()), (500, refusal())], "invalid", asked_in=3600),
    Doubt("asked after an hour, and refused", [*INVALID, (3660, Asked(refusal()))], "invalid", asked_in=DAY),
    Doubt("and daily from then on", [*INVALID, (3660, Asked(refusal())), (90060, Asked(refusal()))], "invalid", asked_in=DAY),
    Doubt("asked, and accepted", [*INVALID, (3660, Asked(QUOTA))], "invalid", 0),
    Doubt("asked, and nothing said", [*INVALID, (3660, Asked(None))], "invalid", 0),
    Doubt("asked, and a challenge", [*INVALID, (3660, Asked(challenge()))], "invalid", 0),
    Doubt("accepted by an ask, refused by a question", [*INVALID, (3660, Asked(QUOTA)), (3661, refusal())], "invalid", asked_in=DAY),
    Doubt("a success between", [(0, refusal()), (60, None), (70, refusal())], "cooling", 60),
    Doubt("a success at the end", [(0, refusal()), (60, None)], "ok", 0),
    Doubt("accounts do come back", [*INVALID, (3660, Asked(QUOTA)), (3661, None), (3662, refusal())], "cooling", 60),
    Doubt("nobody's failure between", [(0, refusal()), (61, TransportFailure("x")), (62, refusal())], "invalid", asked_in=3600),
    Doubt("an ask is a second answer", [(0, refusal()), (61, Asked(refusal()))], "invalid", asked_in=3600),
    Doubt("an ask accepts", [(0, refusal()), (61, Asked(QUOTA))], "unknown", 0),
    Doubt("a token that answers is not doubted for an ask", [(0, None), (61, None), (63, Asked(refusal()))], "ok", 0),
    Doubt("nor for many", [(0, None), (61, None), (63, Asked(refusal())), (200, None), (400, Asked(refusal()))], "ok", 0),
]  # fmt: skip


@pytest.mark.parametrize("case", DOUBTS, ids=lambda case: case.name)
def test_a_token_is_invalid_after_two_refusals_a_minute_apart_and_never_after_one(case: Doubt) -> None:
    """Single refusals have been wrong; and an invalid token is asked again, after an hour, then daily."""
    book = book_of("a")
    now = 0.0
    for now, outcome in case.outcomes:
        if isinstance(outcome, Asked):
            assert ask(book, outcome.answer, now)
        else:
            attempt(book, outcome, now)
            if now == 0:
                assert ask(book, None, 0.1)  # that of the first use, which says nothing
    counts = {"ok": 0, "unknown": 0, "cooling": 0, "invalid": 0, case.state: 1}
    assert book.counts(now) == counts
    if case.asked_in is None:
        assert opens_after(book, now) == case.pause
    else:
        assert asked_next(book) == now + case.asked_in
        assert chosen(copy.deepcopy(book), now + case.asked_in) == [None]


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
BOTH_TRIED = Need(BASIC_MODEL, excluded=frozenset({A.key, B.key}))

HOPELESS = [
    Hopeless("no token", [], [], NEED, NoTokens),
    Hopeless("all disabled", [TokenEntry("a", disabled=True)], [], NEED, NoTokens),
    Hopeless("none of that tier", [A, B], [], Need(SUPER_MODEL), NoTokens),
    Hopeless("all of that tier disabled", [A, evolve(S, disabled=True)], [], Need(SUPER_MODEL), NoTokens),
    Hopeless("one is open", [A, B], [("a", quota(), 0)], NEED, None),
    Hopeless("the open one was tried", [A, B], [("a", quota(), 0)], Need(BASIC_MODEL, excluded=frozenset({B.key})), RateLimitExceeded, 50),
    Hopeless("all were tried", [A, B], [], BOTH_TRIED, NoValidTokens),
    Hopeless("all used up", [A, B], [("a", quota(900), 0), ("b", quota(100), 5)], NEED, RateLimitExceeded, 95),
    Hopeless("all refused once", [A, B], [("a", refusal(), 0), ("b", refusal(), 5)], NEED, NoValidTokens, 50),
    Hopeless("refused and used up", [A, B], [("a", refusal(), 0), ("b", quota(), 5)], NEED, RateLimitExceeded, 50),
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
        others = frozenset(entry.key for entry in case.entries if entry.sso != sso)
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


# Quota -------------------------------------------------------------------------------------------------------------

CHEAP = Need(SHIPPED["grok-4-fast"])
DEAR = Need(SHIPPED["grok-4-fast-expert"])  # the same allowance, at four times the cost


def left(book: TokenBook, now: float, need: Need = NEED) -> tuple[int, int] | None:
    """What is left for *need*, and of how many."""
    found = book.left(need, now)
    return None if found is None else (found.remaining, found.total)


def learned(quota: Quota, need: Need = NEED, *tokens: str) -> TokenBook:
    """A book whose tokens were all asked at time 0, before their first question."""
    book = book_of(*tokens or ("a",))
    for account in book.accounts:
        book.asks.wish(account, need.model.rate_limit_name, 0)
    assert ask(book, quota, 0)
    return book


def test_an_unknown_quota_is_usable_and_asked_for_at_the_first_use() -> None:
    """Nothing is asked before; then once, however many questions follow."""
    book = book_of("a")
    assert (book.asks.next_at(), left(book, 0)) == (math.inf, None)
    attempt(book, None, 5)
    attempt(book, None, 5.5)
    assert ask(book, Quota(30, 40), 5.5)
    assert left(book, 6) == (30, 40)
    assert not ask(book, None, 6)


def test_a_budget_pays_the_model_s_cost_and_a_flat_quota_counts_questions() -> None:
    """The same two models, both systems."""
    budget, flat = learned(Quota(9, 140, flat=False), CHEAP), learned(Quota(9, 40), CHEAP)
    for book in (budget, flat):
        attempt(book, None, 1, CHEAP)
        attempt(book, None, 2, DEAR)
    assert (left(budget, 3, CHEAP), left(budget, 3, DEAR)) == ((4, 140), (1, 35))
    assert (left(flat, 3, CHEAP), left(flat, 3, DEAR)) == ((7, 40), (7, 40))


def test_the_cost_is_reserved_with_the_lease_and_given_back_after_a_failure() -> None:
    """A failed question was not answered; one that was given up may have been counted, and is asked for."""
    book = learned(Quota(3, 40))
    loans = [book.choose(NEED, 1) for _ in range(2)]
    assert left(book, 1) == (1, 40)
    assert loans[0] is not None
    assert loans[1] is not None
    book.settle(loans[0], UpstreamRefused("no"), 2)
    assert left(book, 2) == (2, 40)
    book.abandon(loans[1], 3)
    assert (left(book, 3), book.asks.next_at()) == ((2, 40), 30)


def test_what_is_used_up_is_shut_for_its_cost_and_its_group_only() -> None:
    """Too little for a dear question is enough for a cheap one, and other models are not concerned."""
    book = learned(Quota(3, 140, 7200, flat=False, effort_waits=((4, 600.0),)), CHEAP)
    assert [opens_after(book, 0, need) for need in (CHEAP, DEAR, NEED)] == [0, 600, 0]
    refused = book.hopeless(DEAR, 100)
    assert isinstance(refused, RateLimitExceeded)
    assert refused.retry_after == 500


@frozen
class Return:
    """What Grok said was left, and when a question can be asked again."""

    quota: Quota
    after: float


@pytest.mark.parametrize(
    "case",
    [
        Return(Quota(0, 25, 7200, wait_s=2429), 2429),
        Return(Quota(0, 30, 86400, wait_s=12648), 12648),
        Return(Quota(0, 25, 7200), 7200),
        Return(Quota(0, 140, 7200, flat=False, effort_waits=((1, 50), (4, 300))), 50),
        Return(Quota(1, 25, 7200), 0),
    ],
    ids=lambda case: repr(case.quota),
)
def test_nothing_left_is_waited_out_for_as_long_as_grok_says(case: Return) -> None:
    """``waitTimeSeconds``, else the window; and then the quota is unknown, so usable."""
    book = learned(case.quota)
    assert opens_after(book, 0) == case.after


def test_a_quota_is_asked_for_again_when_its_cooling_ends_and_now_and_then_if_that_is_unknown() -> None:
    """At the very second that Grok named; every five minutes if it named none."""
    assert asked_next(learned(Quota(0, 25, 7200, wait_s=2429))) == 2429
    assert asked_next(learned(Quota(0, 25, 7200))) == 300
    assert asked_next(learned(Quota(5, 25, 7200))) == math.inf


def test_what_we_have_taken_ourselves_is_a_hint_only() -> None:
    """The last question is counted here, and Grok is asked half a minute later. Until then the token is the last choice."""
    book = book_of("spent", "other", max_in_flight=1)
    for account, amount in zip(book.accounts, (1, 9), strict=True):
        book.asks.wish(account, GROUP, 0)
        assert ask(book, Quota(amount, 25, 7200), 0)
    only = Need(BASIC_MODEL, excluded=frozenset({key("other")}))
    attempt(book, None, 10, only)
    assert (left(book, 10), asked_next(book), opens_after(book, 10, only)) == ((9, 50), 30, 0)
    attempt(book, TransportFailure("x"), 10, Need(BASIC_MODEL, excluded=frozenset({key("spent")})))
    assert chosen(book, 10.5, count=2) == ["other", "spent"]  # even a suspect one goes before it
    other = book.choose(NEED, 12)
    assert other is not None
    assert chosen(book, 12) == [None]  # and a busy good one is waited for
    assert ask(book, Quota(0, 25, 7200, wait_s=500), 30)
    assert opens_after(book, 30, only) == 500


def test_a_used_up_quota_without_a_time_is_open_as_soon_as_grok_says_so() -> None:
    """A 429, then "nothing left" without a time, then plenty: the window is not waited out."""
    book = learned(Quota(30, 40))
    attempt(book, quota(), 5)
    assert ask(book, Quota(0, 40, 86400), 36)
    assert ask(book, Quota(30, 40, 86400), 336)
    assert opens_after(book, 336) == 0


def test_what_is_too_little_for_the_dearest_question_is_asked_for_again() -> None:
    """Enough for the cheap ones, so nothing is used up; but whoever asks dear ones waits for it."""
    book = learned(Quota(3, 80, 72000, flat=False), DEAR)
    assert opens_after(book, 0, DEAR) == 72000
    refused = book.hopeless(DEAR, 0)
    assert isinstance(refused, RateLimitExceeded)
    assert asked_next(book) == 300
    assert ask(book, Quota(80, 80, 72000, flat=False), 300)
    assert opens_after(book, 300, DEAR) == 0


@pytest.mark.parametrize(
    ("error", "kept"),
    [(TimeoutChunk("x"), 2), (IncompleteAnswer("x"), 2), (TransportFailure("x"), 3), (AntiBotRefusal("x"), 3)],
)
def test_an_answer_that_broke_off_has_cost_its_question(error: GrokApiError, kept: int) -> None:
    """Grok counts a question when it begins; whatever became of it, Grok is asked."""
    book = learned(Quota(3, 40))
    attempt(book, error, 1)
    assert (left(book, 1), asked_next(book)) == ((kept, 40), 30)


def test_a_lease_that_nothing_was_asked_with_costs_nothing() -> None:
    """The client left in the very moment that it was served."""
    book = learned(Quota(3, 40))
    loan = book.choose(NEED, 1)
    assert loan is not None
    book.return_unused(loan, 1)
    assert (left(book, 1), asked_next(book), chosen(book, 1)) == ((3, 40), math.inf, ["a"])


def test_asks_that_meet_a_challenge_are_put_off_and_nothing_else() -> None:
    """A thousand of them would only harden it; questions may get through all the same."""
    book = book_of(*(f"t{number}" for number in range(50)))
    for account in book.accounts:
        book.asks.wish(account, GROUP, 0)
    due = [book.asks.take(0) for _ in range(8)]
    for one in due:
        assert one is not None
        book.asked(one, Challenge("x"), 0)
    assert book.asks.take(1) is None
    assert asked_next(book) == 5
    assert chosen(book, 1) != [None]


def test_challenges_again_and_again_do_not_multiply_anything() -> None:
    """Spent, suspect, paused, over and over: each account has its one place, and a lease its price."""
    book = book_of(*(f"t{number}" for number in range(200)))
    for account in book.accounts:
        book.asks.wish(account, GROUP, 0)
    assert ask(book, Quota(1, 40), 0)
    now = 1.0
    for _ in range(400):
        attempt(book, None, now)
    for _ in range(60):
        attempt(book, Challenge("x"), now)
        assert book.choose(NEED, now) is None
        now = book.next_opening(NEED, now)
    for shelf in book._shelves.values():
        assert sum(map(len, (*shelf._heaps.values(), shelf._shut))) <= 5 * (3 * 200 + 64)
        valid = [entry for entry in shelf._shut if entry[1] == shelf._numbers[entry[2]]]
        assert len(valid) <= shelf.population


def test_a_counter_that_never_moves_refuses_nobody() -> None:
    """Grok says the same after every question; so its 429 is what counts."""
    book = learned(Quota(3, 25, 7200))
    for now in range(1, 200):
        attempt(book, None, now)
        ask(book, Quota(3, 25, 7200), now)
    assert left(book, 200, NEED) is not None


def test_a_429_is_believed_over_any_counter() -> None:
    """Plenty left, says the counter, before the 429 and after it: the cooling lasts."""
    book = learned(Quota(30, 40))
    attempt(book, quota(), 5)
    assert opens_after(book, 5) == 60
    assert ask(book, Quota(30, 40), 36)
    assert opens_after(book, 36) == 29
    assert left(book, 36) == (30, 40)


@pytest.mark.parametrize("wait", [7, 900])
def test_after_a_429_grok_s_own_word_on_the_return_counts(wait: float) -> None:
    """Sooner or later than the cooling: it is the truth."""
    book = learned(Quota(30, 40))
    attempt(book, quota(), 5)
    assert ask(book, Quota(0, 40, wait_s=wait), 36)
    assert opens_after(book, 36) == wait
    assert book.counts(36)["cooling"] == 1


def test_a_429_for_one_group_leaves_the_others_alone() -> None:
    """The allowances are counted apart, so one token may still answer for another model."""
    book = book_of("a")
    attempt(book, quota(), 0)
    assert (chosen(book, 1, NEED), chosen(book, 1, CHEAP)) == ([None], ["a"])


def test_an_answer_covers_what_was_asked_before_it_and_nothing_after() -> None:
    """A question that is sent while an ask is under way is taken off the answer; a failed one is not."""
    book = book_of("a", max_in_flight=9)
    before = book.choose(NEED, 0)
    due = book.asks.take(0.1)
    during = [book.choose(NEED, 1) for _ in range(3)]
    assert due is not None
    assert before is not None
    book.asked(due, Quota(20, 40), 2)
    assert left(book, 2) == (17, 40)
    for loan in (before, *during):
        assert loan is not None
        book.settle(loan, None if loan is not during[1] else TransportFailure("x"), 3)
    assert left(book, 3) == (18, 40)


def test_the_fullest_token_is_taken_and_an_unknown_one_before_it() -> None:
    """What is unknown becomes known, and what is known is used up evenly."""
    book = book_of("a", "b", "c")
    for account, amount in zip(book.accounts, (5, 7), strict=False):
        book.asks.wish(account, GROUP, 0)
        assert ask(book, Quota(amount, 40), 0)
    assert [attempt(book, None, 1 + n) for n in range(1)] == ["c"]
    book.asks.wish(book.accounts[2], GROUP, 40)
    assert ask(book, Quota(6, 40), 40)
    assert [attempt(book, None, 50 + n) for n in range(5)] == ["b", "c", "b", "a", "c"]


def test_a_counter_is_forgotten_after_its_window() -> None:
    """What was known of yesterday says nothing of today: what was spent is a good choice again."""
    book = learned(Quota(1, 2, 14400), NEED, "a", "b")
    for now in (100, 101):
        attempt(book, None, now)
    attempt(book, None, 102, Need(BASIC_MODEL, excluded=frozenset({key("a")})))
    assert (left(book, 14399), left(book, 14400)) == ((0, 4), None)
    assert chosen(book, 14400, count=2) == ["a", "b"]


def test_what_is_left_counts_all_tokens_that_may_be_asked() -> None:
    """Super tokens too for a basic model, and no invalid ones."""
    book = book_of("a", "b", TokenEntry("s", Tier.SUPER))
    for account in book.accounts:
        book.asks.wish(account, GROUP, 0)
    assert ask(book, Quota(10, 40), 0)
    assert left(book, 1) == (30, 120)
    others = frozenset({key("b"), key("s")})
    for now in (1, 61):
        attempt(book, refusal(), now, Need(BASIC_MODEL, excluded=others))
    assert (book.counts(61)["invalid"], left(book, 61)) == (1, (20, 80))


def test_asks_of_one_token_and_group_are_half_a_minute_apart() -> None:
    """However often it is used; and further apart while there is no answer."""
    book = book_of("a")
    times = []
    for now in range(300):
        attempt(book, None, now)
        if ask(book, Quota(5000, 5000), now):
            times.append(now)
    assert times == [*range(1, 300, 30)]
    for now in range(300, 1200):
        attempt(book, None, now)
        if ask(book, None, now):
            times.append(now)
    assert times[10:] == [301, 361, 481, 721]


def test_nothing_is_asked_through_an_egress_that_pauses_nor_of_a_token_that_went() -> None:
    """The pause is for asks too."""
    book = book_of("a")
    attempt(book, Challenge("x"), 0)
    assert not ask(book, None, 0)
    assert asked_next(book) == 5
    book.adopt([], default_proxy="", max_in_flight=2, now=0)
    assert book.asks.next_at() == math.inf


# Suspicion ---------------------------------------------------------------------------------------------------------


def test_a_token_that_fails_at_once_does_not_draw_all_requests_to_itself() -> None:
    """It is idle all the time, and yet the last choice, for a second, then two, up to eight; then it is like the others."""
    book = book_of("bad", "good")
    only_bad = Need(BASIC_MODEL, excluded=frozenset({key("good")}))
    pauses, now = [], 0.0
    for _ in range(5):
        attempt(book, EmptyAnswer("x"), now, only_bad)
        began = now
        while chosen(copy.deepcopy(book), now, NEED, count=3)[1] == "good":
            now += 0.5
        pauses.append(now - began)
        now += 10
    assert pauses == [1, 2, 4, 8, 8]
    assert chosen(book, now, count=4) in (["bad", "good", "bad", "good"], ["good", "bad", "good", "bad"])


def test_a_better_token_is_waited_for_but_not_by_the_impatient_nor_for_ever() -> None:
    """Suspicion shuts nothing: alone, or when patience ends, a suspect token is taken."""
    book = book_of("bad", "good", max_in_flight=1)
    attempt(book, UpstreamFailure("x"), 0, Need(BASIC_MODEL, excluded=frozenset({key("good")})))
    good = book.choose(NEED, 0.1)
    assert good is not None
    assert book.choose(NEED, 0.2) is None
    assert book.hopeless(NEED, 0.2) is None
    assert book.next_opening(NEED, 0.2) == 1
    impatient = book.choose(NEED, 0.2, patient=False)
    assert impatient is not None
    book.abandon(impatient, 0.3)
    assert chosen(book, 1, NEED) == ["bad"]
    assert chosen(book_of("bad"), 0, NEED) == ["bad"]


@pytest.mark.parametrize("leaf", [AntiBotRefusal, ContentPolicyViolation, UpstreamRefused, LineTooLong])
def test_what_the_request_or_the_address_is_to_blame_for_makes_no_token_suspect(leaf: type[GrokApiError]) -> None:
    """Nothing of the token is changed."""
    book = book_of("a", "b")
    attempt(book, leaf("x"), 0)
    assert chosen(book, 0, count=4) == ["b", "a", "b", "a"]
    assert book.counts(0)["unknown"] == 2


def test_who_has_failed_already_gets_a_token_that_has_answered() -> None:
    """Of three attempts the second is not a gamble again; the third waits for such a one."""
    book = book_of("a", "b", "c", "d", "proven", max_in_flight=1)
    attempt(book, None, 0, Need(BASIC_MODEL, excluded=frozenset(map(key, "abcd"))))
    assert chosen(book, 1, NEED) == ["a"]
    second, third = (Need(BASIC_MODEL, excluded=frozenset(map(key, failed))) for failed in ("a", "ab"))
    assert chosen(book, 1, second, count=2) == ["proven", "b"]
    assert chosen(book, 1, third, count=2) == ["proven", None]


# The token list ------------------------------------------------------------------------------------------------------


def adopted(
    book: TokenBook, *entries: TokenEntry, default_proxy: str = "", max_in_flight: int = 2, now: float = 0
) -> str:
    return str(book.adopt(entries, default_proxy=default_proxy, max_in_flight=max_in_flight, now=now))


def test_a_new_list_keeps_what_was_learned_of_tokens_that_stay() -> None:
    """Added, removed, described otherwise; a token that comes back is remembered."""
    book = book_of("a", "b", "c")
    for sso, error in (("a", quota(900)), ("b", quota(500))):
        attempt(book, error, 0, Need(BASIC_MODEL, excluded=frozenset(map(key, {"a", "b", "c"} - {sso}))))
    c, d = TokenEntry("c"), TokenEntry("d")
    assert adopted(book, A, c, d) == "1 added, 1 removed"
    assert chosen(book, 1, count=5) == ["c", "d", "c", "d", None]
    assert adopted(book, A, c, d) == ""
    assert adopted(book, evolve(A, note="mine"), B, c) == "1 added, 1 removed, 1 changed"
    assert (
        chosen(book, 600, count=2),
        opens_after(book, 600, Need(BASIC_MODEL, excluded=frozenset({B.key, c.key}))),
    ) == (
        ["b", "c"],
        300,
    )


def test_loans_of_tokens_that_went_are_given_back_as_ever() -> None:
    """A stream finishes on what it began with; nothing of it is counted against the new list."""
    book = book_of("a", "b")
    loans = [book.choose(NEED, 0) for _ in range(4)]
    adopted(book, B, evolve(A, disabled=True))
    assert (len(book.accounts), book.disabled, chosen(book, 1)) == (1, 1, [None])
    for loan in loans:
        assert loan is not None
        book.settle(loan, None, 1)
    assert chosen(book, 2, count=3) == ["b", "b", None]
    adopted(book, A, B, max_in_flight=1)
    assert sorted(map(str, chosen(book, 3, count=3))) == ["None", "a", "b"]


def test_a_refused_token_that_comes_back_is_asked_for_at_once() -> None:
    """Whoever took it out and put it in again may have mended its session; and else it would never be asked for."""
    book = book_of("a")
    attempt(book, refusal(), 0)
    assert ask(book, None, 0.1)
    attempt(book, refusal(), 60)
    adopted(book, evolve(A, disabled=True), now=61)
    adopted(book, A, now=62)
    assert asked_next(book) == 62
    assert ask(book, QUOTA, 62)
    assert chosen(book, 62) == ["a"]


def test_a_new_egress_and_tier_take_effect_for_the_next_lease() -> None:
    """What is under way is not touched."""
    book = book_of("a", default_proxy="http://one.example:1")
    loan = book.choose(NEED, 0)
    assert loan is not None
    adopted(book, evolve(A, tier=Tier.SUPER), default_proxy="http://two.example:1")
    book.settle(loan, Challenge("x"), 1)
    again = book.choose(Need(SUPER_MODEL), 2)
    assert again is not None  # the challenge was the old egress's
    assert again.egress.proxy_url == "http://two.example:1"
    assert [egress.paused_until for egress in book.egresses()] == [-math.inf]


def test_another_identity_ends_the_pauses() -> None:
    """Whoever has just put in a fresh clearance is not kept waiting for five minutes."""
    book = book_of("a")
    for now in (0, 5, 15, 35):
        attempt(book, Challenge("x"), now)
    assert opens_after(book, 35) == 40
    book.forget_egresses()
    assert opens_after(book, 35) == 0


def test_a_token_that_is_added_later_is_known_from_its_record() -> None:
    """Disabled at the start, or not there at all: what was learned of it before is not lost."""
    old = book_of("a")
    attempt(old, quota(900), 0)
    (account,) = old.take_unsaved()
    records = {account.entry.key: record_of(account, 0, 1000)}
    book = book_of("b")
    book.recall(records, 50, 950)
    assert adopted(book, A, B, now=50) == "1 added"
    assert opens_after(book, 50, Need(BASIC_MODEL, excluded=frozenset({B.key}))) == 900


def test_those_that_went_are_not_remembered_without_end() -> None:
    """A file whose tokens change daily does not fill the memory."""
    book = book_of()
    for day in range(50):
        adopted(book, *(TokenEntry(f"{day}-{number}", proxy_url=f"http://{day}.example:1") for number in range(100)))
    assert len(book._roster._all) <= 1100
    assert len(book._roster._egresses) == 1


# The acts of a token's owner ------------------------------------------------------------------------------------------


def invalid(sso: str = "a") -> TokenBook:
    """A book with one token that was refused twice, and will be asked for in an hour."""
    book = book_of(sso)
    attempt(book, refusal(), 0)
    assert ask(book, None, 0.1)
    attempt(book, refusal(), 60)
    return book


def after(error: GrokApiError | None) -> TokenBook:
    """A book with one token, after one attempt."""
    book = book_of("a")
    attempt(book, error, 60)
    return book


def spent() -> TokenBook:
    """One question was left, and it was asked."""
    book = learned(Quota(1, 25, 7200))
    attempt(book, None, 10)
    return book


@frozen
class Held:
    """What is held against a token at time 60, and its state when its owner says that it does not hold.

    :ivar need: what it can be asked then, and could not as well before.
    """

    name: str
    history: Callable[[], TokenBook]
    state: str
    need: Need = NEED


HELD = [
    Held("nothing", lambda: after(None), "ok"),
    Held("a 429", lambda: after(quota(900)), "unknown"),
    Held("one refusal", lambda: after(refusal()), "unknown"),
    Held("two of them", invalid, "invalid"),
    Held("a slip", lambda: after(TransportFailure("x")), "unknown"),
    Held("Grok's word: nothing left", lambda: learned(Quota(0, 25, 7200, wait_s=2429)), "unknown"),
    Held("Grok's word: too little", lambda: learned(Quota(3, 140, 7200, flat=False), DEAR), "unknown", DEAR),
    Held("our own counting", spent, "ok"),
]


@pytest.mark.parametrize("case", HELD, ids=lambda case: case.name)
def test_a_token_that_is_cleared_is_as_good_as_a_new_one(case: Held) -> None:
    """It may be asked at once, and nobody goes before it but by the rules for all."""
    book = case.history()
    book.clear(A.id, 60)
    (account,) = book.accounts
    assert (chosen(book, 60, case.need), account.state(60)) == (["a"], case.state)
    assert account.suspect_until < 60
    assert not account.allowance(GROUP).spent(1, 60)


def test_what_grok_says_after_a_clearing_counts_as_ever() -> None:
    """From the shortest cooling on; and one more refusal puts an invalid token back where it was."""
    book = book_of("a")
    for now in (0, 60):
        attempt(book, quota(), now)
    book.clear(A.id, 70)
    attempt(book, quota(), 70)
    assert opens_after(book, 70) == 60
    book = invalid()
    book.clear(A.id, 100)
    assert asked_next(book) <= 100
    attempt(book, refusal(), 100)
    assert (chosen(book, 101), asked_next(book)) == ([None], 100 + DAY)
    book.clear(A.id, 200)
    attempt(book, None, 200)
    assert book.counts(200)["ok"] == 1


def test_clearing_keeps_what_speaks_for_a_token() -> None:
    """What is left of it by Grok's word, and that it has answered; and a pause of its egress, which is not its own."""
    book = learned(Quota(30, 40))
    attempt(book, None, 1)
    attempt(book, Challenge("x"), 2)
    book.clear(A.id, 3)
    assert (left(book, 3), book.counts(3)["ok"], opens_after(book, 3)) == ((29, 40), 1, 4)


def demanded(book: TokenBook, now: float) -> list[float]:
    """When the asks that the owner demands now are really made."""
    book = copy.deepcopy(book)
    book.recheck(A.id, now)
    times = []
    while (at := max(now, book.asks.next_at())) < now + 29:
        times += [at] if book.asks.take(at) else []
    return times


def test_a_token_is_asked_for_as_soon_as_its_owner_wants_to_know_but_not_as_often() -> None:
    """At once, five seconds after the last time at the soonest, one at a time; failures before don't put it off."""
    book = learned(Quota(30, 40))
    assert [demanded(book, now) for now in (1, 4.5, 5, 9)] == [[5], [5], [5], [9]]
    for now in (30, 90, 210):
        book.asks.wish(book.accounts[0], GROUP, now)
        assert ask(book, None, now)
    assert demanded(book, 220) == [220]
    for _ in range(1000):
        book.recheck(A.id, 220)
    due = book.asks.take(220)
    assert due is not None
    assert "within" not in book.recheck(A.id, 221)  # it is being asked for
    assert book.asks.take(229) is None
    book.asked(due, Quota(5, 40), 229)
    assert left(book, 229) == (5, 40)
    assert asked_next(book) == math.inf


def test_all_that_is_known_of_a_token_is_asked_for_or_else_what_the_asker_names() -> None:
    """Without a name, for the first model's."""
    assert book_of("a").recheck(A.id, 0) == f"Grok is asked what is left for {GROUP}."
    book = book_of("a")
    assert book.recheck(A.id, 0, group="grok-4") == "Grok is asked what is left for grok-4."
    book.accounts[0].allowance("grok-3")
    assert book.recheck(A.id, 0, group="another") == "Grok is asked what is left for grok-3 and grok-4."
    asked = [book.asks.take(0) for _ in range(3)]
    assert sorted(one.group for one in asked if one) == ["grok-3", "grok-4"]


@frozen
class Recheck:
    """What Grok answers for an invalid token that its owner has asked for before its time (at 100, of 3660).

    :ivar asked_in: seconds until it is asked for by itself; infinity if a question is to tell.
    """

    answer: Quota | GrokApiError | None
    asked_in: float = 3560


@pytest.mark.parametrize(
    "case",
    [Recheck(QUOTA, math.inf), Recheck(refusal()), Recheck(challenge()), Recheck(None), Recheck(TransportFailure("x"))],
    ids=lambda case: type(case.answer).__name__,
)
def test_a_recheck_of_a_refused_token_can_help_it_and_does_no_harm(case: Recheck) -> None:
    """An answer puts it on trial; a refusal does not make its rest longer, and a failure no shorter."""
    book = invalid()
    book.recheck(A.id, 100)
    assert ask(book, case.answer, 100)
    assert asked_next(book) == 100 + case.asked_in
    assert chosen(book, 100) == (["a"] if case.asked_in == math.inf else [None])


def test_nothing_is_demanded_through_an_egress_that_pauses() -> None:
    """Not even by the owner; it is told when."""
    book = learned(Quota(30, 40))
    attempt(book, Challenge("x"), 10)
    assert "within 5 s" in book.recheck(A.id, 10)
    assert demanded(book, 10) == [15]


def test_a_token_that_is_switched_off_is_as_if_it_were_not_there() -> None:
    """Never chosen, not counted, not asked for; what is under way finishes, and is learned from."""
    book = learned(Quota(30, 40), NEED, "a", "b")
    loans = [book.choose(NEED, 1) for _ in range(2)]
    assert all(loan is not None for loan in loans)
    book.disable(A.id)
    assert (left(book, 1), len(book.accounts), book.disabled) == ((29, 40), 1, 1)
    assert chosen(book, 1, count=3) == ["b", None, None]
    assert sum(book.counts(1).values()) == 1
    for loan in loans:
        assert loan is not None
        book.settle(loan, quota(900), 2)
    assert "not asked" in book.recheck(A.id, 2)
    assert book.next_reset(2) == 902  # that is b's
    assert {account.entry.sso for account in book.take_unsaved()} == {"a", "b"}
    book.clear(B.id, 3)
    assert chosen(book, 3, count=3) == ["b", "b", None]
    assert not [due for due in iter(lambda: book.asks.take(2000), None) if due.account.entry == A]
    book.enable(A.id, 800)
    assert opens_after(book, 800, Need(BASIC_MODEL, excluded=frozenset({B.key}))) == 102


def test_a_token_stays_switched_off_whatever_becomes_of_the_token_file() -> None:
    """Described otherwise, disabled there as well, removed, back again, with a thousand others that came and went."""
    book = book_of("a", "b")
    book.disable(A.id)
    mine = evolve(A, note="mine", tier=Tier.SUPER)
    assert adopted(book, mine, B) == "1 changed"
    assert adopted(book, evolve(A, disabled=True), B) == "1 removed"
    assert "token file" in book.enable(A.id, 0)
    book.disable(A.id)
    for number in range(2):
        adopted(book, B, *(TokenEntry(f"{number}-{one}") for one in range(1500)))
    assert adopted(book, A, B) == "1 added, 1500 removed"
    assert (chosen(book, 1, count=3), book.disabled) == (["b", "b", None], 1)
    book.enable(A.id, 1)
    assert (chosen(book, 1, count=4), book.disabled) == (["a", "b", "a", "b"], 0)


def test_a_refused_token_that_is_switched_on_again_is_asked_for_at_once() -> None:
    """As one that comes back into the token file."""
    book = invalid()
    book.disable(A.id)
    assert asked_next(book) == math.inf
    book.enable(A.id, 100)
    assert asked_next(book) == 100


def test_acts_that_were_done_already_change_nothing() -> None:
    """Whoever clicks twice; and the list of what is to be saved does not grow by it."""
    book = book_of("a")
    book.enable(A.id, 0)
    assert not book.take_unsaved()
    assert book.disable(A.id) != book.disable(A.id)
    assert (len(book.take_unsaved()), book.disabled) == (1, 1)
    assert "already" in book.disable(A.id)
    assert not book.take_unsaved()


@frozen
class SwitchedOff:
    """What is said when some tokens of a file are switched off, and which refusal it is."""

    name: str
    entries: Sequence[TokenEntry]
    off: Sequence[TokenEntry]
    said: str
    outcomes: Sequence[GrokApiError] = ()
    need: Need = NEED
    leaf: type[GrokApiError] = NoTokens


OFF_IN_FILE = TokenEntry("off", disabled=True)
SWITCHED_OFF = [
    SwitchedOff("all", [A, B], [A, B], "All tokens that may use this model are disabled, switched off on this server."),
    SwitchedOff("all, by the file", [OFF_IN_FILE], [], "All tokens that may use this model are disabled, in the token file."),
    SwitchedOff("all, by both", [A, OFF_IN_FILE], [A], "All tokens that may use this model are disabled, in the token file or switched off on this server."),
    SwitchedOff("all that are able", [A, S], [S], "All tokens that may use this model are disabled, switched off on this server.", need=Need(SUPER_MODEL)),
    SwitchedOff("none that is able", [A, B], [B], "The model grok-4-heavy needs a token of a Super account, and none is configured.", need=Need(SUPER_MODEL)),
    SwitchedOff("the others are used up", [A, B], [B], "All tokens for this model are used up for now; the first is back in 60 s. One more is disabled.", [quota()], leaf=RateLimitExceeded),
    SwitchedOff("the others are refused", [A, B, OFF_IN_FILE], [B], "Grok has refused every token for this model; they are tried again in 60 s. 2 more are disabled. refused", [refusal()], leaf=NoValidTokens),
    SwitchedOff("none is disabled", [A], [], "All tokens for this model are used up for now; the first is back in 60 s.", [quota()], leaf=RateLimitExceeded),
]  # fmt: skip


@pytest.mark.parametrize("case", SWITCHED_OFF, ids=lambda case: case.name)
def test_a_refusal_tells_of_tokens_that_are_disabled(case: SwitchedOff) -> None:
    """Nobody hears that no token is configured, or all are used up, while there is one that need only be switched on."""
    book = book_of(*case.entries)
    for one in case.off:
        book.disable(one.id)
    for error in case.outcomes:
        attempt(book, error, 0)
    found = book.hopeless(case.need, 0)
    assert (type(found), str(found)) == (case.leaf, case.said)
    for one in case.off:
        book.enable(one.id, 0)
    if case.off and case.need is NEED:
        assert book.hopeless(NEED, 0) is None  # at once, whatever was remembered


@pytest.mark.parametrize("act", ["clear", "recheck", "disable", "enable", "view"])
@pytest.mark.parametrize("token", ["", "a", "0" * 8, A.id[:7], B.id, f"{A.id}0", "nonsense!", "é" * 8])
def test_a_token_that_is_not_there_is_not_acted_on(act: str, token: str) -> None:
    """Nobody has that id, or it is not even one; also that of a token which went."""
    book = book_of("a", "b")
    adopted(book, A)
    with pytest.raises(UnknownToken, match="no token"):
        getattr(book, act)(token, *([] if act == "disable" else [0.0]))


def test_a_token_is_named_by_its_id_or_by_more_of_its_key() -> None:
    """In either case of letters. Two tokens of one id are told apart by the rest."""
    for token in (A.id, A.id.upper(), f" {A.key}\n", A.key[:10]):
        assert book_of("a", "b").disable(token) == "It is switched off."
    # Of ids with 8 digits two are the same in a pool of ten thousand now and then.
    alike = TokenEntry("b")
    object.__setattr__(alike, "key", A.id + "f" * 16)
    book = book_of("a", alike)
    with pytest.raises(UnknownToken, match="More than one"):
        book.disable(A.id)
    book.disable(alike.key)
    assert chosen(book, 0) == ["a"]


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
MODELS = [SHIPPED[name] for name in ("grok-3-fast", "grok-4-fast", "grok-4-fast-expert", "grok-4-heavy")]


@frozen
class Taken:
    """A lease, and when it was made and ended (steps of the history)."""

    loan: Loan
    began: int
    refunded: bool = False


class AnyHistory(RuleBasedStateMachine):
    """Requests that come, end in every way and are abandoned, asks with every answer, in any order, at any time."""

    @initialize(
        tiers=st.lists(st.tuples(st.sampled_from(Tier), st.sampled_from([None, "direct", "http://p.example:1"])), min_size=1, max_size=5),
        cap=st.integers(1, 3),
    )  # fmt: skip
    def begin(self, tiers: list[tuple[Tier, str | None]], cap: int) -> None:
        self.entries = [TokenEntry(f"t{number}", tier, proxy_url=proxy) for number, (tier, proxy) in enumerate(tiers)]
        self.book = TokenBook(self.entries, max_in_flight=cap, default_proxy="http://default.example:1")
        self.cap = cap
        self.now = 0.0
        self.step = 0
        self.leases: list[Taken] = []
        self.ended: list[Taken] = []
        self.asks: list[tuple[Ask, int]] = []
        self.answers: dict[tuple[str, str], tuple[Quota, int]] = {}
        self.last_ask: dict[tuple[str, str], float] = {}
        self.refused: dict[str, list[float]] = {entry.key: [] for entry in self.entries}
        self.in_file = {entry.key: True for entry in self.entries}  # whether it is enabled; not there: removed
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
        expected = self.expected(need, patient)
        loan = self.book.choose(need, self.now, patient=patient)
        assert (loan is None) == (not expected)
        if loan is not None:
            self.step += 1
            assert loan.account in expected
            self.leases.append(Taken(loan, self.step))
            assert loan.account.allowance(loan.group).left >= 0
        told = self.book.hopeless(need, self.now)
        shed = self.book.overload.refusal(model.rate_limit_name, self.now)
        assert (told is None) == (bool(self.open_for(need)) and shed is None)
        if told is not None and not self.able(need):
            able = [e for e in self.entries if e.tier is Tier.SUPER or model.tier is Tier.BASIC]
            assert isinstance(told, NoTokens)
            assert ("disabled" in told.message) == any(entry.key in self.in_file for entry in able)
        if loan is None:  # whoever waits is told when to look again (a busy one that opens is given back first)
            shut = [self.opens(account, need) for account in self.able(need) if account.in_flight < self.cap]
            shut = [at for at in shut if at > self.now]
            assert self.now < self.book.next_opening(need, self.now) <= min(shut, default=math.inf)
        if self.book.overload.shut_until(model.rate_limit_name) > self.now:
            assert told is not None
            assert told.retry_after is not None or not self.open_for(need)

    def able(self, need: Need) -> list[Account]:
        return [a for a in self.book.accounts if a.entry.tier is Tier.SUPER or need.model.tier is Tier.BASIC]

    def opens(self, account: Account, need: Need) -> float:
        return max(account.open_at(need.model.rate_limit_name, need.model.cost), account.egress.paused_until)

    def open_for(self, need: Need) -> list[Account]:
        able = [account for account in self.able(need) if account.entry.key not in need.excluded]
        return [account for account in able if self.opens(account, need) <= self.now]

    def expected(self, need: Need, patient: bool) -> list[Account]:
        """The rules of the choice, by looking at everybody."""
        if self.book.overload.shut_until(need.model.rate_limit_name) > self.now:
            return []
        failed = need.excluded | need.avoided
        there = self.open_for(need)
        spent = [a for a in there if a.allowance(need.model.rate_limit_name).spent(need.model.cost, self.now)]
        good = [a for a in there if a.suspect_until <= self.now and a not in spent]
        proven = [a for a in good if a.answered]
        new = [a for a in good if not a.answered]

        def free(accounts: list[Account], without: frozenset[str] = failed) -> list[Account]:
            ready = [a for a in accounts if a.in_flight < self.cap and a.entry.key not in without]
            for tier in (Tier.BASIC, Tier.SUPER):
                of_tier = [a for a in ready if a.entry.tier is tier]
                if of_tier:
                    best = min(self.rank(a, need) for a in of_tier)
                    return [a for a in of_tier if self.rank(a, need) == best]
            return []

        def busy(accounts: list[Account]) -> bool:
            return any(a.in_flight >= self.cap and a.entry.key not in failed for a in accounts)

        if not failed and free(good):
            return free(good)
        if failed and free(proven):
            return free(proven)
        if patient and len(failed) >= 2 and busy(proven):
            return []
        for found in (free(new), free(good, need.excluded)):
            if found:
                return found
        if patient and busy(good):
            return []
        suspect = [a for a in there if a.suspect_until > self.now and a not in spent]
        for without in (failed, need.excluded):
            for accounts in (suspect, spent):
                if free(accounts, without):
                    return free(accounts, without)
        return []

    def rank(self, account: Account, need: Need) -> tuple[float, ...]:
        return account.in_flight, -account.allowance(need.model.rate_limit_name).rank(self.now), account.last_used

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), leaf=st.sampled_from(OUTCOMES), retry_after=st.sampled_from([None, 0.5, 7200.0]))
    def one_ends(self, data: st.DataObject, leaf: type[GrokApiError] | None, retry_after: float | None) -> None:
        taken = self.leases.pop(data.draw(st.integers(0, len(self.leases) - 1)))
        account = taken.loan.account
        accounts_before = self.accounts()
        egresses_before = self.egresses()
        error = None if leaf is None else leaf("no", retry_after=retry_after)
        self.book.settle(taken.loan, error, self.now)
        begun = isinstance(error, IncompleteAnswer | TimeoutChunk)
        self.ended.append(evolve(taken, refunded=error is not None and not begun))
        changed = {sso for sso, state in self.accounts().items() if state != accounts_before[sso]}
        repathed = {proxy for proxy, state in self.egresses().items() if state != egresses_before[proxy]}
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
        due = self.book.asks.take(self.now)
        if due is not None:
            self.step += 1
            self.asks.append((due, self.step))
            which = due.account.entry.key, due.group
            assert due.account in self.book.accounts
            assert self.now - self.last_ask.get(which, -math.inf) >= (5 if which in self.demanded else 30)
            assert not due.early or which in self.demanded
            self.demanded.discard(which)
            assert due.account.egress.paused_until <= self.now
            self.last_ask[which] = self.now

    @precondition(lambda self: self.asks)
    @rule(data=st.data(), answer=st.sampled_from(ANSWERS))
    def an_ask_ends(self, data: st.DataObject, answer: Quota | GrokApiError | None) -> None:
        due, step = self.asks.pop(data.draw(st.integers(0, len(self.asks) - 1)))
        rests = due.account.invalid and due.account.cooling_until > self.now
        before = due.account.refusals, due.account.cooling_until
        self.book.asked(due, answer, self.now)
        if rests and not (due.early and isinstance(answer, Quota)):
            assert (due.account.refusals, due.account.cooling_until) == before
        if isinstance(answer, CredentialsRejected):
            self.refused[due.account.entry.key].append(self.now)
        if isinstance(answer, Quota):
            self.answers[due.account.entry.key, due.group] = answer, step

    @rule(data=st.data())
    def the_list_is_read_again(self, data: st.DataObject) -> None:
        """With some tokens disabled, or removed, for a while."""
        drawn = {entry.key: data.draw(st.sampled_from([True, True, False, None])) for entry in self.entries}
        self.in_file = {key: enabled for key, enabled in drawn.items() if enabled is not None}
        entries = [evolve(e, disabled=not self.in_file[e.key]) for e in self.entries if e.key in self.in_file]
        self.book.adopt(entries, default_proxy="http://default.example:1", max_in_flight=self.cap, now=self.now)
        self.demanded = {which for which in self.demanded if self.in_file.get(which[0])}

    # The acts of the owner.

    def acted(self, data: st.DataObject, act: Callable[[str], str]) -> str | None:
        """The key of the token that was acted on; None if there was none of it in the file."""
        entry = data.draw(st.sampled_from(self.entries))
        if entry.key in self.in_file:
            assert act(entry.id).endswith(".")
            return entry.key
        with pytest.raises(UnknownToken):
            act(entry.id)
        return None

    @rule(data=st.data())
    def one_is_cleared(self, data: st.DataObject) -> None:
        egresses_before = self.egresses()
        cleared = self.acted(data, lambda token: self.book.clear(token, self.now))
        for account in self.book.accounts:
            if account.entry.key == cleared:
                opens = [account.open_at(model.rate_limit_name, model.cost) for model in MODELS]
                assert max(*opens, account.suspect_until) <= self.now
                allowances = [(account.allowance(model.rate_limit_name), model.cost) for model in MODELS]
                assert not any(allowance.spent(cost, self.now) for allowance, cost in allowances)
        assert self.egresses() == egresses_before

    @rule(data=st.data())
    def one_is_rechecked(self, data: st.DataObject) -> None:
        before = self.accounts(), self.egresses()
        rechecked = self.acted(data, lambda token: self.book.recheck(token, self.now, group=GROUP))
        for account in self.book.accounts:
            if account.entry.key == rechecked:
                under_way = {due.group for due, _ in self.asks if due.account is account}
                self.demanded |= {(rechecked, group) for group in account.allowances.keys() - under_way}
        if self.demanded:
            assert self.book.asks.next_at() <= max(self.now + 5, *(e.paused_until for e in self.every_egress()))
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
        assert (views.total, {view.key for view in views.shown}) == (len(self.in_file), set(self.in_file))
        counted = Counter({**self.book.counts(self.now), "disabled": self.book.disabled})
        assert Counter(view.state for view in views.shown) == +counted

    def accounts(self) -> dict[str, tuple[object, ...]]:
        """What has been learned of each token to its disadvantage."""
        return {
            a.entry.sso: (
                a.cooling_until,
                a.first_refusal_at,
                a.refusals,
                a.refusal,
                [(group, one.cooling_until, one.strikes) for group, one in a.allowances.items() if one.strikes],
            )
            for a in self.book.accounts
        }

    def egresses(self) -> dict[str, tuple[float, int]]:
        return {e.proxy_url: (e.paused_until, e.challenges) for e in self.book.egresses()}

    @invariant()
    def in_flight_is_what_was_leased(self) -> None:
        for account in {*self.book.accounts, *(taken.loan.account for taken in (*self.leases, *self.ended))}:
            assert account.in_flight == sum(taken.loan.account is account for taken in self.leases)
            assert 0 <= account.in_flight <= self.cap

    @invariant()
    def no_reservation_leaks(self) -> None:
        """A counter is Grok's number, less what was sent since it was asked for and not failed."""
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
            for account in self.able(need):
                allowance = account.allowance(model.rate_limit_name)
                quota = allowance.known(self.now)
                if quota is not None and quota.total is not None and not account.invalid:
                    parts.append((allowance.left // quota.charge(model.cost), quota.total // quota.charge(model.cost)))
            told = self.book.left(need, self.now)
            assert (None if told is None else (told.remaining, told.total)) == (
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
        self.book.adopt(self.entries, default_proxy="http://default.example:1", max_in_flight=self.cap, now=self.now)
        for entry in self.entries:
            self.book.enable(entry.id, self.now)
        for taken in self.leases:
            self.book.abandon(taken.loan, self.now)
        for due, _ in self.asks:
            self.book.asked(due, None, self.now)
        self.now += LONGEST_COOLING + LONGEST_PAUSE
        while ask(self.book, None, self.now):
            pass
        self.now += LONGEST_PAUSE
        while ask(self.book, None, self.now):
            pass
        self.now += 8
        served = []
        for _ in range(self.cap * len(self.book.accounts)):
            self.now += PROBES_APART_S  # after a pause, single attempts pass
            one = self.book.choose(NEED, self.now)
            assert one is not None
            served.append(one.account.entry.sso)
        assert self.book.choose(NEED, self.now + PROBES_APART_S) is None
        assert sorted(served) == sorted(a.entry.sso for a in self.book.accounts for _ in range(self.cap))


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(
    deadline=None,
    max_examples=60,
    stateful_step_count=40,
    # Not "explain": of a history that long it takes minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
