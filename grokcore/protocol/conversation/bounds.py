"""Bounds of an answer that the client sets: where it stops, how long it may be, its form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

__all__ = ["Bounds", "TextFormat"]


@frozen
class TextFormat:
    """A form that the answer's text must have.

    :ivar schema: the JSON schema that it must fit; None for any JSON object.
    :ivar name: the client's name for the schema; may be empty.
    """

    schema: Mapping[str, Any] | None = field(default=None, repr=False)
    name: str = ""
    description: str = ""


@frozen
class Bounds:
    """The bounds of one answer.

    :ivar stop: texts, none of them empty. The visible text ends before the first that occurs.
    :ivar most_tokens: the most tokens of visible text, by our estimate; None for no limit.
    :ivar text_format: None for free text.
    """

    stop: tuple[str, ...] = ()
    most_tokens: int | None = None
    text_format: TextFormat | None = None
