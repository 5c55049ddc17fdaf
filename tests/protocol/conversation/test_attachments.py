"""Pictures and files as they go up to Grok: names, kinds and bounds."""

from __future__ import annotations

import base64

import pytest
from attrs import frozen

from grokcore.errors import AttachmentRefused, ContextLengthExceeded
from grokcore.protocol.conversation.attachment_part import AttachmentPart
from grokcore.protocol.conversation.attachments import (
    MOST_BYTES,
    Attachment,
    attachment_of,
    picture_url,
    text_attachment,
)

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(20)


def part(name: str = "", *, picture: bool = True, url: str = "") -> AttachmentPart:
    return AttachmentPart(picture=picture, url=url, name=name, path="messages[0].content[1]")


@frozen
class Named:
    """A client's name of a file, and the name that goes up."""

    name: str
    data: bytes
    expected: str


@pytest.mark.parametrize("case", [
    Named("", PNG, "image.png"),
    Named("", b"words", "file.txt"),
    Named(" ./. ", PNG, "image.png"),
    Named("../../etc/a.png", PNG, "a.png"),
    Named("photo.JPG", b"\xff\xd8\xff\xe0\0\x10JFIF\0", "photo.JPG"),
    Named("photo.jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0", "photo.jpeg"),
    Named("photo.jpg", PNG, "photo.jpg.png"),
    Named("main.py", b"import os", "main.py"),
    Named("LICENSE", b"words", "LICENSE.txt"),
    Named('a"b\n<c>.png', PNG, "a_b_c_.png"),
    Named("n" * 300, PNG, "n" * 80 + ".png"),
], ids=lambda case: case.name[:20] or "none")  # fmt: skip
def test_a_name_fits_file_systems_and_ends_as_the_file_is(case: Named) -> None:
    """Grok and its viewers go by the ending, whatever the client calls the file."""
    found = attachment_of(part(case.name, picture=False), case.data)
    assert (found.name, found.path) == (case.expected, "messages[0].content[1]")


@pytest.mark.parametrize("url", ["https://example.com/a", "data:;base64,AAAA"])
def test_a_picture_that_is_none_is_refused_with_its_place(url: str) -> None:
    """Bare base64 is read as a data URL, so there the message explains both ways to send it."""
    with pytest.raises(AttachmentRefused, match="is text/plain; only a picture") as caught:
        attachment_of(part(url=url), b"words")
    assert caught.value.param == "messages[0].content[1]"
    assert ("Send it as a data: URL" in str(caught.value)) == url.startswith("data:;")
    with pytest.raises(AttachmentRefused, match="is of no known kind"):
        attachment_of(part(picture=False, url=url), b"\0\1\2\3")


def test_a_long_conversation_becomes_a_text_file() -> None:
    """Half a surrogate pair becomes a question mark: a file is UTF-8."""
    assert text_attachment("a \ud800 ä", "conversation.txt", "messages") == Attachment(
        "a ? ä".encode(), "text/plain", "conversation.txt", "messages"
    )


def test_a_conversation_beyond_the_bound_of_a_file_is_too_long() -> None:
    """The client gets the error of a context that is too long, which it knows how to shorten."""
    text_attachment("a" * MOST_BYTES, "conversation.txt", "messages")
    with pytest.raises(ContextLengthExceeded, match="messages are more than 20 MB"):
        text_attachment("a" * (MOST_BYTES + 1), "conversation.txt", "messages")


def test_a_picture_is_a_url_or_its_base64() -> None:
    """In any alphabet and broken into lines; a path or a word is refused and not quoted."""
    bare = base64.b64encode(PNG).decode()
    assert picture_url("HTTPS://example.com/a.png") == "HTTPS://example.com/a.png"
    assert picture_url("data:image/png;base64,AAAA") == "data:image/png;base64,AAAA"
    for written in (bare, bare.replace("+", "-").replace("/", "_"), f"{bare[:8]}\n{bare[8:]}"):
        assert picture_url(written) == f"data:;base64,{written}"
    for other in ("", "/pictures/a.png", "file:///a.png", base64.b64encode(b"some words").decode()):
        with pytest.raises(ValueError, match=r"^a picture must be") as caught:
            picture_url(other)
        assert not other or other not in str(caught.value)
