"""The answer to a request that has no script: the last message decides it, and no chance."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve

from ..agent.json_answers import plainest
from ..scripts import tokens_of
from .answers import Answer, End, FunctionCall, Search

__all__ = ["plain_answer", "said_last"]

_CALL = re.compile(r"call (\w[\w.-]*) with (\{.*?\})(?=\s|$)", re.DOTALL)

_SOURCES = ("https://example.com/first", "https://example.com/second")

THOUGHTS = ("- The question is short. ", "- So is the answer.")


def plain_answer(body: Mapping[str, Any], *, thinks: bool) -> Answer:
    """The answer to a request.

    A call that the last message asks for (``call NAME with {…}``); else, of a first turn with
    functions, a call of the first one; else a search, if the message holds that word and the
    request has a tool for it; else JSON, if the request wants some; else the message itself.

    :param thinks: whether the model thinks.
    """
    answer = _content(body)
    if thinks and (body.get("reasoning") or {}).get("effort") != "none":
        answer = evolve(answer, thoughts=THOUGHTS)
    return _bounded(answer, body.get("max_output_tokens"))


def said_last(body: Mapping[str, Any]) -> str:
    """The text of the last message of the user."""
    given = body.get("input")
    if isinstance(given, str):
        return given
    messages = [item for item in given or () if item.get("role") == "user"]
    return "".join(_texts(messages[-1].get("content"))) if messages else ""


def _content(body: Mapping[str, Any]) -> Answer:
    items = body["input"] if isinstance(body["input"], list) else []
    text = said_last(body)
    if items and items[-1].get("type") == "function_call_output":
        return Answer(f"The tool answered: {''.join(_texts(items[-1].get('output')))}")
    calls = _calls(body, text, first=not any(item.get("type") == "function_call" for item in items))
    if calls:
        return Answer(calls=calls)
    if "search" in text.lower():
        searches = tuple(_searches(body, text))
        if searches:
            return Answer(_found(), searches=searches)
    form = (body.get("text") or {}).get("format") or {}
    if form.get("type") == "json_schema":
        return Answer(json.dumps(plainest(form.get("schema"))))
    if form.get("type") == "json_object":
        return Answer(json.dumps({"said": text}, ensure_ascii=False))
    return Answer(f"This is a simulated Grok. You said: {text}{_attached(items)}")


def _calls(body: Mapping[str, Any], text: str, *, first: bool) -> tuple[FunctionCall, ...]:
    functions = {
        tool["name"]: tool for tool in body.get("tools") or () if tool.get("type") == "function"
    }
    choice = body.get("tool_choice", "auto")
    if choice == "none" or not functions:
        return ()
    asked = tuple(FunctionCall(name, arguments) for name, arguments in _CALL.findall(text) if first)
    asked = tuple(call for call in asked if call.name in functions)
    if asked:
        return asked if body.get("parallel_tool_calls", True) else asked[:1]
    if not first and choice == "auto":
        return ()
    name = choice.get("name") if isinstance(choice, dict) else next(iter(functions))
    schema = functions[name].get("parameters") if name in functions else {}
    return (FunctionCall(str(name), json.dumps(plainest(schema) or {})),)


def _searches(body: Mapping[str, Any], text: str) -> Iterator[Search]:
    for tool in body.get("tools") or ():
        if tool.get("type") in {"web_search", "x_search"}:
            yield Search(text, _SOURCES, on_x=tool["type"] == "x_search")


def _found() -> str:
    first, second = _SOURCES
    return f"It is so.[[1]]({first}) And so is this.[[1]]({first})[[2]]({second})"


def _attached(items: list[Any]) -> str:
    """How many pictures and files all messages hold together."""
    parts = [
        part.get("type")
        for item in items
        if isinstance(item.get("content"), list)
        for part in item["content"]
    ]
    counts = [(parts.count(kind), kind[6:]) for kind in ("input_image", "input_file")]
    named = ", ".join(f"{kind}s: {count}" for count, kind in counts if count)
    return f" ({named})" if named else ""


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            yield str(part.get("text", ""))


def _bounded(answer: Answer, most: int | None) -> Answer:
    pieces = tokens_of(answer.text)
    if most is None or len(pieces) <= most:
        return answer
    return evolve(answer, text="".join(pieces[:most]), end=End.MAX_OUTPUT_TOKENS)
