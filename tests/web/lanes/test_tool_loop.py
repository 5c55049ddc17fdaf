"""One client's loop of tool calls, native over the official lanes and emulated over grok.com."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from grokcore.protocol.emulation.forms import CallForm, render_call
from grokcore.simulator.official.answers import Answer, FunctionCall
from grokcore.simulator.scripts import answer
from tests.servers import Site, run_on_site

from .paid_site import API, MODEL, auth_file, questions, with_cli

TOOLS: list[ChatCompletionToolParam] = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]
SAID = "It is 18 degrees in Paris."


async def loop(site: Site, model: str, answering: Callable[[int], None]) -> tuple[str, list[str]]:
    """Ask until the model calls nothing more; return its answer, and the calls' arguments.

    :param answering: has the upstream answer the question of this number.
    """
    messages: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": "How warm is it in Paris?"}
    ]
    calls: list[str] = []
    async with openai.AsyncOpenAI(base_url=f"{site.url}/v1", api_key="none") as client:
        for number in range(4):
            answering(number)
            reply = await client.chat.completions.create(
                model=model, messages=messages, tools=TOOLS
            )
            message = reply.choices[0].message
            if not message.tool_calls:
                return message.content or "", calls
            messages.append(message.to_dict())
            for call in message.tool_calls:
                assert call.type == "function"
                calls.append(call.function.arguments)
                messages.append({"role": "tool", "tool_call_id": call.id, "content": "18 degrees"})
    raise AssertionError("the loop did not end")


@pytest.mark.parametrize("lane", ["api", "cli", "web"])
def test_one_loop_runs_over_every_lane(tmp_path: Path, lane: str) -> None:
    """The client's code is the same; only the official upstreams see tools and results as such."""

    async def scenario(site: Site) -> None:
        def answering(number: int) -> None:
            if lane == "web":
                call = render_call(CallForm("fn"), "weather", {"city": "Paris"})
                site.play(answer(SAID if number else call))

        call = FunctionCall("weather", '{"city":"Paris"}')
        site.official.script(MODEL, Answer(calls=(call,)), Answer(text=SAID))
        model = "grok-3-fast" if lane == "web" else MODEL
        said, calls = await loop(site, model, answering)
        assert said == SAID
        assert [call.replace(" ", "") for call in calls] == ['{"city":"Paris"}']
        if lane == "web":
            assert questions(site) == []
            return
        first, second = (call.body for call in questions(site))
        assert [tool["name"] for tool in first["tools"]] == ["weather"]
        kinds = [item["type"] for item in second["input"]]
        assert kinds[-2:] == ["function_call", "function_call_output"]
        assert second["input"][-1]["output"] == "18 degrees"

    config = with_cli(auth_file(tmp_path)) if lane == "cli" else API
    run_on_site(scenario, official=True, config=config)
