"""Reasons why no account is open, and how long they are remembered."""

from __future__ import annotations

from grokcore.errors import NoTokens, NoValidTokens
from grokcore.protocol.pool.roster import Roster
from grokcore.protocol.pool.why_not import Reasons
from tests.protocol.pool.books import BASIC_MODEL, DEAR, GROUP, SUPER_MODEL, A


def test_a_reason_is_remembered_until_its_group_changes_or_its_time_comes() -> None:
    """Of ten thousand tokens that are all used up, not each refused request looks at all."""
    roster = Roster()
    reasons = Reasons(roster)
    assert reasons.find(BASIC_MODEL, 0).leaf is NoTokens
    roster.adopt([A], "", 0)
    roster.accounts[0].doubt("no", 0)
    assert reasons.find(BASIC_MODEL, 0).leaf is NoTokens
    reasons.forget(SUPER_MODEL.rate_limit_name)
    assert reasons.find(BASIC_MODEL, 0).leaf is NoTokens
    reasons.forget(GROUP)
    reason = reasons.find(BASIC_MODEL, 0)
    assert (reason.leaf, reason.opens_at) == (NoValidTokens, 60)
    assert reasons.find(BASIC_MODEL, 59) is reason
    assert reasons.find(BASIC_MODEL, 60) is not reason
    other = reasons.find(DEAR.model, 61)
    reasons.forget_all()
    assert reasons.find(DEAR.model, 61) is not other
