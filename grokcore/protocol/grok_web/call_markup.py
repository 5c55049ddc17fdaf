"""Grok's own marks in the arguments of calls.

Grok cites pages while it writes a file too: a mark stands in its text, and a card with the page
comes beside the answer. In a user's file that mark is a fault. But a file may hold such markup of
its own, so only a mark whose card came in the same stream is taken out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from attrs import evolve

from ..conversation.events import ToolCall
from ..conversation.tools import ToolKind
from ..emulation.declared import compact_json
from .markup import Element, TagFilter

__all__ = ["without_marks"]

_MARK = "grok:render"


def without_marks(call: ToolCall, refers: Callable[[Element], bool]) -> ToolCall:
    """*call* without the marks in its arguments.

    :param refers: whether an element refers to a card of the same answer.
    """
    if f"<{_MARK}" not in call.arguments:
        return call
    if call.kind is ToolKind.CUSTOM:
        return evolve(call, arguments=_cleaned(call.arguments, refers))
    value = _cleaned_in(json.loads(call.arguments), refers)
    return evolve(call, arguments=compact_json(value))


def _cleaned_in(value: Any, refers: Callable[[Element], bool]) -> Any:
    match value:
        case str():
            return _cleaned(value, refers)
        case list():
            return [_cleaned_in(each, refers) for each in value]
        case dict():
            return {key: _cleaned_in(each, refers) for key, each in value.items()}
        case _:
            return value


def _cleaned(text: str, refers: Callable[[Element], bool]) -> str:
    marks = TagFilter(frozenset({_MARK}))
    kept: list[str] = []
    for piece in [*marks.split(text), marks.close()]:
        if isinstance(piece, str):
            kept.append(piece)
        elif not refers(piece):
            kept.append(piece.text)
    return "".join(kept)
