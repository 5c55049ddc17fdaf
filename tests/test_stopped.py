"""A whole server that is stopped for longer than its clocks, while Grok goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest
import trio
import trio.testing
from attrs import evolve

from grokcore.simulator import lines
from grokcore.simulator.app import Simulator
from grokcore.simulator.scripts import Script, Send, Wait, answer, wrapped
from grokcore.simulator.serve import serve_simulator
from tests.scenarios import on_real_clock
from tests.server_process import server
from tests.servers import chat, free_port, http_request, read_all, read_until

STOPPED_S = 1.3
CLOCKS = "stream_first_response_timeout = 1\nstream_chunk_timeout = 1\nstream_total_timeout = 1.2\n"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP")


def in_two(gap_s: float) -> Script:
    """An answer whose first word comes at once, and the rest after a gap."""
    first = Send(lines.line(wrapped(lines.token("first "))))
    return Script((first, Wait(gap_s), *answer("the rest of it").steps))


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("when", ["before the first word", "within the answer"])
@on_real_clock
async def test_an_answer_survives_a_stop_that_is_longer_than_every_clock(
    when: str, stream: bool, tmp_path: Path
) -> None:
    """Its lines were waiting: they are read before a clock may fire."""
    async with trio.open_nursery() as nursery:
        simulator = Simulator()
        url = await nursery.start(serve_simulator, simulator)
        (tmp_path / "tokens.json").write_text('["token-1"]')
        settings = f'[global]\nlog_level = "ERROR"\n[grok]\nbase_url = "{url}"\nweb_lane = "rest"\n{CLOCKS}'
        (tmp_path / "config.toml").write_text(settings)
        within = when == "within the answer"
        simulator.always(in_two(0.5) if within else evolve(answer("the rest of it"), before=0.5))
        port = free_port()
        async with server(tmp_path, port) as process:
            with trio.fail_after(20):
                reply = await ask(process.pid, port, simulator, stream=stream, within=within)
        assert reply.startswith(b"HTTP/1.1 200"), reply
        assert b"error" not in reply, reply
        said = "".join(
            json.loads(text) for text in re.findall(r'"content":("[^"]*")', reply.decode())
        )
        assert said == ("first the rest of it" if within else "the rest of it")
        assert b'"finish_reason":"stop"' in reply
        nursery.cancel_scope.cancel()


async def ask(pid: int, port: int, simulator: Simulator, *, stream: bool, within: bool) -> bytes:
    request = http_request(json.dumps(chat(stream=stream)).encode())
    request = request.replace(b"host:", b"connection: close\r\nhost:")
    async with await trio.open_tcp_stream("127.0.0.1", port) as connection:
        await connection.send_all(request)
        found = b""
        if within and stream:
            found = await read_until(connection, b"first")
        else:
            while not simulator.calls:
                await trio.testing.wait_all_tasks_blocked(0.002)
            await trio.sleep(0.1 if within else 0)
        os.kill(pid, signal.SIGSTOP)
        try:
            await trio.sleep(STOPPED_S)  # Grok, which is here, goes on meanwhile
        finally:
            os.kill(pid, signal.SIGCONT)
        return found + await read_all(connection)
