"""A record of one HTTP request, filled in along the way and passed to listeners at its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define

from ..errors import Blame, GrokApiError
from ..runtime.completion.gateway import Completion

__all__ = ["Trace"]


@define(eq=False)
class Trace:
    """One request. Times are seconds of trio's clock.

    :ivar path: as the client wrote it, without the query, in printable ASCII.
    :ivar asks: whether it is one that asks Grok.
    :ivar model: the name in the table; empty before it is known. Never anything else that a client
        sent.
    :ivar key: the name of the API key.
    :ivar owned: whether the request has an owner's key, or none is asked for.
    :ivar status: of the response; 0 if none was begun.
    :ivar error: what it was answered with, if it failed; also one inside a stream.
    :ivar complete: whether the response came to its end; if not, the client left.
    :ivar usage: gives the estimate of tokens so far.
    """

    request_id: str
    method: str
    path: str
    accepted: float
    asks: bool = False
    model: str = ""
    key: str = ""
    owned: bool = False
    stream: bool = False
    status: int = 0
    error: GrokApiError | None = None
    complete: bool = False
    ended: float = 0.0
    completion: Completion | None = None
    usage: Callable[[], dict[str, Any]] | None = None

    @property
    def code(self) -> str:
        """Of the failure, empty if there was none."""
        return self.error.label if self.error is not None else ""

    @property
    def broken(self) -> bool:
        """Whether it failed, and not by what was asked."""
        return self.error is not None and self.error.blame is not Blame.REQUEST

    def fail(self, error: GrokApiError) -> None:
        """Note the error that answers the request. It outlives the request, its frames must not."""
        error.drop_frames()
        self.error = error

    @property
    def total_s(self) -> float:
        """From its acceptance to its end."""
        return self.ended - self.accepted

    @property
    def first_s(self) -> float | None:
        """From its acceptance to Grok's first meaningful event; None if there was none."""
        if self.completion is None or self.completion.times.first_at is None:
            return None
        return self.completion.times.first_at - self.accepted

    def tokens(self) -> tuple[int, int]:
        """The estimates for question and answer; zeros if nothing was answered."""
        if self.usage is None:
            return 0, 0
        counts = self.usage()
        return counts["prompt_tokens"], counts["completion_tokens"]

    def server_timing(self, now: float) -> str:
        """The value of ``Server-Timing`` when the response begins, in milliseconds; ``total`` is
        for answers that are whole by then.
        """
        if self.completion is None:
            return ""
        times = self.completion.times
        found = [("queue", times.queue_s), ("upload", times.upload_s)]
        if self.first_s is not None:
            found.append(("first", self.first_s))
        if not self.stream:
            found.append(("total", now - self.accepted))
        return ", ".join(f"{name};dur={seconds * 1000:.1f}" for name, seconds in found)
