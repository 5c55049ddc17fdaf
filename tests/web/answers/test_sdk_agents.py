"""Agents that are written with OpenAI's and Anthropic's own SDKs, against the whole server: loops of
tools, structured answers, and the counting of tokens.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import anthropic
import openai
import pytest
import trio
from attrs import Factory, frozen
from pydantic import BaseModel

from grokcore.protocol.models import WebLane
from grokcore.simulator.scripts import answer
from tests.lanes import each_lane
from tests.servers import Site, on_site

MODEL = "grok-3-fast"
TASK = "Create hello.py that prints hi & <bye>"
MADE = {"hello.py": 'print("hi & <bye>")\n'}
SAID = "I have created `hello.py`."
STEPS = 6


@frozen
class Folder:
    """What the agents work in: files, and the tools that the model is given."""

    files: dict[str, str] = Factory(dict)

    def shell(self, command: str) -> str:
        return "\n".join(self.files) if command == "ls" else f"there is no {command}"

    def write_file(self, path: str, content: str) -> str:
        self.files[path] = content
        return "written"

    def call(self, name: str, arguments: str) -> str:
        tools: dict[str, Callable[..., str]] = {"shell": self.shell, "write_file": self.write_file}
        return tools[name](**json.loads(arguments))


def schema(*names: str) -> dict[str, Any]:
    properties = {name: {"type": "string"} for name in names}
    return {
        "type": "object",
        "properties": properties,
        "required": [*names],
        "additionalProperties": False,
    }


SCHEMAS: Mapping[str, dict[str, Any]] = {
    "shell": schema("command"),
    "write_file": schema("path", "content"),
}
CHAT_TOOLS: Any = [
    {"type": "function", "function": {"name": name, "parameters": parameters, "strict": True}}
    for name, parameters in SCHEMAS.items()
]
RESPONSES_TOOLS: Any = [
    {"type": "function", "name": name, "parameters": parameters, "strict": True}
    for name, parameters in SCHEMAS.items()
]
MESSAGES_TOOLS: Any = [
    {"name": name, "input_schema": parameters} for name, parameters in SCHEMAS.items()
]


def openai_client(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="key", max_retries=0)


def anthropic_client(url: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=url, api_key="key", max_retries=0)


def chat_stream(url: str, folder: Folder) -> str:
    """``chat.completions.stream``; its message goes back as it is."""
    messages: list[Any] = [{"role": "user", "content": TASK}]
    with openai_client(url) as client:
        for _ in range(STEPS):
            with client.chat.completions.stream(
                model=MODEL, messages=messages, tools=CHAT_TOOLS
            ) as stream:
                message = stream.get_final_completion().choices[0].message
            if not message.tool_calls:
                break
            messages.append(message)
            messages += [
                {
                    "role": "tool",
                    "tool_call_id": one.id,
                    "content": folder.call(one.function.name, one.function.arguments),
                }
                for one in message.tool_calls
            ]
    return message.content or ""


def outputs(items: Iterable[Any], folder: Folder) -> list[Any]:
    """The outputs of a response's calls, as input of the next one."""
    return [
        {
            "type": "function_call_output",
            "call_id": item.call_id,
            "output": folder.call(item.name, item.arguments),
        }
        for item in items
        if item.type == "function_call"
    ]


def responses_kept(url: str, folder: Folder) -> str:
    """``responses.create``, each with the id of the one before."""
    asked: Any = {"input": TASK}
    with openai_client(url) as client:
        for _ in range(STEPS):
            response = client.responses.create(model=MODEL, tools=RESPONSES_TOOLS, **asked)
            done = outputs(response.output, folder)
            if not done:
                break
            asked = {"input": done, "previous_response_id": response.id}
    return str(response.output_text)


def responses_streamed(url: str, folder: Folder) -> str:
    """``responses.stream``, which keeps nothing: all items go back."""
    items: list[Any] = [{"role": "user", "content": TASK}]
    with openai_client(url) as client:
        for _ in range(STEPS):
            with client.responses.stream(
                model=MODEL, input=items, tools=RESPONSES_TOOLS, store=False
            ) as stream:
                response = stream.get_final_response()
            done = outputs(response.output, folder)
            if not done:
                break
            items += [*response.output, *done]
    return str(response.output_text)


def responses_beta(url: str, folder: Folder) -> str:
    """``beta.responses.create``, which asks with ``?beta=true``, streamed as raw events."""
    items: list[Any] = [{"role": "user", "content": TASK}]
    with openai_client(url) as client:
        for _ in range(STEPS):
            *_, last = client.beta.responses.create(
                model=MODEL, input=items, tools=RESPONSES_TOOLS, stream=True
            )
            assert last.type == "response.completed"
            done = outputs(last.response.output, folder)
            if not done:
                break
            items += [*(item.to_dict() for item in last.response.output), *done]
    return "".join(
        part.text
        for item in last.response.output
        if item.type == "message"
        for part in item.content
    )


