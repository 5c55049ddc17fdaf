"""The words of a request for a video."""

from __future__ import annotations

import pytest

from grokcore.protocol.grok_web.payload import UploadedFile
from grokcore.protocol.grok_web.video import VideoWords, picture_address, split_mode

ASSETS = "https://assets.example.com"
PICTURE = UploadedFile("f1", "users/u/f1/content")


@pytest.mark.parametrize(
    ("message", "text", "mode"),
    [
        ("a cat", "a cat", "custom"),
        ("a cat --mode=normal", "a cat", "normal"),
        ("a --mode=normal cat --mode=fun", "a cat", "custom"),
        ("a cat --mode=", "a cat", "custom"),
        ("--mode=normal", "", "normal"),
    ],
)
def test_the_last_flag_is_the_mode(message: str, text: str, mode: str) -> None:
    """Flags are no words of the video; only one of Grok's modes is passed on."""
    assert split_mode(message) == (text, mode)


@pytest.mark.parametrize(
    ("picture", "post", "message", "referer"),
    [
        (None, "", "a cat --mode=custom", "https://grok.com/imagine"),
        (None, "p1", "a cat --mode=custom", "https://grok.com/imagine/p1"),
        (
            PICTURE,
            "p1",
            "https://grok.com/imagine/p1  a cat --mode=custom",
            "https://grok.com/imagine/p1",
        ),
        (
            PICTURE,
            "",
            f"{ASSETS}/post/users/u/f1/content  a cat --mode=custom",
            "https://grok.com/imagine/f1",
        ),
    ],
)
def test_a_picture_s_address_comes_before_the_words(
    picture: UploadedFile | None, post: str, message: str, referer: str
) -> None:
    """As Grok's page sends them; without a post, the picture itself is the subject."""
    words = VideoWords("a cat", "custom", picture, post, ASSETS)
    assert (words.message, words.referer) == (message, referer)


def test_a_picture_has_an_address_only_where_grok_gave_one() -> None:
    """A post is made of words alone then."""
    assert picture_address(PICTURE, ASSETS) == f"{ASSETS}/users/u/f1/content"
    assert picture_address(UploadedFile("f1", ""), ASSETS) == ""
    assert picture_address(None, ASSETS) == ""
