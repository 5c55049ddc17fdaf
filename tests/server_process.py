"""A server in a process of its own, which can be killed, and the simulated Grok beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import trio

from grokcore.simulator import lines
from grokcore.simulator.app import Simulator
from grokcore.simulator.limits import Limit
from grokcore.simulator.scripts import answer, error
from grokcore.simulator.serve import serve_simulator
from tests.scenarios import decorator
from tests.servers import chat, http_request, read_all

ROOT = Path(__file__).parents[1]
TOKENS = [f"token-{number}" for number in range(20)]
QUESTION = http_request(json.dumps(chat()).encode()).replace(
    b"host:", b"connection: close\r\nhost:"
)


@asynccontextmanager
async def server(place: Path, port: int, *arguments: str) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A server process in *place*, ready; it is killed if it is still there at the end."""
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith("GROK2API_")
    }
    command = [sys.executable, "-m", "grokcore", "--port", str(port), *arguments]
    environ["PYTHONPATH"] = str(ROOT)
    with subprocess.Popen(command, cwd=place, env=environ, stderr=subprocess.PIPE) as process:  # noqa: ASYNC220
        try:
            said = b""
            while b" ready on " not in said:
                assert process.stderr is not None
                said = await trio.to_thread.run_sync(process.stderr.readline)
                assert said, "it ended before it was ready"
            yield process
        finally:
            process.kill()


def lay_out(place: Path, grok: str) -> None:
    (place / "config.toml").write_text(
        f'[grok]\nbase_url = "{grok}"\nweb_lane = "rest"\n[global]\nlog_level = "ERROR"\n'
    )
    (place / "tokens.json").write_text(json.dumps(TOKENS))


async def ask(port: int, question: bytes = QUESTION) -> int:
    """The status of an answer; 0 if the server went away."""
    try:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(question)
            reply = await read_all(stream)
    except (OSError, trio.BrokenResourceError):
        return 0
    return int(reply.split(None, 2)[1]) if reply else 0


async def health(port: int) -> str:
    """What ``/health`` says, as text."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(
            b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        )
        return (await read_all(stream)).decode()


async def until_said(port: int, words: str) -> None:
    """Wait until ``/health`` has *words*; the suite's watchdog bounds it."""
    while words not in await health(port):  # noqa: ASYNC110  another process's
        await trio.sleep(0.05)


def simulated() -> Simulator:
    """Some tokens are dead, some used up, some have a few questions left."""
    simulator = Simulator()
    simulator.always(answer("fine"))
    for number, sso in enumerate(TOKENS):
        if number % 5 == 1:
            simulator.script(sso, error(401, lines.ERROR_401))
        elif number % 5 == 2:
            simulator.limits[sso, "grok-3"] = Limit(25, 0, wait_s=5000)
        elif number % 5 == 3:
            simulator.limits[sso, "grok-3"] = Limit(25, 20)
    return simulator


def leave_two_that_refuse(simulator: Simulator) -> None:
    """Fewer than a question has attempts, so that each can be answered, also by a server that does
    not know them yet.
    """
    simulator.scripts = {TOKENS[1]: simulator.scripts[TOKENS[1]]}
    for (sso, _), limit in simulator.limits.items():
        limit.left = 0 if sso == TOKENS[2] else 1_000_000


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def run_with_grok(scenario: object) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            simulator = simulated()
            url = await nursery.start(serve_simulator, simulator)
            await scenario(simulator, url)  # type: ignore[operator]
            nursery.cancel_scope.cancel()

    trio.run(main)


with_grok = decorator(run_with_grok, gives=2)


@contextmanager
def started(
    place: Path, *arguments: str, seconds: float = 20, **variables: str
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server in *place*, and what it said until it was ready. At the end it has to stop in good
    order.

    :param seconds: after which it is killed at the latest.
    :param variables: of the environment, beside those of this process that are no settings.
    """
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith("GROK2API_")
    }
    environ |= {"PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-m", "grokcore", *arguments]
    process = subprocess.Popen(command, cwd=place, stderr=subprocess.PIPE, env=environ)
    watchdog = threading.Timer(seconds, process.kill)
    watchdog.start()
    try:
        yield process, said_until(process, " ready on ")
        process.terminate()
        assert process.wait() == 0
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def said_until(process: subprocess.Popen[bytes], mark: str) -> str:
    """What a process writes to stderr up to the line with *mark*; its caller bounds the time."""
    assert process.stderr is not None
    said = ""
    while mark not in said:
        line = process.stderr.readline().decode()
        assert line, said
        said += line
    return said
