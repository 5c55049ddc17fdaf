"""The version of the installed CLI, which xAI's proxy wants to know."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.official.cli_version import parse_version_file, parse_version_output

from ..strategies import json_values


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        (b"grok 1.0.30 (04b7ffed98c6)\n", "1.0.30"),
        (b"grok 0.2.120 (3c5009f) [alpha]", "0.2.120"),
        (b"v1.2.3", "1.2.3"),
        (b"grok 1.2.3-rc.1 (x)", "1.2.3-rc.1"),
        (b"A new version is there.\ngrok 1.2.3", "1.2.3"),
        (b"grok 1.2", ""),
        (b"at 10.1.2.3", ""),
        (b"\xff", ""),
        (b"", ""),
        (b" " * 5000 + b"1.2.3", ""),
    ],
)
def test_the_version_is_found_in_what_the_cli_prints(printed: bytes, version: str) -> None:
    """Without it the proxy refuses every question."""
    assert parse_version_output(printed) == version


@pytest.mark.parametrize(
    ("content", "version"),
    [
        ({"version": "1.0.30", "stable_version": "1.0.31"}, "1.0.30"),
        ({"version": " v1.0.30+build.5 "}, "1.0.30"),
        ({"version": "1.0.30-alpha"}, "1.0.30-alpha"),
        ({"stable_version": "1.0.31"}, ""),
        ({"version": "grok 1.0.30"}, ""),
        ({"version": 1}, ""),
        (["1.0.30"], ""),
    ],
)
def test_the_installed_version_is_read_from_its_file(content: object, version: str) -> None:
    """The newest version is another one: to name it would be an invention."""
    assert parse_version_file(json.dumps(content).encode()) == version


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=40) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_file_or_output_is_survived(data: bytes) -> None:
    """Half a file is no version."""
    for version in (parse_version_file(data), parse_version_output(data)):
        assert version == "" or version.count(".") >= 2


def test_a_broken_file_has_no_version() -> None:
    """The CLI may be rewriting it."""
    assert parse_version_file(b'{"version": "1.0.3') == ""
