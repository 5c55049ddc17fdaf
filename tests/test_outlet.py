"""Writing without waiting: order, lost lines and their count, and an end in time."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from grokcore.config import GlobalConfig, LogFormat
from grokcore.logs import configure_logging, stderr_without_waiting
from grokcore.outlet import MOST_CHARS, Outlet

PATIENCE_S = 10.0


class Gate:
    """A sink that lets writes through when it is open."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Event()
        self.faults: list[OSError] = []
        self.at_most = 1_000_000
        self.data = b""

    def __call__(self, data: memoryview) -> int:
        self.entered.set()
        assert self.opened.wait(PATIENCE_S)
        if self.faults:
            raise self.faults.pop()
        taken = bytes(data[: self.at_most])
        self.data += taken
        return len(taken)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


def outlet_over(gate: Gate, *, most_chars: int = MOST_CHARS) -> Outlet:
    outlet = Outlet(gate, most_chars=most_chars)
    outlet.start()
    return outlet


def test_lines_come_out_whole_and_in_order(gate: Gate) -> None:
    """Pieces of a line are put together; one that has no end gets it when there is no more."""
    outlet = outlet_over(gate)
    gate.opened.set()
    for text in ("a", "b\n", "c\nd\ne", "", "f", "\n", "é\ud800\n", "last"):
        assert outlet.write(text) == len(text)
    assert outlet.finish(PATIENCE_S)
    assert gate.data == "ab\nc\nd\nef\né\\ud800\nlast\n".encode()


def test_nobody_waits_and_what_is_lost_is_counted_in_its_place(gate: Gate) -> None:
    """The oldest lines stay and the newest are lost, counted as lines and not as writes. Later ones
    are taken again.
    """
    outlet = outlet_over(gate, most_chars=10_000)
    outlet.write("first\n")
    assert gate.entered.wait(PATIENCE_S)  # it hangs in its first write
    for number in range(1000):
        outlet.write(f"{number:03d}\n{number:03d}\n")
    gate.opened.set()
    assert outlet.drain(PATIENCE_S)
    outlet.write("after\n")
    assert outlet.finish(PATIENCE_S)
    first, *rest, notice, after = gate.data.decode().splitlines()
    assert (first, after) == ("first", "after")
    assert rest == [f"{number:03d}" for number in range(len(rest) // 2) for _ in range(2)]
    assert notice == f"{2000 - len(rest)} lines were dropped"
    assert 100 < len(rest) < 1000


def test_the_count_comes_without_another_line(gate: Gate) -> None:
    """As soon as half the room is free, or at the end."""
    outlet = outlet_over(gate, most_chars=500)
    for _ in range(100):
        outlet.write("x" * 50 + "\n")
    gate.opened.set()
    assert outlet.drain(PATIENCE_S)
    assert gate.data.endswith(b" lines were dropped\n")
    assert gate.data.count(b"dropped") == 1
    assert outlet.finish(PATIENCE_S)


def test_what_waits_is_bounded(gate: Gate) -> None:
    """The bound holds during a write too."""
    outlet = outlet_over(gate)
    for _ in range(3000):
        outlet.write("x" * 999 + "\n")
    assert outlet._size < MOST_CHARS + 2000
    assert sum(map(len, outlet._waiting)) < MOST_CHARS + 2000


def test_the_end_does_not_wait_for_a_sink_that_hangs(gate: Gate) -> None:
    """It returns False, and everything written later is ignored."""
    outlet = outlet_over(gate)
    outlet.write("a\n")
    began = time.monotonic()
    assert not outlet.finish(0.05)
    assert time.monotonic() - began < 5
    assert outlet.write("late\n") == 5
    gate.opened.set()
    outlet._thread.join(PATIENCE_S)
    assert gate.data == b"a\n"


@pytest.mark.parametrize(
    "fault", [errno.ENOSPC, errno.EAGAIN, errno.EPIPE, errno.EIO], ids=errno.errorcode.get
)
def test_a_write_that_fails_is_tried_again(
    fault: int, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full for a while, a reader that comes back, a descriptor that does not block:
    nothing is lost.
    """
    monkeypatch.setattr("grokcore.outlet.RETRY_S", 0.001)
    outlet = outlet_over(gate)
    gate.faults = [OSError(fault, "no") for _ in range(5)]
    gate.at_most = 3
    outlet.write("one line\n")
    gate.opened.set()
    assert outlet.drain(PATIENCE_S)
    assert gate.data == b"one line\n"
    assert outlet.finish(PATIENCE_S)


def test_the_end_does_not_wait_for_a_full_disk(gate: Gate) -> None:
    """A write that fails then has no second try."""
    outlet = outlet_over(gate)
    gate.faults = [OSError(errno.ENOSPC, "no") for _ in range(100)]
    gate.opened.set()
    outlet.write("a\n")
    assert outlet.finish(PATIENCE_S)
    assert gate.data == b""


def test_a_pipe_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real one, in both formats of the log: everything that is said on stderr returns, and comes
    out later.
    """
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w")
    monkeypatch.setattr(sys, "stderr", stream)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        with stderr_without_waiting():
            configure_logging(GlobalConfig(log_format=LogFormat.JSON))
            log = logging.getLogger("grokcore.t")
            for number in range(20_000):
                log.info("line %d", number)
            print("ready", file=sys.stderr, flush=True)
            reader = threading.Thread(
                target=_read_all, args=(reading, found := bytearray()), daemon=True
            )
            reader.start()
            while b"dropped here" not in found:  # the suite's watchdog bounds it
                time.sleep(0.01)
            log.info("the last")
        assert sys.stderr is stream
    finally:
        root.handlers[:], root.level = before
        stream.close()
    reader.join()
    entries = [json.loads(line) for line in found.decode().splitlines() if line != "ready"]
    *lines, notice, last = [entry["message"] for entry in entries]
    assert lines == [f"line {number}" for number in range(len(lines))]
    missing = 20_000 - len(lines) + 1 - found.count(b"ready")
    assert f": {missing} lines were dropped here" in notice
    assert (last, entries[-2]["level"]) == ("the last", "WARNING")


def _read_all(descriptor: int, found: bytearray) -> None:
    while data := os.read(descriptor, 65536):
        found += data
    os.close(descriptor)


def test_without_stderr_everything_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """``2>&-``: Python has no stream then, and ``print`` would take stdout instead."""
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", stdout := io.StringIO())
    with stderr_without_waiting():
        print("ready", file=sys.stderr, flush=True)
        assert not sys.stderr.isatty()
        with pytest.raises(io.UnsupportedOperation):
            sys.stderr.fileno()
    assert sys.stderr is None
    assert stdout.getvalue() == ""


def test_a_stream_without_a_descriptor_is_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where a console's descriptor has another encoding."""
    monkeypatch.setattr(sys, "stderr", stderr := io.StringIO())
    with stderr_without_waiting():
        print("ready €", file=sys.stderr)
    assert stderr.getvalue() == "ready €\n"


def test_lines_of_several_processes_are_not_mixed_within() -> None:
    """A pipe takes 4096 bytes as a whole. A line that is longer goes alone."""
    writes: list[bytes] = []

    def sink(data: memoryview) -> int:
        writes.append(bytes(data))
        return len(data)

    outlet = Outlet(sink, shared=True)
    lines = [
        f"{number} {'x' * length}\n" for number, length in enumerate((3000, 1000, 200, 9000, 3))
    ]
    outlet.write("".join(lines))
    outlet.start()
    assert outlet.finish()
    assert [one.decode() for one in writes] == ["".join(lines[:2]), *lines[2:]]