def messages_stream(url: str, folder: Folder) -> str:
    """``messages.stream``, with thinking, which goes back too."""
    messages: list[Any] = [{"role": "user", "content": TASK}]
    with anthropic_client(url) as client:
        for _ in range(STEPS):
            with client.messages.stream(
                model=MODEL,
                max_tokens=5000,
                messages=messages,
                tools=MESSAGES_TOOLS,
                thinking={"type": "enabled", "budget_tokens": 2000},
            ) as stream:
                message = stream.get_final_message()
            messages.append({"role": "assistant", "content": message.content})
            if message.stop_reason != "tool_use":
                break
            results = [
                {
                    "type": "tool_result",
                    "tool_use_id": block.id,
                    "content": folder.call(block.name, json.dumps(block.input)),
                }
                for block in message.content
                if block.type == "tool_use"
            ]
            messages.append({"role": "user", "content": results})
    return "".join(block.text for block in message.content if block.type == "text")


def tool_runner(url: str, folder: Folder) -> str:
    """``beta.messages.tool_runner``, which makes the schemas, and calls the functions itself. It asks
    for a thread first, which would be kept here; the refusal costs no question.
    """
    shell = anthropic.beta_tool(folder.shell, description="Run a command.")
    write = anthropic.beta_tool(folder.write_file, description="Write a file.")
    with anthropic_client(url) as client:
        message = client.beta.messages.tool_runner(
            model=MODEL,
            max_tokens=5000,
            messages=[{"role": "user", "content": TASK}],
            tools=[shell, write],
            max_iterations=STEPS,
        ).until_done()
    return "".join(block.text for block in message.content if block.type == "text")


LOOPS: list[Callable[[str, Folder], str]] = [
    chat_stream,
    responses_kept,
    responses_streamed,
    responses_beta,
    messages_stream,
    tool_runner,
]


@each_lane
@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
@on_site(lane=lambda lane: lane)
async def test_an_agent_of_an_sdk_does_its_task_in_three_questions(
    site: Site, loop: Callable[[str, Folder], str], lane: WebLane
) -> None:
    """Look, write, report: the SDKs read our calls, and we read what they make of them."""
    site.simulator.agent.pace_s = 0
    folder = Folder()
    said = await trio.to_thread.run_sync(loop, site.url, folder)
    assert folder.files == MADE
    assert said.strip() == SAID
    assert len(site.asked) == 3


class Point(BaseModel):
    """A form for answers."""

    x: int
    y: int


def chat_parse(url: str) -> object:
    with openai_client(url) as client:
        completion = client.chat.completions.parse(
            model=MODEL, messages=[{"role": "user", "content": "go"}], response_format=Point
        )
    return completion.choices[0].message.parsed


def responses_parse(url: str) -> object:
    with openai_client(url) as client:
        return client.responses.parse(model=MODEL, input="go", text_format=Point).output_parsed


def responses_stream_parse(url: str) -> object:
    with (
        openai_client(url) as client,
        client.responses.stream(model=MODEL, input="go", text_format=Point) as stream,
    ):
        return stream.get_final_response().output_parsed


def messages_parse(url: str) -> object:
    with anthropic_client(url) as client:
        return client.messages.parse(
            model=MODEL,
            max_tokens=100,
            messages=[{"role": "user", "content": "go"}],
            output_format=Point,
        ).parsed_output


PARSERS: list[Callable[[str], object]] = [
    chat_parse,
    responses_parse,
    responses_stream_parse,
    messages_parse,
]


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@on_site
async def test_an_sdk_s_parser_gets_its_object(site: Site, parse: Callable[[str], object]) -> None:
    """The schema goes to Grok, and its JSON comes back without the words around it."""
    site.play(answer('Here it is:\n\n```json\n{"x": 1, "y": 2}\n```\n'))
    assert await trio.to_thread.run_sync(parse, site.url) == Point(x=1, y=2)


@on_site
async def test_tokens_are_counted_without_a_question(site: Site) -> None:
    """Clients count often, and a question costs an allowance. The count is the one of the answer's
    usage.
    """
    asked: Any = {
        "model": MODEL,
        "messages": [{"role": "user", "content": TASK}],
        "tools": MESSAGES_TOOLS,
    }

    def count() -> tuple[int, int, int]:
        with anthropic_client(site.url) as client:
            counted = client.messages.count_tokens(**asked).input_tokens
            before = len(site.asked)
            answered = client.messages.create(**asked, max_tokens=100)
        return counted, before, answered.usage.input_tokens

    site.simulator.agent.pace_s = 0
    counted, before, used = await trio.to_thread.run_sync(count)
    assert (counted, before) == (used, 0)
    with openai_client(site.url) as client:
        tokens = await trio.to_thread.run_sync(
            lambda: client.responses.input_tokens.count(
                model=MODEL, input=TASK, tools=RESPONSES_TOOLS
            )
        )
    assert tokens.input_tokens == counted
