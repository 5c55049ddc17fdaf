"""``tokens remove``."""

from __future__ import annotations

import argparse

from ...errors import ConfigError
from ...protocol.token_file.editing import Outcome, removed
from .file import any_changed, backup_of, edit, needed_file

__all__ = ["remove_tokens"]


def remove_tokens(arguments: argparse.Namespace) -> int:
    """Remove the tokens that the ids name, and report what became of each id.

    :raises ConfigError: if the token file is at fault or missing.
    """
    path = needed_file(arguments)

    def change(data: bytes | None) -> tuple[bytes | None, list[Outcome]]:
        if data is None:
            raise ConfigError("there is no such file")
        new, outcomes = removed(data, arguments.id)
        return (new if any_changed(outcomes) else None), outcomes

    outcomes = edit(path, change)
    for number, outcome in enumerate(outcomes, 1):
        print(
            f"{outcome.id}: {outcome.result.value}"
            if outcome.id
            else f"argument {number} {outcome.result.value}"
        )
    if any_changed(outcomes):
        print(f"{backup_of(path).name} has the file as it was, with the removed tokens")
    return 1 if any(outcome.refused for outcome in outcomes) else 0
