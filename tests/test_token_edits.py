"""Edits of the token file on the disk: atomic, with a backup, one editor at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from attrs import frozen

from grokcore.errors import ConfigError
from grokcore.protocol.token_file.reading import parse_token_file
from grokcore.runtime.disk.files import locked
from tests.disks import Disk, disks, mode
from tests.token_desk import (
    BOTH,
    JWT,
    LIST,
    NEW,
    OTHER,
    OTHER_ID,
    Capture,
    as_json,
    names,
    place,
    run,
)

__all__ = ["place"]  # a fixture


@pytest.mark.parametrize("bits", [0o600, 0o640, 0o400, 0o644])
def test_the_permissions_stay_and_the_backup_is_its_owners_only(bits: int, place: Path) -> None:
    """Whatever the umask: a server of another user that could read the file still can, and nobody
    else.
    """
    path = place / "tokens.json"
    path.write_text("{}")
    path.chmod(bits)
    before = os.umask(0o077)
    try:
        assert run("add", JWT) == 0
    finally:
        os.umask(before)
    assert (mode(path), mode(place / "tokens.json.bak")) == (bits, 0o600)
    assert (path.stat().st_uid, path.stat().st_gid) == (os.getuid(), place.stat().st_gid)


def test_a_link_stays_one_and_the_backup_is_beside_the_file(place: Path) -> None:
    """The owner's layout stays."""
    folder = place / "elsewhere"
    folder.mkdir()
    (folder / "t.json").write_text("{}")
    (place / "tokens.json").symlink_to(folder / "t.json")
    (folder / ".t.json.0a1b2c3d.tmp").write_text("left by a killed one")

    assert run("add", JWT) == 0

    assert (place / "tokens.json").is_symlink()
    assert (folder / "t.json").read_text() == as_json({"sso": {JWT: {}}})
    assert names(folder) == {"t.json", "t.json.bak"}
    assert names(place) == {"tokens.json", "elsewhere"}


@frozen
class Edit:
    """A command, the file before it (None if there is none), and after it."""

    name: str
    words: list[str]
    before: str | None
    after: str


EDITS = [
    Edit("add", ["add", JWT], "{}", as_json({"sso": {JWT: {}}})),
    Edit("add to no file", ["add", JWT], None, NEW),
    Edit("remove", ["remove", OTHER_ID], BOTH, NEW),
    Edit("convert", ["convert"], LIST, BOTH),
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_whatever_fails_the_file_is_the_old_one_or_the_new_one(
    error: type[BaseException], edit: Edit, place: Path, capsys: Capture
) -> None:
    """Each call in turn; the backup has the old content, or is not there; nothing else that has
    tokens is left.
    """
    path, backup = place / "tokens.json", place / "tokens.json.bak"
    before, after = edit.before, edit.after
    for disk in disks(error):
        path.unlink(missing_ok=True)
        backup.unlink(missing_ok=True)
        if before:
            path.write_text(before)
        with disk.in_use(), contextlib.suppress(ConfigError, KeyboardInterrupt):
            assert run(*edit.words) == 0
            assert not failed_in_earnest(disk)
        content = path.read_text() if path.exists() else None
        assert content in (before, after), disk
        assert content == after or disk.failed
        assert (
            backup.read_text() == before if backup.exists() else content == before or before is None
        )
        assert names(place) <= {"tokens.json", "tokens.json.bak", ".tokens.json.lock"}, disk
    assert len(disk.calls) > 10
    assert names(place) == ({"tokens.json", "tokens.json.bak"} if before else {"tokens.json"})
    capsys.readouterr()


def failed_in_earnest(disk: Disk) -> bool:
    """Whether what failed was more than the closing of the lock's file, after which there is
    nothing to do.
    """
    return disk.failed and disk.fails_at < len(disk.calls)


def test_two_editors_at_once_lose_nothing(place: Path, capsys: Capture) -> None:
    """Each finds what the others have written."""
    tokens = [f"token-{number}" for number in range(8)]
    start = threading.Barrier(len(tokens))

    def add(token: str) -> None:
        start.wait()
        run("add", token)

    work(add, tokens)
    assert {entry.sso for entry in parse_token_file((place / "tokens.json").read_bytes())} == set(
        tokens
    )
    assert names(place) == {"tokens.json", "tokens.json.bak"}


def work(target: Callable[[str], None], words: Sequence[str]) -> None:
    """One thread for each word, until all have ended."""
    threads = [threading.Thread(target=target, args=(word,)) for word in words]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_who_has_to_wait_is_told_and_reads_afterwards(
    place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is read after the other one has written it, not before."""
    waits = threading.Event()
    flock = fcntl.flock

    def seen(descriptor: int, operation: int) -> None:
        if operation == fcntl.LOCK_EX:
            waits.set()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", seen)
    path = place / "tokens.json"
    thread = threading.Thread(target=run, args=("add", JWT))
    with locked(path):
        thread.start()
        assert waits.wait(10)
        path.write_text(json.dumps({"sso": {OTHER: {}}}))
    thread.join()

    assert path.read_text() == as_json({"sso": {OTHER: {}, JWT: {}}})
    assert "waiting for another program that edits tokens.json" in capsys.readouterr().err


def test_a_server_that_holds_the_data_directory_is_no_hindrance(place: Path) -> None:
    """The original project's token file is in it."""
    (place / "data").mkdir()
    (place / "data" / "token.json").write_text("{}")
    descriptor = os.open(place / "data", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert run("add", JWT) == 0
    finally:
        os.close(descriptor)


def test_a_file_that_is_mounted_on_its_own_is_explained(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can't be replaced, and containers are often set up so."""

    def replace(*_: object) -> None:
        raise OSError(16, "Device or resource busy")

    (place / "tokens.json").write_text("{}")
    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(
        ConfigError,
        match=r"^tokens\.json: can't be written: Device or resource busy; if it is mounted",
    ):
        run("add", JWT)


def test_what_is_no_file_is_not_replaced(place: Path) -> None:
    """A pipe is not even read: nobody may be writing into it."""
    os.mkfifo(place / "pipe")
    with pytest.raises(ConfigError, match=r"^pipe: can't be read: it is a pipe; it must be a file"):
        run("add", JWT, "--tokens", "pipe")
    assert stat.S_ISFIFO((place / "pipe").stat().st_mode)
