"""OpenAI's sizes in pixels as the shapes that xAI's API takes: an aspect ratio and a resolution."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

__all__ = ["PICTURE_RATIOS", "VIDEO_RATIOS", "nearest_ratio", "sides_of"]

VIDEO_RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3")
"""Of videos (docs.x.ai, REST reference, 2026-11)."""

PICTURE_RATIOS = (*VIDEO_RATIOS, "9:19.5", "19.5:9", "9:20", "20:9", "1:2", "2:1")
"""Of pictures (as above)."""

_SIZE = re.compile(r"\s*0*([1-9]\d{0,4})\s*[xX*×]\s*0*([1-9]\d{0,4})\s*")


def sides_of(size: str) -> tuple[int, int] | None:
    """Width and height in pixels of a size such as ``1024x1536``; None if it is no such text."""
    found = _SIZE.fullmatch(size)
    return (int(found[1]), int(found[2])) if found else None


def nearest_ratio(width: int, height: int, ratios: Sequence[str]) -> str:
    """The one of *ratios* (``width:height``) that a picture with these sides comes nearest to."""
    wanted = math.log(width / height)
    return min(ratios, key=lambda ratio: abs(wanted - _logarithm(ratio)))


def _logarithm(ratio: str) -> float:
    width, height = map(float, ratio.split(":"))
    return math.log(width / height)
