"""Standard streams that translate the lines of a command."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO, cast

from ..protocol.languages.negotiate import Language
from . import in_language

__all__ = ["Speaking", "plain_stream", "said", "speaking"]


class Speaking(io.TextIOBase):
    """A text stream that translates whole lines, and an unfinished one when it is flushed.

    :param stream: the stream that gets the lines, and answers all questions about it.
    """

    def __init__(self, stream: TextIO, translate: Callable[[str], str]) -> None:
        super().__init__()
        self.stream = stream
        self.translate = translate
        self._unfinished = ""

    def write(self, text: str) -> int:
        """Write the complete lines of *text*; the rest waits for the next call."""
        whole, end, self._unfinished = (self._unfinished + text).rpartition("\n")
        if end:
            self.stream.write("".join(f"{self._line(line)}\n" for line in whole.split("\n")))
        return len(text)

    def flush(self) -> None:
        """Write the unfinished line, a question mostly."""
        unfinished, self._unfinished = self._unfinished, ""
        if unfinished:
            self.stream.write(self._line(unfinished))
        self.stream.flush()

    def _line(self, line: str) -> str:
        name, mark, message = line.partition(": ")
        if mark and name.startswith("grok2api"):
            return f"{name}: {self.translate(message)}"
        return self.translate(line)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self.stream.isatty()

    def fileno(self) -> int:
        return self.stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self.stream.errors

    @property
    def buffer(self) -> Any:
        """The stream of bytes; :meth:`flush` comes before it is written to."""
        return cast(io.TextIOWrapper, self.stream).buffer


@contextlib.contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Have stdout and stderr translate within the block. Nothing changes for English."""
    if language is Language.EN:
        yield
        return

    def translate(text: str) -> str:
        return in_language(text, language)

    before = sys.stdout, sys.stderr
    own = [Speaking(stream, translate) if stream is not None else stream for stream in before]
    sys.stdout, sys.stderr = cast("list[TextIO]", own)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in own:
            if stream is not None:
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()


def said(text: str) -> str:
    """A text as stdout says it, for texts that are not lines of their own: a table's cells."""
    return sys.stdout.translate(text) if isinstance(sys.stdout, Speaking) else text


def plain_stream(stream: TextIO) -> TextIO:
    """The stream below a translating one; *stream* itself if it translates nothing."""
    return stream.stream if isinstance(stream, Speaking) else stream
