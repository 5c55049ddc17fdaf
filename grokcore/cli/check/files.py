"""Findings on this machine: the configuration, the token file, who may read them, the data
directory.

The first half judges, the second half looks. Looks change nothing that lasts.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from attrs import frozen

from ...config import Config, ImageMode, is_loopback
from ...errors import ConfigError
from ...protocol.token_file.reading import EntryReading, notes_on
from ...runtime.disk.data_dir import DataDirectory, DirectoryTaken
from ...runtime.disk.writable import writing_fault
from ..assembly import MEDIA_FOLDER
from ..permissions import Access
from ..setup import OpenDoor, Unreadable
from .findings import Finding, fail, ok, skipped, warn

__all__ = [
    "FileLook",
    "FolderLook",
    "judge_access",
    "judge_configuration",
    "judge_fault",
    "judge_folder",
    "judge_permissions",
    "judge_space",
    "judge_tokens",
    "look_at_file",
    "look_at_folder",
]

LITTLE_BYTES = 100 * 1024 * 1024
"""Free space, in bytes, below which the owner is warned. (State takes some 200 bytes for each
token.)
"""

NO_BYTES = 1024 * 1024
"""Free space, in bytes, with which not even the state can be saved."""

PLACES_NAMED = 5
"""The most places that one message names."""


@frozen
class FileLook:
    """The kind of a file."""

    path: Path
    is_folder: bool = False


@frozen
class FolderLook:
    """The condition of the data directory.

    :ivar fault: the reason why nothing can be kept in it; empty if all is well.
    :ivar there: False if a server would create it.
    :ivar held: whether a server is using it.
    :ivar free: free bytes; None if that is unknown.
    :ivar cached: bytes that the media cache takes.
    """

    path: Path
    fault: str = ""
    there: bool = True
    held: bool = False
    free: int | None = None
    cached: int = 0


# Judging ----------------------------------------------------------------------------------------


def judge_fault(name: str, fault: ConfigError, look: FileLook | None) -> Finding:
    """The finding for a file that can't be read, or is at fault.

    :param fault: names the file and its fault, as the server would at its start.
    :param look: the file's kind; None if a flag or a variable is at fault, or there is no file.
    """
    message = str(fault)
    if look is not None and look.is_folder:
        advice = (
            "Container engines create a folder in the place of a mounted file that does not exist. "
            "Stop the container, remove the folder, create the file, and start it again."
        )
    elif isinstance(fault, OpenDoor):
        advice = "Set [grok] api_key, or listen on 127.0.0.1."
    elif isinstance(fault, Unreadable):
        advice = "Check that the file exists and that this user may read it."
    elif name == "token file":
        advice = "Correct it; tokens.example.json shows the form."
    else:
        advice = "Correct it; config.example.toml has every setting."
    return fail(name, message, advice)


def judge_configuration(file: Path | None, warnings: Iterable[str]) -> list[Finding]:
    """Findings for a usable configuration."""
    advice = "Correct it, or take it out."
    read = ok("configuration", str(file) if file else "no file; everything is at its default")
    return [read, *(warn("configuration", warning, advice) for warning in warnings)]


def judge_access(config: Config) -> Finding:
    """The finding on who may use the server. (A server open to all machines is a fault of the
    configuration.)
    """
    where = f"{config.server.host} port {config.server.port}"
    if config.grok.api_key or config.keys:
        return ok("access", f"{where}, with a key")
    assert is_loopback(config.server.host), "a server without a key listens on loopback only"
    return ok("access", f"{where}, for every program on this machine: no key is asked for")


def judge_permissions(access: Access) -> Finding:
    """The finding on other users' rights to a file or folder."""
    if access.advice:
        return warn("permissions", access.message, access.advice)
    return ok("permissions", access.message)


def judge_tokens(file: Path | None, readings: Sequence[EntryReading]) -> list[Finding]:
    """Findings for a usable token file."""
    if file is None:
        return [warn("token file", "there is none", "`tokens add` asks for a token and makes it.")]
    places: dict[str, list[EntryReading]] = {}
    for reading in readings:
        if reading.entry is not None:
            places.setdefault(reading.entry.sso, []).append(reading)
    entries = [[reading.entry for reading in found if reading.entry] for found in places.values()]
    disabled = sum(any(entry.disabled for entry in said) for said in entries)
    message = f"{file}: {_number(len(entries), 'token')}"
    if disabled:
        message += f", {disabled} disabled"
    placeholders = sum(reading.is_placeholder for reading in readings)
    if placeholders and not entries:
        return [_only_placeholders(file, placeholders)]
    able = len(entries) - disabled
    first = ok("token file", message)
    if not able:
        wanted = (
            "Enable one, or add another with `tokens add`."
            if entries
            else "`tokens add` asks for one."
        )
        first = warn("token file", message, wanted)
    return [first, *_duplicates(list(places.values())), *_notes(file, readings)]


