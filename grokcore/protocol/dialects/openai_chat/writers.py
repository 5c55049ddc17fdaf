"""Answers in OpenAI's shape: a stream of chunks, or one body. Two writers over the same events.

Rules
-----
Each was tried out with the clients that insist on it.

1. The first delta of a choice has the role, and no later one does. Every choice has an index.
2. Usage comes in one last chunk without choices, and only if the client asked for it.
3. A complete answer ends with a finish_reason of each choice and ``[DONE]``; no other answer does.
4. An error is one ``data:`` line with a whole error object, and the last line.
5. There is one JSON object per ``data:`` line, no ``id:`` and no ``event:``.
6. The usage of an answer counts the question once and all choices, as OpenAI's does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from attrs import frozen

from ....errors import GrokApiError
from ...conversation.events import End, Event, Finished, OfChoice, Text
from ..openai_errors import error_body
from ..rendering import Renderer, Style
from .calls import call_deltas, call_id, call_object, finish_reason

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
    :ivar choices: how many answers there are to the question.
    :ivar legacy_calls: whether a call is written as ``function_call``.
    """

    id: str
    created: int
    model: str
    prompt_tokens: int
    style: Style
    choices: int = 1
    legacy_calls: bool = False


def error_frame(error: GrokApiError) -> bytes:
    """An error after the response has begun: the SDKs raise it; nothing may follow."""
    return b"data: " + error_body(error) + b"\n\n"


class ChunkWriter:
    """A writer of an answer as server-sent events."""

    def __init__(self, head: ChatHead, *, include_usage: bool) -> None:
        self._common = b"data: " + _common(head, "chat.completion.chunk")
        self._include_usage = include_usage
        usage_null = b',"usage":null' if include_usage else b""
        self._choices = [
            _ChoiceChunks(head, self._common, usage_null, index) for index in range(head.choices)
        ]
        self._current = self._choices[0]

    def write(self, events: Iterable[Event]) -> bytes:
        """The chunks for *events*, possibly none; after the :class:`Finished` of the last choice,
        the end of the stream.
        """
        events = list(events)
        if len(self._choices) == 1:
            if len(events) == 1 and (chunk := self._current.plain(events[0])):
                return chunk
            chunks = self._current.chunks(events)
        else:
            chunks = self._of_choices(events)
        if events and isinstance(events[-1], Finished):
            chunks.append(self._end())
        return b"".join(chunks)

    def empty(self) -> bytes:
        """A chunk without content, of a choice that goes on: the timers of some clients ignore
        comments.
        """
        return next(choice for choice in self._choices if not choice.over).empty()

    def fail(self, error: GrokApiError) -> bytes:
        """The end of an answer that broke off. Without finish_reason and ``[DONE]``, no client
        takes it for complete.
        """
        return b"".join(choice.close_think_tag() for choice in self._choices) + error_frame(error)

    def usage(self) -> dict[str, Any]:
        """OpenAI's ``usage`` object, estimated for the events written so far."""
        return _usage(choice.renderer for choice in self._choices)

    def _of_choices(self, events: list[Event]) -> list[bytes]:
        chunks: list[bytes] = []
        for index, part in _parts(events):
            self._current = self._current if index is None else self._choices[index]
            chunks += self._current.chunks(part)
        return chunks

    def _end(self) -> bytes:
        if not self._include_usage:
            return DONE
        usage = orjson.dumps(self.usage())
        return self._common + b',"choices":[],"usage":' + usage + b"}\n\n" + DONE


class _ChoiceChunks:
    """The chunks of one choice.

    :ivar over: whether its last chunk is written.
    """

    def __init__(self, head: ChatHead, common: bytes, usage_null: bytes, index: int) -> None:
        self.renderer = Renderer(head.style, head.prompt_tokens)
        self.over = False
        self._head = head
        self._index = index
        # Nearly all chunks differ in one string only, so everything around it is rendered once.
        self._before_delta = common + b',"choices":[{"index":%d,"delta":' % index
        self._after_finish = b"}]" + usage_null + b"}\n\n"
        self._after_delta = b',"logprobs":null,"finish_reason":null' + self._after_finish
        self._before_text = {
            field: self._before_delta + b'{"' + field.encode() + b'":'
            for field in ("content", "reasoning_content")
        }
        self._after_text = b"}" + self._after_delta
        self._role_sent = False
        self._calls_sent = 0

    def plain(self, event: Event) -> bytes:
        """The short way of :meth:`chunks` for a text in the middle; empty for any other event."""
        if isinstance(event, Text) and self._role_sent and self.renderer.plain(event.text):
            return self._before_text["content"] + orjson.dumps(event.text) + self._after_text
        return b""

    def chunks(self, events: list[Event]) -> list[bytes]:
        chunks = [
            self._before_text[field] + orjson.dumps(text) + self._after_text
            for field, text in self.renderer.pieces(events)
        ]
        if len(self.renderer.calls) > self._calls_sent:
            chunks += self._calls()
        if chunks and not self._role_sent:
            chunks.insert(0, self._role())
        if events and isinstance(events[-1], Finished):
            chunks.append(self._finish(events[-1].end))
        return chunks

    def empty(self) -> bytes:
        return self._delta({}) if self._role_sent else self._role()

    def close_think_tag(self) -> bytes:
        rest = self.renderer.close_think_tag()
        return self._delta({"content": rest}) if rest else b""

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return self._before_delta + orjson.dumps(delta) + self._after_delta

    def _role(self) -> bytes:
        self._role_sent = True
        return self._delta({"role": "assistant", "content": ""})

    def _calls(self) -> Iterator[bytes]:
        for call in self.renderer.calls[self._calls_sent :]:
            which = call_id(self._head.id, self._index, call.index)
            yield from map(self._delta, call_deltas(call, which, legacy=self._head.legacy_calls))
        self._calls_sent = len(self.renderer.calls)

    def _finish(self, end: End) -> bytes:
        self.over = True
        reason = finish_reason(end, legacy=self._head.legacy_calls).encode()
        finish = b'{},"logprobs":null,"finish_reason":"' + reason + b'"' + self._after_finish
        return self._annotations() + self._before_delta + finish

    def _annotations(self) -> bytes:
        """The sources of the answer in one delta, each with the index that openai-python needs."""
        annotations = [
            {"index": index, **annotation}
            for index, annotation in enumerate(self.renderer.annotations())
        ]
        return self._delta({"annotations": annotations}) if annotations else b""


