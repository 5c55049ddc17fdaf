"""Cards: what a ``<grok:render>`` element in the text stands for (grok-protocol.md §3.6).

A card comes as a JSON *string* in its own line, before the element that refers to it, and once more
in the modelResponse. Its kinds, by ``cardType`` (seen 2025 to 2026): ``citation_card``,
``image_card`` (a picture that was found), ``generated_image_card`` (a picture that is being made:
again and again, with its progress), ``rendered_file_card``.
"""

from __future__ import annotations

import re
from typing import Any

from attrs import frozen

from ..lenient_json import loads

__all__ = ["MOST_ADDRESS_CHARS", "Card", "Reference", "parse_card", "parse_reference"]

MOST_ADDRESS_CHARS = 4096
"""Longest address that is taken from a card or a line of progress."""

MOST_WORDS_CHARS = 300
"""How much of a title, or of another short text, is kept."""

# Each place is looked at once: no name begins within a name, no value holds a "<".
_ATTRIBUTE = re.compile(r"""(?<![\w.:-])([A-Za-z_][\w.:-]*+)\s*+=\s*+(?:"([^"]*)"|'([^']*)')""")
_ARGUMENT = re.compile(
    r"""<argument\s+name\s*=\s*["']([^"'<]*)["']\s*>([^<]*)</argument\s*>""", re.IGNORECASE
)
_OPENING = re.compile(r"<[^>]*>")


@frozen
class Card:
    """The useful parts of a card; empty where it has none.

    :ivar kind: its ``cardType``, or its ``type`` if it has none.
    :ivar url: the page that it cites, or the address of its picture or file.
    :ivar percent: of a picture that is being made; None of anything else, and before it was begun.
    :ivar fault: why the picture could not be made, in Grok's word (``rate_limit``).
    """

    id: str = ""
    kind: str = ""
    url: str = ""
    title: str = ""
    link: str = ""
    percent: int | None = None
    moderated: bool = False
    fault: str = ""

    @property
    def is_citation(self) -> bool:
        """Whether it cites a source."""
        return "citation" in self.kind

    @property
    def is_generated(self) -> bool:
        """Whether it is a picture of Grok's own."""
        return "generated" in self.kind or self.percent is not None

    @property
    def is_picture(self) -> bool:
        """Whether it is a picture that was found."""
        return self.kind == "image_card" or "searched_image" in self.kind

    @property
    def is_file(self) -> bool:
        """Whether it is a file that Grok made."""
        return "file_card" in self.kind


@frozen
class Reference:
    """A ``<grok:render>`` element: which card it means, and what it says of it itself."""

    card_id: str = ""
    kind: str = ""
    citation_id: str = ""

    @property
    def is_citation(self) -> bool:
        """Whether it cites a source."""
        return "citation" in self.kind


def parse_card(value: object) -> Card | None:
    """The card in a ``jsonData`` string; None if it is none."""
    if not isinstance(value, str):
        return None
    try:
        data = loads(value.encode("utf-8", "replace"))
    except ValueError:
        return None
    return _card(data) if isinstance(data, dict) else None


def _card(data: dict[str, Any]) -> Card:
    # The key imageChunk is of tests only (§3.6).
    chunk = data.get("image_chunk", data.get("imageChunk"))
    if isinstance(chunk, dict):
        return _generated(data, chunk)
    found = data.get("image")
    picture = found if isinstance(found, dict) else {}
    return Card(
        id=_text(data, "id"),
        kind=_text(data, "cardType") or _text(data, "type"),
        url=_address(data, "url")
        or _address(picture, "original")
        or _address(picture, "thumbnail"),
        title=_text(picture, "title") or _text(data, "title") or _text(data, "file_name"),
        link=_address(picture, "link"),
    )


def _generated(data: dict[str, Any], chunk: dict[str, Any]) -> Card:
    percent = chunk.get("progress")
    return Card(
        id=_text(data, "id") or _text(chunk, "imageUuid"),
        kind=_text(data, "cardType") or "generated_image_card",
        url=_address(chunk, "imageUrl"),
        percent=int(percent)
        if isinstance(percent, int | float) and not isinstance(percent, bool)
        else None,
        moderated=chunk.get("moderated") is True,
        fault=_text(chunk, "systemErrCode"),
    )


def parse_reference(element: str) -> Reference:
    """A ``<grok:render …>…</grok:render>`` element."""
    opening = _OPENING.match(element)
    attributes = {
        name.lower(): double or single
        for name, double, single in _ATTRIBUTE.findall(opening.group() if opening else "")
    }
    arguments = {
        name.lower(): value.strip().strip('"') for name, value in _ARGUMENT.findall(element)
    }
    kind = f"{attributes.get('card_type', '')} {attributes.get('type', '')}".strip()
    return Reference(attributes.get("card_id", ""), kind, arguments.get("citation_id", ""))


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    return value[:MOST_WORDS_CHARS] if isinstance(value, str) else ""


def _address(data: dict[str, Any], name: str) -> str:
    """An address, or a ``data:`` URL of any length; empty if it is none, or longer than any real
    one.
    """
    value = data.get(name)
    if not isinstance(value, str):
        return ""
    return value if len(value) <= MOST_ADDRESS_CHARS or value[:5].lower() == "data:" else ""
