"""The history of use: what each model, key and token did in the steps of the last day and month.

Rules
-----
1. A request counts in the step of the wall clock's time at its end, for each span.
2. A clock that shows less than it has shown counts as standing still: small machines start with a
   wrong clock and set it a moment later. After an hour of that the clock is believed, and all steps
   are moved back, so that the newest is the present one.
3. A clock that was set moves all steps by as much, so that their ages stay
   (:meth:`UsageHistory.clock_set`).
4. The size is fixed: :data:`~grokcore.protocol.history.groups.MOST_SUBJECTS`. Figures of a subject
   that makes room go on as those of ``other``, so sums stay true.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping

from attrs import frozen

from .figures import BOUNDS, WIDTH, Subject, add, bucket_of, in_order, zeros
from .groups import MOST_SUBJECTS, Group
from .steps import SPANS, Span, Steps

__all__ = ["BEHIND_S", "BUCKETS", "SpanCopy", "UsageHistory", "Use"]

BEHIND_S = 3600.0
"""Seconds after which a clock that was set back is believed."""

BUCKETS = len(BOUNDS) + 1


@frozen
class Use:
    """A request that asked Grok, at its end.

    :ivar key: name of the API key; empty for a key without a name, or none.
    :ivar token: short hash of the token; empty if no token was asked.
    :ivar error: whether it failed for another reason than the request itself.
    :ivar first_s: seconds to Grok's first event; None if there was none.
    """

    model: str = ""
    key: str = ""
    token: str = ""
    error: bool = False
    tokens_in: int = 0
    tokens_out: int = 0
    first_s: float | None = None


@frozen
class SpanCopy:
    """The figures of one span at one moment, which another thread may read.

    :ivar newest: number of the newest step.
    :ivar all: figures of all requests, the oldest step first, as all arrays here.
    :ivar first: histograms of times to the first event.
    :ivar groups: by kind, the figures by name.
    """

    span: Span
    newest: int
    all: array[int]
    first: array[int]
    groups: Mapping[str, Mapping[str, array[int]]]


class UsageHistory:
    """The figures of all spans. Times are seconds since 1970.

    :ivar latest: the latest time that the clock has shown.
    """

    def __init__(self) -> None:
        self.latest = 0.0
        self.steps = tuple(Steps(span) for span in SPANS)
        self.all = Subject()
        self.first = tuple(zeros(BUCKETS * span.count) for span in SPANS)
        self.groups = {kind: Group(most) for kind, most in MOST_SUBJECTS.items()}
        self._behind_since: float | None = None

    def note(self, use: Use, now: float) -> None:
        """Count a request that ended *now*."""
        time = self._reach(now)
        amounts = (1, int(use.error), max(0, use.tokens_in), max(0, use.tokens_out))
        subjects = [self.all, *self._subjects_of(use, time)]
        for place, steps in enumerate(self.steps):
            at = WIDTH * steps.slot
            for subject in subjects:
                add(subject.rows[place], at, amounts)
            if use.first_s is not None:
                self.first[place][BUCKETS * steps.slot + bucket_of(use.first_s)] += 1

    def clock_set(self, seconds: float) -> None:
        """Move all times by *seconds*, by which the clock was set."""
        self.latest += seconds
        self._behind_since = None
        for steps in self.steps:
            steps.shift(seconds)
        for group in self.groups.values():
            group.shift(seconds)

    def copy(self, now: float) -> tuple[SpanCopy, ...]:
        """The figures of all spans up to *now*."""
        self._reach(now)
        return tuple(map(self._span_copy, range(len(self.steps))))

    def _span_copy(self, place: int) -> SpanCopy:
        steps = self.steps[place]

        def figures(subject: Subject) -> array[int]:
            return in_order(subject.rows[place], steps.slot, WIDTH)

        groups = {
            kind: {name: figures(subject) for name, subject in group.subjects()}
            for kind, group in self.groups.items()
        }
        first = in_order(self.first[place], steps.slot, BUCKETS)
        return SpanCopy(steps.span, steps.newest, figures(self.all), first, groups)

    def _subjects_of(self, use: Use, time: float) -> Iterator[Subject]:
        if use.model:
            yield self.groups["models"].use(use.model, time)
        yield self.groups["keys"].use(use.key, time)
        if use.token:
            yield self.groups["tokens"].use(use.token, time)

    def _reach(self, now: float) -> float:
        """Make the present step the newest. Returns the time that counts as the present."""
        if now >= self.latest:
            self.latest, self._behind_since = now, None
        elif self._behind_since is None or now < self._behind_since:
            self._behind_since = now
        elif now - self._behind_since >= BEHIND_S:
            self.clock_set(now - self.latest)
        for place, steps in enumerate(self.steps):
            self._clear(place, steps.reach(self.latest))
        return self.latest

    def _clear(self, place: int, slots: list[int]) -> None:
        if slots:
            self.all.clear(place, slots)
            for group in self.groups.values():
                for _, subject in group.subjects():
                    subject.clear(place, slots)
            for slot in slots:
                self.first[place][BUCKETS * slot : BUCKETS * (slot + 1)] = zeros(BUCKETS)
