"""One request for an answer, and what becomes of its attachments."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from attrs import evolve

from grokcore.protocol.conversation.attachments import Attachment
from grokcore.protocol.conversation.question import Question
from grokcore.protocol.models import SHIPPED, Limits

PLAIN = Question(SHIPPED["grok-4.1"], Limits(1, 2, 3), "hello")
PICTURE = Attachment(b"picture", "image/png", "a.png", "messages[0].content[0]")


def shortened(paths: Collection[str]) -> Question:
    return evolve(PLAIN, message=f"hello, without {' '.join(sorted(paths))}")


SPARING = evolve(
    PLAIN, attachments=(PICTURE,), spare=frozenset({PICTURE.path, "b"}), without=shortened
)


def test_a_question_that_was_asked_holds_no_attachments() -> None:
    """An answer may last minutes; its pictures are not kept in memory for so long."""
    asked = SPARING.asked()
    assert asked == PLAIN
    assert asked.without is None
    assert PLAIN.asked() is PLAIN


def test_spare_attachments_can_be_left_out() -> None:
    """Any of them, and nothing that is not spare."""
    assert SPARING.leave_out({PICTURE.path}).message == "hello, without messages[0].content[0]"
    assert SPARING.leave_out({PICTURE.path, "b"}).message.endswith("b messages[0].content[0]")
    with pytest.raises(AssertionError):
        SPARING.leave_out({"c"})
    with pytest.raises(AssertionError):
        PLAIN.leave_out({"b"})
