"""Polls: when Grok is asked for the rest of an allowance."""

from __future__ import annotations

import math

from grokcore.errors import Challenge, RateLimitExceeded, TransportFailure
from grokcore.protocol.quota import Quota
from tests.protocol.pool.books import (
    DEAR,
    GROUP,
    NEED,
    A,
    S,
    attempt,
    book_of,
    chosen,
    learned,
    left,
    next_poll,
    opens_after,
    poll,
)


def test_an_unknown_quota_is_usable_and_asked_for_at_the_first_use() -> None:
    """Nothing is asked before; then once, however many questions follow."""
    book = book_of("a")
    assert (book.polls.next_at(), left(book, 0)) == (math.inf, None)
    attempt(book, None, 5)
    attempt(book, None, 5.5)
    assert poll(book, Quota(30, 40), 5.5)
    assert left(book, 6) == (30, 40)
    assert not poll(book, None, 6)


def test_a_quota_is_asked_for_again_when_its_cooling_ends_and_now_and_then_if_that_is_unknown() -> (
    None
):
    """At the very second that Grok named; every five minutes if it named none."""
    assert next_poll(learned(Quota(0, 25, 7200, wait_s=2429))) == 2429
    assert next_poll(learned(Quota(0, 25, 7200))) == 300
    assert next_poll(learned(Quota(5, 25, 7200))) == math.inf


def test_what_is_too_little_for_the_dearest_question_is_asked_for_again() -> None:
    """Enough for the cheap ones, so nothing is used up; but requests with dear ones wait for it."""
    book = learned(Quota(3, 80, 72000, flat=False), DEAR)
    assert opens_after(book, 0, DEAR) == 72000
    refused = book.hopeless(DEAR, 0)
    assert isinstance(refused, RateLimitExceeded)
    assert next_poll(book) == 300
    assert poll(book, Quota(80, 80, 72000, flat=False), 300)
    assert opens_after(book, 300, DEAR) == 0


def test_asks_that_meet_a_challenge_are_put_off_and_nothing_else() -> None:
    """A thousand of them would only harden it; questions may get through all the same."""
    book = book_of(*(f"t{number}" for number in range(50)))
    for account in book.accounts:
        book.polls.schedule(account, GROUP, 0)
    due = [book.polls.take(0) for _ in range(8)]
    for one in due:
        assert one is not None
        book.polled(one, Challenge("x"), 0)
    assert book.polls.take(1) is None
    assert next_poll(book) == 5
    assert chosen(book, 1) != [None]


def test_challenges_again_and_again_do_not_multiply_anything() -> None:
    """Spent, suspect, paused, over and over: each account has its one place, and a lease its
    price.
    """
    book = book_of(*(f"t{number}" for number in range(200)))
    for account in book.accounts:
        book.polls.schedule(account, GROUP, 0)
    assert poll(book, Quota(1, 40), 0)
    now = 1.0
    for _ in range(400):
        attempt(book, None, now)
    for _ in range(60):
        attempt(book, Challenge("x"), now)
        assert book.choose(NEED, now) is None
        now = book.next_opening(NEED, now)
    for shelf in book._choice._shelves.values():
        assert sum(map(len, (*shelf._heaps, shelf._shut))) <= 5 * (3 * 200 + 64)
        valid = [entry for entry in shelf._shut if entry[1] == shelf._numbers[entry[2]]]
        assert len(valid) <= shelf.population


def test_an_answer_covers_what_was_asked_before_it_and_nothing_after() -> None:
    """A question that is sent while a poll is under way is taken off the answer; a failed one is
    not.
    """
    book = book_of("a", max_in_flight=9)
    before = book.choose(NEED, 0)
    due = book.polls.take(0.1)
    during = [book.choose(NEED, 1) for _ in range(3)]
    assert due is not None
    assert before is not None
    book.polled(due, Quota(20, 40), 2)
    assert left(book, 2) == (17, 40)
    for loan in (before, *during):
        assert loan is not None
        book.settle(loan, None if loan is not during[1] else TransportFailure("x"), 3)
    assert left(book, 3) == (18, 40)


def test_no_poll_is_made_beside_another_of_the_same_token_and_group() -> None:
    """However long the first takes, and however often the token is used meanwhile."""
    book = book_of("a")
    attempt(book, None, 0)
    due = book.polls.take(1)
    assert due is not None
    for now in range(2, 200):
        attempt(book, None, now)
        assert book.polls.take(now) is None
    book.polled(due, Quota(30, 40), 200)
    attempt(book, None, 201)
    assert next_poll(book) == 202


def test_a_question_that_is_dearer_than_all_before_is_planned_for() -> None:
    """Tokens that have too little left for it are polled when they have enough; those of either
    tier, whatever shelf is looked at first.
    """
    book = book_of(A, S)
    for account in book.accounts:
        book.polls.schedule(account, DEAR.model.rate_limit_name, 0)
    assert poll(book, Quota(3, 140, 7200, flat=False, effort_waits=((4, 600.0),)), 0)
    assert book.polls.next_at() == math.inf
    assert book.choose(DEAR, 1) is None
    assert book.polls.next_at() == 600
    assert len([due for due in iter(lambda: book.polls.take(600), None) if due]) == 2


def test_asks_of_one_token_and_group_are_half_a_minute_apart() -> None:
    """However often it is used; and further apart while there is no answer."""
    book = book_of("a")
    times = []
    for now in range(300):
        attempt(book, None, now)
        if poll(book, Quota(5000, 5000), now):
            times.append(now)
    assert times == [*range(1, 300, 30)]
    for now in range(300, 1200):
        attempt(book, None, now)
        if poll(book, None, now):
            times.append(now)
    assert times[10:] == [301, 361, 481, 721]


def test_nothing_is_asked_through_an_egress_that_pauses_nor_of_a_token_that_went() -> None:
    """The pause is for polls too."""
    book = book_of("a")
    attempt(book, Challenge("x"), 0)
    assert not poll(book, None, 0)
    assert next_poll(book) == 5
    book.adopt([], default_proxy="", max_in_flight=2, now=0)
    assert book.polls.next_at() == math.inf
