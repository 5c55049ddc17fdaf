"""The naive history: a list of all requests, each with its step, counted anew for each question."""

from __future__ import annotations

import math

from attrs import define, field

from grokcore.protocol.history.figures import bucket_of, quantile
from grokcore.protocol.history.groups import IDLE_S, MOST_SUBJECTS, OTHER
from grokcore.protocol.history.report import span_report
from grokcore.protocol.history.steps import SPANS, Span
from grokcore.protocol.history.usage import BEHIND_S, BUCKETS, UsageHistory, Use


@define
class Moved:
    """The movement of one span's steps by settings of the clock."""

    by: int = 0
    rest: float = 0.0


@define
class Naive:
    """What :class:`UsageHistory` must report.

    :ivar uses: each with the numbers of its steps, and its names as they count now.
    """

    uses: list[tuple[Use, dict[str, int], dict[str, str]]] = field(factory=list)
    latest: float = 0.0
    behind_since: float | None = None
    moved: dict[str, Moved] = field(factory=lambda: {span.name: Moved() for span in SPANS})
    newest: dict[str, int] = field(factory=lambda: {span.name: 0 for span in SPANS})
    last: dict[str, dict[str, float]] = field(factory=lambda: {kind: {} for kind in MOST_SUBJECTS})
    most: dict[str, int] = field(factory=lambda: dict(MOST_SUBJECTS))

    def reach(self, now: float) -> None:
        if now >= self.latest:
            self.latest, self.behind_since = now, None
        elif self.behind_since is None or now < self.behind_since:
            self.behind_since = now
        elif now - self.behind_since >= BEHIND_S:
            self.clock_set(now - self.latest)
        for span in SPANS:
            self.newest[span.name] = max(self.newest[span.name], int(self.latest) // span.step_s)

    def clock_set(self, seconds: float) -> None:
        self.latest += seconds
        self.behind_since = None
        for span in SPANS:
            moved = self.moved[span.name]
            moved.rest += seconds
            steps = round(moved.rest / span.step_s)
            moved.rest -= steps * span.step_s
            self.newest[span.name] += steps
            for _, numbers, _ in self.uses:
                numbers[span.name] += steps
        for last in self.last.values():
            for name in last:
                last[name] += seconds

    def note(self, use: Use, now: float) -> None:
        self.reach(now)
        names = {"models": use.model, "keys": use.key, "tokens": use.token}
        counted = {
            kind: self._counted(kind, name)
            for kind, name in names.items()
            if name or kind == "keys"
        }
        self.uses.append((use, dict(self.newest), counted))

    def _counted(self, kind: str, name: str) -> str:
        """The name under which a subject counts, after one has made room."""
        last = self.last[kind]
        if name not in last and name != OTHER and len(last) >= self.most[kind]:
            oldest = next(iter(last))
            if self.latest < last[oldest] + IDLE_S:
                return OTHER
            del last[oldest]
            for _, _, names in self.uses:
                if names.get(kind) == oldest:
                    names[kind] = OTHER
        if name != OTHER:
            last.pop(name, None)
            last[name] = self.latest
        return name

    def report(self, now: float, span: Span) -> dict[str, object]:
        self.reach(now)
        begin = self.newest[span.name] - span.count + 1
        numbers = range(begin, begin + span.count)
        kinds: dict[str, object] = {}
        for kind in MOST_SUBJECTS:
            found = {
                names[kind]
                for _, steps, names in self.uses
                if kind in names and steps[span.name] in numbers
            }
            kinds[kind] = {
                name: [self._row(span, number, kind, name) for number in numbers] for name in found
            }
        return {
            "span": span.name,
            "step_s": span.step_s,
            "from": begin * span.step_s,
            "to": (begin + span.count) * span.step_s,
            **kinds,
            "all": [{**self._row(span, number), **self._first(span, number)} for number in numbers],
        }

    def _in(self, span: Span, number: int, kind: str, name: str) -> list[Use]:
        return [
            use
            for use, steps, names in self.uses
            if steps[span.name] == number and (not kind or names.get(kind) == name)
        ]

    def _row(self, span: Span, number: int, kind: str = "", name: str = "") -> dict[str, int]:
        uses = self._in(span, number, kind, name)
        return {
            "at": number * span.step_s,
            "requests": len(uses),
            "errors": sum(use.error for use in uses),
            "tokens_in": sum(use.tokens_in for use in uses),
            "tokens_out": sum(use.tokens_out for use in uses),
        }

    def _first(self, span: Span, number: int) -> dict[str, float | None]:
        counts = [0] * BUCKETS
        for use in self._in(span, number, "", ""):
            if use.first_s is not None:
                counts[bucket_of(use.first_s)] += 1
        return {
            "first_p50_s": quantile(counts, 0.5),
            "first_p95_s": quantile(counts, 0.95),
        }


def reports(history: UsageHistory, now: float) -> list[dict[str, object]]:
    """The reports of all spans."""
    return [span_report(copy) for copy in history.copy(now)]


def requests_of(rows: object) -> int:
    """The requests of a series."""
    assert isinstance(rows, list)
    return int(math.fsum(row["requests"] for row in rows))
