"""Files and programs of an owner, for the sources of credentials."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from grokcore.runtime.disk.files import read_regular
from grokcore.runtime.disk.watch import Fingerprint, fingerprint
from grokcore.runtime.lanes.official import file_at_use
from grokcore.runtime.lanes.official.cli_session import CliSessionFile
from grokcore.runtime.lanes.official.client_version import ClientVersion
from grokcore.runtime.lanes.official.credentials import CredentialSource

AT = 1_795_000_000.0
"""The time of the tests' wall clock, in seconds since 1970."""

OIDC = "https://auth.x.ai::client"


def session(token: str = "token-1", *, expires_at: float = AT + 3600, **fields: object) -> bytes:
    entry = {"key": token, "refresh_token": "refresh-1", "expires_at": expires_at, **fields}
    return json.dumps({OIDC: entry}).encode()


def cli_source(
    path: Path, *, version: str = "1.0.30", wall: Iterator[float] | None = None
) -> CliSessionFile:
    """The session in a file, on a wall clock that stands still or gives the times of *wall*."""
    clock = (lambda: AT) if wall is None else (lambda: next(wall))
    return CliSessionFile(path, ClientVersion(version, path, ""), clock)


def secret(source: CredentialSource) -> str | None:
    return None if source.current is None else source.current.secret


def look_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between two looks at a file."""
    monkeypatch.setattr(file_at_use, "LOOK_EVERY_S", 0.0)


def counted(monkeypatch: pytest.MonkeyPatch) -> tuple[list[Path], list[Path]]:
    """The looks at files and the readings of files from now on."""
    looks: list[Path] = []
    readings: list[Path] = []

    def look(paths: list[Path]) -> Fingerprint:
        looks.extend(paths)
        return fingerprint(paths)

    def read(path: Path, most_bytes: int) -> bytes:
        readings.append(path)
        return read_regular(path, most_bytes)

    monkeypatch.setattr(file_at_use, "fingerprint", look)
    monkeypatch.setattr(file_at_use, "read_regular", read)
    return looks, readings


def program(folder: Path, script: str, name: str = "program") -> str:
    """A program in *folder*; it writes a line to the file ``runs`` there each time that it runs."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho run >> '{folder}/runs'\n{script}\n")
    path.chmod(0o700)
    return str(path)


def runs(folder: Path) -> int:
    counted = folder / "runs"
    return len(counted.read_text().splitlines()) if counted.exists() else 0


def rewrite(path: Path, data: bytes) -> None:
    """As a careful writer does: another file takes its place."""
    new = path.with_suffix(".new")
    new.write_bytes(data)
    new.replace(path)


def write_over(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def write_unseen(path: Path, data: bytes) -> None:
    """Content of the same length, within the same tick of the file's clock."""
    before = path.stat()
    assert before.st_size == len(data)
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def remove(path: Path) -> None:
    path.unlink()


async def at_once(*tasks: CredentialSource, stale: str = "") -> None:
    async with trio.open_nursery() as nursery:
        for source in tasks:

            async def refresh(source: CredentialSource = source) -> None:
                await source.refresh(stale=stale)

            nursery.start_soon(refresh)
