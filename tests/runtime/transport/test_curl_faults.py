"""The transport when something fails inside it: one exchange is lost, the others never notice."""

from __future__ import annotations

import contextlib
import gc
import logging
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import curl_cffi.curl
import pytest
import trio
from attrs import define, field, frozen
from curl_cffi._wrapper import lib

from grokcore.errors import TransportFailure
from grokcore.runtime.transport.curl import (
    CurlExchange,
    CurlSettings,
    CurlTransport,
    exchange,
    handle,
    loop,
    transfers,
)
from grokcore.runtime.transport.seam import UpstreamRequest
from tests.runtime.transport.bench import read_all
from tests.scenarios import decorator, on_real_clock

LINES = 40
STEADY = b"".join(b"line %d\n" % number for number in range(LINES))


# An upstream ------------------------------------------------------------------------------------


@define(eq=False)
class Upstream:
    """A server whose ``/steady`` ends when it is let go on, and whose other pages are short."""

    url: str = ""
    go_on: trio.Event = field(factory=trio.Event)

    async def serve(self, stream: trio.SocketStream) -> None:
        try:
            while head := await stream.receive_some(65536):
                await (self._steady(stream) if b"/steady" in head else self._short(stream, head))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    async def _short(self, stream: trio.SocketStream, head: bytes) -> None:
        body = b"x" * (1_500_000 if b"/long" in head else 20)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async def _steady(self, stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(STEADY))
        lines = STEADY.splitlines(keepends=True)
        await stream.send_all(b"".join(lines[:-1]))
        await self.go_on.wait()
        await stream.send_all(lines[-1])


def run_beside_a_steady_stream(
    scenario: Callable[[CurlTransport, Upstream], Awaitable[None]],
) -> None:
    """Run *scenario* while another stream is under way, which must come to its complete end."""

    async def main() -> None:
        upstream, transport = Upstream(), CurlTransport(CurlSettings())
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                listeners = await nursery.start(
                    partial(trio.serve_tcp, upstream.serve, 0, host="127.0.0.1")
                )
                upstream.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
                await nursery.start(transport.run)
                steady = transport.open(UpstreamRequest("GET", upstream.url + "/steady", (), b""))
                await steady.head()
                came = b""
                while len(came) < STEADY.rindex(b"line"):  # else it might meet a scenario's fault
                    came += await steady.read()
                await scenario(transport, upstream)
                upstream.go_on.set()
                assert came + await read_all(steady) == STEADY
                assert transport.under_way == 0
                nursery.cancel_scope.cancel()

    trio.run(main)


beside_a_steady_stream = decorator(run_beside_a_steady_stream, gives=2)


# libcurl's calls --------------------------------------------------------------------------------


class Injected(Exception):
    """Not an error that the code knows of."""


@define(eq=False)
class FaultyLibrary:
    """libcurl, one call of which fails: by raising, or by its return code.

    :ivar name: the function that fails; empty for none.
    :ivar at: its which call, from 0.
    """

    real: Any
    name: str = ""
    at: int = 0
    raises: bool = True
    seen: Counter[str] = field(factory=Counter)
    hit: bool = False

    def arm(self, name: str, at: int, *, raises: bool) -> None:
        self.name, self.at, self.raises, self.hit = name, at, raises, False
        self.seen.clear()

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.real, name)
        if not name.lstrip("_").startswith("curl_"):
            return real  # a function that libcurl calls: only its address is used

        def call(*arguments: Any) -> Any:
            self.seen[name] += 1
            if name == self.name and self.seen[name] == self.at + 1:
                self.hit = True
                if self.raises:
                    raise Injected(name)
                return 27  # out of memory
            return real(*arguments)

        return call


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> FaultyLibrary:
    """Every call to libcurl goes through it, curl_cffi's own too."""
    faulty = FaultyLibrary(lib)
    for module in (loop, handle, curl_cffi.curl):
        monkeypatch.setattr(module, "lib", faulty)
    return faulty


MADE_ONCE = {"curl_multi_init", "curl_multi_cleanup", "curl_multi_setopt"}
WITHOUT_CODE = {
    "curl_easy_init",
    "curl_easy_reset",
    "curl_easy_cleanup",
    "curl_slist_append",
    "curl_slist_free_all",
}
# A NULL is what libcurl returns when there is nothing; a code would be no pointer.
WITHOUT_CODE |= {"curl_multi_info_read"}


