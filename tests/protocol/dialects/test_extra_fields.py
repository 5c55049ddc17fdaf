"""Parameters that xAI's Responses API honours, in each dialect's requests."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from attrs import frozen
from hypothesis import example, given
from hypothesis import strategies as st

from grokcore.errors import GrokApiError
from grokcore.protocol.conversation.extras import Extras
from grokcore.protocol.dialects.anthropic_messages.request import parse_messages_fields
from grokcore.protocol.dialects.ask import Ask
from grokcore.protocol.dialects.extra_fields import (
    MOST_DOMAINS,
    MOST_HANDLES,
    MOST_TEXT,
    ExtraFields,
    search_parameters_tools,
    search_tools,
)
from grokcore.protocol.dialects.openai_chat.request import parse_chat_fields
from grokcore.protocol.dialects.openai_responses.request import parse_responses_fields

from ..strategies import json_values

HELLO = [{"role": "user", "content": "hi"}]


def chat(**fields: Any) -> Ask:
    return parse_chat_fields({"model": "m", "messages": HELLO, **fields})


def responses(**fields: Any) -> Ask:
    return parse_responses_fields({"model": "m", "input": "hi", **fields})


def messages(**fields: Any) -> Ask:
    return parse_messages_fields({"model": "m", "messages": HELLO, **fields})


DIALECTS = (chat, responses, messages)


# Values -----------------------------------------------------------------------------------------


@frozen
class Given:
    """A field's value, and the values of xAI's fields that it becomes; none if it is unusable."""

    name: str
    value: Any
    passed: dict[str, Any]


USUAL = [
    Given("temperature", 0.2, {"temperature": 0.2}),
    Given("temperature", 0, {"temperature": 0}),
    Given("temperature", 2, {"temperature": 2}),
    Given("temperature", 2.1, {}),
    Given("temperature", -1, {}),
    Given("temperature", True, {}),
    Given("temperature", "1", {}),
    Given("temperature", float("nan"), {}),
    Given("temperature", 10**400, {}),
    Given("top_p", 1, {"top_p": 1}),
    Given("top_p", 1.5, {}),
    Given("user", "me", {"user": "me"}),
    Given("user", "", {}),
    Given("user", "u" * (MOST_TEXT + 1), {}),
    Given("user", 5, {}),
    Given("prompt_cache_key", "k", {"prompt_cache_key": "k"}),
    Given("service_tier", "priority", {"service_tier": "priority"}),
    Given("service_tier", "flex", {}),
    Given("service_tier", ["default"], {}),
]


@pytest.mark.parametrize("case", USUAL, ids=lambda case: f"{case.name}: {case.value!r}"[:40])
@pytest.mark.parametrize("parse", [chat, responses])
def test_usable_values_are_passed_on_and_others_are_named(parse: Any, case: Given) -> None:
    """A lane with parameters would be refused for a value out of bounds."""
    asked = parse(**{case.name: case.value})
    assert asked.extras.values == case.passed
    assert asked.extras.names == ({case.name} if case.passed else set())
    assert asked.ignored == (() if case.passed else (case.name,))


@pytest.mark.parametrize(
    ("name", "effort"),
    [("none", "none"), ("minimal", "low"), ("high", "high"), ("max", "xhigh"), ("huge", None)],
)
def test_efforts_have_one_scale(name: str, effort: str | None) -> None:
    """Each API has names of its own for the ends of the scale."""
    passed = {} if effort is None else {"reasoning": {"effort": effort}}
    assert chat(reasoning_effort=name).extras.values == passed
    assert responses(reasoning={"effort": name}).extras.values == passed
    assert messages(output_config={"effort": name}).extras.values == passed


def test_a_summary_of_the_reasoning_is_asked_for() -> None:
    """With an effort or without; one of an unknown kind is not."""
    both = responses(reasoning={"effort": "low", "summary": "detailed"}).extras
    assert both == Extras(
        {"reasoning": {"effort": "low", "summary": "detailed"}}, names=frozenset({"reasoning"})
    )
    assert responses(reasoning={"summary": "auto"}).extras.values == {
        "reasoning": {"summary": "auto"}
    }
    assert responses(reasoning={"summary": "long"}).ignored == ("reasoning",)
    assert responses(reasoning="low").ignored == ("reasoning",)


@pytest.mark.parametrize(
    ("budget", "effort"),
    [(1, "low"), (4096, "low"), (4097, "medium"), (16385, "high"), (0, None), (True, None)],
)
def test_a_budget_of_thinking_is_an_effort(budget: object, effort: str | None) -> None:
    """xAI has no budgets."""
    asked = messages(thinking={"type": "enabled", "budget_tokens": budget})
    assert asked.extras.values == ({} if effort is None else {"reasoning": {"effort": effort}})
    assert asked.extras.names | {*asked.ignored} == {"thinking.budget_tokens"}
    found = ExtraFields({"thinking": "much"})
    found.thinking()
    assert found.extras() == Extras()


def test_an_effort_counts_before_a_budget() -> None:
    """Claude Code sends both."""
    asked = messages(thinking={"budget_tokens": 1}, output_config={"effort": "high"})
    assert asked.extras.values == {"reasoning": {"effort": "high"}}


# Searches ---------------------------------------------------------------------------------------


DECLARED: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    ({"type": "web_search_preview"}, [{"type": "web_search"}]),
    (
        {"type": "web_search", "filters": {"allowed_domains": ["a.example"]}},
        [{"type": "web_search", "allowed_domains": ["a.example"]}],
    ),
    ({"type": "web_search", "filters": "x"}, [{"type": "web_search"}]),
    (
        {"type": "web_search_20250305", "name": "web_search", "blocked_domains": ["a.example"]},
        [{"type": "web_search", "excluded_domains": ["a.example"]}],
    ),
    (
        {"type": "web_search", "allowed_domains": ["a"], "blocked_domains": ["b"]},
        [{"type": "web_search", "allowed_domains": ["a"]}],
    ),
    (
        {"type": "web_search", "allowed_domains": ["a"], "excluded_domains": ["b"]},
        [{"type": "web_search", "allowed_domains": ["a"]}],
    ),
    (
        {"type": "web_search", "enable_image_search": True, "search_context_size": "low"},
        [{"type": "web_search", "enable_image_search": True, "search_context_size": "low"}],
    ),
    ({"type": "web_search", "allowed_domains": ["a"] * (MOST_DOMAINS + 1)}, [{"type": "web_search"}]),
    ({"type": "web_search", "allowed_domains": [5], "unknown": 1}, [{"type": "web_search"}]),
    (
        {"type": "x_search", "from_date": "2026-11-01", "to_date": "now", "allowed_x_handles": []},
        [{"type": "x_search", "from_date": "2026-11-01"}],
    ),
    ({"type": "x_search", "excluded_x_handles": ["a"] * (MOST_HANDLES + 1)}, [{"type": "x_search"}]),
    ({"type": "function"}, []),
    ({"type": 5}, []),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "found"), DECLARED)
def test_declared_searches_become_xais(
    declared: dict[str, Any], found: list[dict[str, Any]]
) -> None:
    """With the options that xAI has, under its names for them."""
    assert list(search_tools([declared])) == found


LIVE: list[tuple[Any, list[dict[str, Any]]]] = [
    (None, []),
    ({"mode": "off"}, []),
    ({}, [{"type": "web_search"}, {"type": "x_search"}]),
    ({"sources": "web"}, [{"type": "web_search"}, {"type": "x_search"}]),
    ({"sources": [{"type": "news"}, 5]}, [{"type": "web_search"}]),
    ({"sources": [{"type": "weather"}]}, []),
    (
        {
            "from_date": "2026-11-01",
            "to_date": "soon",
            "sources": [
                {"type": "x", "included_x_handles": ["a"]},
                {"type": "x", "excluded_x_handles": ["b"]},
            ],
        },
        [{"type": "x_search", "allowed_x_handles": ["a"], "from_date": "2026-11-01"}],
    ),
    (
        {"sources": [{"type": "web", "excluded_websites": ["a.example"]}]},
        [{"type": "web_search", "excluded_domains": ["a.example"]}],
    ),
]


@pytest.mark.parametrize(("given_", "found"), LIVE)
def test_live_search_becomes_tools(given_: Any, found: list[dict[str, Any]]) -> None:
    """xAI answers 410 to the old field, which its older clients still send."""
    assert search_parameters_tools(given_) == found


def test_a_search_in_a_chat_request_lets_grok_search() -> None:
    """A declared tool says so; this server's own field overrides it."""
    asked = chat(tools=[{"type": "web_search"}, {"type": "x_search"}])
    assert (asked.search, asked.ignored) == (True, ())
    assert asked.extras.names == {"tools.x_search"}
    assert [one["type"] for one in asked.extras.searches] == ["web_search", "x_search"]
    assert chat(tools=[{"type": "web_search"}], search=False).search is False
    live = chat(search_parameters={"mode": "on"})
    assert live.search is True
    assert live.extras.names == {"search_parameters"}
    both = chat(search_parameters={"mode": "on"}, tools=[{"type": "web_search"}])
    assert (both.ignored, len(both.extras.searches)) == (("search_parameters",), 1)
    assert chat(search_parameters={"mode": "off"}).ignored == ("search_parameters",)


