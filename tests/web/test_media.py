"""Pictures and videos over HTTP: ranges, conditions, names that lead nowhere, and clients that
leave.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import hypercorn.trio
import pytest
import trio
from attrs import frozen
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException

from grokcore.config import ServerConfig
from grokcore.errors import GrokApiError, UnknownUrl
from grokcore.protocol.dialects.openai_errors import error_object
from grokcore.runtime.disk.media_cache import READERS, MediaCache
from grokcore.web.edge.asgi import Edge
from grokcore.web.edge.doors import Doors
from grokcore.web.edge.hypercorn_fixes import EdgeConfig, install
from grokcore.web.edge.lifetime import LIFETIME_KEY, Lifetime
from grokcore.web.media import media_response
from grokcore.web.observing.trace import Trace
from grokcore.web.responses import json_response
from grokcore.web.server import listen
from tests.scenarios import PATIENCE_S, decorator, in_tmp_path, on_real_clock
from tests.servers import read_all, read_until
from tests.wire import Reply, happens, http, leave_at_once, read_reply, until

DATA = bytes(range(250)) * 4
VIDEO = bytes(range(256)) * 20_000
"""5 MB, which no socket takes at once."""


@frozen
class Site:
    """A server with nothing but files."""

    port: int
    cache: MediaCache

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def ask(self, *, path: str, method: str = "GET", headers: tuple[str, ...] = ()) -> Reply:
        """Send a request on a connection of its own, and read the answer to its end."""
        async with await self.connect() as stream:
            await stream.send_all(http(method, path, "connection: close", *headers))
            raw = await read_all(stream)
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        got = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
        reply = Reply(int(first.split(" ")[1]), got, body)
        assert len(body) == (
            0 if method == "HEAD" or reply.status == 304 else int(got["content-length"])
        )
        return reply


def make_app(cache: MediaCache) -> QuartTrio:
    app = QuartTrio(__name__, static_folder=None)
    app.config["RESPONSE_TIMEOUT"] = None

    @app.get("/media/<name>")
    async def media(name: str) -> Response:
        lifetime = cast(dict[str, Lifetime], request.scope)[LIFETIME_KEY]
        return await media_response(cache, name, request.method, request.headers, lifetime)

    @app.errorhandler(GrokApiError)
    async def refused(error: GrokApiError) -> Response:
        return json_response(error_object(error), error.status)

    @app.errorhandler(HTTPException)
    async def no_route(error: HTTPException) -> Response:
        return json_response({"error": {"code": error.name}}, error.code or 500)

    return app


def run_on_site(
    scenario: Callable[[Site], Awaitable[None]], folder: Path, *, most_bytes: int = 10**9
) -> None:
    async def main() -> None:
        install()
        cache = MediaCache(folder, most_bytes)
        edge = Edge(make_app(cache), lambda: Doors(ServerConfig(), keyed=False), lambda _: None)
        settings = EdgeConfig(write_timeout_s=PATIENCE_S)
        (bound,) = listen("127.0.0.1", 0)
        port = bound.getsockname()[1]
        settings.bind = [f"fd://{bound.detach()}"]
        settings.include_server_header = False
        settings.errorlog = logging.getLogger("grokcore.http")
        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                serve = functools.partial(hypercorn.trio.serve, edge, settings, mode="asgi")
                await nursery.start(serve)
                try:
                    await scenario(Site(port, cache))
                finally:
                    nursery.cancel_scope.cancel()
                    settings.writes.cancel_all()

    trio.run(main)


on_site = decorator(run_on_site, gives=1, folder=in_tmp_path)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# Ranges and conditions --------------------------------------------------------------------------


@frozen
class Asking:
    """A request for DATA and its answer.

    :ivar headers: of the request; ``{etag}`` stands for the file's.
    :ivar content_range: the answer's header.
    """

    headers: tuple[str, ...] = ()
    status: int = 200
    body: bytes = b""
    content_range: str = ""
    method: str = "GET"

    def __str__(self) -> str:
        return f"{self.method} {' & '.join(self.headers)}"[:60]


def whole(*headers: str) -> Asking:
    return Asking(headers, 200, DATA)


def part(start: int, stop: int, *headers: str) -> Asking:
    return Asking(headers, 206, DATA[start:stop], f"bytes {start}-{stop - 1}/1000")


def nothing(*headers: str) -> Asking:
    return Asking(headers, 416, content_range="bytes */1000")


def not_again(*headers: str, method: str = "GET") -> Asking:
    return Asking(headers, 304, method=method)


def head(*headers: str) -> Asking:
    return Asking(headers, 200, method="HEAD")


ASKINGS = [
    whole(),
    part(0, 1000, "range: bytes=0-"),  # what players begin with, and they give up if it is a 200
    part(0, 1, "range: bytes=0-0"),
    part(10, 20, "range: bytes=10-19"),
    part(999, 1000, "range: bytes=999-999"),
    part(990, 1000, "range: bytes=990-"),
    part(0, 1000, "range: bytes=0-999"),
    part(900, 1000, "range: bytes=900-99999999999999999999"),
    part(999, 1000, "range: bytes=-1"),
    part(0, 1000, "range: bytes=-1000"),
    part(0, 1000, "range: bytes=-5000"),
    part(1, 3, "range: BYTES=1-2"),
    part(1, 3, "range: bytes= 1-2 "),
    nothing("range: bytes=1000-"),
    nothing("range: bytes=1000-2000"),
    nothing("range: bytes=99999999999999999999-"),
    nothing("range: bytes=-0"),
    whole("range: bytes=5-2"),
    whole("range: bytes=0-1,5-6"),
    whole("range: bytes=0-1,"),
    whole("range: bytes=0-1", "range: bytes=5-6"),
    whole("range: bytes=-"),
    whole("range: bytes="),
    whole("range: bytes=a-b"),
    whole("range: bytes=--1"),
    whole("range: bytes=0-1-2"),
    whole("range: bytes=0x1-2"),
    whole("range: bytes=+1-2"),
    whole("range: bytes 0-1"),
    whole("range: 0-1"),
    whole("range: items=0-1"),
    whole("range:"),
    whole(f"range: bytes={'9' * 5000}-"),  # Python would refuse to make a number of it
    part(1, 3, "range: bytes=1-2", "if-range: {etag}"),
    nothing("range: bytes=1000-", "if-range: {etag}"),
    whole("range: bytes=1-2", "if-range: W/{etag}"),
    whole("range: bytes=1-2", 'if-range: "other"'),
    whole("range: bytes=1-2", "if-range: Sat, 29 Oct 2044 19:43:31 GMT"),
    whole("range: bytes=1000-", 'if-range: "other"'),
    whole("if-range: {etag}"),
    not_again("if-none-match: {etag}"),
    not_again("if-none-match: W/{etag}"),
    not_again('if-none-match: "other", {etag}'),
    not_again('if-none-match: "other"', "if-none-match: {etag}"),
    not_again("if-none-match: *"),
    not_again("if-none-match: {etag}", "range: bytes=1-2"),
    not_again("if-none-match: {etag}", "range: bytes=1000-"),
    not_again("if-none-match: {etag}", method="HEAD"),
    whole('if-none-match: "other"'),
    whole("if-none-match: other, ,"),
    part(1, 3, 'if-none-match: "other"', "range: bytes=1-2"),
    whole("if-modified-since: Sat, 29 Oct 2044 19:43:31 GMT"),
    head(),
    head("range: bytes=1-2"),  # ranges are for GET only, says RFC 9110
    head("range: bytes=1000-"),
]


@pytest.mark.parametrize("case", ASKINGS, ids=str)
@on_site
async def test_of_a_file_one_gets_what_one_asks_for(site: Site, case: Asking) -> None:
    """With the headers that keep a browser from doing more than show it."""
    name = await site.cache.put(DATA, "mp4")
    etag = f'"{name}-1000"'
    headers = tuple(header.format(etag=etag) for header in case.headers)
    reply = await site.ask(path=f"/v1/media/{name}", method=case.method, headers=headers)
    got = {
        name: value
        for name, value in reply.headers.items()
        if name not in ("x-request-id", "date", "connection")
    }

    assert reply.status == case.status
    expected = {
        "accept-ranges": "bytes",
        "cache-control": "private, max-age=86400, immutable",
        "content-disposition": f'inline; filename="{name}"',
        "content-length": str(1000 if case.method == "HEAD" else len(case.body)),
        "content-security-policy": "default-src 'none'; img-src 'self'; media-src 'self'; "
        "style-src 'unsafe-inline'; sandbox",
        "content-type": "video/mp4",
        "etag": etag,
        "x-content-type-options": "nosniff",
    }
    match case.status:
        case 304:
            assert got == {name: expected[name] for name in ("etag", "cache-control")}
        case 416:
            assert reply.error["type"] == "invalid_request_error"
            assert (got["content-range"], got["content-type"]) == (
                case.content_range,
                "application/json",
            )
        case _:
            assert got == (
                {**expected, "content-range": case.content_range}
                if case.content_range
                else expected
            )
            assert reply.body == case.body


@on_site
async def test_an_empty_file_has_no_ranges(site: Site) -> None:
    """The file is sent whole, as some players always request a range."""
    name = await site.cache.put(b"", "png")
    for asked in ("bytes=0-", "bytes=-5", "bytes=7-8"):
        reply = await site.ask(path=f"/media/{name}", headers=(f"range: {asked}",))
        assert (reply.status, reply.body) == (200, b"")


@on_site
async def test_many_requests_go_over_one_connection(site: Site) -> None:
    """After any answer, the next one begins where it ended."""
    path = f"/media/{await site.cache.put(DATA, 'png')}"
    async with await site.connect() as stream:
        for method, *headers in (
            ("HEAD",),
            ("GET", "if-none-match: *"),
            ("GET", "range: bytes=9999-"),
            ("GET",),
        ):
            await stream.send_all(http(method, path, *headers))
            reply = await read_reply(stream, bodiless=reply_is_bodiless(method, headers))
        assert reply.body == DATA


def reply_is_bodiless(method: str, headers: list[str]) -> bool:
    return method == "HEAD" or "if-none-match: *" in headers


# Names ------------------------------------------------------------------------------------------

PATHS = [
    "/media/..%2fsecret.png",
    "/media/../secret.png",
    "/media/%2e%2e/secret.png",
    "/media/..%2f{folder}%2f{name}",
    "/media/..%5csecret.png",
    "/media/%2fetc%2fpasswd",
    "/media/foreign.png",
    "/media/.hidden.png",
    "/media/.",
    "/media/..",
    "/media/",
    "/media/%00",
    "/media/{name}%00",
    "/media/{name}%00.png",
    "/media/{name}%0a",
    "/media/{name}%20",
    "/media/{name}.png",
    "/media/x/{name}",
    "/media/{upper}",
    "/media/%ff%fe",
    "/media/%F0%9F%90%8D",
    "/media/" + "a" * 10_000,
    "/media/" + "%2e%2e%2f" * 500 + "etc%2fpasswd",
    "/media/00000000000000000000000000000000.png",
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_only_names_that_were_given_out_lead_to_a_file(method: str, tmp_path: Path) -> None:
    """All else is one and the same 404, in JSON."""
    folder = tmp_path / "media"
    folder.mkdir()
    for path in (tmp_path / "secret.png", folder / "foreign.png", folder / ".hidden.png"):
        path.write_bytes(DATA)

    async def scenario(site: Site) -> None:
        await site.cache.load()
        name = await site.cache.put(DATA, "png")
        for path in (
            pattern.format(name=name, upper=name.upper(), folder=folder.name) for pattern in PATHS
        ):
            reply = await site.ask(path=path, method=method)
            assert (reply.status, reply.headers["content-type"]) == (404, "application/json"), path
            if method == "GET":
                assert reply.error["code"] in {"unknown_url", "Not Found"}, path
        assert (await site.ask(path=f"/media/{name}", method=method)).status == 200

    run_on_site(scenario, folder)


@on_site(most_bytes=1000)
async def test_a_file_that_is_gone_is_not_found(site: Site, tmp_path: Path) -> None:
    """With the project's own error, whether it made room for others or was deleted by hand."""
    evicted = await site.cache.put(DATA, "png")
    deleted = await site.cache.put(DATA, "png")
    (tmp_path / deleted).unlink()
    for name in (evicted, deleted):
        reply = await site.ask(path=f"/media/{name}")
        assert (reply.status, reply.error["code"]) == (404, "unknown_url")
        assert name not in reply.body.decode()


