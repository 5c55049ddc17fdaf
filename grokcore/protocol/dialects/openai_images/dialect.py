"""OpenAI's image routes as a dialect: the answer is given whole, as pictures only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import orjson
from attrs import frozen

from ....errors import GrokApiError, UpstreamRefused
from ...conversation.events import Event, Picture, Text
from ..dialect import AnswerHead, StreamWriter
from ..error_forms import ErrorReply, openai_form
from .request import ImageRequest, Made, images_body, parse_image_request
from .sources import Fields

__all__ = ["ImageCollector", "ImageDialect"]

SHOWN_WORDS = 300
"""Characters shown of the text that Grok sent instead of a picture."""


class ImageCollector:
    """The pictures of one answer."""

    def __init__(self, asked: ImageRequest, head: AnswerHead) -> None:
        self._asked = asked
        self._created = head.created
        self._prompt_tokens = head.prompt_tokens
        self._urls: list[str] = []
        self._words: list[str] = []
        self._made: list[Made] = []

    def add(self, events: Iterable[Event]) -> None:
        """Collect *events*."""
        for event in events:
            if isinstance(event, Picture):
                self._urls.append(event.url)
            elif isinstance(event, Text):
                self._words.append(event.text)

    def wanted(self) -> list[str]:
        """Grok's addresses of the pictures, no more than were asked for.

        :raises UpstreamRefused: if there are too few.
        """
        urls, asked = self._urls, self._asked
        if len(urls) >= asked.n or (urls and asked.partial_ok):
            return urls[: asked.n]
        if urls:
            hint = "Send partial_ok to take fewer."
            raise UpstreamRefused(
                f"Grok made {len(urls)} of the {asked.n} pictures that were asked for. {hint}"
            )
        words = "".join(self._words).strip()
        raise UpstreamRefused("Grok made no picture.", said=words[:SHOWN_WORDS] or "nothing.")

    def give(self, made: Iterable[Made], created: int) -> None:
        """Set the pictures as the client gets them.

        :param created: when they were there, in seconds since 1970.
        """
        self._made, self._created = list(made), created

    def body(self) -> bytes:
        """The answer with the pictures of :meth:`give`."""
        return orjson.dumps(images_body(self._made, self._created, self._prompt_tokens))

    def usage(self) -> dict[str, Any]:
        """No tokens: the body's estimate is for clients only, and is not counted."""
        return {"prompt_tokens": 0, "completion_tokens": 0}


@frozen
class ImageDialect:
    """See :class:`~grokcore.protocol.dialects.dialect.Dialect`.

    :ivar editing: whether the request must hold a picture.
    :ivar read: returns the fields of a body, which may be JSON or a form.
    """

    editing: bool
    read: Callable[[bytes], Fields]

    def parse(self, body: bytes) -> ImageRequest:
        """Validate a body; errors are those of :func:`parse_image_request`."""
        return parse_image_request(self.read(body), editing=self.editing)

    def collector(self, asked: ImageRequest, head: AnswerHead) -> ImageCollector:
        """A collector for pictures."""
        return ImageCollector(asked, head)

    def stream(self, asked: ImageRequest, head: AnswerHead) -> StreamWriter | None:  # noqa: ARG002 - the seam's signature
        """None: :meth:`parse` refuses a request for a stream."""
        return None

    def ignored(self, asked: ImageRequest, unsent: Collection[str]) -> tuple[str, ...]:
        """Names of both, the request's own first."""
        return (*asked.ignored, *sorted(unsent))

    def error(self, error: GrokApiError, request_id: str) -> ErrorReply:
        """OpenAI's error object."""
        return openai_form(error, request_id)

    def soften(self, error: GrokApiError) -> None:
        """None: clients of OpenAI's want every error."""
