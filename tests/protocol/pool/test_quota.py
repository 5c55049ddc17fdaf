"""A token's allowance: known from Grok, counted by us, used up and back again."""

from __future__ import annotations

import math

import pytest
from attrs import frozen

from grokcore.errors import (
    AntiBotRefusal,
    GrokApiError,
    IncompleteAnswer,
    RateLimitExceeded,
    TimeoutChunk,
    TransportFailure,
    UpstreamRefused,
)
from grokcore.protocol.models import SHIPPED, Tier
from grokcore.protocol.pool.book import Need
from grokcore.protocol.quota import Quota
from grokcore.protocol.tokens import TokenEntry
from tests.protocol.pool.books import (
    BASIC_MODEL,
    DEAR,
    GROUP,
    NEED,
    attempt,
    book_of,
    chosen,
    key,
    learned,
    left,
    next_poll,
    opens_after,
    poll,
    quota,
    refusal,
)

CHEAP = Need(SHIPPED["grok-4-fast"])


def test_a_budget_pays_the_model_s_cost_and_a_flat_quota_counts_questions() -> None:
    """The same two models, both systems."""
    budget, flat = learned(Quota(9, 140, flat=False), CHEAP), learned(Quota(9, 40), CHEAP)
    for book in (budget, flat):
        attempt(book, None, 1, CHEAP)
        attempt(book, None, 2, DEAR)
    assert (left(budget, 3, CHEAP), left(budget, 3, DEAR)) == ((4, 140), (1, 35))
    assert (left(flat, 3, CHEAP), left(flat, 3, DEAR)) == ((7, 40), (7, 40))


def test_the_cost_is_reserved_with_the_lease_and_given_back_after_a_failure() -> None:
    """A failed question was not answered; one that was given up may have been counted, and is asked
    for.
    """
    book = learned(Quota(3, 40))
    loans = [book.choose(NEED, 1) for _ in range(2)]
    assert left(book, 1) == (1, 40)
    assert loans[0] is not None
    assert loans[1] is not None
    book.settle(loans[0], UpstreamRefused("no"), 2)
    assert left(book, 2) == (2, 40)
    book.abandon(loans[1], 3)
    assert (left(book, 3), book.polls.next_at()) == ((2, 40), 30)


def test_what_is_used_up_is_shut_for_its_cost_and_its_group_only() -> None:
    """Too little for a dear question is enough for a cheap one, and other models are not
    concerned.
    """
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


def test_what_we_have_taken_ourselves_is_a_hint_only() -> None:
    """The last question is counted here, and Grok is asked half a minute later. Until then the
    token is the last choice.
    """
    book = book_of("spent", "other", max_in_flight=1)
    for account, amount in zip(book.accounts, (1, 9), strict=True):
        book.polls.schedule(account, GROUP, 0)
        assert poll(book, Quota(amount, 25, 7200), 0)
    only = Need(BASIC_MODEL, excluded=frozenset({key("other")}))
    attempt(book, None, 10, only)
    assert (left(book, 10), next_poll(book), opens_after(book, 10, only)) == ((9, 50), 30, 0)
    attempt(book, TransportFailure("x"), 10, Need(BASIC_MODEL, excluded=frozenset({key("spent")})))
    assert chosen(book, 10.5, count=2) == ["other", "spent"]  # even a suspect one goes before it
    other = book.choose(NEED, 12)
    assert other is not None
    assert chosen(book, 12) == [None]  # and a busy good one is waited for
    assert poll(book, Quota(0, 25, 7200, wait_s=500), 30)
    assert opens_after(book, 30, only) == 500


def test_a_used_up_quota_without_a_time_is_open_as_soon_as_grok_says_so() -> None:
    """A 429, then "nothing left" without a time, then plenty: the window is not waited out."""
    book = learned(Quota(30, 40))
    attempt(book, quota(), 5)
    assert poll(book, Quota(0, 40, 86400), 36)
    assert poll(book, Quota(30, 40, 86400), 336)
    assert opens_after(book, 336) == 0


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (TimeoutChunk("x"), 2),
        (IncompleteAnswer("x"), 2),
        (TransportFailure("x"), 3),
        (AntiBotRefusal("x"), 3),
    ],
)
def test_an_answer_that_broke_off_has_cost_its_question(error: GrokApiError, kept: int) -> None:
    """Grok counts a question when it begins; whatever became of it, Grok is asked."""
    book = learned(Quota(3, 40))
    attempt(book, error, 1)
    assert (left(book, 1), next_poll(book)) == ((kept, 40), 30)


def test_a_lease_that_nothing_was_asked_with_costs_nothing() -> None:
    """The client left in the very moment that it was served."""
    book = learned(Quota(3, 40))
    loan = book.choose(NEED, 1)
    assert loan is not None
    book.return_unused(loan, 1)
    assert (left(book, 1), next_poll(book), chosen(book, 1)) == ((3, 40), math.inf, ["a"])


def test_a_counter_that_never_moves_refuses_nobody() -> None:
    """Grok says the same after every question; so its 429 is what counts."""
    book = learned(Quota(3, 25, 7200))
    for now in range(1, 200):
        attempt(book, None, now)
        poll(book, Quota(3, 25, 7200), now)
    assert left(book, 200, NEED) is not None


def test_a_429_is_believed_over_any_counter() -> None:
    """Plenty left, says the counter, before the 429 and after it: the cooling lasts."""
    book = learned(Quota(30, 40))
    attempt(book, quota(), 5)
    assert opens_after(book, 5) == 60
    assert poll(book, Quota(30, 40), 36)
    assert opens_after(book, 36) == 29
    assert left(book, 36) == (30, 40)


@pytest.mark.parametrize("wait", [7, 900])
def test_after_a_429_grok_s_own_word_on_the_return_counts(wait: float) -> None:
    """Sooner or later than the cooling: it is the truth."""
    book = learned(Quota(30, 40))
    attempt(book, quota(), 5)
    assert poll(book, Quota(0, 40, wait_s=wait), 36)
    assert opens_after(book, 36) == wait
    assert book.counts(36)["cooling"] == 1


def test_a_429_for_one_group_leaves_the_others_alone() -> None:
    """The allowances are counted apart, so one token may still answer for another model."""
    book = book_of("a")
    attempt(book, quota(), 0)
    assert (chosen(book, 1, NEED), chosen(book, 1, CHEAP)) == ([None], ["a"])


def test_the_fullest_token_is_taken_and_an_unknown_one_before_it() -> None:
    """Unknown counters become known, and known ones fall evenly."""
    book = book_of("a", "b", "c")
    for account, amount in zip(book.accounts, (5, 7), strict=False):
        book.polls.schedule(account, GROUP, 0)
        assert poll(book, Quota(amount, 40), 0)
    assert [attempt(book, None, 1 + n) for n in range(1)] == ["c"]
    book.polls.schedule(book.accounts[2], GROUP, 40)
    assert poll(book, Quota(6, 40), 40)
    assert [attempt(book, None, 50 + n) for n in range(5)] == ["b", "c", "b", "a", "c"]


def test_a_counter_is_forgotten_after_its_window() -> None:
    """Yesterday's counter is no evidence today: a spent token is a good choice again."""
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
        book.polls.schedule(account, GROUP, 0)
    assert poll(book, Quota(10, 40), 0)
    assert left(book, 1) == (30, 120)
    others = frozenset({key("b"), key("s")})
    for now in (1, 61):
        attempt(book, refusal(), now, Need(BASIC_MODEL, excluded=others))
    assert (book.counts(61)["invalid"], left(book, 61)) == (1, (20, 80))
