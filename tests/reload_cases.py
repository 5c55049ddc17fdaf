"""Configurations that several tests of the reload share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def rubbish(content: str | bytes) -> Callable[[Path], object]:
    """The file with another content."""
    return lambda path: path.write_bytes(
        content if isinstance(content, bytes) else content.encode()
    )


def to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
