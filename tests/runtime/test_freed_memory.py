"""Settings of the C library, in processes of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, sys
from grokcore.runtime.freed_memory import keep_large_blocks_apart

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "abcdefghij"]

library = ctypes.CDLL(None)
for name, kinds in (("malloc", [ctypes.c_size_t]), ("calloc", [ctypes.c_size_t] * 2)):
    getattr(library, name).argtypes, getattr(library, name).restype = kinds, ctypes.c_void_p
library.free.argtypes = [ctypes.c_void_p]
try:
    library.mallinfo2.restype = Info
except AttributeError:
    sys.exit("no glibc")
if sys.argv[1] == "asked":
    assert keep_large_blocks_apart()
library.free(library.malloc(300_000))
before = library.mallinfo2().d
blocks = [library.calloc(1, 131_112) for _ in range(10)]
print(library.mallinfo2().d - before)
"""


@pytest.mark.parametrize(("asked", "mapped"), [("asked", 10), ("not asked", 0)])
def test_large_blocks_stay_mappings_of_their_own(asked: str, mapped: int) -> None:
    """Also after one was freed: otherwise each websocket costs libcurl's two buffers of 128 kB in
    full, of which a few kB are used.
    """
    command = [sys.executable, "-c", SCRIPT, asked]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if done.stderr.startswith("no glibc"):
        pytest.skip("the C library is not glibc")
    assert (done.stdout, done.stderr) == (f"{mapped}\n", "")
