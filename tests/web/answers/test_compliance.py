"""The cases of Open Responses' compliance set over the whole app, and figures of the contract that
are times: letting Grok go, and counting.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
import trio
from attrs import evolve, frozen

from grokcore.simulator.scripts import Send, Wait, answer
from tests.protocol.dialects.openai_responses.responses_cases import sent_events
from tests.runtime.worlds import make_world
from tests.scenarios import on_fake_clock
from tests.web.in_process import client_of

MODEL = "grok-3-fast"
CALL = '<fn:call name="get_weather">\n<fn:arg name="location">Oslo</fn:arg>\n</fn:call>'
TOOL = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}},
}
TURNS = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": "My name is Alice."},
    {"role": "assistant", "content": "Hello Alice."},
    {"role": "user", "content": "What is my name?"},
]


@frozen
class Case:
    """A request, Grok's words, and the types and status of the response's items.

    :ivar shown: texts that must stand in the prompt, in this order.
    """

    name: str
    body: dict[str, Any]
    said: str
    items: tuple[str, ...]
    status: str = "completed"
    shown: tuple[str, ...] = ()


CASES = [
    Case("basic", {"input": "Hi"}, "Hello.", ("message",), shown=("Hi",)),
    Case(
        "system",
        {"instructions": "Be a pirate.", "input": "Hi"},
        "Ahoy.",
        ("message",),
        shown=("Be a pirate.", "Hi"),
    ),
    Case("tools", {"input": "Weather?", "tools": [TOOL]}, CALL, ("function_call",)),
    Case(
        "3: turns",
        {"input": TURNS},
        "Alice.",
        ("message",),
        shown=tuple(str(turn["content"]) for turn in TURNS),
    ),
    Case(
        "12: a limit",
        {"input": "Hi", "max_output_tokens": 16},
        "word " * 100,
        ("message",),
        "incomplete",
    ),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@on_fake_clock
async def test_the_compliance_cases_hold(case: Case, stream: bool) -> None:
    """16: clients of any provider of this API can be pointed here."""
    world = make_world(answer(case.said))
    async with client_of(world) as client:
        reply = await client.post(
            "/responses", json={"model": MODEL, "stream": stream, **case.body}
        )
    response = sent_events(reply.content)[-1].data["response"] if stream else reply.json()
    assert response["status"] == case.status
    assert tuple(item["type"] for item in response["output"]) == case.items
    assert {item["status"] for item in response["output"]} == {case.status}
    if case.status == "incomplete":
        assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    prompt = world.transport.exchanges[0].request.body
    assert prompt is not None
    places = [prompt.find(text.encode()) for text in case.shown]
    assert -1 not in places
    assert places == sorted(places)
    assert world.idle


@pytest.mark.parametrize(
    ("path", "bounds"),
    [
        ("/chat/completions", {"stop": ["END"]}),
        ("/chat/completions", {"max_tokens": 1}),
        ("/messages", {"stop_sequences": ["END"], "max_tokens": 100}),
        ("/responses", {"max_output_tokens": 1}),
    ],
)
@on_fake_clock
async def test_grok_is_let_go_at_the_moment_of_the_cut(path: str, bounds: dict[str, Any]) -> None:
    """26: within the same instant, while Grok would write on for an hour; the lease is a success."""
    script = answer("one ENDtwo three")
    paced: list[Send | Wait] = []
    for step in script.steps:
        assert isinstance(step, Send)
        paced += [step, Wait(600)] if b"END" in step.data or b"three" in step.data else [step]
    world = make_world(evolve(script, steps=tuple(paced)))
    words = (
        {"input": "go"}
        if path == "/responses"
        else {"messages": [{"role": "user", "content": "go"}]}
    )
    began = trio.current_time()
    async with client_of(world) as client:
        reply = await client.post(path, json={"model": MODEL, **words, **bounds})
    assert reply.status_code == 200
    assert world.transport.exchanges[0].closed_at == began
    assert world.idle


@on_fake_clock
async def test_many_counts_at_once_are_quick_and_ask_nothing() -> None:
    """23: Claude Code sends 24 of them for its ``/context``, with all its tools in one."""
    world = make_world(answer("never asked"))
    tools = [
        {"name": f"tool_{n}", "description": "word " * 300, "input_schema": TOOL["parameters"]}
        for n in range(21)
    ]
    body = {"model": MODEL, "messages": [{"role": "user", "content": "x"}], "tools": tools}
    counts: list[int] = []
    began = time.process_time()
    async with client_of(world) as client, trio.open_nursery() as nursery:

        async def count() -> None:
            reply = await client.post("/messages/count_tokens", json=body)
            counts.append(reply.json()["input_tokens"])

        for _ in range(24):
            nursery.start_soon(count)
    assert time.process_time() - began < 24 * 0.05
    assert len(set(counts)) == 1
    assert counts[0] > 1000
    assert world.transport.exchanges == []