# Files that are open ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("header", ["", "range: bytes=5000-", "if-none-match: *"])
@on_real_clock
async def test_a_file_is_closed_with_its_request(method: str, header: str, tmp_path: Path) -> None:
    """Even if the response never begins: the client may leave between the handler's end and the
    first byte.
    """
    cache = MediaCache(tmp_path, 10**9)
    name = await cache.put(DATA, "png")
    before = descriptors()
    headers = Headers(dict([header.split(": ")]) if header else {})
    async with trio.open_nursery() as nursery:
        lifetime = Lifetime(Trace("mine", "GET", "/media/x", 0.0), nursery)
        with trio.CancelScope() as scope:
            await media_response(cache, name, method, headers, lifetime)
            assert descriptors() == before + 1
            scope.cancel()
            await lifetime.aclose()
        assert descriptors() == before


def is_read(folder: Path) -> int:
    """How many files of the folder are open, whether they are still there or not."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            links.append(str(descriptor.readlink()))
        except FileNotFoundError:
            continue  # the one that lists them
    return sum(link.startswith(str(folder)) for link in links)


@pytest.mark.parametrize("reset", [False, True], ids=["closes", "resets"])
@on_site
async def test_of_a_client_that_leaves_no_descriptor_stays(
    site: Site, reset: bool, tmp_path: Path
) -> None:
    """In the middle of the file, many of them."""
    name = await site.cache.put(VIDEO, "mp4")
    before = descriptors()
    for _ in range(20):
        async with await site.connect() as stream:
            await stream.send_all(http("GET", f"/media/{name}"))
            await read_until(stream, b"\r\n\r\n")
            assert is_read(tmp_path) == 1
            if reset:
                leave_at_once(stream)
        assert await happens(lambda: until(lambda: not is_read(tmp_path)))
    assert await happens(lambda: until(lambda: descriptors() == before))


@on_site
async def test_clients_that_do_not_read_hold_nobody_up(site: Site, tmp_path: Path) -> None:
    """More of them than there are threads that read."""
    name = await site.cache.put(VIDEO, "mp4")
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(2 * READERS):
            stream = await stack.enter_async_context(await site.connect())
            await stream.send_all(http("GET", f"/media/{name}"))
        assert await happens(lambda: until(lambda: is_read(tmp_path) == 2 * READERS))
        assert (await site.ask(path=f"/media/{name}")).body == VIDEO
        assert is_read(tmp_path) >= 2 * READERS


async def digest(stream: trio.SocketStream) -> str:
    """Of a video's response, read piece by piece."""
    received = await read_until(stream, b"\r\n\r\n")
    body = received.partition(b"\r\n\r\n")[2]
    found, length = hashlib.sha256(body), len(body)
    while length < len(VIDEO):
        data = await stream.receive_some(65536)
        assert data
        found.update(data)
        length += len(data)
    return found.hexdigest()


