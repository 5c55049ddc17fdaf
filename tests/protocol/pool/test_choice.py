"""Which token takes the next request."""

from __future__ import annotations

import copy

import pytest

from grokcore.errors import (
    AntiBotRefusal,
    ContentPolicyViolation,
    EmptyAnswer,
    GrokApiError,
    LineTooLong,
    UpstreamFailure,
    UpstreamRefused,
)
from grokcore.protocol.models import Tier
from grokcore.protocol.pool.book import Need
from grokcore.protocol.tokens import TokenEntry
from tests.protocol.pool.books import BASIC_MODEL, NEED, SUPER_MODEL, attempt, book_of, chosen, key

# Choice ------------------------------------------------------------------------------------------


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


# Suspicion --------------------------------------------------------------------------------------


def test_a_token_that_fails_at_once_does_not_draw_all_requests_to_itself() -> None:
    """It is idle all the time, and yet the last choice, for a second, then two, up to eight; then
    it is like the others.
    """
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
    assert chosen(book, now, count=4) in (
        ["bad", "good", "bad", "good"],
        ["good", "bad", "good", "bad"],
    )


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


@pytest.mark.parametrize(
    "leaf", [AntiBotRefusal, ContentPolicyViolation, UpstreamRefused, LineTooLong]
)
def test_what_the_request_or_the_address_is_to_blame_for_makes_no_token_suspect(
    leaf: type[GrokApiError],
) -> None:
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
    second, third = (
        Need(BASIC_MODEL, excluded=frozenset(map(key, failed))) for failed in ("a", "ab")
    )
    assert chosen(book, 1, second, count=2) == ["proven", "b"]
    assert chosen(book, 1, third, count=2) == ["proven", None]
