"""The process that listens on a port of this machine, as far as Linux lets this user see it.

``/proc/net/tcp`` has a line for each socket, with its address and inode (proc(5)). The process that
holds the inode is found among ``/proc/<pid>/fd``, which only its own user and root may read.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

__all__ = ["Listener", "find_listener"]

_LISTENING = "0A"
"""TCP_LISTEN of the kernel, as /proc/net/tcp writes it."""

_UNIT = re.compile(r"/([^/]+\.service)(?:/|$)")
_NOT_OURS = re.compile(r"user@\d+\.service|(?:docker|containerd|podman)\.service")


@frozen
class Listener:
    """A process that listens.

    :ivar name: of its program; 15 characters at most.
    :ivar arguments: its command line; empty if this user may not see it.
    :ivar folder: its current folder; None if this user may not see it.
    :ivar unit: the service that it belongs to; empty if it belongs to none.
    :ivar container: whether it is inside a container, or forwards a port into one.
    """

    pid: int
    name: str
    user: int
    arguments: tuple[str, ...] = ()
    folder: Path | None = None
    unit: str = ""
    container: bool = False


def find_listener(root: Path, port: int) -> Listener | None:
    """The process that listens on *port* of any address; None if it can't be seen.

    :param root: the folder that stands for ``/``.
    """
    inodes = {f"socket:[{inode}]" for inode in _inodes(root, port)}
    if not inodes:
        return None
    for process in sorted((root / "proc").glob("[1-9]*")):
        if any(link in inodes for link in _links(process / "fd")):
            return _listener(process)
    return None


def _inodes(root: Path, port: int) -> Iterator[str]:
    for name in ("tcp", "tcp6"):
        for line in _text(root / "proc" / "net" / name).splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == _LISTENING:
                _, _, hexadecimal = fields[1].rpartition(":")
                if int(hexadecimal, 16) == port:
                    yield fields[9]


def _links(folder: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for link in list(folder.iterdir()):
            with contextlib.suppress(OSError):
                yield str(link.readlink())


def _listener(process: Path) -> Listener:
    cgroup = _text(process / "cgroup")
    units = [unit for unit in _UNIT.findall(cgroup) if not _NOT_OURS.fullmatch(unit)]
    name = _text(process / "comm").strip()
    return Listener(
        int(process.name),
        name or "a program",
        process.stat().st_uid,
        tuple(word for word in _text(process / "cmdline").split("\0") if word),
        _folder(process / "cwd"),
        units[-1] if units else "",
        name == "docker-proxy" or re.search(r"docker|libpod", cgroup) is not None,
    )


def _folder(link: Path) -> Path | None:
    try:
        return link.readlink()
    except OSError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