def test_domains_of_anthropics_search_are_passed_on() -> None:
    """The other options of its search have no counterpart."""
    tool = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    asked = messages(tools=[{**tool, "allowed_domains": ["a.example"]}])
    assert asked.ignored == ("tools.web_search.max_uses",)
    assert asked.extras == Extras(
        searches=({"type": "web_search", "allowed_domains": ["a.example"]},),
        names=frozenset({"tools.web_search.allowed_domains"}),
    )


# Anything ---------------------------------------------------------------------------------------

FIELDS = (
    *("temperature", "top_p", "user", "prompt_cache_key", "service_tier", "reasoning_effort"),
    *("reasoning", "thinking", "output_config", "search_parameters"),
)
KEYS = st.sampled_from(
    [
        *("type", "filters", "allowed_domains", "excluded_domains", "blocked_domains", "sources"),
        *("from_date", "mode", "effort", "summary", "budget_tokens", "allowed_x_handles", "a\r\nb"),
    ]
)
OBJECTS = st.dictionaries(KEYS, json_values, max_size=4)
SEARCHES = st.lists(
    st.builds(
        lambda kind, options: {**options, "type": kind},
        st.sampled_from(["web_search", "x_search", "web_search\r\nx: y"]),
        OBJECTS,
    ),
    max_size=2,
)
SAFE = re.compile(r"[A-Za-z0-9_.-]{1,40}")


