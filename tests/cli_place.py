"""A folder in which commands start, with files laid out in it."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import pytest

import grokcore.cli.serve

ROOT = Path(__file__).parents[1]

Files: TypeAlias = Mapping[str, str | bytes | None]
"""Names and contents; None is a folder."""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start in, an environment without our variables, and a process that stays
    as it is.
    """
    start_in(tmp_path, monkeypatch)
    monkeypatch.setattr(faulthandler, "enable", lambda: None)
    monkeypatch.setattr(grokcore.cli.serve, "configure_logging", lambda *_, **__: None)
    return tmp_path


def start_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in *folder* with an environment without our variables."""
    monkeypatch.chdir(folder)
    for name in [*os.environ]:
        if name.startswith(("GROK2API_", "LC_", "LANG")) or name == "STATE_DIRECTORY":
            monkeypatch.delenv(name)


def lay_out(place: Path, files: Files) -> None:
    """Write *files*."""
    for name, content in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir()
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())


def contents(place: Path) -> dict[str, bytes | None]:
    """Everything below *place*."""
    return {
        str(path.relative_to(place)): path.read_bytes() if path.is_file() else None
        for path in place.rglob("*")
    }
