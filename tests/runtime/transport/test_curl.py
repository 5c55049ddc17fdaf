"""The transport: libcurl in a worker thread, against real sockets."""

from __future__ import annotations

import contextlib
import hashlib
import ssl
from functools import partial

import pytest
import trio
import trio.testing

from grokcore.errors import ConfigError, TransportFailure
from grokcore.runtime.transport.curl import (
    CurlFailure,
    CurlSettings,
    CurlTransport,
    check_library,
    library,
)
from grokcore.runtime.transport.curl.exchange import BUFFER_BYTES, MAX_HEAD_BYTES
from grokcore.runtime.transport.seam import UpstreamRequest
from grokcore.simulator.scripts import CUT, HANG, Script, Send, answer, error, gzipped, paced
from tests.runtime.transport.bench import PATH, Bench, on_bench, read_all, run_on_bench
from tests.scenarios import on_real_clock

ABORT_S = 0.05
"""How long an abort may take on a busy machine; alone it takes some 0.2 ms."""


# Connections ------------------------------------------------------------------------------------


@on_bench
async def test_a_second_request_reuses_the_connection_and_a_fresh_one_does_not(
    bench: Bench,
) -> None:
    """No handshake on a warm connection; a retry after a broken one can ask for its own."""
    for fresh in (False, False, False, True):
        assert await read_all(bench.open(fresh=fresh)) != b""
    peers = [call.client for call in bench.simulator.calls]
    assert peers[0] == peers[1] == peers[2] != peers[3]


@on_bench(settings=lambda tls: CurlSettings(ca_file=tls[2]), certificate=lambda tls: tls[:2])
async def test_two_hundred_http2_streams_share_a_connection_and_an_abort_ends_only_its_own(
    bench: Bench,
) -> None:
    """libcurl's default of 100 streams per connection does not hold up the others, and RST_STREAM
    keeps the connection.
    """
    await read_all(bench.open())
    bench.simulator.always(Script((Send(b"{}\n"), HANG)))
    exchanges = [bench.open() for _ in range(200)]
    for exchange in exchanges:
        await exchange.head()
    assert len({call.client for call in bench.simulator.calls}) == 1
    await exchanges[0].aclose()
    await bench.simulator.until(lambda: len(bench.simulator.open_calls) == 199)
    bench.simulator.always(answer("still here"))
    assert b"still" in await read_all(bench.open())
    assert len({call.client for call in bench.simulator.calls}) == 1
    for exchange in exchanges:
        await exchange.aclose()


@on_bench(certificate=lambda tls: tls[:2])
async def test_a_certificate_is_checked_against_the_configured_authority_only(bench: Bench) -> None:
    """Without ``ca_file`` the same server is not trusted, and the error says so."""
    with pytest.raises(TransportFailure, match="certificate"):
        await read_all(bench.open())


@on_bench
async def test_cookies_of_one_account_never_reach_another_s_request(bench: Bench) -> None:
    """There is no cookie engine: what a response sets is forgotten."""
    bench.simulator.always(error(200, {}, (("set-cookie", "secret=1; Path=/"),)))
    await read_all(bench.open())
    await read_all(bench.open())
    assert [call.headers["cookie"] for call in bench.simulator.calls] == ["sso=a", "sso=a"]


@on_bench
async def test_redirects_are_answers_and_other_protocols_are_refused(bench: Bench) -> None:
    """Nothing but the URL that was asked for is fetched, and nothing but http and https."""
    bench.simulator.always(error(302, {}, (("location", bench.url + "/elsewhere"),)))
    exchange = bench.open()
    assert (await exchange.head()).status == 302
    await exchange.aclose()
    assert len(bench.simulator.calls) == 1
    for url in ("file:///etc/hostname", "gopher://127.0.0.1/", "ftp://127.0.0.1/"):
        with pytest.raises(TransportFailure):
            await read_all(bench.open(url))


