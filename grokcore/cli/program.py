"""The program's name, and the command that runs it, as its owner has installed it."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["command", "program"]


def program() -> str:
    """The program's name as the owner typed it: ``grok2api.py``, ``grok2api.pyz``, the console
    script, or a module.
    """
    name = Path(sys.argv[0]).name
    if name == "__main__.py":
        return "python3 -m grokcore"
    return name if name.startswith("grok2api") else "grok2api"


def command() -> str:
    """The words that begin a command line, in the folder of the program."""
    name = program()
    if name.endswith(".py"):
        return f"python3 {name}"
    return f"./{name}" if name.endswith(".pyz") else name
