"""The version of xAI's CLI, without which its proxy answers 426.

The version is never invented: it is that of the configuration, else of the CLI that the owner has
installed.
"""

from __future__ import annotations

import functools
import logging
import math
import shutil
from pathlib import Path

import trio

from ....errors import Overloaded
from ....protocol.official.cli_version import parse_version_file, parse_version_output
from ...threads import in_thread
from .file_at_use import PATIENCE_S, FileAtUse
from .processes import ProcessFailed, run_bounded

__all__ = ["VERSION_FILE", "ClientVersion"]

VERSION_FILE = "version.json"
"""The name of the CLI's file; it lies beside ``auth.json``."""

LOOK_AGAIN_S = 60.0
"""Pause between two looks while none is known, or after xAI called one outdated, in seconds."""

RUN_S = 5.0
"""Bound for ``grok --version``, in seconds."""

MOST_OUTPUT_BYTES = 64_000

_log = logging.getLogger(__name__)


class ClientVersion:
    """The version of the installed CLI, looked up when it is first needed.

    :param configured: ``[cli] client_version``; nothing is looked up if it is not empty.
    :param beside: the path of ``auth.json``; None if there is no such file.
    :param search_path: the environment's ``PATH``.
    """

    def __init__(self, configured: str, beside: Path | None, search_path: str | None) -> None:
        self._configured = configured
        self._file = None if beside is None else FileAtUse(beside.with_name(VERSION_FILE))
        self._search_path = search_path
        self._found = ""
        self._is_due = not configured
        self._looked_at = -math.inf
        self._lock = trio.Lock()
        self._places = trio.CapacityLimiter(1)

    async def find(self) -> str:
        """The version (``1.0.30``); empty if none can be found."""
        async with self._lock:
            now = trio.current_time()
            if self._is_due and now >= self._looked_at + LOOK_AGAIN_S:
                self._looked_at = now
                found = await self._in_file() or await self._by_command()
                self._found = found or self._found
                self._is_due = not found
        return self._configured or self._found

    def forget(self) -> None:
        """Look again: xAI called the version outdated. A configured one stays."""
        self._is_due = not self._configured

    async def _in_file(self) -> str:
        try:
            data = None if self._file is None else await self._file.read(anew=True)
        except OSError:
            return ""
        return "" if data is None else parse_version_file(data)

    async def _by_command(self) -> str:
        program = await self._program()
        if not program:
            return ""
        try:
            output = await run_bounded(
                [program, "--version"], seconds=RUN_S, most_bytes=MOST_OUTPUT_BYTES
            )
        except ProcessFailed as error:
            _log.warning("`grok --version` %s. %s", error.reason, error.printed)
            return ""
        return parse_version_output(output)

    async def _program(self) -> str | None:
        find = functools.partial(shutil.which, "grok", path=self._search_path or "")
        try:
            with trio.move_on_after(PATIENCE_S):
                return await in_thread(find, limiter=self._places, abandon_on_cancel=True)
        except Overloaded:
            return None
        return None
