"""``migrate``: the folders of the original's three generations, and what becomes of them."""

from __future__ import annotations

import io
import json
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
import trio
from attrs import frozen

from grokcore.cli import EXIT_CONFIG, main
from grokcore.cli.setup import read_file
from grokcore.protocol.models import Tier
from grokcore.protocol.token_file.reading import parse_token_file
from grokcore.simulator.app import Simulator
from grokcore.simulator.serve import serve_simulator
from tests.cli_place import Files, contents, lay_out, place
from tests.disks import disks, mode
from tests.server_process import ask, server
from tests.servers import free_port

__all__ = ["place"]  # a fixture

SECRETS = ("hush-admin", "sk-mine", "canary", "pw1234")

OF_2025 = """[grok]
api_key = "sk-mine"
proxy_url = "http://u:pw1234@127.0.0.1:1"
[global]
admin_password = "hush-admin"
log_level = "DEBUG"
"""
OF_2026 = """[app]
api_key = "sk-mine"
app_key = "hush-admin"
[features]
temporary = false
"""
GO_WEB = {"provider": "grok_web", "accounts": [{"sso_token": "canary.g.1", "tier": "auto", "email": "a@example.com"}, {"sso_token": "canary.g.2", "tier": "super", "enabled": False}]}  # fmt: skip
GO_BUILD = {"provider": "grok_build", "accounts": [{"access_token": "canary-access"}]}


@frozen
class Case:
    """A folder of the original's; pieces of the lines; tokens as (tier, disabled)."""

    name: str
    files: Files
    lines: tuple[str, ...]
    tokens: tuple[tuple[Tier, bool], ...]
    folder: str = "old"


B, S = Tier.BASIC, Tier.SUPER

