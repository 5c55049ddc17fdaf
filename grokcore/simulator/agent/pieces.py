"""An answer of the simulated model, in no lane's form."""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

__all__ = ["Answer", "Break", "Piece", "Thought", "Words"]


@frozen
class Thought:
    """A piece of the reasoning."""

    text: str


@frozen
class Words:
    """A piece of the answer's text."""

    text: str


@frozen
class Break:
    """The connection breaks here, without an end of the answer."""


Piece: TypeAlias = Thought | Words | Break

Answer: TypeAlias = tuple[Piece, ...]
"""Ends in good order, unless its last piece is a :class:`Break`."""
