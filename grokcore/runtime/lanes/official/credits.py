"""The credits of the CLI's session, for the status page."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import trio

from ....errors import GrokApiError
from ....protocol.official.billing import Credits
from .asker import OfficialAsker

__all__ = ["CreditsLook"]

EVERY_S = 600.0
"""Pause between two questions, in seconds."""

_log = logging.getLogger(__name__)


class CreditsLook:
    """The credits as xAI last reported them. It is asked every ten minutes at most, and only when
    this is called.

    :param asker: returns an asker with the settings of the moment.
    """

    def __init__(self, asker: Callable[[], OfficialAsker]) -> None:
        self._asker = asker
        self._found: Credits | None = None
        self._asked_at = -math.inf
        self._lock = trio.Lock()

    async def credits(self) -> Credits | None:
        """The credits; None if xAI did not report them the last time."""
        async with self._lock:
            now = trio.current_time()
            if now >= self._asked_at + EVERY_S:
                self._asked_at = now
                self._found = await self._ask()
        return self._found

    async def _ask(self) -> Credits | None:
        try:
            return await self._asker().credits()
        except GrokApiError as error:
            error.drop_frames()
            _log.info("the credits of xAI's CLI are not known: %s", error.message)
            return None
