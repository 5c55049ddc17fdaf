"""Texts of settings that become headers, URLs and paths: checked at the start, wherever they come
from.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import asdict
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.cli import EXIT_CONFIG, main
from grokcore.config import SECTIONS, load_config
from grokcore.config.text import name_shown
from grokcore.errors import ConfigError

UNUSABLE = {
    "\udcff": "not UTF-8",
    "\0": "NUL",
    "\n": "line end",
    "\r": "line end",
    "\x1b": "U+001B",
    "\u2028": "line end",
}

TEXT_KEYS = [
    ("server", "host"),
    ("server", "public_url"),
    ("server", "data_dir"),
    ("server", "allowed_hosts"),
    ("server", "cors_origins"),
    ("grok", "api_key"),
    ("grok", "base_url"),
    ("grok", "ca_file"),
    ("grok", "proxy_url"),
    ("grok", "impersonate"),
    ("grok", "user_agent"),
    ("grok", "cf_clearance"),
    ("grok", "x_statsig_id"),
    ("grok", "filtered_tags"),
    ("fetch", "allow_hosts"),
    ("alerts", "webhook"),
    ("alerts", "smtp_password"),
]


def variable(section: str, key: str) -> str:
    return f"GROK2API_{section}_{key}".upper()


@pytest.mark.parametrize("character", UNUSABLE, ids=ascii)
@pytest.mark.parametrize(("section", "key"), TEXT_KEYS)
def test_a_variable_with_an_unusable_character_is_a_fault_of_it(
    section: str, key: str, character: str
) -> None:
    """Named at the start, and not by a traceback when the first question goes out."""
    with pytest.raises(ConfigError) as caught:
        load_config("", environ={variable(section, key): f"http://s3cr{character}et.example"})
    assert str(caught.value).startswith(variable(section, key) + ": ")
    assert "s3cr" not in str(caught.value)


@pytest.mark.parametrize(("section", "key"), TEXT_KEYS[:3])
def test_so_is_a_flag_with_one(section: str, key: str) -> None:
    """Blamed on the flag."""
    with pytest.raises(
        ConfigError, match=f"^--{key.replace('_', '-')}: holds a byte that is not UTF-8"
    ):
        load_config("", flags={(section, key): "a\udcff"})


ANY_TEXT = st.text(st.characters() | st.sampled_from(list(UNUSABLE)), max_size=12)


def texts_of(value: object) -> Iterator[str]:
    """All strings within *value*."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from (*texts_of(key), *texts_of(item))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from texts_of(item)


@settings(deadline=None, max_examples=150)
@given(
    st.dictionaries(
        st.sampled_from([(name, key) for name in SECTIONS for key in asdict(SECTIONS[name]())]),
        ANY_TEXT,
        max_size=4,
    )
)
def test_any_environment_is_a_configuration_of_usable_texts_or_a_fault(
    environ: dict[tuple[str, str], str],
) -> None:
    """Never another exception; what passes can be encoded, and ends no header and no path."""
    try:
        config, warnings = load_config(
            "", environ={variable(*key): text for key, text in environ.items()}
        )
        said, texts = warnings, [*texts_of(asdict(config))]
    except ConfigError as error:
        said, texts = [str(error)], []
    for text in texts:
        text.encode()
        assert not set(text) & set(UNUSABLE)
    assert all(line.isprintable() for line in said)


@pytest.mark.parametrize(
    ("environ", "arguments", "message"),
    [
        (
            {"GROK2API_GROK_USER_AGENT": "Mozilla\udcff"},
            [],
            "GROK2API_GROK_USER_AGENT: holds a byte that is not UTF-8",
        ),
        ({"STATE_DIRECTORY": "state\udcff"}, [], "STATE_DIRECTORY: holds a byte that is not UTF-8"),
        ({}, ["--config", "a\nb"], "--config: holds a line end"),
        ({}, ["--tokens", "a\udcff"], "--tokens: holds a byte that is not UTF-8"),
        ({}, ["--data-dir", "a\x07"], "--data-dir: holds the control character U+0007"),
    ],
)
def test_the_server_does_not_start_with_one(
    environ: dict[str, str],
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """One line that names the variable or the flag, and exit code 78."""
    monkeypatch.chdir(tmp_path)
    for name, value in environ.items():
        monkeypatch.setitem(os.environ, name, value)
    assert main([*arguments, "--port", "0"]) == EXIT_CONFIG
    assert message in capfd.readouterr().err


def test_a_byte_that_is_no_utf8_in_the_file_is_named_by_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It would have become another character, and the key would have fitted no client. In a comment
    it does no harm.
    """
    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_bytes(b'# caf\xe9\n[grok]\napi_key = "caf\xe9"\n')
    assert main(["--port", "0"]) == EXIT_CONFIG
    assert "config.toml: [grok] api_key: holds a byte that is not UTF-8" in capfd.readouterr().err


@pytest.mark.parametrize(
    "name", ["port", "log_level", "grok-4.1", "GROK2API_SERVER_PROT", "proxyPool", "netscape"]
)
def test_what_looks_like_a_name_is_shown(name: str) -> None:
    """For a typo to be found."""
    assert name_shown(name) == repr(name)


@pytest.mark.parametrize(
    "text",
    [
        "sk-Xq91hhTTg20aPPq",
        "eyJhbGciOiJIUzI1NiJ9",
        "a b",
        "é",
        "hunter2hunter2hunter",
        "",
        "a" * 50,
        "u@h",
    ],
)
def test_what_may_be_a_secret_is_not(text: str) -> None:
    """An owner may have put it in the place of a name."""
    assert name_shown(text) == "something else"
