"""A lane whose upstream says the user's last words again, or has a picture for them. Nothing is
sent.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, evolve, field, frozen

from grokcore.errors import GrokApiError
from grokcore.protocol.conversation.events import Event, Finished, Picture, Text
from grokcore.protocol.conversation.question import Question, Rendering, Task, last_words
from grokcore.protocol.counters import Counters
from grokcore.protocol.models import LaneName
from grokcore.runtime.disk.media_cache import MediaCache
from grokcore.runtime.lanes.lane import Asset
from grokcore.runtime.pool.leases import AnyLease
from grokcore.simulator.assets import jpeg

__all__ = ["EchoLane"]

PICTURE = "https://example.com/a.jpg"


@define(eq=False)
class EchoExchange:
    """An answer that is there at once."""

    refusal: GrokApiError | None
    pieces: list[bytes]
    fault: GrokApiError | None = None

    async def accepted(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    async def read(self) -> bytes:
        return self.read_nowait()

    def read_nowait(self) -> bytes:
        if self.fault is not None:
            raise self.fault
        return self.pieces.pop(0) if self.pieces else b""

    async def wait(self) -> None: ...

    def wake(self) -> None: ...

    async def drain(self) -> None: ...

    async def aclose(self) -> None: ...


@frozen
class EchoDecoder:
    """Each piece is a text, or the address of a picture; or stands for events that are given.

    :ivar script: the events of each piece, and those of the end last; None reads the pieces.
    """

    script: list[list[Event]] | None = None
    counters: Counters = field(factory=Counters)
    answered_by: str = ""
    stopped: bool = False
    concluded: bool = False
    cut_short: bool = False

    def receive(self, data: bytes) -> list[Event]:
        if self.script is not None:
            return self.script.pop(0)
        text = data.decode()
        return [Picture(text) if text == PICTURE else Text(text)]

    def close(self) -> list[Event]:
        return self.script.pop(0) if self.script else [Finished()]


@frozen(eq=False)
class EchoQuestion:
    """A question that needs no preparing."""

    lane: EchoLane
    rendering: Rendering
    script: list[list[Event]] | None = None

    @property
    def rendered(self) -> EchoQuestion:
        return self

    def prepare_now(self, lease: AnyLease) -> EchoQuestion | None:
        return None

    async def prepare(self, lease: AnyLease, *, repeated: bool) -> EchoQuestion:
        lane = self.lane
        lane.asked.append(self.rendering.question)
        return evolve(self, script=lane.scripts.pop(0)) if lane.scripts else self

    def decoder(self) -> EchoDecoder:
        return EchoDecoder(self.script)

    def open(self, *, fresh: bool) -> EchoExchange:
        question = self.rendering.question
        (last,) = last_words(question.messages)
        refusals, drawn = self.lane.refusals, question.task is Task.PICTURES
        refused = bool(refusals)
        return EchoExchange(
            refusals.pop(0) if refusals else None,
            [b"."] * (len(self.script) - 1)
            if self.script is not None
            else [PICTURE.encode()]
            if drawn
            else [word.encode() for word in last.text.split(" ")],
            self.lane.faults.pop(0) if self.lane.faults and not refused else None,
        )


@define(eq=False)
class EchoLane:
    """See :class:`grokcore.runtime.lanes.lane.Lane`.

    :ivar name: whose leases it is given.
    :ivar facts: returns the rendering of a question.
    :ivar refusals: what the next attempts fail with.
    :ivar faults: what the next attempts fail with after they were taken.
    :ivar scripts: events of the next answers; see :class:`EchoDecoder`.
    :ivar asked: the question of each attempt.
    """

    facts: Callable[[Question], Rendering] = Rendering
    refusals: list[GrokApiError] = field(factory=list)
    scripts: list[list[list[Event]]] = field(factory=list)
    asked: list[Question] = field(factory=list)
    name: LaneName = LaneName.WEB
    faults: list[GrokApiError] = field(factory=list)

    def render(self, question: Question) -> EchoQuestion:
        return EchoQuestion(self, self.facts(question))

    def failed(self, lease: AnyLease, error: GrokApiError) -> None: ...

    async def fetch(self, lease: AnyLease, url: str) -> Asset:
        return Asset(jpeg(), "image/jpeg")

    async def fetch_file(self, lease: AnyLease, url: str) -> Asset:
        return await self.fetch(lease, url)

    async def save(self, lease: AnyLease, url: str, cache: MediaCache) -> str:
        raise NotImplementedError
