"""The table of a shared pool, in memory: who owns which token, and until when.

The parent of several workers owns one. A table in Redis follows the same rules; a test holds the
two against each other.

Rules
-----
1. A token belongs to the server that took it, until the server gives it back or its time runs out.
   Keeping a token that nobody owns any more takes it again; one that another server owns is lost.
2. Tokens that are given back in a step can be taken by others from then on, not in the same step by
   the server itself. Nothing is taken by a server that takes the table for another one.
3. Records are those of a token's owner. They are kept when the token is given back or its owner is
   gone. Of a token that nobody owns, a server may report what it learned as the last owner: until
   another one has reported something that the server does not know.
4. A server that has not made a step for its time is forgotten, with what it lacks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import takewhile

from attrs import define, field, frozen

from .steps import MOST_TASKS, Reply, Step

__all__ = ["Table"]

RECORDS_AT_MOST = 100_000
"""Tokens of which a record is kept; those that changed longest ago are forgotten first."""


@frozen
class _Owner:
    server: str
    until: float


@frozen
class _Server:
    until: float
    short: Mapping[str, int]


@define
class Table:
    """A table. Times are seconds of its own clock, since 1970.

    :ivar name: its name, for as long as it has forgotten nothing.
    """

    name: str
    began: float
    _owners: dict[str, _Owner] = field(factory=dict)
    _servers: dict[str, _Server] = field(factory=dict)
    _records: dict[str, tuple[int, str, str]] = field(factory=dict)  # version, server, text
    _tasks: dict[str, tuple[str, ...]] = field(factory=dict)
    _version: int = 0

    def step(self, step: Step, now: float) -> Reply:
        """Make one server's step."""
        self._forget(now)
        until = now + step.ttl_ms / 1000
        lost = tuple(key for key in step.keep if not self._kept(key, step.server, until))
        self._publish(step)
        for key in step.give:
            if self._owner(key) == step.server:
                del self._owners[key]
        taken = self._take(step, until)
        self._assign(step.tasks)
        tasks = self._tasks_of((*taken, *step.keep), step.server)
        if step.bye:
            self._servers.pop(step.server, None)
        else:
            self._servers[step.server] = _Server(until, step.short)
        return Reply(
            self.name,
            now - self.began,
            now,
            lost,
            taken,
            len(self._servers),
            self._short_of_others(step.server),
            self._news(step),
            self._version,
            tasks,
        )

    def forget_server(self, server: str) -> None:
        """Free all tokens of a server whose end is known: no answer of it is under way."""
        self._servers.pop(server, None)
        self._owners = {key: one for key, one in self._owners.items() if one.server != server}

    def _forget(self, now: float) -> None:
        self._owners = {key: owner for key, owner in self._owners.items() if owner.until > now}
        self._servers = {name: one for name, one in self._servers.items() if one.until > now}

    def _owner(self, key: str) -> str:
        owner = self._owners.get(key)
        return "" if owner is None else owner.server

    def _is_free(self, key: str, server: str) -> bool:
        """Whether *server* may have a token. One that it has already is such a token: a reply may
        have been lost.
        """
        return self._owner(key) in ("", server)

    def _kept(self, key: str, server: str, until: float) -> bool:
        if not self._is_free(key, server):
            return False
        self._owners[key] = _Owner(server, until)
        return True

    def _publish(self, step: Step) -> None:
        for key, record in step.records.items():
            if not self._may_report(key, step):
                continue
            self._version += 1
            self._records.pop(key, None)  # the one that changed last stands last
            self._records[key] = (self._version, step.server, record)
        while len(self._records) > RECORDS_AT_MOST:
            del self._records[next(iter(self._records))]

    def _may_report(self, key: str, step: Step) -> bool:
        """Whether the sender's record of a token is the latest."""
        if self._owner(key) == step.server:
            return True
        version, writer, _ = self._records.get(key, (0, step.server, ""))
        known = step.since if step.table == self.name else 0
        return not self._owner(key) and (writer == step.server or version <= known)

    def _take(self, step: Step, until: float) -> tuple[str, ...]:
        if step.table != self.name:
            return ()
        given = set(step.give)
        free = [key for key in step.want if self._is_free(key, step.server) and key not in given]
        taken = tuple(dict.fromkeys(free))[: step.take]
        self._owners.update((key, _Owner(step.server, until)) for key in taken)
        return taken

    def _assign(self, tasks: Mapping[str, str]) -> None:
        for key, task in tasks.items():
            self._tasks[key] = (*self._tasks.get(key, ()), task)[:MOST_TASKS]

    def _tasks_of(self, keys: tuple[str, ...], server: str) -> dict[str, tuple[str, ...]]:
        mine = [key for key in keys if key in self._tasks and self._owner(key) == server]
        return {key: self._tasks.pop(key) for key in dict.fromkeys(mine)}

    def _short_of_others(self, server: str) -> dict[str, int]:
        sums: Counter[str] = Counter()
        for name, other in self._servers.items():
            if name != server:
                sums.update(other.short)
        return dict(sums)

    def _news(self, step: Step) -> dict[str, str]:
        newest_first = reversed(self._records.items())
        news = takewhile(lambda item: item[1][0] > step.since, newest_first)
        return {key: record for key, (_, server, record) in news if server != step.server}
