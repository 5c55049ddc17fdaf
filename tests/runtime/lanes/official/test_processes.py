"""Programs of the owner's, run for their output: nothing that they do holds the server up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import trio

from grokcore.runtime.lanes.official.processes import ProcessFailed, masked, run_bounded
from tests.scenarios import on_real_clock

from .auth_files import program

PATIENCE_S = 10.0


@on_real_clock
async def test_the_output_comes_back(tmp_path: Path) -> None:
    """Without a shell: an argument is an argument, and nothing waits for input."""
    command = [program(tmp_path, 'cat; echo "$1"; echo error >&2'), "a b; $HOME"]
    assert await run_bounded(command, seconds=PATIENCE_S, most_bytes=100) == b"a b; $HOME\n"


@pytest.mark.parametrize(
    ("script", "reason", "printed"),
    [
        ("echo one >&2; echo two >&2; exit 1", "ended with status 1", "two"),
        ("exit 3", "ended with status 3", ""),
        ("kill -9 $$", "ended with status -9", ""),
        ("yes", "printed more than 1 kB", ""),
    ],
)
@on_real_clock
async def test_a_program_that_fails_is_explained(
    tmp_path: Path, script: str, reason: str, printed: str
) -> None:
    """The owner learns what happened, without its output."""
    with pytest.raises(ProcessFailed) as caught:
        await run_bounded([program(tmp_path, script)], seconds=PATIENCE_S, most_bytes=1000)
    assert (caught.value.reason, caught.value.printed) == (reason, printed)


@on_real_clock
async def test_errors_are_read_to_their_end(tmp_path: Path) -> None:
    """A program that writes many would otherwise wait for ever."""
    command = [program(tmp_path, "head -c 500000 /dev/zero >&2; echo fine")]
    assert await run_bounded(command, seconds=PATIENCE_S, most_bytes=1000) == b"fine\n"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["/nowhere/program"], "No such file"),
        (["/"], "denied"),
        (["a\0b"], "not valid"),
    ],
)
@on_real_clock
async def test_a_program_that_does_not_start_is_explained(command: list[str], words: str) -> None:
    """A slip in the configuration."""
    with pytest.raises(ProcessFailed, match="can't be started") as caught:
        await run_bounded(command, seconds=PATIENCE_S, most_bytes=1000)
    assert words in caught.value.reason


@on_real_clock
async def test_without_a_thread_no_program_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's limit is no bug of this server."""

    async def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(trio.lowlevel, "open_process", refuse)
    with pytest.raises(ProcessFailed, match="no thread"):
        await run_bounded(["x"], seconds=PATIENCE_S, most_bytes=1000)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except FileNotFoundError:
        return False
    return state not in "ZX"


async def gone(pid: int) -> None:
    """A kill is delivered a moment later."""
    with trio.fail_after(PATIENCE_S):
        while is_running(pid):  # noqa: ASYNC110  nothing notifies of another's child
            await trio.sleep(0.005)


HANGS = "sleep 100 & echo $! > '{folder}/child'; echo $$ > '{folder}/parent'; {rest}"


def pids(folder: Path) -> list[int]:
    return [int((folder / name).read_text()) for name in ("child", "parent")]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("rest", ["wait", "exit 0"], ids=["waits", "leaves a child"])
@on_real_clock
async def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path, rest: str) -> None:
    """A script's `curl` would otherwise stay, one more with each run."""
    command = [program(tmp_path, HANGS.format(folder=tmp_path, rest=rest))]
    with pytest.raises(ProcessFailed, match="did not end within 1 s"):
        await run_bounded(command, seconds=1, most_bytes=1000)
    for pid in pids(tmp_path):
        await gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@on_real_clock
async def test_a_program_whose_task_is_cancelled_is_killed(tmp_path: Path) -> None:
    """The client has gone, or the server stops."""
    begun = tmp_path / "begun"
    rest = f"mkfifo '{begun}.pipe'; : > '{begun}'; wait"
    command = [program(tmp_path, HANGS.format(folder=tmp_path, rest=rest))]
    async with trio.open_nursery() as nursery:

        async def run() -> None:
            await run_bounded(command, seconds=PATIENCE_S, most_bytes=1000)

        nursery.start_soon(run)
        while not await trio.Path(begun).exists():  # noqa: ASYNC110  another program's file
            await trio.sleep(0.005)
        nursery.cancel_scope.cancel()
    for pid in pids(tmp_path):
        await gone(pid)


@pytest.mark.parametrize(
    ("errors", "line"),
    [
        (b"", ""),
        (b"\n\n", ""),
        (b"first\nlast line\n\n", "last line"),
        (b"token eyJhbGciOiJIUzI1NiJ9.abc refused", "token … refused"),
        (b"key='abcdefghijklmnopqrstuvwxyz'", "key='…'"),
        (b"\x1b[31mred\x1b[0m \xff", "[31mred [0m �"),
        (b"a b " * 100, "a b " * 50),
    ],
)
def test_errors_are_logged_as_one_masked_line(errors: bytes, line: str) -> None:
    """They may hold a token; a word that is long enough for one is left out."""
    assert masked(errors) == line
