"""The CPU time and memory of a process, read from outside."""

from __future__ import annotations

import re
import time
from pathlib import Path

__all__ = ["cpu_s", "rss_kb"]


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
