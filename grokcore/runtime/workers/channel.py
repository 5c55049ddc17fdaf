"""Questions and notices between two processes of one machine, over a pair of sockets.

Theory
------
* A message is a line of JSON. A question has a number, which its answer repeats; a notice has none.
* One task writes: a question whose asker is cancelled never leaves half a line behind.
* All is bounded: the length and number of lines that wait, the questions under way, the time of an
  answer. The other end may hang, and must not hang this one.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import trio
from attrs import define, field

from .peers import Answerer

__all__ = ["ANSWER_S", "Channel", "ChannelGone"]

ANSWER_S = 5.0
"""Seconds that an answer may take, unless its asker sets another time."""

MOST_BYTES = 64 * 1024 * 1024
"""Longest line. The records of 100 000 tokens fit."""

MOST_UNSENT = 500
"""Lines that wait to be written; more are refused."""

MOST_ANSWERS = 200
"""Questions of the other end that are answered at the same time; more are refused."""

PIECE_BYTES = 256 * 1024

_log = logging.getLogger(__name__)


class ChannelGone(Exception):
    """The other end has gone, or did not answer. ``str()`` says why."""


@define
class _Asked:
    """A question under way."""

    over: trio.Event = field(factory=trio.Event)
    answer: Any = None
    fault: str = ""


class Channel:
    """An end of the pair.

    :param stream: the socket, as a stream; closed at the end of :meth:`run`.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._lines = _Lines(stream)
        self._answerers: dict[str, Answerer] = {}
        self._listeners: dict[str, Callable[[Any], None]] = {}
        self._asked: dict[int, _Asked] = {}
        self._numbers = itertools.count(1)
        self._unsent, self._to_write = trio.open_memory_channel[bytes](MOST_UNSENT)
        self._answering = 0
        self._gone = False

    def answer(self, topic: str, answerer: Answerer) -> None:
        """Have *answerer* answer the questions on *topic*."""
        self._answerers[topic] = answerer

    def hear(self, topic: str, listener: Callable[[Any], None]) -> None:
        """Have *listener* called with each notice on *topic*. It must not wait or raise."""
        self._listeners[topic] = listener

    def tell(self, topic: str, value: object = None) -> bool:
        """Send a notice. Returns whether it is on its way; it may be lost with the other end."""
        try:
            self._put({"topic": topic, "value": value})
        except ChannelGone:
            return False
        return True

    async def ask(self, topic: str, value: object = None, *, seconds: float = ANSWER_S) -> Any:
        """Ask the other end. May be cancelled at any time.

        :raises ChannelGone: if there is no answer within *seconds*.
        """
        number, asked = next(self._numbers), _Asked()
        self._put({"id": number, "topic": topic, "value": value})
        self._asked[number] = asked
        try:
            with trio.move_on_after(seconds):
                await asked.over.wait()
        finally:
            del self._asked[number]
        if not asked.over.is_set():
            raise ChannelGone(f"there was no answer within {seconds:g} s")
        if asked.fault:
            raise ChannelGone(asked.fault)
        return asked.answer

    def _put(self, message: Mapping[str, object]) -> None:
        if self._gone:
            raise ChannelGone("the other process has ended")
        line = orjson.dumps(message) + b"\n"
        if len(line) > MOST_BYTES:
            raise ChannelGone("the message is too long")
        try:
            self._unsent.send_nowait(line)
        except trio.WouldBlock:
            raise ChannelGone("the other process does not read what it is sent") from None

    # Passing messages ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Pass messages until the other end has closed, or sends something else."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                await self._read(nursery)
                nursery.cancel_scope.cancel()
        finally:
            self._gone = True
            for asked in self._asked.values():
                asked.fault = "the other process has ended"
                asked.over.set()
            await trio.aclose_forcefully(self._stream)

    async def _write(self) -> None:
        try:
            async for line in self._to_write:
                await self._stream.send_all(line)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the reader sees the end as well

    async def _read(self, nursery: trio.Nursery) -> None:
        while line := await self._lines.read():
            try:
                message = orjson.loads(line)
                self._receive(message, nursery)
            except (orjson.JSONDecodeError, TypeError, AttributeError):
                _log.error("what another process of this server sent was no message")
                return

    def _receive(self, message: Mapping[str, Any], nursery: trio.Nursery) -> None:
        number, topic = message.get("id"), message.get("topic")
        if topic is None:
            asked = self._asked.get(number) if isinstance(number, int) else None
            if asked is not None:  # else its asker has given up
                asked.answer, asked.fault = message.get("answer"), message.get("fault", "")
                asked.over.set()
        elif number is None:
            listener = self._listeners.get(topic)
            if listener is not None:
                listener(message.get("value"))
        else:
            nursery.start_soon(self._reply, number, topic, message.get("value"))

    async def _reply(self, number: int, topic: str, value: object) -> None:
        reply = await self._answer_to(topic, value)
        try:
            self._put({"id": number, **reply})
        except (ChannelGone, TypeError) as error:
            _log.warning("the answer on %s to another process was lost: %s", topic, error)

    async def _answer_to(self, topic: str, value: object) -> Mapping[str, object]:
        answerer = self._answerers.get(topic)
        if answerer is None:
            return {"fault": f"nobody answers on {topic}"}
        if self._answering >= MOST_ANSWERS:
            return {"fault": "too many questions at once"}
        self._answering += 1
        try:
            with trio.move_on_after(ANSWER_S):
                return {"answer": await answerer(value)}
        except Exception:  # boundary: one question's bug ends no server
            _log.exception("a bug kept a question of another process from its answer")
            return {"fault": "a bug; the log has it"}
        finally:
            self._answering -= 1
        return {"fault": f"there was no answer within {ANSWER_S:g} s"}


class _Lines:
    """The lines that arrive on a stream."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self._stream = stream
        self._held = bytearray()

    async def read(self) -> bytes:
        """The next line; empty at the end of the stream, or if it is too long."""
        searched = 0
        while (end := self._held.find(b"\n", searched)) < 0:
            searched = len(self._held)
            piece = await self._piece()
            if not piece or searched > MOST_BYTES:
                return b""
            self._held += piece
        line = bytes(self._held[: end + 1])
        del self._held[: end + 1]
        return line

    async def _piece(self) -> bytes:
        try:
            return bytes(await self._stream.receive_some(PIECE_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""
