"""The doctor and the server that runs: who has the port, and what the server says of itself."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from attrs import evolve, frozen

from grokcore import __version__
from grokcore.cli import main
from grokcore.cli.check import running
from grokcore.cli.check.findings import Status
from grokcore.cli.check.listener import Listener, find_listener
from grokcore.cli.check.running import Answer, ServerLook, look_at_server
from grokcore.cli.check.running_judgements import judge_port, judge_running
from grokcore.cli.check.surroundings import (
    Kind,
    Surroundings,
    current_folder,
    judge_installation,
    look_at_installation,
    output_of,
)
from grokcore.cli.check.units import Unit
from grokcore.config import Config, GrokConfig, KeyConfig, ServerConfig
from tests.check_site import Capture, lines_of, place
from tests.server_process import started
from tests.servers import free_port

__all__ = ["place"]  # a fixture

UNIT = Unit("grok2api.service", command=("/opt/g/grok2api.pyz", "serve"), state="active", pid=812)
PROCESS = Listener(
    812, "python3", 7, ("python3", "grok2api.py", "serve", "--port", "1"), Path("/g o")
)
OURS = ServerLook(
    "127.0.0.1 port 8000",
    Answer.OURS,
    report={"status": "ok", "version": __version__},
)


@frozen
class Case:
    """A look, and what the doctor makes of it: the worst status, and a piece of the words."""

    name: str
    look: ServerLook
    status: Status
    words: str
    ours: bool = True


def reporting(status: object, *reasons: object) -> ServerLook:
    return evolve(OURS, report={"status": status, "version": __version__, "reasons": list(reasons)})


REASON = {"matter": "challenge", "weight": "degraded", "subject": "direct", "words": "Grok sends challenge pages.", "advice": "Paste a new cf_clearance."}  # fmt: skip

PORTS = [
    Case("free", ServerLook("here"), Status.OK, "here is free"),
    Case("not to be had", ServerLook("here", fault="permission denied"), Status.FAIL, "can't be listened on: permission denied. Choose an address"),
    Case("ours", OURS, Status.OK, f"a server answers, grok2api {__version__}"),
    Case("ours, seen", evolve(OURS, listener=PROCESS, unit=UNIT), Status.OK, "python3, process 812 of grok2api.service"),
    Case("in a container", evolve(OURS, container="g-1"), Status.OK, "in the container g-1"),
    Case("of a hidden process", evolve(OURS, unit=UNIT), Status.OK, " of grok2api.service"),
    Case("another program", ServerLook("here", Answer.ANOTHER, listener=Listener(9, "nginx", 0)), Status.FAIL, "in use by another program, nginx, process 9. Stop that program"),
    Case("silence", ServerLook("here", Answer.SILENT), Status.FAIL, "no answer within 5 s"),
]  # fmt: skip

SERVERS = [
    Case("well", OURS, Status.OK, "it says ok"),
    Case("stopping", reporting("draining"), Status.OK, "it is stopping"),
    Case("degraded", reporting("degraded", REASON), Status.WARN, "Grok sends challenge pages. Paste a new cf_clearance."),
    Case("down", reporting("down", {**REASON, "weight": "down"}), Status.FAIL, "it is down by its own view. The next lines"),
    Case("a notice", reporting("ok", {"weight": "ok", "words": "The file is old."}), Status.OK, "The file is old"),
    Case("words of another version", reporting("no_tokens"), Status.WARN, "it is no_tokens by its own view. The status page"),
    Case("a report of another form", evolve(OURS, report={"status": 5, "reasons": [1, {}]}), Status.WARN, "a reason without words. The status page"),
    Case("reasons of another form", evolve(OURS, report={"status": "down", "reasons": 1}), Status.FAIL, "it is down"),
    Case("workers", evolve(OURS, report={"status": "ok", "workers": {"count": 2, "missing": [], "restarts": 0}}), Status.OK, "it has 2 workers, and all answer"),
    Case("workers that hang", evolve(OURS, report={"status": "ok", "workers": {"count": 3, "missing": [0, 2], "restarts": 1}}), Status.WARN, "of its 3 workers, these do not answer: 0, 2. They hang"),
    Case("workers that crash", evolve(OURS, report={"status": "ok", "workers": {"count": 2, "missing": [], "restarts": 4}}), Status.WARN, "it has 2 workers, restarted after crashes: 4. Its log"),
    Case("another version", evolve(OURS, report={"status": "ok", "version": "0.0.1"}), Status.WARN, "it runs grok2api 0.0.1"),
    Case("another key", evolve(OURS, knows_key=False), Status.WARN, "does not take the API key"),
    Case("files of a unit", evolve(OURS, knows_key=False, unit=UNIT), Status.WARN, "uses other files and another API key than those examined here. Examine its own: sudo /opt/g/grok2api.pyz check", ours=False),
    Case("in a container", evolve(OURS, container="g-1"), Status.WARN, "docker exec g-1 grok2api check", ours=False),
    Case("another user's process", evolve(OURS, listener=PROCESS), Status.WARN, "sudo -u '#7' env -C '/g o' python3 grok2api.py check --port 1", ours=False),
    Case("this user's process", evolve(OURS, listener=evolve(PROCESS, user=1000)), Status.WARN, "cd '/g o' && python3 grok2api.py check --port 1", ours=False),
    Case("a program of another name", evolve(OURS, listener=evolve(PROCESS, user=1000, arguments=("x",))), Status.WARN, "cd '/g o' && grok2api check", ours=False),
    Case("a hidden process", OURS, Status.WARN, "call check as the user who runs it", ours=False),
    Case("a unit on another port", ServerLook("here", unit=UNIT), Status.WARN, "runs elsewhere (process 812), with files of its own. Examine those: sudo /opt"),
    Case("a unit that failed", ServerLook("here", unit=evolve(UNIT, state="failed")), Status.FAIL, "Look why: journalctl -u grok2api -n 20 -o cat"),
    Case("a unit at rest", ServerLook("here", unit=evolve(UNIT, state="inactive")), Status.WARN, "Start it: sudo systemctl start grok2api"),
]  # fmt: skip


@pytest.mark.parametrize("case", PORTS, ids=lambda case: case.name)
def test_the_port_is_judged(case: Case) -> None:
    """A server of ours on the port is no fault; a stranger's is, and the stranger has a name."""
    found = judge_port(case.look)
    assert found.status is case.status
    assert case.words in f"{found.message}. {found.advice}"
    assert bool(found.advice) == (case.status is not Status.OK)


