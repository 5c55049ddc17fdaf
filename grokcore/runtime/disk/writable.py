"""Whether a folder can be written to, found out by writing."""

from __future__ import annotations

import tempfile
from pathlib import Path

__all__ = ["writing_fault"]


def writing_fault(folder: Path) -> str:
    """The reason why nothing can be written in *folder*, in the system's words; empty if it can.

    A nameless file is written into it, and vanishes at once. Permissions are not enough: the disk
    may be full, or mounted for reading only.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"grok2api")
            file.flush()
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""
