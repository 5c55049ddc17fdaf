"""The three dialects, for tests of what they share: one question in, one outcome out."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
from attrs import field, frozen

__all__ = ["DIALECTS", "Asked", "Called", "Dialect", "Outcome"]

MODEL = "grok-3-fast"


@frozen
class Asked:
    """A question, in no dialect.

    :ivar tools: name -> JSON schema of the arguments.
    :ivar choice: auto, none, required, or the name of a tool.
    """

    text: str = "go"
    tools: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    choice: str = "auto"
    parallel: bool = True
    strict: bool = False
    most_tokens: int | None = None
    stop: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None


@frozen
class Called:
    """A call that a client was given."""

    name: str
    arguments: Mapping[str, Any]


@frozen
class Outcome:
    """An answer as a client reads it.

    :ivar end: ``stop``, ``calls``, ``length``, ``refusal``; empty after an error.
    :ivar error: the error's code or type; empty without one.
    """

    text: str = ""
    calls: tuple[Called, ...] = ()
    end: str = "stop"
    error: str = ""


class Dialect(ABC):
    """An API: its requests and its answers."""

    name: str
    path: str

    @abstractmethod
    def body(self, asked: Asked) -> dict[str, Any]:
        """The request."""

    @abstractmethod
    def whole(self, body: dict[str, Any]) -> Outcome:
        """An answer in one body."""

    @abstractmethod
    def streamed(self, events: list[dict[str, Any]]) -> Outcome:
        """An answer in events."""

    def read(self, response: httpx.Response) -> Outcome:
        """The outcome of a response, whether it is a stream or not."""
        if response.status_code != 200:
            return Outcome(end="", error=self.error_of(response.json()))
        if response.headers["content-type"].startswith("text/event-stream"):
            return self.streamed(list(_events(response.text)))
        return self.whole(response.json())

    def error_of(self, body: dict[str, Any]) -> str:
        return str(body["error"]["code"])


def _events(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if line.startswith("data: ") and line != "data: [DONE]":
            yield json.loads(line.removeprefix("data: "))


class Chat(Dialect):
    """OpenAI's chat completions."""

    name = "chat"
    path = "/chat/completions"
    ends: Mapping[str, str] = {"tool_calls": "calls"}

    def body(self, asked: Asked) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": MODEL,
            "messages": [{"role": "user", "content": asked.text}],
        }
        if asked.tools:
            body["tools"] = [
                {
                    "type": "function",
                    "function": {"name": name, "parameters": schema, "strict": asked.strict},
                }
                for name, schema in asked.tools.items()
            ]
            named = {"type": "function", "function": {"name": asked.choice}}
            body["tool_choice"] = named if asked.choice in asked.tools else asked.choice
            body["parallel_tool_calls"] = asked.parallel
        if asked.schema is not None:
            described = {"name": "it", "schema": asked.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": described}
        if asked.stop:
            body["stop"] = list(asked.stop)
        if asked.most_tokens is not None:
            body["max_tokens"] = asked.most_tokens
        return body

    def whole(self, body: dict[str, Any]) -> Outcome:
        (choice,) = body["choices"]
        message = choice["message"]
        calls = [one["function"] for one in message.get("tool_calls") or ()]
        return Outcome(
            message["content"] or "",
            tuple(Called(one["name"], json.loads(one["arguments"])) for one in calls),
            self.ends.get(choice["finish_reason"], choice["finish_reason"]),
        )

    def streamed(self, events: list[dict[str, Any]]) -> Outcome:
        text, end, calls = "", "", dict[int, list[str]]()
        for event in events:
            if "error" in event:
                return Outcome(text, _parsed(calls), "", event["error"]["code"])
            for choice in event["choices"]:
                text += choice["delta"].get("content") or ""
                end = choice["finish_reason"] or end
                for one in choice["delta"].get("tool_calls") or ():
                    function = one["function"]
                    call = calls.setdefault(one["index"], [function.get("name"), ""])
                    call[1] += function.get("arguments") or ""
        return Outcome(text, _parsed(calls), self.ends.get(end, end))


def _parsed(calls: Mapping[int, list[str]]) -> tuple[Called, ...]:
    return tuple(Called(name, json.loads(arguments)) for name, arguments in calls.values())


class Responses(Dialect):
    """OpenAI's Responses."""

    name = "responses"
    path = "/responses"

    def body(self, asked: Asked) -> dict[str, Any]:
        body: dict[str, Any] = {"model": MODEL, "input": asked.text, "store": False}
        if asked.tools:
            body["tools"] = [
                {"type": "function", "name": name, "parameters": schema, "strict": asked.strict}
                for name, schema in asked.tools.items()
            ]
            named = {"type": "function", "name": asked.choice}
            body["tool_choice"] = named if asked.choice in asked.tools else asked.choice
            body["parallel_tool_calls"] = asked.parallel
        if asked.schema is not None:
            described = {"type": "json_schema", "name": "it", "schema": asked.schema}
            body["text"] = {"format": described}
        if asked.most_tokens is not None:
            body["max_output_tokens"] = asked.most_tokens
        return body

    def whole(self, body: dict[str, Any]) -> Outcome:
        items = body["output"]
        text = "".join(
            part["text"] for item in items if item["type"] == "message" for part in item["content"]
        )
        calls = [item for item in items if item["type"] == "function_call"]
        parsed = tuple(Called(one["name"], json.loads(one["arguments"])) for one in calls)
        reason = (body["incomplete_details"] or {}).get("reason", "")
        end = {"max_output_tokens": "length"}.get(reason, "calls" if calls else "stop")
        error = (body["error"] or {}).get("code", "")
        return Outcome(text, parsed, "" if error else end, error)

    def streamed(self, events: list[dict[str, Any]]) -> Outcome:
        last = events[-1]
        errors = [event for event in events if event["type"] == "error"]
        if errors:
            shown = "".join(
                event["delta"] for event in events if event["type"] == "response.output_text.delta"
            )
            done = [
                event["item"]
                for event in events
                if event["type"] == "response.output_item.done"
                and event["item"]["type"] == "function_call"
            ]
            calls = tuple(Called(one["name"], json.loads(one["arguments"])) for one in done)
            return Outcome(shown, calls, "", errors[0]["code"])
        return self.whole(last["response"])


class Messages(Dialect):
    """Anthropic's Messages."""

    name = "messages"
    path = "/messages"
    ends: Mapping[str, str] = {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "tool_use": "calls",
        "max_tokens": "length",
    }

    def body(self, asked: Asked) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": MODEL,
            "max_tokens": asked.most_tokens or 32000,
            "messages": [{"role": "user", "content": asked.text}],
        }
        if asked.tools:
            body["tools"] = [
                {"name": name, "input_schema": schema, "strict": asked.strict}
                for name, schema in asked.tools.items()
            ]
            kinds = {"auto": "auto", "none": "none", "required": "any"}
            choice: dict[str, Any] = {"type": kinds.get(asked.choice, "tool")}
            if choice["type"] == "tool":
                choice["name"] = asked.choice
            if choice["type"] != "none" and not asked.parallel:
                choice["disable_parallel_tool_use"] = True
            body["tool_choice"] = choice
        if asked.schema is not None:
            described = {"type": "json_schema", "schema": asked.schema}
            body["output_config"] = {"format": described}
        if asked.stop:
            body["stop_sequences"] = list(asked.stop)
        return body

    def whole(self, body: dict[str, Any]) -> Outcome:
        text = "".join(block["text"] for block in body["content"] if block["type"] == "text")
        calls = tuple(
            Called(block["name"], block["input"])
            for block in body["content"]
            if block["type"] == "tool_use"
        )
        return Outcome(text, calls, self.ends.get(body["stop_reason"], body["stop_reason"]))

    def streamed(self, events: list[dict[str, Any]]) -> Outcome:
        blocks: list[dict[str, Any]] = []
        end = error = ""
        for event in events:
            match event["type"]:
                case "content_block_start":
                    blocks.append({**event["content_block"], "json": ""})
                case "content_block_delta" if event["delta"]["type"] == "text_delta":
                    blocks[event["index"]]["text"] += event["delta"]["text"]
                case "content_block_delta" if event["delta"]["type"] == "input_json_delta":
                    blocks[event["index"]]["json"] += event["delta"]["partial_json"]
                case "message_delta":
                    end = event["delta"]["stop_reason"]
                case "error":
                    error = event["error"]["message"]
        text = "".join(block["text"] for block in blocks if block["type"] == "text")
        calls = tuple(
            Called(block["name"], json.loads(block["json"] or "{}"))
            for block in blocks
            if block["type"] == "tool_use"
        )
        return Outcome(text, calls, "" if error else self.ends.get(end, end), error)

    def error_of(self, body: dict[str, Any]) -> str:
        return str(body["error"]["message"])


DIALECTS = (Chat(), Responses(), Messages())
