"""The simulated official services on real sockets, for one scenario."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import openai
import trio
from attrs import field, frozen

from grokcore.simulator.official.app import KEY, TOKEN, OfficialSimulator
from grokcore.simulator.official.serve import OfficialUrls, serve_official
from tests.scenarios import PATIENCE_S, decorator

KEYED = {"authorization": f"Bearer {KEY}"}

MODEL = "grok-4.6"
UNTHINKING = "grok-4.20-0309-non-reasoning"


def of_cli(model: str = MODEL, **changed: str) -> dict[str, str]:
    """The headers that the CLI sends; *changed* are further ones, with ``_`` for ``-``."""
    headers = {
        "authorization": f"Bearer {TOKEN}",
        "x-xai-token-auth": "xai-grok-cli",
        "x-grok-client-version": "1.0.13",
        "x-grok-model-override": model,
    }
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    return {name: value for name, value in headers.items() if value}


@frozen
class Place:
    """Two services, and a client of them."""

    simulator: OfficialSimulator
    urls: OfficialUrls
    http: httpx.AsyncClient = field(eq=False)

    async def ask(self, said: str = "hello", /, **fields: Any) -> httpx.Response:
        """Ask the API for a whole response."""
        return await self.post({"model": MODEL, "input": said, **fields})

    async def post(self, body: Any, path: str = "/responses") -> httpx.Response:
        return await self.http.post(f"{self.urls.api}{path}", json=body, headers=KEYED)

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(f"{self.urls.api}{path}", headers=KEYED)

    async def ask_cli(self, said: str = "hello", /, *, headers: Any = None, **fields: Any) -> Any:
        """Ask the proxy of the CLI for a stream, and wait for all of it."""
        body = {"model": MODEL, "input": said, "stream": True, **fields}
        return await self.http.post(
            f"{self.urls.cli}/responses", json=body, headers=headers or of_cli()
        )

    def sdk(self) -> openai.AsyncOpenAI:
        """openai-python over the API, without retries."""
        client = openai.AsyncOpenAI(
            api_key=KEY, base_url=self.urls.api, http_client=self.http, max_retries=0
        )
        client._platform = "Linux"  # it would ask for it in a thread
        return client


def run_in_place(scenario: Callable[[Place], Awaitable[None]]) -> None:
    """Run *scenario* against services of its own."""

    async def main() -> None:
        simulator = OfficialSimulator()
        with trio.fail_after(PATIENCE_S):
            async with (
                trio.open_nursery() as nursery,
                httpx.AsyncClient(timeout=PATIENCE_S) as http,
            ):
                urls = await nursery.start(serve_official, simulator)
                await scenario(Place(simulator, urls, http))
                nursery.cancel_scope.cancel()

    trio.run(main)


in_place = decorator(run_in_place, gives=1)
"""A test against services of its own; it gets the :class:`Place`."""


def events_in(text: str) -> list[dict[str, Any]]:
    """The events of a plain stream."""
    return [
        json.loads(line.removeprefix("data: "))
        for line in text.splitlines()
        if line.startswith("data: {")
    ]
