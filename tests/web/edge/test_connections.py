"""Connections of clients: a bound, the idlest makes room, and the system looks after those that
vanish.
"""

from __future__ import annotations

import functools
import logging
import socket
import sys

import pytest
import trio
from attrs import define

from grokcore.simulator.scripts import HANG, Script, answer
from grokcore.web import server
from grokcore.web.edge import connections
from grokcore.web.edge.connections import Connections, most_connections, raise_descriptor_limit
from grokcore.web.edge.hypercorn_fixes import EdgeTCPServer
from grokcore.web.observing import request_log
from grokcore.web.observing.request_log import RefusalCounts
from grokcore.web.observing.trace import Trace
from tests.servers import Site, chat, http_request, read_all, read_until, run_on_site

HEALTH = http_request(b"", path="/health", method="GET")
ASK = http_request(b'{"model":"grok-3-fast","messages":[{"role":"user","content":"hello"}]}')


def has_calls(site: Site, number: int) -> bool:
    return len(site.simulator.calls) == number


@define(eq=False)
class Fake:
    idle_since: float | None
    closed: bool = False

    def cut(self) -> None:
        self.closed = True


def test_the_idlest_makes_room_and_none_that_is_busy() -> None:
    """Of several idle ones the one that has been idle for longest."""
    table = Connections(3)
    busy, newer, older = Fake(None), Fake(5.0), Fake(3.0)
    assert all(table.admit(one) for one in (busy, newer, older))
    newcomer = Fake(None)
    assert table.admit(newcomer)
    assert [one.closed for one in (busy, newer, older)] == [False, False, True]
    table.remove(older)  # its task ends a moment later
    assert table.admit(Fake(None))
    assert newer.closed
    assert not table.admit(Fake(9.0))
    assert len(table) == 3


def test_a_third_of_few_descriptors_is_kept_and_a_thousand_of_many() -> None:
    """Files and calls to Grok need them."""
    assert [most_connections(limit) for limit in (1, 64, 1024, 65_536)] == [1, 43, 683, 64_512]


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
def test_the_soft_limit_is_raised_to_the_hard_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Distributions give 1024 and allow more."""
    import resource

    found: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: found.append(limits))
    assert raise_descriptor_limit() == 4096
    assert found == [(4096, 4096)]
    monkeypatch.setattr(resource, "setrlimit", lambda *_: (_ for _ in ()).throw(OSError()))
    assert raise_descriptor_limit() == 1024


def test_idle_sockets_do_not_shut_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent ones, and ones that are kept alive; an answer under way is not cut for anybody."""
    monkeypatch.setattr(server, "most_connections", lambda _: 5)

    async def scenario(site: Site) -> None:
        site.simulator.always(Script((HANG,)))
        async with await site.connect() as busy, trio.open_nursery() as nursery:
            await busy.send_all(ASK)
            await site.simulator.until(lambda: bool(site.simulator.calls))
            idle = [await site.connect() for _ in range(20)]
            for _ in range(3):
                async with await site.connect() as stream:
                    await stream.send_all(HEALTH)
                    assert (await read_until(stream, b"\r\n")).startswith(b"HTTP/1.1 200 ")
            for stream in idle:
                nursery.start_soon(trio.aclose_forcefully, stream)
            assert site.gateway.open_count == 1

    run_on_site(scenario, config="[server]\ngrace_seconds = 0")


def test_with_a_request_on_each_the_next_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 503 and leave to come again."""
    monkeypatch.setattr(server, "most_connections", lambda _: 2)

    async def scenario(site: Site) -> None:
        site.simulator.always(Script((HANG,)))
        async with await site.connect() as one, await site.connect() as two:
            for number, stream in enumerate((one, two), 1):
                await stream.send_all(ASK)
                await site.simulator.until(functools.partial(has_calls, site, number))
            async with await site.connect() as three:
                received = await read_all(three)
        assert b"HTTP/1.1 503 " in received
        assert b'"code":"overloaded"' in received

    run_on_site(scenario, config="[server]\ngrace_seconds = 0")


@pytest.mark.skipif(sys.platform != "linux", reason="the options of Linux")
def test_the_system_looks_whether_a_client_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """30 s, then three probes 10 s apart; unsent data for a minute."""
    found: list[tuple[int, ...]] = []
    names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
    original = EdgeTCPServer._read_data

    async def look(self: EdgeTCPServer) -> None:
        bare = self.stream.socket
        options = (bare.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in names)
        found.append((bare.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), *options))
        await original(self)

    monkeypatch.setattr(EdgeTCPServer, "_read_data", look)

    async def scenario(site: Site) -> None:
        assert (await site.client.get("/health")).status_code == 200

    run_on_site(scenario)
    assert found == [(1, 30, 10, 3, connections.USER_TIMEOUT_MS)]


# Refusals in the log ----------------------------------------------------------------------------


def refused(status: int, key: str = "", at: float = 0.0) -> Trace:
    return Trace("req_1", "GET", "/v1/models", at, key=key, status=status, ended=at)


def test_refusals_are_counted_by_status_and_key(caplog: pytest.LogCaptureFixture) -> None:
    """The first of a minute in full, the others as one line when the minute is over, or the server
    stops.
    """
    counts = RefusalCounts()
    with caplog.at_level(logging.INFO, "grokcore.requests"):
        firsts = [
            counts.is_first(refused(status, key, at / 10))
            for at in range(100)
            for status, key in ((401, ""), (429, "guest"))
        ]
        assert firsts == [True, True, *[False] * 198]
        assert caplog.messages == []
        assert counts.is_first(refused(401, at=60))
        counts.report_all()
    assert caplog.messages == [
        "99 more requests were refused with 401 within 60 s",
        '99 more requests with the key "guest" were refused with 429 within 60 s',
    ]


def test_strangers_do_not_fill_the_log_and_owners_see_each_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A wrong key, a wrong host; and what the owner's own key is refused."""

    async def scenario(site: Site) -> None:
        site.simulator.always(answer("ok"))
        for _ in range(30):
            assert (
                await site.client.get("/v1/models", headers={"x-api-key": "wrong"})
            ).status_code == 401
            assert (
                await site.client.get("/v1/models", headers={"host": "evil.example"})
            ).status_code == 403
        for _ in range(3):
            reply = await site.client.post(
                "/v1/chat/completions", json=chat(n=5), headers={"x-api-key": "owner-key"}
            )
            assert reply.status_code == 400

    config = '[grok]\napi_key = "owner-key"\n[server]\nallowed_hosts = ["localhost"]'
    with caplog.at_level(logging.INFO, "grokcore.requests"):
        run_on_site(scenario, config=config)
    lines = [record.getMessage() for record in caplog.records if record.name == "grokcore.requests"]
    assert len([line for line in lines if " 400 " in line and "param=n" in line]) == 3
    assert len([line for line in lines if line.startswith("req_")]) == 3 + 2
    assert sum(line.startswith("29 more requests were refused with ") for line in lines) == 2
    assert request_log.COUNTED_S == 60
