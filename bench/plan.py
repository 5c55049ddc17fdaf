"""The load generator's plan and its outcome; both travel as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

import cattrs
from attrs import asdict, field, frozen

from .processes import ROOT

__all__ = ["Measured", "Plan", "PlannedRequest", "Seen", "even", "load"]


@frozen
class PlannedRequest:
    """A stream to ask for.

    :ivar start: seconds into the run at which it is asked for.
    :ivar delay: seconds before the upstream's first token.
    :ivar hang: tokens after which the upstream falls silent; None for never.
    :ivar leave_after: tokens after which the client closes the connection; None for never.
    :ivar leave_at: seconds after the request at which the client closes it; None for never.
    """

    number: int
    tokens: int
    rate: float
    start: float = 0.0
    delay: float = 0.0
    hang: int | None = None
    leave_after: int | None = None
    leave_at: float | None = None

    def question(self) -> str:
        """The request's content for the measured servers."""
        asked = {
            "stream": self.number,
            "tokens": self.tokens,
            "rate": self.rate,
            "delay": self.delay,
        }
        return json.dumps(asked if self.hang is None else {**asked, "hang": self.hang})


@frozen
class Plan:
    """A run of the load generator.

    :ivar direct: ask the upstream itself, in its own language.
    :ivar pid: the process whose usage is read at both ends of the window, with its children's.
    :ivar window: seconds into the run between which tokens, their lag and the process's CPU time
        count.
    """

    port: int
    asks: Sequence[PlannedRequest]
    limit_s: float
    direct: bool = False
    pid: int = 0
    window: tuple[float, float] = (0.0, 0.0)
    one_connection: bool = False


@frozen
class Seen:
    """The outcome of one stream. Times are those of ``CLOCK_MONOTONIC``; 0 for events that did not
    happen.

    :ivar whole: all tokens came, in their order, none of them another stream's, and then the end.
    """

    number: int
    asked_at: float
    first_at: float
    ended_at: float
    left_at: float
    last_sent_at: float
    tokens: int
    whole: bool
    trouble: str


@frozen
class Measured:
    """The outcome of a run.

    :ivar tokens: the number of tokens within the window.
    :ivar lags: lag of these tokens (s), as 1 001 quantiles from the least to the greatest.
    :ivar thirds: the median lag in each third of the window.
    :ivar cpu_s: CPU seconds of the watched process and its children within the window.
    :ivar rss_kb: their resident memory at its end.
    :ivar idle_s: seconds that the machine's cores were idle within it, all together.
    :ivar event_bytes: length of one token's event.
    """

    seen: list[Seen]
    tokens: int
    seconds: float
    lags: list[float]
    thirds: list[float]
    cpu_s: float
    rss_kb: int
    event_bytes: int = field(default=0)
    idle_s: float = field(default=0.0)

    def lag_ms(self, share: float) -> float:
        """The lag (ms) that *share* of the tokens stay below."""
        return self.lags[round(share * (len(self.lags) - 1))] * 1000 if self.lags else 0.0

    @property
    def cpu_us(self) -> float:
        """CPU microseconds per token."""
        return self.cpu_s / self.tokens * 1e6 if self.tokens else 0.0

    @property
    def broken(self) -> list[Seen]:
        """Streams that were neither whole nor left on purpose."""
        return [one for one in self.seen if not one.whole and not one.left_at]


def even(streams: int, *, tokens: int, rate: float, over_s: float) -> list[PlannedRequest]:
    """Equal streams, begun one after the other within *over_s*, with their ticks spread over an
    interval.

    The phases follow the golden ratio, which keeps any number of them apart.
    """
    return [
        PlannedRequest(
            number,
            tokens,
            rate,
            start=over_s * number / streams,
            delay=(number * 0.618034) % 1 / rate,
        )
        for number in range(streams)
    ]


def load(plan: Plan) -> Measured:
    """Run the load generator in a process of its own.

    :raises subprocess.SubprocessError: it failed, or did not end in time.
    """
    command = [sys.executable, "-m", "bench.load"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        input=json.dumps(asdict(plan)).encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=plan.limit_s + 15,
    )
    return cattrs.structure(json.loads(done.stdout), Measured)
