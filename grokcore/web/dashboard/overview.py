"""The status page's report as JSON, and the streams that wait for it to change.

A report of a large pool takes some milliseconds, so all watchers of a language share one. The pool
and ending requests notify the overview of changes. The time of changes that need only time to pass
is known beforehand.
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
from ...protocol.languages.negotiate import Language
from ...protocol.models import Model
from ...protocol.pool.view import GroupView, TokenView
from ...runtime.completion.facts import FailedAttempt
from ..condition import model_rows
from ..health import health_report
from ..lanes import desk_views, lane_row
from ..observing.history import Fault
from ..observing.trace import Trace
from ..services import Services
from .wording import worded_report

__all__ = ["Overview", "Snapshot", "token_row"]

ROWS = 200
"""Most tokens that a report lists."""

APART_S = 2.0
"""Least seconds between two reports to one watcher."""

AT_LEAST_EVERY_S = 15.0
"""Most seconds between two reports to one watcher; a report also keeps proxies from closing the
stream."""

OTHERS_EVERY_S = 5.0
"""The same with several workers: a change at another one is not noticed here."""

SHARED_S = 1.0
"""Age in seconds up to which a report is sent to further watchers."""

MOST_WATCHERS = 20

_SHARED = (
    "version",
    "status",
    "reasons",
    "open",
    "waiting",
    "faults",
    "workers",
    "warnings",
    "egress",
    "sharing",
)
"""Fields that the report has in common with ``/health``."""


@frozen
class Snapshot:
    """A report at one moment (times are trio's).

    :ivar body: the JSON.
    :ivar changes: number of changes that it includes.
    :ivar holds_until: time at which the report changes even if nothing happens.
    """

    body: bytes
    changes: int
    taken_at: float
    holds_until: float


class Overview:
    """The server's state for its owner; it listens for changes of the data in its reports.

    :ivar ending: set when all current streams must end: the server drains, or its keys may have
        changed.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._changes = 0
        self._watchers = 0
        self._shared: dict[Language, Snapshot] = {}
        self._lot = trio.lowlevel.ParkingLot()
        self.ending = trio.Event()
        services.gateway.pool.on_change.append(self._changed)
        services.gateway.on_failed_attempt.append(self._attempt_failed)
        services.state.on_request_end.append(self._request_ended)
        services.state.on_settings.append(self._follow)
        for desk in services.gateway.lending.desks:
            desk.on_change.append(self._changed)

    @property
    def draining(self) -> bool:
        """Whether the server is stopping."""
        return self._services.state.draining

    # Changes -------------------------------------------------------------------------------------

    def _request_ended(self, trace: Trace) -> None:
        """Note the change of the last hour."""
        if trace.asks:
            self._changed()

    def _attempt_failed(self, failure: FailedAttempt) -> None:  # noqa: ARG002 - a listener's signature
        """Note the change of the last faults."""
        self._changed()

    def _changed(self) -> None:
        self._changes += 1
        self._lot.unpark_all()
        if self.draining:
            self.ending.set()

    def _follow(self, config: Config) -> None:  # noqa: ARG002 - a listener's signature
        """End all streams: the keys may have changed, so watchers must present one again."""
        self.ending.set()
        self.ending = trio.Event()
        self._changed()

    # The report ----------------------------------------------------------------------------------

    async def refresh(self) -> None:
        """Ask the other workers for their part of the next report."""
        await self._services.fellows.refresh()

    def take(self, language: Language = Language.EN) -> Snapshot:
        """A new report."""
        now = trio.current_time()
        report, holds_s = self._report(now)
        body = on_one_line(orjson.dumps(worded_report(report, language)))
        self._shared[language] = Snapshot(body, self._changes, now, now + holds_s)
        return self._shared[language]

    def share(self, language: Language = Language.EN) -> Snapshot:
        """The last report in this language if it is recent enough, else a new one."""
        shared = self._shared.get(language)
        if shared is None or trio.current_time() >= shared.taken_at + SHARED_S:
            return self.take(language)
        return shared

    def _report(self, now: float) -> tuple[dict[str, Any], float]:
        """The report, and the seconds for which it stays true if nothing happens."""
        gateway, state = self._services.gateway, self._services.state
        condition = self._services.condition()
        fellows, census = self._services.fellows, self._services.census
        health = fellows.health(
            health_report(gateway, state, census, condition, self._services.shared)
        )
        tokens = gateway.pool.views(most=ROWS)
        lanes = desk_views(gateway, now)
        waits = [
            health["next_reset"],
            *(egress["resumes_in"] for egress in health["egress"]),
            *(view.back_in for view in lanes),
            None if fellows.alone else OTHERS_EVERY_S,
        ]
        report = {
            **{name: health[name] for name in _SHARED},
            "models": model_rows(condition),
            "groups": _models_by_group(state.config.models),
            "command": self._services.command,
            "uptime_s": round(now - state.started_at, 1),
            "time": state.wall.time(),
            "tokens": {
                "total": tokens.total,
                "counts": health["tokens"],
                "rows": [token_row(view) for view in tokens.shown],
            },
            "lanes": [lane_row(view) for view in lanes],
            "browser_values": [attrs.asdict(view) for view in state.browser.views()],
            "page_edits": state.config.server.page_edits and self._services.edits() is not None,
            "minutes": fellows.minutes(state.history.minutes()),
            "recent_faults": [_fault_row(one) for one in fellows.faults(state.history.faults())],
        }
        return report, min((wait for wait in waits if wait is not None), default=AT_LEAST_EVERY_S)

    # Watchers ------------------------------------------------------------------------------------

    def enter(self) -> None:
        """Add a watcher; :meth:`leave` removes it.

        :raises Overloaded: if there are too many watchers.
        """
        if self._watchers >= MOST_WATCHERS:
            raise Overloaded(
                "Too many status pages are open already.", retry_after=AT_LEAST_EVERY_S
            )
        self._watchers += 1

    async def leave(self) -> None:
        """Remove a watcher."""
        self._watchers -= 1

    async def wait(self, last: Snapshot, sent_at: float, ending: trio.Event) -> None:
        """Wait until another report is due, or until the *ending*.

        :param last: the last report that was sent, at *sent_at*.
        """
        with trio.CancelScope(deadline=sent_at + APART_S):
            await ending.wait()
        with trio.CancelScope(deadline=min(sent_at + AT_LEAST_EVERY_S, last.holds_until)):
            while self._changes == last.changes and not ending.is_set():
                await self._lot.park()


def _models_by_group(models: Mapping[str, Model]) -> dict[str, list[str]]:
    """The models that share each allowance, for the page to name it by."""
    groups: dict[str, list[str]] = {}
    for name, model in models.items():
        if model.on_web:
            groups.setdefault(model.rate_limit_name, []).append(name)
    return groups


def token_row(view: TokenView) -> dict[str, Any]:
    """A token for the page. Times are seconds from now."""
    row = attrs.asdict(view, recurse=False)
    return {**_rounded(row), "groups": [_group_row(group) for group in view.groups]}


def _group_row(group: GroupView) -> dict[str, Any]:
    return _rounded(attrs.asdict(group, recurse=False))


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 1) if isinstance(value, float) else value for name, value in row.items()
    }


def _fault_row(fault: Fault) -> dict[str, Any]:
    """A failure with its advice, unless its message ends with that."""
    words = fault.advice or advice(fault.code)
    row = attrs.asdict(fault, recurse=False)
    return {**row, "advice": "" if words and words in fault.message else words}
