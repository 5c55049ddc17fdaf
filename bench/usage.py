"""The CPU time and memory of processes, read from outside."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

__all__ = ["cpu_s", "idle_s", "rss_kb", "tree_of"]


def cpu_s(pid: int) -> float:
    """CPU seconds of all its threads, those that have ended too.

    This is the sum of utime and stime in ``/proc/<pid>/stat``, read through the process's clock
    (clock_getcpuclockid(3)): that file counts in steps of 10 ms, which one stream's tokens take a
    second to fill.
    """
    return time.clock_gettime((~pid << 3) | 2)


def rss_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    return int(found.group(1)) if found else 0


def tree_of(pid: int) -> list[int]:
    """The process, its children and theirs: a server of several workers is all of them."""
    found = [pid]
    for parent in found:  # grows meanwhile
        with contextlib.suppress(OSError):  # it has ended
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def idle_s() -> float:
    """Seconds that the machine's cores have been idle, all together."""
    ticks = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return int(ticks[4]) / 100  # USER_HZ
