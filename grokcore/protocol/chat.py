"""Answers in OpenAI's shape: a stream of chunks, or one body. Two writers over the same events.

What clients really accept was tried out with them (the numbered rules of the field): the first delta carries the role and
no later one does; every choice has an index; usage comes in one last chunk with no choices, and only when asked for; an
answer ends with a finish_reason and ``[DONE]``, and *only* a complete one does; an error is one ``data:`` line with a
whole error object, after which nothing follows. One JSON object per ``data:`` line, no ``id:``, no ``event:``.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from attrs import frozen

from ..errors import GrokApiError
from .events import Event, Finished, Picture, Text, Thinking, Video
from .usage import TokenEstimate

__all__ = ["DONE", "KEEP_ALIVE", "AnswerWriter", "ChatHead", "ChunkWriter", "ThinkingStyle", "error_frame"]

KEEP_ALIVE = b": keep-alive\n"
"""A comment that keeps proxies and clients waiting. One newline: a blank line would dispatch an empty event, which kills
openai-go and, after any ``id:``, openai-python."""

DONE = b"data: [DONE]\n\n"


class ThinkingStyle(enum.Enum):
    """What becomes of thinking."""

    HIDDEN = "hidden"
    REASONING_CONTENT = "reasoning_content"
    THINK_TAGS = "think_tags"


@frozen
class ChatHead:
    """What is the same in every chunk of an answer.

    :ivar id: ``chatcmpl-…``.
    :ivar created: seconds since 1970.
    :ivar model: the name the client asked for.
    :ivar prompt_tokens: the estimate for the question.
    :ivar assets_url: where relative media paths belong.
    """

    id: str
    created: int
    model: str
    prompt_tokens: int
    thinking: ThinkingStyle
    assets_url: str


def error_frame(error: GrokApiError) -> bytes:
    """An error after the response has begun: the SDKs raise it; nothing may follow."""
    return b"data: " + orjson.dumps(error.body()) + b"\n\n"


class _Renderer:
    """Events as pieces of ``content`` and ``reasoning_content``, with a count of both."""

    def __init__(self, head: ChatHead) -> None:
        self._style = head.thinking
        self._assets_url = head.assets_url.rstrip("/")
        self._prompt_tokens = head.prompt_tokens
        self._answer = TokenEstimate()
        self._reasoning = TokenEstimate()
        self._think_tag_open = False
        self._any_content = False

    def pieces(self, events: Iterable[Event]) -> Iterator[tuple[str, str]]:
        """``(field, text)`` for each event that shows something."""
        for event in events:
            match event:
                case Text(text):
                    self._answer.add(text)
                    yield self._content(text)
                case Thinking(text):
                    self._reasoning.add(text)
                    if self._style is not ThinkingStyle.HIDDEN:
                        yield self._thought(text)
                case Picture(url):
                    yield self._content(f"{self._gap()}![image]({self._absolute(url)})")
                case Video(url):
                    yield self._content(f"{self._gap()}[video]({self._absolute(url)})")
                case Finished() if self._think_tag_open:
                    yield self._content("")

    def close_think_tag(self) -> str:
        """What still belongs to ``content`` before an error ends it."""
        return self._content("")[1] if self._think_tag_open else ""

    def usage(self) -> dict[str, Any]:
        """OpenAI's usage object; hidden thinking counts too, since Grok produced it."""
        reasoning = self._reasoning.tokens
        completion = self._answer.tokens + reasoning
        return {
            "prompt_tokens": self._prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self._prompt_tokens + completion,
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        }

    def _thought(self, text: str) -> tuple[str, str]:
        if self._style is ThinkingStyle.REASONING_CONTENT:
            return "reasoning_content", text
        opening = "" if self._think_tag_open else "<think>\n"
        self._think_tag_open = True
        return "content", opening + text

    def _content(self, text: str) -> tuple[str, str]:
        self._any_content = True
        if self._think_tag_open:
            self._think_tag_open = False
            return "content", f"\n</think>\n\n{text}"
        return "content", text

    def _gap(self) -> str:
        return "\n\n" if self._any_content else ""

    def _absolute(self, url: str) -> str:
        whole = url if url.startswith(("https://", "http://")) else f"{self._assets_url}/{url.lstrip('/')}"
        return whole.replace(" ", "%20").replace("(", "%28").replace(")", "%29")


class ChunkWriter:
    """One streamed answer, as server-sent events."""

    def __init__(self, head: ChatHead, *, include_usage: bool) -> None:
        common = {"id": head.id, "object": "chat.completion.chunk", "created": head.created, "model": head.model}
        self._renderer = _Renderer(head)
        self._include_usage = include_usage
        # Nearly all chunks differ in one string only, so everything around it is rendered once.
        self._common = b"data: " + orjson.dumps(common)[:-1]
        self._before_delta = self._common + b',"choices":[{"index":0,"delta":'
        self._after_delta = b',"logprobs":null,"finish_reason":null}]' + self._usage_null() + b"}\n\n"
        self._before_text = {
            field: self._before_delta + b'{"' + field.encode() + b'":' for field in ("content", "reasoning_content")
        }
        self._after_text = b"}" + self._after_delta
        self._role_sent = False

    def write(self, events: Iterable[Event]) -> bytes:
        """The chunks for *events*, possibly none; after :class:`Finished`, the end of the stream."""
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
        """A chunk that says nothing: some clients' own timers don't take comments for a sign of life."""
        return self._role() if not self._role_sent else self._before_delta + b"{}" + self._after_delta

    def fail(self, error: GrokApiError) -> bytes:
        """The end of an answer that broke off: no finish_reason, no ``[DONE]``, so that nothing takes it for whole."""
        rest = self._renderer.close_think_tag()
        closing = self._before_text["content"] + orjson.dumps(rest) + self._after_text if rest else b""
        return closing + error_frame(error)

    def _role(self) -> bytes:
        self._role_sent = True
        return self._before_delta + b'{"role":"assistant","content":""}' + self._after_delta

    def _end(self) -> bytes:
        finish = b'{},"logprobs":null,"finish_reason":"stop"}]' + self._usage_null() + b"}\n\n"
        usage = b""
        if self._include_usage:
            usage = self._common + b',"choices":[],"usage":' + orjson.dumps(self._renderer.usage()) + b"}\n\n"
        return self._before_delta + finish + usage + DONE

    def _usage_null(self) -> bytes:
        return b',"usage":null' if self._include_usage else b""


class AnswerWriter:
    """One answer as a whole body."""

    def __init__(self, head: ChatHead) -> None:
        self._head = head
        self._renderer = _Renderer(head)
        self._fields: dict[str, list[str]] = {"content": [], "reasoning_content": []}

    def add(self, events: Iterable[Event]) -> None:
        """Collect *events*."""
        for field, text in self._renderer.pieces(events):
            self._fields[field].append(text)

    def body(self) -> bytes:
        """The ``chat.completion`` object; call it only after :class:`Finished`."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": "".join(self._fields["content"]),
            "refusal": None,
        }
        if self._fields["reasoning_content"]:
            message["reasoning_content"] = "".join(self._fields["reasoning_content"])
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return orjson.dumps(
            {
                "id": self._head.id,
                "object": "chat.completion",
                "created": self._head.created,
                "model": self._head.model,
                "choices": [choice],
                "usage": self._renderer.usage(),
            }
        )