@pytest.mark.parametrize("case", SERVERS, ids=lambda case: case.name)
def test_the_server_s_own_view_is_shown(case: Case) -> None:
    """An owner who looks at the wrong files is given the command that looks at the right ones."""
    found = judge_running(case.look, holds_our_data=case.ours, user=1000)
    assert max((one.status for one in found), key=list(Status)[:3].index) is case.status
    assert any(case.words in f"{one.message}. {one.advice}" for one in found)
    assert all(bool(one.advice) == (one.status is not Status.OK) for one in found)


def test_nothing_is_said_where_there_is_no_server_and_no_service() -> None:
    """A first start has nothing to read about servers."""
    assert judge_running(ServerLook("here"), holds_our_data=False, user=None) == []


# Asking ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def answering(routes: Mapping[str, tuple[int, str]]) -> Iterator[int]:
    """A web server with these answers; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, body = routes.get(self.path, (404, ""))
            keyed = code == 200 and self.path == "/status" and not self.headers["Authorization"]
            self.send_response(401 if keyed else code)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def surroundings(tmp_path: Path, said: Mapping[str, str] | None = None) -> Surroundings:
    """A machine without processes, whose programs say this."""

    def run(command: Sequence[str]) -> str:
        return (said or {}).get(command[0], "")

    return Surroundings({}, root=tmp_path, run=run)


HEALTH = json.dumps({"status": "ok", "version": "1", "tokens": {}})
LIMITED = KeyConfig("guest", "limited", rpm=1)


@pytest.mark.parametrize(
    ("routes", "answer", "knows_key"),
    [
        ({"/health": (200, HEALTH), "/status": (200, '{"status": "down"}')}, Answer.OURS, True),
        ({"/health": (200, HEALTH), "/status": (403, "")}, Answer.OURS, False),
        ({"/health": (200, "[]")}, Answer.ANOTHER, None),
        ({"/health": (200, "{" * 100_000)}, Answer.ANOTHER, None),
        ({}, Answer.ANOTHER, None),
    ],
)
def test_a_server_of_ours_is_known_by_its_answers(
    routes: Mapping[str, tuple[int, str]], answer: Answer, knows_key: bool | None, tmp_path: Path
) -> None:
    """The owner's key is used, never a guest's; any other web server is a stranger."""
    keys = (LIMITED, KeyConfig("mine", "own"))
    with answering(routes) as port:
        config = Config(server=ServerConfig(host="0.0.0.0", port=port), keys=keys)
        look = look_at_server(config, surroundings(tmp_path))
    assert (look.answer, look.knows_key) == (answer, knows_key)
    assert look.report.get("status") == (
        {True: "down", False: "ok"}[knows_key] if knows_key is not None else None
    )


@pytest.mark.parametrize(
    ("said", "unit", "container"),
    [
        ({"docker": "g-1\n"}, "", "g-1"),
        ({"systemctl": "[Service]\nActiveState=active\n"}, "grok2api.service", ""),
        ({"systemctl": "[Service]\n"}, "", ""),
    ],
)
def test_a_hidden_process_may_be_a_service_s_or_a_container_s(
    said: Mapping[str, str], unit: str, container: str, tmp_path: Path
) -> None:
    """Only root sees other users' processes; docker and systemd answer others too."""
    with answering({"/health": (200, HEALTH)}) as port:
        config = Config(server=ServerConfig(port=port), grok=GrokConfig(api_key="k"))
        look = look_at_server(config, surroundings(tmp_path, said))
    assert (look.unit.name if look.unit else "", look.container) == (unit, container)


