"""Answers of the simulated API as data: their content, how they end, and how they are written."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ..scripts import Step

__all__ = ["PLAIN", "Answer", "Break", "End", "FunctionCall", "Manner", "Search"]


class End(enum.Enum):
    """How an answer ends; ``NONE`` closes the stream without a last event."""

    COMPLETED = "completed"
    MAX_OUTPUT_TOKENS = "max_output_tokens"
    CONTENT_FILTER = "content_filter"
    FAILED = "failed"
    ERROR = "error"
    NONE = "none"


@frozen
class FunctionCall:
    """A call of a client's function; *arguments* are JSON text, as the model wrote it."""

    name: str
    arguments: str = "{}"


@frozen
class Search:
    """A search that xAI runs itself.

    :ivar on_x: of posts on X, which is written as a ``custom_tool_call``; else of the web.
    """

    query: str
    urls: tuple[str, ...] = ()
    on_x: bool = False


@frozen
class Break:
    """A step behind the first *after* events, in the place of the rest: a hang, or a cut."""

    after: int
    step: Step


@frozen
class Manner:
    """How an answer is written on the wire. Every manner but the junk is legal.

    :ivar newline: the end of a line.
    :ivar named: with an ``event:`` line before the data.
    :ivar spaced: with a space behind ``data:``.
    :ivar pretty: JSON over several ``data:`` lines.
    :ivar comments: a comment before each event, as a sign of life.
    :ivar done_mark: ``data: [DONE]`` at the end.
    :ivar deltas: pieces of texts and arguments; without them, only the ``done`` events carry them.
    :ivar items: ``done`` events of parts and items; without them, only deltas and the last event.
    :ivar unknown: events, items and fields that no client knows.
    :ivar junk: blocks that are not JSON, behind the second event.
    :ivar padding: letters in a field of its own of the first event.
    :ivar piece: bytes per piece; 0 sends each event as one piece.
    :ivar glued: the whole stream as one piece.
    :ivar open_end: without the blank line behind the last event.
    :ivar gzip: compressed, if the client takes that.
    :ivar breaks: where the stream stops.
    :ivar before_s: seconds before the head; infinity for none at all.
    :ivar pace_s: seconds before each event.
    """

    newline: str = "\n"
    named: bool = True
    spaced: bool = True
    pretty: bool = False
    comments: bool = False
    done_mark: bool = False
    deltas: bool = True
    items: bool = True
    unknown: bool = False
    junk: tuple[bytes, ...] = ()
    padding: int = 0
    piece: int = 0
    glued: bool = False
    open_end: bool = False
    gzip: bool = False
    breaks: Break | None = None
    before_s: float = 0.0
    pace_s: float = 0.0


PLAIN = Manner()


@frozen
class Answer:
    """An answer.

    :ivar text: may hold citations, ``[[1]](https://example.com)``; each is annotated.
    :ivar sources: pages that are annotated at no place of the text, as some models do.
    :ivar usage: fields of the usage that replace the counted ones.
    :ivar reports_usage: whether the last event has the usage.
    :ivar error: of an answer that fails: ``code`` and ``message``.
    """

    text: str = ""
    thoughts: tuple[str, ...] = ()
    calls: tuple[FunctionCall, ...] = ()
    searches: tuple[Search, ...] = ()
    sources: tuple[str, ...] = ()
    end: End = End.COMPLETED
    usage: Mapping[str, Any] = {}
    reports_usage: bool = True
    error: tuple[str, str] = ("server_error", "The service is temporarily unavailable")
    manner: Manner = PLAIN
