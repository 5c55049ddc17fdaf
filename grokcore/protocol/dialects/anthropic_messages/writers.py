"""Answers in Anthropic's shape: a stream of events, or one body. Two writers over the same pieces.

Rules
-----
1. Blocks come strictly one after another, and their indices count up. No block is opened twice.
2. A thinking block ends with one signature, which is the same for all: clients that find none drop
   the thinking (AI SDK), and only Anthropic's servers read it.
3. The input of a call comes in one delta.
4. A complete answer ends with ``message_stop``, a broken one with ``error``. No ``[DONE]`` follows.

Source: Anthropic's API reference (streaming, 2026), and its Python library 2.14.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

import orjson

from ....errors import GrokApiError
from ...conversation.events import Event, Finished
from ..anthropic_errors import error_body
from .content import AnswerContent, Block, Called, MessageHead, Words
from .stops import stop_fields

__all__ = ["SIGNATURE", "EventWriter", "MessageCollector"]

SIGNATURE = "Z3Jvaw=="
"""The signature of all thinking; not a secret, and never checked."""

_EMPTY_BLOCKS = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}
_DELTAS = {"text": b'"text_delta","text":', "thinking": b'"thinking_delta","thinking":'}


def _frame(kind: str, fields: dict[str, Any]) -> bytes:
    data = orjson.dumps({"type": kind, **fields})
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


PING = _frame("ping", {})


class EventWriter:
    """A writer of an answer as server-sent events."""

    def __init__(self, head: MessageHead) -> None:
        self._head = head
        self._content = AnswerContent(head)
        self._started = False
        self._open = ""
        self._index = 0
        self._before_text = b""

    def write(self, events: Iterable[Event]) -> bytes:
        """The events for *events*, at least ``message_start`` at first; after :class:`Finished`,
        the end of the stream.
        """
        events = list(events)
        frames = [] if self._started else [self._start()]
        for piece in self._content.pieces(events):
            match piece:
                case Words(kind, text):
                    if kind != self._open:
                        frames += [self._close(), self._begin(kind)]
                    frames += [self._before_text, orjson.dumps(text), b"}}\n\n"]
                case Called(fields, given):
                    frames += [self._close(), self._called(fields, given)]
                case Block(fields):
                    frames += [self._close(), self._whole(fields)]
                case _ as never:
                    assert_never(never)
        if events and isinstance(events[-1], Finished):
            frames += [self._close(), self._end(events[-1])]
        return b"".join(frames)

    def empty(self) -> bytes:
        """A sign of life without content: ``message_start``, later ``ping``."""
        return PING if self._started else self._start()

    def fail(self, error: GrokApiError) -> bytes:
        """The end of an answer that broke off. Clients' libraries raise it."""
        return b"event: error\ndata: %b\n\n" % error_body(error, self._head.request_id)

    def usage(self) -> dict[str, Any]:
        """Estimates with ``prompt_tokens`` and ``completion_tokens``."""
        return self._content.counts()

    def _start(self) -> bytes:
        self._started = True
        message: dict[str, Any] = {
            "id": self._head.id,
            "type": "message",
            "role": "assistant",
            "model": self._head.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self._content.usage(),
        }
        return _frame("message_start", {"message": message}) + PING

    def _begin(self, kind: str) -> bytes:
        """Open a block of words. What stands around each delta is rendered once."""
        self._open = kind
        before = b'{"type":"content_block_delta","index":%d,"delta":{"type":%b'
        self._before_text = b"event: content_block_delta\ndata: " + before % (
            self._index,
            _DELTAS[kind],
        )
        return self._block_start(_EMPTY_BLOCKS[kind])

    def _close(self) -> bytes:
        """The end of the open block; nothing if there is none."""
        if not self._open:
            return b""
        signed = {"type": "signature_delta", "signature": SIGNATURE}
        signature = self._delta(signed) if self._open == "thinking" else b""
        self._open = ""
        return signature + self._block_stop()

    def _called(self, fields: dict[str, Any], given: str) -> bytes:
        begin = self._block_start({**fields, "input": {}})
        delta = self._delta({"type": "input_json_delta", "partial_json": given})
        return begin + delta + self._block_stop()

    def _whole(self, fields: dict[str, Any]) -> bytes:
        return self._block_start(fields) + self._block_stop()

    def _block_start(self, block: dict[str, Any]) -> bytes:
        return _frame("content_block_start", {"index": self._index, "content_block": block})

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return _frame("content_block_delta", {"index": self._index, "delta": delta})

    def _block_stop(self) -> bytes:
        frame = _frame("content_block_stop", {"index": self._index})
        self._index += 1
        return frame

    def _end(self, finished: Finished) -> bytes:
        fields = {"delta": stop_fields(finished), "usage": self._content.usage()}
        return _frame("message_delta", fields) + _frame("message_stop", {})


class MessageCollector:
    """A collector of an answer as one body."""

    def __init__(self, head: MessageHead) -> None:
        self._head = head
        self._content = AnswerContent(head)
        # Blocks as they will stand in the body: an answer of many MB is in memory once, and once
        # more in its body.
        self._blocks = bytearray()
        self._open = ""
        self._finished = Finished()

    def add(self, events: Iterable[Event]) -> None:
        """Collect *events*."""
        events = list(events)
        for piece in self._content.pieces(events):
            match piece:
                case Words(kind, text):
                    if kind != self._open:
                        self._begin(kind)
                    self._blocks += orjson.dumps(text)[1:-1]
                case Called(fields, given):
                    self._add_whole({**fields, "input": orjson.Fragment(given)})
                case Block(fields):
                    self._add_whole(fields)
                case _ as never:
                    assert_never(never)
        if events and isinstance(events[-1], Finished):
            self._finished = events[-1]

    def usage(self) -> dict[str, Any]:
        """Estimates with ``prompt_tokens`` and ``completion_tokens``."""
        return self._content.counts()

    def body(self) -> bytes:
        """The ``message`` object; call it only after :class:`Finished`."""
        self._close()
        head = {
            "id": self._head.id,
            "type": "message",
            "role": "assistant",
            "model": self._head.model,
        }
        rest = {**stop_fields(self._finished), "usage": self._content.usage()}
        before, after = orjson.dumps(head)[:-1], orjson.dumps(rest)[1:]
        return b"".join((before, b',"content":[', self._blocks, b"],", after))

    def _begin(self, kind: str) -> None:
        self._close()
        self._open = kind
        self._separate()
        self._blocks += b'{"type":"%b","%b":"' % (kind.encode(), kind.encode())

    def _close(self) -> None:
        if self._open == "thinking":
            self._blocks += b'","signature":"%b"}' % SIGNATURE.encode()
        elif self._open:
            self._blocks += b'"}'
        self._open = ""

    def _add_whole(self, fields: dict[str, Any]) -> None:
        self._close()
        self._separate()
        self._blocks += orjson.dumps(fields)

    def _separate(self) -> None:
        if self._blocks:
            self._blocks += b","
