"""Run ``import-curl``: read the copy, plan both edits, write, report."""

from __future__ import annotations

import argparse
import codecs
import os
import sys
from pathlib import Path

from ...errors import ConfigError
from ...protocol.browser_copy.reading import BrowserCopy, read_copy
from ...protocol.tokens import TokenEntry
from ..permissions import judge_mode
from ..redaction import name_of, without_secrets
from ..setup import CONFIG_PLACES, InputFiles, chosen_file, naming
from ..tokens.file import backup_of, edit, file_to_edit, preview
from .changes import BrowserValue, browser_values, config_change, session_in, token_change
from .pasting import pasted

__all__ = ["import_curl"]

LONGEST_PATH = 100


def import_curl(arguments: argparse.Namespace) -> int:
    """Take what a copied request has, and report which values went where.

    Both files are read and judged before either is written.

    :raises ConfigError: if the copy, a flag or a file is at fault, or can't be written.
    """
    InputFiles(arguments, os.environ)  # refuses unusable flags
    data = pasted(arguments.file)
    with naming("the copied request"):
        copy = read_copy(_text_of(data))
        session = session_in(copy, is_super=arguments.super)
        values = browser_values(copy)
    tokens = file_to_edit(arguments)
    config = chosen_file(arguments.config, CONFIG_PLACES) or Path(CONFIG_PLACES[0])
    for file in (tokens, config):
        _refuse_no_folder(file)
    if session is not None:
        preview(tokens, token_change(session))
    preview(config, config_change(values))
    path = without_secrets(copy.path)[:LONGEST_PATH]
    print(f"{copy.form.value} copy of a request to {copy.host}{path}")
    _take_session(tokens, session, dry=arguments.dry_run)
    _take_values(config, values, dry=arguments.dry_run)
    _print_missing(copy, values)
    if arguments.dry_run:
        print("nothing was written (--dry-run)")
    return 0


def _refuse_no_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise ConfigError(f"{name_of(path)}: can't be written: there is no such folder")


def _text_of(data: bytes) -> str:
    """A pasted text. PowerShell writes files in UTF-16."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def _take_session(path: Path, session: TokenEntry | None, *, dry: bool) -> None:
    if session is None:
        print("sso: not in the copy")
        return
    outcome = (preview if dry else edit)(path, token_change(session))
    name = name_of(path)
    if not outcome.changed:
        print(f"sso: {outcome.id} is already in {name}")
    else:
        print(f"sso: {outcome.id} {'would go' if dry else 'added'} to {name}")


def _take_values(path: Path, values: list[BrowserValue], *, dry: bool) -> None:
    had_file = path.exists()
    fresh = (preview if dry else edit)(path, config_change(values))
    name = name_of(path)
    for value in values:
        bound = f", for {value.path}" if value.path else ""
        if value.label in fresh:
            print(f"{value.label}: {'would go' if dry else 'written'} to {name}{bound}")
        else:
            print(f"{value.label}: already in {name}{bound}")
        variable = f"GROK2API_GROK_{value.key}".upper()
        if variable in os.environ:
            print(f"{value.label}: the variable {variable} is set, and wins over the file")
    if fresh and had_file and not dry:
        print(f"{name_of(backup_of(path).name)} has the file as it was")
    if fresh and not dry:
        _print_access(path)


def _print_access(path: Path) -> None:
    """Print whether other users may read a configuration that holds a secret now."""
    access = judge_mode(path, path.stat().st_mode, secret=True)
    if sys.platform != "win32" and access is not None and access.advice:
        print(f"{without_secrets(access.message)}. {without_secrets(access.advice)}")


def _print_missing(copy: BrowserCopy, values: list[BrowserValue]) -> None:
    """Print which values the copy lacks, or has for a path that nothing is sent to."""
    labels = {value.label for value in values}
    for label in ("cf_clearance", "User-Agent"):
        if label not in labels:
            print(f"{label}: not in the copy")
    if copy.statsig_id and "x-statsig-id" not in labels:
        print("x-statsig-id: not taken, since grok2api sends no request to this path")
