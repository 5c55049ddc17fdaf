"""Which table a Redis holds, and since when it has forgotten nothing.

Theory
------
A Redis that is started again may have lost the last seconds, or all. So a table's name has the id
of the Redis's *run*. A Redis can also be emptied while it runs: the table has a *marker*, a key
with a random id that never expires. Without it, the next step makes another one.

A table that has just been made may have been emptied, and servers may still lend tokens that it
does not know. Its age counts from then on if the process that made the marker, or sees it, has seen
another one before. Else it is as old as the Redis: a pool's first server has nobody to wait for.
"""

from __future__ import annotations

import math
import re

from attrs import define, frozen

__all__ = ["Identity", "RedisFacts", "marker_of", "read_facts", "version_of"]

_NEVER_A_REPLICA = re.compile("0*")


@frozen
class RedisFacts:
    """A Redis's own description, of one connection.

    :ivar run: id of its run.
    :ivar version: empty if it is not known.
    :ivar began: when it began to run, or to be the one to write to, at the latest, by the clock of
        the process that asked (seconds).
    :ivar evicts: the policy by which it drops keys when its memory is full, an owner's too; empty
        if it drops none.
    """

    run: str
    version: str
    began: float
    evicts: str = ""


def read_facts(info: str, unknown: str, now: float) -> RedisFacts:
    """Read the answer to ``INFO``.

    A Redis that was another one's replica may lack what that one knew last: it counts as new.

    :param unknown: the id of a run that says none.
    :param now: the process's own clock (seconds).
    """
    lines = (line.partition(":") for line in info.splitlines())
    values = {name.strip(): value.strip() for name, _, value in lines}
    replica = not _NEVER_A_REPLICA.fullmatch(values.get("master_replid2", ""))
    uptime = values.get("uptime_in_seconds", "")
    whole = float(uptime) if uptime.isascii() and uptime.isdigit() and not replica else 0.0
    return RedisFacts(
        values.get("run_id") or unknown,
        values.get("redis_version", ""),
        now - max(whole - 1, 0.0),  # it counts whole seconds
        _evicts(values.get("maxmemory", "0"), values.get("maxmemory_policy", "")),
    )


def _evicts(at_most: str, policy: str) -> str:
    return "" if at_most == "0" or policy == "noeviction" else policy


def version_of(text: str) -> tuple[int, ...]:
    """The numbers of a version such as ``7.0.15``."""
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


def marker_of(table: str, facts: RedisFacts) -> str:
    """The id of the marker of a table in the Redis with these *facts*, by the table's name; empty
    if it is not there.
    """
    run, _, marker = table.partition("/")
    return marker if run == facts.run else ""


@define
class Identity:
    """The table as one process has seen it."""

    _marker: str = ""
    _changed_at: float = -math.inf
    _name: str = ""
    _began: float = math.inf

    @property
    def known(self) -> bool:
        """Whether the process has seen a marker."""
        return bool(self._marker)

    def saw(self, marker: str, facts: RedisFacts, time: float, now: float) -> tuple[str, float]:
        """Take up the marker of a reply.

        :param facts: what the Redis said of itself on the connection that the reply came by.
        :param time: the table's clock.
        :param now: the process's own clock (seconds).
        :returns: the table's name, and for how long it has had it, at least (seconds).
        """
        if self._marker not in ("", marker):
            self._changed_at = now
        self._marker = marker
        number, _, made = marker.partition(":")
        name = f"{facts.run}/{number}"
        if name != self._name:
            self._name, self._began = name, math.inf
        began = max(
            facts.began, self._changed_at, now - (time - float(made)) if made else -math.inf
        )
        self._began = min(self._began, began)  # a Redis rounds, differently on each connection
        return name, max(now - self._began, 0.0)
