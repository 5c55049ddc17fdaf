"""What a file is, and what comes in a data URL."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from grokcore.protocol.conversation.media import (
    TooLarge,
    is_picture,
    is_video,
    parse_data_url,
    sniff,
)
from grokcore.protocol.media_types import extension_of

MOST = 1000


def boxed(brand: bytes, *compatible: bytes) -> bytes:
    """The first box of a file of MPEG-4's family, and something behind it."""
    brands = b"".join(compatible)
    return (
        (16 + len(brands)).to_bytes(4, "big")
        + b"ftyp"
        + brand
        + bytes(4)
        + brands
        + b"\0\0\0\x08moov"
    )


@frozen
class File:
    """How a file begins, and what it is."""

    name: str
    data: bytes
    media_type: str | None
    extension: str = ""


FILES = [
    File("png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png", ".png"),
    File("jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg", ".jpg"),
    File("gif of 1987", b"GIF87a\1\0\1\0", "image/gif", ".gif"),
    File("gif of 1989", b"GIF89a\1\0\1\0", "image/gif", ".gif"),
    File("webp", b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp", ".webp"),
    File("bmp", b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\2\0\0\0", "image/bmp", ".bmp"),
    File("avif", boxed(b"avif", b"mif1", b"miaf"), "image/avif", ".avif"),
    File("avif by its second brand", boxed(b"mif1", b"avif"), "image/avif", ".avif"),
    File("heic", boxed(b"heic", b"mif1"), "image/heic", ".heic"),
    File("heic by its second brand", boxed(b"mif1", b"heic"), "image/heic", ".heic"),
    File("mp4", boxed(b"isom", b"iso2", b"avc1", b"mp41"), "video/mp4", ".mp4"),
    File("mp4 with a fourth brand only", boxed(b"????", b"????", b"mp42"), "video/mp4", ".mp4"),
    File("quicktime", boxed(b"qt  "), "video/quicktime", ".mov"),
    File(
        "webm",
        b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\xf7\x81\1\x42\x82\x84webm\x42\x87\x81\4",
        "video/webm",
        ".webm",
    ),
    File("flac", b"fLaC\0\0\0\x22", "audio/flac", ".flac"),
    File("pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "application/pdf", ".pdf"),
    File("text", "Grüße\r\n\t世界 🎉\f".encode(), "text/plain", ".txt"),
    File("text with a byte order mark", "hello".encode("utf-8-sig"), "text/plain", ".txt"),
    File("text, UTF-16", "Grüße 🎉".encode("utf-16"), "text/plain", ".txt"),
    File(
        "text, UTF-16 the other way round",
        b"\xfe\xff" + "Grüße".encode("utf-16-be"),
        "text/plain",
        ".txt",
    ),
    File("text that begins as bitmaps do", b"BMW and other makers of cars", "text/plain", ".txt"),
    File("text that begins as flac does", b"fLaC is a format", "text/plain", ".txt"),
    File("html", b"<!doctype html><script>alert(1)</script>", "text/plain", ".txt"),
    File("svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>', "text/plain", ".txt"),
    File("nothing", b"", None),
    File("a nul", b"hello\0", None),
    File("a control character", b"hello\x1b[1m", None),
    File("a control character of two bytes", "hello\x9b".encode(), None),
    File("not UTF-8", b"Gr\xfc\xdfe", None),
    File("not UTF-16", b"\xff\xfe\0\xd8", None),
    File("UTF-32", "hello".encode("utf-32"), None),
    File("zip", b"PK\3\4\x14\0", None),
    File("program", b"\x7fELF\2\1\1\0", None),
    File("wave", b"RIFF\x24\0\0\0WAVEfmt ", None),
    File("sound in MPEG-4", boxed(b"M4A ", b"isom", b"mp42"), None),
    File("raw picture", boxed(b"crx ", b"crx "), None),
    File("matroska", b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska", None),
    File("a box without brands", b"\0\0\0\x08ftyp", None),
]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_is_what_its_content_says(file: File) -> None:
    """Pictures, films and documents by their first bytes; all that can be read is text; the rest is
    nothing.
    """
    assert sniff(file.data) == file.media_type
    assert extension_of(file.media_type or "") == file.extension


@given(st.binary(max_size=200))
def test_any_bytes_can_be_sniffed(data: bytes) -> None:
    """Nothing is too broken to be looked at, and whatever is found has an extension."""
    found = sniff(data)
    assert found is None or extension_of(found)


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.media_type not in {None, "text/plain"}]
)
def test_a_file_that_is_cut_off_is_looked_at_all_the_same(file: File) -> None:
    """Any length of the beginning can be judged, and nothing is ever a picture of another kind."""
    assert {sniff(file.data[:at]) for at in range(len(file.data))} <= {
        None,
        "text/plain",
        file.media_type,
    }


# Data URLs --------------------------------------------------------------------------------------


@frozen
class Url:
    """A data URL and its content."""

    name: str
    text: str
    content: bytes


URLS = [
    Url("base64", "data:image/png;base64,aGVsbG8=", b"hello"),
    Url("without padding", "data:image/png;base64,aGVsbG8", b"hello"),
    Url("too much padding", "data:image/png;base64,aGVsbG8===", b"hello"),
    Url("white space", "data:image/png;base64,aGVs\r\n bG8=\n", b"hello"),
    Url("the other alphabet", "data:;base64,--__", b"\xfb\xef\xff"),
    Url("the usual alphabet", "data:;base64,++//", b"\xfb\xef\xff"),
    Url("percent-encoded base64", "data:;base64,%2B%2b%2F/aA%3D%3D", b"\xfb\xef\xffh"),
    Url("capitals", "DATA:Image/PNG;BASE64,aGVsbG8=", b"hello"),
    Url("parameters", "data:text/plain;charset=utf-8;name=a.txt;base64,aGVsbG8=", b"hello"),
    Url("spaces around the words", " data:image/png; base64 ,aGVsbG8=", b"hello"),
    Url("no type", "data:;base64,aGVsbG8=", b"hello"),
    Url("percent-encoded", "data:text/plain,a%20b%3D%0A%c3%a9", "a b=\né".encode()),
    Url("plain", "data:,a=b\n c+d_e", b"a=b\n c+d_e"),
    Url("letters that are not ASCII", "data:,Grüße", "Grüße".encode()),
    Url("a second comma", "data:,a,b", b"a,b"),
    Url("a type called base64", "data:base64,aGk", b"aGk"),
    Url("empty", "data:,", b""),
    Url("empty base64", "data:;base64,", b""),
]


@pytest.mark.parametrize("url", URLS, ids=lambda url: url.name)
def test_data_urls_as_clients_write_them(url: Url) -> None:
    """RFC 2397, and what browsers take beside it."""
    assert parse_data_url(url.text, most=MOST) == url.content


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("https://example.com/canary.png", "begins with data:"),
        ("datacanary", "begins with data:"),
        ("data:image/png;base64", "no comma"),
        ("data:;base64,canary!", "not base64"),
        ("data:;base64,canary=canary12", "not base64"),
        ("data:;base64,canaryé", "can't be there"),
        ("data:;base64,canar", "cut off"),
        ("data:,canary%2", "hexadecimal"),
        ("data:;base64,%xcanary", "hexadecimal"),
        ("data:,canary\ud800", "can't be there"),
    ],
)
def test_what_is_wrong_with_a_data_url_is_said_without_quoting_it(text: str, says: str) -> None:
    """The message helps, and the data is nobody else's business."""
    with pytest.raises(ValueError, match=says) as caught:
        parse_data_url(text, most=MOST)
    assert "canar" not in str(caught.value)
    assert not isinstance(caught.value, TooLarge)


def as_base64(data: bytes) -> str:
    return "data:;base64," + base64.b64encode(data).decode()


def as_percents(data: bytes) -> str:
    return "data:," + quote(data)


@given(st.binary(max_size=64))
@pytest.mark.parametrize("write", [as_base64, as_percents])
def test_bytes_come_back_and_one_more_than_is_taken_is_too_large(
    write: Callable[[bytes], str], data: bytes
) -> None:
    """The bound is exact in both forms."""
    text = write(data)
    assert parse_data_url(text, most=len(data)) == data
    if data:
        with pytest.raises(TooLarge, match=str(len(data) - 1)):
            parse_data_url(text, most=len(data) - 1)


@given(st.binary(max_size=64), st.lists(st.integers(0, 100), max_size=8))
def test_white_space_and_missing_padding_change_nothing(data: bytes, at: list[int]) -> None:
    """Neither the content nor what counts as too large."""
    payload = base64.urlsafe_b64encode(data).decode().rstrip("=")
    for place in at:
        payload = payload[:place] + "\n" + payload[place:]
    assert parse_data_url(f"data:;base64,{payload}", most=len(data)) == data


@given(
    st.text(max_size=80)
    | st.from_regex(re.compile(r"data:[a-z/;=]{0,12}(;base64)?,.*"), fullmatch=True)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but ValueError, and never more than is taken."""
    with contextlib.suppress(ValueError):
        assert len(parse_data_url(text, most=20)) <= 20


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_is_a_picture_or_a_video_or_neither(file: File) -> None:
    """By its media type; nothing is both."""
    kind = (file.media_type or "").partition("/")[0]
    assert is_picture(file.media_type) == (kind == "image")
    assert is_video(file.media_type) == (kind == "video")
