"""The seam of the dialects: a client's bytes in, a request out; events in, a client's bytes out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Protocol, TypeVar

from attrs import frozen

from ...errors import GrokApiError
from ..conversation.events import Event, Finished
from .error_forms import ErrorReply
from .rendering import Style

__all__ = ["AnswerHead", "Collector", "Dialect", "StreamWriter"]


@frozen
class AnswerHead:
    """Facts about an answer that are fixed before its first event.

    :ivar nonce: 24 hexadecimal digits; the dialect makes the answer's id of them.
    :ivar created: seconds since 1970.
    :ivar prompt_tokens: the estimate for the question.
    :ivar request_id: the request's name in the log.
    """

    nonce: str
    created: int
    prompt_tokens: int
    style: Style
    request_id: str = ""


class Collector(Protocol):
    """An answer that is given as one body."""

    def add(self, events: Iterable[Event]) -> None:
        """Collect *events*."""

    def body(self) -> bytes:
        """The body; to be called after :class:`~grokcore.protocol.conversation.events.Finished`
        only.
        """

    def usage(self) -> dict[str, Any]:
        """Estimates so far, with ``prompt_tokens`` and ``completion_tokens``."""


class StreamWriter(Protocol):
    """An answer that is given as server-sent events."""

    def write(self, events: Iterable[Event]) -> bytes:
        """The bytes for *events*, possibly none; after ``Finished``, the end of the stream."""

    def empty(self) -> bytes:
        """An event without content, for clients whose timers ignore comments."""

    def fail(self, error: GrokApiError) -> bytes:
        """The end of an answer that broke off."""

    def usage(self) -> dict[str, Any]:
        """Estimates so far, with ``prompt_tokens`` and ``completion_tokens``."""


_Request = TypeVar("_Request")
_Collector_co = TypeVar("_Collector_co", bound=Collector, covariant=True)


class Dialect(Protocol[_Request, _Collector_co]):
    """The form of one API: its requests, answers and errors."""

    def parse(self, body: bytes) -> _Request:
        """Validate a request's body.

        :raises GrokApiError: if the client has to change it.
        """

    def collector(self, asked: _Request, head: AnswerHead) -> _Collector_co:
        """A collector for the answer to *asked*."""

    def stream(self, asked: _Request, head: AnswerHead) -> StreamWriter | None:
        """A writer, if *asked* wants its answer streamed; else None."""

    def ignored(self, asked: _Request, unsent: Collection[str]) -> tuple[str, ...]:
        """Names, for a response header, of the fields of *asked* without effect, and of *unsent*.

        :param unsent: names of parts that could not be passed on to Grok.
        """

    def error(self, error: GrokApiError, request_id: str) -> ErrorReply:
        """The response that is an error."""

    def soften(self, error: GrokApiError) -> Finished | None:
        """The end of an answer that clients of this dialect want in place of *error*; None if they
        want the error.
        """
