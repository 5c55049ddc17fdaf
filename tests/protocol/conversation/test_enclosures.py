"""Which pictures and files of a conversation go up: the rule's scenarios."""

from __future__ import annotations

import pytest
from attrs import frozen

from grokcore.protocol.conversation.attachment_part import AttachmentPart
from grokcore.protocol.conversation.enclosures import (
    Use,
    find_enclosures,
    left_behind,
    paths_by_rule,
)
from grokcore.protocol.conversation.messages import Message


def turn(role: str, *names: str, text: str = "words") -> Message:
    """A turn with a picture per name; names that end in .pdf are files."""
    parts = (
        AttachmentPart(
            picture=not name.endswith(".pdf"), url=f"https://example.com/{name}", name="", path=name
        )
        for name in names
    )
    return Message(role, text, tuple(parts))


@frozen
class Case:
    """A conversation, the attachments that go up by rule, and names of what stays behind."""

    name: str
    turns: tuple[Message, ...]
    up: set[str]
    behind: set[str]


@pytest.mark.parametrize("case", [
    Case("nothing at all", (), set(), set()),
    Case("a question", (turn("user", "a", "b.pdf"),), {"a", "b.pdf"}, set()),
    Case(
        "an answered one before it",
        (turn("user", "a", "b.pdf"), turn("assistant"), turn("user", "c")),
        {"c"},
        {"earlier_pictures", "earlier_files"},
    ),
    Case(
        "several messages since the answer",
        (turn("assistant"), turn("user", "a"), turn("tool", "b.pdf"), turn("user", "c")),
        {"a", "b.pdf", "c"},
        set(),
    ),
    Case(
        "a beginning of an answer at the end",
        (turn("user", "a"), turn("user", "b"), turn("assistant", text="Well,")),
        {"a", "b"},
        set(),
    ),
    Case(
        "an empty turn between",
        (turn("user", "a"), turn("assistant", text=""), turn("user", "b")),
        {"a", "b"},
        set(),
    ),
    Case(
        "a picture that a tool returned",
        (turn("user", "a"), turn("assistant", "b"), turn("tool", "c"), turn("tool", "d.pdf")),
        {"a", "c", "d.pdf"},
        {"earlier_pictures"},
    ),
    Case(
        "one that the assistant saw already",
        (turn("user"), turn("assistant"), turn("tool", "a"), turn("assistant"), turn("tool", "b")),
        {"b"},
        {"earlier_pictures"},
    ),
    Case("no user", (turn("system", "a"), turn("assistant"), turn("tool", "b")), {"b"},
         {"earlier_pictures"}),
], ids=lambda case: case.name)  # fmt: skip
def test_what_is_not_answered_yet_goes_up(case: Case) -> None:
    """The rest is named in a response header."""
    assert paths_by_rule(case.turns) == case.up
    assert left_behind(case.turns, case.up) == case.behind


def test_each_enclosure_has_the_reason_for_which_it_goes_up() -> None:
    """Earlier pictures may go up on request; earlier files never, nor what names no content."""
    unusable = AttachmentPart(picture=True, url="", name="", path="d")
    turns = (
        turn("user", "a", "b.pdf"),
        turn("assistant"),
        turn("tool", "c"),
        Message("user", "words", (unusable, *turn("user", "e").attachments)),
    )
    found = [(one.part.path, one.use) for one in find_enclosures(turns)]
    assert found == [("a", Use.EARLIER), ("c", Use.WANTED), ("e", Use.NEEDED)]