def _only_placeholders(file: Path, count: int) -> Finding:
    """The finding for tokens.example.json under another name, as it is shipped."""
    advice = (
        "Write the value of your own sso cookie from grok.com in its place, or run `tokens add`, "
        "which asks for it."
    )
    message = f"{file}: {_number(count, 'placeholder')} of tokens.example.json, and no token yet"
    return warn("token file", message, advice)


def _notes(file: Path, readings: Sequence[EntryReading]) -> list[Finding]:
    """Findings on entries that were passed over or changed. Every browser's export has cookies of
    other names.
    """
    advice = (
        "Correct the entries that should count, and remove the others; `tokens import` into a new "
        "file leaves them out."
    )
    return [
        ok("token file", note.text)
        if note.expected
        else warn("token file", f"{file}: {note.text}", advice)
        for note in notes_on(readings)
    ]


def _duplicates(places: Sequence[Sequence[EntryReading]]) -> list[Finding]:
    repeated = [readings for readings in places if len(readings) > 1]
    if not repeated:
        return []
    where = [
        " and ".join(reading.where for reading in readings[:PLACES_NAMED]) for readings in repeated
    ]
    more = f" (and {len(where) - PLACES_NAMED} more)" if len(where) > PLACES_NAMED else ""
    message = (
        f"{_number(len(repeated), 'token')} written more than once: "
        f"{'; '.join(where[:PLACES_NAMED])}{more}"
    )
    return [
        warn(
            "token file",
            message,
            "Each counts once, with the details of all its places. Remove the repetitions.",
        )
    ]


def judge_folder(look: FolderLook) -> Finding:
    """The finding on whether learned state can be saved."""
    if look.fault:
        advice = (
            "The server runs without it, but forgets everything when it stops. Let this user write "
            "to the folder, or name another with [server] data_dir."
        )
        return fail("data directory", f"{look.path}: {look.fault}", advice)
    if look.held:
        return ok("data directory", f"{look.path}, in use by a running server")
    return ok(
        "data directory", str(look.path) if look.there else f"{look.path}, which will be created"
    )


def judge_space(look: FolderLook, cache_bytes: int) -> Finding:
    """The finding on free space.

    :param cache_bytes: the largest size of the media cache; 0 if there is none.
    """
    if look.free is None:
        return skipped("free space", "not known")
    free = f"{_megabytes(look.free)} free at {look.path}"
    if look.free < NO_BYTES:
        return fail("free space", free, "Make room: nothing can be saved.")
    if look.free < LITTLE_BYTES:
        return warn("free space", free, "Make room, before nothing can be saved.")
    growth = max(0, cache_bytes - look.cached)
    if look.free < growth + LITTLE_BYTES:
        message = f"{free}, and the cache may grow by {_megabytes(growth)}"
        return warn("free space", message, "Make room, or lower [grok] cache_mb.")
    return ok("free space", free)


def cache_bytes(config: Config) -> int:
    """The largest size of the media cache."""
    return 0 if config.grok.image_mode is ImageMode.URL else config.grok.cache_mb * 1024 * 1024


def _number(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def _megabytes(count: int) -> str:
    return f"{count / 1024**3:.1f} GB" if count >= 1024**3 else f"{count // 1024**2} MB"


# Looking ----------------------------------------------------------------------------------------


def look_at_file(path: Path) -> FileLook:
    """Find out the kind of a file."""
    return FileLook(path, path.is_dir())


def look_at_folder(path: Path) -> FolderLook:
    """Find out whether the folder exists or could be created, is writable, and is in use.

    A nameless file is written into it, or into the folder where it would be created, and vanishes
    at once.
    """
    there = os.path.lexists(path)
    base = (
        path
        if there
        else next((folder for folder in path.parents if os.path.lexists(folder)), Path())
    )
    fault = _writing_fault(base)
    held = False
    if there and not fault:
        held, fault = _hold_briefly(path)
    free = None
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(base).free
    return FolderLook(path, fault, there, held, free, _size_of(path / MEDIA_FOLDER))


def _writing_fault(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder} is not a folder"
    fault = writing_fault(folder)
    return f"nothing can be written in {folder}: {fault}" if fault else ""


def _hold_briefly(path: Path) -> tuple[bool, str]:
    """Whether another process holds the folder, and any other fault of it. Only an attempt shows
    both.
    """
    try:
        folder = DataDirectory.hold(path)
    except DirectoryTaken:
        return True, ""
    folder.release()
    return False, folder.fault


def _size_of(folder: Path) -> int:
    """The size of the files in it, in bytes; files that vanish meanwhile do not count."""
    sizes: Counter[str] = Counter()
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                sizes[entry.name] = entry.stat(follow_symlinks=False).st_size
    return sizes.total()
