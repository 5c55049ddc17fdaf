"""The list of tokens, read again while they are in use."""

from __future__ import annotations

import math

from attrs import evolve

from grokcore.errors import Challenge
from grokcore.protocol.models import Tier
from grokcore.protocol.pool.book import Need
from grokcore.protocol.pool.records import record_of
from grokcore.protocol.tokens import TokenEntry
from tests.protocol.pool.books import (
    BASIC_MODEL,
    NEED,
    QUOTA,
    SUPER_MODEL,
    A,
    B,
    adopted,
    attempt,
    book_of,
    chosen,
    key,
    next_poll,
    opens_after,
    poll,
    quota,
    refusal,
)

# Secrets -----------------------------------------------------------------------------------------


def test_nothing_of_a_token_or_a_proxy_is_shown() -> None:
    """Accounts and egresses turn up in tracebacks and logs."""
    book = book_of(
        TokenEntry("secret-token", proxy_url="http://user:secret-password@proxy.example:1")
    )
    attempt(book, refusal(), 0)
    assert "secret" not in repr(book.accounts)


# The token list ---------------------------------------------------------------------------------


def test_a_new_list_keeps_what_was_learned_of_tokens_that_stay() -> None:
    """Added, removed, described otherwise; a token that comes back is remembered."""
    book = book_of("a", "b", "c")
    for sso, error in (("a", quota(900)), ("b", quota(500))):
        attempt(
            book, error, 0, Need(BASIC_MODEL, excluded=frozenset(map(key, {"a", "b", "c"} - {sso})))
        )
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
    """The owner who removed and added it may have renewed its session. Without the poll it would stay
    invalid for ever.
    """
    book = book_of("a")
    attempt(book, refusal(), 0)
    assert poll(book, None, 0.1)
    attempt(book, refusal(), 60)
    adopted(book, evolve(A, disabled=True), now=61)
    adopted(book, A, now=62)
    assert next_poll(book) == 62
    assert poll(book, QUOTA, 62)
    assert chosen(book, 62) == ["a"]


def test_a_new_egress_and_tier_take_effect_for_the_next_lease() -> None:
    """Loans under way keep theirs."""
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
    """An owner who has just entered a fresh clearance does not wait for five minutes."""
    book = book_of("a")
    for now in (0, 5, 15, 35):
        attempt(book, Challenge("x"), now)
    assert opens_after(book, 35) == 40
    book.forget_egresses()
    assert opens_after(book, 35) == 0


def test_a_token_that_is_added_later_is_known_from_its_record() -> None:
    """Disabled at the start, or missing: its earlier state is not lost."""
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
        adopted(
            book,
            *(
                TokenEntry(f"{day}-{number}", proxy_url=f"http://{day}.example:1")
                for number in range(100)
            ),
        )
    assert len(book._roster._all) <= 1100
    assert len(book._roster._egresses) == 1