def is_safe(extras: Extras) -> bool:
    """Whether xAI takes the values, and a header the names."""
    values, efforts = extras.values, {None, "none", "low", "medium", "high", "xhigh"}
    lists = [value for one in extras.searches for value in one.values() if isinstance(value, list)]
    return (
        all(SAFE.fullmatch(name) for name in extras.names)
        and 0 <= values.get("temperature", 0) <= 2
        and 0 <= values.get("top_p", 0) <= 1
        and values.get("reasoning", {}).get("effort") in efforts
        and values.get("service_tier", "default") in ("default", "priority")
        and all(len(values.get(key, "k")) <= MOST_TEXT for key in ("user", "prompt_cache_key"))
        and {one["type"] for one in extras.searches} <= {"web_search", "x_search"}
        and all(0 < len(value) <= MOST_HANDLES for value in lists)
    )


def parsed_or_none(
    parse: Callable[..., Ask], fields: dict[str, Any], searches: list[dict[str, Any]]
) -> Ask | None:
    """None if a field is refused that was always read, and is of a wrong type."""
    try:
        return parse(**fields, tools=searches)
    except GrokApiError as error:
        if str(error.param).startswith(("thinking", "output_config")):
            return None
        raise


@given(st.dictionaries(st.sampled_from(FIELDS), json_values | OBJECTS), SEARCHES)
@example({"temperature": float("inf"), "reasoning": {"effort": []}}, [])
@example({}, [{"type": "web_search\r\nx: y", "a\r\nb": 1}])
def test_no_value_of_these_fields_fails_or_leaves_its_bounds(
    fields: dict[str, Any], searches: list[dict[str, Any]]
) -> None:
    """They never failed before a lane took them."""
    for parse in DIALECTS:
        asked = parsed_or_none(parse, fields, searches)
        if asked is None:
            continue
        assert is_safe(asked.extras)
        assert not asked.extras.names & {*asked.ignored}
