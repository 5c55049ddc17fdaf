"""The written form of calls: elements with a prefix that occurs nowhere else in a request."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

__all__ = ["DEFAULT_WORDS", "WORDS", "CallForm", "CallWords"]


@frozen
class CallWords:
    """Local names of the elements: of a call, and of one of its arguments."""

    call: str
    arg: str


WORDS: Mapping[str, CallWords] = {
    "call": CallWords("call", "arg"),
    # Grok's own names for its own tools, in our namespace (its prompts of 2025 and 2026).
    "function_call": CallWords("function_call", "parameter"),
}
"""The forms that the owner can choose from, by name."""

DEFAULT_WORDS = "call"


@frozen
class CallForm:
    """The form of all calls of one question: ``<fn:call name="…"><fn:arg name="…">…``.

    :ivar prefix: ``fn``, or ``fn2`` and so on; it occurs nowhere else in the question.
    """

    prefix: str = "fn"
    words: CallWords = WORDS[DEFAULT_WORDS]
