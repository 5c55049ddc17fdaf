"""A record of one HTTP request, filled in along the way and passed to listeners at its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from attrs import define

from ...errors import Blame, GrokApiError
from ...runtime.completion.facts import Manner, Times

__all__ = ["Asked", "Trace"]


class Asked(Protocol):
    """The facts of a completion, or of several that answer one request, for the log; see
    :class:`~grokcore.runtime.completion.gateway.Completion`.
    """

    @property
    def token_id(self) -> str: ...

    @property
    def attempts(self) -> int: ...

    @property
    def failed(self) -> Sequence[str]: ...

    @property
    def corrections(self) -> int: ...

    @property
    def times(self) -> Times: ...

    @property
    def manner(self) -> Manner: ...

    @property
    def cost(self) -> int | None: ...


@define(eq=False)
class Trace:
    """The record of one request. Times are seconds of trio's clock.

    :ivar path: the path as the client wrote it, without the query, in printable ASCII.
    :ivar accepted: the time at which the request's head had been read.
    :ivar asks: whether the request asks Grok.
    :ivar model: the model's name in the table, never other text of a client; empty before the
        model is chosen.
    :ivar key: the name of the API key.
    :ivar owned: whether the request has an owner's key, or the server asks for none.
    :ivar status: the response's status; 0 if no response began.
    :ivar error: the error that the client got, also inside a stream; None if there was none.
    :ivar reports: whether the status is the answer itself, and no refusal (``/ready``).
    :ivar complete: whether the response was sent completely; if not, the client left.
    :ivar usage: returns the estimate of tokens so far.
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
    reports: bool = False
    complete: bool = False
    ended: float = 0.0
    completion: Asked | None = None
    usage: Callable[[], dict[str, Any]] | None = None

    @property
    def code(self) -> str:
        """The error's label; empty without an error."""
        return self.error.label if self.error is not None else ""

    @property
    def broken(self) -> bool:
        """Whether the request failed for another reason than the request itself."""
        return self.error is not None and self.error.blame is not Blame.REQUEST

    @property
    def refused(self) -> bool:
        """Whether the request was refused."""
        return self.status >= 400 and not self.reports

    def fail(self, error: GrokApiError) -> None:
        """Record the error that answers the request. The error outlives the request; its traceback
        must not.
        """
        error.drop_frames()
        self.error = error

    @property
    def total_s(self) -> float:
        """Seconds from acceptance to the end."""
        return self.ended - self.accepted

    @property
    def first_s(self) -> float | None:
        """Seconds from acceptance to Grok's first meaningful event; None if there was none."""
        if self.completion is None or self.completion.times.first_at is None:
            return None
        return self.completion.times.first_at - self.accepted

    def tokens(self) -> tuple[int, int]:
        """Estimated tokens of the question and of the answer; zeros without an answer."""
        if self.usage is None:
            return 0, 0
        counts = self.usage()
        return counts["prompt_tokens"], counts["completion_tokens"]

    def server_timing(self, now: float) -> str:
        """The value of ``Server-Timing`` when the response begins, in milliseconds. Only answers
        that are not streamed have ``total``.
        """
        if self.completion is None:
            return ""
        times = self.completion.times
        phases = [("queue", times.queue_s), ("upload", times.upload_s)]
        if self.first_s is not None:
            phases.append(("first", self.first_s))
        if not self.stream:
            phases.append(("total", now - self.accepted))
        return ", ".join(f"{name};dur={seconds * 1000:.1f}" for name, seconds in phases)
