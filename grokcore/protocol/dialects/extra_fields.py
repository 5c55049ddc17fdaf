"""Parameters of a request that xAI's Responses API honours, read the same in every dialect.

Rules
-----
1. Nothing here fails a request: web chat takes none of these fields. A value that xAI would refuse
   is left out, and its name stays among the fields without effect.
2. Bounds and values are those of xAI (docs.x.ai, Responses API reference, 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

from ..conversation.extras import Extras
from .fields import safe_names

__all__ = ["ExtraFields", "search_parameters_tools", "search_tools", "without_effect"]

Declaration: TypeAlias = Mapping[str, Any]

MOST_TEXT = 512
"""Longest identifier that is passed on, in characters."""

MOST_DOMAINS = 5
"""Domains of one list (docs.x.ai, web search, 2026-11)."""

MOST_HANDLES = 20
"""Handles of one list (OpenRouter, X search filters of xAI, 2026-11)."""

_EFFORTS = {
    **{name: name for name in ("none", "low", "medium", "high", "xhigh")},
    "minimal": "low",
    "max": "xhigh",
}
_SUMMARIES = ("auto", "concise", "detailed")
_TIERS = ("default", "priority")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_BUDGETS = ((4096, "low"), (16384, "medium"))
"""Anthropic's budgets of thinking tokens up to which an effort is asked for; above, ``high``."""


class ExtraFields:
    """Collects the parameters of one request.

    :param fields: of its body.
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields
        self._values: dict[str, Any] = {}
        self._searches: list[Declaration] = []
        self._names: set[str] = set()

    def number(self, name: str, *, most: float) -> None:
        """Take a number from 0 to *most*."""
        value = self._fields.get(name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and 0 <= (value or 0) <= most:
            self._take(name, value, name)

    def text(self, name: str) -> None:
        """Take a short text."""
        value = self._fields.get(name)
        if isinstance(value, str) and 0 < len(value) <= MOST_TEXT:
            self._take(name, value, name)

    def usual(self) -> None:
        """Take the fields that OpenAI's two APIs share."""
        self.number("temperature", most=2)
        self.number("top_p", most=1)
        self.text("user")
        self.text("prompt_cache_key")
        if self._fields.get("service_tier") in _TIERS:
            self._take("service_tier", self._fields["service_tier"], "service_tier")

    def effort(self, value: object, name: str) -> None:
        """Take an effort of reasoning from the field called *name*."""
        known = _EFFORTS.get(value) if isinstance(value, str) else None
        if known is not None:
            self._take("reasoning", {**self._values.get("reasoning", {}), "effort": known}, name)

    def reasoning(self) -> None:
        """Take ``reasoning`` of a Responses request: its effort and its summary."""
        given = self._fields.get("reasoning")
        if not isinstance(given, dict):
            return
        self.effort(given.get("effort"), "reasoning")
        if given.get("summary") in _SUMMARIES:
            summed = {**self._values.get("reasoning", {}), "summary": given["summary"]}
            self._take("reasoning", summed, "reasoning")

    def thinking(self) -> None:
        """Take ``thinking`` of a Messages request: its budget of tokens as an effort."""
        given = self._fields.get("thinking")
        budget = given.get("budget_tokens") if isinstance(given, dict) else None
        if isinstance(budget, int) and not isinstance(budget, bool) and budget > 0:
            effort = next((effort for most, effort in _BUDGETS if budget <= most), "high")
            self.effort(effort, "thinking.budget_tokens")

    def search(self, declarations: Iterable[Declaration], names: Iterable[str]) -> None:
        """Take searches, with the client's names of what only they need."""
        self._searches += declarations
        self._names.update(names)

    def _take(self, key: str, value: object, name: str) -> None:
        self._values[key] = value
        self._names.add(name)

    def extras(self) -> Extras:
        """The parameters that were taken."""
        return Extras(self._values, tuple(self._searches), frozenset(safe_names(self._names)))


def without_effect(names: Collection[str], extras: Extras) -> tuple[str, ...]:
    """The names among these that no lane has a use for: sorted, each safe in a header."""
    return tuple(name for name in safe_names(names) if name not in extras.names)


# Searches ---------------------------------------------------------------------------------------


