"""The cost of what Grok's web chat lacks and this server adds: tools as text, stops, forms. In this
process, without sockets.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from grokcore.config import DEFAULT_LIMITS
from grokcore.protocol.conversation.bounds import Bounds, TextFormat
from grokcore.protocol.conversation.enclosures import Enclosed
from grokcore.protocol.conversation.question import Question
from grokcore.protocol.conversation.tools import Tool, Toolbox
from grokcore.protocol.dialects.anthropic_messages.request import parse_messages_request
from grokcore.protocol.emulation.calls import ToolSieve
from grokcore.protocol.emulation.forms import CallForm, render_call
from grokcore.protocol.emulation.structured import within_bounds
from grokcore.protocol.emulation.tools_text import ToolTexts
from grokcore.protocol.grok_web.decoder import Decoder
from grokcore.protocol.grok_web.question_text import LongTexts, render_question
from grokcore.protocol.models import SHIPPED
from grokcore.simulator import lines

from .figures import Figure

__all__ = ["emulation"]

CHARS = 200_000
TOKEN_CHARS = 4
ROUNDS = 5
TOOLS = 21
"""As many as Claude Code declares without its tool search; 60 kB of JSON."""

SIEVE_US, LIST_MS, COUNT_MS = 2.0, 3.0, 5.0
"""Budgets: microseconds for each character, milliseconds for a list, and for a count."""

PROSE = "The quick brown fox jumps over the lazy dog, and goes on. "
MARKUP = "<div class='a'>if (a < b && c > d) { x = `<p>${y}</p>`; }</div>\n"
TABLE = {
    "type": "object",
    "properties": {"rows": {"type": "array", "items": {"type": "string"}}},
    "required": ["rows"],
}


def emulation() -> list[Figure]:
    """All figures of emulated features."""
    sieve = {
        "prose": _sieve_us(PROSE),
        "markup": _sieve_us(MARKUP),
        "a call that writes a file": _sieve_us(MARKUP, called=True),
    }
    first, again = _list_ms()
    count = _count_ms()
    bounds = _bounds_us()
    return [
        Figure(
            "reading calls out of an answer, a character",
            f"<= {SIEVE_US:g} µs",
            f"{max(sieve.values()):.2f} µs",
            max(sieve.values()) <= SIEVE_US,
        ),
        *(Figure(f"  {name}", "", f"{cost:.2f} µs") for name, cost in sieve.items()),
        Figure("  stops, lengths and forms", "", f"{bounds:.2f} µs"),
        Figure(
            f"a list of {TOOLS} tools (60 kB) in a prompt",
            f"<= {LIST_MS:g} ms",
            f"{first:.1f} ms",
            first <= LIST_MS,
        ),
        Figure("  the same list again", "", f"{again:.1f} ms"),
        Figure(
            f"counting the tokens of a request with {TOOLS} tools",
            f"<= {COUNT_MS:g} ms",
            f"{count:.1f} ms",
            count <= COUNT_MS,
        ),
    ]


def _median_s(run: Callable[[], object]) -> float:
    """Seconds of CPU time; the median of some runs."""
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        run()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def _pieces(text: str) -> list[str]:
    return [text[at : at + TOKEN_CHARS] for at in range(0, len(text), TOKEN_CHARS)]


# Answers ----------------------------------------------------------------------------------------


def _sieve_us(text: str, *, called: bool = False) -> float:
    """Microseconds for each character of an answer in tokens."""
    toolbox = Toolbox((_tool(0), Tool("write", parameters={"type": "object"})))
    answer = text * (CHARS // len(text))
    if called:
        answer = render_call(CallForm(), "write", {"path": "a.html", "content": answer})
    pieces = _pieces(answer)

    def read() -> None:
        sieve = ToolSieve(toolbox, CallForm())
        for piece in pieces:
            sieve.feed(piece)
        sieve.close()
        assert sieve.called is called

    return _median_s(read) / len(answer) * 1e6


def _bounds_us() -> float:
    """Microseconds that stops, a limit and a form add for each character of an answer."""
    bounds = Bounds(("\n\nEND",), CHARS, TextFormat(TABLE))
    answer = json.dumps({"rows": [PROSE] * (CHARS // len(PROSE))})
    data = [lines.line({"result": {"response": lines.token(one)}}) for one in _pieces(answer)]

    def run(within: Bounds) -> Callable[[], object]:
        return lambda: _decode(data, within)

    added = _median_s(run(bounds)) - _median_s(run(Bounds()))
    return max(added, 0.0) / len(answer) * 1e6


def _decode(data: Sequence[bytes], bounds: Bounds) -> None:
    decoder = within_bounds(Decoder(), bounds)
    for piece in data:
        decoder.receive(piece)
    decoder.close()


# Prompts ----------------------------------------------------------------------------------------


def _tool(number: int) -> Tool:
    return Tool(f"tool_{number}", f"Does {number}. {PROSE * 24}", _schema(number))


def _schema(number: int) -> dict[str, Any]:
    """A schema of some 1.4 kB, with the keys that agents' tools have."""
    described = {"description": PROSE * 3}
    return {
        "type": "object",
        "properties": {
            "path": {"type": "string", **described},
            "mode": {"type": "string", "enum": ["a", "b", f"c{number}"], **described},
            "lines": {"type": "array", "items": {"type": "integer"}, **described},
            "options": {"type": "object", "properties": {"deep": {"type": "boolean", **described}}},
        },
        "required": ["path"],
        "additionalProperties": False,
    }


def _toolboxes() -> Iterator[Toolbox]:
    """Lists of tools, each a little different, so that none is kept."""
    number = 0
    while True:
        number += TOOLS
        yield Toolbox(tuple(map(_tool, range(number, number + TOOLS))))


def _list_ms() -> tuple[float, float]:
    """Milliseconds of a list that is new, and of one that is kept."""
    texts, boxes = ToolTexts(), _toolboxes()
    first = _median_s(lambda: texts.listed(next(boxes)))
    same = next(boxes)
    texts.listed(same)
    return first * 1e3, _median_s(lambda: texts.listed(same)) * 1e3


def _count_ms() -> float:
    """Milliseconds from the body of a request to its count, with a list that is new each time."""
    texts, boxes = ToolTexts(), _toolboxes()
    model = SHIPPED["grok-3-fast"]

    def count() -> None:
        tools = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
            for tool in next(boxes).tools
        ]
        body = json.dumps(
            {
                "model": model.name,
                "max_tokens": 32_000,
                "system": PROSE * 200,
                "messages": [{"role": "user", "content": PROSE}],
                "tools": tools,
            }
        ).encode()
        asked = parse_messages_request(body)
        question = Question(
            model, DEFAULT_LIMITS, asked.messages, Enclosed(), toolbox=asked.toolbox
        )
        assert render_question(question, LongTexts(), texts).prompt_tokens > 0

    return _median_s(count) * 1e3