async def _one_life(transport: CurlTransport, upstream: Upstream) -> set[str]:
    """Requests that end, are held back and read, are aborted, can't be made, and find no server.
    Returns the names of lost ones.
    """
    lost = set()
    requests = {
        "short": UpstreamRequest("POST", upstream.url + "/short", (("a", "b"),), b"body"),
        "plain": UpstreamRequest(
            "GET", upstream.url + "/short", (), b"", connect_to="127.0.0.1", impersonated=False
        ),
        "long": UpstreamRequest("GET", upstream.url + "/long", (), b""),
    }
    for name, request in requests.items():
        exchange = transport.open(request)
        try:
            await exchange.head()
            while name == "long" and not exchange.paused and not exchange._ended:
                await trio.lowlevel.checkpoint()
            await read_all(exchange)
        except TransportFailure:
            lost.add(name)
        finally:
            await exchange.aclose()
    nobody = transport.open(UpstreamRequest("GET", "http://127.0.0.1:9/", (), b""))
    aborted = transport.open(requests["long"])
    with pytest.raises(TransportFailure):
        await read_all(nobody)
    await aborted.aclose()
    return lost


# curl_cffi's objects complain in __del__ when they could not be made.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("raises", [True, False], ids=["raises", "returns a code"])
def test_no_call_to_libcurl_that_fails_once_costs_more_than_its_own_exchange(
    library: FaultyLibrary, caplog: pytest.LogCaptureFixture, *, raises: bool
) -> None:
    """Each function, each of its calls; a stream beside it all goes on, and so do the requests
    after it.
    """
    caplog.set_level(logging.CRITICAL)

    async def scenario(transport: CurlTransport, upstream: Upstream) -> None:
        assert await _one_life(transport, upstream) == set()
        library.arm("", 0, raises=raises)
        assert await _one_life(transport, upstream) == set()
        calls = dict(library.seen)
        assert {
            "curl_multi_add_handle",
            "curl_multi_remove_handle",
            "curl_easy_pause",
            "curl_easy_getinfo",
        } < set(calls)
        tried = 0
        for name in sorted(calls.keys() - MADE_ONCE - (set() if raises else WITHOUT_CODE)):
            for at in range(min(calls[name], 120)):
                library.arm(name, at, raises=raises)
                lost = await _one_life(transport, upstream)
                tried += library.hit
                assert len(lost) <= 1, (name, at, lost)
                assert transport.under_way == 1, (name, at)
        assert tried > 100
        library.arm("", 0, raises=raises)
        assert await _one_life(transport, upstream) == set()

    run_beside_a_steady_stream(scenario)
    gc.collect()


# Faults that are not libcurl's --------------------------------------------------------------------------


@frozen
class Unmakeable:
    """A request that can't be handed to libcurl."""

    name: str
    fields: dict[str, Any]


UNMAKEABLE = [
    Unmakeable("a surrogate in a header", {"headers": (("Cookie", "sso=\udc80"),)}),
    Unmakeable("a surrogate in the URL", {"url": "http://127.0.0.1/\udc80"}),
    Unmakeable("a surrogate in the proxy", {"proxy_url": "http://u:\udc80@127.0.0.1:9"}),
    Unmakeable("no text", {"headers": (("Cookie", 5),), "url": 7}),
    Unmakeable("no number", {"connect_net_s": float("nan")}),
    Unmakeable("a number beyond C's", {"connect_net_s": 1e30}),
]


@pytest.mark.parametrize("case", UNMAKEABLE, ids=lambda case: case.name)
@beside_a_steady_stream
async def test_a_request_that_cannot_be_made_fails_alone(
    transport: CurlTransport, upstream: Upstream, case: Unmakeable
) -> None:
    """Text that can't be encoded, or a value that is no such thing, is no reason for others to
    suffer.
    """
    fields: dict[str, Any] = {"method": "GET", "url": upstream.url, "headers": (), "body": b""}
    for _ in range(3):
        with pytest.raises(TransportFailure, match="could not be made") as caught:
            await read_all(transport.open(UpstreamRequest(**fields | case.fields)))
        assert "\udc80" not in str(caught.value)
    assert await _one_life(transport, upstream) == set()


