"""Fixtures of the tests of the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grokcore.runtime.disk.state_file import StateFile


@pytest.fixture
def file(tmp_path: Path) -> StateFile:
    """A state file in a folder of its own."""
    folder = tmp_path / "data"
    folder.mkdir()
    return StateFile(folder / "state.jsonl")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that does not exist yet, in another that does not."""
    return tmp_path / "data" / "media"


@pytest.fixture
def fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that flushes nothing."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
