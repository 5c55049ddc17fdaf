"""A server killed with SIGKILL again and again, in the middle of traffic and of its owner's acts,
on one data directory.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sys
from pathlib import Path

import pytest
import trio
from attrs import define, field

from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.disk.state_file import StateFile, peek
from grokcore.simulator.app import Simulator
from tests.server_process import (
    TOKENS,
    ask,
    lay_out,
    leave_two_that_refuse,
    names_in,
    run_with_grok,
    server,
)
from tests.servers import free_port, http_request, read_all

from .figures import Figure, Record, sizes

LANES = 2
"""Servers that run at once, each with its own data directory: most of a round is a start, on one
core.
"""

ASKERS = 3
SHORTEST_S, LONGEST_S = 0.02, 0.8
"""From ready to the kill. An answer is there in some 5 ms; each act is a write."""

ACTED_ON = TokenEntry(TOKENS[19]).key


@define
class Lane:
    """One data directory and what is known of it.

    :ivar newest: the newest record that was on the disk before a kill (seconds of the wall clock).
    :ivar switched_off: the states of a token that the state file may have: the acknowledged one,
        and one under way.
    """

    place: Path
    chance: random.Random
    replies: list[int] = field(factory=list)
    acts: int = 0
    newest: float = 0.0
    switched_off: set[bool] = field(factory=lambda: {False})

    @property
    def state(self) -> Path:
        return self.place / "data" / "state.jsonl"

    async def run(self, kills: int) -> None:
        for _ in range(kills):
            await self._kill_once()
            self._judge()

    async def _kill_once(self) -> None:
        port = free_port()
        async with server(self.place, port) as process, trio.open_nursery() as nursery:
            for _ in range(ASKERS):
                nursery.start_soon(self._ask, port)
            nursery.start_soon(self._act, port)
            while not self.acts:  # noqa: ASYNC110  of the first round: there is something to lose
                await trio.sleep(0.01)
            await trio.sleep(self.chance.uniform(SHORTEST_S, LONGEST_S))
            known = [float(str(record["at"])) for record in peek(self.state).values()]
            process.send_signal(signal.SIGKILL)
        self.newest = max([self.newest, *known])

    async def _ask(self, port: int) -> None:
        while (status := await ask(port)) != 0:
            self.replies.append(status)

    async def _act(self, port: int) -> None:
        """Switch a token off and on; an act that was answered must survive."""
        for act in ("disable", "enable") * 1000:
            self.switched_off.add(act == "disable")
            if not await _posted(port, f"/status/tokens/{ACTED_ON}/{act}"):
                return
            self.switched_off = {act == "disable"}
            self.acts += 1

    def _judge(self) -> None:
        """The file is loaded whole, is no older than what was on the disk, and has the acts."""
        records = StateFile(self.state).load()
        assert [name for name in names_in(self.state.parent) if "damaged" in name] == []
        tokens = {name for name in records if not name.startswith("key use ")}
        assert tokens <= {TokenEntry(sso).key for sso in TOKENS}
        assert (
            max((float(str(record["at"])) for record in records.values()), default=0.0)
            >= self.newest
        )
        found = bool(records.get(ACTED_ON, {}).get("switched_off"))
        assert found in self.switched_off
        self.switched_off = {found}


async def _posted(port: int, path: str) -> bool:
    """Whether a POST was answered with 200 and a whole body; false if the server went away."""
    request = http_request(b"", path=path).replace(b"host:", b"connection: close\r\nhost:")
    try:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(request)
            reply = await read_all(stream)
    except (OSError, trio.BrokenResourceError):
        return False
    head, _, body = reply.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    whole = length is not None and len(body) == int(length[1])
    assert not whole or head.startswith(b"HTTP/1.1 200"), reply
    assert not whole or "said" in json.loads(body)
    return whole


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@sizes(1, 170)
def test_a_server_killed_at_any_moment_keeps_its_state(
    count: int, tmp_path: Path, record: Record
) -> None:
    """It is always whole, no older than what was on the disk before, and has every act that was
    answered.
    """
    chance = random.Random(os.environ.get("CRASH_SEED", "1"))
    lanes = [
        Lane(tmp_path / str(number), random.Random(chance.random()))
        for number in range(min(LANES, count))
    ]

    async def scenario(simulator: Simulator, url: str) -> None:
        leave_two_that_refuse(simulator)
        async with trio.open_nursery() as nursery:
            for lane in lanes:
                lane.place.mkdir()
                lay_out(lane.place, url)
                nursery.start_soon(lane.run, count // len(lanes))

    run_with_grok(scenario)
    replies = [status for lane in lanes for status in lane.replies]
    assert set(replies) == {200}
    assert all(lane.acts and lane.newest for lane in lanes)
    acts = sum(lane.acts for lane in lanes)
    result = f"0 unloadable, 0 of {acts} acts lost ({len(replies)} answers in between)"
    record(Figure("kills under traffic", str(count), result, "0 unloadable, 0 acts lost"))
