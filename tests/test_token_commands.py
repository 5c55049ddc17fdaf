"""``tokens``: messages and files, for any input and any failure."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import getpass
import io
import json
import os
import stat
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from attrs import field, frozen

from grokcore.cli import _parser
from grokcore.cli.tokens import listing
from grokcore.errors import ConfigError
from grokcore.protocol.token_file.reading import parse_token_file
from grokcore.protocol.tokens import TokenEntry, token_id, token_key
from grokcore.runtime.disk.files import locked
from tests.disks import Disk, disks, mode

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


# Commands ----------------------------------------------------------------------------------------


@frozen
class Case:
    """A folder, a command, its output, and the changes in the folder.

    :ivar out: on stdout.
    :ivar after: files that are new or changed.
    """

    name: str
    words: list[str]
    out: list[str]
    before: dict[str, str] = field(factory=dict)
    after: dict[str, str] = field(factory=dict)
    stdin: str = ""
    code: int = 0
    err: list[str] = field(factory=list)


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


NEW = as_json({"sso": {JWT: {}}, "ssoSuper": {}})
BOTH = as_json({"sso": {JWT: {}, OTHER: {}}, "ssoSuper": {}})
LIST = as_json([JWT, f"sso={OTHER}"])
COOKIES = f".grok.com\tTRUE\t/\tTRUE\t0\tsso\t{JWT}\n.grok.com\tTRUE\t/\tTRUE\t0\ttheme\tx\n"
NO_TOKEN = "is not a token: expected the value of the sso cookie, sso=…, or a cookie header"
FULL = as_json({"sso": {JWT: {"note": "mine", "proxy_url": "http://u:pass@127.0.0.1:1"}}, "ssoSuper": {OTHER: {"disabled": True}}})  # fmt: skip

CASES = [
    Case("add", ["add", JWT], [f"argument 1: {ID} added", "tokens.json: 1 added, 0 already there, 0 refused"], after={"tokens.json": NEW}),
    Case("add to the original's", ["add", f"sso={JWT}"], [f"argument 1: {ID} added", "data/token.json: 1 added, 0 already there, 0 refused"], {"data/token.json": "{}"}, {"data/token.json": as_json({"sso": {JWT: {}}}), "data/token.json.bak": "{}"}),
    Case("add to a named file", ["add", JWT, "--tokens", "t.txt"], [f"argument 1: {ID} added", "t.txt: 1 added, 0 already there, 0 refused"], {"t.txt": "{}", "tokens.json": "{"}, {"t.txt": as_json({"sso": {JWT: {}}}), "t.txt.bak": "{}"}),
    Case("add to a named file that is not there", ["add", "--tokens", "t", JWT], [f"argument 1: {ID} added", "t: 1 added, 0 already there, 0 refused"], {"tokens.json": "{"}, {"t": NEW}),
    Case("add a present token", ["add", JWT], [f"argument 1: {ID} already there", "tokens.json: 0 added, 1 already there, 0 refused"], {"tokens.json": f'["{JWT}"]'}),
    Case("add a present token, with details", ["add", JWT, "--super"], [f"argument 1: {ID} already there, unchanged", "tokens.json: 0 added, 1 already there, 0 refused"], {"tokens.json": JWT}),
    Case("add with details", ["add", "--super", "--note", "mine", "--proxy", "socks5://127.0.0.1:1080", JWT], [f"argument 1: {ID} added", "tokens.json: 1 added, 0 already there, 0 refused"], after={"tokens.json": as_json({"sso": {}, "ssoSuper": {JWT: {"note": "mine", "proxy_url": "socks5h://127.0.0.1:1080"}}})}),
    Case("add without a proxy", ["add", JWT, "--proxy=direct"], [f"argument 1: {ID} added", "tokens.json: 1 added, 0 already there, 0 refused"], after={"tokens.json": as_json({"sso": {JWT: {"proxy_url": "direct"}}, "ssoSuper": {}})}),
    Case("add some of them", ["add", "no token", JWT], [f"refused: argument 1 {NO_TOKEN}", f"argument 2: {ID} added", "tokens.json: 1 added, 0 already there, 1 refused"], after={"tokens.json": NEW}, code=1),
    Case("add none of them", ["add", "no token"], [f"refused: argument 1 {NO_TOKEN}", "tokens.json: 0 added, 0 already there, 1 refused"], code=1),
    Case("add from stdin", ["add"], [f"line 2: {ID} added", f"line 3: {OTHER_ID} added", "tokens.json: 2 added, 0 already there, 0 refused"], after={"tokens.json": BOTH}, stdin=f"# mine\n{JWT};\r\nsso={OTHER} # x"),
    Case("add from both", ["add", JWT, "-"], [f"argument 1: {ID} added", f"line 1: {OTHER_ID} added", f"line 2: {ID} already there", "tokens.json: 2 added, 1 already there, 0 refused"], after={"tokens.json": BOTH}, stdin=f"{OTHER}\n{JWT}"),
    Case("add nothing", ["add"], [], code=1, stdin=" \n", err=["no token was given"]),
    Case("import", ["import", "c.txt"], [f"line 2: {ID} added", f"refused: line 3 {NO_TOKEN}", f"line 4: {ID} already there", "tokens.json: 1 added, 1 already there, 1 refused"], {"c.txt": f"# x\n{JWT}\nno token\nsso={JWT}\n"}, {"tokens.json": NEW}, code=1),
    Case("import from stdin", ["import", "-"], [f"entry 2: {ID} added", "1 passed over: a cookie of another name", "tokens.json: 1 added, 0 already there, 0 refused, 1 passed over"], after={"tokens.json": NEW}, stdin=as_json([{"name": "theme", "value": "x"}, {"name": "sso", "value": JWT}])),
    Case("import everything that is said", ["import", "old.json"], [f"sso, entry 1: {ID} added", f"ssoSuper, entry 1: {OTHER_ID} added", "tokens.json: 2 added, 0 already there, 0 refused"], {"old.json": FULL}, {"tokens.json": FULL}),
    Case("import the details of two places", ["import", "old.json"], [f"sso, entry 1: {ID} added", f"ssoSuper, entry 1: {ID} already there, unchanged", "tokens.json: 1 added, 1 already there, 0 refused"], {"old.json": as_json({"sso": {JWT: {"note": "x"}}, "ssoSuper": [JWT]})}, {"tokens.json": as_json({"sso": {}, "ssoSuper": {JWT: {"note": "x"}}})}),
    Case("import nothing", ["import", "c.txt"], [], {"c.txt": "# x\n"}, code=1, err=["there is no token in the file"]),
    Case("remove", ["remove", ID], [f"{ID}: removed", "tokens.json.bak has the file as it was, with the removed tokens"], {"tokens.json": BOTH}, {"tokens.json": as_json({"sso": {OTHER: {}}, "ssoSuper": {}}), "tokens.json.bak": BOTH}),
    Case("remove by a few digits", ["remove", ID[:4], OTHER_ID], [f"{ID}: removed", f"{OTHER_ID}: removed", "tokens.json.bak has the file as it was, with the removed tokens"], {"tokens.json": BOTH, "tokens.json.bak": "older"}, {"tokens.json": as_json({"sso": {}, "ssoSuper": {}}), "tokens.json.bak": BOTH}),
    Case("remove an unknown id", ["remove", "0000", JWT], ["0000: no token has this id", "argument 2 is no id: expected 4 to 24 hex digits"], {"tokens.json": BOTH}, code=1),
    Case("convert a list", ["convert"], ["tokens.json: now a JSON object with 2 tokens", "tokens.json.bak has the file as it was, with all that is no token"], {"tokens.json": LIST, "tokens.json.bak": "older"}, {"tokens.json": BOTH, "tokens.json.bak": LIST}),
    Case("convert cookies", ["convert", "--tokens", "c.txt"], ["1 passed over: a cookie of another name", "c.txt: now a JSON object with 1 token", "c.txt.bak has the file as it was, with all that is no token"], {"c.txt": COOKIES}, {"c.txt": NEW, "c.txt.bak": COOKIES}),
    Case("convert an object", ["convert"], ["tokens.json: nothing to do, it can be edited (2 tokens)"], {"tokens.json": BOTH}),
    Case("export", ["export"], FULL.splitlines(), {"tokens.json": FULL}, err=["exported: 2"]),
    Case("export none", ["export"], as_json({"sso": {}, "ssoSuper": {}}).splitlines(), {"tokens.json": "#"}, err=["exported: 0"]),
    Case("export text", ["export", "-", "--format=text"], [JWT], {"tokens.json": FULL}, err=["exported: 1", "left out, since text can't hold it: note, proxy_url", "left out, since text can't say that they are disabled: 1"]),
    Case("export Super tokens as text", ["export", "--format=text"], [JWT], {"tokens.json": f'{{"ssoSuper": ["{JWT}"]}}'}, err=["exported: 1", "left out, since text can't hold it: tier"]),
    Case("export to a file", ["export", "out"], [], {"tokens.json": NEW}, {"out": NEW}, err=["exported: 1"]),
    Case("export over a file", ["export", "out", "--force"], [], {"tokens.json": NEW, "out": "x"}, {"out": NEW}, err=["exported: 1"]),
    Case("export over a file without --force", ["export", "out"], [], {"tokens.json": NEW, "out": "x"}, code=1, err=["out is there already; --force replaces it"]),
    Case("export over itself", ["export", "./tokens.json", "--force"], [], {"tokens.json": JWT}, code=1, err=["tokens.json is the token file itself"]),
    Case("export over a folder", ["export", "data", "--force"], [], {"tokens.json": JWT, "data/x": ""}, code=1, err=["data is not a file that could be replaced"]),
    Case("export to a device", ["export", os.devnull, "--force"], [], {"tokens.json": JWT}, code=1, err=[f"{os.devnull} is not a file that could be replaced"]),
    Case("list nothing", ["list"], [], err=["no tokens yet: `tokens add` asks for one"]),
    Case("list nothing for programs", ["list", "--json"], ["[]"]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_command_says_what_it_did_and_did_no_more(
    case: Case, place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that the case does not name are as they were; written files are their owner's only; no
    token is shown.
    """
    for name, text in case.before.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text, newline="")
    type_in(monkeypatch, case.stdin.encode())

    assert run(*case.words) == case.code

    out, err = capsys.readouterr()
    assert (out.splitlines(), err.splitlines()) == (case.out, case.err)
    found = {
        str(path.relative_to(place)): path.read_bytes().decode()
        for path in place.rglob("*")
        if path.is_file()
    }
    assert found == {**case.before, **case.after}
    assert {
        mode(place / name) for name in case.after if name not in case.before or name == "out"
    } <= {0o600}
    assert "eyJ" not in err
    assert "eyJ" not in out or case.words[0] == "export"


