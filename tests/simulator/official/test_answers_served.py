"""Answers of the simulated API, read by openai-python and by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from grokcore.simulator.official.answers import Answer, FunctionCall
from grokcore.simulator.official.catalogue import SEARCH_TICKS

from .place import MODEL, UNTHINKING, Place, events_in, in_place

WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {"place": {"type": "string"}},
        "required": ["place"],
    },
}


@in_place
async def test_the_sdk_reads_a_stream(place: Place) -> None:
    """The deltas make the text, and the last event has usage and cost."""
    async with place.sdk().responses.stream(model=MODEL, input="hello") as stream:
        deltas = [
            event.delta async for event in stream if event.type == "response.output_text.delta"
        ]
        final = await stream.get_final_response()
    assert "".join(deltas) == final.output_text == "This is a simulated Grok. You said: hello"
    assert [item.type for item in final.output] == ["reasoning", "message"]
    assert final.usage is not None
    assert final.usage.output_tokens_details.reasoning_tokens > 0
    assert place.simulator.spent_ticks == final.usage.to_dict()["cost_in_usd_ticks"]
    assert place.simulator.spent_ticks > 0


@in_place
async def test_the_sdk_runs_a_tool_loop(place: Place) -> None:
    """The first turn calls a function, and the answer of the second has its result."""
    client, asked = place.sdk(), [{"role": "user", "content": "How is it outside?"}]
    first: Any = await client.responses.create(
        model=MODEL,
        input=asked,
        tools=[WEATHER],
    )
    call = first.output[-1]
    assert (call.name, json.loads(call.arguments)) == ("weather", {"place": "simulated"})
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    second: Any = await client.responses.create(
        model=MODEL,
        input=[*asked, call.to_dict(), output],
        tools=[WEATHER],
    )
    assert second.output_text == "The tool answered: sunny"


@pytest.mark.parametrize(
    ("fields", "calls"),
    [
        ({}, [("weather", '{"place": "x"}'), ("time", "{}")]),
        ({"parallel_tool_calls": False}, [("weather", '{"place": "x"}')]),
        ({"tool_choice": "none"}, []),
    ],
)
@in_place
async def test_a_message_says_which_functions_are_called(
    place: Place, fields: dict[str, Any], calls: list[tuple[str, str]]
) -> None:
    """A test can have any call made without a script."""
    tools = [WEATHER, {"type": "function", "name": "time"}]
    said = 'call weather with {"place": "x"} and call time with {} please'
    reply = await place.ask(said, tools=tools, **fields)
    made = [item for item in reply.json()["output"] if item["type"] == "function_call"]
    assert [(item["name"], item["arguments"]) for item in made] == calls


@in_place
async def test_a_named_function_is_called_in_any_turn(place: Place) -> None:
    """``tool_choice`` is a demand."""
    choice = {"type": "function", "name": "time"}
    tools = [WEATHER, {"type": "function", "name": "time"}]
    reply = await place.ask(tools=tools, tool_choice=choice)
    assert reply.json()["output"][-1]["name"] == "time"


@in_place
async def test_searches_are_items_and_citations_are_annotated(place: Place) -> None:
    """Searches end in another order than they begin, and each costs."""
    place.simulator.costs.clear()
    tools = [{"type": "web_search"}, {"type": "x_search"}]
    reply = await place.ask("search for it", model=UNTHINKING, tools=tools, stream=True)
    events = events_in(reply.text)
    ended = [event["output_index"] for event in events if event["type"].endswith("item.done")]
    assert ended == [1, 0, 2]
    final = events[-1]["response"]
    kinds = [item["type"] for item in final["output"]]
    assert kinds == ["web_search_call", "custom_tool_call", "message"]
    assert final["output"][1]["name"] == "x_keyword_search"
    part = final["output"][2]["content"][0]
    for note in part["annotations"]:
        written = f"[[{note['title']}]]({note['url']})"
        assert part["text"][note["start_index"] : note["end_index"]] == written
    assert len(part["annotations"]) == 3
    assert final["usage"]["num_server_side_tools_used"] == 2
    assert final["usage"]["cost_in_usd_ticks"] > 2 * SEARCH_TICKS


@in_place
async def test_sources_may_have_no_place(place: Place) -> None:
    """Some models annotate pages that the text does not cite."""
    place.simulator.always(Answer("So.", sources=("https://example.com/a",)))
    part = (await place.ask()).json()["output"][0]["content"][0]
    (note,) = part["annotations"]
    assert (note["start_index"], note["end_index"]) == (0, 0)
    assert note["title"] == note["url"] == "https://example.com/a"


@in_place
async def test_a_short_bound_leaves_an_incomplete_answer(place: Place) -> None:
    """``max_output_tokens`` counts pieces of the text."""
    reply = (await place.ask(max_output_tokens=2, model=UNTHINKING)).json()
    assert reply["status"] == "incomplete"
    assert reply["incomplete_details"] == {"reason": "max_output_tokens"}
    assert reply["output"][0]["content"][0]["text"] == "This is"


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (
            {"type": "json_schema", "name": "x", "schema": WEATHER["parameters"]},
            {"place": "simulated"},
        ),
        ({"type": "json_object"}, {"said": "hello"}),
    ],
)
@in_place
async def test_a_format_is_kept(place: Place, form: Any, text: Any) -> None:
    """The answer is the plainest JSON of that form."""
    reply = (await place.ask(text={"format": form})).json()
    assert json.loads(reply["output"][-1]["content"][0]["text"]) == text


@in_place
async def test_attachments_of_a_message_are_counted(place: Place) -> None:
    """A test sees that its picture came."""
    content = [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
        {"type": "input_file", "file_id": "file_1"},
    ]
    reply = (await place.ask(input=[{"role": "user", "content": content}])).json()
    assert reply["output"][-1]["content"][0]["text"].endswith("said: look (images: 1, files: 1)")


@in_place
async def test_scripts_go_by_model_and_the_last_stays(place: Place) -> None:
    """Each of a list once; a function of the request may make an answer; others have the default."""
    simulator = place.simulator
    simulator.script("grok-4.7", Answer("one"), lambda call: Answer(call.body["input"]))
    simulator.always(Answer(calls=(FunctionCall("f", "{}"),)))
    texts = [
        (await place.ask("echo", model="grok-4.7")).json()["output"][0]["content"][0]["text"]
        for _ in range(3)
    ]
    assert texts == ["one", "echo", "echo"]
    assert (await place.ask()).json()["output"][0]["type"] == "function_call"


@in_place
async def test_a_model_may_have_a_price_of_its_own(place: Place) -> None:
    """A test of a spending limit sets what an answer costs."""
    place.simulator.costs[MODEL] = 12_345
    for _ in range(2):
        assert (await place.ask()).json()["usage"]["cost_in_usd_ticks"] == 12_345
    assert place.simulator.spent_ticks == 2 * 12_345


@in_place
async def test_requests_are_recorded(place: Place) -> None:
    """With headers, body and outcome."""
    await place.ask(temperature=0.5)
    (call,) = place.simulator.asked()
    assert (call.service, call.method, call.body["temperature"]) == ("api", "POST", 0.5)
    assert call.headers["authorization"] == "Bearer xai-test"
    await place.simulator.until(lambda: call.outcome == "complete")
    assert place.simulator.open_calls == []
