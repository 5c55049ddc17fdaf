"""``tokens convert``: a token file of any form as the JSON object that the other commands edit."""

from __future__ import annotations

import argparse

from ...errors import ConfigError
from ...protocol.token_file.editing import converted
from ...protocol.token_file.reading import notes_on, read_tokens
from ..redaction import name_of
from .file import backup_of, edit, needed_file

__all__ = ["convert_tokens"]


def convert_tokens(arguments: argparse.Namespace) -> int:
    """Rewrite the token file as a JSON object, with all its tokens and their details.

    :raises ConfigError: if the token file is at fault or missing; nothing is written then.
    """
    path = needed_file(arguments)

    def change(data: bytes | None) -> tuple[bytes | None, tuple[bool, int, list[str]]]:
        if data is None:
            raise ConfigError("there is no such file")
        new, count = converted(data)
        notes = [note.text for note in notes_on(read_tokens(data))]
        return new, (new is not None, count, notes)

    changed, count, notes = edit(path, change)
    tokens = "1 token" if count == 1 else f"{count} tokens"
    if not changed:
        print(f"{name_of(path)}: nothing to do, it can be edited ({tokens})")
        return 0
    print(*notes, f"{name_of(path)}: now a JSON object with {tokens}", sep="\n")
    print(f"{name_of(backup_of(path).name)} has the file as it was, with all that is no token")
    return 0
