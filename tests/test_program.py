"""The program's name and command, by the way in which it was started."""

from __future__ import annotations

import sys

import pytest

from grokcore.cli.program import command, program


@pytest.mark.parametrize(
    ("started", "name", "line"),
    [
        ("/opt/grok2api/grok2api.py", "grok2api.py", "python3 grok2api.py"),
        ("dist/grok2api.pyz", "grok2api.pyz", "./grok2api.pyz"),
        ("/usr/local/bin/grok2api", "grok2api", "grok2api"),
        ("/lib/grokcore/__main__.py", "python3 -m grokcore", "python3 -m grokcore"),
        ("/usr/bin/pytest", "grok2api", "grok2api"),
    ],
)
def test_advice_names_the_command_that_the_owner_has(
    monkeypatch: pytest.MonkeyPatch, started: str, name: str, line: str
) -> None:
    """A command that is copied from the page must run."""
    monkeypatch.setattr(sys, "argv", [started])
    assert (program(), command()) == (name, line)
