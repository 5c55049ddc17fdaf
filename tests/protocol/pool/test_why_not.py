"""Reasons why no account is open, and how long they are remembered."""

from __future__ import annotations

from grokcore.errors import Challenge, NoTokens, NoValidTokens
from grokcore.protocol.pool.book import Need
from grokcore.protocol.pool.roster import Roster
from grokcore.protocol.pool.why_not import Reasons
from tests.protocol.pool.books import (
    BASIC_MODEL,
    DEAR,
    GROUP,
    NEED,
    SUPER_MODEL,
    A,
    attempt,
    book_of,
    challenge,
)


def test_a_reason_is_remembered_until_its_group_changes_or_its_time_comes() -> None:
    """Of ten thousand tokens that are all used up, not each refused request looks at all."""
    roster = Roster()
    reasons = Reasons(roster)
    assert reasons.find(NEED, 0).leaf is NoTokens
    roster.adopt([A], "", 0)
    roster.accounts[0].doubt("no", 0)
    assert reasons.find(NEED, 0).leaf is NoTokens
    reasons.forget(SUPER_MODEL.rate_limit_name)
    assert reasons.find(NEED, 0).leaf is NoTokens
    reasons.forget(GROUP)
    reason = reasons.find(NEED, 0)
    assert (reason.leaf, reason.opens_at) == (NoValidTokens, 60)
    assert reasons.find(NEED, 59) is reason
    assert reasons.find(NEED, 60) is not reason
    other = reasons.find(DEAR, 61)
    reasons.forget_all()
    assert reasons.find(DEAR, 61) is not other


def test_the_reason_of_a_request_that_has_failed_is_not_that_of_others() -> None:
    """It has tried the only token, which is open for others; these wait for its egress only."""
    book = book_of("a")
    attempt(book, challenge(), 0)
    tried = book.hopeless(Need(BASIC_MODEL, excluded=frozenset({A.key})), 6)
    assert isinstance(tried, NoValidTokens)
    assert book.choose(NEED, 6) is not None  # the one attempt a second through this egress
    resting = book.hopeless(NEED, 6.25)
    assert isinstance(resting, Challenge)
    assert resting.retry_after == 0.75
