"""Mutable server state that the routes share."""

from __future__ import annotations

from collections.abc import Callable

from ..config import Config
from ..runtime.wall import WallClock
from .edge.auth import KeyRing
from .edge.bodies import Bodies
from .edge.doors import Doors
from .observing.history import History
from .observing.request_log import RefusalCounts
from .observing.trace import Trace

__all__ = ["ServerState"]


class ServerState:
    """The current settings, the faults of the moment, and the records that requests share.

    :ivar config: current settings; changed by :meth:`adopt` only.
    :ivar keys: current API keys.
    :ivar doors: current rules for browsers' requests.
    :ivar history: figures of the last hour.
    :ivar on_request_end: listeners, called with the trace of each request that is over; must not
        wait or raise.
    :ivar started_at: trio's time at the server's start.
    :ivar wall: the wall clock, which notices when the machine slept.
    :ivar refusals: counts of repeated refusals.
    :ivar bodies: request bodies that are arriving.
    :ivar draining: whether the server is stopping and refuses new requests.
    :ivar notices: faults that last until they are mended, by the thing at fault: a file that could
        not be read.
    :ivar on_settings: listeners, called with the new settings after a reload; must not wait or
        raise.
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
        """Replace the settings."""
        self.config = config
        self.keys = KeyRing(config.grok.api_key, config.keys, self.keys.callers)
        self.doors = Doors(config.server, keyed=not self.keys.empty)
        for listener in self.on_settings:
            listener(config)

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
