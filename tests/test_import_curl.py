"""``import-curl``: values taken, the files they go to, and reports without any of them."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from attrs import field, frozen

from grokcore.cli import EXIT_CONFIG, main
from grokcore.cli.import_curl import pasting
from grokcore.config import load_config
from grokcore.protocol.token_file.reading import parse_token_file
from grokcore.protocol.tokens import token_id
from tests.cli_place import start_in
from tests.disks import disks, mode
from tests.protocol.browser_copy.quoting import BROWSERS, Browser, Pairs

CHAT_PATH = "/rest/app-chat/conversations/new"
SSO = "eyJhbGciOiJIUzI1NiJ9.eyJDQU5BUlkiOiIxIn0.Q0FOQVJZc2lnbmF0dXJl"
ID = token_id(SSO)
CLEARANCE, AGENT, STATSIG = "CANARYclear.1-x", "CANARYagent/5.0 (X11)", "CANARYstatsig+/"
HEADERS = (("user-agent", AGENT), ("x-statsig-id", STATSIG))
COOKIES = (("sso", SSO), ("cf_clearance", CLEARANCE))
NEW_TOKENS = f'{{\n  "sso": {{\n    "{SSO}": {{}}\n  }},\n  "ssoSuper": {{}}\n}}\n'
NEW_CONFIG = f"""\
[grok]
cf_clearance = "{CLEARANCE}"
user_agent = "{AGENT}"
x_statsig_id = {{ "{CHAT_PATH}" = "{STATSIG}" }}
"""


def copied(*, path: str = CHAT_PATH, headers: Pairs = HEADERS, cookies: Pairs = COOKIES) -> str:
    return BROWSERS[0].copy(f"https://grok.com{path}", headers, cookies)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and no variables of ours."""
    start_in(tmp_path, monkeypatch)
    return tmp_path


def run(*words: str, stdin: str | bytes = "") -> int:
    """The exit code of ``import-curl`` with *stdin*."""
    data = stdin if isinstance(stdin, bytes) else stdin.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        return main(["import-curl", *words])


def contents(place: Path) -> dict[str, str]:
    return {
        str(path.relative_to(place)): path.read_bytes().decode()
        for path in place.rglob("*")
        if path.is_file()
    }


# Uses --------------------------------------------------------------------------------------------

HEAD = f"bash copy of a request to grok.com{CHAT_PATH}"
FOR = f", for {CHAT_PATH}"
WRITTEN = [
    "cf_clearance: written to config.toml",
    "User-Agent: written to config.toml",
    f"x-statsig-id: written to config.toml{FOR}",
]
OWN_CONFIG = "# mine\r\n[grok] # x\r\nuser_agent = 'old' # y\r\n\r\n[pool]\r\n"
EDITED_CONFIG = (
    f'# mine\r\n[grok] # x\r\nuser_agent = "{AGENT}" # y\r\ncf_clearance = "{CLEARANCE}"\r\n'
    f'x_statsig_id = {{ "{CHAT_PATH}" = "{STATSIG}" }}\r\n\r\n[pool]\r\n'
)


@frozen
class Use:
    """A folder, a copy, the report, and the files that are new or changed."""

    name: str
    out: list[str]
    after: Mapping[str, str]
    before: Mapping[str, str] = field(factory=dict)
    stdin: str = copied()
    words: tuple[str, ...] = ()


