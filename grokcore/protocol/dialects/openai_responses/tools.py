"""Tools of a Responses request: ``tools``, ``tool_choice`` and ``parallel_tool_calls``.

Types (OpenAI's API reference, 2026-11)
---------------------------------------
``function`` and ``custom`` are the client's (:mod:`grokcore.protocol.dialects.tool_fields`), and
``namespace`` holds tools of both types. ``web_search`` and its older names are Grok's own search.
All other types run on OpenAI's servers, or need a protocol of their own: they have no effect and
are named, and can't be forced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from ...conversation.tools import Choice, Tool, Toolbox
from ..choice_fields import ToolChoice, make_toolbox, parse_tool_choice
from ..extra_fields import search_tools
from ..fields import required_string
from ..tool_fields import declared_tool, listed_tools, tool_type, unique_tools

__all__ = ["Offered", "parse_tools", "with_choice"]

_CLIENTS = ("function", "custom", "namespace")

_SEARCH_OPTIONS = frozenset({"type", "external_web_access"})
"""Keys of a search tool that are read."""


@frozen
class Offered:
    """The tools that a request offers to the model.

    :ivar search: whether the client declares a web search, and allows it; None if it declares none.
    :ivar ignored: names of declared tools and options without effect.
    :ivar searches: xAI's own searches among the declarations, with their options.
    :ivar search_names: the client's names of what only lanes with such tools can do.
    :ivar echo: the declarations that have an effect, as the response repeats them.
    """

    toolbox: Toolbox = field(factory=Toolbox)
    search: bool | None = None
    ignored: frozenset[str] = frozenset()
    searches: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    search_names: frozenset[str] = frozenset()
    echo: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)


def parse_tools(declared: Sequence[tuple[str, Mapping[str, Any]]]) -> Offered:
    """The tools of a request.

    :param declared: each with its path.
    :raises InvalidRequest: if the declaration of a function, custom tool or namespace is malformed.
    """
    tools: list[Tool] = []
    echo: list[Mapping[str, Any]] = []
    ignored: set[str] = set()
    names: set[str] = set()
    search: bool | None = None
    for path, value in declared:
        kind = tool_type(value)
        if _is_search(kind):
            search = value.get("external_web_access") is not False
            names |= {f"tools.{kind}.{key}" for key in _set_keys(value) - _SEARCH_OPTIONS}
            echo.append({"type": kind})
        elif kind == "x_search":
            names.add(f"tools.{kind}")
        elif kind in _CLIENTS:
            tools += _tools_of(value, path, ignored)
            echo.append(_echoed(value, kind))
        else:
            ignored.add(f"tools.{kind}")
    return Offered(
        Toolbox(unique_tools(tools)),
        search,
        frozenset(ignored),
        tuple(search_tools(value for _, value in declared)),
        frozenset(names),
        tuple(echo),
    )


def _is_search(kind: str) -> bool:
    """Whether tools of this type search: ``web_search``, ``web_search_preview`` …, also with a date
    behind.
    """
    return kind.startswith("web_search")


def _set_keys(value: Mapping[str, Any]) -> set[str]:
    return {key for key, inner in value.items() if inner not in (None, [], {})}


def _tools_of(
    value: Mapping[str, Any], path: str, ignored: set[str], namespace: str = ""
) -> Iterator[Tool]:
    """The tools of one declaration. Members of a namespace that have no effect are *ignored*."""
    kind = tool_type(value)
    if kind == "namespace" and not namespace:
        name = required_string({f"{path}.name": value.get("name")}, f"{path}.name")
        for index, member in enumerate(listed_tools(value.get("tools"), f"{path}.tools")):
            yield from _tools_of(member, f"{path}.tools[{index}]", ignored, name)
    elif kind in ("function", "custom"):
        yield declared_tool(value, path, namespace)
    else:
        ignored.add(f"tools.{kind}")


def _echoed(value: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """A declaration with all keys that readers of a response demand (AI SDK, Open Responses)."""
    within = value.get(kind)
    inner = within if isinstance(within, dict) else value
    if kind != "function":
        return {**inner, "type": kind}
    needed = {"name": inner["name"], "description": None, "parameters": None, "strict": None}
    return {**needed, **inner, "type": kind}


# The choice -------------------------------------------------------------------------------------


def with_choice(offered: Offered, value: Any, *, parallel: bool) -> Offered:
    """*offered* under the rules of ``tool_choice``.

    :param parallel: the value of ``parallel_tool_calls``.
    :raises InvalidRequest: if *value* is in no known form, or forces a tool that is not offered.
    """
    tools = offered.toolbox.tools
    if isinstance(value, dict) and _is_search(str(value.get("type"))):
        toolbox = Toolbox(tools, Choice.NONE, parallel=parallel)
        return evolve(offered, toolbox=toolbox, search=True)
    chosen, search = parse_tool_choice(value), offered.search
    if search and (chosen.choice is Choice.NONE or not _may_search(value)):
        search = False
    if search and chosen.choice is Choice.REQUIRED and _is_free(chosen, tools):
        # Grok searches when it finds that it should; it can't be forced.
        chosen = evolve(chosen, choice=Choice.AUTO)
    return evolve(offered, toolbox=make_toolbox(tools, chosen, parallel=parallel), search=search)


def _may_search(value: Any) -> bool:
    """Whether a declared search is among the tools that *value* allows."""
    if not isinstance(value, dict) or value.get("type") != "allowed_tools":
        return True
    within = value.get("allowed_tools")
    listed = (within if isinstance(within, dict) else value).get("tools")
    if not isinstance(listed, list):
        return True
    return any(isinstance(tool, dict) and _is_search(tool_type(tool)) for tool in listed)


def _is_free(chosen: ToolChoice, tools: Sequence[Tool]) -> bool:
    """Whether the client's tools are none of those that may be called."""
    return not (tools if chosen.allowed is None else chosen.allowed) and not chosen.only
