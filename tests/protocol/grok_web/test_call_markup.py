"""Grok's own marks in the arguments of calls."""

from __future__ import annotations

import json

import pytest

from grokcore.protocol.conversation.events import ToolCall
from grokcore.protocol.conversation.tools import ToolKind
from grokcore.protocol.grok_web.call_markup import without_marks
from grokcore.protocol.grok_web.markup import Element
from grokcore.simulator.lines import citation

OURS, OTHER = citation("ours"), citation("other")
UNFINISHED = '<grok:render card_id="ours">'


def refers(element: Element) -> bool:
    return "ours" in element.text


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        (f"A fact.{OURS} More.", "A fact. More."),
        (f"{OTHER} {OURS}", f"{OTHER} "),
        ([f"x{OURS}", {"deep": [OURS, OTHER]}], ["x", {"deep": ["", OTHER]}]),
        ([OURS, 5, 1.5, True, None, 10**30], ["", 5, 1.5, True, None, 10**30]),
        (UNFINISHED, UNFINISHED),
        ("世界 <b>", "世界 <b>"),
    ],
)
def test_only_marks_of_the_same_answer_are_taken_out(value: object, cleaned: object) -> None:
    """A file that a user edits may hold Grok's markup, and an edit has to fit it to the byte."""
    call = ToolCall(0, "Write", json.dumps({OURS: value}, ensure_ascii=False))
    assert json.loads(without_marks(call, refers).arguments) == {OURS: cleaned}


def test_raw_texts_lose_their_marks_too() -> None:
    """A custom tool takes a text."""
    call = ToolCall(0, "exec", f'echo "{OURS}" {OTHER}', kind=ToolKind.CUSTOM)
    assert without_marks(call, refers).arguments == f'echo "" {OTHER}'