USES = (
    Use("no files", [HEAD, f"sso: {ID} added to tokens.json", *WRITTEN], {"tokens.json": NEW_TOKENS, "config.toml": NEW_CONFIG}),
    Use("own files", [HEAD, f"sso: {ID} added to tokens.json", *WRITTEN, "config.toml.bak has the file as it was"], {"tokens.json": f'{{\n  "note": 1,\n  "sso": {{\n    "{SSO}": {{}}\n  }}\n}}\n', "tokens.json.bak": '{"note": 1, "sso": {}}', "config.toml": EDITED_CONFIG, "config.toml.bak": OWN_CONFIG}, {"tokens.json": '{"note": 1, "sso": {}}', "config.toml": OWN_CONFIG}),
    Use("again", [HEAD, f"sso: {ID} is already in tokens.json", "cf_clearance: already in config.toml", "User-Agent: already in config.toml", f"x-statsig-id: already in config.toml{FOR}"], {}, {"tokens.json": SSO, "config.toml": NEW_CONFIG}),
    Use("the same values in other forms", [HEAD, f"sso: {ID} is already in tokens.json", "cf_clearance: already in config.toml", "User-Agent: already in config.toml", f"x-statsig-id: already in config.toml{FOR}"], {}, {"tokens.json": f"sso={SSO}", "config.toml": f"grok.cf_clearance = 'cf_clearance={CLEARANCE};'\ngrok.user_agent = 'user-agent: {AGENT}'\ngrok.x_statsig_id = '{STATSIG}'\n"}),
    Use("files of the original", [HEAD, f"sso: {ID} added to data/token.json", *[line.replace("config.toml", "data/setting.toml") for line in WRITTEN], "setting.toml.bak has the file as it was"], {"data/token.json": NEW_TOKENS.replace(',\n  "ssoSuper": {}', ""), "data/token.json.bak": "{}", "data/setting.toml": f'[grok]\ncf_clearance = "{CLEARANCE}"\nuser_agent = "{AGENT}"\nx_statsig_id = {{ "{CHAT_PATH}" = "{STATSIG}" }}\n', "data/setting.toml.bak": "[grok]\ncf_clearance = ''\n"}, {"data/token.json": "{}", "data/setting.toml": "[grok]\ncf_clearance = ''\n"}),
    Use("named files", [HEAD, f"sso: {ID} added to t", *[line.replace("config.toml", "c") for line in WRITTEN]], {"t": NEW_TOKENS, "c": NEW_CONFIG}, {"copy.txt": copied(), "tokens.json": "{"}, "", ("copy.txt", "--tokens=t", "--config", "c")),
    Use("a Super account", [HEAD, f"sso: {ID} added to tokens.json", *WRITTEN], {"tokens.json": f'{{\n  "sso": {{}},\n  "ssoSuper": {{\n    "{SSO}": {{}}\n  }}\n}}\n', "config.toml": NEW_CONFIG}, words=("-", "--super")),
    Use("nothing but looking", [HEAD, f"sso: {ID} would go to tokens.json", *[line.replace("written", "would go") for line in WRITTEN], "nothing was written (--dry-run)"], {}, {"config.toml": OWN_CONFIG}, words=("--dry-run",)),
    Use("the websocket", ["bash copy of a request to grok.com/ws/mgw", f"sso: {ID} added to tokens.json", "User-Agent: written to config.toml", "cf_clearance: not in the copy"], {"tokens.json": NEW_TOKENS, "config.toml": f'[grok]\nuser_agent = "{AGENT}"\n'}, stdin=BROWSERS[0].copy("wss://grok.com/ws/mgw?x=CANARY", HEADERS[:1], COOKIES[:1])),
    Use("no session, another path", ["bash copy of a request to grok.com/rest/other", "sso: not in the copy", "cf_clearance: written to config.toml", "User-Agent: not in the copy", "x-statsig-id: not taken, since grok2api sends no request to this path"], {"config.toml": f'[grok]\ncf_clearance = "{CLEARANCE}"\n'}, stdin=copied(path="/rest/other", headers=HEADERS[1:], cookies=COOKIES[1:])),
    Use("the owner's statsig stays for other paths", [HEAD, f"sso: {ID} is already in tokens.json", "cf_clearance: already in config.toml", "User-Agent: already in config.toml", WRITTEN[2], "config.toml.bak has the file as it was"], {"config.toml": f'[grok]\nx_statsig_id = {{ "{CHAT_PATH}" = "{STATSIG}", "*" = "mine" }}\ncf_clearance = "{CLEARANCE}"\nuser_agent = "{AGENT}"\n', "config.toml.bak": f'[grok]\nx_statsig_id = "mine"\ncf_clearance = "{CLEARANCE}"\nuser_agent = "{AGENT}"\n'}, {"tokens.json": SSO, "config.toml": f'[grok]\nx_statsig_id = "mine"\ncf_clearance = "{CLEARANCE}"\nuser_agent = "{AGENT}"\n'}),
)  # fmt: skip


