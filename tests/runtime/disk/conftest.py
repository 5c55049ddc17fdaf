"""Fixtures of the tests of the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from grokcore.runtime.disk.state_file import StateFile


@pytest.fixture
def file(tmp_path: Path) -> StateFile:
    """A state file in a folder of its own."""
    folder = tmp_path / "data"
    folder.mkdir()
    return StateFile(folder / "state.jsonl")
