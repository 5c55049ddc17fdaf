"""The data directory of a running server: checked every second, written to only while locked."""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping, Sequence

import trio
from attrs import frozen

from ..runtime.disk.data_dir import DataDirectory
from ..runtime.disk.state_file import StateFile
from ..web.state import ServerState

__all__ = ["HeldStateFile", "keep_holding"]

LOOK_EVERY_S = 1.0
"""Short enough that a deleted folder is held again before a person can start another server on it.
"""

_log = logging.getLogger(__name__)


@frozen
class HeldStateFile(StateFile):
    """A state file that is written only while its folder is this server's.

    :ivar directory: the folder, which is held.
    """

    directory: DataDirectory

    def __str__(self) -> str:
        return str(self.path)

    def save(self, lines: Mapping[str, bytes]) -> int:
        """As :meth:`StateFile.save`; first the folder is made again if it is gone.

        :raises OSError: also if another server has the folder.
        """
        self.hold()
        return super().save(lines)

    def append(self, lines: Sequence[bytes], size: int) -> int:
        """As :meth:`StateFile.append`; a folder that was made again has no file of that size.

        :raises OSError: also if another server has the folder.
        """
        self.hold()
        return super().append(lines, size)

    def hold(self) -> None:
        """Make the folder again if it is gone.

        :raises OSError: if another server has it.
        """
        if self.directory.renew() and not self.directory.is_ours():
            raise OSError(errno.EBUSY, "another grok2api has its folder")


async def keep_holding(directory: DataDirectory, state: ServerState) -> None:
    """Check every second that the folder is still held; report a loss in the log and in
    ``/health``.
    """
    limiter = trio.CapacityLimiter(1)
    name = "data directory"
    while True:
        await trio.sleep(LOOK_EVERY_S)
        fault = await trio.to_thread.run_sync(
            directory.renew, abandon_on_cancel=True, limiter=limiter
        )
        words = f"{directory.path}: {fault}" if fault else ""
        if words == state.notices.get(name, ""):
            continue
        if words:
            state.notices[name] = words
            _log.error("%s", words)
        else:
            del state.notices[name]
            _log.info("%s is this server's again, and no other's", directory.path)
