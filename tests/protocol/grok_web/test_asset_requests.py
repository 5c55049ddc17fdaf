"""Requests for pictures and videos: their addresses, and the headers that go there."""

from __future__ import annotations

import pytest
from attrs import frozen

from grokcore.protocol.grok_web.asset_requests import asset_headers, asset_place, whole_address
from grokcore.protocol.grok_web.identity import Identity

ASSETS_URL = "https://assets.example.com:8443"


@frozen
class Address:
    """An address of Grok's, and the one that is asked. *own*: with the session's cookies."""

    url: str
    asked: str
    own: bool = True


ADDRESSES = [
    Address("users/u/a.jpg", f"{ASSETS_URL}/users/u/a.jpg"),
    Address("//evil.example.com/x.jpg", f"{ASSETS_URL}/evil.example.com/x.jpg"),
    Address("HTTPS://ASSETS.GROK.COM/x.jpg", "https://assets.grok.com/x.jpg"),
    Address("https://imgen.x.ai/a.jpg", "https://imgen.x.ai/a.jpg", own=False),
]


@pytest.mark.parametrize("case", ADDRESSES, ids=lambda case: case.url)
def test_an_address_is_judged_before_cookies_go_along(case: Address) -> None:
    """They go to the configured host and to Grok's own, and to no other one."""
    place = asset_place(case.url, ASSETS_URL)
    assert (place.url, place.own) == (case.asked, case.own)


@pytest.mark.parametrize(
    "url",
    ["a/../b.jpg", "https://evil.example.com/a.jpg", "https://imgen.x.ai:444/a.jpg", "ftp://a/b"],
)
def test_other_addresses_are_not_asked(url: str) -> None:
    """The message quotes nothing of them."""
    with pytest.raises(ValueError, match=r"^it"):
        asset_place(url, ASSETS_URL)


def test_a_reader_of_the_answer_gets_an_absolute_address() -> None:
    """Also of a picture that is not fetched."""
    assert whole_address("data:image/png;base64,AA", ASSETS_URL).startswith("data:")
    assert whole_address("a.jpg", ASSETS_URL) == f"{ASSETS_URL}/a.jpg"
    assert whole_address("https://evil.example.com/a", ASSETS_URL) == "https://evil.example.com/a"
    assert whole_address("javascript:alert(1)", ASSETS_URL) == f"{ASSETS_URL}/javascript:alert(1)"


def test_headers_are_those_of_a_page_that_shows_the_asset() -> None:
    """With cookies and the owner's browser values, as far as there are any."""
    bare = dict(asset_headers(Identity("s"), "image", sso=""))
    assert (bare["Sec-Fetch-Dest"], bare["Sec-Fetch-Site"]) == ("image", "cross-site")
    assert "Cookie" not in bare
    assert "User-Agent" not in bare
    own = dict(asset_headers(Identity("s", "clear", "Browser/1"), "video", sso="a"))
    assert own["Cookie"] == "sso=a; sso-rw=a; cf_clearance=clear"
    assert (own["User-Agent"], own["sec-ch-ua"]) == ("Browser/1", "")
    assert dict(asset_headers(Identity("s"), "image", sso="a"))["Cookie"] == "sso=a; sso-rw=a"
