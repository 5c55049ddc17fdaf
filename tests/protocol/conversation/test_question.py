"""Questions: their length, their spare attachments, and the user's last words."""

from __future__ import annotations

import pytest
from attrs import evolve

from grokcore.protocol.conversation.attachments import Attachment
from grokcore.protocol.conversation.bounds import Bounds
from grokcore.protocol.conversation.enclosures import Enclosed
from grokcore.protocol.conversation.messages import Message
from grokcore.protocol.conversation.question import (
    LONG_CHARS,
    MESSAGE_CHARS,
    Question,
    Rendering,
    last_words,
)
from grokcore.protocol.models import SHIPPED, Limits

PLAIN = Question(SHIPPED["grok-4.1"], Limits(1, 2, 3), (Message("user", "hello"),))
NEEDED, SPARE = (
    Attachment(name.encode(), "image/png", f"{name}.png", f"messages[0].content[{number}]")
    for number, name in enumerate(("needed", "spare"))
)
SPARING = evolve(
    PLAIN,
    enclosed=Enclosed(
        (NEEDED, SPARE), {one.path: one.path for one in (NEEDED, SPARE)}, frozenset({SPARE.path})
    ),
)


def test_spare_attachments_can_be_left_out() -> None:
    """And nothing that is not spare."""
    fewer = SPARING.without({SPARE.path})
    assert fewer == evolve(PLAIN, enclosed=Enclosed.needed([NEEDED]))
    for paths in ({NEEDED.path}, {"c"}):
        with pytest.raises(AssertionError):
            SPARING.without(paths)


def test_a_question_is_long_by_its_text_or_by_its_messages() -> None:
    """Either would hold up all other answers while it is rendered."""
    assert not PLAIN.is_long
    assert evolve(PLAIN, messages=(Message("user", "a" * (LONG_CHARS + 1)),)).is_long
    many = (Message("user", "a"),) * (LONG_CHARS // MESSAGE_CHARS + 1)
    assert evolve(PLAIN, messages=many).is_long


def test_the_last_words_are_the_user_s_last_message() -> None:
    """Alone, whatever stands around it; a video is made of it."""
    turns = [Message("user", "a"), Message("user", "b"), Message("assistant", "c")]
    assert last_words(turns) == (turns[1],)
    assert last_words(turns[2:]) == ()


def test_bounds_are_kept_here_unless_a_lane_says_otherwise() -> None:
    """A new lane that keeps none loses no bound of the client's."""
    bounds = Bounds(("END",), 5)
    assert Rendering(evolve(PLAIN, bounds=bounds)).local_bounds is bounds
