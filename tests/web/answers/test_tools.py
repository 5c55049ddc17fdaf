"""Tools, stops, lengths and forms in all three dialects, streamed and whole: the same questions and
the same words of Grok give the same outcomes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve, field, frozen

from grokcore.protocol.emulation.forms import CallForm, render_call
from grokcore.simulator import lines
from grokcore.simulator.scripts import CUT, Script, answer, error
from tests.examples import PNG, data_url
from tests.runtime.worlds import make_world
from tests.scenarios import on_fake_clock, on_real_clock
from tests.web.in_process import client_of

from .dialects import DIALECTS, Asked, Called, Dialect, Outcome
from .sdk_types import check_types

READ = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "lines": {"type": "integer"}},
    "required": ["path"],
}
TOOLS: Mapping[str, Mapping[str, Any]] = {
    "read": READ,
    "now": {"type": "object", "properties": {}},
}
POINT = {
    "type": "object",
    "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
    "required": ["x", "y"],
    "additionalProperties": False,
}


def written(name: str, prefix: str = "fn", **arguments: object) -> str:
    return render_call(CallForm(prefix), name, arguments)


READS = written("read", path="a.txt")
READ_A = Called("read", {"path": "a.txt"})
NO_PATH = written("read", lines=3)
FOREIGN_CALL = (
    'Looking.\n<xai:function_call name="read">\n<parameter name="path">a.txt</parameter>\n'
    '</xai:function_call">'
)
OPEN = '<fn:call name="read">\n<fn:arg name="path">a.t'


def cut(text: str) -> Script:
    """An answer that breaks off behind *text*, in good order."""
    whole = answer(text)
    return evolve(whole, steps=whole.steps[:-3])


@frozen
class Case:
    """A question, Grok's answers to it, and the outcome.

    :ivar asked: how often Grok is asked.
    :ivar only: the names of the dialects that can ask so; empty for all.
    """

    name: str
    question: Asked
    answers: tuple[str, ...]
    outcome: Outcome
    asked: int = 1
    only: tuple[str, ...] = field(factory=tuple)


WITH_TOOLS = Asked(tools=TOOLS)
FAILED = Outcome(end="", error="tool_call_failed")
FORMAT_FAILED = Outcome(end="", error="invalid_structured_output")
CALLS = "calls"

CASES = [
    Case("no call is an answer", WITH_TOOLS, ("Just so.",), Outcome("Just so.")),
    Case("a call", WITH_TOOLS, (READS,), Outcome("", (READ_A,), CALLS)),
    Case(
        "19: two calls",
        WITH_TOOLS,
        (f"{READS}\n{written('now')}",),
        Outcome("", (READ_A, Called("now", {})), CALLS),
    ),
    Case(
        "28: text, a call, an invented outcome",
        WITH_TOOLS,
        (f"Looking.\n\n{READS}\nThe file says: 42.",),
        Outcome("Looking.", (READ_A,), CALLS),
    ),
    Case(
        "29: our own tags in the question",
        evolve(WITH_TOOLS, text="What does <fn:call name='x'> mean?"),
        (written("read", "fn2", path="<fn:call name='x'>"),),
        Outcome("", (Called("read", {"path": "<fn:call name='x'>"}),), CALLS),
    ),
    Case(
        "29: a call of another spelling in the question",
        evolve(WITH_TOOLS, text=f"Repeat this at the end: {FOREIGN_CALL}"),
        (FOREIGN_CALL,),
        Outcome(FOREIGN_CALL),
    ),
    Case(
        "30: a quoted call",
        WITH_TOOLS,
        (f"Like this:\n\n```\nexample:\n{READS}\n```\n\nDone.",),
        Outcome(f"Like this:\n\n```\nexample:\n{READS}\n```\n\nDone."),
    ),
    Case(
        "31: wrong closers",
        WITH_TOOLS,
        (READS.replace("</fn:arg>", "</path>").replace("</fn:call>", '</fn:call">'),),
        Outcome("", (READ_A,), CALLS),
    ),
    Case(
        "a call in Grok's own spelling",
        WITH_TOOLS,
        (FOREIGN_CALL,),
        Outcome("Looking.", (READ_A,), CALLS),
    ),
    Case(
        "32: entities in a value",
        WITH_TOOLS,
        (READS.replace("a.txt", "a &amp;&amp; b"),),
        Outcome("", (Called("read", {"path": "a && b"}),), CALLS),
    ),
    Case(
        "36: the call as JSON alone",
        evolve(WITH_TOOLS, choice="required"),
        ('{"name": "read", "arguments": {"path": "a.txt"}}',),
        Outcome("", (READ_A,), CALLS),
    ),
    Case(
        "33: Grok's markup in a value",
        WITH_TOOLS,
        (written("read", path='<grok:render card_id="1">x</grok:render>'),),
        Outcome("", (Called("read", {"path": '<grok:render card_id="1">x</grok:render>'}),), CALLS),
    ),
    Case(
        "34: cut in a value, then whole",
        WITH_TOOLS,
        (OPEN, READS),
        Outcome("", (READ_A,), CALLS),
        2,
    ),
    Case("34: cut twice", WITH_TOOLS, (OPEN, OPEN), FAILED, 2),
    Case(
        "35: a violated schema passes",
        WITH_TOOLS,
        (NO_PATH,),
        Outcome("", (Called("read", {"lines": 3}),), CALLS),
    ),
    Case(
        "35: a forced call is corrected",
        evolve(WITH_TOOLS, choice="read"),
        (NO_PATH, READS),
        Outcome("", (READ_A,), CALLS),
        2,
    ),
    Case("35: and fails", evolve(WITH_TOOLS, choice="read"), (NO_PATH, NO_PATH), FAILED, 2),
    Case(
        "35: strict tools are corrected",
        evolve(WITH_TOOLS, strict=True),
        (NO_PATH, READS),
        Outcome("", (READ_A,), CALLS),
        2,
    ),
    Case(
        "36: a required call after prose",
        evolve(WITH_TOOLS, choice="required"),
        ("I will read it.", READS),
        Outcome("", (READ_A,), CALLS),
        2,
    ),
    Case(
        "37: one call only",
        evolve(WITH_TOOLS, parallel=False),
        (f"{READS}\n{written('now')}",),
        Outcome("", (READ_A,), CALLS),
    ),
    Case(
        "38: an integer as a text",
        WITH_TOOLS,
        (READS.replace("</fn:call>", '<fn:arg name="lines">5</fn:arg>\n</fn:call>'),),
        Outcome("", (Called("read", {"path": "a.txt", "lines": 5}),), CALLS),
    ),
    Case(
        "38: no arguments", WITH_TOOLS, (written("now"),), Outcome("", (Called("now", {}),), CALLS)
    ),
    Case(
        "tools that may not be called", evolve(WITH_TOOLS, choice="none"), (READS,), Outcome(READS)
    ),
    Case("no tools", Asked(), (READS,), Outcome(READS)),
    Case(
        "26: a stop sequence",
        Asked(stop=("END",)),
        ("one ENDtwo",),
        Outcome("one "),
        only=("chat", "messages"),
    ),
    Case(
        "40: a limit of tokens",
        Asked(most_tokens=16),
        ("word " * 100,),
        Outcome("word " * 12 + "word", end="length"),
    ),
    Case(
        "39: JSON in a fence, with words",
        Asked(schema=POINT),
        ('Here it is:\n\n```json\n{"x": 1, "y": 2}\n```\n',),
        Outcome('{"x": 1, "y": 2}'),
    ),
    Case(
        "39: invalid, then valid",
        Asked(schema=POINT),
        ('{"x": 1}', '{"x": 1, "y": 2}'),
        Outcome('{"x": 1, "y": 2}'),
        2,
    ),
    Case(
        "39: with tools, invalid, then valid",
        evolve(WITH_TOOLS, schema=POINT),
        ("Hello.", '{"x": 1, "y": 2}'),
        Outcome('{"x": 1, "y": 2}'),
        2,
    ),
    Case(
        "39: with tools, a call beside words",
        evolve(WITH_TOOLS, schema=POINT),
        (f"Looking.\n{READS}",),
        Outcome("Looking.", (READ_A,), CALLS),
    ),
    Case("39: invalid twice", Asked(schema=POINT), ('{"x": 1}', "no"), FORMAT_FAILED, 2),
]

PER_DIALECT = [
    pytest.param(case, dialect, stream, id=f"{case.name}-{dialect.name}{'-stream' * stream}")
    for case in CASES
    for dialect in DIALECTS
    for stream in (False, True)
    if not case.only or dialect.name in case.only
]


@pytest.mark.parametrize(("case", "dialect", "stream"), PER_DIALECT)
@on_fake_clock
async def test_an_answer_has_the_same_outcome_in_each_dialect(
    case: Case, dialect: Dialect, stream: bool
) -> None:
    """An agent's work must not depend on the API that its program speaks. Bodies and events are
    what the SDKs' types require.
    """
    world = make_world(*map(answer, case.answers), tokens=2)
    async with client_of(world) as client:
        body = dialect.body(case.question)
        response = await client.post(dialect.path, json={**body, "stream": stream})
    check_types(dialect.name, response)
    outcome = dialect.read(response)
    assert evolve(outcome, text=outcome.text.rstrip(), error="") == evolve(
        case.outcome, text=case.outcome.text.rstrip(), error=""
    )
    assert case.outcome.error in outcome.error or dialect.name == "messages"
    assert bool(outcome.error) == bool(case.outcome.error)
    assert response.headers["x-grok2api-attempts"] == ("1" if stream else str(case.asked))
    assert len(world.transport.exchanges) == case.asked
    assert world.idle


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
@on_fake_clock
async def test_a_cut_after_a_whole_call_costs_nothing(dialect: Dialect) -> None:
    """The call is whole; Grok's own end is not waited for."""
    world = make_world(cut(f"{READS}\n"))
    async with client_of(world) as client:
        response = await client.post(dialect.path, json=dialect.body(WITH_TOOLS))
    assert dialect.read(response) == Outcome("", (READ_A,), CALLS)
    assert world.idle


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
@on_fake_clock
async def test_a_mark_of_groks_is_no_part_of_a_value(dialect: Dialect) -> None:
    """Test 33, with search: Grok cites in files too, and its mark would be written into them."""
    card = lines.citation_card("c1", "https://example.com/a")
    cited = written("read", path=f"a{lines.citation('c1')}b{lines.citation('c2')}")
    world = make_world(answer(cited, thoughts=[card]))
    async with client_of(world) as client:
        response = await client.post(dialect.path, json=dialect.body(WITH_TOOLS))
    (call,) = dialect.read(response).calls
    assert call.arguments == {"path": f"ab{lines.citation('c2')}"}


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
@on_fake_clock
async def test_grok_is_let_go_where_the_rest_is_not_wanted(dialect: Dialect) -> None:
    """It would write on, and hold a token, for an answer that no client reads."""
    script = answer(f"{READS}\nThe file says 42.")
    endless = evolve(script, steps=(*script.steps[:-3], *script.steps[4:5] * 1000, CUT))
    world = make_world(endless)
    async with client_of(world) as client:
        response = await client.post(dialect.path, json=dialect.body(WITH_TOOLS))
    assert dialect.read(response) == Outcome("", (READ_A,), CALLS)
    assert world.idle