class AnswerWriter:
    """A collector of an answer as one body."""

    def __init__(self, head: ChatHead) -> None:
        self._head = head
        self._choices = [_ChoiceBody(head, index) for index in range(head.choices)]
        self._current = self._choices[0]

    def add(self, events: Iterable[Event]) -> None:
        """Collect *events*."""
        if len(self._choices) == 1:
            self._current.add(list(events))
            return
        for index, part in _parts(events):
            self._current = self._current if index is None else self._choices[index]
            self._current.add(part)

    def usage(self) -> dict[str, Any]:
        """OpenAI's ``usage`` object, estimated for the events collected so far."""
        return _usage(choice.renderer for choice in self._choices)

    def body(self) -> bytes:
        """The ``chat.completion`` object; call it only after :class:`Finished`."""
        parts: list[bytes | bytearray] = [_common(self._head, "chat.completion"), b',"choices":[']
        for choice in self._choices:
            parts += choice.parts()
        after = b'],"usage":' + orjson.dumps(self.usage()) + b"}"
        return b"".join([*parts, after])


class _ChoiceBody:
    """The object of a choice, in a body."""

    def __init__(self, head: ChatHead, index: int) -> None:
        self.renderer = Renderer(head.style, head.prompt_tokens)
        self._head = head
        self._index = index
        self._end = End.STOP
        # Pieces as they will stand in the body: an answer of many MB is in memory once, and once
        # more in its body.
        self._fields = {"content": bytearray(), "reasoning_content": bytearray()}

    def add(self, events: list[Event]) -> None:
        for field, text in self.renderer.pieces(events):
            self._fields[field] += orjson.dumps(text)[1:-1]
        if events and isinstance(events[-1], Finished):
            self._end = events[-1].end

    def parts(self) -> Iterator[bytes | bytearray]:
        """The object, cut anywhere; a comma stands before all but the first."""
        before = b"," if self._index else b""
        yield before + b'{"index":%d,"message":{"role":"assistant","content":' % self._index
        if self._fields["content"] or not self.renderer.calls:
            yield from (b'"', self._fields["content"], b'"')
        else:
            yield b"null"
        yield b',"refusal":null'
        annotations = self.renderer.annotations()
        if annotations:
            yield b',"annotations":' + orjson.dumps(annotations)
        if self._fields["reasoning_content"]:
            yield from (b',"reasoning_content":"', self._fields["reasoning_content"], b'"')
        if self.renderer.calls:
            yield b"," + orjson.dumps(self._calls())[1:-1]
        reason = finish_reason(self._end, legacy=self._head.legacy_calls).encode()
        yield b'},"logprobs":null,"finish_reason":"' + reason + b'"}'

    def _calls(self) -> dict[str, Any]:
        calls = [
            call_object(call, call_id(self._head.id, self._index, call.index))
            for call in self.renderer.calls
        ]
        if self._head.legacy_calls:
            return {"function_call": calls[0]["function"]}
        return {"tool_calls": calls}


def _common(head: ChatHead, kind: str) -> bytes:
    """The beginning of all objects of an answer, without the closing brace."""
    common = {"id": head.id, "object": kind, "created": head.created, "model": head.model}
    return orjson.dumps(common)[:-1]


def _parts(events: Iterable[Event]) -> Iterator[tuple[int | None, list[Event]]]:
    """The events of each choice; None is the choice of the events before."""
    index: int | None = None
    part: list[Event] = []
    for event in events:
        if isinstance(event, OfChoice):
            yield index, part
            index, part = event.index, []
        else:
            part.append(event)
    yield index, part


def _usage(renderers: Iterable[Renderer]) -> dict[str, Any]:
    """The usage of all choices. Estimates count the question once; reported figures count it for
    each choice, since each is a request that the upstream charges for.
    """
    usages = [renderer.usage() for renderer in renderers]
    if len(usages) == 1:
        return usages[0]
    reported = [usage for usage in usages if "prompt_tokens_details" in usage]
    estimated = [usage for usage in usages if "prompt_tokens_details" not in usage]
    prompt = sum(usage["prompt_tokens"] for usage in [*reported, *estimated[:1]])
    completion = sum(usage["completion_tokens"] for usage in usages)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        **_details(usages, "prompt_tokens_details", "cached_tokens"),
        **_details(usages, "completion_tokens_details", "reasoning_tokens"),
        **{
            name: sum(usage.get(name, 0) for usage in usages)
            for name in ("cost_in_usd_ticks", "num_server_side_tools_used")
            if any(name in usage for usage in usages)
        },
    }


def _details(usages: Iterable[dict[str, Any]], name: str, count: str) -> dict[str, Any]:
    """The object called *name* with the sum of a count; nothing if no usage has the object."""
    counts = [usage[name][count] for usage in usages if name in usage]
    return {name: {count: sum(counts)}} if counts else {}
