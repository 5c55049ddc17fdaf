"""The first code that runs in ``grok2api.pyz``: it finds a Python that the file has packages for,
and a folder to unpack into.

``build`` puts this file and a call of :func:`prepare` before pex's own ``__main__``. For the wrong
Python pex prints a page of text, and for a folder that can't be written to, a traceback.

So this file uses the standard library only, imports nothing that the usual start does not need, and
parses on any Python 3.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

EXIT_CONFIG = 78


def prepare(versions: "Sequence[tuple[int, int]]") -> None:
    """Go on with a Python of *versions*, and set the folder that pex unpacks into.

    Ends the process with one line if there is no such Python or folder.
    """
    if sys.version_info[:2] not in versions or sys.implementation.name != "cpython":
        _start_again_with(versions)
    if os.name != "nt":
        os.environ["PEX_ROOT"] = folder_to_unpack_into(os.environ)


def _start_again_with(versions: "Sequence[tuple[int, int]]") -> None:
    import shutil

    for version in reversed(versions):
        python = shutil.which("python%d.%d" % version)
        if python and _runs(python, version):
            os.execv(python, [python] + sys.argv)
    _give_up(
        "this file is for Python %s, none of which is on PATH; this is %s (%s)"
        % (
            ", ".join("%d.%d" % version for version in versions),
            sys.version.split()[0],
            sys.executable,
        )
    )


def _runs(python: str, version: "tuple[int, int]") -> bool:
    """Whether *python* runs and has this version: pyenv's names on PATH may lead nowhere."""
    import subprocess

    asked = "import sys; sys.exit(sys.version_info[:2] != (%d, %d))" % version
    return (
        subprocess.call([python, "-c", asked], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        == 0
    )


def folder_to_unpack_into(environ: "Mapping[str, str]") -> str:
    """``$PEX_ROOT``, else the first usable of systemd's ``$CACHE_DIRECTORY``, the user's cache, and
    ``/tmp``.
    """
    named = environ.get("PEX_ROOT")
    if named:
        if _can_be_used(named, ours_only=False):
            return named
        _give_up(
            "PEX_ROOT: %s can't be unpacked into: it must be writable, and not mounted noexec"
            % named
        )
    tried = list(_usual_folders(environ))
    for folder in tried:
        if _can_be_used(folder, ours_only=True):
            return folder
    _give_up(
        "nowhere to unpack (tried %s): set PEX_ROOT to a folder that can be written to"
        % ", ".join(tried)
    )
    raise AssertionError("given up")


def _usual_folders(environ: "Mapping[str, str]") -> "Iterator[str]":
    of_service = environ.get("CACHE_DIRECTORY", "").partition(":")[0]
    if of_service:
        yield os.path.join(of_service, "pyz")
    of_user = environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(of_user):  # XDG: relative paths are to be ignored
        of_user = os.path.join(os.path.expanduser("~"), ".cache")
    if os.path.isabs(of_user):
        yield os.path.join(of_user, "grok2api")
    yield os.path.join(environ.get("TMPDIR") or "/tmp", "grok2api-%d" % os.getuid())


def _can_be_used(folder: str, *, ours_only: bool) -> bool:
    """Whether a library can be put there and loaded. A default folder must be one that no other
    user can write to.
    """
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
        status, mount = os.lstat(folder), os.statvfs(folder)
    except OSError:
        return False
    # A link counts as foreign too: it has all bits set.
    foreign = status.st_uid != os.getuid() or status.st_mode & 0o022
    if ours_only and foreign:
        return False
    return os.access(folder, os.W_OK | os.X_OK) and not mount.f_flag & getattr(os, "ST_NOEXEC", 0)


def _give_up(why: str) -> None:
    sys.stderr.write("grok2api: %s\n" % why)
    sys.exit(EXIT_CONFIG)
