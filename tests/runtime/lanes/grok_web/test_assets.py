"""Fetching what Grok made: where a request goes and with what, what is taken for an asset, and what
is left of it.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import frozen

from grokcore.errors import (
    Challenge,
    CredentialsRejected,
    GrokApiError,
    TransportFailure,
    UpstreamFailure,
    UpstreamRefused,
    UpstreamUnavailable,
)
from grokcore.protocol.grok_web.asset_requests import asset_place, whole_address
from grokcore.protocol.grok_web.identity import Identity
from grokcore.runtime.disk.media_cache import LargerThanCache, MediaCache
from grokcore.runtime.lanes.grok_web import assets
from grokcore.runtime.lanes.grok_web.assets import AssetAccess, AssetFetcher
from grokcore.runtime.lanes.lane import Asset
from grokcore.simulator.assets import jpeg, mp4, png
from grokcore.simulator.scripts import CUT, HANG, Script, Send, Wait, error, page
from tests.scenarios import decorator, in_tmp_path, on_fake_clock, run_on_fake_clock

from ...fakes import FakeTransport

SSO, PROXY = "canary-sso", "http://user:canary-password@proxy.example.com:3128"
ACCESS = AssetAccess(SSO, PROXY)
ASSETS_URL = "https://assets.example.com:8443/mirror"
PATH = "users/u/generated/k/image.jpg"
PLAIN = Identity("statsig")
BROWSER = Identity("statsig", "clearance", "Mine/1.0")


def sent(*pieces: bytes, status: int = 200, **headers: str) -> Script:
    told = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Script(tuple(Send(piece) for piece in pieces), status, told)


def fetcher_of(*scripts: Script, identity: Identity = PLAIN) -> tuple[AssetFetcher, FakeTransport]:
    transport = FakeTransport(list(scripts))
    return AssetFetcher(transport, ASSETS_URL, identity), transport


def fetched(script: Script, url: str = PATH) -> Asset:
    """A file; nothing may be left of its request."""
    found: list[Asset] = []

    async def scenario() -> None:
        fetcher, transport = fetcher_of(script)
        try:
            found.append(await fetcher.fetch_file(ACCESS, url))
        finally:
            assert transport.all_closed

    run_on_fake_clock(scenario)
    return found[0]


def run_with_cache(
    scenario: Callable[[MediaCache], Awaitable[None]], folder: Path, *, most_bytes: int = 10**9
) -> None:
    """With a real clock: a faked one would jump past the threads that write."""

    async def main() -> None:
        with trio.fail_after(10):
            await scenario(MediaCache(folder, most_bytes))

    trio.run(main)


with_cache = decorator(run_with_cache, gives=1, folder=in_tmp_path)


def files_in(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir()] if folder.exists() else []


# Where to, and with what ------------------------------------------------------------------------


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
    """On loopback, at any port, without TLS: whoever configures it knows."""
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


# What is taken for an asset ---------------------------------------------------------------------

PDF, TEXT = b"%PDF-1.7\n" + bytes(range(256)), "Zeilen\nund mehr ünd".encode() * 200


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (png(), "image/png"),
        (jpeg(), "image/jpeg"),
        (mp4(), "video/mp4"),
        (PDF, "application/pdf"),
        (TEXT, "text/plain"),
        (jpeg() * 20_000, "image/jpeg"),
    ],
    ids=["PNG", "JPEG", "MP4", "PDF", "text", "large"],
)
def test_what_it_is_its_content_says(data: bytes, media_type: str) -> None:
    """In whatever pieces it comes, and whatever the response calls it."""
    pieces = (data[:1], data[1:3], data[3:])
    paced = Script(tuple(step for piece in pieces for step in (Wait(1), Send(piece))), 200)

    for script in (sent(data), sent(data, content_type="application/json"), paced):
        assert fetched(script) == Asset(data, media_type)


@frozen
class Failing:
    """A response that is no asset."""

    name: str
    script: Script
    error: type[GrokApiError]
    says: str = ""


FAILING = [
    Failing("empty", sent(), UpstreamFailure, "an empty file"),
    Failing("a page", page(200, "<!DOCTYPE html><p>hello"), UpstreamUnavailable, "a page"),
    Failing("a page that is said to be a picture", sent(b"\n <html>", content_type="image/png"), UpstreamUnavailable, "a page"),
    Failing("a picture with programs", sent(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), UpstreamUnavailable),
    Failing("an error as JSON", sent(b'{"code": 13, "message": "Broken."}'), UpstreamUnavailable, "Broken."),
    Failing("signed out, as JSON", sent(b'{"error": {"code": 16, "message": "token expired"}}'), CredentialsRejected),
    Failing("noise", sent(bytes(range(256))), UpstreamFailure, "no picture"),
    Failing("half a text", sent(b"Z\xc3"), UpstreamFailure, "no picture"),
    Failing("challenged", page(), Challenge),
    Failing("403, nothing more", sent(status=403), Challenge),
    Failing("403 as JSON", error(403, {"code": 7, "message": "Forbidden"}), UpstreamRefused, "Forbidden"),
    Failing("not there", error(404, {"code": 5, "message": "Not Found"}), UpstreamRefused, "Not Found"),
    Failing("a picture, with an error's status", sent(png(), status=500), UpstreamUnavailable, "HTTP 500"),
    Failing("a part", sent(png(), status=206), UpstreamUnavailable, "HTTP 206"),
    Failing("elsewhere", sent(status=302, location=f"{ASSETS_URL}/x.png"), UpstreamUnavailable, "HTTP 302"),
    Failing("cut off", Script((Send(png()), CUT)), TransportFailure),
    Failing("cut off at once", Script((CUT,)), TransportFailure),
    Failing("a refusal that is cut off", Script((Send(b"no"), CUT), 503), UpstreamUnavailable, "HTTP 503"),
    Failing("echoed", sent(f"no such session: {SSO}".encode(), status=404), UpstreamRefused, "no such session: …"),
]  # fmt: skip


@pytest.mark.parametrize("case", FAILING, ids=lambda case: case.name)
@with_cache
async def test_what_is_no_asset_is_a_failure_that_says_why(
    cache: MediaCache, case: Failing, tmp_path: Path
) -> None:
    """The same of pictures and videos: one request, closed; nothing kept, no secret told."""
    fetcher, transport = fetcher_of(case.script)
    for attempt in (
        partial(fetcher.fetch, ACCESS, PATH),
        partial(fetcher.save, ACCESS, PATH, cache),
    ):
        with pytest.raises(GrokApiError) as caught:
            await attempt()
        assert type(caught.value) is case.error
        assert case.says in caught.value.message
        assert "canary" not in caught.value.message
    assert len(transport.exchanges) == 2
    assert transport.all_closed
    assert files_in(tmp_path) == []


SVG = (
    b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
)
NO_PICTURES = {
    "words": b"Rate limit reached, try again later.",
    "words after white space": b"\n\n  not found",
    "words in UTF-16": "not found".encode("utf-16"),
    "JSON": b'{"error": "no"}',
    "a JSON list": b'["no"]',
    "a JSON string": b'"no"',
    "a page": b"<!doctype html><p>no",
    "a page behind a comment": b"<!-- x --><html>",
    "a page behind a byte order mark": b"\xef\xbb\xbf<html>",
    "SVG": SVG,
    "SVG behind white space": b"\n " + SVG,
    "SVG, compressed": gzip.compress(SVG),
    "a video": mp4(),
    "a document": PDF,
    "half a mark": png()[:4],
    "noise": bytes(range(256)) * 9,
}


@pytest.mark.parametrize(
    "said", ["image/png", "image/svg+xml", "application/json", "text/html", ""]
)
@pytest.mark.parametrize("name", NO_PICTURES)
@with_cache
async def test_only_a_picture_is_taken_for_one(
    cache: MediaCache, name: str, said: str, tmp_path: Path
) -> None:
    """Whatever the response calls it: it is neither given on nor kept."""
    told = (("content-type", said),) if said else ()
    fetcher, transport = fetcher_of(Script((Send(NO_PICTURES[name]),), 200, told))
    with pytest.raises(GrokApiError):
        await fetcher.fetch(ACCESS, PATH)
    if name != "a video" or said == "text/html":
        with pytest.raises(GrokApiError):
            await fetcher.save(ACCESS, PATH, cache)
    assert transport.all_closed
    assert files_in(tmp_path) == []


@on_fake_clock
async def test_the_words_in_a_picture_s_place_are_told() -> None:
    """They often say what is wrong."""
    fetcher, _ = fetcher_of(sent(NO_PICTURES["words"]))
    with pytest.raises(UpstreamFailure, match=r"no picture, but text/plain: .Rate limit reached"):
        await fetcher.fetch(ACCESS, PATH)


def data_url(data: bytes, said: str = "image/png") -> str:
    return f"data:{said};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    ("url", "media_type"),
    [
        (data_url(png()), "image/png"),
        (data_url(jpeg()), "image/jpeg"),
        (data_url(SVG, "image/svg+xml"), None),
        (data_url(NO_PICTURES["words"]), None),
        (data_url(b"<html>"), None),
        ("data:image/png;base64,AAAA", None),
        ("data:image/png;base64,\0", None),
        ("data:", None),
    ],
)
@on_fake_clock
async def test_a_picture_within_the_answer_is_taken_without_a_request(
    url: str, media_type: str | None
) -> None:
    """And judged by its content, like any other."""
    fetcher, transport = fetcher_of(sent(png()))
    if media_type is None:
        with pytest.raises(UpstreamFailure):
            await fetcher.fetch(ACCESS, url)
    else:
        assert (await fetcher.fetch(ACCESS, url)).media_type == media_type
    with pytest.raises(UpstreamFailure):
        await fetcher.fetch_file(ACCESS, url)
    assert transport.exchanges == []


# Bounds -----------------------------------------------------------------------------------------

STALLING = [
    Script((), before=1000),
    Script((HANG,)),
    Script((HANG,), 503),
    Script(tuple(step for byte in png() * 40 for step in (Wait(1), Send(bytes([byte]))))),
]


@pytest.mark.parametrize(
    "script", STALLING, ids=["no head", "no body", "no refusal", "drop by drop"]
)
@pytest.mark.parametrize(("kind", "seconds"), [("image", 30), ("video", 120)])
@on_fake_clock
async def test_time_is_bounded(script: Script, kind: str, seconds: float, tmp_path: Path) -> None:
    """Whatever the other side does meanwhile."""
    fetcher, transport = fetcher_of(script)
    cache = MediaCache(tmp_path, 10**9)
    with pytest.raises(TransportFailure, match=f"within {seconds} s"):
        await (
            fetcher.save(ACCESS, PATH, cache) if kind == "video" else fetcher.fetch(ACCESS, PATH)
        )
    assert trio.current_time() == seconds
    assert transport.exchanges[0].request.connect_net_s == seconds
    assert transport.all_closed


def test_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte more than is taken is too much, and nothing is kept of it."""
    monkeypatch.setattr(assets, "MOST_BYTES", 5 << 20)
    monkeypatch.setattr(assets, "MOST_VIDEO_BYTES", 6 << 20)

    def of_size(size: int) -> Script:
        return sent(mp4().ljust(size, b"\0"))

    async def scenario(cache: MediaCache) -> None:
        fetcher, _ = fetcher_of(
            of_size(5 << 20), of_size((5 << 20) + 1), of_size(6 << 20), of_size((6 << 20) + 1)
        )
        assert len((await fetcher.fetch_file(ACCESS, PATH)).data) == 5 << 20
        with pytest.raises(UpstreamFailure, match="larger than the 5 MB"):
            await fetcher.fetch_file(ACCESS, PATH)
        await fetcher.save(ACCESS, PATH, cache)
        with pytest.raises(UpstreamFailure, match="larger than the 6 MB"):
            await fetcher.save(ACCESS, PATH, cache)
        assert [len(data) for data in files_in(tmp_path)] == [6 << 20]

    run_with_cache(scenario, tmp_path)