def search_tools(declared: Iterable[Declaration]) -> Iterator[Declaration]:
    """The searches of xAI among declared tools: ``web_search`` in any spelling, and ``x_search``.
    Anthropic's ``blocked_domains`` are xAI's ``excluded_domains``.
    """
    for tool in declared:
        kind = tool.get("type")
        if not isinstance(kind, str):
            continue
        if kind.startswith("web_search"):
            yield {"type": "web_search", **_usable(_web_options(tool), _WEB_OPTIONS)}
        elif kind == "x_search":
            yield {"type": "x_search", **_usable(tool, _X_OPTIONS)}


def _web_options(tool: Declaration) -> dict[str, Any]:
    given = _set(tool)
    filters = given.pop("filters", None)
    given = {**given, **(_set(filters) if isinstance(filters, dict) else {})}
    blocked = given.pop("blocked_domains", None)
    if blocked is not None and "allowed_domains" not in given:
        given["excluded_domains"] = blocked
    return given


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_day(value: object) -> bool:
    return isinstance(value, str) and _DAY.fullmatch(value) is not None


def _is_list(value: object, most: int) -> bool:
    """Whether *value* has 1 to *most* short texts."""
    return (
        isinstance(value, list)
        and 0 < len(value) <= most
        and all(isinstance(one, str) and 0 < len(one) <= MOST_TEXT for one in value)
    )


_are_domains = partial(_is_list, most=MOST_DOMAINS)
_are_handles = partial(_is_list, most=MOST_HANDLES)

_WEB_OPTIONS: Mapping[str, Callable[[object], bool]] = {
    "allowed_domains": _are_domains,
    "excluded_domains": _are_domains,
    "enable_image_understanding": _is_flag,
    "enable_image_search": _is_flag,
    # Only OpenAI has these. A lane names them, and leaves them out.
    **dict.fromkeys(("search_context_size", "user_location", "external_web_access"), bool),
}
_X_OPTIONS: Mapping[str, Callable[[object], bool]] = {
    "allowed_x_handles": _are_handles,
    "excluded_x_handles": _are_handles,
    "from_date": _is_day,
    "to_date": _is_day,
    "enable_image_understanding": _is_flag,
    "enable_video_understanding": _is_flag,
}


def _usable(given: Declaration, options: Mapping[str, Callable[[object], bool]]) -> dict[str, Any]:
    """The options that xAI takes. It refuses an allowed list beside an excluded one."""
    found = {key: given[key] for key, fits in options.items() if key in given and fits(given[key])}
    for allowed in [key for key in found if key.startswith("allowed_")]:
        found.pop(allowed.replace("allowed_", "excluded_"), None)
    return found


def _set(given: Declaration) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value not in (None, [], {}, "")}


def search_parameters_tools(given: object) -> list[Declaration]:
    """The searches that ``search_parameters`` asks for: xAI's live search, which it retired in
    January 2026 in favour of these tools. None if they are switched off.
    """
    if not isinstance(given, dict) or given.get("mode") == "off":
        return []
    sources = given.get("sources")
    listed = [one for one in sources if isinstance(one, dict)] if isinstance(sources, list) else []
    kinds = [one.get("type") for one in listed] or ["web", "x"]
    dates = {
        key: given[key]
        for key in ("from_date", "to_date")
        if isinstance(given.get(key), str) and _DAY.fullmatch(given[key])
    }
    found: list[Declaration] = []
    if any(kind in ("web", "news", "rss") for kind in kinds):
        options = _of_sources(listed, "web", _WEB_FILTERS)
        found.append({"type": "web_search", **_usable(options, _WEB_OPTIONS)})
    if "x" in kinds:
        options = {**_of_sources(listed, "x", _X_FILTERS), **dates}
        found.append({"type": "x_search", **_usable(options, _X_OPTIONS)})
    return found


_WEB_FILTERS = {"allowed_websites": "allowed_domains", "excluded_websites": "excluded_domains"}
_X_FILTERS = {
    "included_x_handles": "allowed_x_handles",
    "x_handles": "allowed_x_handles",
    "excluded_x_handles": "excluded_x_handles",
}


def _of_sources(
    sources: Iterable[Declaration], kind: str, filters: Mapping[str, str]
) -> dict[str, Any]:
    """The filters of the sources of one *kind*; xAI takes one list of them."""
    found: dict[str, Any] = {}
    for source in sources:
        for old, new in filters.items():
            if source.get("type") == kind and source.get(old) and not found:
                found[new] = source[old]
    return found
