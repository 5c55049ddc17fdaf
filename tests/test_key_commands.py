"""``keys``: what the commands print and write, for any configuration and any failure."""

from __future__ import annotations

import codecs
import contextlib
import datetime as dt
import hashlib
import json
import re
from pathlib import Path
from typing import TypeAlias

import pytest
from attrs import field, frozen

from grokcore.cli import EXIT_CONFIG, main
from grokcore.config import load_config
from grokcore.protocol.key_day import record_name
from grokcore.runtime.disk.state_file import StateFile, line_of
from tests.cli_place import contents, lay_out, place
from tests.disks import disks, mode

__all__ = ["place"]  # a fixture

Capture: TypeAlias = pytest.CaptureFixture[str]

OWNER = '[grok]\napi_key = "owner"\n'
BOB = '[[keys]]\nname = "bob"\nrpm = 5\nkey = "b"\n'
ME = '[[keys]]\nname = "me"\nkey = "m"\n'


def run(*words: str) -> int:
    return main(["keys", *words])


def made(place: Path, capsys: Capture, name: str = "config.toml") -> tuple[str, str, str]:
    """The key on stdout, the new table in the file, and stderr."""
    out, err = capsys.readouterr()
    assert re.fullmatch(r"sk-[0-9a-f]{48}\n", out)
    text = (place / name).read_text()
    digest = hashlib.sha256(out.strip().encode()).hexdigest()
    assert out.strip() not in text
    assert text.endswith(f'sha256 = "{digest}"\n')
    return out.strip(), "[[keys]]" + text.rpartition("[[keys]]")[2], err


# Making -----------------------------------------------------------------------------------------


def test_a_key_is_printed_once_and_its_hash_is_written(place: Path, capsys: Capture) -> None:
    """Alone on stdout, for scripts. A new file is its owner's only; the server would take it."""
    assert run("add") == 0
    key, table, err = made(place, capsys)
    assert table.startswith('[[keys]]\nname = "key-1"\nsha256')
    assert err.splitlines() == [
        "The key of key-1. It is not shown again: config.toml has its SHA-256 only.",
        "From now on every request needs a key: the server had none.",
    ]
    assert mode(place / "config.toml") == 0o600
    assert contents(place).keys() == {"config.toml"}
    assert run("add") == 0
    other, table, err = made(place, capsys)
    assert 'name = "key-2"' in table
    assert err.splitlines()[1:] == ["config.toml.bak has the file as it was."]
    assert key != other


def test_every_limit_has_a_flag(place: Path, capsys: Capture) -> None:
    """All else in the file stays, and the file's permissions."""
    lay_out(place, {"config.toml": OWNER + "# mine\n"})
    (place / "config.toml").chmod(0o640)
    words = (
        "add --models grok-4.1,grok-3-fast --models grok-4.1 --rpm 20 --per-day 100 "
        "--tokens-per-day 5000 --concurrent 2 --expires 2999-12-31 --lanes web,cli"
    )
    assert run(*words.split(), "小 明") == 0
    _, table, err = made(place, capsys)
    assert table.splitlines()[1:-1] == [
        'name = "小 明"',
        'models = ["grok-4.1", "grok-3-fast"]',
        "rpm = 20",
        "per_day = 100",
        "tokens_per_day = 5000",
        "concurrent = 2",
        'expires = "2999-12-31"',
        'lanes = ["web", "cli"]',
    ]
    assert len(err.splitlines()) == 2
    assert (place / "config.toml").read_text().startswith(OWNER + "# mine\n\n[[keys]]\n")
    assert mode(place / "config.toml") == 0o640
    assert (place / "config.toml.bak").read_text() == OWNER + "# mine\n"


