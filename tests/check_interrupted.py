"""``check`` as a process of its own that is interrupted, like one on a terminal."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import trio
from attrs import frozen

from grokcore.simulator.serve import serve_simulator
from tests.check_site import ROOT, Site


@frozen
class Interrupted:
    """The end of a process: its exit code, and what it wrote."""

    code: int
    out: str
    err: str


def interrupted(
    site: Site,
    place: Path,
    *words: str,
    when: Callable[[], Awaitable[object]],
    afterwards: Callable[[], Awaitable[object]] = trio.lowlevel.checkpoint,
) -> Interrupted:
    """Run ``check`` with *words*, and send SIGINT once *when* returns.

    :param afterwards: awaited once the process has ended, while the simulated Grok is there.
    """

    async def scenario() -> Interrupted:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                url = await nursery.start(functools.partial(serve_simulator, site.simulator))
                site._lay_out(place, url, 9)
                process = await trio.to_thread.run_sync(functools.partial(_started, place, words))
                with killed_in_the_end(process):
                    await when()
                    process.send_signal(signal.SIGINT)
                    out, err = await trio.to_thread.run_sync(process.communicate)
                    await afterwards()
                nursery.cancel_scope.cancel()
        return Interrupted(process.returncode, out, err)

    return trio.run(scenario)


def _started(place: Path, words: tuple[str, ...]) -> subprocess.Popen[str]:
    # In the background a shell may have SIGINT ignored, which is inherited.
    program = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program += "runpy.run_module('grokcore', run_name='__main__')"
    return subprocess.Popen(
        [sys.executable, "-c", program, "check", *words],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@contextlib.contextmanager
def killed_in_the_end(process: subprocess.Popen[str]) -> Iterator[None]:
    """Kill *process* after 20 s at the latest."""
    watchdog = threading.Timer(20, process.kill)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()
