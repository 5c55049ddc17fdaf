"""Fetching what Grok made: the hosts that are asked, and the cookies that go there."""

from __future__ import annotations

from functools import partial

import pytest
from attrs import frozen

from grokcore.errors import (
    UpstreamFailure,
)
from grokcore.protocol.grok_web.asset_requests import asset_place, whole_address
from grokcore.runtime.disk.media_cache import MediaCache
from grokcore.simulator.assets import mp4, png
from tests.scenarios import on_fake_clock

from .asset_cases import (
    ACCESS,
    ASSETS_URL,
    BROWSER,
    PATH,
    PROXY,
    SSO,
    fetcher_of,
    sent,
    with_cache,
)


@frozen
class Place:
    """What Grok calls an asset, and where it is asked for. *own*: with the session's cookies."""

    url: str
    asked: str
    own: bool = True


PLACES = [
    Place(PATH, f"{ASSETS_URL}/{PATH}"),
    Place(f"/{PATH}", f"{ASSETS_URL}/{PATH}"),
    Place("//evil.example.com/x.jpg", f"{ASSETS_URL}/evil.example.com/x.jpg"),
    Place("@evil.example.com/x.jpg", f"{ASSETS_URL}/@evil.example.com/x.jpg"),
    Place(
        "users/u/a (1)/bild-ä.jpg?cache=1#top",
        f"{ASSETS_URL}/users/u/a%20(1)/bild-%C3%A4.jpg?cache=1",
    ),
    Place(
        "https://assets.example.com:8443/other/x.jpg", "https://assets.example.com:8443/other/x.jpg"
    ),
    Place("HTTPS://ASSETS.GROK.COM/x.jpg", "https://assets.grok.com/x.jpg"),
    Place("https://assets.grok.com./x.jpg", "https://assets.grok.com/x.jpg"),
    Place(
        "https://imagine-public.x.ai/a/b.png?cache=1",
        "https://imagine-public.x.ai/a/b.png?cache=1",
        own=False,
    ),
    Place("https://imgen.x.ai/a.jpg", "https://imgen.x.ai/a.jpg", own=False),
]


@pytest.mark.parametrize("kind", ["image", "video"])
@pytest.mark.parametrize("case", PLACES, ids=lambda case: case.url)
@with_cache
async def test_cookies_go_to_the_account_s_own_assets_and_nowhere_else(
    cache: MediaCache, case: Place, kind: str
) -> None:
    """With the token's own proxy in any case, and nothing of a page visit or an API call among the
    headers.
    """
    fetcher, transport = fetcher_of(sent(mp4() if kind == "video" else png()), identity=BROWSER)
    await (
        fetcher.save(ACCESS, case.url, cache)
        if kind == "video"
        else fetcher.fetch(ACCESS, case.url)
    )
    request = transport.exchanges[0].request
    assert (request.method, request.url, request.body, request.proxy_url) == (
        "GET",
        case.asked,
        b"",
        PROXY,
    )
    cookie = {"Cookie": f"sso={SSO}; sso-rw={SSO}; cf_clearance=clearance"}
    assert dict(request.headers) == {
        "Accept": "image/*,video/*,*/*;q=0.8",
        "Referer": "https://grok.com/",
        "Sec-Fetch-Dest": kind,
        "Sec-Fetch-Mode": "no-cors",
        "Sec-Fetch-Site": "same-site" if case.own else "cross-site",
        "Sec-Fetch-User": "",
        "Upgrade-Insecure-Requests": "",
        "Priority": "i",
        "User-Agent": "Mine/1.0",
        **dict.fromkeys(("sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform"), ""),
        **(cookie if case.own else {}),
    }


@on_fake_clock
async def test_without_values_of_a_browser_the_impersonated_one_is_left_as_it_is() -> None:
    """Its own User-Agent and hints, and no empty cookie."""
    fetcher, transport = fetcher_of(sent(png()))
    await fetcher.fetch(ACCESS, PATH)
    headers = dict(transport.exchanges[0].request.headers)
    assert headers["Cookie"] == f"sso={SSO}; sso-rw={SSO}"
    assert not {"User-Agent", "sec-ch-ua", "x-statsig-id", "Origin", "Content-Type"} & set(headers)


ELSEWHERE = [
    "https://evil.example.com/x.jpg",
    "https://assets.grok.com.evil.example.com/x.jpg",
    "https://assets.grok.com@evil.example.com/x.jpg",
    "https://evil.example.com\\@assets.grok.com/x.jpg",
    "https://assets.grok.com:8443/x.jpg",
    "http://assets.grok.com/x.jpg",
    "http://imagine-public.x.ai/x.jpg",
    "https://imagine-public.x.ai:8443/x.jpg",
    "http://assets.example.com:8443/x.jpg",
    "https://assets.example.com/x.jpg",
    "https://x.ai/x.jpg",
    "https://grok.com/rest/rate-limits",
    "https://127.0.0.1/x.jpg",
    "https:/assets.grok.com/x.jpg",
    "https://[::1",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "../secret.jpg",
    "users/../../secret.jpg",
    "users/%2e%2E/%2e%2e%2fsecret.jpg",
    "users/u/x.jpg\r\nx-header: 1",
    "users/u/x\0.jpg",
    "users/u/\ud800.jpg",
    "users/" + "u" * 3000,
]


@pytest.mark.parametrize("url", ELSEWHERE, ids=lambda url: repr(url)[:60])
@with_cache
async def test_other_places_are_not_asked(cache: MediaCache, url: str) -> None:
    """Not even without cookies: nothing is sent, and the failure does not repeat the address."""
    fetcher, transport = fetcher_of(sent(png()))
    for attempt in (partial(fetcher.fetch, ACCESS, url), partial(fetcher.save, ACCESS, url, cache)):
        with pytest.raises(UpstreamFailure) as caught:
            await attempt()
        assert caught.value.message.startswith(
            "What Grok gave as the file's address is not taken: it"
        )
        assert "evil" not in caught.value.message
    assert transport.exchanges == []


@pytest.mark.parametrize(
    "assets_url",
    ["http://127.0.0.1:9", "http://[::1]:9", "https://assets.grok.com", "http://mirror"],
)
def test_any_mirror_that_is_configured_is_asked(assets_url: str) -> None:
    """On loopback, at any port, without TLS: the owner has configured it."""
    assert asset_place(PATH, assets_url).own
    assert asset_place(PATH, assets_url).url == f"{assets_url}/{PATH}"
    assert asset_place(f"{assets_url}/x.jpg", assets_url).own


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        (PATH, f"{ASSETS_URL}/{PATH}"),
        (f"/{PATH}", f"{ASSETS_URL}/{PATH}"),
        ("a b.jpg", f"{ASSETS_URL}/a%20b.jpg"),
        ("https://imgen.x.ai/a.jpg", "https://imgen.x.ai/a.jpg"),
        ("https://evil.example.com/a.jpg", "https://evil.example.com/a.jpg"),
        ("javascript:alert(1)", f"{ASSETS_URL}/javascript:alert(1)"),
        ("../../a.jpg", f"{ASSETS_URL}/../../a.jpg"),
        ("data:image/png;base64,AAAA", "data:image/png;base64,AAAA"),
    ],
)
def test_a_reader_gets_an_absolute_address_whatever_grok_wrote(url: str, whole: str) -> None:
    """One that browsers ask for over HTTP, or the content itself; making it absolute twice changes
    nothing.
    """
    assert whole_address(url, ASSETS_URL) == whole
    assert whole_address(whole, ASSETS_URL) == whole
