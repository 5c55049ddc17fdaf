"""Replacing a file: whatever fails, it is the old one or the new one; and one editor at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from grokcore.runtime.disk.files import locked, replace_file, sweep
from tests.disks import Disk, disks, mode

OLD, NEW = b"the old one\n", b"the new one, which is longer\n" * 3


@pytest.fixture
def umask() -> Iterator[None]:
    """A umask that removes no permissions, so that the code must."""
    before = os.umask(0)
    yield
    os.umask(before)


# Replacing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", [OLD, None], ids=["a file", "none"])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_whatever_fails_the_file_is_the_old_one_or_the_new_one(
    error: type[BaseException], old: bytes | None, tmp_path: Path
) -> None:
    """Each call in turn: the old one with nothing beside it; only the last step, the folder's
    flush, comes after the new.
    """
    path = tmp_path / "file"
    for disk in disks(error):
        path.unlink(missing_ok=True)
        if old is not None:
            path.write_bytes(old)
        with disk.in_use(), contextlib.suppress(error):
            replace_file(path, NEW, owner=(os.getuid(), os.getgid()))
        replaced = "replace" in disk.calls and disk.calls[-1] != "replace"
        content = path.read_bytes() if path.exists() else None
        assert content == (NEW if replaced or not disk.failed else old), disk
        assert {entry.name for entry in tmp_path.iterdir()} <= {"file"}, disk
    assert {"open", "write", "fchmod", "fsync", "close", "replace"} <= set(disk.calls)


def test_a_disk_that_takes_little_at_a_time_gets_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write may write less than it was given."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))
    replace_file(tmp_path / "file", NEW)
    assert (tmp_path / "file").read_bytes() == NEW


def test_it_is_on_the_disk_before_it_is_in_its_place(tmp_path: Path) -> None:
    """The new name is on the disk before the call returns."""
    disk = Disk()
    with disk.in_use():
        replace_file(tmp_path / "file", NEW)
    steps = [name for name in disk.calls if name in ("write", "fsync", "replace")]
    assert steps == ["write", "fsync", "replace", "fsync"]


def test_a_link_stays_one(tmp_path: Path) -> None:
    """The file that it leads to is replaced, where it is."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "file").write_bytes(OLD)
    link = tmp_path / "link"
    link.symlink_to(folder / "file")

    replace_file(link, NEW)

    assert link.is_symlink()
    assert (folder / "file").read_bytes() == NEW
    assert [entry.name for entry in folder.iterdir()] == ["file"]


@pytest.mark.usefixtures("umask")
def test_nobody_else_may_read_it_unless_that_is_said(tmp_path: Path) -> None:
    """Not even while it is written; nor does the one that was there decide."""
    path = tmp_path / "file"
    path.write_bytes(OLD)
    assert mode(path) == 0o666
    replace_file(path, NEW)
    assert mode(path) == 0o600


@pytest.mark.parametrize("wanted", [0o640, 0o400, 0o664])
def test_permissions_that_are_said_are_given(wanted: int, tmp_path: Path) -> None:
    """The umask has no effect."""
    path = tmp_path / "file"
    before = os.umask(0o077)
    try:
        replace_file(path, NEW, mode=wanted)
    finally:
        os.umask(before)
    assert mode(path) == wanted


@frozen
class Giving:
    """Users that a file may be given to, the calls made, and its permissions afterwards, of 0o664."""

    name: str
    allowed: list[tuple[int, int]]
    tried: list[tuple[int, int]]
    mode: int


GIVINGS = [
    Giving("root", [(7, 8)], [(7, 8)], 0o664),
    Giving("one of the group", [(-1, 8)], [(7, 8), (-1, 8)], 0o664),
    Giving("a stranger", [], [(7, 8), (-1, 8)], 0o600),
]


@pytest.mark.parametrize("case", GIVINGS, ids=lambda case: case.name)
def test_a_file_stays_its_owners(
    case: Giving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Edited by root, the server can still read it; and permissions for a group are never given to
    another one.
    """
    tried = []

    def fchown(_: int, user: int, group: int) -> None:
        tried.append((user, group))
        if (user, group) not in case.allowed:
            raise PermissionError

    monkeypatch.setattr(os, "fchown", fchown)
    replace_file(tmp_path / "file", NEW, mode=0o664, owner=(7, 8))
    assert tried == case.tried
    assert mode(tmp_path / "file") == case.mode


def test_what_killed_writers_left_is_swept(tmp_path: Path) -> None:
    """Of this file only, whatever its name; beside the file itself, not beside a link to it."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    kept = {"a[1].json", ".a[1].json.tmp", ".a1.json.0a.tmp", ".a[1].json.bak.0a.tmp2", ".b.0a.tmp"}
    for name in [*kept, ".a[1].json.0a1b2c3d.tmp", ".a[1].json.00000000.tmp"]:
        (folder / name).touch()
    link = tmp_path / "link"
    link.symlink_to(folder / "a[1].json")
    (folder / ".a[1].json.dir.tmp").mkdir()

    sweep(link)

    assert {entry.name for entry in folder.iterdir()} == {*kept, ".a[1].json.dir.tmp"}


# One at a time ----------------------------------------------------------------------------------


def test_a_second_editor_waits_for_the_first(tmp_path: Path) -> None:
    """The second reports that it waits, and reads the first's content. The lock file is removed."""
    path = tmp_path / "file"
    path.write_bytes(b"0")
    asked = threading.Event()

    def edit() -> None:
        with locked(path, waiting=asked.set):
            path.write_bytes(path.read_bytes() + b"2")

    thread = threading.Thread(target=edit)
    with locked(path):
        before = path.read_bytes()
        thread.start()
        assert asked.wait(10)
        path.write_bytes(before + b"1")
    thread.join()

    assert path.read_bytes() == b"012"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_many_editors_lose_nothing(tmp_path: Path) -> None:
    """Though the lock's file is taken away and made anew under those who wait for it."""
    path = tmp_path / "file"
    path.write_text("0")
    start = threading.Barrier(8)

    def edit() -> None:
        start.wait()
        for _ in range(20):
            with locked(path):
                path.write_text(str(int(path.read_text()) + 1))

    threads = [threading.Thread(target=edit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() == "160"


def test_an_editor_that_fails_lets_go(tmp_path: Path) -> None:
    """The next one does not wait."""
    with pytest.raises(ValueError, match="mine"), locked(tmp_path / "file"):
        raise ValueError("mine")
    with locked(tmp_path / "file", waiting=lambda: pytest.fail("waits")):
        pass
    assert list(tmp_path.iterdir()) == []


def test_files_in_one_folder_have_a_lock_each_and_a_link_has_that_of_its_file(
    tmp_path: Path,
) -> None:
    """The folder itself is not locked: it may be the server's data directory."""
    (tmp_path / "a").touch()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "a")
    with locked(tmp_path / "a"), locked(tmp_path / "b", waiting=lambda: pytest.fail("waits")):
        assert not (tmp_path / ".link.lock").exists()
        descriptor = os.open(tmp_path, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(descriptor)
    with locked(link):
        assert (tmp_path / ".a.lock").exists()


def test_a_file_system_without_locks_can_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems are so; two editors at once are rare."""

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with locked(tmp_path / "file"):
        pass