# Abort and back-pressure ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        Script((), before=60),
        Script((HANG,)),
        Script((Send(b"{}\n"), HANG)),
        Script((Send(b"x" * 3_000_000), HANG)),
    ],
    ids=["before the head", "silent", "between lines", "held back"],
)
@on_bench
async def test_an_abort_takes_no_time_in_any_phase(bench: Bench, script: Script) -> None:
    """``aclose`` returns at once, and upstream sees the end of the call."""
    bench.simulator.always(script)
    exchange = bench.open()
    await bench.simulator.until(lambda: len(bench.simulator.calls) == 1)
    if not script.before:
        await exchange.head()
    began = trio.current_time()
    await exchange.aclose()
    assert trio.current_time() - began < ABORT_S
    await bench.simulator.until(lambda: bench.simulator.calls[0].outcome == "aborted")


@on_real_clock
async def test_stopping_the_transport_aborts_what_is_under_way_and_wakes_its_readers() -> None:
    """A shutdown with open streams ends at once: a reader gets an error, and closing does not wait."""
    transport = CurlTransport(CurlSettings())
    async with trio.open_nursery() as nursery:
        url = await nursery.start(_silent_server)
        async with trio.open_nursery() as running:
            await running.start(transport.run)
            exchange = transport.open(UpstreamRequest("GET", url, (), b""))
            await trio.testing.wait_all_tasks_blocked(0.01)
            running.cancel_scope.cancel()
        with pytest.raises(TransportFailure):
            await exchange.head()
        await exchange.aclose()
        nursery.cancel_scope.cancel()


