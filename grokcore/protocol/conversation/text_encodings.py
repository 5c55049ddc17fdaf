"""Text files in other encodings than UTF-8: converted where the encoding is certain, and named
where it is a guess.

A wrong guess would silently give Grok another text than the client has. So only a byte order mark
and a declared ``charset`` count as certain.
"""

from __future__ import annotations

import codecs
import re

__all__ = ["declared_charset", "decoded", "guessed_encoding", "in_utf8"]

_MARKS = (  # the longer ones first: that of UTF-32 begins like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_CHARSET = re.compile(r"data:[^,]{0,200};charset=\"?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_CONTROLS = re.compile(r"[\0-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_CONTROL_BYTES = re.compile(rb"[\0-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_EAST_ASIAN = re.compile("[\u2010-\u2027\u3000-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]+")

HEAD_BYTES = 4096

# Encodings of texts. Python's others are not meant for texts, or take quadratic time.
_OF_TEXTS = re.compile(
    r"utf-(?:8|8-sig|16|16-le|16-be|32|32-le|32-be)|ascii|cp\d+|iso8859-\d+|koi8-[a-z]|mac-[a-z]+|tis-620|ptcp154|hz|johab"
    r"|big5(?:hkscs)?|gb2312|gbk|gb18030|euc_[a-z0-9_]+|shift_jis(?:x0213|_2004)?|iso2022_[a-z0-9_]+"
)


def decoded(data: bytes, charset: str) -> str:
    """*data* decoded from the encoding named *charset*.

    :raises ValueError: if it can't be decoded (UnicodeDecodeError is a ValueError), or *charset*
        is no encoding of texts.
    """
    try:
        name = codecs.lookup(charset).name
    except LookupError:
        name = ""
    if not _OF_TEXTS.fullmatch(name):
        raise ValueError("no encoding of texts has this name")
    return data.decode(name)


def declared_charset(url: str) -> str:
    """The ``charset`` that a ``data:`` URL states; empty if it states none."""
    found = _CHARSET.match(url)
    return found[1] if found else ""


def in_utf8(data: bytes, charset: str = "") -> bytes | None:
    """A text in UTF-8; None if its encoding is not certain, or it is no text in that encoding.

    :param charset: the encoding that the client declares; may be empty or unknown.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), charset)
    try:
        text = decoded(data, encoding) if encoding else ""
    except ValueError:
        return None
    return text.encode() if text and not _CONTROLS.search(text) else None


def guessed_encoding(data: bytes) -> str:
    """The likely encoding of a text that is not UTF-8, for a message; empty if *data* does not look
    like a text.
    """
    beginning = data[:HEAD_BYTES]
    beginning = beginning[: len(beginning) // 2 * 2]
    for encoding in ("utf-16-le", "utf-16-be"):
        text = beginning.decode(encoding, "ignore")
        if (
            text
            and not _CONTROLS.search(text)
            and len(re.findall(r"[\t\n\r -~]", text)) * 2 > len(text)
        ):
            return "UTF-16"
    if not beginning or _CONTROL_BYTES.search(beginning):
        return ""
    foreign = re.findall("[^\0-\x7f]+", beginning.decode("gb18030", "replace"))
    if foreign and all(_EAST_ASIAN.fullmatch(run.rstrip("\ufffd") or run) for run in foreign):
        return "GB18030"
    return "Latin-1 or Windows-1252"
