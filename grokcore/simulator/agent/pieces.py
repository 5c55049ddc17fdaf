"""An answer of the simulated model, in no lane's form."""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

__all__ = ["Answer", "Break", "Cite", "Drawn", "Pages", "Piece", "Thought", "Words"]


@frozen
class Thought:
    """A piece of the reasoning."""

    text: str


@frozen
class Words:
    """A piece of the answer's text."""

    text: str


@frozen
class Pages:
    """A search of the web, and the pages that it found: URLs and titles."""

    query: str
    found: tuple[tuple[str, str], ...]


@frozen
class Cite:
    """A reference to a page at this point of the text."""

    url: str


@frozen
class Drawn:
    """A picture that was made, by its path at Grok's."""

    path: str


@frozen
class Break:
    """The connection breaks here, without an end of the answer."""


Piece: TypeAlias = Thought | Words | Pages | Cite | Drawn | Break

Answer: TypeAlias = tuple[Piece, ...]
"""Ends in good order, unless its last piece is a :class:`Break`."""
