"""Writing lines to stderr without waiting: a bounded queue, and a thread that writes them.

Theory
------
* A write to a pipe that no program reads, or to a terminal after Ctrl-S, does not return. In the
  server's loop it would stop every answer and all signal handling. So the loop only adds to a
  queue.
* The thread writes to the descriptor itself. Python's own stream has a lock, and the interpreter
  waits for that lock at its end. A thread that hangs in a bare ``write`` holds up nothing.
* A bounded queue must lose lines at some time. The newest lines are lost, so that the beginning of
  the trouble stays readable. Their number is written in their place once there is room.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Self, TextIO, TypeAlias

__all__ = ["CLOSE_S", "MOST_CHARS", "Outlet", "Sink"]

MOST_CHARS = 1_000_000
"""Limit of waiting characters (one write may exceed it); some 6 000 lines of requests."""

LINE_COST = 64
"""Characters added to the size of each waiting piece, for its own memory."""

CHUNK_CHARS = 16_000
"""Characters written at once."""

GATHER_S = 0.005
"""The pause after a write. A busy server's lines are then written together, instead of each waking
the thread.
"""

ATOMIC_BYTES = 4096
"""Bytes that a pipe takes as a whole, also while other processes write into it (Linux's PIPE_BUF).
"""

RETRY_S = 1.0
"""The pause after a failed write: a full disk, a reader that has gone."""

BUSY_S = 0.02
"""The pause when a non-blocking descriptor is full."""

CLOSE_S = 1.0
"""How long the end of the process waits for the last lines."""

Sink: TypeAlias = Callable[[memoryview], int]
"""Writes bytes and returns the number written; may block forever; raises OSError or ValueError."""


def _dropped_words(count: int) -> str:
    return f"{count} lines were dropped\n"


class Outlet(io.TextIOBase):
    """A text stream whose writes return at once.

    The thread writes complete lines, in order. Used as ``sys.stderr`` from :meth:`start` until
    :meth:`finish`; later text is ignored.

    :param sink: writes the bytes; called in the thread.
    :param like: the stream that this one replaces; gives encoding and descriptor.
    :param notice: makes the text that replaces a number of lost lines; called in the thread.
    :param most_chars: limit of waiting characters.
    :param shared: whether other processes write into the same file, so that lines must be written
        as wholes.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        like: TextIO | None = None,
        notice: Callable[[int], str] = _dropped_words,
        most_chars: int = MOST_CHARS,
        shared: bool = False,
    ) -> None:
        super().__init__()
        self._sink = sink
        self._like = like
        self._coding = getattr(like, "encoding", None) or "utf-8"
        self._notice = notice
        self._most_chars = most_chars
        self._shared = shared
        self._changed = threading.Condition()
        self._waiting: deque[str] = deque()
        self._size = 0
        self._incomplete = ""
        self._full = False
        self._dropped = 0
        self._writing = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)

    @classmethod
    def over(
        cls,
        stream: TextIO | None,
        *,
        notice: Callable[[int], str] = _dropped_words,
        shared: bool = False,
    ) -> Self:
        """Make an outlet that writes to *stream*, or discards everything if it is None."""
        return cls(_sink_of(stream), like=stream, notice=notice, shared=shared)

    def start(self) -> None:
        """Start the thread. Called once."""
        self._thread.start()

    def finish(self, timeout_s: float = CLOSE_S) -> bool:
        """Write the waiting lines and end the thread.

        :returns: False if that took too long; the thread is then left as it is.
        """
        with self._changed:
            if self._incomplete:
                self._put(f"{self._incomplete}\n")
            if self._dropped:
                self._waiting.append(self._notice(self._dropped))
            self._closing.set()
            self._changed.notify_all()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def drain(self, timeout_s: float) -> bool:
        """Wait until everything is written. Returns False if that took longer."""
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
        """The descriptor of the replaced stream.

        :raises OSError: if there is none.
        """
        if self._like is None:
            raise io.UnsupportedOperation("fileno")
        return self._like.fileno()

    def write(self, text: str) -> int:
        """Queue the complete lines of *text*; the rest waits for the next call."""
        with self._changed:
            whole, end, self._incomplete = (self._incomplete + text).rpartition("\n")
            if end:
                self._put(f"{whole}\n")
        return len(text)

    def flush(self) -> None:
        """Does nothing: the thread writes as soon as it can, and callers don't wait for it."""

    # The queue, under its lock -------------------------------------------------------------------

    def _put(self, lines: str) -> None:
        if self._closing.is_set():
            return
        if self._full:
            self._dropped += lines.count("\n")
            return
        self._waiting.append(lines)
        self._size += len(lines) + LINE_COST
        self._full = self._size >= self._most_chars
        self._changed.notify_all()

    def _take(self) -> str:
        """Wait for the next text to write; empty at the end."""
        with self._changed:
            self._writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
            taken: list[str] = []
            while self._waiting and sum(map(len, taken)) < CHUNK_CHARS:
                taken.append(self._waiting.popleft())
                self._size -= len(taken[-1]) + LINE_COST
            self._reopen()
            self._writing = bool(taken)
        return "".join(taken)

    def _reopen(self) -> None:
        """Take new lines again once half the room is free, after a notice of the lost ones."""
        if self._full and self._size <= self._most_chars // 2 and not self._closing.is_set():
            self._full = False
            dropped, self._dropped = self._dropped, 0
            if dropped:
                self._put(self._notice(dropped))

    # The thread ----------------------------------------------------------------------------------

    def _work(self) -> None:
        while text := self._take():
            data = text.encode(self._coding, "backslashreplace")
            for part in _in_whole_lines(data) if self._shared else (data,):
                self._write_all(part)
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
                    return  # the process ends: there is no later try


def _in_whole_lines(data: bytes) -> Iterator[bytes]:
    """*data* in parts of whole lines, each of ATOMIC_BYTES at most unless a line is longer."""
    at = 0
    while at < len(data):
        end = data.rfind(b"\n", at, at + ATOMIC_BYTES) + 1 or data.find(b"\n", at) + 1 or len(data)
        yield data[at:end]
        at = end


def _sink_of(stream: TextIO | None) -> Sink:
    if stream is None:
        return len
    if os.name != "nt":  # on Windows a console's descriptor has another encoding than its stream
        with contextlib.suppress(OSError, AttributeError):
            return functools.partial(os.write, stream.fileno())
    return functools.partial(_write_text, stream)


def _write_text(stream: TextIO, data: memoryview) -> int:
    stream.write(bytes(data).decode(getattr(stream, "encoding", None) or "utf-8", "replace"))
    stream.flush()
    return len(data)
