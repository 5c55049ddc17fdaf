"""libcurl's transport and a simulated Grok, on real sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
import trio.testing
from attrs import frozen

from grokcore.runtime.transport.curl import CurlExchange, CurlSettings, CurlTransport
from grokcore.runtime.transport.seam import UpstreamRequest
from grokcore.simulator.app import Simulator
from grokcore.simulator.serve import serve_simulator
from tests.scenarios import decorator

HEADERS = (
    ("Cookie", "sso=a"),
    ("x-statsig-id", "s"),
    ("x-xai-request-id", "r"),
    ("Content-Type", "application/json"),
)
BODY = b'{"message": "hi"}'
PATH = "/rest/app-chat/conversations/new"


@frozen
class Bench:
    """A running transport and a simulated Grok."""

    transport: CurlTransport
    simulator: Simulator
    url: str

    def open(self, url: str = "", **fields: object) -> CurlExchange:
        fields = {
            "method": "POST",
            "url": url or self.url + PATH,
            "headers": HEADERS,
            "body": BODY,
            **fields,
        }
        return self.transport.open(UpstreamRequest(**fields))  # type: ignore[arg-type]


def run_on_bench(
    scenario: Callable[[Bench], Awaitable[None]],
    *,
    settings: CurlSettings | None = None,
    certificate: tuple[str, str] | None = None,
) -> None:
    """Run *scenario*; afterwards nothing may be under way."""

    async def main() -> None:
        simulator = Simulator()
        transport = CurlTransport(settings or CurlSettings())

        async def serve(*, task_status: trio.TaskStatus[str]) -> None:
            await serve_simulator(simulator, certificate=certificate, task_status=task_status)

        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                url = await nursery.start(serve)
                await nursery.start(transport.run)
                await scenario(Bench(transport, simulator, url))
                assert transport.under_way == 0
                nursery.cancel_scope.cancel()

    trio.run(main)


on_bench = decorator(run_on_bench, gives=1)


async def read_all(exchange: CurlExchange) -> bytes:
    """The whole body; closes the exchange."""
    try:
        await exchange.head()
        found = b""
        while data := await exchange.read():
            found += data
        return found
    finally:
        await exchange.aclose()
