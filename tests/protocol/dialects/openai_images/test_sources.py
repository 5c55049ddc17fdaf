"""The pictures that an image request edits: the forms of a field's value."""

from __future__ import annotations

from typing import Any

import pytest

from grokcore.protocol.dialects.openai_images.request import ImageRequest, parse_image_request
from grokcore.protocol.dialects.openai_images.sources import FormFile

URL = "data:image/png;base64,AAAA"


def parse(**fields: Any) -> ImageRequest:
    """A request with these fields beside a prompt."""
    return parse_image_request((("prompt", "a"), *fields.items()), editing=False)


def test_a_file_of_text_is_an_address_or_refused_for_what_it_is() -> None:
    """Some libraries send every field as a file, so an address comes as one."""
    assert parse(image=FormFile("", URL.encode())).sources[0].url == URL
    (source,) = parse(image=FormFile("a.txt", b"some words")).sources
    assert (source.url, source.data) == ("", b"some words")


@pytest.mark.parametrize("text", ["some words " * 20, "x" * 61])
def test_a_long_text_in_a_field_that_is_not_used_is_no_picture(text: str) -> None:
    """It is named, not refused: only the base64 of a picture in a wrong place is."""
    assert parse(style=text).ignored == ("style",)
