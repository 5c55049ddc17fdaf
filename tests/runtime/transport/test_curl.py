"""The transport: libcurl in a worker thread, against real sockets."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import multiprocessing
import multiprocessing.connection
import ssl
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing
import trustme

from grokcore.errors import ConfigError, TransportFailure
from grokcore.runtime.transport.curl import (
    CurlFailure,
    CurlSettings,
    CurlTransport,
    check_library,
    library,
    transfers,
)
from grokcore.runtime.transport.curl.exchange import BUFFER_BYTES, MAX_HEAD_BYTES
from grokcore.runtime.transport.seam import UpstreamRequest
from grokcore.simulator.app import Simulator
from grokcore.simulator.scripts import CUT, HANG, Script, Send, answer, error, gzipped, paced
from grokcore.simulator.serve import serve_simulator
from tests.runtime.transport.bench import PATH, Bench, on_bench, read_all, run_on_bench
from tests.scenarios import on_real_clock

ABORT_S = 0.05
"""How long an abort may take on a busy machine; alone it takes some 0.2 ms."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority of our own."""
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """Files: certificate chain, its key, and the authority that vouches for it."""
    folder: Path = tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert("127.0.0.1")
    chain, key, ca = folder / "chain.pem", folder / "key.pem", folder / "ca.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(ca)
    return str(chain), str(key), str(ca)


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
    """A shutdown with open streams ends at once; whoever reads gets an error, whoever closes is not
    kept.
    """
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
    """The proxy is told the host's name (``http`` by CONNECT, ``socks5h`` by its own request), and
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


# Requests that are not Grok's -------------------------------------------------------------------

BROWSER_S = {
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-site",
    "sec-fetch-mode",
    "accept-language",
}


@on_bench(settings=lambda tls: CurlSettings(ca_file=tls[2]), certificate=lambda tls: tls[:2])
async def test_a_connection_goes_where_it_is_told_to_and_the_host_stays_the_url_s(
    bench: Bench,
) -> None:
    """Name and certificate are the URL's, which no name server is asked about; the head tells who
    was at the other end.
    """
    port = bench.url.rsplit(":", 1)[1]
    bench.simulator.always(error(200, {}))
    exchange = bench.open(
        f"https://grok.example.com:{port}{PATH}", connect_to="127.0.0.1", who="the site"
    )
    with pytest.raises(
        TransportFailure, match="the site could not be reached: the server's certificate"
    ):
        await read_all(exchange)
    exchange = bench.open(f"https://127.0.0.1:{port}{PATH}", connect_to="127.0.0.1")
    assert (await exchange.head()).peer == "127.0.0.1"
    await exchange.aclose()


@on_bench
async def test_where_a_connection_is_led_to_does_not_survive_on_the_handle(bench: Bench) -> None:
    """The next request with the same handle goes its own way, and shares no connection with the one
    that was led.
    """
    port = bench.url.rsplit(":", 1)[1]
    nobody = f"http://[::1]:{port}{PATH}"
    bench.simulator.always(error(200, {}))
    for _ in range(2):
        await read_all(bench.open(nobody, connect_to="127.0.0.1"))
        with pytest.raises(TransportFailure):
            await read_all(bench.open(nobody))
        with pytest.raises(TransportFailure):
            await read_all(bench.open(connect_to="::1"))
        await read_all(bench.open())
    assert [call.headers["host"] for call in bench.simulator.calls] == [
        f"[::1]:{port}",
        f"127.0.0.1:{port}",
    ] * 2
    assert bench.transport._loop is not None
    assert len(bench.transport._loop._idle) == 1


@on_real_clock
async def test_a_connection_can_be_led_to_an_ipv6_address() -> None:
    """From a URL that says something else."""

    async def answer_once(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    try:
        listeners = await trio.open_tcp_listeners(0, host="::1")
    except OSError:
        pytest.skip("there is no IPv6 here")
    port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, answer_once, listeners)
        transport = CurlTransport(CurlSettings())
        await nursery.start(transport.run)
        for host in ("grok.example.com", "127.0.0.1", "[::2]"):
            request = UpstreamRequest("GET", f"http://{host}:{port}/", (), b"", connect_to="::1")
            exchange = transport.open(request)
            assert (await exchange.head()).peer == "::1"
            assert await read_all(exchange) == b"hi"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "address", ["grok.example.com", "127.1", "127.0.0.1:80", "[::1]", "fe80::1%eth0", " "]
)
def test_only_an_address_can_be_led_to(address: str) -> None:
    """libcurl would pass over anything else, and resolve the URL's name."""
    with pytest.raises(ValueError, match=r"address|scope"):
        UpstreamRequest("GET", "http://grok.example.com/", (), b"", connect_to=address)


@pytest.mark.parametrize("encrypted", [False, True], ids=["http", "https"])
@on_bench(
    settings=lambda encrypted, tls: CurlSettings(ca_file=tls[2] if encrypted else ""),
    certificate=lambda encrypted, tls: tls[:2] if encrypted else None,
)
async def test_a_plain_client_is_no_browser_and_keeps_to_itself(
    bench: Bench, *, encrypted: bool
) -> None:
    """It sends the headers that it is given, over a connection of its own, and leaves nothing
    behind on the handle.
    """
    bench.simulator.always(error(200, {}))
    for impersonated in (True, False, False, True):
        await read_all(
            bench.open(headers=(("User-Agent", "plain"),), body=b"", impersonated=impersonated)
        )
    browser, plain, other, again = bench.simulator.calls
    assert set(plain.headers) == set(other.headers) == {"host", "user-agent"}
    assert set(browser.headers) == set(again.headers) >= BROWSER_S
    assert browser.client == again.client
    assert len({call.client for call in bench.simulator.calls}) == 3


