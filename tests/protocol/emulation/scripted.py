"""A decoder whose events are given, for tests of decoders around it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import evolve
from hypothesis import strategies as st

from grokcore.protocol.conversation.decoder import AnswerDecoder
from grokcore.protocol.conversation.events import Activity, Event, Text
from grokcore.protocol.counters import Counters

__all__ = ["Scripted", "cut_up", "joined", "play"]


class Scripted:
    """Each byte completes the next list of events; the end, the last one."""

    def __init__(self, steps: Iterable[Sequence[Event]]) -> None:
        self._steps = [list(step) for step in steps]
        self.counters = Counters(junk_lines=7)
        self.answered_by = "grok-4"
        self.stopped = True
        self.concluded = True
        self.cut_short = False

    def receive(self, data: bytes) -> list[Event]:
        return [event for _ in data for event in self._steps.pop(0)]

    def close(self) -> list[Event]:
        return [event for step in self._steps for event in step]


def play(decoder: AnswerDecoder, steps: int) -> list[list[Event]]:
    """The events of each step, and of the end."""
    return [*(decoder.receive(b".") for _ in range(steps)), decoder.close()]


def joined(steps: Iterable[Iterable[Event]]) -> list[Event]:
    """All events without signs of life, with neighbouring texts in one."""
    result: list[Event] = []
    for step in steps:
        for event in step:
            last = result[-1] if result else None
            if isinstance(event, Text) and isinstance(last, Text):
                result[-1] = evolve(last, text=last.text + event.text)
            elif type(event) is not Activity:
                result.append(event)
    return result


@st.composite
def cut_up(draw: st.DrawFn, events: Sequence[Event]) -> list[list[Event]]:
    """The same events in any number of steps, with each text in pieces and signs of life."""
    steps: list[list[Event]] = [[]]
    for event in events:
        pieces: list[Event] = [event]
        if isinstance(event, Text):
            cuts = draw(st.sets(st.integers(1, max(1, len(event.text) - 1)), max_size=5))
            ends = sorted({*(cut for cut in cuts if cut < len(event.text)), len(event.text)})
            pieces = [Text(event.text[at:end]) for at, end in zip([0, *ends], ends, strict=False)]
        for piece in pieces:
            if draw(st.booleans()):
                steps.append([])
            if draw(st.integers(0, 5)) == 0:
                steps[-1].append(Activity())
            steps[-1].append(piece)
    return steps
