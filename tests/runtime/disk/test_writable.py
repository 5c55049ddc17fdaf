"""Whether a folder can be written to."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest

from grokcore.runtime.disk.writable import writing_fault


def test_a_folder_that_can_be_written_stays_as_it_was(tmp_path: Path) -> None:
    """The test leaves nothing behind."""
    assert writing_fault(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_the_system_s_own_words_are_the_fault(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An owner mends another thing for each of them."""

    def fail(dir: Path) -> None:  # noqa: A002  tempfile's name
        raise OSError(number, os.strerror(number), str(dir))

    monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    assert writing_fault(tmp_path) == os.strerror(number)


def test_a_folder_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    """It is not made here."""
    assert writing_fault(tmp_path / "none") == os.strerror(errno.ENOENT)
