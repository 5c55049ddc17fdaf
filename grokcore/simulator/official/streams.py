"""Events written as a stream in any manner, or gathered to a response in one piece."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence

from attrs import evolve

from ..scripts import Script, Send, Step, Wait, error, gzipped, recut
from .answers import Manner
from .events import Event

__all__ = ["streamed", "whole"]

_STREAM = (("content-type", "text/event-stream"), ("cache-control", "no-cache"))

UNKNOWN = (
    {"type": "response.simulated_novelty.delta", "delta": {"anything": [1, None]}},
    {
        "type": "response.output_item.added",
        "output_index": 90,
        "item": {"type": "simulated_novelty", "id": "novel", "status": "in_progress"},
    },
    {
        "type": "response.output_item.done",
        "output_index": 90,
        "item": {"type": "simulated_novelty", "id": "novel", "status": "completed"},
    },
)


def whole(events: Sequence[Event], *, before_s: float = 0.0) -> Script:
    """The response object in one piece, or the error in its place."""
    last = events[-1]
    if last["type"] == "error":
        said = {"code": last["code"], "error": last["message"]}
        return evolve(error(500, said), before=before_s)
    return evolve(error(200, last.get("response")), before=before_s)


def streamed(
    events: Sequence[Event], manner: Manner, headers: tuple[tuple[str, str], ...] = ()
) -> Script:
    """The events as server-sent events."""
    blocks = list(_blocks(_chosen(events, manner), manner))
    if manner.done_mark:
        blocks.append(f"data: [DONE]{manner.newline * 2}".encode())
    if manner.open_end:
        blocks[-1] = blocks[-1].rstrip(b"\r\n")
    steps: list[Step] = []
    for block in blocks[: manner.breaks.after if manner.breaks else None]:
        steps += [Wait(manner.pace_s)] if manner.pace_s else []
        steps.append(Send(block))
    if manner.glued:
        steps = [Send(b"".join(step.data for step in steps if isinstance(step, Send)))]
    if manner.breaks:
        steps.append(manner.breaks.step)
    return _finished(Script(tuple(steps), 200, _STREAM + headers, manner.before_s), manner)


def _finished(script: Script, manner: Manner) -> Script:
    script = gzipped(script) if manner.gzip else script
    return recut(script, itertools.repeat(manner.piece)) if manner.piece else script


def _chosen(events: Sequence[Event], manner: Manner) -> list[Event]:
    """The events that the manner leaves, and those that it adds."""
    chosen = [
        event
        for event in events
        if (manner.deltas or not event["type"].endswith(".delta"))
        and (manner.items or not event["type"].endswith(".done"))
    ]
    if manner.padding:
        chosen[0] = chosen[0] | {"padding": "x" * manner.padding}
    if manner.unknown:
        chosen = [event | {"novelty": {"x": [1]}} for event in chosen]
        chosen[2:2] = [{"sequence_number": 0, **event} for event in UNKNOWN]
    return chosen


def _blocks(events: Sequence[Event], manner: Manner) -> Iterator[bytes]:
    for number, event in enumerate(events):
        if number == 2:
            yield from manner.junk
        if manner.comments:
            yield f": keepalive{manner.newline * 2}".encode()
        yield _block(event, manner)


def _block(event: Event, manner: Manner) -> bytes:
    name = [f"event: {event['type']}"] if manner.named else []
    # JSON itself escapes line ends, so only an indented one has several lines.
    text = json.dumps(event, indent=1 if manner.pretty else None, ensure_ascii=False)
    head = "data: " if manner.spaced else "data:"
    lines = name + [head + line for line in text.split("\n")]
    return "".join(line + manner.newline for line in [*lines, ""]).encode()
