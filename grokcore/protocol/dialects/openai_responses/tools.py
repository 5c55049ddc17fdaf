"""Tools of a Responses request: ``tools``, ``tool_choice`` and ``parallel_tool_calls``.

Forms (OpenAI's API reference, 2026-11)
---------------------------------------
``function`` is flat, unlike in chat completions; the chat's form, with the function within, is read
too. ``custom`` takes one raw text, perhaps of a grammar. ``namespace`` holds tools of both kinds.
``web_search`` and its older names are Grok's own search. All other types run on OpenAI's servers,
or need a protocol of their own: they have no effect and are named, and can't be forced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from ....errors import InvalidRequest
from ...conversation.tools import Choice, Tool, Toolbox, ToolKind
from .fields import mapping, objects, required_text, text

__all__ = ["Offered", "is_web_search", "parse_tools", "with_choice"]

_SEARCH_OPTIONS = frozenset({"type", "external_web_access"})
"""Keys of a search tool that are read."""

_CHOICES: Mapping[str, Choice] = {
    "auto": Choice.AUTO,
    "none": Choice.NONE,
    "required": Choice.REQUIRED,
    "any": Choice.REQUIRED,
}


@frozen
class Offered:
    """The tools that a request offers to the model.

    :ivar search: whether the client declares a web search, and allows it; None if it declares none.
    :ivar ignored: names of declared tools and options without effect.
    :ivar echo: the declarations that have an effect, as the response repeats them.
    """

    toolbox: Toolbox = field(factory=Toolbox)
    search: bool | None = None
    ignored: frozenset[str] = frozenset()
    echo: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)


def is_web_search(kind: str) -> bool:
    """Whether a tool of this type is a web search: ``web_search``, ``web_search_preview`` …, also
    with a date behind.
    """
    return kind.startswith("web_search")


def parse_tools(declared: Sequence[tuple[str, Mapping[str, Any]]]) -> Offered:
    """The tools of a request.

    :param declared: each with its path.
    :raises InvalidRequest: if the declaration of a function, custom tool or namespace is malformed.
    """
    tools: dict[str, Tool] = {}
    echo: list[Mapping[str, Any]] = []
    ignored: set[str] = set()
    search: bool | None = None
    for path, value in declared:
        kind = _type_of(value)
        if is_web_search(kind):
            search = value.get("external_web_access") is not False
            ignored |= {f"tools.{kind}.{key}" for key in _set_keys(value) - _SEARCH_OPTIONS}
            echo.append({"type": kind})
        elif kind in ("function", "custom", "namespace"):
            # A later declaration of the same name replaces the earlier one.
            tools.update({tool.full_name: tool for tool in _tools_of(value, path, ignored)})
            echo.append(_echoed(value))
        else:
            ignored.add(f"tools.{kind or 'untyped'}")
    return Offered(Toolbox(tuple(tools.values())), search, frozenset(ignored), tuple(echo))


def _type_of(value: Mapping[str, Any]) -> str:
    kind = value.get("type")
    if kind is None and (value.get("name") or isinstance(value.get("function"), dict)):
        return "function"
    return kind if isinstance(kind, str) else ""


def _set_keys(value: Mapping[str, Any]) -> set[str]:
    return {key for key, inner in value.items() if inner not in (None, [], {})}


def _tools_of(
    value: Mapping[str, Any], path: str, ignored: set[str], namespace: str = ""
) -> Iterator[Tool]:
    """The tools of one declaration. Members of a namespace that have no effect are *ignored*."""
    kind = _type_of(value)
    match kind:
        case "function":
            yield _function(value, path, namespace)
        case "custom":
            yield _custom(value, path, namespace)
        case "namespace" if not namespace:
            name = required_text(value, "name", f"{path}.name")
            for index, member in enumerate(objects(value, "tools", f"{path}.tools")):
                yield from _tools_of(member, f"{path}.tools[{index}]", ignored, name)
        case _:
            ignored.add(f"tools.{kind or 'untyped'}")


def _function(value: Mapping[str, Any], path: str, namespace: str) -> Tool:
    value, path = _inner(value, path, "function")
    return Tool(
        required_text(value, "name", f"{path}.name"),
        text(value, "description", f"{path}.description"),
        mapping(value, "parameters", f"{path}.parameters"),
        namespace,
        strict=value.get("strict") is True,
    )


def _custom(value: Mapping[str, Any], path: str, namespace: str) -> Tool:
    value, path = _inner(value, path, "custom")
    form = mapping(value, "format", f"{path}.format")
    within = form.get("grammar")
    grammar = within if isinstance(within, dict) else form  # chat completions nest it
    return Tool(
        required_text(value, "name", f"{path}.name"),
        text(value, "description", f"{path}.description"),
        namespace=namespace,
        kind=ToolKind.CUSTOM,
        grammar=text(grammar, "definition", f"{path}.format.definition"),
    )


def _inner(value: Mapping[str, Any], path: str, kind: str) -> tuple[Mapping[str, Any], str]:
    """The declaration itself, which chat completions have under *kind*."""
    inner = value.get(kind)
    return (inner, f"{path}.{kind}") if isinstance(inner, dict) else (value, path)


def _echoed(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """A declaration with all keys that readers of a response demand (AI SDK, Open Responses)."""
    kind = _type_of(value)
    inner, _ = _inner(value, "", kind)
    if kind != "function":
        return {**inner, "type": kind}
    needed = {"name": inner["name"], "description": None, "parameters": None, "strict": None}
    return {**needed, **inner, "type": kind}


# The choice -------------------------------------------------------------------------------------


def with_choice(offered: Offered, value: Any, *, parallel: bool) -> Offered:
    """*offered* with the rules of ``tool_choice``.

    :param parallel: the value of ``parallel_tool_calls``.
    :raises InvalidRequest: if *value* is in no known form, forces a tool that is not offered, or
        one that this server does not have.
    """
    if value in (None, "", {}, []):
        return evolve(offered, toolbox=Toolbox(offered.toolbox.tools, parallel=parallel))
    tools, kind = offered.toolbox.tools, _choice_type(value)
    if kind in _CHOICES:
        return _by_word(offered, _CHOICES[kind], parallel=parallel)
    if not isinstance(value, dict):
        raise _refused("it must be auto, none, required, or an object that names a tool")
    if kind == "allowed_tools":
        return _allowed(offered, value, parallel=parallel)
    if is_web_search(kind):
        toolbox = Toolbox(tools, Choice.NONE, parallel=parallel)
        return evolve(offered, toolbox=toolbox, search=True)
    if kind in ("function", "custom"):
        only = _full_name(value, tools)
        toolbox = Toolbox(tools, Choice.REQUIRED, only, parallel=parallel)
        return evolve(offered, toolbox=toolbox)
    raise _refused(f"this server has no tool of the type {kind[:40]!r}")


def _choice_type(value: Any) -> str:
    """The word that *value* is, or its type."""
    if isinstance(value, dict):
        return _type_of(value)
    return value.strip().lower() if isinstance(value, str) else ""


def _by_word(offered: Offered, choice: Choice, *, parallel: bool) -> Offered:
    tools, search = offered.toolbox.tools, offered.search
    if choice is Choice.NONE and search:
        search = False
    if choice is Choice.REQUIRED and not tools:
        if not search:
            raise _refused("a call is required, but the request offers no tool that works here")
        choice = Choice.AUTO  # Grok searches when it finds that it should; it can't be forced
    return evolve(offered, toolbox=Toolbox(tools, choice, parallel=parallel), search=search)


def _allowed(offered: Offered, value: Mapping[str, Any], *, parallel: bool) -> Offered:
    """``allowed_tools``: the tools that may be called, and whether one must be. Chat completions
    have both one level deeper.
    """
    within = value.get("allowed_tools")
    inner = within if isinstance(within, dict) else value
    listed = objects(inner, "tools", "tool_choice.tools")
    kinds = {_type_of(item) for item in listed}
    names = frozenset(
        _full_name(item, offered.toolbox.tools)
        for item in listed
        if _type_of(item) in ("function", "custom")
    )
    search = offered.search and any(map(is_web_search, kinds))
    required = inner.get("mode") == "required"
    if required and not names and not search:
        raise _refused("a call is required, but none of the allowed tools works here")
    choice = Choice.REQUIRED if required and names else Choice.AUTO
    toolbox = Toolbox(offered.toolbox.tools, choice, allowed=names, parallel=parallel)
    return evolve(offered, toolbox=toolbox, search=search)


def _full_name(value: Mapping[str, Any], tools: Sequence[Tool]) -> str:
    """The full name of the tool that *value* names: by its full name, else by a bare name that only
    one tool has.
    """
    kind = _type_of(value)
    inner, _ = _inner(value, "", kind)
    name, namespace = (text(inner, key, f"tool_choice.{key}") for key in ("name", "namespace"))
    name = f"{namespace}.{name}" if namespace else name
    for found in (
        [tool for tool in tools if tool.full_name == name],
        [tool for tool in tools if tool.name == name],
    ):
        if len(found) == 1:
            return found[0].full_name
    raise _refused(f"the request offers no tool {name[:100]!r}")


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(f"tool_choice can't be followed: {why}.", param="tool_choice")
