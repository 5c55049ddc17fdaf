"""Encodings of a text file that an edit keeps."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from attrs import frozen

from ..errors import ConfigError

__all__ = ["Encoding", "decoded"]


@frozen
class Encoding:
    """The encoding of a text file, with the mark at its beginning."""

    mark: bytes
    name: str
    errors: str

    def encode(self, text: str) -> bytes:
        return self.mark + text.encode(self.name, self.errors)


def _encodings() -> Iterator[Encoding]:
    yield Encoding(codecs.BOM_UTF16_LE, "utf-16-le", "strict")
    yield Encoding(codecs.BOM_UTF16_BE, "utf-16-be", "strict")
    yield Encoding(codecs.BOM_UTF8, "utf-8", "surrogateescape")
    yield Encoding(b"", "utf-8", "surrogateescape")


def decoded(data: bytes) -> tuple[Encoding, str]:
    """The encoding and text of a file, which encode to *data* again.

    :raises ConfigError: if it ends within a character of UTF-16.
    """
    encoding = next(each for each in _encodings() if data.startswith(each.mark))
    try:
        return encoding, data[len(encoding.mark) :].decode(encoding.name, encoding.errors)
    except UnicodeDecodeError:
        raise ConfigError("is not a whole text in UTF-16") from None
