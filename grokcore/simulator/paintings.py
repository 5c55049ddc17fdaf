"""Pictures of the demo, in the size and weight of Grok's own: a moon over the sea, or a sun over
hills, with a grain like that of a photograph.
"""

from __future__ import annotations

import math
import random
import struct
import zlib
from collections.abc import Iterator, Sequence

__all__ = ["HEIGHT", "WIDTH", "painting"]

WIDTH, HEIGHT = 784, 1168
"""Pixels, as of Grok's pictures in portrait."""

_Color = tuple[int, int, int]

_NIGHT: tuple[_Color, _Color, _Color] = ((8, 12, 40), (44, 52, 104), (16, 24, 56))
_DAY: tuple[_Color, _Color, _Color] = ((90, 150, 220), (250, 210, 160), (40, 96, 60))
"""The sky above, the sky at the horizon, and the ground or the sea."""

_MOON: _Color = (240, 236, 210)
_SUN: _Color = (255, 232, 130)
_HORIZON = 0.72
_RADIUS = 0.19


def painting(seed: int, *, night: bool) -> bytes:
    """A picture in the PNG format; the same for the same *seed*."""
    chance = random.Random(seed)  # noqa: S311  no secret
    rows = b"".join(b"\0" + row for row in _rows(chance, night=night))
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _rows(chance: random.Random, *, night: bool) -> Iterator[bytes]:
    grains = [bytes(min(255, shade + value % 4) for value in range(256)) for shade in range(256)]
    above, below, ground = _NIGHT if night else _DAY
    light = _MOON if night else _SUN
    middle = (chance.uniform(0.35, 0.65) * WIDTH, chance.uniform(0.25, 0.45) * HEIGHT)
    for line in range(HEIGHT):
        depth = line / (_HORIZON * HEIGHT)
        color = _between(above, below, depth) if depth < 1 else ground
        spans = [(0, WIDTH, color)]
        half = _half_width(line - middle[1])
        if half and depth < 1:
            spans.append((int(middle[0] - half), int(middle[0] + half), light))
        if night and depth >= 1:  # its light on the water
            half = int(chance.uniform(0.2, 1.0) * _RADIUS * WIDTH)
            shine = _between(ground, light, 0.4)
            spans.append((int(middle[0]) - half, int(middle[0]) + half, shine))
        yield _grained(spans, chance, grains)


def _half_width(distance: float) -> int:
    """Half the width of the disc's line at a *distance* from its middle; 0 beside it."""
    radius = _RADIUS * WIDTH
    return int(math.sqrt(max(0.0, radius**2 - distance**2)))


def _between(first: _Color, second: _Color, share: float) -> _Color:
    red, green, blue = (
        round(one + (other - one) * share) for one, other in zip(first, second, strict=True)
    )
    return red, green, blue


def _grained(
    spans: Sequence[tuple[int, int, _Color]], chance: random.Random, grains: Sequence[bytes]
) -> bytes:
    """A line of pixels; later spans cover earlier ones.

    :param grains: by shade, a table from a random byte to a shade beside it.
    """
    noise = chance.randbytes(WIDTH)
    row = bytearray(3 * WIDTH)
    for start, end, color in spans:
        for channel in range(3):
            shades = noise[start:end].translate(grains[color[channel]])
            row[3 * start + channel : 3 * end : 3] = shades
    return bytes(row)
