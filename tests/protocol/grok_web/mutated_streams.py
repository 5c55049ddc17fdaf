"""Recorded streams with bytes and lines changed at random."""

from __future__ import annotations

import random
from pathlib import Path

from grokcore.protocol.conversation.events import Failed, Finished
from grokcore.protocol.grok_web.decoder import Decoder
from grokcore.protocol.grok_web.markup import parse_tag_names

TAGS = parse_tag_names("xaiartifact,xai:tool_usage_card,grok:render")
GOLDEN = {
    path.stem: path.read_bytes() for path in Path(__file__).parent.glob("golden/stream/*.ndjson")
}
_INSERTED = [
    b"",
    b"\n",
    b"}",
    b'"',
    b"{",
    b"null",
    b"[]",
    b"\xff",
    b"<grok:render>",
    b"\\u200b",
    b"true",
]


def mutated(rnd: random.Random) -> list[bytes]:
    """A stream with up to four bytes, pieces or lines overwritten, taken out, put in or moved; in
    up to four parts.
    """
    stream = bytearray(rnd.choice(list(GOLDEN.values())))
    for _ in range(rnd.randint(1, 4)):
        start = rnd.randrange(len(stream) + 1)
        end = min(len(stream), start + rnd.choice([0, 1, 5, 300]))
        if rnd.random() < 0.2:
            moved = bytes(stream[start:end])
            del stream[start:end]
            start = end = rnd.randrange(len(stream) + 1)
        else:
            moved = rnd.choice(_INSERTED)
        stream[start:end] = moved
    cuts = sorted(rnd.randrange(len(stream) + 1) for _ in range(rnd.randint(0, 3)))
    return [bytes(stream[a:b]) for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


def check_mutations(count: int, seed: int) -> int:
    """Decode that many mutated streams; return how many were answers in good order."""
    rnd = random.Random(seed)
    finished = 0
    for _ in range(count):
        decoder = Decoder(TAGS)
        events = [
            event for piece in mutated(rnd) for event in decoder.receive(piece)
        ] + decoder.close()
        assert decoder.ended
        assert [isinstance(event, Finished | Failed) for event in events] == [False] * (
            len(events) - 1
        ) + [True]
        finished += events[-1] == Finished()
    return finished
