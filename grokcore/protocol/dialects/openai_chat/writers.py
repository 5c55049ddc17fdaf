"""Answers in OpenAI's shape: a stream of chunks, or one body. Two writers over the same events.

Rules
-----
Each was tried out with the clients that insist on it.

1. The first delta carries the role, and no later one does. Every choice has an index.
2. Usage comes in one last chunk without choices, and only if the client asked for it.
3. A complete answer ends with a finish_reason and ``[DONE]``; no other answer does.
4. An error is one ``data:`` line with a whole error object, and the last line.
5. There is one JSON object per ``data:`` line, no ``id:`` and no ``event:``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from attrs import frozen

from ....errors import GrokApiError
from ...conversation.events import Event, Finished
from ..openai_errors import error_body
from ..rendering import Renderer, Style

__all__ = ["DONE", "KEEP_ALIVE", "AnswerWriter", "ChatHead", "ChunkWriter", "error_frame"]

KEEP_ALIVE = b": keep-alive\n"
"""A comment that keeps proxies and clients waiting. One newline: a blank line would dispatch an
empty event, which kills openai-go and, after any ``id:``, openai-python."""

DONE = b"data: [DONE]\n\n"


@frozen
class ChatHead:
    """The facts that all chunks of an answer share.

    :ivar id: ``chatcmpl-…``.
    :ivar created: seconds since 1970.
    :ivar model: the name that the client asked for.
    :ivar prompt_tokens: the estimate for the question.
    """

    id: str
    created: int
    model: str
    prompt_tokens: int
    style: Style


def error_frame(error: GrokApiError) -> bytes:
    """An error after the response has begun: the SDKs raise it; nothing may follow."""
    return b"data: " + error_body(error) + b"\n\n"


class ChunkWriter:
    """A writer of an answer as server-sent events."""

    def __init__(self, head: ChatHead, *, include_usage: bool) -> None:
        common = {
            "id": head.id,
            "object": "chat.completion.chunk",
            "created": head.created,
            "model": head.model,
        }
        self._renderer = Renderer(head.style, head.prompt_tokens)
        self._include_usage = include_usage
        # Nearly all chunks differ in one string only, so everything around it is rendered once.
        self._common = b"data: " + orjson.dumps(common)[:-1]
        self._before_delta = self._common + b',"choices":[{"index":0,"delta":'
        self._after_delta = (
            b',"logprobs":null,"finish_reason":null}]' + self._usage_null() + b"}\n\n"
        )
        self._before_text = {
            field: self._before_delta + b'{"' + field.encode() + b'":'
            for field in ("content", "reasoning_content")
        }
        self._after_text = b"}" + self._after_delta
        self._role_sent = False

    def write(self, events: Iterable[Event]) -> bytes:
        """The chunks for *events*, possibly none; after :class:`Finished`, the end of the
        stream.
        """
        events = list(events)
        chunks = [
            self._before_text[field] + orjson.dumps(text) + self._after_text
            for field, text in self._renderer.pieces(events)
        ]
        if chunks and not self._role_sent:
            chunks.insert(0, self._role())
        if events and isinstance(events[-1], Finished):
            chunks.append(self._end())
        return b"".join(chunks)

    def empty(self) -> bytes:
        """A chunk without content: the timers of some clients ignore comments."""
        return (
            self._role() if not self._role_sent else self._before_delta + b"{}" + self._after_delta
        )

    def fail(self, error: GrokApiError) -> bytes:
        """The end of an answer that broke off. Without finish_reason and ``[DONE]``, no client
        takes it for complete.
        """
        rest = self._renderer.close_think_tag()
        closing = (
            self._before_text["content"] + orjson.dumps(rest) + self._after_text if rest else b""
        )
        return closing + error_frame(error)

    def usage(self) -> dict[str, Any]:
        """OpenAI's ``usage`` object, estimated for the events written so far."""
        return self._renderer.usage()

    def _role(self) -> bytes:
        self._role_sent = True
        return self._before_delta + b'{"role":"assistant","content":""}' + self._after_delta

    def _end(self) -> bytes:
        finish = b'{},"logprobs":null,"finish_reason":"stop"}]' + self._usage_null() + b"}\n\n"
        sources = self._annotations()
        usage = b""
        if self._include_usage:
            usage = (
                self._common
                + b',"choices":[],"usage":'
                + orjson.dumps(self._renderer.usage())
                + b"}\n\n"
            )
        return sources + self._before_delta + finish + usage + DONE

    def _annotations(self) -> bytes:
        """The sources of the answer in one delta, each with the index that openai-python needs."""
        annotations = [
            {"index": index, **annotation}
            for index, annotation in enumerate(self._renderer.annotations())
        ]
        if not annotations:
            return b""
        return self._before_delta + orjson.dumps({"annotations": annotations}) + self._after_delta

    def _usage_null(self) -> bytes:
        return b',"usage":null' if self._include_usage else b""


class AnswerWriter:
    """A collector of an answer as one body."""

    def __init__(self, head: ChatHead) -> None:
        self._head = head
        self._renderer = Renderer(head.style, head.prompt_tokens)
        # Pieces as they will stand in the body: an answer of many MB is in memory once, and once
        # more in its body.
        self._fields = {"content": bytearray(), "reasoning_content": bytearray()}

    def add(self, events: Iterable[Event]) -> None:
        """Collect *events*."""
        for field, text in self._renderer.pieces(events):
            self._fields[field] += orjson.dumps(text)[1:-1]

    def usage(self) -> dict[str, Any]:
        """OpenAI's ``usage`` object, estimated for the events collected so far."""
        return self._renderer.usage()

    def body(self) -> bytes:
        """The ``chat.completion`` object; call it only after :class:`Finished`."""
        annotations = self._renderer.annotations()
        parts: list[bytes | bytearray] = [
            b'{"role":"assistant","content":"',
            self._fields["content"],
            b'","refusal":null',
        ]
        if annotations:
            parts += [b',"annotations":', orjson.dumps(annotations)]
        if self._fields["reasoning_content"]:
            parts += [b',"reasoning_content":"', self._fields["reasoning_content"], b'"']
        head = {
            "id": self._head.id,
            "object": "chat.completion",
            "created": self._head.created,
            "model": self._head.model,
        }
        before = orjson.dumps(head)[:-1] + b',"choices":[{"index":0,"message":'
        after = (
            b'},"logprobs":null,"finish_reason":"stop"}],"usage":'
            + orjson.dumps(self._renderer.usage())
            + b"}"
        )
        return b"".join([before, *parts, after])
