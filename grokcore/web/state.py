"""Mutable server state that the routes share."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable, Mapping

import trio

from ..config import Config, given_values, official_row, warnings_of
from ..protocol.browser_values import BrowserValues
from ..protocol.dialects.openai_responses.store import ResponseStore
from ..protocol.key_day import KeyDays, Today
from ..protocol.models import Model
from ..runtime.completion.facts import FailedAttempt
from ..runtime.days import Days
from ..runtime.wall import WallClock
from .edge.auth import KeyRing
from .edge.bodies import Bodies
from .edge.doors import Doors
from .observing.history import History
from .observing.long_history import LongHistory
from .observing.request_log import RefusalCounts
from .observing.trace import Trace

__all__ = ["ServerState"]

SALT_BYTES = 16


class ServerState:
    """The current settings, the faults of the moment, and the records that requests share.

    :ivar config: current settings; changed by :meth:`adopt` only.
    :ivar keys: current API keys.
    :ivar key_days: the figures of the day, of all keys that have been.
    :ivar on_key_use: listeners, called when a key's figures have changed; must not wait or raise.
    :ivar doors: current rules for browsers' requests.
    :ivar history: figures of the last hour.
    :ivar long_history: figures of the last day and month.
    :ivar browser: age and refusals of the owner's browser values.
    :ivar on_request_end: listeners, called with the trace of each request that is over; must not
        wait or raise.
    :ivar started_at: trio's time at the server's start.
    :ivar wall: the wall clock, which notices when the machine slept.
    :ivar refusals: counts of repeated refusals.
    :ivar bodies: request bodies that are arriving.
    :ivar responses: responses that requests may refer to.
    :ivar draining: whether the server is stopping and refuses new requests.
    :ivar notices: faults that last until they are mended, by the thing at fault: a file that could
        not be read.
    :ivar on_settings: listeners, called with the new settings after a reload; must not wait or
        raise.
    :ivar faults: checks by subject; each returns a fault in words, or an empty string.
    :ivar warned: likewise for warnings: the server works without what they are about.
    """

    def __init__(
        self, config: Config, started_at: float = 0.0, wall: WallClock | None = None
    ) -> None:
        self.started_at = started_at
        self.wall = wall or WallClock()
        self.history = History(self.wall.time)
        self.long_history = LongHistory(self.wall.time)
        self.browser = BrowserValues(functools.partial(secrets.token_hex, SALT_BYTES))
        self.browser.adopt(given_values(config), self.wall.time())
        self._values_since = started_at  # trio's time
        self.on_request_end: list[Callable[[Trace], None]] = [
            self.history.request_ended,
            self.long_history.request_ended,
        ]
        self.key_days = KeyDays()
        self.on_key_use: list[Callable[[], None]] = []
        self.keys = KeyRing("")
        self.bodies = Bodies()
        self.responses = ResponseStore(0, 0)
        self.refusals = RefusalCounts()
        self.draining = False
        self.notices: dict[str, str] = {}
        self.faults: dict[str, Callable[[], str]] = {}
        self.warned: dict[str, Callable[[], str]] = {}
        self.on_settings: list[Callable[[Config], None]] = []
        self.wall.on_missed.append(self._missed)
        self.wall.on_set += [
            self.history.clock_set,
            self.long_history.clock_set,
            self.browser.clock_set,
        ]
        self.adopt(config)

    def adopt(self, config: Config) -> None:
        """Replace the settings."""
        self.config = config
        self._table: tuple[tuple[str, ...], Mapping[str, Model]] = ((), config.models)
        self._days = Days(config.server.timezone, self.wall.time, "[server] timezone")
        self.keys = KeyRing(
            config.grok.api_key,
            config.keys,
            self.keys.callers,
            days=self.key_days,
            calendar=self._days,
        )
        self.doors = Doors(config.server, keyed=not self.keys.empty)
        self.responses.limit(
            int(config.server.responses_mb * 1024 * 1024), config.server.responses_hours * 3600
        )
        if self.browser.adopt(given_values(config), self.wall.time()):
            self._values_since = trio.current_time()
        for listener in self.on_settings:
            listener(config)

    def today(self) -> Today:
        """The day of the moment, in the owner's time zone."""
        return Today(*self._days())

    def key_used(self) -> None:
        """Have the figures of the keys saved."""
        for listener in self.on_key_use:
            listener()

    def models(self, official: tuple[str, ...]) -> Mapping[str, Model]:
        """The table of models, with those that only official lanes have.

        :param official: names that official lanes have; a name in two lanes is one model.
        """
        if self._table[0] != official:
            added = {
                name: official_row(name, self.config.grok)
                for name in official
                if name not in self.config.models
            }
            self._table = (official, {**self.config.models, **added})
        return self._table[1]

    def unlisted(self, name: str) -> Model:
        """A row for a model of an official lane that is not in the table."""
        return official_row(name, self.config.grok)

    def attempt_failed(self, failure: FailedAttempt) -> None:
        """Hold a refusal against the browser values, unless they may be newer than its request."""
        if failure.lane is not None and failure.accepted >= self._values_since:
            now = self.wall.time()
            self.browser.refused(failure.error, failure.lane, failure.egress, now)

    def _missed(self, seconds: float) -> None:
        """Count *seconds* that trio's clock has missed."""
        self.started_at -= seconds
        self.keys.shift(seconds)

    def request_ended(self, trace: Trace) -> None:
        """Pass the trace of a request that is over to the listeners."""
        for listener in self.on_request_end:
            listener(trace)

    def all_faults(self) -> dict[str, str]:
        """Current faults in words, by the thing at fault."""
        checked = {name: check() for name, check in self.faults.items()}
        return {**self.notices, **{name: words for name, words in checked.items() if words}}

    def warnings(self) -> dict[str, str]:
        """Settings that Grok refuses, in words, by their keys; and other warnings. None has a value
        of a setting.
        """
        checked = {name: check() for name, check in self.warned.items()}
        found = {name: words for name, words in checked.items() if words}
        return {**warnings_of(self.config), **found}
