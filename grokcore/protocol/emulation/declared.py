"""Calls as the client's tools declare them: the tool that is meant, and arguments of its types.

Models call tools by names that are nearly right: in other case, with or without a namespace, with
``functions.`` before it. A name counts if one tool alone can be meant.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from ..conversation.tools import Tool, ToolKind
from ..json_values.loose_json import whole_value
from ..json_values.schema import faults
from .spellings import read_parameters
from .values import plain_text, typed_arguments, typed_object
from .written import WrittenCall

__all__ = ["Declared", "DeclaredCall", "UnusableCall", "call_in_json", "compact_json"]

_MOST_NAMES = 20
_LONGEST_NAME = 80
_ENVELOPE = ("arguments", "parameters", "input")
"""Keys of a JSON object that hold the arguments, beside the name."""


class UnusableCall(Exception):
    """A call that can't be made. ``str()`` is a sentence for Grok, without words of the call."""


@frozen
class DeclaredCall:
    """A call of a tool.

    :ivar arguments: as :class:`~grokcore.protocol.conversation.events.ToolCall` has them.
    """

    tool: Tool
    arguments: str


class Declared:
    """The tools that may be called.

    :param must_fit: whether arguments have to fit the schema of any tool, and not only of a strict
        one.
    """

    def __init__(self, tools: Iterable[Tool], *, must_fit: bool) -> None:
        self._tools = tuple(tools)
        self._must_fit = must_fit

    def tool(self, name: str) -> Tool | None:
        """The one tool that is meant by *name*."""
        name = name.strip()
        for tool in self._tools:
            if tool.full_name == name:
                return tool
        for spelling in (str, str.casefold, _plain, _last_part):
            meant = spelling(name)
            hits = [t for t in self._tools if meant in (spelling(t.full_name), spelling(t.name))]
            if len(hits) == 1:
                return hits[0]
        return None

    def read(self, written: WrittenCall) -> DeclaredCall:
        """The call that was written.

        :raises UnusableCall: if it can't be made.
        """
        name = _short(written.name)
        if not written.whole:
            raise UnusableCall(f"The element{name and f' for {name}'} was cut off before its end.")
        if not written.name:
            return self._named_inside(written)
        tool = self._known(written.name)
        if tool.kind is ToolKind.CUSTOM:
            return DeclaredCall(tool, _raw_text(tool, written))
        if written.arguments and written.body.strip():
            raise UnusableCall(f"The element for {name} holds text outside of its arguments.")
        return self._fitting(tool, _arguments(tool, written))

    def whole_answer(self, text: str) -> DeclaredCall | None:
        """The call that an answer is which consists of JSON alone: the arguments of the only tool,
        or a tool's name and arguments. None if it is something else, or its arguments don't fit.
        """
        text = text.strip()
        if text[:1] not in {"{", "`"} or text[-1:] not in {"}", "`"}:
            return None
        value = _object_in(text)
        tool, written = (None, {}) if value is None else self._meant_by(value)
        if tool is None or tool.kind is ToolKind.CUSTOM:
            return None
        arguments = typed_object(written, tool.parameters)
        if faults(arguments, tool.parameters):
            return None
        return DeclaredCall(tool, compact_json(arguments))

    def _meant_by(self, value: Mapping[str, Any]) -> tuple[Tool | None, Mapping[str, Any]]:
        """The tool and the arguments of a JSON object."""
        name, arguments = call_in_json(value) or ("", None)
        named = self.tool(name) if isinstance(arguments, dict) else None
        if named is not None:
            return named, arguments or {}
        return (self._tools[0] if len(self._tools) == 1 else None), value

    def _known(self, name: str) -> Tool:
        tool = self.tool(name)
        if tool is None:
            names = ", ".join(_short(tool.full_name) for tool in self._tools[:_MOST_NAMES])
            raise UnusableCall(f"There is no function {_short(name)}; there are: {names}.")
        return tool

    def _named_inside(self, written: WrittenCall) -> DeclaredCall:
        """A call whose name stands in a JSON object beside the arguments."""
        value = None if written.arguments else _object_in(written.body)
        call = None if value is None else call_in_json(value)
        if call is None:
            raise UnusableCall("An element has no name of a function.")
        tool, arguments = self._known(call[0]), call[1]
        if tool.kind is ToolKind.CUSTOM:
            return DeclaredCall(tool, _raw_in_json(tool, arguments))
        if isinstance(arguments, str):
            arguments = _object_in(arguments)
        if not isinstance(arguments, dict):
            raise UnusableCall(f"The arguments of {_short(tool.full_name)} are no JSON object.")
        return self._fitting(tool, typed_object(arguments, tool.parameters))

    def _fitting(self, tool: Tool, arguments: Mapping[str, Any]) -> DeclaredCall:
        if self._must_fit or tool.strict:
            found = faults(arguments, tool.parameters)
            if found:
                raise UnusableCall(f"{_short(tool.full_name)}: {' '.join(found)}")
        return DeclaredCall(tool, compact_json(arguments))


def call_in_json(value: Mapping[str, Any]) -> tuple[str, Any] | None:
    """Name and arguments in a JSON object that describes a call; None if it is something else."""
    name = value.get("name")
    keys = [key for key in _ENVELOPE if key in value]
    if not isinstance(name, str) or not name or len(keys) > 1:
        return None
    return name, value[keys[0]] if keys else {}


def compact_json(value: object) -> str:
    """JSON for clients: no spaces, and no lone surrogates."""
    return _clean(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _clean(text: str) -> str:
    """*text* with U+FFFD for each lone surrogate, which is no valid UTF-8."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _object_in(text: str) -> dict[str, Any] | None:
    try:
        value = whole_value(text).value
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _arguments(tool: Tool, written: WrittenCall) -> dict[str, Any]:
    if written.arguments or not written.body.strip():
        return typed_arguments(written.arguments, tool.parameters)
    parameters = read_parameters(written.body)
    if parameters is not None:
        return typed_arguments(parameters, tool.parameters)
    value = _object_in(written.body)
    if value is None:
        raise UnusableCall(
            f"The element for {_short(tool.full_name)} holds text that is no argument."
        )
    inner = call_in_json(value)
    if inner is not None and inner[0] == written.name and isinstance(inner[1], dict):
        value = inner[1]
    return typed_object(value, tool.parameters)


def _raw_text(tool: Tool, written: WrittenCall) -> str:
    """The raw text of a custom tool: its only argument, or all that the element holds."""
    texts = [(text, key) for key, text in written.arguments]
    if written.body.strip():
        texts.append((written.body, ""))
    if len(texts) != 1:
        raise UnusableCall(f"The element for {_short(tool.full_name)} has to hold one text.")
    return _clean(plain_text(*texts[0]))


def _raw_in_json(tool: Tool, arguments: object) -> str:
    if isinstance(arguments, dict) and len(arguments) == 1:
        (arguments,) = arguments.values()
    if not isinstance(arguments, str):
        raise UnusableCall(f"The element for {_short(tool.full_name)} has to hold one text.")
    return _clean(arguments)


# Names ------------------------------------------------------------------------------------------


def _short(name: str) -> str:
    return " ".join(name.split())[:_LONGEST_NAME]


def _plain(name: str) -> str:
    return name.casefold().removeprefix("functions.").replace("__", ".")


def _last_part(name: str) -> str:
    return _plain(name).rpartition(".")[2]
