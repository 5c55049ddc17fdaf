"""A file that is read when it is used, on a disk that may hang."""

from __future__ import annotations

import errno
import math
from pathlib import Path

import trio

from ....errors import Overloaded
from ...disk.files import read_regular
from ...disk.watch import Fingerprint, fingerprint
from ...threads import in_thread

__all__ = ["LOOK_EVERY_S", "PATIENCE_S", "FileAtUse"]

LOOK_EVERY_S = 1.0
"""Pause between two looks at a file's time stamp, in seconds."""

PATIENCE_S = 2.0
"""Bound for one look, in seconds."""

MOST_BYTES = 1024 * 1024


class FileAtUse:
    """Reads a file again once its device, inode, size or time has changed.

    The file is opened for reading only and never locked. A look that takes too long is left to its
    thread; until that thread ends, no other look begins.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: Fingerprint | None = None
        self._look: _Look | None = None
        self._looked_at = -math.inf
        self._places = trio.CapacityLimiter(1)

    @property
    def hangs(self) -> bool:
        """Whether a look is under way that was given up."""
        return self._look is not None and self._look.under_way

    async def read(self, *, anew: bool = False) -> bytes | None:
        """The content, if it may have changed since it was last read.

        None if it has not, if the last look is less than a second ago, or if the disk hangs.

        :param anew: read the file whatever its time stamp says.
        :raises OSError: if the file can't be read, or not within :data:`PATIENCE_S`.
        """
        now = trio.current_time()
        if self.hangs or not (anew or now >= self._looked_at + LOOK_EVERY_S):
            return None
        self._looked_at = now
        look = self._look = _Look(self.path, None if anew else self._known)
        with trio.move_on_after(PATIENCE_S):
            try:
                data = await in_thread(look, limiter=self._places, abandon_on_cancel=True)
            except Overloaded as error:
                raise OSError(errno.EAGAIN, error.message) from None
            self._known = look.found
            return data
        raise OSError(errno.ETIMEDOUT, f"the disk did not answer within {PATIENCE_S:g} s")

    def forget(self) -> None:
        """Read the file again with the next look, changed or not."""
        self._known = None


class _Look:
    """A look at the file, for a thread.

    :ivar found: the file's fingerprint, as of the content.
    """

    def __init__(self, path: Path, known: Fingerprint | None) -> None:
        self.found: Fingerprint | None = None
        self._path = path
        self._known = known
        self._begun = self._over = False

    @property
    def under_way(self) -> bool:
        return self._begun and not self._over

    def __call__(self) -> bytes | None:
        """The content; None if the fingerprint is the known one.

        :raises OSError: if the file can't be read.
        """
        self._begun = True
        try:
            self.found = fingerprint([self._path])  # first: a change after it is seen next time
            return None if self.found == self._known else read_regular(self._path, MOST_BYTES)
        finally:
            self._over = True