@pytest.mark.parametrize("use", USES, ids=lambda use: use.name)
def test_values_go_where_they_belong_and_none_is_shown(
    use: Use, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Other files are as they were; new ones are their owner's only."""
    for name, text in use.before.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text, newline="")
        (place / name).chmod(0o600)
    assert run(*use.words, stdin=use.stdin) == 0
    out, err = capfd.readouterr()
    assert (out.splitlines(), err) == (use.out, "")
    assert contents(place) == {**use.before, **use.after}
    assert {mode(place / name) for name in use.after if name not in use.before} <= {0o600}
    assert "CANARY" not in out
    assert SSO not in out


def test_a_configuration_that_others_may_read_is_named(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its permissions are the owner's matter and stay; only now there is a secret in it."""
    (place / "config.toml").write_text("[grok]\n")
    (place / "config.toml").chmod(0o644)
    assert run(stdin=copied()) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "config.toml: other users may read it (644). Run: chmod o-rwx config.toml"
    )
    assert mode(place / "config.toml") == 0o644
    assert mode(place / "config.toml.bak") == 0o600


@pytest.mark.parametrize("browser", BROWSERS, ids=lambda browser: browser.name)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_browser_s_copy_gives_the_same_files(
    browser: Browser, encoding: str, place: Path
) -> None:
    """In the encodings that shells and editors write."""
    text = browser.copy(f"https://grok.com{CHAT_PATH}", HEADERS, COOKIES)
    assert run(stdin=text.encode(encoding)) == 0
    assert contents(place) == {"tokens.json": NEW_TOKENS, "config.toml": NEW_CONFIG}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_the_configuration_keeps_its_encoding(encoding: str, place: Path) -> None:
    """The mark stays too, and bytes in a comment that are none of UTF-8."""
    (place / "config.toml").write_bytes("# é\r\n[grok]\r\nmemory = true\r\n".encode(encoding))
    assert run(stdin=copied(headers=())) == 0
    expected = f'# é\r\n[grok]\r\nmemory = true\r\ncf_clearance = "{CLEARANCE}"\r\n'
    assert (place / "config.toml").read_bytes() == expected.encode(encoding)


def test_a_variable_that_wins_over_the_file_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the owner would wait for the new value in vain."""
    monkeypatch.setenv("GROK2API_GROK_CF_CLEARANCE", "old")
    assert run(stdin=copied()) == 0
    assert "the variable GROK2API_GROK_CF_CLEARANCE is set, and wins" in capsys.readouterr().out


# Faults ------------------------------------------------------------------------------------------


@frozen
class Fault:
    """A use that can't be, and the beginning of its one line."""

    name: str
    says: str
    stdin: str = copied()
    before: Mapping[str, str] = field(factory=dict)
    words: tuple[str, ...] = ()