@pytest.mark.parametrize("name", ["data/setting.toml", "c.toml"])
def test_the_file_in_use_is_edited(name: str, place: Path, capsys: Capture) -> None:
    """The original's place, or the one that the flag names."""
    lay_out(place, {name: OWNER})
    flag = ["--config", name] if name == "c.toml" else []
    assert run("add", "bob", *flag) == 0
    made(place, capsys, name)
    assert not (place / "config.toml").exists()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_keeps_its_encoding(encoding: str, place: Path) -> None:
    """As Windows' editors write it, with their line ends."""
    lay_out(place, {"config.toml": OWNER.replace("\n", "\r\n").encode(encoding)})
    assert run("add", "bob", "--rpm", "1") == 0
    data = (place / "config.toml").read_bytes()
    text = data.decode(encoding)
    assert data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    assert text.count("\r\n") == text.count("\n") == 7
    assert load_config(text)[0].keys[0].rpm == 1


def test_an_owner_is_reminded_of_a_key_of_the_own(place: Path, capsys: Capture) -> None:
    """With guests' keys alone nobody sees the status page."""
    assert run("add", "bob", "--rpm", "5") == 0
    assert capsys.readouterr().err.splitlines()[-1] == (
        "No key is an owner's: set [grok] api_key, or make a key without limits, for the status "
        "page."
    )


# Faults -----------------------------------------------------------------------------------------


@frozen
class Fault:
    """A command that can't be, and why."""

    name: str
    words: list[str]
    message: str
    before: dict[str, str | bytes] = field(factory=dict)


