"""Access of this machine's other users to configuration, tokens and state.

``check`` prints a line for each file, and the server at its start logs a line for each fault.
"""

from __future__ import annotations

import os
import shlex
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from ..config import Config
from ..config.sections import DEFAULT_STATSIG_ID
from .setup import InputFiles, Settings, data_folder
from .tokens.states import STATE_FILE

__all__ = ["Access", "has_secrets", "judge_mode", "look_at_access"]


@frozen
class Access:
    """The access of other users to a file or folder.

    :ivar message: the access in words, without a full stop.
    :ivar advice: how to mend it, as a sentence; empty if no change is needed.
    """

    message: str
    advice: str = ""


def look_at_access(sources: InputFiles, settings: Settings | None) -> Iterator[Access]:
    """Report on configuration and tokens, and on other files and folders if they are at fault."""
    if sources.demo:
        return
    config = settings.config if settings is not None else Config()
    secret_config = settings is None or has_secrets(config)
    files = [
        (file, secret)
        for file, secret in ((sources.config_file, secret_config), (sources.token_file, True))
        if file
    ]
    for file, secret in files:
        access = _access_to(file, secret=secret)
        if access is not None:
            yield access
    folder = data_folder(config, os.environ)
    above = {file.parent for file, _ in files} - {folder}
    for place in (folder / STATE_FILE, folder, *sorted(above)):
        access = _access_to(place, secret=False)
        if access is not None and access.advice:
            yield access


def judge_mode(path: Path, mode: int, *, secret: bool, reader: int | None = None) -> Access | None:
    """Judge whether other users may read or change a file, or replace files in a folder.

    None for anything else, and for a folder without fault.

    :param mode: as ``os.stat`` returns it.
    :param secret: whether the file's content must stay hidden from other users.
    :param reader: user id of this process if it reads the file only by the permissions of others.
        It must then become the owner.
    """
    if stat.S_ISDIR(mode):
        return _judge_folder(path, mode)
    if not stat.S_ISREG(mode):
        return None
    may = " and ".join(
        word for bit, word in ((stat.S_IROTH, "read"), (stat.S_IWOTH, "change")) if mode & bit
    )
    if not may:
        return Access(f"{path}: not for other users")
    if may == "read" and not secret:
        return Access(f"{path}: other users may read it, and there is no secret in it")
    name = shlex.quote(str(path))
    command = (
        f"chmod o-rwx {name}"
        if reader is None
        else f"sudo chown {reader} {name} && sudo chmod o-rwx {name}"
    )
    return Access(f"{path}: other users may {may} it ({_bits(mode)})", f"Run: {command}")


def has_secrets(config: Config) -> bool:
    """Whether the configuration contains secrets. (The hash of a key is none.)"""
    grok = config.grok
    statsig = grok.x_statsig_id not in ("", DEFAULT_STATSIG_ID)
    alerts = config.alerts
    told_to = alerts.webhook or alerts.ntfy or alerts.smtp_password  # such URLs are secrets
    return bool(
        grok.api_key or grok.cf_clearance or "@" in grok.proxy_url or statsig or told_to
    ) or any(key.key for key in config.keys)


def _access_to(path: Path, *, secret: bool) -> Access | None:
    if sys.platform == "win32":  # Python makes the bits up there
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    user = os.geteuid()
    ours = user in (0, status.st_uid) or status.st_gid in (os.getegid(), *os.getgroups())
    return judge_mode(path, status.st_mode, secret=secret, reader=None if ours else user)


def _judge_folder(path: Path, mode: int) -> Access | None:
    # With the sticky bit, users can't replace each other's files.
    if not mode & stat.S_IWOTH or mode & stat.S_ISVTX:
        return None
    message = f"{path}: other users may put their files in the place of yours ({_bits(mode)})"
    return Access(message, f"Run: chmod o-w {shlex.quote(str(path))}")


def _bits(mode: int) -> str:
    return f"{stat.S_IMODE(mode):03o}"
