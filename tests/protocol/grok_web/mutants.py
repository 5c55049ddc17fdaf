"""Requests as programs might send them by mistake: real shapes, of which something was changed. The
same for a seed.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from grokcore.protocol.dialects.part_table import TABLE

from ..dialects.content_parts import (
    AI_SDK,
    FOREIGN,
    PNG_BASE64,
    PNG_URL,
    anthropic_parts,
    openai_parts,
)

__all__ = ["Leaf", "Maker", "leaves"]

Leaf: TypeAlias = "tuple[tuple[str | int, ...], str]"
"""Path and text of a string in a value."""

WEB = "https://example.com/a.png"

_ROLES = ("user", "user", "assistant", "tool", "system", "developer", "function")

_PARAMETERS = (
    *(
        "tools",
        "tool_choice",
        "functions",
        "function_call",
        "response_format",
        "stop",
        "temperature",
        "metadata",
    ),
    *(
        "stream",
        "stream_options",
        "n",
        "search",
        "web_search_options",
        "modalities",
        "audio",
        "logprobs",
        "x" * 60,
    ),
)

_MESSAGE_KEYS = (
    *(
        "name",
        "tool_calls",
        "tool_call_id",
        "function_call",
        "refusal",
        "reasoning_content",
        "images",
        "parts",
    ),
    *("audio", "experimental_attachments", "mood", "cache_control", "id"),
)

_KEYS = (
    "text",
    "type",
    "image_url",
    "url",
    "data",
    "source",
    "content",
    "name",
    "a",
    "b",
    "mediaType",
)


class Maker:
    """Makes requests.

    :param web: the address of pictures on the web.
    :param real_pictures: whether content of pictures is that of one; else it is a text that is
        found again.
    """

    def __init__(self, seed: int, *, web: str = WEB, real_pictures: bool = False) -> None:
        self._random = random.Random(seed)
        self._number = 0
        self._web = web
        self._real = real_pictures
        self._parts = [
            example.part for example in (*openai_parts(), *anthropic_parts(), *AI_SDK, *FOREIGN)
        ]

    def request(self) -> dict[str, Any]:
        """A body for the chat route."""
        messages = [self.message() for _ in range(self._random.choice((1, 1, 2, 3, 4)))]
        fields: dict[str, Any] = {"model": "grok-3-fast", "messages": messages}
        while self._random.random() < 0.2:
            fields[self._pick(_PARAMETERS)] = self.json()
        if self._random.random() < 0.03:
            fields[self._pick(("messages", "model"))] = self.json()
        return fields

    def message(self) -> Any:
        """A message; a few are no such thing."""
        if self._random.random() < 0.02:
            return self.json()
        message: dict[str, Any] = {"role": self._pick(_ROLES), "content": self._content()}
        while self._random.random() < 0.25:
            message[self._pick(_MESSAGE_KEYS)] = self._beside()
        return self._mutated(message) if self._random.random() < 0.1 else message

    def part(self) -> Any:
        """A content part of a public type, most of them changed somewhere."""
        if self._random.random() < 0.1:
            return self.json()
        part = self._filled(copy.deepcopy(self._pick(self._parts)))
        while self._random.random() < 0.5:
            part = self._mutated(part)
        return part

    def json(self, levels: int = 3) -> Any:
        """Any JSON of up to so many levels."""
        kind = self._random.random()
        if levels > 1 and kind < 0.25:
            return [self.json(levels - 1) for _ in range(self._random.randrange(3))]
        if levels > 1 and kind < 0.55:
            return {self._key(): self.json(levels - 1) for _ in range(self._random.randrange(4))}
        return self._pick(
            (None, True, False, 0, 1, -1.5, "", " ", "auto", "true", *(self.text(),) * 6)
        )

    def text(self) -> str:
        """A text that there has not been yet."""
        self._number += 1
        return f"m{self._number}x"

    def _content(self) -> Any:
        kind = self._random.random()
        if kind < 0.25:
            return self.text()
        if kind < 0.35:
            return self.part()
        return (
            self.json() if kind < 0.42 else [self.part() for _ in range(self._random.randrange(4))]
        )

    def _beside(self) -> Any:
        call = {
            "id": self.text(),
            "type": "function",
            "function": {"name": self.text(), "arguments": self.text()},
        }
        made: Sequence[Callable[[], Any]] = (
            *(self.text, self.json, lambda: [self.part()], self.part),
            *(lambda: [call], lambda: [self._mutated(call)], lambda: call["function"]),
        )
        return self._pick(made)()

    def _key(self) -> str:
        return str(self._pick(_KEYS))

    def _mutated(self, value: Any) -> Any:
        """*value* with one place in it changed."""
        places = [holder for holder in _holders(value) if holder]
        if not places:
            return self.json()
        holder = self._pick(places)
        key = self._pick(list(holder) if isinstance(holder, dict) else list(range(len(holder))))
        act = self._random.random()
        if act < 0.2:
            del holder[key]
        elif act < 0.6:
            holder[key] = self.json()
        elif act < 0.7 and "type" in holder and isinstance(holder, dict):
            holder["type"] = self._pick([*TABLE, "hologram"])
        elif act < 0.8 and isinstance(holder, dict):
            holder[self._key()] = self.json()
        else:
            holder[key] = [holder[key]]
        return value

    def _filled(self, value: Any) -> Any:
        """*value* with texts of its own where it has none that mean something."""
        if isinstance(value, dict):
            return {key: self._filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        if value == "a":
            return self.text()
        if value == WEB:
            return self._web if self._real else f"{self._web}?{self.text()}"
        if value in (PNG_BASE64, PNG_URL) and not self._real:
            return self.text() if value == PNG_BASE64 else f"data:image/png;base64,{self.text()}"
        return value

    def _pick(self, values: Sequence[Any]) -> Any:
        return values[self._random.randrange(len(values))]


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[Leaf]:
    """All texts of *value* that a maker made, with their paths."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    elif isinstance(value, str) and value.endswith("x"):
        yield path, value


def _holders(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from _holders(item)
