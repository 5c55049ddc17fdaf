"""A fetcher of assets over a scripted transport, and a cache in a folder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from grokcore.protocol.grok_web.identity import Identity
from grokcore.runtime.disk.media_cache import MediaCache
from grokcore.runtime.lanes.grok_web.assets import AssetAccess, AssetFetcher
from grokcore.runtime.lanes.lane import Asset
from grokcore.simulator.scripts import Script, Send
from tests.scenarios import decorator, in_tmp_path, run_on_fake_clock

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
