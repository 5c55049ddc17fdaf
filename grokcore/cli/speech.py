"""The language of a command: its output, its help, and the faults that it reports."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ConfigError
from ..languages.streams import said
from ..protocol.languages.negotiate import Language, environment_language, set_language
from ..protocol.languages.wrapping import wrapped
from .setup import CONFIG_PLACES, chosen_file, read_file

__all__ = ["Help", "command_language"]

VARIABLE = "GROK2API_GLOBAL_LANGUAGE"


def command_language(argv: Sequence[str], environ: Mapping[str, str]) -> Language:
    """The language that the settings name, else that of the environment.

    It is looked up before anything is read or parsed, since help and faults are in it too. A
    setting that can't be read is reported later, when all of them are.
    """
    setting = environ.get(VARIABLE) or _in_file(argv)
    return set_language(setting) or environment_language(environ)


def _in_file(argv: Sequence[str]) -> str:
    """``[global] language`` of the configuration; empty if there is none."""
    path = None if "--demo" in argv else chosen_file(_flag(argv), CONFIG_PLACES)
    try:
        text = read_file(path).decode("utf-8-sig", "replace") if path is not None else ""
        found: object = tomllib.loads(text)["global"]["language"] if "language" in text else ""
    except (ConfigError, ValueError, LookupError, TypeError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


def _flag(argv: Sequence[str]) -> str | None:
    """The value of ``--config``."""
    for number, argument in enumerate(argv):
        name, mark, value = argument.partition("=")
        if name == "--config":
            return value if mark else next(iter(argv[number + 1 :]), None)
    return None


class Help(argparse.HelpFormatter):
    """argparse's help, in the language of stdout."""

    def start_section(self, heading: str | None) -> None:
        super().start_section(said(heading) if heading else heading)

    def add_text(self, text: str | None) -> None:
        super().add_text(said(text) if text else text)

    def add_usage(
        self, usage: str | None, actions: Any, groups: Any, prefix: str | None = None
    ) -> None:
        super().add_usage(usage, actions, groups, said("usage: ") if prefix is None else prefix)

    def _expand_help(self, action: argparse.Action) -> str:
        return said(super()._expand_help(action))

    def _split_lines(self, text: str, width: int) -> list[str]:
        return super()._split_lines(text, width) if text.isascii() else wrapped(text, width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.isascii():
            return super()._fill_text(text, width, indent)
        return "\n".join(indent + line for line in wrapped(text, width - len(indent)))
