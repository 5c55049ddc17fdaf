"""A folder in which the commands of ``tokens`` run, and token files in it."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from grokcore.cli import _parser
from grokcore.cli.tokens import listing
from grokcore.protocol.tokens import token_id

JWT = "eyJ0eXAiOiJKV1QifQ.eyJzZXNzaW9uX2lkIjoiMSJ9.c2lnbmF0dXJl"
OTHER = "eyJhbGciOiJIUzI1NiJ9.eyJzZXNzaW9uX2lkIjoiMiJ9.b3RoZXI"
ID, OTHER_ID = token_id(JWT), token_id(OTHER)

Capture: TypeAlias = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and nothing on standard input."""
    monkeypatch.chdir(tmp_path)
    type_in(monkeypatch, b"")
    return tmp_path


class Stream(io.TextIOWrapper):
    """A standard stream that may be a terminal."""

    def __init__(self, data: bytes = b"", *, terminal: bool = False) -> None:
        self.bytes = io.BytesIO(data)
        super().__init__(self.bytes, encoding="utf-8")
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def type_in(monkeypatch: pytest.MonkeyPatch, data: bytes, *, terminal: bool = False) -> None:
    monkeypatch.setattr(sys, "stdin", Stream(data, terminal=terminal))


def run(*words: str, states: dict[str, str] | None = None) -> int:
    """The exit code of ``tokens`` with these words."""
    arguments = _parser().parse_args(["tokens", *words])
    command: Callable[[argparse.Namespace], int] = arguments.run
    with pytest.MonkeyPatch.context() as patch:
        if states is not None:
            patch.setattr(listing, "read_states", lambda _: states)
        return command(arguments)


def names(place: Path) -> set[str]:
    return {entry.name for entry in place.iterdir()}


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


NEW = as_json({"sso": {JWT: {}}, "ssoSuper": {}})
BOTH = as_json({"sso": {JWT: {}, OTHER: {}}, "ssoSuper": {}})
LIST = as_json([JWT, f"sso={OTHER}"])
COOKIES = f".grok.com\tTRUE\t/\tTRUE\t0\tsso\t{JWT}\n.grok.com\tTRUE\t/\tTRUE\t0\ttheme\tx\n"
NO_TOKEN = "is not a token: expected the value of the sso cookie, sso=…, or a cookie header"
FULL = as_json({"sso": {JWT: {"note": "mine", "proxy_url": "http://u:pass@127.0.0.1:1"}}, "ssoSuper": {OTHER: {"disabled": True}}})  # fmt: skip
