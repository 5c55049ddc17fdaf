"""Addresses of pictures by which a guest tries to reach what only the server can: none makes a
connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from ipaddress import IPv4Address

import pytest
import trio
from attrs import define, field

from grokcore.protocol.urls import public_addresses as addresses
from grokcore.runtime.attachments.lookups import Lookups
from grokcore.runtime.transport.curl import CurlExchange, CurlTransport
from grokcore.runtime.transport.seam import UpstreamRequest
from grokcore.simulator.scripts import answer
from tests.runtime.attachments.hosts import LOOPBACK_URLS, PICTURE, PRIVATE_ANSWERS, page, redirect
from tests.servers import Site, chat, read_until, run_on_site

from .figures import Figure, Record, sizes

ALLOWED = "allowed.example.com"
"""A host of the configuration; it redirects."""

CONFIG = f"""
[grok]
api_key = "owner"
[[keys]]
name = "guest"
key = "guest"
rpm = 100000
[fetch]
allow_hosts = ["{ALLOWED}"]
"""
TARGETS = (
    "127.0.0.1",
    "10.0.0.1",
    "169.254.169.254",
    "192.168.1.1",
    "172.16.0.1",
    "100.100.100.200",
    "0.0.0.0",
)


def _spellings(address: str) -> Iterator[str]:
    """Ways of writing an IPv4 address as the host of a URL, for parsers of every kind."""
    number = int(IPv4Address(address))
    high, low, octets = number >> 16, number & 0xFFFF, address.split(".")
    yield from (
        address,
        str(number),
        hex(number),
        f"0{number:o}",
        f"{octets[0]}.{number & 0xFFFFFF}",
    )
    yield from (
        ".".join(f"0x{int(octet):x}" for octet in octets),
        ".".join(f"0{int(octet):o}" for octet in octets),
    )
    yield from (f"[::ffff:{address}]", f"[::ffff:{high:x}:{low:x}]", f"[64:ff9b::{high:x}:{low:x}]")
    yield from (
        f"[2002:{high:x}:{low:x}::]",
        f"[::{address}]",
        f"user@{address}",
        address + ".",
        f"%31{address[1:]}",
    )


URLS = list(
    dict.fromkeys(
        [
            *LOOPBACK_URLS,
            *(f"http://{host}:{{port}}/a.png" for one in TARGETS for host in _spellings(one)),
        ]
        + [f"https://{one}/a.png" for one in TARGETS]
    )
)
NAMES = [f"private-{number}.example.com" for number in range(len(PRIVATE_ANSWERS))]
"""Names that lead to private addresses."""


@define
class Canary:
    """A web server on loopback that counts, and the resolver that leads there.

    :ivar moves: where its paths redirect to.
    """

    port: int = 0
    connections: int = 0
    heads: list[str] = field(factory=list)
    moves: dict[str, str] = field(factory=dict)

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        head = (await read_until(stream, b"\r\n\r\n")).decode()
        self.heads.append(head)
        path = head.split()[1].partition("?")[0]
        await stream.send_all(redirect(self.moves[path]) if path in self.moves else page(PICTURE))

    def resolver(
        self, real: Callable[[str, int], Awaitable[Sequence[str]]]
    ) -> Callable[..., Awaitable[Sequence[str]]]:
        """Names of this test lead where they are to, the others where the system says."""
        names = dict(zip(NAMES, PRIVATE_ANSWERS.values(), strict=True)) | {ALLOWED: ["127.0.0.1"]}

        async def resolve(host: str, port: int) -> Sequence[str]:
            await trio.lowlevel.checkpoint()
            return names[host] if host in names else await real(host, port)

        return resolve


@define
class Watch:
    """All requests that leave the server, but those to Grok, and to the host of the
    configuration.
    """

    site: Site
    canary: Canary
    strays: list[str] = field(factory=list)
    allowed: int = 0

    def install(self, patch: pytest.MonkeyPatch) -> None:
        real_open, real_of = CurlTransport.open, Lookups.of
        canary = self.canary

        def opened(transport: CurlTransport, request: UpstreamRequest) -> CurlExchange:
            if request.url.startswith(f"http://{ALLOWED}:{canary.port}/"):
                self.allowed += 1
            elif not request.url.startswith(self.site.grok_url):
                self.strays.append(request.url)
            return real_open(transport, request)

        patch.setattr(CurlTransport, "open", opened)
        patch.setattr(Lookups, "of", lambda lookups, key: canary.resolver(real_of(lookups, key)))
        patch.setattr(addresses, "USUAL_PORTS", {80, 443, canary.port})

    async def ask(self, url: str) -> tuple[int, str]:
        """The status and the text of an answer to a guest's question with a picture."""
        part = {"type": "image_url", "image_url": {"url": url}}
        body = {
            **chat(),
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "what is it"}, part]}
            ],
        }
        reply = await self.site.client.post(
            "/v1/chat/completions", json=body, headers={"authorization": "Bearer guest"}
        )
        return reply.status_code, reply.text

    async def check(self, url: str, expected: int) -> None:
        """It is refused, with no more connections to the canary than *expected*."""
        before, calls = self.canary.connections, len(self.site.simulator.calls)
        status, text = await self.ask(url)
        assert status == 400, (url, status, text)
        assert self.canary.connections - before == expected, url
        assert len(self.site.simulator.calls) == calls, url
        assert self.strays == [], url


@sizes(30, 200)
def test_no_address_of_a_guest_s_reaches_a_private_place(
    count: int, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written in any way, behind a name, or behind a redirect of a host that may be asked."""
    tried: list[str] = []

    async def scenario(site: Site) -> None:
        site.simulator.always(answer("a picture"))
        canary = Canary()
        watch = Watch(site, canary)
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(trio.serve_tcp, canary.serve, 0)
            canary.port = listeners[0].socket.getsockname()[1]
            watch.install(monkeypatch)
            usual = f"http://{ALLOWED}:{canary.port}"
            assert (await watch.ask(f"{usual}/a.png"))[0] == 200, "the canary is one"
            urls = [url.format(port=canary.port) for url in URLS]
            urls += [f"http://{name}:{canary.port}/a.png" for name in NAMES]
            step = max(1, (2 * len(urls)) // count)
            for number, url in list(enumerate(urls))[::step]:
                await watch.check(url, 0)
                tried.append(url)
                canary.moves[f"/{number}"] = url.partition("\r")[0]
                if url.isascii() and "#" not in url:
                    await watch.check(f"{usual}/{number}", 1)
                    tried.append(f"redirect to {url}")
            assert canary.connections == watch.allowed
            nursery.cancel_scope.cancel()

    run_on_site(scenario, config=CONFIG, patience_s=100)
    result = "0 connections, 0 requests"
    record(
        Figure("a guest's tries to reach private places", str(len(tried)), result, "0 connections")
    )
