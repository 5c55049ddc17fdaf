"""What the status page shows, as JSON, and who waits for it to change.

A report of a large pool takes some milliseconds to make, so those who watch share one. When
something changes is told by whoever changes it (the pool, requests that end), and what changes by
time alone is known beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import orjson
import trio
from attrs import frozen

from ...config import Config
from ...errors import Overloaded
from ...protocol.advice import advice
from ...protocol.dialects.one_line import on_one_line
from ...protocol.pool.view import GroupView, TokenView
from ...runtime.completion.gateway import FailedAttempt
from ..admission import Services
from ..history import Fault
from ..status import health_report
from ..trace import Trace

__all__ = ["Overview", "Snapshot", "token_row"]

ROWS = 200
"""Tokens that are told one by one."""

APART_S = 2.0
"""Between two reports to somebody who watches, at least."""

AT_LEAST_EVERY_S = 15.0
"""And at most: it is a sign of life for proxies, too."""

SHARED_S = 1.0
"""So old may a report be that is given to another watcher."""

MOST_WATCHERS = 20


@frozen
class Snapshot:
    """A report at one moment (trio's time).

    :ivar body: the JSON.
    :ivar changes: how many changes it knows of.
    :ivar holds_until: when it will be another by time alone.
    """

    body: bytes
    changes: int
    taken_at: float
    holds_until: float


class Overview:
    """The server's state for its owner; listens for changes of what it shows.

    :ivar ending: is set when those who watch now shall end: the server drains, or the keys may be
        others.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._changes = 0
        self._watchers = 0
        self._shared: Snapshot | None = None
        self._lot = trio.lowlevel.ParkingLot()
        self.ending = trio.Event()
        services.gateway.pool.on_change.append(self._changed)
        services.gateway.on_failed_attempt.append(self._attempt_failed)
        services.state.on_request_end.append(self._request_ended)
        services.state.on_settings.append(self._follow)

    @property
    def draining(self) -> bool:
        """Whether the server is stopping."""
        return self._services.state.draining

    # What changes it -----------------------------------------------------------------------------

    def _request_ended(self, trace: Trace) -> None:
        """The request is part of the last hour now."""
        if trace.asks:
            self._changed()

    def _attempt_failed(self, failure: FailedAttempt) -> None:  # noqa: ARG002 - a listener's signature
        """The failure is among the last ones now."""
        self._changed()

    def _changed(self) -> None:
        self._changes += 1
        self._lot.unpark_all()
        if self.draining:
            self.ending.set()

    def _follow(self, config: Config) -> None:  # noqa: ARG002 - a listener's signature
        """End all watching: the keys may have changed, so watchers must present one again."""
        self.ending.set()
        self.ending = trio.Event()
        self._changed()

    # The report ----------------------------------------------------------------------------------

    def take(self) -> Snapshot:
        """A report of now."""
        now = trio.current_time()
        report, holds_s = self._report(now)
        self._shared = Snapshot(
            on_one_line(orjson.dumps(report)), self._changes, now, now + holds_s
        )
        return self._shared

    def share(self) -> Snapshot:
        """A report that somebody may have been given already."""
        if self._shared is None or trio.current_time() >= self._shared.taken_at + SHARED_S:
            return self.take()
        return self._shared

    def _report(self, now: float) -> tuple[dict[str, Any], float]:
        """The report, and for how long (seconds) it holds if nothing happens."""
        gateway, state = self._services.gateway, self._services.state
        health = health_report(gateway, state, self._services.census)
        tokens = gateway.pool.views(most=ROWS)
        waits = [health["next_reset"], *(egress["resumes_in"] for egress in health["egress"])]
        report = {
            **{
                name: health[name]
                for name in ("version", "status", "open", "waiting", "faults", "egress")
            },
            "uptime_s": round(now - state.started_at, 1),
            "time": state.wall.time(),
            "tokens": {
                "total": tokens.total,
                "counts": health["tokens"],
                "rows": [token_row(view) for view in tokens.shown],
            },
            "minutes": [attrs.asdict(minute) for minute in state.history.minutes()],
            "recent_faults": [_fault_row(fault) for fault in state.history.faults()],
        }
        return report, min((wait for wait in waits if wait is not None), default=AT_LEAST_EVERY_S)

    # Those who watch -----------------------------------------------------------------------------

    def enter(self) -> None:
        """Somebody begins to watch; :meth:`leave` is the end of it.

        :raises Overloaded: too many do already.
        """
        if self._watchers >= MOST_WATCHERS:
            raise Overloaded(
                "Too many status pages are open already.", retry_after=AT_LEAST_EVERY_S
            )
        self._watchers += 1

    async def leave(self) -> None:
        """Somebody does not watch any more."""
        self._watchers -= 1

    async def wait(self, known: Snapshot, sent_at: float, ending: trio.Event) -> None:
        """Wait until it is time for another report, or until the *ending*.

        :param known: the last report that was sent, at *sent_at*.
        """
        with trio.CancelScope(deadline=sent_at + APART_S):
            await ending.wait()
        with trio.CancelScope(deadline=min(sent_at + AT_LEAST_EVERY_S, known.holds_until)):
            while self._changes == known.changes and not ending.is_set():
                await self._lot.park()


def token_row(view: TokenView) -> dict[str, Any]:
    """A token as the page is told of it. Times are seconds from now."""
    row = attrs.asdict(view, recurse=False)
    return {**_rounded(row), "groups": [_group_row(group) for group in view.groups]}


def _group_row(group: GroupView) -> dict[str, Any]:
    return _rounded(attrs.asdict(group, recurse=False))


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 1) if isinstance(value, float) else value for name, value in row.items()
    }


def _fault_row(fault: Fault) -> dict[str, Any]:
    return {**attrs.asdict(fault, recurse=False), "advice": advice(fault.code)}
