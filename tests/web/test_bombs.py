"""Small responses that expand without end, wherever this server takes a response: real sockets, the
whole server.
"""

from __future__ import annotations

import functools
import gc
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import trio
from attrs import frozen

from grokcore.simulator.app import Call
from grokcore.simulator.scripts import Script, Send, Wait, answer, drawing, paced
from tests.examples import asking
from tests.servers import Site, chat, free_port
from tests.web.media_site import run_on_media_site

pytestmark = pytest.mark.large

WHOLE = 512 << 20
MOST_GROWTH_KB = 96 * 1024
PIECE = 16 * 1024
WORDS = " ".join(f"word{number}" for number in range(60))
PICTURE = "users/u/generated/0/image.jpg"


@functools.cache
def zstd_bomb() -> bytes:
    """512 MB of one letter in 49 kB, by RFC 8878: a frame of 12 250 blocks, each a letter and how
    often it comes.
    """
    blocks = 12_250
    size = WHOLE // blocks
    frame = [b"\x28\xb5\x2f\xfd\x00\x58"]  # magic number, no checksum nor size, a window of 2 MB
    for number in range(blocks):
        last = number == blocks - 1
        frame.append((size << 3 | 1 << 1 | last).to_bytes(3, "little") + b"a")
    return b"".join(frame)


@functools.cache
def gzip_bomb() -> bytes:
    """As much, of zeros, in 520 kB."""
    squeeze = zlib.compressobj(9, wbits=31)
    return b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(WHOLE >> 20)) + squeeze.flush()


BOMBS = {"zstd": zstd_bomb, "gzip": gzip_bomb}


def scripted(encoding: str, content: bytes) -> Script:
    """The bomb in pieces of 16 kB, each with a moment behind it."""
    steps: list[Send | Wait] = []
    for at in range(0, len(content), PIECE):
        steps += [Send(content[at : at + PIECE]), Wait(0.005)]
    return Script(
        tuple(steps), headers=(("content-type", "image/jpeg"), ("content-encoding", encoding))
    )


def peak_kb(*, anew: bool = False) -> int:
    """The most memory that this process has held at once, in kB.

    :param anew: begin a new measurement.
    """
    process = Path("/proc/self")
    if anew:
        (process / "clear_refs").write_text("5")
    status = (process / "status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


async def steady(site: Site, done: trio.Event) -> None:
    """A stream that is under way all the time, and has to be whole."""
    async with site.client.stream(
        "POST", "/v1/chat/completions", json=chat("steady", stream=True)
    ) as reply:
        text = "".join([piece async for piece in reply.aiter_text()])
    assert text.endswith("data: [DONE]\n\n")
    assert "error" not in text
    assert all(word in text for word in WORDS.split())
    done.set()


@frozen
class Place:
    """Where a response is taken, and what asking for it comes to."""

    name: str
    ask: Callable[[Site, int], Awaitable[httpx.Response]]
    code: str


async def as_answer(site: Site, port: int) -> httpx.Response:
    return await site.ask("bomb")


async def as_stream(site: Site, port: int) -> httpx.Response:
    return await site.ask("bomb", stream=True)


async def as_guest_s_picture(site: Site, port: int) -> httpx.Response:
    part = {"type": "image_url", "image_url": {"url": f"http://127.0.0.1:{port}/a.png"}}
    return await site.client.post("/v1/chat/completions", json=asking(part))


async def as_drawing(site: Site, port: int) -> httpx.Response:
    fields = {"prompt": "a cat", "response_format": "b64_json"}
    return await site.client.post("/v1/images/generations", json=fields)


PLACES = [
    Place("an answer", as_answer, "upstream_error"),
    Place("a stream", as_stream, "upstream_error"),
    Place("a guest's picture", as_guest_s_picture, ""),
    Place("a drawing", as_drawing, "upstream_error"),
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_response_that_expands_without_end_fails_its_own_request_only(
    bomb: str, place: Place, tmp_path: Path
) -> None:
    """That request gets an error, other streams are whole, memory stays bounded, and the next
    request is answered.
    """
    content = BOMBS[bomb]()
    port = free_port()

    async def give(stream: trio.SocketStream) -> None:
        await stream.receive_some(65536)
        head = (
            f"HTTP/1.1 200 OK\r\ncontent-encoding: {bomb}\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        await stream.send_all(head.encode())
        try:
            for at in range(0, len(content), PIECE):
                await stream.send_all(content[at : at + PIECE])
                await trio.sleep(0.005)
        except trio.BrokenResourceError:
            pass

    def script(call: Call) -> Script:
        message = call.body["message"]
        if "steady" in message:
            return paced(answer(WORDS), 0.02)
        return drawing([PICTURE]) if "cat" in message else scripted(bomb, content)

    async def scenario(site: Site) -> None:
        site.simulator.default = script
        site.simulator.asset_scripts[f"/{PICTURE}"] = scripted(bomb, content)
        async with trio.open_nursery() as nursery:
            await nursery.start(functools.partial(trio.serve_tcp, host="127.0.0.1"), give, port)
            done = trio.Event()
            nursery.start_soon(steady, site, done)
            await site.simulator.until(lambda: len(site.simulator.calls) == 1)
            gc.collect()
            before = peak_kb(anew=True)
            reply = await place.ask(site, port)
            assert peak_kb() - before < MOST_GROWTH_KB
            error = reply.json()["error"] if not reply.text.startswith("data:") else reply.text
            assert place.code in str(error), error
            assert reply.status_code in (
                (400, 413, 502) if place.ask is not as_stream else (200, 502)
            ), reply.text
            await done.wait()
            site.simulator.always(answer("still here"))
            assert "still here" in (await site.ask()).text
            assert site.leased() == 0
            nursery.cancel_scope.cancel()

    run_on_media_site(scenario, tmp_path, config=f'[fetch]\nallow_hosts = ["127.0.0.1:{port}"]')


def test_the_bombs_are_what_they_say() -> None:
    """The tests above mean something."""
    assert len(zstd_bomb()) < 50_000
    assert (
        sum(int.from_bytes(zstd_bomb()[at : at + 3], "little") >> 3 for at in range(6, 49_006, 4))
        > WHOLE - 50_000
    )
    unpack = zlib.decompressobj(wbits=31)
    assert len(unpack.decompress(gzip_bomb(), 1 << 20)) == 1 << 20
    assert len(unpack.unconsumed_tail) > 500_000
