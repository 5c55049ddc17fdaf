"""``tokens list``: a table for people, JSON for programs, and no secret."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from grokcore.protocol.tokens import token_id, token_key
from tests.token_desk import (
    ID,
    JWT,
    OTHER,
    OTHER_ID,
    Capture,
    Stream,
    as_json,
    place,
    run,
)

__all__ = ["place"]  # a fixture


LISTED = as_json(
    {
        "sso": {
            JWT: {
                "note": "[red]mine[/red] \x1b[31m:smile: 我",
                "proxy_url": "http://user:pass@proxy.example.com:8080",
            }
        },
        "ssoSuper": {
            OTHER: {"disabled": True, "proxy_url": "direct"},
            "third": {"note": "word " * 30},
        },
    }
)


def test_the_table_has_all_that_is_known_and_no_secret(place: Path, capsys: Capture) -> None:
    """One line per token in a pipe, without colours; a note is shown as it is, but moves no
    cursor.
    """
    (place / "tokens.json").write_text(LISTED)
    assert run("list") == 0
    out, err = capsys.readouterr()
    heading, *rows = out.splitlines()
    assert heading.split() == ["id", "tier", "note", "egress", "disabled", "state"]
    assert rows[0].split() == [
        ID,
        "basic",
        "[red]mine[/red]",
        "\ufffd[31m:smile:",
        "我",
        "proxy.example.com:8080",
    ]
    assert rows[1].split() == [OTHER_ID, "super", "direct", "disabled"]
    assert rows[2].split() == [token_id("third"), "super", *["word"] * 30, "default"]
    assert len(rows) == 3
    assert (err, "\x1b" in out, "pass" in out, "eyJ" in out) == ("", False, False, False)


OFFICIAL = f"""
[api]
key = "{JWT}-key"
use = "off"
[cli]
auth_file = "auth.json"
client_version = "1.0.13"
"""


def test_the_credentials_of_official_lanes_stand_behind_the_tokens(
    place: Path, capsys: Capture
) -> None:
    """By their hashes, with the place that they come from; xAI is not asked."""
    (place / "tokens.json").write_text(LISTED)
    (place / "config.toml").write_text(OFFICIAL)
    (place / "auth.json").write_text(as_json({"https://auth.x.ai::c": {"key": f"{JWT}-cli"}}))
    assert run("list") == 0
    out, err = capsys.readouterr()
    _, *rows = out.splitlines()
    ids = [token_id(f"{JWT}-cli"), token_id(f"{JWT}-key")]
    assert rows[3].split() == [ids[0], "cli", "auth.json", "default", "ok"]
    assert rows[4].split() == [ids[1], "api", "[api]", "key", "default", "disabled", "ok"]
    assert (err, JWT in out) == ("", False)
    assert run("list", "--json") == 0
    *_, api = json.loads(capsys.readouterr().out)
    assert (api["id"], api["tier"], api["disabled"]) == (ids[1], "api", True)
    assert api["key"] == token_key(f"{JWT}-key")


def test_a_token_command_is_not_run_for_a_list(place: Path, capsys: Capture) -> None:
    """Only the server and ``check`` run it."""
    (place / "config.toml").write_text('[cli]\ntoken_command = ["/nowhere/program"]\n')
    assert run("list") == 0
    row = capsys.readouterr().out.splitlines()[-1]
    assert row.split()[:4] == ["-", "cli", "[cli]", "token_command"]
    assert row.endswith("its program is not run here")


def test_the_table_has_a_last_column_for_what_is_learned(place: Path, capsys: Capture) -> None:
    """By the tokens' keys; of some, nothing is known."""
    (place / "tokens.json").write_text(LISTED)
    assert run("list", states={token_key(OTHER): "rests until 12:00"}) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split()[-1] == "state"
    assert [row.strip().endswith("rests until 12:00") for row in rows] == [False, True, False]


@pytest.mark.parametrize("width", [200, 40, 12])
def test_ids_are_whole_on_any_terminal(
    width: int, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are what one needs to remove a token; the other columns are folded."""
    (place / "tokens.json").write_text(LISTED)
    screen = Stream(terminal=True)
    monkeypatch.setattr(sys, "stdout", screen)
    for name, value in {"COLUMNS": str(width), "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert run("list") == 0
    screen.flush()
    shown = screen.bytes.getvalue().decode()
    assert [shown.count(token_id(token)) for token in (JWT, OTHER, "third")] == [1, 1, 1]
    assert "\x1b[1m" in shown


def test_a_note_can_be_shown_anywhere(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the terminal's encoding has no character for is replaced."""
    (place / "tokens.json").write_text(LISTED)
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", pipe)
    assert run("list") == 0
    pipe.seek(0)
    assert ":smile: ?" in pipe.read()


def test_the_list_for_programs(place: Path, capsys: Capture) -> None:
    """As the table, with the whole key; the state only if the server has learned one."""
    (place / "tokens.json").write_text(LISTED)
    known = dict(
        id=OTHER_ID,
        key=token_key(OTHER),
        tier="super",
        note="",
        egress="direct",
        disabled=True,
        state="",
    )
    assert run("list", "--json") == 0
    out = capsys.readouterr().out
    assert json.loads(out)[1] == known
    assert "pass" not in out
    assert run("list", "--json", states={token_key(OTHER): "dead"}) == 0
    assert [one["state"] for one in json.loads(capsys.readouterr().out)] == ["", "dead", ""]
