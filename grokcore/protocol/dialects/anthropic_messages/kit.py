"""The tools of a Messages request: the client's own, those of Anthropic's that clients run, and
Grok's search in place of Anthropic's.

Rules
-----
1. A tool with ``defer_loading`` is shown once a ``tool_reference`` names it, or the history calls
   it (Claude Code's ToolSearch).
2. ``web_search_*`` and ``web_fetch_*`` let Grok search. The answer has blocks with the searches if
   the request declares ``web_search_*`` and no other tool but ``web_fetch_*``.
3. ``bash_*`` and ``text_editor_*`` have no schema in the request; they are shown with the fields
   that Anthropic publishes.
4. All other tools of Anthropic's are ignored and named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from attrs import evolve, frozen

from ...conversation.tools import Choice, Tool, Toolbox
from ..choice_fields import ToolChoice, make_toolbox, parse_tool_choice
from ..extra_fields import search_tools
from ..tool_fields import declared_tool, listed_tools, unique_tools
from .published import published_tool

__all__ = ["Kit", "parse_kit"]

_SEARCHES = ("web_search", "web_fetch")
_CLIENTS = frozenset({"", "custom", "function"})
_UNREAD = ("input_examples", "allowed_callers")
_LIMITS = ("max_uses", "allowed_domains", "blocked_domains", "user_location", "max_content_tokens")
"""Fields of ``web_search_*`` and ``web_fetch_*`` that Grok's search has no counterpart of."""


@frozen
class Kit:
    """The tools that the model may use.

    :ivar search: None leaves searching to the model's row and the tools.
    :ivar search_blocks: whether the answer has blocks with Grok's searches.
    :ivar ignored: names of fields and tools without effect.
    :ivar searches: the searches as xAI's own, with their options.
    """

    toolbox: Toolbox
    search: bool | None
    search_blocks: bool
    ignored: frozenset[str]
    searches: tuple[Mapping[str, Any], ...] = ()


def parse_kit(fields: Mapping[str, Any], known: Collection[str]) -> Kit:
    """The values of ``tools`` and ``tool_choice``.

    :param known: names of deferred tools that the model knows already.
    :raises InvalidRequest: with the path of the field at fault in ``param``.
    """
    chosen = parse_tool_choice(fields.get("tool_choice"))
    declared = listed_tools(fields.get("tools"), "tools")
    searches = [tool for tool in declared if _search_of(tool)]
    tools: list[Tool] = []
    others = False
    for index, value in enumerate(declared):
        tool = None if _search_of(value) else _tool(value, f"tools[{index}]")
        others = others or tool is not None
        if tool is not None and _is_shown(value, {*known, chosen.only}):
            tools.append(tool)
    search = None if not searches else chosen.choice is not Choice.NONE
    only_searches = bool(search) and not others
    return Kit(
        make_toolbox(unique_tools(tools), _of_clients(chosen, searches, tools)),
        search,
        only_searches and any(_search_of(tool) == "web_search" for tool in searches),
        frozenset(_ignored(declared)),
        tuple(search_tools(searches)),
    )


def _type_of(tool: Mapping[str, Any]) -> str:
    kind = tool.get("type")
    return kind if isinstance(kind, str) else ""


def _name_of(tool: Mapping[str, Any]) -> str:
    name = tool.get("name")
    return name if isinstance(name, str) else ""


def _search_of(tool: Mapping[str, Any]) -> str:
    """``web_search`` or ``web_fetch``; empty for all other tools, as for a client's own of such a
    name.
    """
    kind = _type_of(tool)
    return next((name for name in _SEARCHES if kind.startswith(name)), "")


def _tool(value: Mapping[str, Any], path: str) -> Tool | None:
    """The tool that clients run; None if Anthropic does."""
    kind = _type_of(value)
    if kind in _CLIENTS or isinstance(value.get("input_schema"), dict):
        schema = value.get("input_schema")
        return declared_tool({**value, "input_schema": {} if schema is None else schema}, path)
    return published_tool(kind, value.get("name"))


def _is_shown(value: Mapping[str, Any], known: Collection[str]) -> bool:
    return value.get("defer_loading") is not True or value.get("name") in known


def _of_clients(
    chosen: ToolChoice, searches: Collection[Mapping[str, Any]], tools: Collection[Tool]
) -> ToolChoice:
    """*chosen*, as far as it concerns the client's tools: to search is no call."""
    names = {_name_of(tool) or _search_of(tool) for tool in searches}
    forced = chosen.only in names if chosen.only else not tools
    if chosen.choice is Choice.REQUIRED and searches and forced:
        return evolve(chosen, choice=Choice.AUTO, only="")
    return chosen


def _ignored(declared: Collection[Mapping[str, Any]]) -> Iterator[str]:
    for value in declared:
        search, kind = _search_of(value), _type_of(value)
        if search:
            yield from (f"tools.{search}.{name}" for name in _LIMITS if value.get(name))
        elif kind in _CLIENTS:
            yield from (f"tools.{name}" for name in _UNREAD if value.get(name))
        elif not isinstance(value.get("input_schema"), dict) and published_tool(kind, "x") is None:
            yield f"tools.{kind}"
