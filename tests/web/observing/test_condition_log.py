"""The log's lines on the server's condition."""

from __future__ import annotations

import pytest

from grokcore.protocol.condition import Condition, Health, Matter, Reason
from grokcore.web.observing.condition_log import ConditionLog

DEAD = Reason(Matter.EGRESS, Health.DEGRADED, "127.0.0.1:7890", "3 of the last 3 attempts failed.")
DEADER = Reason(
    Matter.EGRESS, Health.DEGRADED, "127.0.0.1:7890", "4 of the last 4 attempts failed."
)
DIRECT = Reason(Matter.EGRESS, Health.DEGRADED, "", "Grok is not reached.")
MODEL = Reason(Matter.MODEL, Health.DOWN, "grok-4.1", "grok-4.1 can't be answered now.")
ENDED = Reason(Matter.SESSION_ENDED, Health.OK, "", "Grok has ended the session of 1 of 2 tokens.")
FILE = Reason(Matter.FILE, Health.DEGRADED, "tokens", "tokens.json: no JSON")


def test_each_reason_is_logged_once_when_it_begins_and_once_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An owner who reads the log sees for how long something was wrong; a number that grows is no
    news, and files have lines of their own.
    """
    log = ConditionLog()
    told = []
    with caplog.at_level("INFO"):
        for reasons in ((), (MODEL, DEAD, FILE), (DEADER, FILE), (DEADER, DIRECT, ENDED), ()):
            log.look(Condition(Health.OK, reasons))
            told.append(sorted(f"{one.levelname} {one.getMessage()}" for one in caplog.records))
            caplog.clear()
    assert told == [
        [],
        [f"WARNING degraded: {DEAD.words}", f"WARNING down: {MODEL.words}"],
        [f"INFO no longer: {MODEL.words}"],
        [f"INFO notice: {ENDED.words}", f"WARNING degraded: {DIRECT.words}"],
        [
            f"INFO no longer: {DEADER.words}",
            f"INFO no longer: {ENDED.words}",
            f"INFO no longer: {DIRECT.words}",
        ],
    ]
