"""Names of videos, which bind them to a key and outlive the server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokcore.protocol.dialects.openai_videos.ids import (
    PREFIX,
    NamedVideo,
    parse_video_name,
    video_name,
)

REQUEST_IDS = st.from_regex(r"[A-Za-z0-9.-]{1,40}", fullmatch=True)


@given(REQUEST_IDS, st.integers(0, 2**32 - 1), st.text(max_size=9))
def test_a_name_comes_back_as_it_was(request_id: str, created: int, key: str) -> None:
    """With and without OpenAI's prefix: xAI's clients get it without."""
    made = video_name(request_id, created, key, "secret")
    for prefix, ours in ((PREFIX, True), ("", False)):
        found = parse_video_name(prefix + made.rest)
        assert found == NamedVideo(request_id, created, made.check, ours=ours)
        assert found.rest == made.rest
        assert found.belongs_to(key, "secret")


def test_a_name_belongs_to_one_key_of_one_server() -> None:
    """A changed one belongs to nobody."""
    made = video_name("r", 5, "anna", "secret")
    assert not made.belongs_to("ben", "secret")
    assert not made.belongs_to("anna", "other")
    assert not NamedVideo("q", 5, made.check).belongs_to("anna", "secret")
    assert not NamedVideo("r", 6, made.check).belongs_to("anna", "secret")


def test_xais_own_id_is_a_name_without_a_check() -> None:
    """It belongs to no key; an owner may use it."""
    found = parse_video_name("a3d1008e-4544-40d4-d075-11527e794e4a")
    assert found is not None
    assert (found.rest, found.check) == (found.request_id, "")
    assert not found.belongs_to("", "secret")


@pytest.mark.parametrize("name", ["", "../x", "a b", "x" * 300, "é"])
def test_no_other_text_is_a_name(name: str) -> None:
    """It would stand in a path at xAI."""
    assert parse_video_name(name) is None
