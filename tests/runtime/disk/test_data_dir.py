"""A data directory that is deleted, replaced or made again while it is held."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import frozen

from grokcore.runtime.disk.data_dir import NOTE, NOTE_S, DataDirectory, DirectoryTaken

pytestmark = pytest.mark.skipif(os.name != "posix", reason="an open folder can't be deleted there")


def descriptors() -> int:
    """Number of open descriptors; 0 on systems that don't list them."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


@frozen
class Loss:
    """A way to lose a folder that is held."""

    name: str
    happens: Callable[[Path], object]


def replace(path: Path) -> None:
    path.rename(path.with_name("old"))
    path.mkdir()


LOSSES = [
    Loss("deleted", shutil.rmtree),
    Loss("moved away", lambda path: path.rename(path.with_name("old"))),
    Loss("replaced", replace),
]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_a_folder_that_is_lost_is_held_again(loss: Loss, tmp_path: Path) -> None:
    """No second server gets in, and the descriptor of the old one is given back."""
    path = tmp_path / "data"
    with DataDirectory.hold(path) as held:
        before = descriptors()
        assert held.renew() == ""
        loss.happens(path)
        assert not held.is_ours()
        assert held.renew() == ""
        assert held.is_ours()
        assert path.stat().st_mode & 0o777 in (0o700, 0o755)
        with pytest.raises(DirectoryTaken):
            DataDirectory.hold(path)
        assert descriptors() == before
    DataDirectory.hold(path).release()


def test_when_another_was_faster_both_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first writes no state any more; the second learns of it by a note, as long as the first
    runs.
    """
    path = tmp_path / "data"
    with DataDirectory.hold(path) as first:
        shutil.rmtree(path)
        with DataDirectory.hold(path) as second:
            assert second.renew() == ""
            assert "another grok2api uses it now: stop one of the two" in first.renew()
            assert not first.is_ours()
            assert "another grok2api used it before" in second.renew()
            assert second.is_ours()
            now = (path / NOTE).stat().st_mtime
            monkeypatch.setattr(time, "time", lambda: now + NOTE_S)
            assert second.renew() == ""
        assert first.renew() == ""  # the second has ended
        assert first.is_ours()


def test_a_folder_that_can_t_be_made_again_is_told_of(tmp_path: Path) -> None:
    """Once it can be made, it is held again."""
    path = tmp_path / "data"
    with DataDirectory.hold(path) as held:
        path.rmdir()
        path.touch()
        assert "something that is not a folder is in its place" in held.renew()
        path.unlink()
        assert held.renew() == ""


def test_what_was_never_held_is_not_looked_after(tmp_path: Path) -> None:
    """The fault was logged at the start."""
    (tmp_path / "file").touch()
    held = DataDirectory.hold(tmp_path / "file" / "data")
    assert held.fault
    assert held.renew() == ""
    held.release()
    assert held.renew() == ""
