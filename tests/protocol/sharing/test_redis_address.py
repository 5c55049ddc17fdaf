"""Addresses of a shared pool's Redis as people write them; no message holds a password."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.sharing.redis_address import ShareAddress, share_url


@frozen
class Written:
    """An address as it is written, what it means, and its place in messages."""

    text: str
    address: ShareAddress
    place: str


WRITTEN = [
    Written("redis://a", ShareAddress("a"), "a:6379"),
    Written(" REDIS://a:7/3 ", ShareAddress("a", 7, db=3), "a:7"),
    Written("redis://a/", ShareAddress("a"), "a:6379"),
    Written("redis://a?db=2", ShareAddress("a", db=2), "a:6379"),
    Written("redis://:p@127.0.0.1", ShareAddress("127.0.0.1", password="p"), "127.0.0.1:6379"),
    Written("redis://[::1]:7", ShareAddress("::1", 7), "[::1]:7"),
    Written(
        "rediss://u:a:b/c?d#e@f%20g@h.example/1",
        ShareAddress("h.example", db=1, user="u", password="a:b/c?d#e@f g", tls=True),
        "h.example:6379",
    ),
    Written("unix:///run/redis.sock", ShareAddress(path="/run/redis.sock"), "/run/redis.sock"),
    Written(
        "unix://u:p@/run/a%20b?db=4",
        ShareAddress(path="/run/a b", db=4, user="u", password="p"),
        "/run/a b",
    ),
]


@pytest.mark.parametrize("written", WRITTEN, ids=lambda written: written.text)
def test_an_address_is_read(written: Written) -> None:
    """Every form that other programs take, with passwords of any characters."""
    address = share_url(written.text)
    assert address == written.address
    assert address.place == written.place


REFUSED = {
    "": "must be a Redis URL",
    "a:6379": "must be a Redis URL",
    "http://a": "must be a Redis URL",
    "redis://": "must be a Redis URL",
    "redis://a:0": "a port is a number",
    "redis://a:70000": "a port is a number",
    "redis://a/x": "must be a Redis URL",
    "redis://a/1?db=2": "two databases",
    "redis://a?timeout=3": "must be a Redis URL",
    "redis://secret@a": "a user without a password",
    "redis://:secret%ff@a": "bytes of UTF-8",
    "redis://:sec\nret@a": "without line ends",
    "unix://run/redis.sock": "begins with /",
    "unix:///run/redis.sock?x=1": "begins with /",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_address_is_refused_with_the_reason(text: str) -> None:
    """The message says what is wrong, and quotes nothing."""
    with pytest.raises(ValueError, match="must be a Redis URL") as refused:
        share_url(text)
    assert REFUSED[text] in str(refused.value)
    assert "secret" not in str(refused.value)


TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1)


@settings(deadline=None, max_examples=200)
@given(TEXT, TEXT, st.integers(1, 65535), st.integers(0, 999_999), st.booleans())
def test_every_user_and_password_can_be_written(
    user: str, password: str, port: int, db: int, tls: bool
) -> None:
    """Percent-encoded, as any program writes them."""
    scheme = "rediss" if tls else "redis"
    text = f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@h.example:{port}/{db}"
    address = share_url(text)
    assert address == ShareAddress("h.example", port, "", db, user, password, tls)
    assert address.place == f"h.example:{port}"
    assert "password=" not in repr(address)


@settings(deadline=None, max_examples=200)
@given(st.text() | st.text().map("redis://:secret{}".format))
def test_no_text_ends_in_anything_but_an_address_or_a_reason(text: str) -> None:
    """And neither shows a piece of a password."""
    assert "secret" not in outcome(text)


def outcome(text: str) -> str:
    """The place of an address, or the reason why it is none."""
    try:
        return share_url(text).place
    except ValueError as reason:
        return str(reason)
