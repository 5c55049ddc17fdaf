"""Media types and extensions: one table, read in both directions."""

from __future__ import annotations

import pytest

from grokcore.protocol.media_types import EXTENSIONS, UNKNOWN_TYPE, extension_of, media_type_of


def test_the_extension_of_a_type_as_servers_write_it() -> None:
    """Parameters and capitals don't matter; other types have none."""
    assert extension_of("Image/JPEG; charset=binary") == ".jpg"
    assert extension_of("image/svg+xml") == extension_of("text/html") == extension_of("") == ""


@pytest.mark.parametrize("media_type", EXTENSIONS)
def test_a_file_is_served_as_the_type_that_named_it(media_type: str) -> None:
    """Except HEIC, which browsers don't show."""
    served = media_type_of(f"a.b{EXTENSIONS[media_type]}")
    expected = UNKNOWN_TYPE if media_type == "image/heic" else media_type
    assert served.partition(";")[0] == expected


def test_the_type_of_a_name() -> None:
    """Capitals don't matter, a text is UTF-8, and an unknown extension has no type of its own."""
    assert media_type_of("A.JPEG") == "image/jpeg"
    assert media_type_of("a.txt") == "text/plain; charset=utf-8"
    assert media_type_of("a.html") == media_type_of("png") == media_type_of("") == UNKNOWN_TYPE
