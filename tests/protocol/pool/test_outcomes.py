"""What each outcome of an attempt teaches of its token and of the way to Grok, and why nobody is
free.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TypeAlias

import pytest
from attrs import evolve, frozen

from grokcore.errors import (
    Challenge,
    ContentPolicyViolation,
    ContextLengthExceeded,
    CredentialsRejected,
    GrokApiError,
    NoTokens,
    NoValidTokens,
    QuotaExhausted,
    RateLimitExceeded,
    TransportFailure,
    UpstreamUnavailable,
)
from grokcore.protocol.pool.book import Need
from grokcore.protocol.quota import Quota
from grokcore.protocol.tokens import TokenEntry
from tests.protocol.pool.books import (
    BASIC_MODEL,
    DAY,
    NEED,
    QUOTA,
    SUPER_MODEL,
    A,
    B,
    S,
    attempt,
    book_of,
    challenge,
    chosen,
    key,
    next_poll,
    opens_after,
    poll,
    quota,
    refusal,
    two_at_once,
)

# Outcomes ----------------------------------------------------------------------------------------


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
    """5 s, doubling to 300 s; the answer says how long; a success starts anew; other egresses go
    on.
    """
    book = book_of("a", TokenEntry("b", proxy_url="http://proxy.example:1"))
    behind_proxy = Need(BASIC_MODEL, excluded=frozenset({key("a")}))
    direct = Need(BASIC_MODEL, excluded=frozenset({key("b")}))
    now, waits, named = 0.0, [], []
    for _ in range(8):
        challenge = Challenge("challenged")
        attempt(book, challenge, now, direct)
        named.append(challenge.retry_after)
        waits.append(opens_after(book, now, direct))
        assert chosen(book, now, behind_proxy) == ["b"]
        now += waits[-1]
    assert waits == named == [5, 10, 20, 40, 80, 160, 300, 300]
    attempt(book, None, now, direct)
    attempt(book, Challenge("challenged"), now, direct)
    assert opens_after(book, now, direct) == 5


def test_challenges_of_requests_that_were_under_way_together_count_once() -> None:
    """The second is no news; its error has the rest of the pause."""
    book = book_of("a")
    first, second = two_at_once(book)
    book.settle(first, Challenge("one"), 1)
    late = Challenge("two")
    book.settle(second, late, 3)
    assert (late.retry_after, opens_after(book, 1)) == (3, 5)


def test_a_success_that_began_before_a_challenge_does_not_end_the_pause() -> None:
    """It proves nothing about now."""
    book = book_of("a")
    first, second = two_at_once(book)
    book.settle(first, Challenge("one"), 1)
    book.settle(second, None, 2)
    assert opens_after(book, 1) == 5


@pytest.mark.parametrize(
    "said", [QuotaExhausted, CredentialsRejected, ContentPolicyViolation, ContextLengthExceeded]
)
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


@frozen
class Polled:
    """A poll that is due, and its outcome."""

    answer: Quota | GrokApiError | None


Outcome: TypeAlias = "tuple[float, GrokApiError | Polled | None]"


@frozen
class Doubt:
    """Outcomes of one token's attempts and asks, its state after the last, and how long it is shut
    then.

    :ivar polled_in: seconds until Grok is asked for it, where no question is spent on it before.
    """

    name: str
    outcomes: Sequence[Outcome]
    state: str
    pause: float = math.inf
    polled_in: float | None = None


INVALID = [(0, refusal()), (60, refusal())]

DOUBTS = [
    Doubt("one refusal", [(0, refusal())], "cooling", 60),
    Doubt("two, a minute apart", INVALID, "invalid", polled_in=3600),
    Doubt("two, far apart", [(0, refusal()), (500, refusal())], "invalid", polled_in=3600),
    Doubt("asked after an hour, and refused", [*INVALID, (3660, Polled(refusal()))], "invalid", polled_in=DAY),
    Doubt("and daily from then on", [*INVALID, (3660, Polled(refusal())), (90060, Polled(refusal()))], "invalid", polled_in=DAY),
    Doubt("asked, and accepted", [*INVALID, (3660, Polled(QUOTA))], "invalid", 0),
    Doubt("asked, and nothing said", [*INVALID, (3660, Polled(None))], "invalid", 0),
    Doubt("asked, and a challenge", [*INVALID, (3660, Polled(challenge()))], "invalid", 0),
    Doubt("accepted by a poll, refused by a question", [*INVALID, (3660, Polled(QUOTA)), (3661, refusal())], "invalid", polled_in=DAY),
    Doubt("a success between", [(0, refusal()), (60, None), (70, refusal())], "cooling", 60),
    Doubt("a success at the end", [(0, refusal()), (60, None)], "ok", 0),
    Doubt("accounts do come back", [*INVALID, (3660, Polled(QUOTA)), (3661, None), (3662, refusal())], "cooling", 60),
    Doubt("nobody's failure between", [(0, refusal()), (61, TransportFailure("x")), (62, refusal())], "invalid", polled_in=3600),
    Doubt("a poll is a second answer", [(0, refusal()), (61, Polled(refusal()))], "invalid", polled_in=3600),
    Doubt("a poll accepts", [(0, refusal()), (61, Polled(QUOTA))], "unknown", 0),
    Doubt("a token that answers is not doubted for a poll", [(0, None), (61, None), (63, Polled(refusal()))], "ok", 0),
    Doubt("nor for many", [(0, None), (61, None), (63, Polled(refusal())), (200, None), (400, Polled(refusal()))], "ok", 0),
]  # fmt: skip


@pytest.mark.parametrize("case", DOUBTS, ids=lambda case: case.name)
def test_a_token_is_invalid_after_two_refusals_a_minute_apart_and_never_after_one(
    case: Doubt,
) -> None:
    """Single refusals have been wrong; and an invalid token is asked again, after an hour, then
    daily.
    """
    book = book_of("a")
    now = 0.0
    for now, outcome in case.outcomes:
        if isinstance(outcome, Polled):
            assert poll(book, outcome.answer, now)
        else:
            attempt(book, outcome, now)
            if now == 0:
                assert poll(book, None, 0.1)  # that of the first use, which says nothing
    counts = {"ok": 0, "unknown": 0, "cooling": 0, "invalid": 0, case.state: 1}
    assert book.counts(now) == counts
    if case.polled_in is None:
        assert opens_after(book, now) == case.pause
    else:
        assert next_poll(book) == now + case.polled_in
        assert chosen(copy.deepcopy(book), now + case.polled_in) == [None]


def test_an_answer_outweighs_the_refusal_of_a_poll() -> None:
    """A question that was under way meanwhile ends the cooling that the poll began."""
    book = book_of("a")
    loan = book.choose(NEED, 0)
    assert loan is not None
    assert poll(book, refusal(), 0.1)
    assert chosen(book, 1) == [None]
    book.settle(loan, None, 2)
    assert (chosen(book, 2), book.counts(2)["ok"]) == (["a"], 1)


def test_an_answer_does_not_outweigh_the_later_refusal_of_a_question() -> None:
    """It was sent before the refusal, so the cooling goes on and the doubt stays."""
    book = book_of("a")
    first, second = two_at_once(book)
    book.settle(first, refusal(), 1)
    book.settle(second, None, 2)
    assert (opens_after(book, 2), book.counts(2)["cooling"], book.counts(61)["ok"]) == (59, 1, 0)


def test_two_refusals_within_a_minute_are_one() -> None:
    """Requests that were under way together bring no second evidence."""
    book = book_of("a")
    first, second = two_at_once(book)
    book.settle(first, refusal(), 1)
    book.settle(second, refusal(), 60.9)
    assert (book.counts(60.9)["invalid"], opens_after(book, 60.9)) == (0, 0.1)


@pytest.mark.parametrize(
    "outcomes", [[quota(900), quota()], [quota(900), refusal()]], ids=["429 and 429", "429 and 401"]
)
def test_a_late_outcome_does_not_shorten_a_cooling(outcomes: list[GrokApiError]) -> None:
    """A token that is used up for 15 minutes is not asked after one."""
    book = book_of("a")
    for loan, error in zip(two_at_once(book), outcomes, strict=True):
        book.settle(loan, error, 1)
    assert opens_after(book, 1) >= 900


def test_counts_are_by_state() -> None:
    """Never used, fine, cooling, refused."""
    book = book_of("a", "b", "c", "d")
    attempt(book, refusal(), 0)
    attempt(book, quota(), 1)
    attempt(book, None, 2)
    assert book.counts(3) == {"ok": 1, "unknown": 1, "cooling": 2, "invalid": 0}


# When waiting does not help ---------------------------------------------------------------------


@frozen
class Hopeless:
    """A book's history (token, outcome, time), and the error of a need at time 10."""

    name: str
    entries: Sequence[TokenEntry]
    outcomes: Sequence[tuple[str, GrokApiError, float]]
    need: Need
    leaf: type[GrokApiError] | None
    retry_after: float | None = None


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
    Hopeless("the way to Grok failed", [A], [("a", TransportFailure("x"), at) for at in (6, 7, 8, 9)], NEED, TransportFailure, 9),
    Hopeless("all refused for good", [A], [("a", refusal(), -60), ("a", refusal(), 0)], NEED, NoValidTokens),
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
