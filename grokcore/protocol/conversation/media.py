"""The media types of pictures and files that a client sends, and the content of ``data:`` URLs.

A file's type is read from its first bytes. The type that its sender or server states is ignored: a
page that is declared as a picture would otherwise be passed on as a picture.
"""

from __future__ import annotations

import binascii
import re

__all__ = ["TooLarge", "is_picture", "is_video", "parse_data_url", "sniff"]

_MAGIC = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    # A text may begin with these two letters as well; only a bitmap has such a header size.
    "image/bmp": re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL),
    "audio/flac": re.compile(rb"fLaC[\0\x80]"),
    "application/pdf": re.compile(rb"%PDF-"),
    # An EBML file names its type in its first few fields; Matroska's other files are no WebM.
    "video/webm": re.compile(rb"\x1a\x45\xdf\xa3.{0,56}?\x42\x82.{1,8}?webm", re.DOTALL),
}

_BOXES = re.compile(rb".{4}ftyp", re.DOTALL)
"""The beginning of files of MPEG-4's family: length and name of a box that lists brands of four
letters each.
"""

_MOST_BRANDS = 64

_BRANDS = {
    "image/avif": re.compile(rb"avi[fs]"),
    "image/heic": re.compile(rb"he[iv][cxms]"),
    "video/quicktime": re.compile(rb"qt  "),
    "video/mp4": re.compile(rb"iso[2-9a-m]|mp4[12]|avc1|dash|M4V[ HP]|3g[p2].|mmp4|MSNV|f4v "),
}
_SOUND_ONLY = {b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "}

_NOT_IN_TEXT = re.compile(r"[\0-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]")
"""Control characters other than the ends of lines and pages, and tabs."""

_STRAY_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class TooLarge(ValueError):
    """The content exceeds the limit."""


def sniff(data: bytes) -> str | None:
    """The media type of a file, by its content; None if the type is unknown, or the file empty.

    Text of any kind is ``text/plain``, HTML and SVG too: both can hold programs and are never
    pictures.
    """
    for media_type, magic in _MAGIC.items():
        if magic.match(data):
            return media_type
    if _BOXES.match(data):
        return _by_brand(data)
    return "text/plain" if _is_text(data) else None


def is_picture(media_type: str | None) -> bool:
    """Whether :func:`sniff` has found a picture. SVG is none: it can hold programs."""
    return media_type is not None and media_type.startswith("image/")


def is_video(media_type: str | None) -> bool:
    """Whether :func:`sniff` has found a video."""
    return media_type is not None and media_type.startswith("video/")


def parse_data_url(text: str, *, most: int) -> bytes:
    """The content of ``data:[<mediatype>][;<parameter>]*[;base64],<data>``; its media type is
    ignored.

    Base64 may use the URL-safe alphabet, lack its padding, contain white space, and be
    percent-encoded.

    :param most: the limit in bytes of content.
    :raises TooLarge: if there are more; checked before anything is decoded.
    :raises ValueError: if it is no such URL. The message gives the reason and quotes nothing.
    """
    head, comma, payload = text.partition(",")
    scheme, colon, parameters = head.partition(":")
    if not colon or scheme.strip().lower() != "data":
        raise ValueError("a data URL begins with data:")
    if not comma:
        raise ValueError("the data URL has no comma before its data")
    if parameters.rpartition(";")[2].strip().lower() == "base64" and ";" in parameters:
        return _from_base64(payload, most)
    return _from_percents(payload, most)


def _by_brand(data: bytes) -> str | None:
    brands = [data[8:12]]
    if brands[0] in _SOUND_ONLY:
        return None
    end = min(int.from_bytes(data[:4], "big"), len(data), 16 + 4 * _MOST_BRANDS)
    brands += [data[at : at + 4] for at in range(16, end - 3, 4)]  # from 12 to 16 is a version
    for brand in brands:
        for media_type, pattern in _BRANDS.items():
            if pattern.fullmatch(brand):
                return media_type
    return None


def _is_text(data: bytes) -> bool:
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if wide else "utf-8")
    except UnicodeDecodeError:
        return False
    return bool(text) and not _NOT_IN_TEXT.search(text)


def _from_percents(payload: str, most: int) -> bytes:
    encoded = _encoded(payload, "utf-8")
    _refuse_above(most, len(encoded) - 2 * encoded.count(b"%"))
    return _unescaped(encoded)


def _from_base64(payload: str, most: int) -> bytes:
    encoded = _unescaped(_encoded(payload, "ascii"))
    plain = encoded.translate(bytes.maketrans(b"-_", b"+/"), delete=b" \t\r\n\f").rstrip(b"=")
    _refuse_above(most, len(plain) * 3 // 4)
    if len(plain) % 4 == 1:
        raise ValueError("the data URL's base64 is cut off")
    try:
        return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4), strict_mode=True)
    except binascii.Error:
        raise ValueError("the data URL's base64 has something in it that is not base64") from None


def _unescaped(encoded: bytes) -> bytes:
    """*encoded* without percent-encoding. The decoder of quoted-printable does it, in C: only the
    mark differs.
    """
    if b"%" not in encoded:
        return encoded
    if _STRAY_PERCENT.search(encoded):
        raise ValueError("the data URL has a % in it without two hexadecimal digits behind it")
    return binascii.a2b_qp(encoded.replace(b"=", b"=3D").replace(b"%", b"="))


def _encoded(payload: str, encoding: str) -> bytes:
    try:
        return payload.encode(encoding)
    except UnicodeEncodeError:
        raise ValueError("the data URL has characters in it that can't be there") from None


def _refuse_above(most: int, size: int) -> None:
    if size > most:
        raise TooLarge(f"there are more than the {most:,} bytes that are taken".replace(",", " "))
