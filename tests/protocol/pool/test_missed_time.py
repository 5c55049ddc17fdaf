"""Time that the clock has missed, because the machine slept, while requests were under way."""

from __future__ import annotations

import pytest
from attrs import frozen

from grokcore.errors import Challenge, GrokApiError, UpstreamOverloaded, UpstreamUnavailable
from tests.protocol.pool.books import (
    GROUP,
    NEED,
    attempt,
    book_of,
    chosen,
    opens_after,
    quota,
    refusal,
    two_at_once,
)

NIGHT = 30_000.0


@frozen
class Night:
    """Requests that are under way together. Some end before a sleep and begin a pause, the last
    ends after it.

    :ivar before: the outcome of the first ones.
    :ivar count: how many they are.
    :ivar after: the outcome of the last one.
    """

    before: type[GrokApiError]
    count: int
    after: type[GrokApiError] | None


@pytest.mark.parametrize(
    "case",
    [
        Night(Challenge, 1, None),
        Night(Challenge, 1, Challenge),
        Night(UpstreamOverloaded, 4, None),
        Night(UpstreamOverloaded, 4, UpstreamOverloaded),
        Night(UpstreamUnavailable, 4, None),
        Night(UpstreamUnavailable, 4, UpstreamUnavailable),
    ],
    ids=lambda case: f"{case.before.__name__}, then {case.after and case.after.__name__}",
)
def test_an_attempt_from_before_a_sleep_proves_nothing_about_the_time_after_it(
    case: Night,
) -> None:
    """It began before the pause that the others have led to: its success ends no doubt, and its
    failure begins no second pause.
    """
    book = book_of("a", max_in_flight=9)
    loans = [loan for _ in range(case.count + 1) if (loan := book.choose(NEED, 0))]
    *others, last = loans
    assert len(others) == case.count
    for loan in others:
        book.settle(loan, case.before("x"), 1)
    book.shift(NIGHT)
    (egress,) = book.egresses()
    pauses = egress.challenges, book.overload.shut_until(GROUP)
    assert pauses != (0, -float("inf"))
    book.settle(last, None if case.after is None else case.after("x"), 2)
    assert (egress.challenges, book.overload.shut_until(GROUP)) == pauses
    assert book.choose(NEED, 3) is not None


def test_a_cooling_is_over_after_a_sleep_and_what_it_began_with_is_as_long_ago() -> None:
    """A second refusal after the night is at least a minute apart from the first."""
    book = book_of("a", "b")
    assert attempt(book, refusal(), 0) == "a"
    assert attempt(book, quota(900), 1) == "b"
    assert chosen(book, 2) == [None]
    book.shift(NIGHT)
    assert sorted(str(sso) for sso in chosen(book, 2, count=2)) == ["a", "b"]
    (account,) = (one for one in book.accounts if one.entry.sso == "a")
    account.doubt("no", 2)
    assert account.invalid


def test_all_accounts_with_a_history_are_saved_again_when_the_wall_clock_was_set() -> None:
    """Their times are saved by that clock; an account that was never used has none."""
    book = book_of("a", "b")
    assert attempt(book, None, 0) == "a"
    book.take_unsaved()
    book.rewrite()
    assert [account.entry.sso for account in book.take_unsaved()] == ["a"]


def test_a_success_from_before_a_429_does_not_shorten_the_next_cooling() -> None:
    """Of two questions that were under way together one met the 429, so the other proves nothing."""
    book = book_of("a")
    first, second = two_at_once(book)
    book.settle(first, quota(), 1)
    book.settle(second, None, 2)
    attempt(book, quota(), 61)
    assert opens_after(book, 61) == 120