CASES = [
    Case("2025", {"old/data/setting.toml": OF_2025, "old/data/token.json": '{"ssoNormal": {"canary.a": {"status": "active"}}, "ssoSuper": {"canary.b": {"status": "expired"}}}'}, ("taken  [grok] proxy_url -> [grok] proxy_url", "left   [global] admin_password: the status page", "1 basic, 1 super; 1 of them disabled, and stay so"), ((B, False), (S, True))),
    Case("2026, files", {"old/data/config.toml": OF_2026, "old/data/setting.toml": OF_2025, "old/data/token.json": '{"ssoBasic": [{"token": "canary.a", "status": "disabled", "tags": ["nsfw"]}], "ssoSuper": ["canary.b"]}', "old/.env": 'SERVER_PORT=8015\n# GROK_APP_API_KEY=no\nexport GROK_APP_APP_URL="http://me.example"\n'}, ("taken  .env SERVER_PORT -> [server] port", "taken  .env GROK_APP_APP_URL -> [server] public_url", "setting.toml: config.toml beside it is newer", "note   "), ((B, True), (S, False))),
    Case("its data folder", {"old/data/config.toml": OF_2026}, ("taken  [app] api_key -> [grok] api_key",), (), "old/data"),
    Case("users' keys", {"old/app/data/api_keys.json": json.dumps([{"key_hash": "a" * 64}, {"key": "canary"}]), "old/data/config.toml": OF_2026}, ("taken  API keys of users (1)", "left   key 2: it has no hash"), ()),
    Case("exports", {"old/tokens_export.txt": "canary.a\nsso=canary.b\n", "old/accounts-web.json": json.dumps(GO_WEB), "old/accounts-build.json": json.dumps(GO_BUILD), "old/package.json": "{", "old/config.yaml": "", "old/data/backend.db": b""}, ("left   old/config.yaml: its settings", "left   old/data/backend.db: its accounts are encrypted", "accounts-build.json: 1 of its accounts: a session of Grok Build"), ((B, False), (B, False), (B, False), (S, True))),
    Case("one export", {"x.json": json.dumps({"basic": [{"token": "canary.a", "tags": []}], "heavy": [{"token": "canary.b"}]})}, ("1 basic, 1 super",), ((B, False), (S, False)), "x.json"),
    Case("an entry at fault", {"x.txt": "canary.a\nme@example.com:password\n"}, ("left   x.txt, line 2: is not a token alone",), ((B, False),), "x.txt"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_generation_is_shown_and_then_written(
    case: Case, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """First only shown; then both files, for this user only, and theirs stay as they were. No line
    has a secret.
    """
    lay_out(place, case.files)
    before = contents(place)
    assert main(["migrate", case.folder]) == 0
    shown = capsys.readouterr().out
    assert contents(place) == before
    assert shown.endswith("nothing was written; --write writes without asking\n")
    for line in case.lines:
        assert line in shown
    assert main(["migrate", case.folder, "--to", "new/folder", "--write"]) == 0
    written = capsys.readouterr().out
    assert [secret for secret in SECRETS if secret in shown + written] == []
    after = contents(place)
    assert {name: after[name] for name in before} == before
    made = sorted((place / "new/folder").iterdir())
    assert [path.name for path in made if path.name.startswith(".")] == []
    assert {mode(path) for path in made} == {0o600}
    tokens = place / "new/folder/tokens.json"
    entries = parse_token_file(tokens.read_bytes()) if tokens.exists() else ()
    assert tuple((entry.tier, entry.disabled) for entry in entries) == case.tokens


def database(path: Path) -> None:
    """One of 2026 in which a row is not merged yet, so that it is in the -wal file."""
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute(
            "CREATE TABLE accounts (token TEXT, pool TEXT, status TEXT, tags TEXT, deleted_at INTEGER)"
        )
        rows = [
            ("canary.a", "basic", "active", "[]", None),
            ("canary.b", "heavy", "disabled", "[]", None),
            ("canary.c", "basic", "active", "[]", 1),
        ]
        made.executemany("INSERT INTO accounts VALUES (?, ?, ?, ?, ?)", rows)
        made.commit()
        for end in ("", "-wal"):  # as a running server leaves them
            copy = path.with_name(f"copy{end}")
            copy.write_bytes(Path(f"{path}{end}").read_bytes())
    for end in ("", "-wal"):
        path.with_name(f"copy{end}").rename(f"{path}{end}")


@pytest.mark.parametrize("named", ["old", "old/data/accounts.db"])
def test_the_database_is_read_and_left_alone(
    named: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It counts before token.json, which would bring back what was deleted. Nothing is written
    beside it.
    """
    database(place / "old/data/accounts.db")
    (place / "old/data/token.json").write_text('{"sso": {"canary.c": {}}}')
    before = contents(place)
    assert main(["migrate", named, "--write"]) == 0
    said = capsys.readouterr().out
    assert "1 basic, 1 super; 1 of them disabled" in said
    assert "1 of its accounts: deleted there" in said
    assert ("token.json: accounts.db beside it is newer" in said) == (named == "old")
    entries = parse_token_file((place / "tokens.json").read_bytes())
    assert {(entry.sso, entry.disabled) for entry in entries} == {
        ("canary.a", False),
        ("canary.b", True),
    }
    assert {name: data for name, data in contents(place).items() if name in before} == before


FAULTS: Mapping[str, tuple[Files, list[str], str]] = {
    "nothing there": ({}, ["old"], "old: there is no such file or folder"),
    "no TOML": ({"old/data/config.toml": "["}, ["old"], "config.toml: is not valid TOML"),
    "a pool of proxies": ({"old/data/setting.toml": "[grok]\nproxy_pool_url = 'http://x'"}, ["old"], "here, --proxy URL names the one to use"),
    "keys at fault": ({"old/data/api_keys.json": "["}, ["old"], "api_keys.json: is not valid JSON"),
    "no database": ({"x.db": b"no"}, ["x.db"], "x.db: is no database of accounts"),
    "no tokens of a known form": ({"x.json": '{"a": 1}'}, ["x.json"], "x.json: has neither sso nor ssoSuper"),
    "ours are there": ({"old/data/setting.toml": OF_2025, "config.toml": ""}, ["old", "--write"], "config.toml: is there already"),
    "their own folder": ({"old/data/config.toml": OF_2026}, ["old", "--write", "--to", "old/data"], "config.toml: is there already"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_and_nothing_is_written(
    fault: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the owner has to do is in it; their files and ours stay."""
    files, words, said = FAULTS[fault]
    lay_out(place, files)
    before = contents(place)
    assert main(["migrate", *words]) == EXIT_CONFIG
    assert said in capsys.readouterr().err
    assert contents(place) == before


def test_an_empty_folder_has_nothing_to_take(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, so that a script sees it."""
    (place / "old").mkdir()
    assert main(["migrate", "old"]) == 1
    assert "nothing to take was found" in capsys.readouterr().out


class Terminal(io.StringIO):
    """A person at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "writes"), [("y\n", True), ("no\n", False), ("", False)])
def test_a_person_is_asked(
    answer: str, writes: bool, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default is no."""
    lay_out(place, {"old/data/setting.toml": OF_2025})
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    monkeypatch.setattr("sys.stdout", Terminal())
    assert main(["migrate", "old"]) == 0
    assert (place / "config.toml").exists() is writes


def test_a_disk_that_fails_leaves_both_files_or_none(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At each step: a half-done migration would be refused as "there already" at the next try."""
    config = "[global]\nlog_level = 'DEBUG'"
    lay_out(place, {"old/data/setting.toml": config, "old/data/token.json": '["canary.a"]'})
    for number, disk in enumerate(disks()):
        target = place / str(number)
        with disk.in_use():
            code = main(["migrate", "old", "--write", "--to", str(target)])
        there = {path.name for path in target.iterdir()} if target.exists() else set()
        assert there == ({"config.toml", "tokens.json"} if code == 0 else set()), disk.calls
        assert code == 0 or disk.failed
    assert capsys.readouterr()


def test_the_proxy_may_be_another_one(place: Path) -> None:
    """A pool can't be used here; the owner chooses one of it, or none."""
    lay_out(place, {"old/data/setting.toml": "[grok]\nproxy_pool_url = 'http://x'"})
    assert main(["migrate", "old", "--write", "--proxy", "http://127.0.0.1:7890"]) == 0
    assert 'proxy_url = "http://127.0.0.1:7890"' in read_file(Path("config.toml")).decode()


def test_the_server_starts_with_the_new_files(place: Path) -> None:
    """And answers with the original's token, for a client that has the original's key."""

    async def scenario() -> None:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                simulator = Simulator()
                url = await nursery.start(serve_simulator, simulator)
                text = f'[grok]\nbase_url = "{url}"\nassets_url = "{url}"\nweb_lane = "rest"\n'
                files = {
                    "old/data/setting.toml": text,
                    "old/data/token.json": '{"sso": {"canary.a": {}}}',
                }
                lay_out(place, files)
                assert main(["migrate", "old", "--write"]) == 0
                port = free_port()
                async with server(place, port):
                    assert await ask(port) == 200
                assert {call.sso for call in simulator.calls} == {"canary.a"}
                nursery.cancel_scope.cancel()

    trio.run(scenario)
    assert re.search("base_url", (place / "config.toml").read_text())
