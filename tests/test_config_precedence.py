"""Flags over variables over the file over defaults, and variables of every type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from attrs import field, frozen

from grokcore.config import (
    EarlierPictures,
    ImageMode,
    LogFormat,
    LongContext,
    load_config,
)
from grokcore.errors import ConfigError
from tests.config_cases import Value, config_of, read, warnings_of


@frozen
class Overlay:
    """One key from up to three places, and what counts."""

    name: str
    value: int
    text: str = ""
    environ: Mapping[str, str] = field(factory=dict)
    flags: Mapping[tuple[str, str], Any] = field(factory=dict)


FILE, ENVIRONMENT, FLAG = (
    "[server]\nport = 1",
    {"GROK2API_SERVER_PORT": "2"},
    {("server", "port"): 3},
)

OVERLAYS = [
    Overlay("default", 8000),
    Overlay("file", 1, FILE),
    Overlay("environment", 2, "", ENVIRONMENT),
    Overlay("environment over file", 2, FILE, ENVIRONMENT),
    Overlay("flag", 3, "", {}, FLAG),
    Overlay("flag over file", 3, FILE, {}, FLAG),
    Overlay("flag over environment", 3, "", ENVIRONMENT, FLAG),
    Overlay("flag over all", 3, FILE, ENVIRONMENT, FLAG),
]


@pytest.mark.parametrize("case", OVERLAYS, ids=lambda case: case.name)
def test_flag_over_environment_over_file_over_default(case: Overlay) -> None:
    """And a key that only one place names comes from there."""
    config = config_of(
        f'{case.text}\n[grok]\napi_key = "x"', environ=case.environ, flags=case.flags
    )
    assert (config.server.port, config.grok.api_key) == (case.value, "x")


ENVIRONMENT_VALUES = [
    Value("server.host", "0.0.0.0", "0.0.0.0"),
    Value("server.host", "", ""),
    Value("server.port", "8080", 8080),
    Value("server.hold_seconds", "1.5", 1.5),
    Value("grok.api_key", "8080", "8080"),
    Value("grok.api_key", 'quote"\\', 'quote"\\'),
    Value("grok.show_thinking", "false", False),
    Value("grok.x_statsig_id", "mine", "mine"),
    Value(
        "grok.filtered_tags", "grok:render,XaiArtifact", frozenset({"grok:render", "xaiartifact"})
    ),
    Value("grok.image_mode", "cache", ImageMode.CACHE),
    Value("grok.earlier_pictures", "attach", EarlierPictures.ATTACH),
    Value("grok.long_context", "error", LongContext.ERROR),
    Value("grok.tool_text_chars", "12000", 12_000),
    Value("grok.tool_form", "function_call", "function_call"),
    Value("grok.stream_chunk_timeout", "90", 90.0),
    Value("global.log_format", "json", LogFormat.JSON),
    Value("global.log_level", "warning", "WARNING"),
]


def variable(key: str) -> str:
    return "GROK2API_" + key.replace(".", "_").upper()


@pytest.mark.parametrize("case", ENVIRONMENT_VALUES, ids=lambda case: f"{case.key}={case.written}")
def test_variables_have_the_type_of_their_key(case: Value) -> None:
    """Text stays text, whatever it looks like."""
    assert (
        read(config_of(environ={variable(case.key): case.written, "PATH": "/bin"}), case.key)
        == case.value
    )


LISTS = [
    Value("server.allowed_hosts", "a.example, b.example", ("a.example", "b.example")),
    Value("server.trusted_proxies", '["10.0.0.1"]', ("10.0.0.1",)),
    Value("fetch.allow_hosts", "nas.lan", ("nas.lan",)),
    Value("alerts.kinds", "down, file", ("down", "file")),
    Value("grok.filtered_tags", '["Grok:Render", "x"]', frozenset({"grok:render", "x"})),
]


@pytest.mark.parametrize("case", LISTS, ids=lambda case: f"{case.key}={case.written}")
def test_variables_may_hold_lists(case: Value) -> None:
    """As TOML, or separated by commas."""
    assert read(config_of(environ={variable(case.key): case.written}), case.key) == case.value


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"GROK2API_SERVER_PORT": "many"}, "GROK2API_SERVER_PORT: must be a whole number"),
        (
            {"GROK2API_GROK_TEMPORARY": "1"},
            "GROK2API_GROK_TEMPORARY: must be true or false, not a number",
        ),
        (
            {"GROK2API_GLOBAL_LOG_FORMAT": "xml"},
            "GROK2API_GLOBAL_LOG_FORMAT: must be one of text, json, not 'xml'",
        ),
    ],
)
def test_a_fault_in_a_variable_names_the_variable(environ: dict[str, str], message: str) -> None:
    """Not a file that may not even exist."""
    with pytest.raises(ConfigError) as caught:
        load_config("", environ=environ)
    assert str(caught.value) == message


def test_an_unknown_variable_is_a_warning_with_the_nearest_name() -> None:
    """Only ours; the rest of the environment is none of our business."""
    environ = {"GROK2API_SERVER_PROT": "1", "GROK2API": "x", "SERVER_PORT": "1"}
    expected = "unknown environment variable GROK2API_SERVER_PROT has no effect; did you mean GROK2API_SERVER_PORT?"
    assert warnings_of(environ=environ) == [expected]
