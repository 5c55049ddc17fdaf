"""argparse's types by name, and one way to add a command to a parser."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

__all__ = ["Commands", "Parents", "Run", "add_command"]

Commands: TypeAlias = "argparse._SubParsersAction[Any]"  # noqa: SLF001 - the type has no other name
"""The return type of ``ArgumentParser.add_subparsers``."""

Parents: TypeAlias = Sequence[argparse.ArgumentParser]
"""Parsers of the common flags, without defaults."""

Run: TypeAlias = Callable[[argparse.Namespace], int]
"""A command: parsed arguments to exit code. It raises ConfigError for a fault of the owner's."""


def add_command(
    commands: Commands, parents: Parents, name: str, run: Run, about: str, more: str = ""
) -> argparse.ArgumentParser:
    """Add a command to *commands*; its parser sets ``run``.

    :param about: one line for the list of commands; begins the command's own help as well.
    :param more: further sentences of the command's own help.
    """
    description = f"{about[0].upper()}{about[1:]}. {more}".strip()
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=about, description=description, parents=parents
    )
    parser.set_defaults(run=run)
    return parser
