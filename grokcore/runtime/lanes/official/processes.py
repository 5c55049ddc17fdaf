"""Programs of the owner's, run for their output: without a shell, and within bounds."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence

import trio

__all__ = ["ProcessFailed", "masked", "run_bounded"]

MOST_ERROR_BYTES = 4096
CLOSE_S = 2.0
"""Bound for the end of a program that was killed, in seconds."""

_LONG_WORD = re.compile(r"[^\s\"']{16,}")


class ProcessFailed(Exception):
    """A program did not start, did not end in time, printed too much, or ended with an error.

    :ivar reason: continues a sentence whose subject is the program.
    :ivar printed: its last line of errors, masked.
    """

    def __init__(self, reason: str, printed: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.printed = printed


async def run_bounded(command: Sequence[str], *, seconds: float, most_bytes: int) -> bytes:
    """Run *command*, and return its output.

    A program that is given up is killed, with all programs of its process group.

    :raises ProcessFailed: if it does not start, takes longer, prints more, or ends with an error.
    """
    process = await _started(command)
    ended = False
    output = errors = b""
    try:
        with trio.move_on_after(seconds):
            output, errors = await _outputs(process, most_bytes)
            if len(output) <= most_bytes:
                await process.wait()
                ended = True
    finally:
        await _close(process, ended=ended)
    if len(output) > most_bytes:
        raise ProcessFailed(f"printed more than {most_bytes // 1000} kB")
    if not ended:
        raise ProcessFailed(f"did not end within {seconds:g} s")
    if process.returncode != 0:
        raise ProcessFailed(f"ended with status {process.returncode}", masked(errors))
    return output


def masked(errors: bytes) -> str:
    """The last line of *errors* for the log: at most 200 characters, without control characters and
    without words that are long enough for a secret.
    """
    lines = [line for line in errors.decode("utf-8", "replace").splitlines() if line.strip()]
    words = "".join(char if char.isprintable() else " " for char in lines[-1]) if lines else ""
    return _LONG_WORD.sub("…", words).strip()[:200]


async def _started(command: Sequence[str]) -> trio.Process:
    try:
        return await trio.lowlevel.open_process(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ProcessFailed(f"can't be started: {error.strerror or error}") from None
    except ValueError:
        raise ProcessFailed("can't be started: its name or an argument is not valid") from None
    except RuntimeError:
        raise ProcessFailed("can't be started: there is no thread for it") from None


async def _outputs(process: trio.Process, most_bytes: int) -> tuple[bytes, bytes]:
    """All that it prints: the output, up to a byte more than *most_bytes*, and the last errors."""
    found = {"output": b"", "errors": b""}
    stdout, stderr = process.stdout, process.stderr
    assert stdout is not None
    assert stderr is not None

    async def read_errors() -> None:
        async for piece in stderr:
            found["errors"] = (found["errors"] + piece)[-MOST_ERROR_BYTES:]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_errors)
        async for piece in stdout:
            found["output"] += piece
            if len(found["output"]) > most_bytes:
                nursery.cancel_scope.cancel()
                break
    return found["output"], found["errors"]


async def _close(process: trio.Process, *, ended: bool) -> None:
    with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
        if not ended:
            _kill(process)
            await process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
                await trio.aclose_forcefully(stream)


def _kill(process: trio.Process) -> None:
    """Kill the group of a program that nobody has waited for: its number is still its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
