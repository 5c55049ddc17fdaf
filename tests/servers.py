"""The whole server and the simulated Grok, on real sockets, for one scenario."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from attrs import evolve, field, frozen

from grokcore.cli.assembly import Server
from grokcore.config import Config, load_config
from grokcore.protocol.models import Tier, WebLane
from grokcore.protocol.pool import attempts
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.completion.gateway import Gateway
from grokcore.runtime.disk.state_file import StateFile
from grokcore.simulator.app import Call, Simulator
from grokcore.simulator.official.app import OfficialSimulator
from grokcore.simulator.official.serve import OfficialUrls, serve_official
from grokcore.simulator.page_socket import SocketCall
from grokcore.simulator.scripts import Script, answer
from grokcore.simulator.serve import serve_simulator
from grokcore.web.server import listen
from tests.lanes import over_socket
from tests.scenarios import PATIENCE_S, decorator

TOKENS = (
    *(TokenEntry(f"sso-{number}") for number in range(4)),
    TokenEntry("sso-super", Tier.SUPER),
)


@frozen
class Site:
    """A running server, the Grok behind it, and what a test needs to look at both.

    :ivar official: the simulated official services; served for tests that ask for them.
    :ivar official_urls: their base URLs; empty for tests that do not.
    """

    port: int
    simulator: Simulator
    server: Server
    stop: trio.Event
    client: httpx.AsyncClient = field(eq=False)
    grok_url: str = ""
    lane: WebLane = WebLane.REST
    official: OfficialSimulator = field(factory=OfficialSimulator)
    official_urls: OfficialUrls = field(factory=lambda: OfficialUrls("", ""))

    def play(self, script: Script) -> None:
        """Have Grok answer every chat so, on the site's lane; videos are REST's on both."""
        self.simulator.always(script)
        if self.lane is WebLane.SOCKET:
            self.simulator.sockets.always(over_socket(script))

    def play_for(self, sso: str, *scripts: Script) -> None:
        """Have Grok answer the chats of one account so: each once, the last one for ever."""
        if self.lane is WebLane.REST:
            self.simulator.script(sso, *scripts)
        else:
            self.simulator.sockets.script(sso, *map(over_socket, scripts))

    @property
    def asked(self) -> Sequence[Call | SocketCall]:
        """The chats that Grok was asked for, on the site's lane."""
        on_rest = self.lane is WebLane.REST
        return self.simulator.calls if on_rest else self.simulator.sockets.calls

    async def until_free(self) -> None:
        """Wait until Grok is not asked anything any more."""
        simulator = self.simulator
        await simulator.until(lambda: not simulator.open_calls and not simulator.sockets.open)

    async def introduce(self) -> None:
        """Ask once with every account. Over the websocket, the first question also asks who the
        account is and what it may use, on connections that are kept.
        """
        self.play(answer("ok"))
        for _ in self.server.pool.book.accounts:
            assert (await self.ask()).status_code == 200
        await self.settled()

    @property
    def gateway(self) -> Gateway:
        return self.server.gateway

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def ask(self, text: str = "hello", **fields: Any) -> httpx.Response:
        """A chat request, answered as a whole (of a stream: all of it)."""
        return await self.client.post("/v1/chat/completions", json=chat(text, **fields))

    async def connect(self) -> trio.SocketStream:
        """A bare connection to the server."""
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def settled(self) -> None:
        """Wait until nothing that is left is asked for, nor about to be, so that it is known."""
        book = self.server.pool.book
        while book.polls.next_at() < trio.current_time() + 0.5 or any(
            allowance.polling
            for account in book.accounts
            for allowance in account.allowances.values()
        ):
            await trio.testing.wait_all_tasks_blocked(0.002)

    def leased(self) -> int:
        """Leases that are out."""
        return sum(account.in_flight for account in self.gateway.pool.book.accounts)


def chat(text: str = "hello", **fields: Any) -> dict[str, Any]:
    """A chat-completions body."""
    return {"model": "grok-3-fast", "messages": [{"role": "user", "content": text}], **fields}


def http_request(body: bytes, *, path: str = "/v1/chat/completions", method: str = "POST") -> bytes:
    """A request as bytes, for bare connections."""
    return (
        f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        + body
    )


