"""The data directory: made for its user, held once, and of no harm where it is of no use."""

from __future__ import annotations

import errno
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import frozen

from grokcore.runtime.disk import data_dir
from grokcore.runtime.disk.data_dir import DataDirectory, DirectoryTaken
from grokcore.runtime.disk.state_file import StateFile
from tests.runtime.disk.states import POSIX_ONLY, FaultyDisk, another_process, failing


def test_a_folder_is_made_for_this_user_only(tmp_path: Path) -> None:
    """With all that is above it."""
    with DataDirectory.hold(tmp_path / "above" / "data") as held:
        assert held.fault == ""
        for made in (held.path, held.path.parent):
            assert made.is_dir()
            if os.name == "posix":
                assert made.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    """Nothing is made in it, and its permissions are its owner's."""
    tmp_path.chmod(0o755)
    with DataDirectory.hold(tmp_path) as held:
        assert held.fault == ""
        if os.name == "posix":
            assert list(tmp_path.iterdir()) == []
            assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_folder_is_held_once(tmp_path: Path) -> None:
    """The second one's error names the folder, in one line; after the first's release it can be
    held.
    """
    with DataDirectory.hold(tmp_path) as held:
        disk = FaultyDisk()
        with disk.installed(), pytest.raises(DirectoryTaken) as refused:
            DataDirectory.hold(tmp_path)
        assert disk.open == set()
        assert (
            str(refused.value)
            == f"{tmp_path}: another grok2api uses this data directory; give each one its own"
        )
    held.release()

    with DataDirectory.hold(tmp_path):
        pass


@POSIX_ONLY
def test_a_folder_is_held_by_one_process_and_no_longer_than_it_lives(tmp_path: Path) -> None:
    """Another process is refused while the first lives; a first that was killed with SIGKILL leaves
    nothing in the way.
    """
    with another_process("hold", tmp_path) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(DirectoryTaken, match=re.escape(str(tmp_path))):
            DataDirectory.hold(tmp_path)
        first.send_signal(signal.SIGKILL)
        first.wait(10)

    with DataDirectory.hold(tmp_path) as held:
        assert held.fault == ""
        with another_process("hold", tmp_path) as second:
            assert second.stdout is not None
            assert second.stdout.readline().startswith(
                f"{tmp_path}: another grok2api uses this data directory"
            )
            assert second.wait(10) == 0


@frozen
class Unusable:
    """A folder that can't be used, and the message about it."""

    name: str
    fault: str
    prepare: Callable[[Path, pytest.MonkeyPatch], None]


def unlockable(number: int) -> Callable[[Path, pytest.MonkeyPatch], None]:
    return lambda _, patch: patch.setattr(data_dir, "_lock", failing(number))


UNUSABLE = [
    Unusable("a file in its place", "is not a folder", lambda path, _: path.touch()),
    Unusable("a link to nowhere", "is not a folder", lambda path, _: path.symlink_to("nowhere")),
    Unusable("may not be made", os.strerror(errno.EACCES), lambda _, patch: patch.setattr(os, "mkdir", failing(errno.EACCES))),
    Unusable("no room for it", os.strerror(errno.EROFS), lambda _, patch: patch.setattr(os, "mkdir", failing(errno.EROFS))),
    Unusable("may not be opened", os.strerror(errno.EACCES), lambda _, patch: patch.setattr(os, "open", failing(errno.EACCES))),
    Unusable("no locks left", os.strerror(errno.ENOLCK), unlockable(errno.ENOLCK)),
    Unusable("no locks there", os.strerror(errno.EOPNOTSUPP), unlockable(errno.EOPNOTSUPP)),
    Unusable("no locks on folders there", os.strerror(errno.EBADF), unlockable(errno.EBADF)),
]  # fmt: skip


@pytest.mark.parametrize("case", UNUSABLE, ids=lambda case: case.name)
def test_a_folder_that_is_of_no_use_stops_nobody(
    case: Unusable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server runs without one; why is there to be logged and shown."""
    path = tmp_path / "data"
    disk = FaultyDisk()
    with disk.installed(), monkeypatch.context() as patch:
        case.prepare(path, patch)
        held = DataDirectory.hold(path)

    assert disk.open == set()
    assert held.fault.startswith("it can't be ")
    assert case.fault in held.fault
    assert StateFile(path / "state.jsonl").load() == {}
    held.release()


def test_a_file_above_the_folder_stops_nobody(tmp_path: Path) -> None:
    """There is no state then, and no way to set anything aside."""
    (tmp_path / "file").touch()
    held = DataDirectory.hold(tmp_path / "file" / "data")

    assert "is not a folder" in held.fault
    assert StateFile(held.path / "state.jsonl").load() == {}
