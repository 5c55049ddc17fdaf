"""What Grok does beside plain text and calls, in all three dialects: bodies and events stay what the
SDKs' types require. (Those with calls are checked in test_tools.py.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from attrs import frozen

from grokcore.simulator import lines
from grokcore.simulator.scripts import (
    CUT,
    Script,
    Send,
    answer,
    error,
    play_lines,
    wrapped,
)
from tests.examples import CITING, DRAWING, THOUGHTS
from tests.runtime.worlds import make_world
from tests.scenarios import on_fake_clock
from tests.web.in_process import client_of

from .dialects import DIALECTS, Asked, Dialect
from .sdk_types import check_types

ASKED_FOR: Mapping[str, dict[str, Any]] = {
    "chat": {"stream_options": {"include_usage": True}},
    "responses": {
        "tools": [{"type": "web_search"}],
        "reasoning": {"summary": "auto"},
        "metadata": {"for": "all"},
    },
    "messages": {
        "tools": [{"type": "web_search_20250305", "name": "web_search"}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    },
}
"""Fields with which a dialect shows all that it can."""

BROKEN = Script((Send(lines.line(wrapped(lines.token("Hel")))), CUT))


@frozen
class Answer:
    name: str
    script: Script


ANSWERS = [
    Answer("thinking", answer("fine", thoughts=THOUGHTS)),
    Answer(
        "a search and citations",
        play_lines(
            map(
                wrapped,
                [
                    lines.search_results("https://example.com/7", "Seven"),
                    *CITING,
                    lines.soft_stop(),
                ],
            )
        ),
    ),
    Answer("a picture as a card", play_lines(map(wrapped, [*DRAWING, lines.soft_stop()]))),
    Answer("no room for more", answer("word " * 100)),
    Answer("moderated", error(403, lines.ERROR_403_MODERATED)),
    Answer("broken off", BROKEN),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
@pytest.mark.parametrize("case", ANSWERS, ids=lambda one: one.name)
@on_fake_clock
async def test_all_that_is_sent_is_of_the_sdks_types(
    case: Answer, dialect: Dialect, stream: bool
) -> None:
    """A required field that lacks is found by a client's user otherwise, deep in a program."""
    world = make_world(case.script)
    async with client_of(world) as client:
        body = {**dialect.body(Asked(most_tokens=16)), **ASKED_FOR[dialect.name], "stream": stream}
        response = await client.post(dialect.path, json=body)
    check_types(dialect.name, response)
    assert world.idle