def configured(
    text: str = "", base_url: str = "http://127.0.0.1:9", lane: WebLane = WebLane.REST
) -> Config:
    """A configuration with a Grok on loopback.

    :param lane: the way to it, unless *text* names one.
    """
    environ = {} if "web_lane" in text else {"GROK2API_GROK_WEB_LANE": lane.value}
    config, warnings = load_config(text, environ=environ)
    assert warnings == []
    return evolve(config, grok=evolve(config.grok, base_url=base_url))


def run_on_site(
    scenario: Callable[[Site], Awaitable[None]],
    *,
    config: str = "",
    tokens: tuple[TokenEntry, ...] = TOKENS,
    certificate: tuple[str, str] | None = None,
    base_url: str = "",
    state_file: Path | None = None,
    record: Path | None = None,
    patience_s: float = PATIENCE_S,
    grok_keeps_s: float = 60.0,
    lane: WebLane = WebLane.REST,
    official: bool = False,
    spaced: bool = False,
) -> None:
    """Run *scenario* against a server of its own; afterwards the server must have stopped by
    itself.

    :param base_url: another Grok than the simulated one.
    :param patience_s: real seconds that the scenario may take at most.
    :param grok_keeps_s: how long the simulated Grok keeps an idle connection.
    :param lane: the way to Grok, unless *config* names one.
    :param official: serve the simulated official services, whose base URLs take the places of
        ``{api_url}`` and ``{cli_url}`` in *config*.
    :param spaced: keep the pauses between the attempts of a question. They are two seconds of
        waiting; tests on a faked clock hold them.
    """

    async def main() -> None:
        simulator, officials, text = Simulator(), OfficialSimulator(), config
        urls = OfficialUrls("", "")
        with trio.fail_after(patience_s):
            async with trio.open_nursery() as nursery:
                simulated = await nursery.start(_serve(simulator, certificate, grok_keeps_s))
                if official:
                    urls = await nursery.start(serve_official, officials)
                    text = text.replace("{api_url}", urls.api).replace("{cli_url}", urls.cli)
                stop = trio.Event()
                sockets = listen("127.0.0.1", 0)
                port = sockets[0].getsockname()[1]
                whole = configured(text, base_url or simulated, lane)
                async with trio.open_nursery() as serving:
                    state = StateFile(state_file) if state_file else None
                    server = Server(whole, tokens, state, record=record)
                    await serving.start(server.run, sockets, stop)
                    async with httpx.AsyncClient(
                        base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S, verify=False
                    ) as client:
                        await scenario(
                            Site(
                                port,
                                simulator,
                                server,
                                stop,
                                client,
                                simulated,
                                lane,
                                officials,
                                urls,
                            )
                        )
                    stop.set()
                assert server.gateway.open_count == 0
                nursery.cancel_scope.cancel()

    with pytest.MonkeyPatch.context() as patch:
        if not spaced:
            patch.setattr(attempts, "SPACING_S", (0.005, 0.005))
        trio.run(main)


on_site = decorator(run_on_site, gives=1)
"""A test against a server of its own; it gets the :class:`Site`."""


def _serve(
    simulator: Simulator, certificate: tuple[str, str] | None, keep_alive_s: float
) -> Callable[..., Awaitable[None]]:
    async def serve(*, task_status: trio.TaskStatus[str]) -> None:
        await serve_simulator(
            simulator, certificate=certificate, keep_alive_s=keep_alive_s, task_status=task_status
        )

    return serve


async def read_all(stream: trio.SocketStream) -> bytes:
    """Everything until the peer closes."""
    found = b""
    while data := await stream.receive_some(65536):
        found += data
    return found


async def read_until(stream: trio.SocketStream, mark: bytes) -> bytes:
    """Everything up to and with *mark*, and what came along behind it."""
    found = b""
    while mark not in found:
        data = await stream.receive_some(65536)
        assert data, f"closed before {mark!r}: {found!r}"
        found += data
    return found


def free_port() -> int:
    """A port that nobody listens on at the moment.

    It is below those that Linux gives to outgoing connections (32768 and up, ``ip_local_port_range``
    of ip(7)), or another connection of the tests might take it before the server does.
    """
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(16_000, 32_000)))
            return int(probe.getsockname()[1])