def test_what_is_no_web_server_is_another_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that hangs up, one that speaks something else, and one that says nothing."""
    monkeypatch.setattr(running, "PATIENCE_S", 0.2)
    for words, answer in (
        (b"", Answer.ANOTHER),
        (b"SSH-2.0\r\n", Answer.ANOTHER),
        (None, Answer.SILENT),
    ):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            kept: list[socket.socket] = []

            def speak(
                words: bytes | None = words,
                server: socket.socket = server,
                kept: list[socket.socket] = kept,
            ) -> None:
                connection, _ = server.accept()
                kept.append(connection)
                if words is not None:
                    connection.recv(1000)
                    connection.sendall(words)
                    connection.close()

            thread = threading.Thread(target=speak)
            thread.start()
            look = look_at_server(Config(server=ServerConfig(port=port)), surroundings(tmp_path))
            thread.join()
            kept[0].close()
        assert look.answer is answer


def test_an_address_that_can_not_be_listened_on_is_named(tmp_path: Path) -> None:
    """Before the start fails: an address of another machine, and a name of none."""
    around = surroundings(tmp_path)
    free = look_at_server(Config(server=ServerConfig(port=free_port())), around)
    assert (free.answer, free.fault) == (Answer.NOTHING, "")
    for host, words in (("192.0.2.1", "cannot assign"), ("no.host.invalid", "")):
        config = Config(server=ServerConfig(host=host, port=free_port()))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(running, "PATIENCE_S", 0.2)
            look = look_at_server(config, around)
        assert look.answer in (Answer.NOTHING, Answer.SILENT)
        if look.answer is Answer.NOTHING:
            assert look.fault
            assert words in look.fault
    assert look_at_server(Config(server=ServerConfig(port=0)), around).answer is Answer.NOTHING


# The process -------------------------------------------------------------------------------------

TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1
   1: 0100007F:1F40 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1
"""


def process_in(root: Path, cgroup: str, comm: str = "python3") -> None:
    process = root / "proc" / "812"
    (process / "fd").mkdir(parents=True)
    (process / "fd" / "6").symlink_to("socket:[4711]")
    (process / "fd" / "0").write_text("")
    (process / "comm").write_text(f"{comm}\n")
    (process / "cgroup").write_text(cgroup)
    (process / "cmdline").write_text("python3\0grok2api.py\0")
    (process / "cwd").symlink_to("/srv/g")
    (root / "proc" / "net").mkdir()
    (root / "proc" / "net" / "tcp").write_text(TCP)


