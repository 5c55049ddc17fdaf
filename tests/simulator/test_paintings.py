"""Pictures of the demo."""

from __future__ import annotations

import struct
import zlib

import pytest

from grokcore.simulator.paintings import HEIGHT, WIDTH, painting


def pixels(data: bytes) -> list[bytes]:
    """The lines of a PNG, in its own simplest form."""
    found, rest = b"", data[8:]
    while rest:
        (size,) = struct.unpack(">I", rest[:4])
        kind, body, check = rest[4:8], rest[8 : 8 + size], rest[8 + size : 12 + size]
        assert struct.pack(">I", zlib.crc32(kind + body)) == check
        found, rest = found + (body if kind == b"IDAT" else b""), rest[12 + size :]
    whole = zlib.decompress(found)
    step = 3 * WIDTH + 1
    assert len(whole) == step * HEIGHT
    return [whole[start + 1 : start + step] for start in range(0, len(whole), step)]


@pytest.mark.parametrize("night", [True, False], ids=["moon", "sun"])
def test_a_picture_has_the_size_and_weight_of_groks(night: bool) -> None:
    """A cache, a page and a client meet what they will meet; the picture is no single color."""
    data = painting(7, night=night)
    assert data == painting(7, night=night) != painting(8, night=night)
    assert struct.unpack(">II", data[16:24]) == (WIDTH, HEIGHT)
    assert 200_000 < len(data) < 2_000_000
    lines = pixels(data)
    brightest = max(sum(line[0:3]) for line in lines), max(max(line) for line in lines)
    assert brightest[1] > 230
    assert len({line[:3] for line in lines}) > 50