FAULTS = [
    Fault("a name twice", ["add", "bob"], "config.toml: there is a key 'bob' already: `keys remove` it, or take another name", {"config.toml": BOB}),
    Fault("a line end in a name", ["add", "b\nb"], "NAME: holds a line end (its character 2)"),
    Fault("a control character in a name", ["add", "b\x1b"], "NAME: holds the control character U+001B (its character 2)"),
    Fault("a byte in a name", ["add", "b\udcff"], "NAME: holds a byte that is not UTF-8 (its character 2)"),
    Fault("a space around a name", ["add", " bob"], "NAME: begins or ends with a space"),
    Fault("a long name", ["add", "b" * 101], "NAME: is longer than 100 characters"),
    Fault("no number", ["add", "--rpm", "many"], "argument --rpm: invalid int value: 'many'"),
    Fault("a negative number", ["add", "--per-day", "-1"], "--per-day: must be between 0 and 1000000000, not -1"),
    Fault("no date", ["add", "--expires", "soon"], '--expires: must be a day such as "2026-12-31", or a time such as "2026-12-31T18:00:00Z"'),
    Fault("a date that is over", ["add", "bob", "--expires", "2020-01-01"], "config.toml: the key 'bob' would have expired already, at 2020-01-01"),
    Fault("no lane", ["add", "--lanes", "web,moon"], "--lanes: must be of web, cli, api, with commas"),
    Fault("no model", ["add", "bob", "--models", "grok-4.2"], "config.toml: [[keys]] bob models: there is no model 'grok-4.2'; did you mean grok-4.1?"),
    Fault("an odd model", ["add", "--models", "a\nb"], "a flag holds a character that no name may have"),
    Fault("no TOML", ["add"], "config.toml: is not valid TOML: ", {"config.toml": "[grok"}),
    Fault("no TOML, to remove", ["remove", "bob"], "config.toml: is not valid TOML: ", {"config.toml": "[grok"}),
    Fault("a fault elsewhere", ["add"], "config.toml: [server] port: must be", {"config.toml": "[server]\nport = 'x'\n"}),
    Fault("half a character", ["add"], "config.toml: is not a whole text in UTF-16", {"config.toml": codecs.BOM_UTF16_LE + b"x"}),
    Fault("a zone that is none", ["add"], "config.toml: [server] timezone: is no time zone", {"config.toml": "[server]\ntimezone = 'Moon'\n"}),
    Fault("no folder", ["add", "--config", "x/y.toml"], "x/y.toml: can't be written: there is no such folder"),
    Fault("nothing to remove from", ["remove", "bob"], "config.toml: there is no such file"),
    Fault("a list of that name elsewhere", ["list"], "config.toml: [[keys]]: must be written as [[keys]]", {"config.toml": "keys = 5\n"}),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_one_line_and_changes_nothing(
    fault: Fault, place: Path, capsys: Capture
) -> None:
    """The line names the flag, or the file and the place in it."""
    lay_out(place, fault.before)
    try:
        code = run(*fault.words)
    except SystemExit as end:  # argparse's
        code = int(str(end.code))
    out, err = capsys.readouterr()
    assert (code, out) == (EXIT_CONFIG, "")
    assert err.splitlines()[-1].startswith(f"grok2api: {fault.message}")
    assert contents(place) == {
        name: text if isinstance(text, bytes) else text.encode()
        for name, text in fault.before.items()
    }


# Removing ---------------------------------------------------------------------------------------


@frozen
class Removal:
    """Names, the file before and after, and what is printed.

    :ivar err: on stderr.
    """

    name: str
    words: list[str]
    before: str
    after: str | None
    out: list[str]
    err: list[str] = field(factory=list)
    code: int = 0


BACKUP = "config.toml.bak has the file as it was, with the removed keys"

REMOVALS = [
    Removal("one", ["bob"], f"{OWNER}\n{BOB}", OWNER, ["bob: removed", BACKUP]),
    Removal("some of them", ["bob", "eve", "bob"], f"{OWNER}\n{BOB}", OWNER, ["bob: removed", "eve: no key has this name", BACKUP], code=1),
    Removal("none", ["eve"], OWNER + BOB, None, ["eve: no key has this name"], code=1),
    Removal("two of one name", ["bob"], OWNER + BOB + BOB.replace('"b"', '"c"'), OWNER, ["bob: 2 keys of this name removed", BACKUP]),
    Removal("the last key", ["me"], f"{ME}[pool]\nqueue_seconds = 1\n", "[pool]\nqueue_seconds = 1\n", ["me: removed", BACKUP],
            ["A running server does not take it over, since the file has no API key any more, so everybody could use the server; restart it."]),
    Removal("the last owner", ["me"], f"{BOB}{ME}", BOB, ["me: removed", BACKUP],
            ["A running server does not take it over, since the file has no owner's key any more ([grok] api_key, or one of [[keys]] without a limit), only guests' keys; restart it."]),
    Removal("the last key of an open door", ["me"], f'[server]\nhost = "0.0.0.0"\n{ME}', '[server]\nhost = "0.0.0.0"\n', ["me: removed", BACKUP],
            ["A running server does not take it over, since the file has no API key any more, so everybody could use the server; restart it.",
             "The server does not start with this file: [server] host: 0.0.0.0 is reachable from other machines, so [grok] api_key must be set."]),
]  # fmt: skip


@pytest.mark.parametrize("case", REMOVALS, ids=lambda case: case.name)
def test_keys_are_removed_by_their_names(case: Removal, place: Path, capsys: Capture) -> None:
    """All of a name. What a running server makes of it is said."""
    lay_out(place, {"config.toml": case.before})
    assert run("remove", *case.words) == case.code
    out, err = capsys.readouterr()
    assert (out.splitlines(), err.splitlines()) == (case.out, case.err)
    expected = {"config.toml": (case.before if case.after is None else case.after).encode()}
    if case.after is not None:
        expected["config.toml.bak"] = case.before.encode()
    assert contents(place) == expected


# A disk that fails ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "error"),
    [(["add", "ann", "--rpm", "3"], OSError), (["remove", "bob"], KeyboardInterrupt)],
)
def test_whenever_the_disk_fails_the_file_is_the_old_or_the_new(
    words: list[str], error: type[BaseException], place: Path, capsys: Capture
) -> None:
    """A key is printed only if its hash is in the file."""
    old = OWNER + BOB
    for disk in disks(error):
        lay_out(place, {"config.toml": old})
        (place / "config.toml.bak").unlink(missing_ok=True)
        with disk.in_use(), contextlib.suppress(KeyboardInterrupt):
            assert run(*words) in (0, EXIT_CONFIG)
        found = {name: data for name, data in contents(place).items() if ".lock" not in name}
        assert found.keys() <= {"config.toml", "config.toml.bak"}
        assert found.get("config.toml.bak", old.encode()) == old.encode()
        text = (found["config.toml"] or b"").decode()
        names = [key.name for key in load_config(text)[0].keys]
        assert names in (["bob"], ["bob", "ann"] if words[0] == "add" else [])
        out = capsys.readouterr().out
        if words[0] == "add":
            assert not out or hashlib.sha256(out.strip().encode()).hexdigest() in text
    assert len(disk.calls) > 10
    assert names != ["bob"]


