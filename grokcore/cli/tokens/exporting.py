"""``tokens export``: the only command that shows tokens, and never on a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ...protocol.models import Tier
from ...protocol.token_file.editing import added, details_of, written_as_text
from ...protocol.tokens import TokenEntry
from ...runtime.disk.files import replace_file
from ..redaction import name_of
from .file import needed_file, parsed, writing

__all__ = ["export_tokens"]


def export_tokens(arguments: argparse.Namespace) -> int:
    """Write all tokens to a file or a pipe. Messages go to stderr.

    :raises ConfigError: if the token file is at fault or missing, or the other can't be written.
    """
    path = needed_file(arguments)
    entries = parsed(path)
    to_stdout = arguments.file == "-"
    why_not = (
        _terminal_refusal()
        if to_stdout
        else _file_refusal(Path(arguments.file), path, force=arguments.force)
    )
    if why_not:
        print(why_not, file=sys.stderr)
        return 1
    data, messages = _exported(entries, arguments.format)
    if to_stdout:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        with writing(Path(arguments.file)):
            replace_file(Path(arguments.file), data)
    print("\n".join(messages), file=sys.stderr)
    return 0


def _exported(entries: Sequence[TokenEntry], form: str) -> tuple[bytes, list[str]]:
    """A file's content, and messages on the tokens and details in it, and on those left out."""
    if form == "json":
        return added(None, entries)[0], [f"exported: {len(entries)}"]
    kept = [entry for entry in entries if not entry.disabled]
    lost = {name for entry in kept for name in details_of(entry)} | {
        "tier" for entry in kept if entry.tier is Tier.SUPER
    }
    messages = [f"exported: {len(kept)}"]
    if lost:
        messages.append(f"left out, since text can't hold it: {', '.join(sorted(lost))}")
    if len(kept) < len(entries):
        messages.append(
            f"left out, since text can't say that they are disabled: {len(entries) - len(kept)}"
        )
    return written_as_text(kept), messages


def _terminal_refusal() -> str:
    return (
        "tokens are secrets and are not shown: name a file, or pipe them to a program"
        if sys.stdout.isatty()
        else ""
    )


def _file_refusal(destination: Path, source: Path, *, force: bool) -> str:
    """The reason why a file must not be written; empty if it may."""
    name = name_of(destination)
    with writing(destination):
        if not destination.exists():
            return ""
        if not destination.is_file():
            return f"{name} is not a file that could be replaced"
        if destination.samefile(source):
            return f"{name} is the token file itself"
    return "" if force else f"{name} is there already; --force replaces it"
