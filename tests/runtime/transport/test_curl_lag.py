"""Readers that lag behind the transport, and its memory."""

from __future__ import annotations

import gc
import multiprocessing
import multiprocessing.connection
from pathlib import Path

import pytest
import trio
import trio.testing

from grokcore.runtime.transport.curl import (
    CurlSettings,
    transfers,
)
from grokcore.simulator.app import Simulator
from grokcore.simulator.scripts import Script, Send, gzipped
from grokcore.simulator.serve import serve_simulator
from tests.runtime.transport.bench import PATH, Bench, read_all, run_on_bench

pytestmark = pytest.mark.large

READERS = 40
MOST_KB_EACH = 800
MOST_KB_KEPT_EACH = 300
LAGGING_LINES = b"".join(
    b'{"result":{"response":{"token":"word%d","responseId":"0b5e5f6e-8bb1-4b4c-9d4b-1d9b0c0b7a55"}}}\n'
    % number
    for number in range(150)
)


def serve_apart(
    pipe: multiprocessing.connection.Connection, certificate: tuple[str, str] | None, packed: bool
) -> None:
    """A fast upstream, in a process of its own so that its memory is not counted; ends with the
    test's process.
    """

    async def main() -> None:
        simulator = Simulator()
        script = Script(tuple([Send(LAGGING_LINES)] * 300))
        simulator.always(gzipped(script) if packed else script)

        async def serve(*, task_status: trio.TaskStatus[str]) -> None:
            await serve_simulator(simulator, certificate=certificate, task_status=task_status)

        async with trio.open_nursery() as nursery:
            pipe.send(await nursery.start(serve))
            await trio.to_thread.run_sync(pipe.recv)
            nursery.cancel_scope.cancel()

    trio.run(main)


def resident_kb() -> int:
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's count of memory")
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("encrypted", [False, True], ids=["HTTP/1.1", "HTTP/2"])
def test_readers_that_stall_cost_little_and_give_it_back(
    encrypted: bool, packed: bool, tls: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However fast the upstream is, and however much it may send ahead; and nothing is lost of what
    they read later.
    """
    monkeypatch.setattr(transfers, "GIVE_BACK_AFTER_S", 0.01)
    pipe, its_pipe = multiprocessing.Pipe()
    arguments = (its_pipe, tls[:2] if encrypted else None, packed)
    process = multiprocessing.get_context("spawn").Process(
        target=serve_apart, args=arguments, daemon=True
    )
    process.start()
    url = pipe.recv() + PATH

    async def settled() -> int:
        last, now = -1, resident_kb()
        while abs(now - last) > 200:
            await trio.sleep(0.3)
            last, now = now, resident_kb()
        return now

    async def scenario(bench: Bench) -> None:
        warm = bench.open(url)
        await warm.read()
        await warm.aclose()
        before = await settled()
        readers = [bench.open(url) for _ in range(READERS)]
        for reader in readers:
            await reader.head()
        assert (await settled() - before) / READERS < MOST_KB_EACH
        assert await read_all(readers.pop()) == LAGGING_LINES * 300
        for reader in readers:
            await reader.aclose()
        readers.clear()
        gc.collect()
        assert (await settled() - before) / READERS < MOST_KB_KEPT_EACH

    try:
        run_on_bench(scenario, settings=CurlSettings(ca_file=tls[2] if encrypted else ""))
    finally:
        pipe.send(None)
        process.join(5)
        process.kill()