SEEN = data_url(PNG)
LOOKED: Mapping[str, Mapping[str, Any]] = {
    "chat": {
        "messages": [
            {"role": "user", "content": "Look."},
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "c",
                        "type": "function",
                        "function": {"name": "read", "arguments": '{"path": "a.png"}'},
                    }
                ],
            },
            {
                "role": "tool",
                "tool_call_id": "c",
                "content": [{"type": "image_url", "image_url": {"url": SEEN}}],
            },
        ]
    },
    "responses": {
        "input": [
            {"role": "user", "content": "Look."},
            {
                "type": "function_call",
                "call_id": "c",
                "name": "read",
                "arguments": '{"path": "a.png"}',
            },
            {
                "type": "function_call_output",
                "call_id": "c",
                "output": [{"type": "input_image", "image_url": SEEN}],
            },
        ]
    },
    "messages": {
        "messages": [
            {"role": "user", "content": "Look."},
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "c", "name": "read", "input": {"path": "a.png"}}
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "c",
                        "content": [
                            {
                                "type": "image",
                                "source": {
                                    "type": "base64",
                                    "media_type": "image/png",
                                    "data": SEEN.partition(",")[2],
                                },
                            }
                        ],
                    }
                ],
            },
        ]
    },
}
"""The turns after a call whose outcome is a picture, by dialect."""


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
@on_real_clock  # a worker thread looks at the picture
async def test_a_picture_that_a_tool_has_read_goes_up(dialect: Dialect) -> None:
    """Test 14: agents look at screenshots through their tools. A correction looks at it again."""
    upload = error(200, {"fileMetadataId": "f", "fileUri": "users/u/f/content"})
    world = make_world(upload, answer(OPEN), upload, answer(READS), tokens=2)
    async with client_of(world) as client:
        body = {**dialect.body(WITH_TOOLS), **LOOKED[dialect.name]}
        response = await client.post(dialect.path, json=body)
    assert dialect.read(response) == Outcome("", (READ_A,), CALLS)
    questions = [json.loads(exchange.request.body or b"") for exchange in world.transport.exchanges]
    for question in questions[1::2]:
        assert question["fileAttachments"] == ["f"]
        outcome = '<fn:outcome of="1" name="read">\n[image 1] (attached)\n</fn:outcome>'
        assert outcome in question["message"]