@on_site
async def test_many_downloads_at_once_take_little_memory(site: Site) -> None:
    """A few pieces for each of 20, not 5 MB."""

    async def download(site: Site, path: str) -> None:
        async with await site.connect() as stream:
            await stream.send_all(http("GET", path))
            assert await digest(stream) == hashlib.sha256(VIDEO).hexdigest()

    path = f"/media/{await site.cache.put(VIDEO, 'mp4')}"
    tracemalloc.start()
    try:
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(download, site, path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(VIDEO)


@on_site(most_bytes=len(VIDEO))
async def test_a_file_that_leaves_the_cache_while_it_is_sent_is_sent_whole(
    site: Site, tmp_path: Path
) -> None:
    """It is open before the headers are sent, and stays open to its end."""
    path = f"/media/{await site.cache.put(VIDEO, 'mp4')}"
    async with await site.connect() as stream:
        await stream.send_all(http("GET", path))
        received = await read_until(stream, b"\r\n\r\n")
        await site.cache.put(VIDEO[::-1], "mp4")
        assert (await site.ask(path=path)).status == 404
        assert is_read(tmp_path) == 1
        body = received.partition(b"\r\n\r\n")[2]
        while len(body) < len(VIDEO):
            body += await stream.receive_some(2**20)
    assert body == VIDEO
    assert await happens(lambda: until(lambda: not is_read(tmp_path)))


def test_a_file_that_becomes_shorter_while_it_is_sent_does_not_look_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection is cut before the announced number of bytes; the log names no file."""

    async def scenario(site: Site) -> None:
        name = await site.cache.put(VIDEO, "mp4")
        async with await site.connect() as stream:
            await stream.send_all(http("GET", f"/media/{name}"))
            received = await read_until(stream, b"\r\n\r\n")
            os.truncate(tmp_path / name, 10)
            received += await read_all(stream)
        assert len(received) < len(VIDEO)
        assert await happens(lambda: until(lambda: not is_read(tmp_path)))
        assert (await site.ask(path=f"/media/{name}")).body == VIDEO[:10]
        assert name not in caplog.text

    run_on_site(scenario, tmp_path)
    assert "EOFError: a file of the cache became shorter" in caplog.text


@on_real_clock
async def test_a_file_that_is_not_there_raises_what_any_unknown_address_does(
    tmp_path: Path,
) -> None:
    """The app then answers as for any other unknown address."""
    async with trio.open_nursery() as nursery:
        with pytest.raises(UnknownUrl):
            await media_response(
                MediaCache(tmp_path, 1),
                "x",
                "GET",
                Headers(),
                Lifetime(Trace("mine", "GET", "/media/x", 0.0), nursery),
            )
