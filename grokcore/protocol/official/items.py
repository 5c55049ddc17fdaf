"""Items of an answer: messages, reasoning, calls, uses of xAI's own tools.

An item comes once when it is begun, once when it is done, and once more in the whole response. Each
of them may be the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..conversation.events import Activity
from ..counters import Counters
from .answer import Answer, Place
from .calls import Calls
from .own_tools import OWN_ITEMS, picture_in, tool_use_in

__all__ = ["MOST_OWN_ITEMS", "Items"]

MOST_REFUSAL_CHARS = 2000

MOST_OWN_ITEMS = 1000
"""Uses of xAI's own tools that are shown of one answer."""

_TEXT_KEYS = {"output_text": "text", "text": "text", "refusal": "refusal"}


class Items:
    """The items of one answer.

    :ivar refusal: the model's words for its refusal; empty if it did not refuse.
    """

    def __init__(self, answer: Answer, calls: Calls, counters: Counters) -> None:
        self.refusal = ""
        self._answer = answer
        self._calls = calls
        self._counters = counters
        self._told: set[str] = set()
        self._pictured: set[str] = set()

    def refuse(self, place: Place, piece: object, *, whole: object) -> None:
        """Take a piece of a refusal, or the whole of one. It is text like any other."""
        if isinstance(piece, str) and piece:
            self.refusal = (self.refusal + piece)[:MOST_REFUSAL_CHARS]
            self._answer.write(place, piece)
        elif isinstance(whole, str) and whole:
            self.refusal = whole[:MOST_REFUSAL_CHARS]
            self._answer.compare(place, whole)

    def read_part(self, place: Place, part: object) -> None:
        """Take a part of a message that is done."""
        text = _text_of(part)
        if isinstance(part, dict) and part.get("type") == "refusal":
            self.refuse(place, None, whole=text)
        elif text is not None:
            self._answer.compare(place, text)
        for annotation in _annotations(part):
            self._answer.sources.note(annotation)

    def read(self, item: object, index: int | str, *, done: bool) -> None:
        """Take an item.

        :param index: its place in the answer, or its id.
        """
        kind = item.get("type") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(kind, str):
            self._counters.odd_values += 1
            return
        if kind == "message":
            for number, part in enumerate(_parts(item)) if done else ():
                self.read_part((index, number), part)
            return
        if kind == "reasoning" and done:
            self._read_reasoning(item, index)
            return
        if self._calls.is_call(item):
            self._answer.chars += self._calls.note(item, index, done=done)
        elif kind in OWN_ITEMS or kind in ("function_call", "custom_tool_call"):
            self._read_own(item, index, done=done)
        elif kind != "reasoning":
            self._counters.note_key(kind)
        self._answer.events.append(Activity())

    def read_output(self, response: dict[str, Any]) -> bool:
        """Take the whole response at its end; return whether it proves that no text is missing."""
        items = [item for item in _list(response.get("output")) if isinstance(item, dict)]
        thought = self._answer.has_thought
        texts = []
        before = len(self._answer.events)
        for index, item in enumerate(items):
            if item.get("type") == "message":
                for part in _parts(item):
                    texts.append(_text_of(part) or "")
                    self._note_refusal(part)
            elif item.get("type") != "reasoning" or not thought:
                self.read(item, index, done=True)
        proven = self._answer.compare_all("".join(texts)) and bool(items)
        for value in (*_all_annotations(items), *_list(response.get("citations"))):
            self._answer.sources.note(value)
        new = self._answer.events[before:]
        self._answer.events[before:] = [event for event in new if type(event) is not Activity]
        return proven

    def _note_refusal(self, part: object) -> None:
        if isinstance(part, dict) and part.get("type") == "refusal":
            self.refusal = self.refusal or _text_of(part) or ""

    def _read_reasoning(self, item: dict[str, Any], index: int | str) -> None:
        for key in ("summary", "content"):
            for number, part in enumerate(_list(item.get(key))):
                text = part.get("text") if isinstance(part, dict) else None
                if isinstance(text, str):
                    self._answer.compare_thought((index, number), text)

    def _read_own(self, item: dict[str, Any], index: int | str, *, done: bool) -> None:
        """Show the use of a tool once: as soon as its detail is known, or it is done."""
        name = item.get("id") or item.get("call_id")
        mark = name if isinstance(name, str) else f"#{index}"
        use = tool_use_in(item)
        if mark not in self._told and (use.detail or done) and len(self._told) < MOST_OWN_ITEMS:
            self._told.add(mark)
            self._answer.events.append(use)
        picture = picture_in(item) if done else None
        if picture is not None and mark not in self._pictured:
            self._pictured.add(mark)
            self._answer.show(picture)
        action = item.get("action")
        found = self._answer.sources.find(
            action.get("sources") if isinstance(action, dict) else None
        )
        if found is not None:
            self._answer.events.append(found)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _parts(item: dict[str, Any]) -> list[Any]:
    return _list(item.get("content"))


def _text_of(part: object) -> str | None:
    if not isinstance(part, dict):
        return None
    kind = part.get("type")
    text = part.get(_TEXT_KEYS.get(kind, "") if isinstance(kind, str) else "")
    return text if isinstance(text, str) else None


def _annotations(part: object) -> list[Any]:
    return _list(part.get("annotations")) if isinstance(part, dict) else []


def _all_annotations(items: list[dict[str, Any]]) -> Iterator[Any]:
    for item in items:
        for part in _parts(item):
            yield from _annotations(part)
