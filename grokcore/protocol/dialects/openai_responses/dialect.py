"""OpenAI's Responses API as a dialect."""

from __future__ import annotations

from collections.abc import Callable, Collection

from attrs import frozen

from ....errors import GrokApiError
from ..dialect import AnswerHead
from ..error_forms import ErrorReply, responses_form
from ..fields import header_names
from .request import ResponsesRequest, parse_responses_request
from .writers import AnswerWriter, EventWriter

__all__ = ["ResponsesDialect"]


@frozen
class ResponsesDialect:
    """See :class:`~grokcore.protocol.dialects.dialect.Dialect`.

    :ivar now: returns seconds since 1970, for ``completed_at``.
    """

    now: Callable[[], int]

    def parse(self, body: bytes) -> ResponsesRequest:
        """Validate a body; errors are those of :func:`parse_responses_request`."""
        return parse_responses_request(body)

    def collector(self, asked: ResponsesRequest, head: AnswerHead) -> AnswerWriter:
        """A collector for a Response object."""
        return AnswerWriter(asked, head, self.now)

    def stream(self, asked: ResponsesRequest, head: AnswerHead) -> EventWriter | None:
        """A writer of events, if a stream is wanted."""
        return EventWriter(asked, head, self.now) if asked.stream else None

    def ignored(self, asked: ResponsesRequest, unsent: Collection[str]) -> tuple[str, ...]:
        """Names of both, sorted and bounded."""
        return header_names({*asked.ignored, *unsent})

    def error(self, error: GrokApiError, request_id: str) -> ErrorReply:
        """OpenAI's error object, with the statuses that clients of this API need."""
        return responses_form(error, request_id)

    def soften(self, error: GrokApiError) -> None:
        """None: clients of OpenAI's want every error."""
