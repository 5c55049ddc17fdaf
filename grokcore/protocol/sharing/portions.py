"""A large step in portions, each of which is a step by itself.

A Redis does nothing else while it runs a script, so no script may run for long. Several small steps
in the order of a large one do the same: first all tokens are kept, and the records published; then
tokens are given back, then others taken. The last one asks for news. Between two portions other
servers may make steps of theirs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TypeVar

from attrs import evolve

from .steps import Reply, Step

__all__ = ["Portions"]

_T = TypeVar("_T")


class Portions:
    """The portions of *step*: none names more than *size* tokens of one kind.

    No token may be among those that are kept and among those that are given back or wanted.

    :ivar is_last: whether the portion that was returned last is the last one, as far as is known:
        it asks for news. All say since when the server has none, for their records.
    """

    def __init__(self, step: Step, size: int) -> None:
        self._take = step.take
        self._bare = Step(
            step.server, step.ttl_ms, step.table, short=step.short, since=step.since, bye=step.bye
        )
        self._left = deque(_planned(step, self._bare, size))
        self._replies: list[Reply] = []
        self.is_last = False

    def next(self) -> Step | None:
        """The next portion, or ``None`` after the last."""
        take = self._take - sum(len(reply.taken) for reply in self._replies)
        while self._left:
            portion = self._left.popleft()
            self.is_last = not self._left
            if take <= 0:
                portion = evolve(portion, want=())
            if self.is_last or portion != self._bare:  # else it would have taken more
                return evolve(portion, take=take if portion.want else 0)
        return None

    def receive(self, reply: Reply, *, more_news: bool) -> None:
        """Take up the reply to a portion.

        :param more_news: whether there is more news than the reply has.
        """
        self._replies.append(reply)
        if more_news:
            self._left.append(evolve(self._bare, since=reply.version))

    def reply(self) -> Reply:
        """Join the replies of all portions."""
        replies = self._replies
        return evolve(
            replies[-1],
            lost=tuple(key for reply in replies for key in reply.lost),
            taken=tuple(key for reply in replies for key in reply.taken),
            news={key: text for reply in replies for key, text in reply.news.items()},
            tasks={key: texts for reply in replies for key, texts in reply.tasks.items()},
        )


def _planned(step: Step, bare: Step, size: int) -> Sequence[Step]:
    """Each portion with what belongs into it; all of a small step is in one."""
    given = set(step.give)
    keep, records = _pieces(step.keep, size), _pieces(tuple(step.records.items()), size)
    give = _pieces(step.give, size)
    want = _pieces(tuple(key for key in dict.fromkeys(step.want) if key not in given), size)
    gives_from = max(len(keep), len(records)) - 1
    wants_from = gives_from + len(give) - 1
    count = wants_from + len(want)
    parts = [
        evolve(
            bare,
            keep=_at(keep, index),
            records=dict(_at(records, index)),
            give=_at(give, index - gives_from),
            want=_at(want, index - wants_from),
        )
        for index in range(count)
    ]
    parts[0] = evolve(parts[0], tasks=step.tasks)
    return parts


def _pieces(values: tuple[_T, ...], size: int) -> list[tuple[_T, ...]]:
    """*values* in pieces; one empty piece if there are none."""
    return [values[start : start + size] for start in range(0, len(values) or 1, size)]


def _at(pieces: Sequence[tuple[_T, ...]], index: int) -> tuple[_T, ...]:
    return pieces[index] if 0 <= index < len(pieces) else ()
