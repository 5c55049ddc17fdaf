"""The simulated model's answers in JSON, by the requests of the gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest

from grokcore.protocol.conversation.bounds import TextFormat
from grokcore.protocol.emulation.requests_for_form import ask_for_json
from grokcore.protocol.json_values.schema import faults
from grokcore.simulator.agent.json_answers import json_answer
from tests.lanes import each_lane
from tests.servers import Site, on_site

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 12, "maxLength": 14},
        "age": {"type": ["integer", "null"], "minimum": 18},
        "size": {"type": "number", "exclusiveMinimum": 2},
        "share": {"type": "number", "maximum": 0.5},
        "ok": {"type": "boolean"},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2},
        "kind": {"const": "person"},
        "home": {"$ref": "#/$defs/Place"},
        "work": {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}]},
        "nothing": {"type": "null"},
    },
    "required": [
        "name", "age", "size", "share", "ok", "tags", "kind", "home", "work", "nothing"
    ],
    "additionalProperties": False,
    "$defs": {
        "Place": {
            "type": "object",
            "properties": {"lines": {"items": {"type": "string"}}},
            "required": ["lines"],
        }
    },
}  # fmt: skip
TREE = {
    "$defs": {"Node": {"properties": {"next": {"$ref": "#/$defs/Node"}}, "required": ["next"]}},
    "$ref": "#/$defs/Node",
}


@pytest.mark.parametrize("schema", [None, {}, {"type": "object"}, PERSON, {"type": "string"}])
def test_the_answer_fits_the_form(schema: dict[str, Any] | None) -> None:
    """A client's structured output can be tried on the demo."""
    wanted = TextFormat(schema, "person", "A person.\nWith a home.")
    answer = json_answer(f"Who is it?\n\n{ask_for_json(wanted)}")
    assert answer is not None
    assert faults(json.loads(answer), schema or {}) == ()


def test_a_schema_without_an_end_is_left_after_some_levels() -> None:
    """No value fits it, and the simulation goes on."""
    answer = json_answer(ask_for_json(TextFormat(TREE)))
    assert answer is not None
    assert answer.endswith("null" + "}" * answer.count("{"))


@pytest.mark.parametrize(
    "schema",
    [
        {"required": 5},
        {"type": "string", "minLength": "x"},
        {"allOf": [5]},
        {"$ref": "#/$defs/Gone"},
        {"type": "array", "minItems": 10**9},
        {"type": "string", "minLength": 10**9},
    ],
    ids=str,
)
def test_an_odd_schema_gets_some_json(schema: dict[str, Any]) -> None:
    """The demo goes on, in little memory."""
    answer = json_answer(ask_for_json(TextFormat(schema)))
    assert answer is not None
    assert len(answer) < 10_000
    json.loads(answer)


def test_a_prompt_without_a_form_is_answered_in_words() -> None:
    """Talk of JSON asks for none."""
    assert json_answer("Answer with the JSON of Bob, please.") is None


@each_lane
@on_site(lane=lambda lane: lane)
async def test_a_form_is_kept_at_once_with_and_without_tools(site: Site) -> None:
    """The demo needs no correction, and a tool that is not called changes nothing."""
    tools = [{"type": "function", "name": "read_file", "parameters": {"type": "object"}}]
    form = {"format": {"type": "json_schema", "name": "person", "schema": PERSON}}
    for more in ({}, {"tools": tools}):
        body = {"model": "grok-4.1", "input": "Bob", "text": form, **more}
        asked = await site.client.post("/v1/responses", json=body)
        said = asked.json()["output"][-1]["content"][0]["text"]
        assert faults(json.loads(said), PERSON) == ()
        assert asked.headers["x-grok2api-attempts"] == "1"
