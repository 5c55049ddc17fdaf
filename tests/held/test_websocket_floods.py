"""Much over Grok's websockets at once: an answer that its client does not read, and two hundred
answers side by side.
"""

from __future__ import annotations

import gc
import json
import os
import random
import socket
import sys
from pathlib import Path

import pytest
import trio
from attrs import define

from grokcore.runtime.freed_memory import give_back
from tests.handmade_grok import Place, Talk, chunk, done, frame, run_by_hand, words
from tests.servers import chat, http_request, read_until
from tests.wire import connect_reluctantly, text_of, until

from .figures import Figure, Record, sizes, thousands

MB = 1_000_000
COST_MB = 2.0
"""Memory that an unread answer may cost, whatever its size."""

KERNELS_MB = 16.0
"""Most that the buffers of the kernel hold between Grok and the client, on both connections."""

TEXT_CHARS = 7 * MB
"""Of the answer: nearly as much as an answer may have. It is what fills the client's buffers."""

PIECE = "word " * 1400
TEXT, SEARCH = frame(words(PIECE)), frame(chunk(tool_result={"pad": "x" * 60_000}))

CHUNK_S = 0.4
"""The chunk clock of these servers, in seconds. It stands still while the client does not read."""

SOON_S = 10.0
CLOCKS = f"stream_chunk_timeout = {CHUNK_S}\n[server]\nheartbeat_seconds = 3600\n"
CONFIG = 'image_mode = "url"\n'
CROWD = "[pool]\nmax_in_flight_per_token = 100\n"


# An answer that is not read ---------------------------------------------------------------------


@define
class Flood:
    """An answer of so many MB: its text first, then searches.

    :ivar sent: bytes that the connection has taken so far.
    :ivar stuck_at: as many, when it took no more.
    """

    megabytes: int
    sent: int = 0
    stuck_at: int = 0

    async def play(self, talk: Talk) -> None:
        await talk.asked()
        await self._send(talk, TEXT, TEXT_CHARS)
        await self._send(talk, SEARCH, self.megabytes * MB)
        await talk.send(done())
        await talk.until_left()

    @property
    def words(self) -> int:
        """Words of the answer's text."""
        return -(-TEXT_CHARS // len(TEXT)) * PIECE.count("word ")

    async def _send(self, talk: Talk, piece: bytes, until: int) -> None:
        while self.sent < until:
            await talk.stream.send_all(piece)
            self.sent += len(piece)

    async def stuck(self) -> None:
        """Wait until nothing more is taken."""
        before = -1
        while self.sent != before:
            before = self.sent
            await trio.sleep(CHUNK_S)
        self.stuck_at = self.sent


def resident_mb() -> float:
    """Memory of this process, without what was freed."""
    gc.collect()
    give_back()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


async def warm_up(place: Place, flood: Flood) -> None:
    """One such answer, read at once: what the server keeps for all later ones."""
    flood.megabytes, whole = 8, flood.megabytes
    await place.site.ask("first", stream=True)
    flood.megabytes, flood.sent = whole, 0


async def read_on(stream: trio.SocketStream) -> str:
    """The rest of the answer, as fast as it comes."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MB)
    return (await read_until(stream, b"[DONE]\n\n")).partition(b"\r\n\r\n")[2].decode()


@pytest.mark.large
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@sizes(40, 300)
@pytest.mark.parametrize("leaves", [False, True], ids=["it reads on", "it leaves"])
def test_an_answer_that_is_not_read_costs_little_and_stays_with_grok(
    leaves: bool, count: int, record: Record
) -> None:
    """It is not taken off the wire. A client that reads on gets all of it; once it leaves, nothing
    is left. No clock runs meanwhile.
    """
    flood, cost = Flood(count), 0.0

    async def scenario(place: Place) -> None:
        nonlocal cost
        await warm_up(place, flood)
        before = resident_mb()
        async with await connect_reluctantly(place.site) as stream:
            await stream.send_all(http_request(json.dumps(chat(stream=True)).encode()))
            await flood.stuck()
            cost = resident_mb() - before
            assert flood.sent < KERNELS_MB * MB
            assert cost < COST_MB
            await trio.sleep(2 * CHUNK_S)
            if not leaves:
                assert (await read_on(stream)).count("word ") == flood.words
        with trio.fail_after(SOON_S):
            await place.websockets_gone()
            await until(lambda: not (place.site.leased() or place.site.gateway.open_count))
        if leaves:  # else the text has been in this process, on the client's side
            assert resident_mb() - before < COST_MB

    run_by_hand(scenario, flood.play, config=CONFIG + CLOCKS, patience_s=120)
    result = f"{max(0.0, cost):.1f} MB in memory, {flood.stuck_at / MB:.1f} MB off the wire"
    record(Figure("an answer that is not read", f"{count} MB", result, f"{COST_MB:g} MB"))


# Many at once -----------------------------------------------------------------------------------


REPEATS = 12


async def echo(talk: Talk) -> None:
    """The question again and again, at a pace that mixes the answers."""
    question = await talk.asked()
    for _ in range(REPEATS):
        await talk.send(words(f"{question} "))
        await trio.sleep(random.random() * 0.02)
    await talk.send(done())
    await talk.until_left()


@pytest.mark.large
@sizes(200, 1_000)
def test_two_hundred_answers_at_once_over_tls_are_each_their_own(
    count: int, record: Record, tls: tuple[str, str, str]
) -> None:
    """Every second one is streamed; all of them are complete."""
    whole = 0

    async def scenario(place: Place) -> None:
        async def ask(number: int) -> None:
            nonlocal whole
            mark, stream = f"q{number:05}q", number % 2 == 0
            reply = await place.site.ask(mark, stream=stream)
            assert reply.status_code == 200, reply.text
            found = (
                text_of(reply.text) if stream else reply.json()["choices"][0]["message"]["content"]
            )
            assert found == f"{mark} " * REPEATS
            whole += 1

        for start in range(0, count, 200):
            async with trio.open_nursery() as nursery:
                for number in range(start, min(count, start + 200)):
                    nursery.start_soon(ask, number)
        assert len(place.grok.talks) == count

    chain, key, ca = tls
    run_by_hand(
        scenario,
        echo,
        config=f'ca_file = "{ca}"\n{CONFIG}{CROWD}',
        certificate=(chain, key),
        patience_s=120,
    )
    assert whole == count
    record(
        Figure(
            "200 answers at once over TLS", thousands(whole), "each its own, all complete", "all"
        )
    )
