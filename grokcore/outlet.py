"""Lines for stderr without waiting: a bounded queue, and a thread that does nothing but write.

Theory
------
* A write to a pipe that nobody reads, or to a terminal after Ctrl-S, does not return. In the
  server's loop it would stop every answer and the signal handling with it; so the loop only ever
  adds to a queue.
* The thread writes to the descriptor itself. Python's own stream has a lock, and the interpreter
  waits for that lock at its end; a thread that hangs in a bare ``write`` holds up nothing.
* A bounded queue has to lose lines at some time. The newest are lost, and counted: what began the
  trouble stays readable, and the count is written in their place once there is room.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Self, TextIO, TypeAlias

__all__ = ["CLOSE_S", "MOST_CHARS", "Outlet", "Sink"]

MOST_CHARS = 1_000_000
"""Characters that wait at most (a write may go beyond once); some 6 000 lines of requests."""

LINE_COST = 64
"""Characters that a waiting piece counts in addition: its own memory."""

CHUNK_CHARS = 16_000
"""Characters that are written at once."""

GATHER_S = 0.005
"""The pause after a write. Lines of a busy server go out together instead of waking the thread one
by one.
"""

RETRY_S = 1.0
"""The pause after a write that failed: a full disk, a reader that has gone."""

BUSY_S = 0.02
"""The pause if a descriptor that does not block is full."""

CLOSE_S = 1.0
"""How long the end of the process waits for the last lines."""

Sink: TypeAlias = Callable[[memoryview], int]
"""Writes bytes and returns how many it took; may wait without end; raises OSError or ValueError."""


def _dropped_words(count: int) -> str:
    return f"{count} lines were dropped\n"


class Outlet(io.TextIOBase):
    """A text stream whose writes return at once, whatever becomes of the text.

    Complete lines are passed on by the thread, in order. To be used as ``sys.stderr`` from
    :meth:`start` until :meth:`finish`; afterwards text is ignored.

    :param sink: writes, in the thread.
    :param like: the stream that this one stands for: its encoding, its descriptor.
    :param notice: from a number of lost lines to the text that is written in their place; called in
        the thread.
    :param most_chars: bound of what waits.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        like: TextIO | None = None,
        notice: Callable[[int], str] = _dropped_words,
        most_chars: int = MOST_CHARS,
    ) -> None:
        super().__init__()
        self._sink = sink
        self._like = like
        self._coding = getattr(like, "encoding", None) or "utf-8"
        self._notice = notice
        self._most = most_chars
        self._changed = threading.Condition()
        self._waiting: deque[str] = deque()
        self._size = 0
        self._part = ""
        self._full = False
        self._dropped = 0
        self._writing = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)

    @classmethod
    def over(cls, stream: TextIO | None, *, notice: Callable[[int], str] = _dropped_words) -> Self:
        """An outlet for what would be written to *stream*; None takes everything and keeps
        nothing.
        """
        return cls(_sink_of(stream), like=stream, notice=notice)

    def start(self) -> None:
        """Begin to write. Done once."""
        self._thread.start()

    def finish(self, timeout_s: float = CLOSE_S) -> bool:
        """Write what waits and end the thread; whether that was done in time. If not, the thread is
        left as it is.
        """
        with self._changed:
            if self._part:
                self._put(f"{self._part}\n")
            if self._dropped:
                self._waiting.append(self._notice(self._dropped))
            self._closing.set()
            self._changed.notify_all()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def drain(self, timeout_s: float) -> bool:
        """Wait until everything has been written; whether it was, in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._waiting or self._writing), timeout_s)

    # The stream ----------------------------------------------------------------------------------

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._coding

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "backslashreplace"

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._like is not None and self._like.isatty()

    def fileno(self) -> int:
        """The descriptor behind it.

        :raises OSError: there is none.
        """
        if self._like is None:
            raise io.UnsupportedOperation("fileno")
        return self._like.fileno()

    def write(self, text: str) -> int:
        """Take *text*; what is behind its last line end waits for the next call."""
        with self._changed:
            whole, end, self._part = (self._part + text).rpartition("\n")
            if end:
                self._put(f"{whole}\n")
        return len(text)

    def flush(self) -> None:
        """Nothing: the thread writes as soon as it can, and nobody waits for it."""

    # The queue, under its lock -------------------------------------------------------------------

    def _put(self, lines: str) -> None:
        if self._closing.is_set():
            return
        if self._full:
            self._dropped += lines.count("\n")
            return
        self._waiting.append(lines)
        self._size += len(lines) + LINE_COST
        self._full = self._size >= self._most
        self._changed.notify_all()

    def _take(self) -> str:
        """What is to be written next; empty at the end."""
        with self._changed:
            self._writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
            taken: list[str] = []
            while self._waiting and sum(map(len, taken)) < CHUNK_CHARS:
                taken.append(self._waiting.popleft())
                self._size -= len(taken[-1]) + LINE_COST
            self._open_again()
            self._writing = bool(taken)
        return "".join(taken)

    def _open_again(self) -> None:
        """Take new lines once half the room is free; the number of the lost ones stands where they
        are missing.
        """
        if self._full and self._size <= self._most // 2 and not self._closing.is_set():
            self._full = False
            dropped, self._dropped = self._dropped, 0
            if dropped:
                self._put(self._notice(dropped))

    # The thread ----------------------------------------------------------------------------------

    def _work(self) -> None:
        while text := self._take():
            self._write_all(text.encode(self._coding, "backslashreplace"))
            self._closing.wait(GATHER_S)

    def _write_all(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._sink(rest) :]
            except BlockingIOError:
                time.sleep(BUSY_S)
            except (OSError, ValueError):
                if self._closing.wait(RETRY_S):
                    return  # what can't be written now has no later


def _sink_of(stream: TextIO | None) -> Sink:
    if stream is None:
        return len
    if os.name != "nt":  # there the descriptor of a console has another encoding than its stream
        with contextlib.suppress(OSError, AttributeError):
            return functools.partial(os.write, stream.fileno())
    return functools.partial(_write_text, stream)


def _write_text(stream: TextIO, data: memoryview) -> int:
    stream.write(bytes(data).decode(getattr(stream, "encoding", None) or "utf-8", "replace"))
    stream.flush()
    return len(data)