async def _silent_server(*, task_status: trio.TaskStatus[str]) -> None:
    async def hold(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, hold, 0, host="127.0.0.1"))
        task_status.started(f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/")


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
@on_bench
async def test_an_answer_that_nobody_reads_is_held_back_and_not_lost(
    bench: Bench, *, compressed: bool
) -> None:
    """The buffer stays bounded while the reader sleeps; afterwards every byte arrives, in order."""
    pieces = [hashlib.sha256(bytes([n % 256, n // 256])).digest() * 2000 for n in range(300)]
    script = Script(tuple(map(Send, pieces)))
    bench.simulator.always(gzipped(script) if compressed else script)
    exchange = bench.open()
    await exchange.head()
    while not exchange.paused:
        await trio.lowlevel.checkpoint()
    assert exchange._received <= BUFFER_BYTES + 256 * 1024
    assert await read_all(exchange) == b"".join(pieces)


@on_bench
async def test_what_arrived_before_a_break_is_read_first(bench: Bench) -> None:
    """Data, then the failure; a broken response is never a clean end."""
    bench.simulator.always(Script((Send(b"one\n"), Send(b"two\n"), CUT)))
    exchange = bench.open()
    found = b""
    with pytest.raises(TransportFailure, match=r"cut off|broke"):
        while True:
            found += await exchange.read()
    assert found == b"one\ntwo\n"
    await exchange.aclose()


@on_bench
async def test_waiting_methods_can_be_cancelled_and_called_again(bench: Bench) -> None:
    """Head and body survive any number of cancelled waits."""
    bench.simulator.always(paced(Script(tuple(Send(bytes([n])) for n in range(40))), 0.004))
    exchange = bench.open()
    found = b""
    while len(found) < 40:
        with trio.move_on_after(0.001):
            await exchange.head()
            found += await exchange.read()
    assert found == bytes(range(40))
    await exchange.aclose()


@pytest.mark.filterwarnings("default")
@on_real_clock
async def test_a_head_that_does_not_end_is_given_up() -> None:
    """At its bound, which is below libcurl's own."""
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, _endless_head, 0, host="127.0.0.1"))
        transport = CurlTransport(CurlSettings())
        await nursery.start(transport.run)
        url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/"
        exchange = transport.open(UpstreamRequest("GET", url, (), b""))
        with pytest.raises(TransportFailure):
            await exchange.head()
        assert MAX_HEAD_BYTES < exchange._head_bytes < MAX_HEAD_BYTES + 1100
        nursery.cancel_scope.cancel()


async def _endless_head(stream: trio.SocketStream) -> None:
    await stream.receive_some(4096)
    await stream.send_all(b"HTTP/1.1 200 OK\r\n")
    with contextlib.suppress(trio.BrokenResourceError):
        while True:
            await stream.send_all(b"a: " + b"b" * 1000 + b"\r\n")


# The egress -------------------------------------------------------------------------------------


def test_the_environment_s_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A direct egress is direct, whatever HTTP_PROXY and its kin say."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def scenario(bench: Bench) -> None:
        assert await read_all(bench.open()) != b""

    run_on_bench(scenario)


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
@on_bench(settings=lambda tls: CurlSettings(ca_file=tls[2]), certificate=lambda tls: tls[:2])
async def test_a_proxy_is_used_for_every_request_and_resolves_the_name(
    bench: Bench, scheme: str
) -> None:
    """The proxy gets the host's name (``http`` by CONNECT, ``socks5h`` by its own request), and
    carries the call.
    """
    port = int(bench.url.rsplit(":", 1)[1])
    asked: list[bytes] = []

    async def proxy(stream: trio.SocketStream) -> None:
        asked.append(await (_accept_connect if scheme == "http" else _accept_socks)(stream))
        await _relay(stream, port)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, proxy, 0, host="127.0.0.1"))
        proxy_url = f"{scheme}://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        url = f"https://grok.example.com:{port}{PATH}"
        with pytest.raises(TransportFailure, match="certificate"):
            await read_all(bench.open(url, proxy_url=proxy_url))
        nursery.cancel_scope.cancel()
    assert len(asked) == 1
    assert b"grok.example.com" in asked[0]


async def _accept_connect(stream: trio.SocketStream) -> bytes:
    request = bytes(await stream.receive_some(4096))
    await stream.send_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
    return request


async def _accept_socks(stream: trio.SocketStream) -> bytes:
    await stream.receive_some(4096)
    await stream.send_all(b"\x05\x00")
    request = bytes(await stream.receive_some(4096))
    await stream.send_all(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x01")
    return request


async def _relay(client: trio.SocketStream, port: int) -> None:
    server = await trio.open_tcp_stream("127.0.0.1", port)

    async def pump(source: trio.SocketStream, sink: trio.SocketStream) -> None:
        while data := await source.receive_some(65536):
            await sink.send_all(data)
        nursery.cancel_scope.cancel()

    async with server, trio.open_nursery() as nursery:
        nursery.start_soon(pump, client, server)
        nursery.start_soon(pump, server, client)


@on_bench
async def test_a_proxy_that_refuses_to_connect_is_told_from_one_that_is_not_there(
    bench: Bench,
) -> None:
    """libcurl has one number for both; a wrong password is not to be looked for in the network."""

    async def refuse(stream: trio.SocketStream) -> None:
        await stream.receive_some(65536)
        await stream.send_all(
            b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"
        )
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, refuse, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        for proxy_port, status, says in (
            (port, 407, "the proxy refused with HTTP 407"),
            (9, 0, "no connection"),
        ):
            with pytest.raises(CurlFailure, match=says) as caught:
                await read_all(
                    bench.open(
                        "https://grok.example.com/", proxy_url=f"http://127.0.0.1:{proxy_port}"
                    )
                )
            assert (caught.value.curl_code, caught.value.proxy_status) == (7, status)
        nursery.cancel_scope.cancel()


@on_bench
async def test_a_dead_proxy_s_failure_does_not_give_its_password_away(bench: Bench) -> None:
    """The error names what failed; credentials stay out of it."""
    for proxy_url in ("http://user:canary@127.0.0.1:9", "socks5h://user:canary@127.0.0.1:9"):
        with pytest.raises(TransportFailure) as caught:
            await read_all(bench.open(proxy_url=proxy_url))
        assert "canary" not in str(caught.value)


# The library ------------------------------------------------------------------------------------


def test_the_start_up_check_names_what_the_installed_library_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An unknown browser, a missing private function and another version each stop the start with
    one line.
    """
    check_library(CurlSettings())
    with pytest.raises(ConfigError, match=r"\[grok\] impersonate.*netscape"):
        check_library(CurlSettings(impersonate="netscape"))
    monkeypatch.setattr(library, "PRIVATE_NAMES", ("curl_multi_gone",))
    with pytest.raises(ConfigError, match="curl_multi_gone"):
        check_library(CurlSettings())
    monkeypatch.undo()
    monkeypatch.setattr(library, "SUPPORTED_LIBRARY", "9.9")
    with pytest.raises(ConfigError, match=r"9\.9"):
        check_library(CurlSettings())


def test_the_tls_files_are_what_they_say(tls: tuple[str, str, str]) -> None:
    """The tests above stand on these files: the chain verifies against the authority."""
    context = ssl.create_default_context(cafile=tls[2])
    context.load_cert_chain(tls[0], tls[1])
