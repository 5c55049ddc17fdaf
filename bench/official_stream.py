"""An answer of xAI's official API, as the paced upstream writes it: constants around each token.

All tokens have the same length, so a token's event is two constants with the token between them.
The events at the end repeat the whole text, as xAI's do.
"""

from __future__ import annotations

import json
from typing import Any

from grokcore.simulator.official.answers import PLAIN, Answer
from grokcore.simulator.official.catalogue import MODELS
from grokcore.simulator.official.events import Ticket, events_of
from grokcore.simulator.official.plain import said_last
from grokcore.simulator.official.streams import streamed
from grokcore.simulator.scripts import Send

from .tokens import token_text

__all__ = [
    "AFTER_TOKEN",
    "API_PATH",
    "BEFORE_TOKEN",
    "HEAD",
    "MODEL",
    "MODEL_LIST",
    "OPENING",
    "closing",
    "question_of",
]

API_PATH = "/official/v1"

MODEL = "grok-4.6"

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"

LAST_CHUNK = b"0\r\n\r\n"

COST_TICKS = 1000
"""The cost of each answer: next to nothing, so that no cap is near."""

_ROW = next(row for row in MODELS if row.name == MODEL)

MODEL_LIST = json.dumps({"models": [_ROW.priced()], "data": [_ROW.brief()]}).encode()
"""The answer of ``/models`` and of ``/language-models``."""


def question_of(body: dict[str, Any]) -> str:
    """The text of a request's last message."""
    return said_last(body)


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _rendered() -> tuple[bytes, bytes, bytes, bytes]:
    """The events before the tokens, both sides of a token, and the events at the end."""
    mark = token_text(0, 0)
    ticket = Ticket("00000000-0000-4000-8000-000000000001", _ROW, {}, COST_TICKS)
    events = events_of(Answer(mark), ticket)
    blocks = [step.data for step in streamed(events, PLAIN).steps if isinstance(step, Send)]
    tokens = [n for n, event in enumerate(events) if event["type"].endswith("output_text.delta")]
    first, last = tokens[0], tokens[-1]
    delta = json.dumps(events[first]["delta"]).encode()
    whole = blocks[first].replace(delta, json.dumps(mark).encode())
    before, after = _chunk(whole).split(mark.encode())
    opening = b"".join(map(_chunk, blocks[:first]))
    return opening, before, after, b"".join(blocks[last + 1 :])


OPENING, BEFORE_TOKEN, AFTER_TOKEN, _CLOSING = _rendered()


def closing(text: str) -> bytes:
    """The events at the end of an answer of this text."""
    return _chunk(_CLOSING.replace(token_text(0, 0).encode(), text.encode())) + LAST_CHUNK