COPY = "the copied request: "
FAULTS = (
    Fault("nothing", f"{COPY}is empty: ", ""),
    Fault("a token", f"{COPY}is not a copied request: ", SSO),
    Fault("another host", f"{COPY}is a request to example.com, not to grok.com: ", copied().replace("grok.com", "example.com")),
    Fault("no cookies", f"{COPY}has no cookies: ", copied(cookies=())),
    Fault("cut off", f"{COPY}ends within a quotation", copied()[:-5].partition("; cf_")[0]),
    Fault("a placeholder", f"{COPY}its cookie sso is a placeholder: ", copied(cookies=(("sso", "<your-CANARY>"),))),
    Fault("no token", f"{COPY}its cookie sso is an API key", copied(cookies=(("sso", "xai-CANARY"),))),
    Fault("a control character", f"{COPY}its User-Agent has characters that no header may have", copied(headers=(("user-agent", "CANARY\x07"),))),
    Fault("a session for a clearance", "config.toml: [grok] cf_clearance: is a session token", copied(cookies=(("cf_clearance", SSO),))),
    Fault("no such file", "copy.txt: can't be read: No such file", words=("copy.txt",)),
    Fault("a token for a file", "the file named: can't be read: No such file", words=(f"sso={SSO}",)),
    Fault("bad TOML", "config.toml: is not valid TOML", before={"config.toml": f"[grok\n'{SSO}"}),
    Fault("a bad setting", "config.toml: [server] port: must be", before={"config.toml": "[server]\nport = 'CANARY'"}),
    Fault("no table", "config.toml: [grok] x_statsig_id", before={"config.toml": "[grok]\nx_statsig_id = 1"}),
    Fault("a bad token file", "tokens.json: is not valid JSON", before={"tokens.json": f'{{"{SSO}'}),
    Fault("a list of tokens", "tokens.json: can't be edited as it is", before={"tokens.json": '["CANARYother"]'}),
    Fault("no folder", "no/c.toml: can't be written: there is no such folder", words=("--config", "no/c.toml")),
    Fault("an unknown flag", "unrecognized arguments: --what", words=("--what",)),
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_one_line_without_a_value_and_nothing_is_written(
    fault: Fault, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of both files neither is written if one is at fault. The exit code is that of all faults."""
    for name, text in fault.before.items():
        (place / name).write_text(text)
    try:
        code = run(*fault.words, stdin=fault.stdin)
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code == EXIT_CONFIG
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith(f"grok2api: {fault.says}")
    assert "CANARY" not in err
    assert SSO not in err
    assert contents(place) == fault.before


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("own", [True, False])
def test_whatever_fails_each_file_is_the_old_one_or_the_new_one(
    error: type[BaseException],
    own: bool,
    place: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Each call in turn; a backup has the old content; nothing else with a value is left."""
    before = {"tokens.json": '{"sso": {}}', "config.toml": OWN_CONFIG} if own else {}
    allowed = {
        "tokens.json": {before.get("tokens.json"), f'{{\n  "sso": {{\n    "{SSO}": {{}}\n  }}\n}}\n' if own else NEW_TOKENS},
        "config.toml": {before.get("config.toml"), EDITED_CONFIG if own else NEW_CONFIG},
        "tokens.json.bak": {before.get("tokens.json")},
        "config.toml.bak": {before.get("config.toml")},
    }  # fmt: skip
    for disk in disks(error):
        for name in allowed:
            (place / name).unlink(missing_ok=True)
        for name, text in before.items():
            (place / name).write_text(text, newline="")
        with disk.in_use(), contextlib.suppress(KeyboardInterrupt):
            assert run(stdin=copied()) in (0, EXIT_CONFIG)
        found = {name: text for name, text in contents(place).items() if not name.endswith(".lock")}
        assert all(text in allowed[name] for name, text in found.items()), disk
        assert found.keys() >= before.keys()
        out, err = capfd.readouterr()
        assert "CANARY" not in out + err
        assert SSO not in out + err
    assert len(disk.calls) > 20
    assert len(parse_token_file((place / "tokens.json").read_bytes())) == 1
    assert load_config((place / "config.toml").read_text())[0].grok.cf_clearance == CLEARANCE


# Terminals ---------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
def test_a_long_line_that_is_pasted_at_a_terminal_is_whole_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A terminal that edits lines would cut it after 4095 bytes."""
    import pty
    import termios

    screen, terminal = pty.openpty()
    with open(terminal, encoding="utf-8", closefd=False) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        before = termios.tcgetattr(terminal)
        text = copied(cookies=(("other", "x" * 20_000), *COOKIES)).encode() + b"\n\x04"
        ready = threading.Event()
        monkeypatch.setattr(pasting, "print", lambda *_, **__: ready.set(), raising=False)

        def paste() -> None:
            assert ready.wait(10)
            rest = memoryview(text)
            while rest:
                rest = rest[os.write(screen, rest[:1024]) :]

        thread = threading.Thread(target=paste)
        thread.start()
        data = pasting.pasted("-")
        thread.join()
        assert data + b"\x04" == text
        assert termios.tcgetattr(terminal) == before
    os.set_blocking(screen, False)
    with pytest.raises(BlockingIOError):
        os.read(screen, 1)
    os.close(screen)
    os.close(terminal)
