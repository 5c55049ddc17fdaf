"""The characters of the simulated model behind a whole server, over both lanes: the client's side
of it.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from attrs import frozen

from grokcore.simulator.agent.model import Agent
from tests.lanes import each_lane
from tests.servers import Site, on_site

WRITE = {
    "type": "function",
    "function": {
        "name": "write_file",
        "parameters": {
            "type": "object",
            "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
            "required": ["path", "content"],
        },
    },
}
TASK = "Create a.txt with this:\n```\nif a < b && c:\n    print('<p>&amp;</p>')\n```"
WRITTEN = {"path": "a.txt", "content": "if a < b && c:\n    print('<p>&amp;</p>')\n"}
INTRODUCTION = "I'll take the next step.\n\n"


@frozen
class Case:
    """A model, and the answer that the client gets.

    :ivar calls: how many there are, all of them right.
    :ivar text: its beginning.
    :ivar attempts: questions to Grok.
    """

    agent: Agent
    calls: int = 1
    text: str = INTRODUCTION
    attempts: int = 1
    choice: str = "auto"
    code: str = ""


def model(character: str, *, mends: bool = False) -> Agent:
    return Agent(character, mends=mends, pace_s=0.0)


CLAIM = "Done: everything is as you asked, and the tests pass."
FAILED = "tool_call_failed"

CASES = [
    Case(model("obedient")),
    Case(model("fenced")),
    Case(model("explaining"), 0, "One would write:\n\n```xml\n"),
    Case(model("chatty after the call")),
    Case(model("inventing the outcome")),
    Case(model("entity escaper")),
    Case(model("wrong closers")),
    Case(model("native markup")),
    Case(model("JSON body")),
    Case(model("prose only"), 0, CLAIM),
    Case(model("prose only"), 0, attempts=2, choice="required", code=FAILED),
    Case(model("prose only", mends=True), 1, "", 2, "required"),
    Case(model("thinking only"), text=""),
    Case(model("cut in a value"), 0, attempts=2, code=FAILED),
    Case(model("cut in a value", mends=True), attempts=2),
    Case(model("two of three broken"), 0, attempts=2, code=FAILED),
]


def named(case: Case) -> str:
    return f"{case.agent.character}, {case.choice}{', mends' if case.agent.mends else ''}"


def asked(site: Site, agent: Agent) -> None:
    site.simulator.agent.character = agent.character
    site.simulator.agent.mends = agent.mends
    site.simulator.agent.pace_s = 0.0


@each_lane
@pytest.mark.parametrize("case", CASES, ids=named)
@on_site(lane=lambda lane: lane)
async def test_a_client_sees_calls_and_no_markup(site: Site, case: Case) -> None:
    """In each way that models have of writing calls, the client gets right ones, or an error."""
    asked(site, case.agent)
    reply = await site.ask(TASK, tools=[WRITE], tool_choice=case.choice)
    await site.until_free()
    assert len(site.asked) == case.attempts
    if case.code:
        assert (reply.status_code, reply.json()["error"]["code"]) == (502, case.code)
        assert "fn:" not in reply.text
        return
    check(reply, case)


def check(reply: httpx.Response, case: Case) -> None:
    assert reply.headers["x-grok2api-attempts"] == str(case.attempts)
    (choice,) = reply.json()["choices"]
    calls: list[dict[str, Any]] = choice["message"].get("tool_calls") or []
    assert [json.loads(call["function"]["arguments"]) for call in calls] == [WRITTEN] * case.calls
    assert choice["finish_reason"] == ("tool_calls" if case.calls else "stop")
    text = choice["message"]["content"] or ""
    assert text.startswith(case.text)
    assert case.calls == 0 or text == case.text
