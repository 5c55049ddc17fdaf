"""Sizes in pixels as shapes."""

from __future__ import annotations

import pytest

from grokcore.protocol.dialects.picture_shapes import (
    PICTURE_RATIOS,
    VIDEO_RATIOS,
    nearest_ratio,
    sides_of,
)


@pytest.mark.parametrize(
    ("size", "sides"),
    [("1024x1536", (1024, 1536)), (" 720 X 1280 ", (720, 1280)), ("auto", None), ("0x5", None)],
)
def test_a_size_is_read_as_clients_write_it(size: str, sides: object) -> None:
    """And nothing else is one."""
    assert sides_of(size) == sides


@pytest.mark.parametrize(
    ("size", "picture", "video"),
    [
        ("1024x1024", "1:1", "1:1"),
        ("1536x1024", "3:2", "3:2"),
        ("1024x1792", "9:16", "9:16"),
        ("1792x1024", "16:9", "16:9"),
        ("3000x1000", "20:9", "16:9"),
    ],
)
def test_openais_sizes_have_the_nearest_ratio(size: str, picture: str, video: str) -> None:
    """So a portrait stays one."""
    width, height = sides_of(size) or (0, 0)
    assert nearest_ratio(width, height, PICTURE_RATIOS) == picture
    assert nearest_ratio(width, height, VIDEO_RATIOS) == video
