"""The models that an official lane has, asked for at the start and daily."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import trio

from ....errors import GrokApiError
from ....protocol.official.model_list import OfficialModel, by_name, recall, record_of
from .asker import OfficialAsker

__all__ = ["Catalogue", "CatalogueKeeper"]

EVERY_S = 86400.0
"""Pause after a list, in seconds."""

RETRIES_S = (60.0, 300.0, 1800.0)
"""Pauses after the first, the second and each later failure in a row, in seconds."""

DEMAND_S = 60.0
"""Shortest pause between two questions, however often a list is demanded, in seconds."""

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))

_log = logging.getLogger(__name__)


class Catalogue:
    """The last good list of a lane.

    :ivar listed: all models, as xAI lists them.
    :ivar models: those for answers in text, by name and by alias.
    :ivar at: when the list was made, in seconds since 1970; None if there is none.
    :ivar fault: why the last question brought no list, for the owner; empty if it did.
    """

    def __init__(self) -> None:
        self.listed: tuple[OfficialModel, ...] = ()
        self.models: Mapping[str, OfficialModel] = {}
        self.at: float | None = None
        self.fault = "xAI has not been asked for its models yet."

    def take(self, models: tuple[OfficialModel, ...], at: float) -> None:
        """Replace the list."""
        self.listed, self.models, self.at, self.fault = models, by_name(models), at, ""

    def age_words(self, now: float) -> str:
        """The list's age (``3 hours``); ``none`` without a list.

        :param now: seconds since 1970.
        """
        if self.at is None:
            return "none"
        seconds = max(0.0, now - self.at)
        for length, unit in _UNITS:
            if (count := int(seconds // length)) > 0:
                return f"{count} {unit}{'s' if count > 1 else ''}"
        return "less than a minute"


class CatalogueKeeper:
    """Keeps a catalogue up to date. :meth:`run` has to be running.

    :param asker: returns an asker with the settings of the moment.
    :param wall: returns seconds since 1970.
    :param on_change: called after each list that differs from the one before.
    :ivar asked: set once xAI has been asked, with whatever outcome.
    """

    def __init__(
        self,
        asker: Callable[[], OfficialAsker],
        wall: Callable[[], float],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.catalogue = Catalogue()
        self._asker = asker
        self._wall = wall
        self._on_change = on_change
        self._failures = 0
        self._demanded = trio.Event()
        self._pausing = trio.CancelScope()
        self.asked = trio.Event()

    def demand(self) -> None:
        """Ask soon: the list lacks a model, or has one that is gone."""
        self._demanded.set()

    def hurry(self) -> None:
        """Ask now: there is another credential, or another address."""
        self._pausing.cancel()

    def record(self) -> dict[str, object]:
        """A record for the state file; empty without a list."""
        at = self.catalogue.at
        return {} if at is None else record_of(self.catalogue.listed, at)

    def recall(self, record: Mapping[str, object]) -> None:
        """Take a record's list over until xAI has answered. An unusable record changes nothing."""
        models, at = recall(record)
        if at is not None:
            self.catalogue.take(models, at)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Ask for lists until cancelled."""
        task_status.started()
        while True:
            self._demanded = trio.Event()
            await self._ask()
            self.asked.set()
            with trio.move_on_after(self._pause()) as self._pausing:
                await trio.sleep(DEMAND_S)
                await self._demanded.wait()

    def _pause(self) -> float:
        if self._failures == 0:
            return EVERY_S
        return RETRIES_S[min(self._failures, len(RETRIES_S)) - 1]

    async def _ask(self) -> None:
        try:
            models = await self._asker().models()
        except GrokApiError as error:
            error.drop_frames()
            self._failed(error.message)
        except Exception:  # boundary: a bug in a question must not end the server
            _log.exception("a bug ended a question for xAI's models")
            self._failed("A bug ended the question for xAI's models.")
        else:
            self._take(models)

    def _take(self, models: tuple[OfficialModel, ...]) -> None:
        has_changed = models != self.catalogue.listed
        if self._failures:
            _log.info("xAI lists its models again")
        self._failures = 0
        self.catalogue.take(models, self._wall())
        if has_changed:
            self._on_change()

    def _failed(self, fault: str) -> None:
        """Log the first failure in a row, and one for another reason."""
        if not self._failures or fault != self.catalogue.fault:
            _log.warning("xAI's models could not be listed: %s", fault)
        self._failures += 1
        self.catalogue.fault = fault
