"""The command line: the sources of settings, and one line for the owner on each fault."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
import trio
from attrs import field, frozen

import grokcore.cli.listening
from grokcore import __version__
from grokcore.cli import EXIT_CONFIG, main
from grokcore.protocol.model_order import BEST_FIRST
from grokcore.web.server import PortInUse
from tests.cli_place import Files, contents, lay_out, place

__all__ = ["place"]  # a fixture


# Starts that fail -------------------------------------------------------------------------------


@frozen
class Fault:
    """A start that can't be, and what its one line says."""

    name: str
    says: str
    files: Files = field(factory=dict)
    arguments: tuple[str, ...] = ()
    environ: dict[str, str] = field(factory=dict)


SECRET = "eyJ-very-secret"
OPEN = '[server]\nhost = "0.0.0.0"\n'

FAULTS = (
    Fault("bad TOML", "config.toml: is not valid TOML", {"config.toml": "[server"}),
    Fault(
        "wrong type",
        "config.toml: [server] port: must be a whole number",
        {"config.toml": '[server]\nport = "x"'},
    ),
    Fault(
        "no bool",
        "config.toml: [grok] show_thinking: must be true or",
        {"config.toml": "[grok]\nshow_thinking = 1"},
    ),
    Fault(
        "out of range",
        "config.toml: [server] port: must be between",
        {"config.toml": "[server]\nport = 70000"},
    ),
    Fault(
        "no URL",
        "config.toml: [grok] base_url: must be a URL",
        {"config.toml": '[grok]\nbase_url = "grok.com"'},
    ),
    Fault(
        "no lane",
        "config.toml: [grok] web_lane: must be one of socket, rest, not 'x'",
        {"config.toml": '[grok]\nweb_lane = "x"'},
    ),
    Fault(
        "no lane in a row",
        'config.toml: [models."grok-4.1"] web_lane: must be one of socket, rest',
        {"config.toml": '[models."grok-4.1"]\nweb_lane = "x"'},
    ),
    Fault(
        "no path",
        "config.toml: [grok] socket_path: must be a path that starts with a slash",
        {"config.toml": '[grok]\nsocket_path = "ws/mgw/"'},
    ),
    Fault("no section", "config.toml: [server]: must be a table", {"config.toml": "server = 1"}),
    Fault(
        "model",
        'config.toml: [models."m"]: a new model needs grok_model and mode',
        {"config.toml": "[models.m]\ncost = 1"},
    ),
    Fault(
        "key",
        "config.toml: [[keys]] a: needs key, or sha256",
        {"config.toml": '[[keys]]\nname = "a"'},
    ),
    Fault("unreadable", "config.toml: can't be read: Is a directory", {"config.toml": None}),
    Fault("missing", "mine.toml: can't be read: No such file", arguments=("--config", "mine.toml")),
    Fault(
        "missing tokens",
        "mine.json: can't be read: No such file",
        arguments=("--tokens", "mine.json"),
    ),
    Fault("unreadable tokens", "tokens.json: can't be read: Is a directory", {"tokens.json": None}),
    Fault("no JSON", "tokens.json: is not valid JSON", {"tokens.json": f'{{"sso": {{"{SECRET}'}),
    Fault("no tokens", "tokens.json: must be a JSON object", {"tokens.json": f'"{SECRET}"'}),
    Fault(
        "no section",
        "tokens.json: has neither sso nor",
        {"tokens.json": f'{{"mine": ["{SECRET}"]}}'},
    ),
    Fault(
        "no token",
        "tokens.json: entry 2 is not a token",
        {"tokens.json": f'["{SECRET}", "{SECRET}\\nx"]'},
    ),
    Fault(
        "original's tokens",
        "data/token.json: ssoSuper must be an",
        {"data/token.json": f'{{"ssoSuper": "{SECRET}"}}'},
    ),
    Fault(
        "open door by flag",
        "[server] host: :: is reachable from other machines",
        arguments=("--host", "::"),
    ),
    Fault(
        "open door by variable",
        "[server] host: 0.0.0.0 is",
        environ={"GROK2API_SERVER_HOST": "0.0.0.0"},
    ),
    Fault(
        "empty key", "so [grok] api_key must be set", {"config.toml": OPEN + '[grok]\napi_key = ""'}
    ),
    Fault(
        "no host",
        "[server] host: 'no such host' can't be listened on",
        arguments=("--host", "no such host"),
        environ={"GROK2API_GROK_API_KEY": "k"},
    ),
    Fault(
        "open door in the file",
        "config.toml: [server] host: 0.0.0.0 is reachable",
        {"config.toml": OPEN},
    ),
    Fault(
        "variable",
        "GROK2API_SERVER_PORT: must be a whole number",
        environ={"GROK2API_SERVER_PORT": "many"},
    ),
    Fault(
        "variable beside a file",
        "grok2api: GROK2API_SERVER_PORT: must be",
        {"config.toml": ""},
        environ={"GROK2API_SERVER_PORT": "many"},
    ),
    Fault(
        "sha256",
        "config.toml: [[keys]] a: needs key, or sha256",
        {"config.toml": '[[keys]]\nname = "a"\nkey = "k"\nsha256 = "zz"'},
    ),
    Fault(
        "ca_file",
        "config.toml: [grok] ca_file: there is no",
        {"config.toml": '[grok]\nca_file = "no.pem"'},
    ),
    Fault(
        "browser",
        "config.toml: [grok] impersonate: ",
        {"config.toml": '[grok]\nimpersonate = "netscape"'},
    ),
    Fault(
        "long host",
        "[server] host: ",
        arguments=("--host", "a" * 70),
        environ={"GROK2API_GROK_API_KEY": "k"},
    ),
    Fault(
        "not ours",
        "can't listen on 192.0.2.7",
        arguments=("--host", "192.0.2.7"),
        environ={"GROK2API_GROK_API_KEY": "k"},
    ),
    Fault("flag", "grok2api: --port: must be between 0 and 65535", arguments=("--port", "70000")),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_start_that_can_not_be_is_one_line_with_file_and_key_and_exit_78(
    fault: Fault, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback, no secret, nothing on stdout; and the folder is as it was."""
    lay_out(place, fault.files)
    for name, value in fault.environ.items():
        monkeypatch.setenv(name, value)
    before = contents(place)

    assert main(fault.arguments) == EXIT_CONFIG == 78

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("grok2api: ")
    assert err.count("\n") == 1
    assert fault.says in err
    assert SECRET not in err
    assert contents(place) == before


def test_a_port_in_use_is_one_line_and_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    """systemd may try that one again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"grok2api: can't listen on 127.0.0.1 port {port}: ")
    assert err.count("\n") == 1


def test_an_unknown_flag_is_a_fault_of_the_configuration(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The usual usage message, with the exit code of every other configuration fault."""
    with pytest.raises(SystemExit) as caught:
        main(["--prot=80"])
    assert caught.value.code == 78
    assert "--prot" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout, and nothing is read for it."""
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"grok2api {__version__}\n"


# Where settings come from -----------------------------------------------------------------------


@frozen
class Source:
    """Settings from several places, and the one address that comes of them."""

    name: str
    listens: str
    files: Files = field(factory=dict)
    arguments: tuple[str, ...] = ()
    environ: dict[str, str] = field(factory=dict)


FILE = {"config.toml": '[server]\nhost = "127.0.0.2"\nport = 2000\n[grok]\napi_key = "k"'}
ORIGINAL = {"data/setting.toml": "[server]\nport = 5000"}
VARIABLE = {"GROK2API_SERVER_PORT": "3000"}

SOURCES = (
    Source("nothing", "127.0.0.1 8000"),
    Source("file", "127.0.0.2 2000", FILE),
    Source("variable over file", "127.0.0.2 3000", FILE, environ=VARIABLE),
    Source("flag over variable", "127.0.0.2 4000", FILE, ("--port", "4000"), VARIABLE),
    Source(
        "all flags", "localhost 4000", FILE, ("--port", "4000", "--host", "localhost"), VARIABLE
    ),
    Source("behind the command", "127.0.0.2 4000", FILE, ("serve", "--port", "4000")),
    Source("before the command", "127.0.0.2 4000", FILE, ("--port", "4000", "serve")),
    Source(
        "on both sides",
        "::1 4001",
        FILE,
        ("--host", "::1", "--port", "4000", "serve", "--port", "4001"),
    ),
    Source("port 0", "127.0.0.2 0", FILE, ("--port", "0")),
    Source("original's file", "127.0.0.1 5000", ORIGINAL),
    Source("own before the original's", "127.0.0.2 2000", {**FILE, **ORIGINAL}),
    Source("named file", "127.0.0.1 5000", {**FILE, **ORIGINAL}, ("--config", "data/setting.toml")),
    Source(
        "demo reads no file",
        "127.0.0.1 8000",
        {"config.toml": "[", "tokens.json": "["},
        ("--demo",),
    ),
    Source("demo takes flags", "127.0.0.1 3000", {"config.toml": "["}, ("--demo",), VARIABLE),
    Source("empty file", "127.0.0.1 8000", {"config.toml": ""}),
    Source(
        "odd bytes", "127.0.0.1 2000", {"config.toml": b"# \xff\xfe\r\n[server]\r\nport = 2000\r\n"}
    ),
)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_flag_wins_over_the_environment_that_over_the_file_and_that_over_the_default(
    source: Source, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shown at the address that would be listened on."""

    def listen(host: str, port: int) -> list[socket.socket]:
        raise PortInUse(f"{host} {port}")

    monkeypatch.setattr(grokcore.cli.listening, "listen", listen)
    for name, value in source.environ.items():
        monkeypatch.setenv(name, value)
    lay_out(place, source.files)
    before = contents(place)
    assert main(source.arguments) == 1
    assert capsys.readouterr().err == f"grok2api: {source.listens}\n"
    assert contents(place) == before


def test_a_configuration_with_a_byte_order_mark_is_read(place: Path) -> None:
    """Windows editors write one; it is no fault of the user's."""
    lay_out(place, {"config.toml": b"\xef\xbb\xbf[server]\nport = 2000"})
    assert main(["models"]) == 0


# Commands ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["models"], ["--demo", "models"], ["models", "--demo"]])
def test_models_prints_the_whole_table(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every model, best first, under one line of headings; nothing is needed for it."""
    assert main(arguments) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split()[0] == "model"
    assert [row.split()[0] for row in rows] == list(BEST_FIRST)
    assert len(rows) == 12


def test_models_shows_what_the_user_changed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Changed clocks and new rows are in the printed table."""
    text = '[grok]\nstream_chunk_timeout = 77\n[models.mine]\nmode_id = "fast"\ncost = 4'
    lay_out(place, {"data/setting.toml": text})
    assert main(["models"]) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert all("/ 77 /" in row for row in rows)
    assert rows[-2].split()[:3] == ["mine", "fast", "4"]  # a video comes last


def test_a_bug_that_ends_the_server_is_logged(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With its traceback, through the log: the interpreter itself would wait for who reads
    stderr.
    """

    def stumble(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(trio, "run", stumble)
    assert main(["--port", "0"]) == 1
    (record,) = caplog.records
    assert record.getMessage() == "a bug ended the server"
    assert record.exc_info is not None


@pytest.mark.skipif(os.name != "posix", reason="the bits mean nothing here")
def test_what_others_may_read_or_change_is_warned_of_at_the_start(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A line for each, with the command that mends it; mended, there is nothing to say."""
    lay_out(
        place,
        {
            "config.toml": '[grok]\napi_key = "k"',
            "tokens.json": f'["{SECRET}"]',
            "data/state.jsonl": "",
        },
    )
    modes = {"config.toml": 0o666, "tokens.json": 0o644, "data/state.jsonl": 0o666, "data": 0o777}
    for name, mode in modes.items():
        (place / name).chmod(mode)
    monkeypatch.setattr(trio, "run", lambda *_, **__: None)
    assert main(["--port", "0"]) == 0
    assert [record.getMessage() for record in caplog.records] == [
        "config.toml: other users may read and change it (666). Run: chmod o-rwx config.toml",
        "tokens.json: other users may read it (644). Run: chmod o-rwx tokens.json",
        "data/state.jsonl: other users may read and change it (666). Run: chmod o-rwx data/state.jsonl",
        "data: other users may put their files in the place of yours (777). Run: chmod o-w data",
    ]
    caplog.clear()
    for name in modes:
        (place / name).chmod(0o700)
    assert main(["--port", "0"]) == 0
    assert caplog.records == []