# Faults -----------------------------------------------------------------------------------------


@frozen
class Fault:
    """A command that can't be, and why."""

    name: str
    words: list[str]
    message: str
    before: dict[str, str] = field(factory=dict)
    stdin: str = ""


FORM = (
    "can't be edited as it is (only a JSON object with the tokens as keys of sso and ssoSuper can)"
)

FAULTS = [
    Fault("broken", ["add", JWT], "tokens.json: is not valid JSON", {"tokens.json": f'{{"{JWT}"'}),
    Fault("empty", ["add", JWT], "tokens.json: is empty; ", {"tokens.json": ""}),
    Fault("one bad entry", ["remove", ID], "tokens.json: line 2 is not a token: ", {"tokens.json": f"{JWT}\nno token"}),
    Fault("list a broken file", ["list"], "tokens.json: is not valid JSON", {"tokens.json": f'["{JWT}'}),
    Fault("a folder", ["add", JWT], "data: can't be read: Is a directory", {"data/x": ""}),
    Fault("no folder", ["add", JWT], "no/t: can't be written: No such file or directory"),
    Fault("nothing to remove from", ["remove", ID], "there is no token file: neither tokens.json nor data/token.json, "),
    Fault("nothing to export", ["export"], "there is no token file: "),
    Fault("no such file to remove from", ["remove", ID, "--tokens=t"], "t: there is no such file"),
    Fault("no such file to list", ["list", "--tokens=t"], "t: can't be read: No such file or directory"),
    Fault("add to a list", ["add", JWT], f"tokens.json: {FORM}; `tokens convert` makes one of it, and keeps the file as it was as tokens.json.bak", {"tokens.json": f'["{OTHER}"]'}),
    Fault("import into text", ["import", "c", "--tokens", "my tokens"], f"my tokens: {FORM}; `tokens convert --tokens 'my tokens'` makes one of it, ", {"my tokens": OTHER, "c": JWT}),
    Fault("remove from text", ["remove", ID], f"tokens.json: {FORM}; `tokens convert` makes ", {"tokens.json": JWT}),
    Fault("nothing to convert", ["convert"], "there is no token file: "),
    Fault("convert a file at fault", ["convert"], "tokens.json: line 2 is not a token: ", {"tokens.json": f"{JWT}\nno token"}),
    Fault("convert a part that may hold tokens", ["convert"], "tokens.json: part 2 is not known here, ", {"tokens.json": as_json({"sso": [JWT], "vault": [OTHER]})}),
    Fault("proxy", ["add", JWT, "--proxy", "http://u:pass@"], "--proxy must be a proxy URL: http://, https://, socks5:// or socks5h:// with a host; write it "),
    Fault("no such import", ["import", "c.txt"], "c.txt: can't be read: No such file or directory"),
    Fault("a token for a file", ["import", JWT], "the file named: can't be read: No such file or directory"),
    Fault("a broken import", ["import", "c.txt"], "c.txt: is not valid JSON", {"c.txt": f'["{JWT}'}),
    Fault("a broken import from stdin", ["import", "-"], "standard input: is not valid JSON", stdin=f'["{JWT}'),
    Fault("broken stdin", ["add"], "standard input: is not valid JSON", stdin=f'["{JWT}'),
    Fault("export into nowhere", ["export", "no/out"], "no/out: can't be written: No such file or directory", {"tokens.json": JWT}),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_one_line_and_nothing_is_written(
    fault: Fault, place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the name of the file at fault, and no token."""
    for name, text in fault.before.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)
    type_in(monkeypatch, fault.stdin.encode())
    where = {"a folder": ["--tokens", "data"], "no folder": ["--tokens", "no/t"]}.get(
        fault.name, []
    )

    with pytest.raises(ConfigError) as caught:
        run(*fault.words, *where)

    assert str(caught.value).startswith(fault.message)
    assert "eyJ" not in str(caught.value)
    assert "pass" not in str(caught.value)
    assert capsys.readouterr() == ("", "")
    found = {
        str(path.relative_to(place)): path.read_text()
        for path in place.rglob("*")
        if path.is_file()
    }
    assert found == fault.before


# Terminals --------------------------------------------------------------------------------------


def test_at_a_terminal_a_token_is_asked_for_and_not_shown(
    place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is neither echoed nor left in the shell's history."""
    type_in(monkeypatch, b"", terminal=True)
    monkeypatch.setattr(
        getpass, "getpass", lambda prompt: f"sso={JWT}" if "not shown" in prompt else ""
    )
    assert run("add") == 0
    assert capsys.readouterr().out.splitlines()[0] == f"line 1: {ID} added"
    assert parse_token_file((place / "tokens.json").read_bytes()) == (TokenEntry(JWT),)


@pytest.mark.parametrize("error", [EOFError, KeyboardInterrupt])
def test_who_gives_no_token_after_all_gets_no_traceback(
    error: type[BaseException], place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-D or Ctrl-C at the question."""

    def ask(_: str) -> str:
        raise error

    type_in(monkeypatch, b"", terminal=True)
    monkeypatch.setattr(getpass, "getpass", ask)
    assert run("add") == 1
    assert capsys.readouterr() == ("", "\nno token was given\n")
    assert names(place) == set()


def test_tokens_are_not_shown_on_a_terminal(
    place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor are many of them typed in there."""
    (place / "tokens.json").write_text(NEW)
    screen = Stream(terminal=True)
    monkeypatch.setattr(sys, "stdout", screen)
    assert run("export") == 1
    assert screen.bytes.getvalue() == b""
    assert "tokens are secrets" in capsys.readouterr().err

    type_in(monkeypatch, JWT.encode(), terminal=True)
    with pytest.raises(ConfigError, match="`tokens add` asks for a token"):
        run("import", "-")


# The table --------------------------------------------------------------------------------------

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


# The file ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [0o600, 0o640, 0o400, 0o644])
def test_the_permissions_stay_and_the_backup_is_its_owners_only(bits: int, place: Path) -> None:
    """Whatever the umask: a server of another user that could read the file still can, and nobody
    else.
    """
    path = place / "tokens.json"
    path.write_text("{}")
    path.chmod(bits)
    before = os.umask(0o077)
    try:
        assert run("add", JWT) == 0
    finally:
        os.umask(before)
    assert (mode(path), mode(place / "tokens.json.bak")) == (bits, 0o600)
    assert (path.stat().st_uid, path.stat().st_gid) == (os.getuid(), place.stat().st_gid)


def test_a_link_stays_one_and_the_backup_is_beside_the_file(place: Path) -> None:
    """The owner's layout stays."""
    folder = place / "elsewhere"
    folder.mkdir()
    (folder / "t.json").write_text("{}")
    (place / "tokens.json").symlink_to(folder / "t.json")
    (folder / ".t.json.0a1b2c3d.tmp").write_text("left by a killed one")

    assert run("add", JWT) == 0

    assert (place / "tokens.json").is_symlink()
    assert (folder / "t.json").read_text() == as_json({"sso": {JWT: {}}})
    assert names(folder) == {"t.json", "t.json.bak"}
    assert names(place) == {"tokens.json", "elsewhere"}


@frozen
class Edit:
    """A command, the file before it (None if there is none), and after it."""

    name: str
    words: list[str]
    before: str | None
    after: str


EDITS = [
    Edit("add", ["add", JWT], "{}", as_json({"sso": {JWT: {}}})),
    Edit("add to no file", ["add", JWT], None, NEW),
    Edit("remove", ["remove", OTHER_ID], BOTH, NEW),
    Edit("convert", ["convert"], LIST, BOTH),
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_whatever_fails_the_file_is_the_old_one_or_the_new_one(
    error: type[BaseException], edit: Edit, place: Path, capsys: Capture
) -> None:
    """Each call in turn; the backup has the old content, or is not there; nothing else that has
    tokens is left.
    """
    path, backup = place / "tokens.json", place / "tokens.json.bak"
    before, after = edit.before, edit.after
    for disk in disks(error):
        path.unlink(missing_ok=True)
        backup.unlink(missing_ok=True)
        if before:
            path.write_text(before)
        with disk.in_use(), contextlib.suppress(ConfigError, KeyboardInterrupt):
            assert run(*edit.words) == 0
            assert not failed_in_earnest(disk)
        content = path.read_text() if path.exists() else None
        assert content in (before, after), disk
        assert content == after or disk.failed
        assert (
            backup.read_text() == before if backup.exists() else content == before or before is None
        )
        assert names(place) <= {"tokens.json", "tokens.json.bak", ".tokens.json.lock"}, disk
    assert len(disk.calls) > 10
    assert names(place) == ({"tokens.json", "tokens.json.bak"} if before else {"tokens.json"})
    capsys.readouterr()


def failed_in_earnest(disk: Disk) -> bool:
    """Whether what failed was more than the closing of the lock's file, after which there is
    nothing to do.
    """
    return disk.failed and disk.fails_at < len(disk.calls)


def test_two_editors_at_once_lose_nothing(place: Path, capsys: Capture) -> None:
    """Each finds what the others have written."""
    tokens = [f"token-{number}" for number in range(8)]
    start = threading.Barrier(len(tokens))

    def add(token: str) -> None:
        start.wait()
        run("add", token)

    work(add, tokens)
    assert {entry.sso for entry in parse_token_file((place / "tokens.json").read_bytes())} == set(
        tokens
    )
    assert names(place) == {"tokens.json", "tokens.json.bak"}


def work(target: Callable[[str], None], words: Sequence[str]) -> None:
    """One thread for each word, until all have ended."""
    threads = [threading.Thread(target=target, args=(word,)) for word in words]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_who_has_to_wait_is_told_and_reads_afterwards(
    place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is read after the other one has written it, not before."""
    waits = threading.Event()
    flock = fcntl.flock

    def seen(descriptor: int, operation: int) -> None:
        if operation == fcntl.LOCK_EX:
            waits.set()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", seen)
    path = place / "tokens.json"
    thread = threading.Thread(target=run, args=("add", JWT))
    with locked(path):
        thread.start()
        assert waits.wait(10)
        path.write_text(json.dumps({"sso": {OTHER: {}}}))
    thread.join()

    assert path.read_text() == as_json({"sso": {OTHER: {}, JWT: {}}})
    assert "waiting for another program that edits tokens.json" in capsys.readouterr().err


def test_a_server_that_holds_the_data_directory_is_no_hindrance(place: Path) -> None:
    """The original project's token file is in it."""
    (place / "data").mkdir()
    (place / "data" / "token.json").write_text("{}")
    descriptor = os.open(place / "data", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert run("add", JWT) == 0
    finally:
        os.close(descriptor)


def test_a_file_that_is_mounted_on_its_own_is_explained(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can't be replaced, and containers are often set up so."""

    def replace(*_: object) -> None:
        raise OSError(16, "Device or resource busy")

    (place / "tokens.json").write_text("{}")
    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(
        ConfigError,
        match=r"^tokens\.json: can't be written: Device or resource busy; if it is mounted",
    ):
        run("add", JWT)


def test_what_is_no_file_is_not_replaced(place: Path) -> None:
    """A pipe is not even read: nobody may be writing into it."""
    os.mkfifo(place / "pipe")
    with pytest.raises(ConfigError, match=r"^pipe: can't be read: it is a pipe; it must be a file"):
        run("add", JWT, "--tokens", "pipe")
    assert stat.S_ISFIFO((place / "pipe").stat().st_mode)


@pytest.mark.parametrize("words", [["--tokens", "t", "list"], ["list", "--tokens", "t"]])
def test_common_flags_may_stand_before_or_behind_the_command(
    words: list[str], place: Path, capsys: Capture
) -> None:
    """As with every other command."""
    (place / "t").write_text(JWT)
    assert run(*words) == 0
    assert ID in capsys.readouterr().out


def test_the_help_warns_of_the_shells_history(capsys: Capture) -> None:
    """Who reads it can do better."""
    with pytest.raises(SystemExit):
        run("add", "--help")
    assert "shell's history" in " ".join(capsys.readouterr().out.split())
