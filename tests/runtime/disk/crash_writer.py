"""Processes that are killed: writers of a state file, and a holder of a data directory.

``python -m tests.runtime.disk.crash_writer kill FILE ROUNDS`` forks a writer per round and kills it
with SIGKILL at some moment of its work. Then the file must be readable, with no record older than
the last acknowledged write. Prints its figures as JSON; the first broken promise ends it with a
traceback. (Forks, since a Python and its imports per round would take minutes.)

``python -m tests.runtime.disk.crash_writer hold FOLDER`` prints ``held`` or why not, then waits for
the end of its input.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import struct
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from attrs import asdict, define

from grokcore.errors import ConfigError
from grokcore.runtime.disk.data_dir import DataDirectory
from grokcore.runtime.disk.state_file import StateFile

RECORDS = 50
APPENDS = 3
"""After each whole."""
LONGEST_S = 0.008
ACK = struct.Struct("=Q")


@define
class Figures:
    """Figures of all rounds."""

    kills: int = 0
    rounds_with_ack: int = 0
    saves: int = 0
    strays: int = 0
    """Rounds whose kill landed in a write."""
    torn: int = 0
    """Rounds whose kill has left a part of an append."""
    ahead: int = 0
    """Rounds whose kill landed between the replacing of the file and the acknowledgement."""


def state(number: int) -> Mapping[str, bytes]:
    """A state all of whose records have its number, so that a mix of two shows."""
    return {f"k{i}": b'{"key":"k%d","number":%d}' % (i, number) for i in range(RECORDS)}


def write_for_ever(file: StateFile, number: int, acks: int) -> None:
    """Write higher and higher numbers, a whole and then some changes of it, and acknowledge each
    once it is written.

    Ends when nobody listens any more.
    """
    with contextlib.suppress(BrokenPipeError):
        while True:
            number += 1
            size = file.save(state(number))
            os.write(acks, ACK.pack(number))
            for _ in range(APPENDS):
                number += 1
                size = file.append([*state(number).values()], size)
                os.write(acks, ACK.pack(number))


def kill_a_writer(file: StateFile, number: int, *, ack_first: bool, after_s: float) -> list[int]:
    """Let a writer go on from *number* and kill it after some seconds. Returns what it had
    acknowledged.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            write_for_ever(file, number, writer)
        finally:
            os._exit(1)
    os.close(writer)
    if ack_first:
        select.select([reader], [], [], 5)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, f"it ended by itself: {status}"
    with os.fdopen(reader, "rb") as pipe:
        return [acked for (acked,) in ACK.iter_unpack(pipe.read())]


def numbers_in(file: StateFile) -> tuple[int, int]:
    """The oldest and the newest number in the file; 0 if there is none. Of an append, the first
    lines may be there.
    """
    records = file.load()
    assert len(records) in {0, RECORDS}, len(records)
    numbers = [int(str(record["number"])) for record in records.values()] or [0]
    assert numbers == sorted(numbers, reverse=True), f"a mix: {numbers}"
    return numbers[-1], numbers[0]


def names_beside(file: StateFile) -> set[str]:
    """Everything in the file's folder but the file."""
    return {path.name for path in file.path.parent.iterdir()} - {file.path.name}


def kill_writers(file: StateFile, rounds: int) -> Figures:
    """Kill as many writers, one after another, and look at what each has left."""
    figures = Figures()
    delays = [LONGEST_S * i / rounds for i in range(rounds)]
    random.shuffle(delays)
    oldest = number = 0
    for i, delay in enumerate(delays):
        acked = kill_a_writer(file, number, ack_first=i % 3 == 0, after_s=delay)
        figures.kills += 1
        figures.rounds_with_ack += bool(acked)
        figures.saves += len(acked)
        figures.strays += names_beside(file) != set()
        # Without an acknowledgement the file may be as the writer before left it: with the first
        # lines of an append.
        known, newest = max(acked, default=oldest), max(acked, default=number)
        oldest, number = numbers_in(file)
        # A writer that was killed between the two has written one that it could not acknowledge.
        assert known <= oldest <= number <= newest + 1, (
            f"{oldest} to {number} in the file, {known} was acknowledged"
        )
        figures.torn += oldest < number
        figures.ahead += number > known
        assert names_beside(file) == set(), "something was left or set aside"
    return figures


def hold(folder: Path) -> None:
    """Hold *folder* until the input ends."""
    try:
        with DataDirectory.hold(folder) as directory:
            print(directory.fault or "held", flush=True)
            sys.stdin.read()
    except ConfigError as error:
        print(error, flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["kill", path, rounds]:
            print(json.dumps(asdict(kill_writers(StateFile(Path(path)), int(rounds)))))
        case ["hold", path]:
            hold(Path(path))
        case _:
            sys.exit(__doc__)
