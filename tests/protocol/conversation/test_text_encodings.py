"""Text files in other encodings: converted where the encoding is certain, named where it is a
guess, never mangled.
"""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokcore.errors import AttachmentRefused
from grokcore.protocol.conversation.attachment_part import AttachmentPart
from grokcore.protocol.conversation.attachments import attachment_of
from grokcore.protocol.conversation.text_encodings import decoded

TEXT = "Grüße\n你好，世界\n"


def part(url: str = "", *, picture: bool = False) -> AttachmentPart:
    return AttachmentPart(picture=picture, url=url, name="notes.txt", path="messages[0].content[1]")


def declaring(charset: str, data: bytes) -> str:
    return f"data:text/plain;charset={charset};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(("encoding", "charset"), [
    ("utf-8", ""), ("utf-16", ""), ("utf-32", ""), ("utf-16", "gb18030"), ("gb18030", "gb18030"), ("gb18030", "GB18030"),
    ("utf-8", "utf-8"), ("utf-8", "no-such-charset"), ("utf-8", "base64"),
])  # fmt: skip
def test_a_text_whose_encoding_is_certain_arrives_as_it_was_written(
    encoding: str, charset: str
) -> None:
    """By its byte order mark, or because the client declares it."""
    data = TEXT.encode(encoding)
    found = attachment_of(part(declaring(charset, data) if charset else ""), data)
    assert (found.data.decode(), found.media_type) == (TEXT, "text/plain")


@pytest.mark.parametrize(("data", "named"), [
    ("Grüße aus Köln".encode("latin-1"), "Latin-1"),
    ("naïve “quotes”".encode("cp1252"), "Latin-1"),
    ("你好，世界。这是一个文本".encode("gb18030"), "GB18030"),
    ("plain words".encode("utf-16-le"), "UTF-16"),
    ("plain words".encode("utf-16-be"), "UTF-16"),
])  # fmt: skip
def test_a_text_whose_encoding_is_a_guess_is_named(data: bytes, named: str) -> None:
    """The refusal says what to do; Grok would otherwise see another text than the client has."""
    with pytest.raises(AttachmentRefused, match="UTF-8") as caught:
        attachment_of(part(), data)
    assert named in caught.value.message
    assert caught.value.param == "messages[0].content[1]"


@pytest.mark.parametrize(
    "data", [b"PK\x03\x04\x14\0\0\0", b"\x7fELF\x02\x01\x01", bytes(range(256)), b""]
)
def test_what_is_no_text_is_not_called_one(data: bytes) -> None:
    """An archive or a program is of no known kind."""
    with pytest.raises(AttachmentRefused, match="no known kind"):
        attachment_of(part(), data)


@pytest.mark.parametrize(
    "charset",
    ["punycode", "idna", "utf-7", "unicode_escape", "hex", "rot13", "undefined", "", "x\0"],
)
def test_an_encoding_that_is_none_of_texts_is_not_used(charset: str) -> None:
    """Some of them take time with the square of the length."""
    with pytest.raises(ValueError):
        decoded(b"abc", charset)


@pytest.mark.parametrize(
    "charset",
    [
        "UTF-8",
        "utf8",
        "latin1",
        "windows-1252",
        "GB2312",
        "gbk",
        "Big5",
        "Shift_JIS",
        "EUC-KR",
        "koi8-r",
    ],
)
def test_the_encodings_of_texts_are_known_by_their_names(charset: str) -> None:
    """Whatever the spelling."""
    assert decoded(b"abc", charset) == "abc"


@given(
    st.binary(max_size=60),
    st.sampled_from(["", "utf-16", "gb18030", "idna", "unicode_escape", "hex", "utf-7"]),
    st.booleans(),
)
def test_whatever_the_bytes_are_they_are_taken_or_refused(
    data: bytes, charset: str, picture: bool
) -> None:
    """No other error comes of it."""
    url = declaring(charset, data) if charset else ""
    with contextlib.suppress(AttachmentRefused):
        attachment_of(part(url, picture=picture), data)
