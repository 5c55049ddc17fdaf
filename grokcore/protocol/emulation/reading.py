"""The seam between an answer's text and the client's calls in it."""

from __future__ import annotations

from typing import Protocol

from ..conversation.events import ToolCall, Unusable

__all__ = ["CallReader"]


class CallReader(Protocol):
    """Takes calls out of the text of one answer. Pure; it raises nothing, whatever comes.

    Its results don't depend on how the text was cut.
    """

    @property
    def holding(self) -> bool:
        """Whether text is held back, or a call is open: the next piece has to be read too."""

    @property
    def called(self) -> bool:
        """Whether a call was given out, and the text is outside of one. The answer is complete even
        if the upstream never says so.
        """

    @property
    def cut(self) -> bool:
        """Whether nothing more is wanted: text follows a call, or the one allowed call is whole."""

    def feed(self, text: str) -> list[str | ToolCall]:
        """Take a piece of text; return text that is certainly no part of a call, and whole calls,
        in order. Nothing after :attr:`cut`.
        """

    def close(self, thinking: str = "") -> list[str | ToolCall]:
        """The text has ended, or is cut: return the rest.

        :param thinking: the reasoning, in which calls count if there is no text.
        """

    def unusable(self) -> Unusable | None:
        """After :meth:`close`: the faults of the calls, or of an answer without the call that it
        had to be; None if the answer can be used.
        """
