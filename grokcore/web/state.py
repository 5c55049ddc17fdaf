"""What changes while the server runs, as the routes see it."""

from __future__ import annotations

from collections.abc import Callable

from ..config import Config
from ..runtime.completion.gateway import FailedAttempt
from ..runtime.wall import WallClock
from .auth import KeyRing
from .bodies import Bodies
from .doors import Doors
from .history import History
from .request_log import RefusalCounts
from .trace import Observer, Trace

__all__ = ["ServerState"]


class ServerState:
    """The settings in force, and what is wrong at the moment.

    :ivar config: the settings in force; changed by :meth:`adopt` only.
    :ivar keys: the API keys in force.
    :ivar doors: what is let in of browsers' requests.
    :ivar history: the last hour.
    :ivar observers: are told of requests that are over, and of attempts that failed.
    :ivar started_at: trio's time when it began.
    :ivar wall: the wall clock, which knows of sleep.
    :ivar refusals: counts what was refused again and again.
    :ivar bodies: the requests' bodies that are arriving.
    :ivar draining: the server is stopping and takes nothing new.
    :ivar notices: faults that stay until they are mended, by what is at fault: a file that could not be taken over.
    :ivar followers: are told of other settings.
    :ivar faults: faults that are asked for: each returns its words, or nothing.
    """

    def __init__(self, config: Config, started_at: float = 0.0, wall: WallClock | None = None) -> None:
        self.started_at = started_at
        self.wall = wall or WallClock()
        self.history = History(self.wall.time)
        self.observers: list[Observer] = [self.history]
        self.keys = KeyRing("")
        self.bodies = Bodies()
        self.refusals = RefusalCounts()
        self.draining = False
        self.notices: dict[str, str] = {}
        self.faults: dict[str, Callable[[], str]] = {}
        self.followers: list[Callable[[Config], None]] = []
        self.wall.on_missed.append(self._missed)
        self.wall.on_set.append(self.history.clock_set)
        self.adopt(config)

    def adopt(self, config: Config) -> None:
        """Use other settings from now on."""
        self.config = config
        self.keys = KeyRing(config.grok.api_key, config.keys, self.keys.callers)
        self.doors = Doors(config.server, keyed=not self.keys.empty)
        for follower in self.followers:
            follower(config)

    def _missed(self, seconds: float) -> None:
        """So much time has passed that trio's clock has not counted."""
        self.started_at -= seconds
        self.keys.shift(seconds)

    def request_ended(self, trace: Trace) -> None:
        """Tell the observers."""
        for observer in self.observers:
            observer.request_ended(trace)

    def attempt_failed(self, failure: FailedAttempt) -> None:
        """Tell the observers."""
        for observer in self.observers:
            observer.attempt_failed(failure)

    def all_faults(self) -> dict[str, str]:
        """What is wrong at the moment, by what is at fault."""
        asked = {name: fault() for name, fault in self.faults.items()}
        return {**self.notices, **{name: words for name, words in asked.items() if words}}
