"""Pictures and videos of the simulated Grok (grok-protocol.md §1.6): tiny but valid files,
generated here.
"""

from __future__ import annotations

import struct
import zlib

from .scripts import Script, Send, error

__all__ = ["ASSETS_PREFIX", "asset", "jpeg", "mp4", "png"]

ASSETS_PREFIX = "/users/"


def asset(path: str, *, allowed: bool) -> Script:
    """The file at *path*, of the kind that its extension says.

    :param allowed: whether the client is signed in.
    """
    if not allowed:
        return error(403, {"code": 7, "message": "Forbidden", "details": []})
    for ending, make, media_type in (
        (".jpg", jpeg, "image/jpeg"),
        (".png", png, "image/png"),
        (".mp4", mp4, "video/mp4"),
    ):
        if path.endswith(ending):
            return Script((Send(make()),), headers=(("content-type", media_type),))
    return error(404, {"code": 5, "message": "Not Found", "details": []})


def png(side: int = 8) -> bytes:
    """A grey square."""
    rows = (b"\0" + b"\x80" * side) * side
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def jpeg() -> bytes:
    """A grey square of eight by eight: one block, in which nothing differs from the middle grey."""
    one_code = b"\x01" + b"\0" * 15 + b"\0"  # a table with one code, the bit 0, which means zero
    segments = (
        (0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
        (0xDB, b"\0" + b"\1" * 64),  # how coarse: not at all
        (0xC0, b"\x08\0\x08\0\x08\x01\x01\x11\0"),  # 8 bits, 8 lines of 8, one component
        (0xC4, b"\x00" + one_code),
        (0xC4, b"\x10" + one_code),
        (0xDA, b"\x01\x01\0\0\x3f\0"),
    )
    marked = (
        b"\xff" + bytes([kind]) + struct.pack(">H", len(data) + 2) + data for kind, data in segments
    )
    block = b"\x3f"  # no difference in brightness, nothing beside it, and ones up to the byte's end
    return b"\xff\xd8" + b"".join(marked) + block + b"\xff\xd9"


def mp4() -> bytes:
    """A film of no length, with no tracks."""
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    header = (
        struct.pack(">IIIIIIH10x", 0, 0, 0, 1000, 0, 0x10000, 0x100)
        + matrix
        + bytes(24)
        + struct.pack(">I", 1)
    )
    kind = _box(b"ftyp", b"isom" + struct.pack(">I", 512) + b"isomiso2mp41")
    return kind + _box(b"moov", _box(b"mvhd", header))


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data) + 8) + kind + data
