"""``tokens``: messages and files, for any input and any failure."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

import pytest
from attrs import field, frozen

from grokcore.errors import ConfigError
from grokcore.protocol.token_file.reading import parse_token_file
from grokcore.protocol.tokens import TokenEntry
from tests.disks import mode
from tests.token_desk import (
    BOTH,
    COOKIES,
    FULL,
    ID,
    JWT,
    LIST,
    NEW,
    NO_TOKEN,
    OTHER,
    OTHER_ID,
    Capture,
    Stream,
    as_json,
    names,
    place,
    run,
    type_in,
)

__all__ = ["place"]  # a fixture


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


# Flags and help -------------------------------------------------------------------------------


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