# Listing ----------------------------------------------------------------------------------------

LISTED = f"""{OWNER}
[server]
timezone = "Asia/Shanghai"
[[keys]]
name = "bob"
models = ["grok-4.1"]
rpm = 20
per_day = 100
tokens_per_day = 5000
concurrent = 2
expires = "2999-12-31"
lanes = ["web", "api"]
key = "secret-b"
[[keys]]
name = "old"
expires = "2020-01-01"
key = "secret-o"
[[keys]]
name = "me"
key = "secret-m"
"""


def use(place: Path, key: str, day: str) -> None:
    """Write a state in which *key* was used on *day*."""
    (place / "data").mkdir(exist_ok=True)
    name = record_name(hashlib.sha256(key.encode()).digest())
    record = {"day": day, "requests": 3, "tokens_in": 40, "tokens_out": 2}
    StateFile(place / "data" / "state.jsonl").save({name: line_of(name, record)})


def test_the_list_has_limits_and_the_use_of_the_day(place: Path, capsys: Capture) -> None:
    """From the state file, by the owner's calendar; no key is shown, and nothing is written."""
    lay_out(place, {"config.toml": LISTED})
    today = dt.datetime.now(dt.timezone(dt.timedelta(hours=8))).date()
    use(place, "secret-b", str(today))
    before = contents(place)
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [re.split(r"  +", line) for line in lines[:3]] == [
        ["name", "kind", "limits", "expires", "today"],
        ["[grok] api_key", "owner"],
        [
            *("bob", "guest"),
            "20 a minute, 100 a day, 5000 tokens a day, 2 at once, grok-4.1, lanes web api",
            *("2999-12-31", "3 requests, 42 tokens"),
        ],
    ]
    assert re.split(r"  +", lines[3]) == ["old", "guest", "2020-01-01 (expired)"]
    assert re.split(r"  +", lines[4]) == ["me", "owner"]
    assert "secret" not in "\n".join(lines)

    assert run("list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["owner"], one["expired"]) for one in listed] == [
        (None, True, False),
        ("bob", False, False),
        ("old", False, True),
        ("me", True, False),
    ]
    assert listed[1]["today"] == {"requests": 3, "tokens_in": 40, "tokens_out": 2}
    assert (listed[1]["rpm"], listed[1]["per_day"], listed[2]["per_day"]) == (20, 100, None)
    assert (listed[1]["lanes"], listed[2]["lanes"]) == (["web", "api"], None)
    use(place, "secret-b", "2020-01-01")
    assert run("list", "--json") == 0
    assert json.loads(capsys.readouterr().out)[1]["today"]["requests"] == 0
    assert contents(place).keys() == before.keys()


def test_without_keys_the_list_says_how_to_make_one(place: Path, capsys: Capture) -> None:
    """Also without a file."""
    assert run("list") == 0
    assert capsys.readouterr().err == "no keys yet: `keys add` makes one\n"
    assert run("list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []
    assert contents(place) == {}
