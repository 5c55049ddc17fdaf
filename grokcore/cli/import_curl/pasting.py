"""Text that a person pastes: at a terminal, through a pipe, or from a file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ...protocol.browser_copy.reading import MOST_CHARS
from ..setup import read_file

if sys.platform != "win32":
    import termios

__all__ = ["pasted"]

_END = b"\x04"
_MOST_BYTES = 4 * MOST_CHARS


def pasted(file: str) -> bytes:
    """The content of *file*; for ``-``, standard input up to its end.

    :raises ConfigError: if the file can't be read.
    """
    if file != "-":
        return read_file(Path(file))
    if not sys.stdin.isatty():
        return sys.stdin.buffer.read(_MOST_BYTES)
    try:
        return _from_terminal()
    except KeyboardInterrupt:
        return b""


if sys.platform == "win32":

    def _from_terminal() -> bytes:
        print("Paste the copied request, then press Enter, Ctrl-Z, Enter:", file=sys.stderr)
        return sys.stdin.buffer.read(_MOST_BYTES)

else:

    def _from_terminal() -> bytes:
        """Read up to Ctrl-D, without echo.

        A terminal that edits lines cuts each after 4095 bytes (1024 on macOS), and a header with
        Grok's cookies is longer. So lines are not edited here.
        """
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        raw = termios.tcgetattr(descriptor)
        raw[3] &= ~(termios.ICANON | termios.ECHO)
        raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
        try:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, raw)
            print(
                "Paste the copied request, then press Ctrl-D. It is not shown.",
                file=sys.stderr,
                flush=True,
            )
            return _read_to_end(descriptor)
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _read_to_end(descriptor: int) -> bytes:
    data = b""
    while len(data) < _MOST_BYTES and (piece := os.read(descriptor, 65536)):
        data += piece
        if _END in piece:
            return data.partition(_END)[0]
    return data
