"""A media cache, its folder, and the two ways to keep a file."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path

import pytest

from grokcore.runtime.disk.media_cache import MediaCache, MediaFile

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
MUCH = 10**9
HOUR_S = 3600.0


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def some_name(extension: str = "png") -> str:
    return f"{secrets.token_hex(16)}.{extension}"


def left_behind(folder: Path, *, size: int = 10, used_s_ago: float = HOUR_S, name: str = "") -> str:
    """A file of an earlier run; its name."""
    path = folder / (name or some_name())
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    when = time.time() - used_s_ago
    os.utime(path, (when, when))
    return path.name


async def loaded(folder: Path, most_bytes: int = MUCH) -> MediaCache:
    """The cache as a server has it after its start."""
    cache = MediaCache(folder, most_bytes)
    await cache.load()
    return cache


async def opened(cache: MediaCache, name: str) -> MediaFile:
    file = await cache.open(name)
    assert file is not None
    return file


async def content(cache: MediaCache, name: str) -> bytes:
    async with contextlib.aclosing(await opened(cache, name)) as file:
        return await file.read(0, file.entry.size)


async def put_in_pieces(cache: MediaCache, *pieces: bytes) -> str:
    async with cache.writer("mp4") as writer:
        for piece in pieces:
            await writer.write(piece)
        return await writer.keep()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


PUTS = [
    pytest.param(lambda cache: cache.put(PICTURE, "png"), id="whole"),
    pytest.param(lambda cache: put_in_pieces(cache, PICTURE[:7], b"", PICTURE[7:]), id="in pieces"),
]
"""The two ways in, for the same content."""