@on_real_clock
async def test_a_plain_client_s_handshake_is_the_same_after_a_browser_s() -> None:
    """No trace of the browser is left on the handle: neither its extensions nor HTTP/2."""
    hellos: list[bytes] = []

    async def listen(stream: trio.SocketStream) -> None:
        hellos.append(bytes(await stream.receive_some(65536)))

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, listen, 0, host="127.0.0.1"))
        url = f"https://example.com:{listeners[0].socket.getsockname()[1]}/"
        transport = CurlTransport(CurlSettings())
        await nursery.start(transport.run)
        for impersonated in (False, True, False):
            request = UpstreamRequest(
                "GET", url, (), b"", connect_to="127.0.0.1", impersonated=impersonated
            )
            with pytest.raises(TransportFailure):
                await read_all(transport.open(request))
        nursery.cancel_scope.cancel()
    plain, browser, again = (sorted(_extensions(hello)) for hello in hellos)
    assert plain == again != browser
    assert [b"\x02h2" in hello for hello in hellos] == [False, True, False]


def _extensions(hello: bytes) -> list[int]:
    """The numbers of a ClientHello's extensions. Before them: record, handshake, version, random;
    three lists.
    """
    at = 5 + 4 + 2 + 32
    for size in (1, 2, 1):
        at += size + int.from_bytes(hello[at : at + size], "big")
    at += 2
    found = []
    while at < len(hello):
        found.append(int.from_bytes(hello[at : at + 2], "big"))
        at += 4 + int.from_bytes(hello[at + 2 : at + 4], "big")
    return found


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
    monkeypatch.setattr(library, "SUPPORTED_LIBRARY", ("9.9",))
    with pytest.raises(ConfigError, match=r"9\.9"):
        check_library(CurlSettings())


def test_the_tls_files_are_what_they_say(tls: tuple[str, str, str]) -> None:
    """The tests above stand on these files: the chain verifies against the authority."""
    context = ssl.create_default_context(cafile=tls[2])
    context.load_cert_chain(tls[0], tls[1])


# Readers that lag -------------------------------------------------------------------------------

READERS = 40
MOST_KB_EACH = 800
MOST_KB_KEPT_EACH = 300
LAGGING_LINES = b"".join(
    b'{"result":{"response":{"token":"word%d","responseId":"0b5e5f6e-8bb1-4b4c-9d4b-1d9b0c0b7a55"}}}\n'
    % number
    for number in range(150)
)


def serve_apart(
    pipe: multiprocessing.connection.Connection, certificate: tuple[str, str] | None, packed: bool
) -> None:
    """A fast upstream, in a process of its own so that its memory is not counted; ends with the
    test's process.
    """

    async def main() -> None:
        simulator = Simulator()
        script = Script(tuple([Send(LAGGING_LINES)] * 300))
        simulator.always(gzipped(script) if packed else script)

        async def serve(*, task_status: trio.TaskStatus[str]) -> None:
            await serve_simulator(simulator, certificate=certificate, task_status=task_status)

        async with trio.open_nursery() as nursery:
            pipe.send(await nursery.start(serve))
            await trio.to_thread.run_sync(pipe.recv)
            nursery.cancel_scope.cancel()

    trio.run(main)


def resident_kb() -> int:
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's count of memory")
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("encrypted", [False, True], ids=["HTTP/1.1", "HTTP/2"])
def test_readers_that_stall_cost_little_and_give_it_back(
    encrypted: bool, packed: bool, tls: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However fast the upstream is, and however much it may send ahead; and nothing is lost of what
    they read later.
    """
    monkeypatch.setattr(transfers, "GIVE_BACK_AFTER_S", 0.01)
    pipe, its_pipe = multiprocessing.Pipe()
    arguments = (its_pipe, tls[:2] if encrypted else None, packed)
    process = multiprocessing.get_context("spawn").Process(
        target=serve_apart, args=arguments, daemon=True
    )
    process.start()
    url = pipe.recv() + PATH

    async def settled() -> int:
        last, now = -1, resident_kb()
        while abs(now - last) > 200:
            await trio.sleep(0.3)
            last, now = now, resident_kb()
        return now

    async def scenario(bench: Bench) -> None:
        warm = bench.open(url)
        await warm.read()
        await warm.aclose()
        before = await settled()
        readers = [bench.open(url) for _ in range(READERS)]
        for reader in readers:
            await reader.head()
        assert (await settled() - before) / READERS < MOST_KB_EACH
        assert await read_all(readers.pop()) == LAGGING_LINES * 300
        for reader in readers:
            await reader.aclose()
        readers.clear()
        gc.collect()
        assert (await settled() - before) / READERS < MOST_KB_KEPT_EACH

    try:
        run_on_bench(scenario, settings=CurlSettings(ca_file=tls[2] if encrypted else ""))
    finally:
        pipe.send(None)
        process.join(5)
        process.kill()
