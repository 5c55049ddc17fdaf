"""HTTP as it is on the wire: requests as bytes, replies read off a bare connection, clients that
leave.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any, cast

import trio
import trio.testing
from attrs import frozen

from grokcore.simulator.scripts import answer
from tests.servers import Site, read_all, read_until, run_on_site

SOON_S = 5.0
"""Real seconds within which what must happen has happened, on any machine."""


@frozen
class Reply:
    """A response, read off the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        return cast(dict[str, Any], json.loads(self.body)["error"])


def http(
    method: str = "POST",
    path: str = "/v1/chat/completions",
    *headers: str | bytes,
    body: bytes | None = None,
    version: str = "1.1",
) -> bytes:
    """A request as bytes; a body has its length told."""
    told = [] if body is None else [f"content-length: {len(body)}"]
    found = [
        line if isinstance(line, bytes) else line.encode()
        for line in ("host: localhost", *headers, *told)
    ]
    return b"\r\n".join([f"{method} {path} HTTP/{version}".encode(), *found, b"", body or b""])


def post(value: Any, *headers: str | bytes, version: str = "1.1") -> bytes:
    """A chat request with these bytes, or with this as JSON, for a body."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return http("POST", "/v1/chat/completions", *headers, body=body, version=version)


def chunked(body: bytes) -> bytes:
    """A chat request whose length is not told."""
    head = http("POST", "/v1/chat/completions", "transfer-encoding: chunked")
    return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


async def read_reply(stream: trio.SocketStream, *, bodiless: bool = False) -> Reply:
    """One response that tells its length."""
    head, _, body = (await read_until(stream, b"\r\n\r\n")).partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = dict(cast(tuple[str, str], tuple(line.split(": ", 1))) for line in rest)
    length = 0 if bodiless else int(headers["content-length"])
    while len(body) < length:
        body += await stream.receive_some(65536)
    assert len(body) == length, "more than one response"
    return Reply(int(first.split(" ")[1]), headers, body)


async def send_and_read(site: Site, request: bytes, *, bodiless: bool = False) -> Reply:
    """What a request of its own connection is answered, read after all of it was sent."""
    async with await site.connect() as stream:
        await stream.send_all(request)
        return await read_reply(stream, bodiless=bodiless)


def reply_to(request: bytes, *, config: str = "", bodiless: bool = False) -> Reply:
    """What a server of its own answers to one request."""
    found: list[Reply] = []

    async def scenario(site: Site) -> None:
        site.simulator.always(answer("ok"))
        found.append(await send_and_read(site, request, bodiless=bodiless))

    run_on_site(scenario, config=config)
    return found[0]


async def ends_within(stream: trio.SocketStream, seconds: float) -> bool:
    """Whether the peer closes the connection, after whatever it may still send."""
    with trio.move_on_after(seconds):
        await read_all(stream)
        return True
    return False


async def happens(what: Callable[[], Awaitable[object]], seconds: float = SOON_S) -> bool:
    """Whether *what* comes to an end in that time."""
    with trio.move_on_after(seconds):
        await what()
        return True
    return False


def upstream_free(site: Site) -> Callable[[], Awaitable[None]]:
    """Waits until Grok is not asked anything any more."""
    return site.until_free


def leave_at_once(stream: trio.SocketStream) -> None:
    """Have the next close send RST instead of FIN."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def connect_reluctantly(site: Site) -> trio.SocketStream:
    """A connection whose client takes next to nothing."""
    bare = trio.socket.socket()
    bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await bare.connect(("127.0.0.1", site.port))
    return trio.SocketStream(bare)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a *condition* that nobody announces."""
    while not condition():
        await trio.testing.wait_all_tasks_blocked(0.002)


def data_lines(body: str) -> list[str]:
    """The payloads of a stream's events."""
    return [line.removeprefix("data: ") for line in body.split("\n") if line.startswith("data: ")]


def text_of(body: str, name: str = "content") -> str:
    """The text of a streamed answer that ended as it should."""
    *chunks, done = data_lines(body)
    assert done == "[DONE]"
    deltas = [
        json.loads(chunk)["choices"][0]["delta"] for chunk in chunks if json.loads(chunk)["choices"]
    ]
    return "".join(delta.get(name) or "" for delta in deltas)