@pytest.mark.parametrize("method", ["_take_header", "_take_data"])
@beside_a_steady_stream
async def test_a_callback_that_raises_ends_its_own_transfer(
    transport: CurlTransport, upstream: Upstream, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it raises: C code can't pass it on."""

    def fail(self: CurlExchange, data: bytes) -> int:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(CurlExchange, method, fail)
        with pytest.raises(TransportFailure, match="MemoryError"):
            await read_all(transport.open(UpstreamRequest("GET", upstream.url, (), b"")))
    assert await _one_life(transport, upstream) == set()


@beside_a_steady_stream
async def test_news_that_cannot_be_taken_ends_its_own_exchange(
    transport: CurlTransport, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others' news, queued behind it, comes through, and trio does not crash."""
    hear = CurlExchange.hear
    request = UpstreamRequest("GET", upstream.url, (), b"")
    unlucky, other = transport.open(request), transport.open(request)

    def fail(self: CurlExchange, news: Any) -> None:
        if self is unlucky:
            raise MemoryError
        hear(self, news)

    monkeypatch.setattr(CurlExchange, "hear", fail)
    with pytest.raises(TransportFailure, match="MemoryError"):
        await read_all(unlucky)
    assert await read_all(other) == b"x" * 20


# Responses that expand --------------------------------------------------------------------------


def _lines(encoding: bytes) -> bytes:
    """A response of 100 MB of whole lines, each of which is small, in 100 kB."""
    squeeze = zlib.compressobj(9, wbits=31)
    body = b"".join(squeeze.compress(b"{}\n" * 350_000) for _ in range(100)) + squeeze.flush()
    return (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n"
        % (encoding, len(body))
        + body
    )


@beside_a_steady_stream
async def test_a_response_that_expands_at_a_reader_s_pace_is_given_up_at_its_bound(
    transport: CurlTransport, upstream: Upstream
) -> None:
    """No piece of it is too large; all of it would be."""

    async def give(stream: trio.SocketStream) -> None:
        await stream.receive_some(65536)
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.send_all(_lines(b"gzip"))
            await stream.receive_some(1)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, give, 0, host="127.0.0.1"))
        url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/"
        stream = transport.open(UpstreamRequest("GET", url, (), b""))
        size = 0
        with pytest.raises(TransportFailure, match="expand") as caught:
            while True:
                piece = await stream.read()
                assert len(piece) < exchange.MOST_OVERFLOW + 2 * exchange.BUFFER_BYTES
                size += len(piece)
        assert size < exchange.EXPANSION_FREE + exchange.MOST_OVERFLOW
        assert not caught.value.again
        await stream.aclose()
        nursery.cancel_scope.cancel()


# The loop itself --------------------------------------------------------------------------------


@define(eq=False)
class Broken:
    """A library whose ``perform`` fails *times* times."""

    real: Any
    times: float = 0

    def __getattr__(self, name: str) -> Any:
        if name == "curl_multi_perform" and self.times > 0:
            self.times -= 1
            raise Injected
        return getattr(self.real, name)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broken]:
    found = Broken(lib)
    monkeypatch.setattr(loop, "lib", found)
    monkeypatch.setattr(transfers, "FAREWELL_S", 0.01)
    yield found
    found.times = 0


def test_a_loop_that_ends_fails_what_is_open_and_another_begins(
    broken: Broken, caplog: pytest.LogCaptureFixture
) -> None:
    """Readers get an error that says what happened, nobody waits for ever, and the next request is
    answered.
    """

    async def main() -> None:
        upstream, transport = Upstream(), CurlTransport(CurlSettings())
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                listeners = await nursery.start(
                    partial(trio.serve_tcp, upstream.serve, 0, host="127.0.0.1")
                )
                upstream.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
                await nursery.start(transport.run)
                request = UpstreamRequest("GET", upstream.url + "/steady", (), b"")
                steady = transport.open(request)
                await steady.head()
                broken.times = loop.MOST_STUMBLES + 1
                late = [transport.open(request) for _ in range(3)]
                for exchange in (steady, *late):
                    with pytest.raises(TransportFailure, match="started anew"):
                        await read_all(exchange)
                assert (
                    await read_all(transport.open(UpstreamRequest("GET", upstream.url, (), b"")))
                    == b"x" * 20
                )
                nursery.cancel_scope.cancel()

    trio.run(main)
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == [
        "the transport failed: its requests were ended"
    ]


@on_real_clock
async def test_a_loop_that_keeps_ending_ends_the_server_and_not_before_its_streams_have_heard(
    broken: Broken,
) -> None:
    """A process that can't work is worth less than one that is started anew; requests meanwhile
    fail at once.
    """
    transport = CurlTransport(CurlSettings())
    request = UpstreamRequest("GET", "http://127.0.0.1:9/", (), b"")
    broken.times = float("inf")

    async def ask() -> None:
        while True:
            with pytest.raises(TransportFailure):
                await read_all(transport.open(request))
            await trio.lowlevel.checkpoint()

    with (
        trio.fail_after(10),
        pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="keeps failing")),
    ):
        async with trio.open_nursery() as nursery:
            await nursery.start(transport.run)
            nursery.start_soon(ask)
