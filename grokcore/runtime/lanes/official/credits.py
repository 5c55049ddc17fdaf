"""The credits of the CLI's session, for the status page."""

from __future__ import annotations

import logging
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
    """The credits as xAI last reported them. It is asked every ten minutes at most, and only after
    a call of :meth:`look`. :meth:`run` has to be running.

    :param asker: returns an asker with the settings of the moment.
    :param on_change: called after each answer that differs from the one before.
    """

    def __init__(
        self, asker: Callable[[], OfficialAsker], on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._asker = asker
        self._on_change = on_change
        self._found: Credits | None = None
        self._wanted = trio.Event()

    def look(self) -> Credits | None:
        """The credits; None if xAI has not reported them, or did not the last time. Has them asked
        for anew.
        """
        self._wanted.set()
        return self._found

    async def run(self) -> None:
        """Ask for the credits whenever they were looked at, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted = trio.Event()
            found = await self._ask()
            if found != self._found:
                self._found = found
                self._on_change()
            await trio.sleep(EVERY_S)

    async def _ask(self) -> Credits | None:
        try:
            return await self._asker().credits()
        except GrokApiError as error:
            error.drop_frames()
            _log.info("the credits of xAI's CLI are not known: %s", error.message)
            return None
        except Exception:  # boundary: a bug in a question must not end the server
            _log.exception("a bug ended a question for the credits of xAI's CLI")
            return None