@pytest.mark.parametrize(
    ("cgroup", "unit", "container"),
    [
        ("0::/system.slice/grok2api.service\n", "grok2api.service", False),
        (
            "0::/user.slice/user-1.slice/user@1000.service/app.slice/my.service\n",
            "my.service",
            False,
        ),
        ("0::/user.slice/user-1.slice/session-1.scope\n", "", False),
        ("0::/system.slice/docker-0123.scope\n", "", True),
        ("0::/system.slice/docker.service\n", "", True),
    ],
)
def test_the_process_on_a_port_is_found_with_its_service(
    cgroup: str, unit: str, container: bool, tmp_path: Path
) -> None:
    """By the kernel's own tables: no program has to be installed for it."""
    process_in(tmp_path, cgroup)
    found = find_listener(tmp_path, 8000)
    assert found is not None
    assert (found.pid, found.name, found.unit, found.container) == (812, "python3", unit, container)
    assert (found.arguments, found.folder) == (("python3", "grok2api.py"), Path("/srv/g"))
    assert find_listener(tmp_path, 8001) is None


def test_a_process_that_hides_is_none(tmp_path: Path) -> None:
    """Another user's: the socket is seen, its process is not. Half a process has no folder."""
    process_in(tmp_path, "")
    process = tmp_path / "proc" / "812"
    (process / "cwd").unlink()
    (process / "comm").unlink()
    found = find_listener(tmp_path, 8000)
    assert found is not None
    assert (found.name, found.folder) == ("a program", None)
    (process / "fd" / "6").unlink()
    assert find_listener(tmp_path, 8000) is None


# The installation --------------------------------------------------------------------------------


def test_each_kind_of_installation_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner sees which copy of the program, and which folder, the report is about."""
    machine = Surroundings({}, root=tmp_path, arguments=())
    assert look_at_installation(machine).kind is Kind.CHECKOUT
    package = evolve(machine, package=tmp_path / "grokcore", arguments=("/usr/bin/grok2api",))
    assert look_at_installation(package).kind is Kind.PACKAGE
    for single in (
        evolve(machine, arguments=("./grok2api.pyz",)),
        evolve(machine, environ={"PEX": "/o/g.pyz"}),
    ):
        assert look_at_installation(single).kind is Kind.SINGLE_FILE
    (tmp_path / ".dockerenv").touch()
    finding = judge_installation(look_at_installation(package), Path("/app"))
    assert "a package in" in finding.message
    assert "(inside a container)" in finding.message
    assert finding.message.endswith("files are looked for in /app")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert current_folder() == Path()


def test_a_program_that_is_missing_or_fails_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No systemd, no docker: the doctor goes on without them."""
    monkeypatch.setattr("grokcore.cli.check.surroundings.PATIENCE_S", 0.05)
    assert output_of(["/no/such/program"]) == ""
    assert output_of([sys.executable, "-c", "print(1); raise SystemExit(1)"]) == ""
    assert output_of(["sleep", "5"]) == ""


# A real server -----------------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.skipif(sys.platform != "linux", reason="other users' processes are seen on Linux only")
def test_the_doctor_finds_the_server_that_runs(
    place: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """In its own folder its view is shown; from elsewhere, without its key, the command that leads
    there.
    """
    port = free_port()
    text = f'[server]\nport = {port}\n[grok]\nbase_url = "http://127.0.0.1:9"\nassets_url = "http://127.0.0.1:9"\n'
    (place / "config.toml").write_text(f'{text}api_key = "canary-key"\n')
    (place / "tokens.json").write_text('["canary"]')
    monkeypatch.delenv("GROK2API_SERVER_PORT")
    with started(place):
        main(["check"])
        own = lines_of(capsys.readouterr().out)
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        (elsewhere / "config.toml").write_text(text)
        monkeypatch.chdir(elsewhere)
        main(["check"])
        other = lines_of(capsys.readouterr().out)
    assert ("ok", "port") in [line[:2] for line in own]
    said = [line for line in own if line[1] == "server"]
    assert said
    assert not any("other files" in rest for _, _, rest in own)
    (warned,) = [rest for _, name, rest in other if name == "server" and "other files" in rest]
    assert f"cd {place} && " in warned
    assert " check" in warned
    assert "canary" not in str((own, other))
