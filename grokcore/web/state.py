"""Mutable server state that the routes share."""

from __future__ import annotations

from collections.abc import Callable

from ..config import Config
from ..runtime.wall import WallClock
from .auth import KeyRing
from .bodies import Bodies
from .doors import Doors
from .history import History
from .request_log import RefusalCounts
from .trace import Trace

__all__ = ["ServerState"]


class ServerState:
    """The settings in force, and what is wrong at the moment.

    :ivar config: the settings in force; changed by :meth:`adopt` only.
    :ivar keys: the API keys in force.
    :ivar doors: the rules for browsers' requests.
    :ivar history: the last hour.
    :ivar on_request_end: called with the trace of each request that is over; must not wait or
        raise.
    :ivar started_at: trio's time when it began.
    :ivar wall: the wall clock, which notices that the machine slept.
    :ivar refusals: counts repeated refusals.
    :ivar bodies: the requests' bodies that are arriving.
    :ivar draining: the server is stopping and takes nothing new.
    :ivar notices: faults that stay until they are mended, by what is at fault: a file that could
        not be taken over.
    :ivar on_settings: called with the new settings after a reload; must not wait or raise.
    :ivar faults: checks by subject; each returns a fault in words, or an empty string.
    """

    def __init__(
        self, config: Config, started_at: float = 0.0, wall: WallClock | None = None
    ) -> None:
        self.started_at = started_at
        self.wall = wall or WallClock()
        self.history = History(self.wall.time)
        self.on_request_end: list[Callable[[Trace], None]] = [self.history.request_ended]
        self.keys = KeyRing("")
        self.bodies = Bodies()
        self.refusals = RefusalCounts()
        self.draining = False
        self.notices: dict[str, str] = {}
        self.faults: dict[str, Callable[[], str]] = {}
        self.on_settings: list[Callable[[Config], None]] = []
        self.wall.on_missed.append(self._missed)
        self.wall.on_set.append(self.history.clock_set)
        self.adopt(config)

    def adopt(self, config: Config) -> None:
        """Use other settings from now on."""
        self.config = config
        self.keys = KeyRing(config.grok.api_key, config.keys, self.keys.callers)
        self.doors = Doors(config.server, keyed=not self.keys.empty)
        for listener in self.on_settings:
            listener(config)

    def _missed(self, seconds: float) -> None:
        """So much time has passed that trio's clock has not counted."""
        self.started_at -= seconds
        self.keys.shift(seconds)

    def request_ended(self, trace: Trace) -> None:
        """Pass the trace of a request that is over to the listeners."""
        for listener in self.on_request_end:
            listener(trace)

    def all_faults(self) -> dict[str, str]:
        """What is wrong at the moment, by what is at fault."""
        asked = {name: fault() for name, fault in self.faults.items()}
        return {**self.notices, **{name: words for name, words in asked.items() if words}}
