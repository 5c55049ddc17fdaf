"""Subjects of one kind by name, at most so many: the least recently used one makes room."""

from __future__ import annotations

from collections.abc import Iterator

from .figures import Subject

__all__ = ["MOST_SUBJECTS", "OTHER", "Group"]

MOST_SUBJECTS = {"models": 64, "keys": 200, "tokens": 200}
"""Most subjects of each kind that have figures of their own."""

OTHER = "other"
"""Name for the figures of all further subjects."""

IDLE_S = 15 * 60.0
"""Seconds without a request after which a subject may make room. So a pool of thousands of tokens
that take turns does not move figures at each request."""

LONGEST_NAME = 100


class Group:
    """The subjects of one kind, in the order of their last use.

    :param most: number of subjects, :data:`OTHER` aside.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_name: dict[str, Subject] = {}
        self._other: Subject | None = None

    def use(self, name: str, time: float) -> Subject:
        """The subject to which a request at *time* counts; a new one if there is room."""
        name = name[:LONGEST_NAME]
        subject = self._by_name.pop(name, None)
        if subject is None:
            if name == OTHER or not self._has_room(time):
                return self._others()
            subject = Subject()
        self._by_name[name] = subject
        subject.used = max(subject.used, time)
        return subject

    def subjects(self) -> Iterator[tuple[str, Subject]]:
        """Names and subjects, the least recently used first."""
        yield from self._by_name.items()
        if self._other is not None:
            yield OTHER, self._other

    def shift(self, seconds: float) -> None:
        """Move the times of last use by *seconds*."""
        for subject in self._by_name.values():
            subject.used += seconds

    def _has_room(self, time: float) -> bool:
        """Whether another subject may be added; an idle one is removed for it."""
        if len(self._by_name) < self._most:
            return True
        name, oldest = next(iter(self._by_name.items()))
        if time < oldest.used + IDLE_S:
            return False
        del self._by_name[name]
        for place, rows in enumerate(oldest.rows):
            self._others().absorb(place, rows)
        return True

    def _others(self) -> Subject:
        if self._other is None:
            self._other = Subject()
        return self._other
