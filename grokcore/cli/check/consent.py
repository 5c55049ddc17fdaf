"""The owner's consent to questions that count against the allowance."""

from __future__ import annotations

import sys

from ...errors import ConfigError
from ..redaction import without_secrets
from ..tables import printable

__all__ = ["agreed", "refuse_without_person", "show"]


def refuse_without_person(flag: str) -> None:
    """Refuse questions that no person can agree to.

    :param flag: asks for them.
    :raises ConfigError: if there is no terminal to ask at.
    """
    if not sys.stdin.isatty():
        raise ConfigError(
            f"{flag}: costs questions of your allowance, and there is no terminal to ask you at; "
            "add --yes if you agree"
        )


def show(words: str) -> None:
    """Show *words* on stderr: stdout is for findings."""
    for line in words.splitlines():
        print(printable(without_secrets(line)), file=sys.stderr, flush=True)


def agreed() -> bool:
    """Ask the owner; Return alone is no consent."""
    print("Ask? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