# Videos -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "ending"),
    [
        (mp4(), ".mp4"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", ".mov"),
        (b"\x1a\x45\xdf\xa3\x42\x82\x84webm", ".webm"),
    ],
)
@with_cache
async def test_a_video_is_kept_under_a_name_that_fits_its_content(
    cache: MediaCache, data: bytes, ending: str, tmp_path: Path
) -> None:
    """The cache tells a file's type by its name."""
    data = data.ljust(5000, b"\0")
    fetcher, transport = fetcher_of(sent(data))
    name = await fetcher.save(ACCESS, "users/u/generated_video.mov", cache)
    assert name.endswith(ending)
    assert (tmp_path / name).read_bytes() == data
    assert await cache.find(name) is not None
    assert transport.all_closed


@pytest.mark.parametrize("data", [png(), jpeg(), PDF, TEXT], ids=["PNG", "JPEG", "PDF", "text"])
@with_cache
async def test_what_is_no_video_is_not_kept_in_its_place(
    cache: MediaCache, data: bytes, tmp_path: Path
) -> None:
    """It is a failure, which leaves Grok's own address to the client."""
    fetcher, _ = fetcher_of(sent(data))
    with pytest.raises(UpstreamFailure, match="no video, but"):
        await fetcher.save(ACCESS, PATH, cache)
    assert files_in(tmp_path) == []


@with_cache(most_bytes=12_000)
async def test_of_a_video_that_breaks_off_or_is_not_wanted_any_more_nothing_stays(
    cache: MediaCache, tmp_path: Path
) -> None:
    """Cut in the middle, larger than the cache, or cancelled."""
    beginning = Send(mp4().ljust(5000, b"\0"))
    fetcher, transport = fetcher_of(
        Script((beginning, CUT)), sent(bytes(beginning.data * 3)), Script((beginning, HANG))
    )
    for failure in (TransportFailure, LargerThanCache):
        with pytest.raises(failure):
            await fetcher.save(ACCESS, PATH, cache)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fetcher.save, ACCESS, PATH, cache)
        while not files_in(tmp_path) or not files_in(tmp_path)[0]:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert transport.all_closed
    assert files_in(tmp_path) == []


def test_nothing_that_is_shown_has_a_secret_in_it() -> None:
    """Neither token nor proxy's password nor clearance."""
    shown: list[Any] = [
        ACCESS,
        AssetFetcher(FakeTransport([]), ASSETS_URL, BROWSER),
        Asset(b"canary", "image/png"),
    ]

    assert "canary" not in repr(shown)
    assert "clearance=" not in repr(shown).replace("cf_clearance=", "")
