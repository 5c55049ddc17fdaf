"""Fetching assets: which contents are accepted, bounds, and the files that are kept."""

from __future__ import annotations

import base64
import gzip
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
from grokcore.runtime.disk.media_cache import LargerThanCache, MediaCache
from grokcore.runtime.lanes.grok_web import assets
from grokcore.runtime.lanes.grok_web.assets import AssetFetcher
from grokcore.runtime.lanes.lane import Asset
from grokcore.simulator.assets import jpeg, mp4, png
from grokcore.simulator.scripts import CUT, HANG, Script, Send, Wait, error, page
from tests.scenarios import on_fake_clock

from ...fakes import FakeTransport
from .asset_cases import (
    ACCESS,
    ASSETS_URL,
    BROWSER,
    PATH,
    SSO,
    fetched,
    fetcher_of,
    files_in,
    run_with_cache,
    sent,
    with_cache,
)

# Accepted contents ---------------------------------------------------------------------

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
    """The same of pictures and videos: one request, closed; nothing kept, no secret in the error."""
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
    """They often give the reason."""
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
    """The cache knows a file's type by its name."""
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
