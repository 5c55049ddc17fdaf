"""docs/clients.md: its tables of parameters and parts are held against the code and against
OpenAI's own list.
"""

from __future__ import annotations

import json
import re
import tomllib
import typing
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import frozen
from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from grokcore.errors import GrokApiError
from grokcore.protocol.dialects.openai_chat.request import parse_chat_fields
from grokcore.protocol.dialects.part_table import TABLE, Becomes
from grokcore.protocol.models import SHIPPED
from grokcore.web.unknown_paths import unknown_url

TEXT = (Path(__file__).parents[1] / "docs" / "clients.md").read_text("utf-8")
FUNCTION = {"name": "f"}
ASKING = {
    "n": 5,
    "tools": [{"type": "function", "function": FUNCTION}],
    "functions": [FUNCTION],
    "tool_choice": "auto",
    "function_call": "auto",
    "response_format": {"type": "json_object"},
    "stop": "x",
    "modalities": ["audio"],
    "stream": True,
    "user": "me",
    "service_tier": "priority",
    "prompt_cache_key": "conversation",
    "reasoning_effort": "low",
    "search_parameters": {"mode": "on"},
}
"""Values that ask for something; of other parameters any will do."""


def table(heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, their cells as they are written."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows[1:]]


def names(cell: str) -> list[str]:
    return re.findall(r"`([\w.-]+)`", cell)


def test_each_parameter_of_openai_s_is_in_the_table() -> None:
    """Once; none is forgotten."""
    told = [name.partition(".")[0] for cells in table("Parameters") for name in names(cells[0])]
    assert len(told) == len(set(told))
    assert set(typing.get_type_hints(CompletionCreateParamsBase)) - set(told) - {"stream"} == set()


def test_what_becomes_of_a_parameter_is_as_the_table_says() -> None:
    """Refused, ignored and named, or used."""
    for first, becomes in table("Parameters"):
        for name in names(first):
            key = name.partition(".")[0]
            value = (
                {"include_usage": True}
                if "." in name
                else ASKING.get(key, {"a": 1} if key.startswith("web") else 1)
            )
            fields = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
            assert outcome({key: value, **fields}, key) == expected(becomes), name


def expected(becomes: str) -> str:
    return "refused" if "400" in becomes else "ignored" if becomes.startswith("ignored") else "used"


def outcome(fields: dict[str, object], name: str) -> str:
    try:
        request = parse_chat_fields(fields)
    except GrokApiError as error:
        return "refused" if error.param == name else "?"
    return "ignored" if name in request.ignored else "used"


def test_the_parts_that_are_told_of_are_those_of_the_code() -> None:
    """Each type stands in a row that says the same of it as the code."""
    rows = {
        Becomes.TEXT: "input_text",
        Becomes.PICTURE: "image_url",
        Becomes.FILE: "document",
        Becomes.CALL: "tool_use",
    }
    rows |= {
        Becomes.RESULT: "tool_result",
        Becomes.DROPPED: "thinking",
        Becomes.NOTE: "input_audio",
    }
    cells = table("Parts of messages")
    for becomes, example in rows.items():
        (row,) = [cells for cells in cells if example in names(cells[0])]
        for name in names(row[0]):
            known = TABLE.get(name.replace("-", "_"))
            assert known is None or known.becomes is becomes, name
        assert ("400" in row[1]) == (becomes in (Becomes.DROPPED, Becomes.NOTE))


def test_the_answer_of_absent_routes_is_as_the_table_says() -> None:
    """Status and code of each route that the table says is not there."""
    absent = [
        cells for cells in table("What works, and what does not") if "`unknown_url`" in cells[1]
    ]
    assert len(absent) == 1
    for first, becomes in absent:
        for path in re.findall(r"`/v1(/[\w/]+)`", first):
            error = unknown_url("POST", path, f"/v1{path}", "http://127.0.0.1:8000")
            assert becomes.startswith(f"{error.status} `{error.code}`"), path


# Recipes ----------------------------------------------------------------------------------------

OPENAI, ANTHROPIC = "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000"


@frozen
class Recipe:
    """A client's section: the language of its settings, and where the address stands in them."""

    heading: str
    language: str
    place: tuple[str, ...]
    base_url: str = OPENAI


RECIPES = [
    Recipe("Codex", "toml", ("model_providers", "grok2api", "base_url")),
    Recipe("Claude Code", "sh", ("ANTHROPIC_BASE_URL",), ANTHROPIC),
    Recipe("opencode", "json", ("provider", "grok2api", "options", "baseURL")),
    Recipe("Zed", "json", ("language_models", "openai_compatible", "My Grok", "api_url")),
    Recipe("Continue", "yaml", ("models", "0", "apiBase")),
    Recipe("aider", "sh", ("OPENAI_API_BASE",)),
]


def settings_of(heading: str, language: str) -> Any:
    """The first block of a section in one language; of a shell its exported variables."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    block = section.partition(f"```{language}\n")[2].partition("```")[0]
    match language:
        case "toml":
            return tomllib.loads(block)
        case "json":
            return json.loads(block)
        case "yaml":
            return yaml.safe_load(block)
        case _:
            return dict(re.findall(r"^export (\w+)=(\S+)$", block, re.MULTILINE))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.heading)
def test_settings_of_a_client_can_be_copied(recipe: Recipe) -> None:
    """They are well-formed, and lead to this server: Anthropic's clients add ``/v1`` themselves."""
    found = settings_of(recipe.heading, recipe.language)
    for key in recipe.place:
        found = found[int(key)] if isinstance(found, list) else found[key]
    assert found == recipe.base_url


def test_models_of_recipes_are_shipped() -> None:
    """Each model that a recipe names answers without a row of one's own."""
    codex, opencode = settings_of("Codex", "toml"), settings_of("opencode", "json")
    claude, zed = settings_of("Claude Code", "sh"), settings_of("Zed", "json")
    named = {codex["model"], claude["ANTHROPIC_MODEL"], claude["ANTHROPIC_DEFAULT_HAIKU_MODEL"]}
    named |= set(opencode["provider"]["grok2api"]["models"])
    named |= {opencode[key].removeprefix("grok2api/") for key in ("model", "small_model")}
    named |= {
        model["name"]
        for provider in zed["language_models"]["openai_compatible"].values()
        for model in provider["available_models"]
    }
    assert named <= set(SHIPPED)
    assert codex["model_providers"]["grok2api"]["wire_api"] == "responses"
    assert codex["model_provider"] in codex["model_providers"]


def test_each_address_of_a_recipe_is_the_server_s() -> None:
    """With ``/v1``, unless the client is Anthropic's, or adds it by itself."""
    addresses = re.findall(r"http://127\.0\.0\.1:8000[^\s\"'`]*", TEXT)
    routes = r"(/(chat/completions|responses|messages|images/edits))?"
    assert len(addresses) > 15
    assert [
        address
        for address in addresses
        if not re.fullmatch(rf"http://127\.0\.0\.1:8000(/v1{routes})?", address)
    ] == []
