"""Whole runs of ``check``: what they say, on a terminal and for programs."""

from __future__ import annotations

import contextlib
import email.utils
import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import trio
import trustme
from attrs import evolve, field, frozen

from grokcore import cli
from grokcore.cli import EXIT_CONFIG, main
from grokcore.cli.check import files, journey, looks
from grokcore.cli.check.findings import Status
from grokcore.protocol.tokens import token_id
from grokcore.runtime.attachments.lookups import Lookups
from grokcore.runtime.disk.data_dir import DataDirectory
from grokcore.simulator import lines
from grokcore.simulator.app import Simulator
from grokcore.simulator.limits import Limit
from grokcore.simulator.scripts import HANG, Script, error, page
from grokcore.simulator.serve import serve_simulator
from tests.check_cases import CLEARANCE, REAL_STATSIG, WINDOWS
from tests.servers import free_port


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start in, and an environment without our variables."""
    monkeypatch.chdir(tmp_path)
    for name in [
        name for name in os.environ if name.startswith("GROK2API_") or name == "STATE_DIRECTORY"
    ]:
        monkeypatch.delenv(name)
    return tmp_path


ROOT = Path(__file__).parents[1]
Capture: TypeAlias = pytest.CaptureFixture[str]


# Whole runs -------------------------------------------------------------------------------------


CANARY = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzZXNzaW9uX2lkIjoiY2FuYXJ5In0.c4n4ry-c4n4ry-c4n4ry-c4n4ry"
SECRETS = (CANARY, CLEARANCE, REAL_STATSIG, "canary-password", "canary-key")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """Files: certificate chain, its key, and the authority that vouches for it."""
    where, authority = tmp_path_factory.mktemp("tls"), trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    (where / "chain.pem").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(where / "key.pem")
    authority.cert_pem.write_to_path(where / "ca.pem")
    return str(where / "chain.pem"), str(where / "key.pem"), str(where / "ca.pem")


Proxy: TypeAlias = Callable[[trio.SocketStream], Awaitable[None]]


async def refusing(stream: trio.SocketStream) -> None:
    """A proxy that asks for another password."""
    await stream.receive_some(65536)
    await stream.send_all(
        b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"
    )
    await stream.aclose()


@frozen
class Site:
    """What ``check`` finds.

    :ivar grok: settings of ``[grok]`` beside the URLs.
    :ivar tokens: the content of the token file; None is no file.
    :ivar files: further files, or others than there would be.
    :ivar mode: of all of them.
    """

    simulator: Simulator = field(factory=Simulator)
    grok: str = f'x_statsig_id = "{REAL_STATSIG}"\n'
    tokens: Any = field(factory=lambda: [CANARY])
    files: Mapping[str, str] = field(factory=dict)
    url: str = ""
    certificate: tuple[str, str] | None = None
    proxy: Proxy | None = None
    mode: int = 0o600

    def run(self, place: Path, *words: str) -> int:
        """The exit code of ``check``."""

        async def scenario() -> int:
            with trio.fail_after(30):
                async with trio.open_nursery() as nursery:
                    serve = functools.partial(
                        serve_simulator, self.simulator, certificate=self.certificate
                    )
                    url = self.url or await nursery.start(serve)
                    port = await self._proxy_port(nursery)
                    self._lay_out(place, url, port)
                    code = await trio.to_thread.run_sync(main, ["check", *words])
                    nursery.cancel_scope.cancel()
            return code

        return trio.run(scenario)

    async def _proxy_port(self, nursery: trio.Nursery) -> int:
        if self.proxy is None:
            return 9
        listeners = await nursery.start(
            functools.partial(trio.serve_tcp, self.proxy, 0, host="127.0.0.1")
        )
        return int(listeners[0].socket.getsockname()[1])

    def _lay_out(self, place: Path, url: str, proxy_port: int) -> None:
        grok = self.grok.replace("PROXY", f"http://user:canary-password@127.0.0.1:{proxy_port}")
        laid = {"config.toml": f'[grok]\nbase_url = "{url}"\nassets_url = "{url}"\n{grok}'}
        if self.tokens is not None:
            laid["tokens.json"] = json.dumps(self.tokens).replace(
                "PROXY", f"http://a:canary-password@127.0.0.1:{proxy_port}"
            )
        for name, text in {**laid, **self.files}.items():
            (place / name).write_text(text)
            (place / name).chmod(self.mode)


Line: TypeAlias = tuple[str, str, str]


def lines_of(out: str) -> list[Line]:
    """Word, name and all the rest of each line, without the last one."""
    *told, _ = out.splitlines()
    return [(line[:4].strip(), line[6:20].strip(), line[22:]) for line in told]


def check(site: Site, place: Path, capsys: Capture, *words: str) -> tuple[int, list[Line]]:
    """The exit code and the findings. In no case a secret, nothing on stderr, and nothing is left
    behind.
    """
    code = site.run(place, *words)
    out, err = capsys.readouterr()
    assert [secret for secret in SECRETS if secret in out + err] == []
    assert err == ""
    return code, lines_of(out)


def scripted(*scripts: Script, tokens: Sequence[str] = (CANARY,)) -> Simulator:
    simulator = Simulator()
    for token in tokens:
        simulator.script_asks(token, *scripts)
    return simulator


THREE = ["one", "two", CANARY]


@frozen
class Run:
    """A site, and what of its lines matters: ``(word, name, piece of the rest)``; *asks* are those
    that Grok sees.
    """

    name: str
    site: Callable[[], Site]
    expects: Sequence[Line]
    code: int = 0
    asks: int = 1


RUNS = [
    Run("all is well", Site, [("ok", f"token {token_id(CANARY)}", "ok: 40 of 40"), ("ok", "egress", "Grok sees 127.0.0.1"), ("ok", "clock", "right"), ("ok", "assets", "HTTP 403"), ("ok", "data directory", "data, which will be created")]),
    Run("as shipped", lambda: Site(grok=""), [("warn", "statsig", "the shipped default")]),
    Run("no tokens", lambda: Site(tokens=None), [("warn", "token file", "there is none"), ("skip", "tokens", "there is no enabled token"), ("ok", "egress", "")], asks=0),
    Run("challenge", lambda: Site(scripted(page(), tokens=THREE), tokens=THREE), [("FAIL", "tokens", "a challenge page came instead of an answer (3 tokens, directly: ")], 1, asks=3),
    Run("challenge at the door", lambda: Site(Simulator(trace_script=page())), [("FAIL", "egress", "challenge page"), ("skip", "tokens", "1 not checked"), ("skip", "assets", "")], 1, asks=0),
    Run("antibot", lambda: Site(scripted(error(403, lines.ERROR_403_ANTIBOT), tokens=THREE), tokens=THREE), [("FAIL", "tokens", "anti-bot rules refused the request (3 tokens")], 1, asks=3),
    Run("an invalid token", lambda: Site(Simulator(dead={CANARY}), tokens=THREE), [("FAIL", f"token {token_id(CANARY)}", "refused. Grok said (HTTP 401)"), ("ok", f"token {token_id('one')}", "")], 1, asks=3),
    Run("a used-up token", lambda: Site(Simulator(limits={(CANARY, "grok-3"): Limit(25, 0, wait_s=60)})), [("ok", f"token {token_id(CANARY)}", "used up: 0 of 25, back in 60 s")]),
    Run("an echo", lambda: Site(scripted(error(400, {"code": 3, "message": f"no {CANARY}; cf_clearance={CLEARANCE}"}))), [("warn", "tokens", "(1 token, directly")]),
    Run("no trace", lambda: Site(Simulator(trace_script=error(404, {}))), [("ok", "egress", "unknown (HTTP 404)")]),
    Run("dead upstream", lambda: Site(url=f"http://127.0.0.1:{free_port()}"), [("FAIL", "egress", "no connection could be made"), ("skip", "clock", ""), ("skip", "tokens", "1 not checked, since their egress"), ("skip", "assets", "")], 1, asks=0),
    Run("slow clock", lambda: Site(Simulator(date=email.utils.formatdate(time.time() + 120))), [("warn", "clock", "s slow")]),
    Run("wrong clock", lambda: Site(Simulator(date=email.utils.formatdate(time.time() - 4000))), [("FAIL", "clock", "67 min fast")], 1),
    Run("proxy that refuses", lambda: Site(grok='proxy_url = "PROXY"', proxy=refusing), [("FAIL", "egress", "through 127.0.0.1:"), ("FAIL", "egress", "HTTP 407"), ("FAIL", "egress", "user, password")], 1, asks=0),
    Run("tokens of several ways", lambda: Site(proxy=refusing, tokens=[{"token": CANARY, "proxy_url": "PROXY"}, {"token": "two", "note": "mine"}, {"token": "three", "proxy_url": "direct"}]), [("FAIL", "egress", "through 127.0.0.1:"), ("ok", "egress", "directly: Grok sees"), ("ok", f"token {token_id('two')}", "(mine)"), ("skip", "tokens", "1 not checked")], 1, asks=2),
    Run("clearance without user agent", lambda: Site(grok=f'x_statsig_id = "{REAL_STATSIG}"\ncf_clearance = "{CLEARANCE}"'), [("warn", "clearance", "")]),
    Run("a warning", lambda: Site(grok="api_kee = 1\n"), [("warn", "configuration", "did you mean api_key?")]),
    Run("a disabled token", lambda: Site(tokens=["one", {"token": CANARY, "disabled": True}]), [("ok", "token file", "2 tokens, 1 disabled")]),
    Run("a broken configuration", lambda: Site(files={"config.toml": f"[grok]\napi_key = '{CANARY}"}), [("FAIL", "configuration", "config.toml: is not valid TOML"), ("ok", "token file", "1 token"), ("skip", "the rest", "11 more examinations need a usable configuration"), ("ok", "permissions", "config.toml")], EXIT_CONFIG, asks=0),
    Run("an open door", lambda: Site(files={"config.toml": '[server]\nhost = "::"'}), [("FAIL", "configuration", "is reachable from other machines")], EXIT_CONFIG, asks=0),
    Run("a broken token file", lambda: Site(files={"tokens.json": f'["{CANARY}'}), [("FAIL", "token file", "tokens.json: is not valid JSON"), ("ok", "egress", ""), ("skip", "tokens", "needs a token file")], EXIT_CONFIG, asks=0),
    Run("a browser that nobody knows", lambda: Site(grok='impersonate = "netscape"'), [("FAIL", "configuration", "[grok] impersonate")], EXIT_CONFIG, asks=0),
]  # fmt: skip


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_a_run_tells_what_is_and_what_to_do(run: Run, place: Path, capsys: Capture) -> None:
    """One line each, in a pipe; nothing costs a generation, nothing is written, no
    secret is shown.
    """
    site = run.site()
    code, told = check(site, place, capsys)
    assert code == run.code, told
    for word, name, piece in run.expects:
        assert [line for line in told if line[:2] == (word, name) and piece in line[2]], (
            word,
            name,
            piece,
            told,
        )
    assert all(
        name == "configuration" or word in ("ok", "skip") or len(rest.split(". ")) > 1
        for word, name, rest in told
    )
    assert (site.simulator.calls, len(site.simulator.asks)) == ([], run.asks)
    assert {path.name for path in place.iterdir()} <= {"config.toml", "tokens.json"}


def test_when_all_is_well_everything_is_green(place: Path, capsys: Capture) -> None:
    """Each look is there, once, in the order of the way."""
    code, told = check(Site(), place, capsys)
    assert code == 0
    assert [(word, name) for word, name, _ in told] == [
        ("ok", name)
        for name in (
            *(
                "configuration",
                "access",
                "token file",
                "permissions",
                "permissions",
                "data directory",
                "free space",
            ),
            *(
                "browser",
                "statsig",
                "clearance",
                "names",
                "egress",
                "tls",
                "clock",
                f"token {token_id(CANARY)}",
                "assets",
            ),
        )
    ]


def test_who_asks_is_the_browser_and_nobody_s_session(place: Path, capsys: Capture) -> None:
    """Only the request for rate limits has the token; the others have User-Agent and
    cf_clearance.
    """
    agent = f"{WINDOWS} Chrome/150.0.0.0 Safari/537.36"
    site = Site(grok=f'user_agent = "{agent}"\ncf_clearance = "{CLEARANCE}"\n')
    check(site, place, capsys)
    (trace,), (fetch,), (ask,) = site.simulator.traces, site.simulator.fetches, site.simulator.asks
    assert {call.headers["user-agent"] for call in (trace, fetch, ask)} == {agent}
    assert trace.headers["cookie"] == fetch.headers["cookie"] == f"cf_clearance={CLEARANCE}"
    assert ask.sso == CANARY


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_is_judged_and_the_setting_named(
    trusted: bool, certificate: tuple[str, str, str], place: Path, capsys: Capture
) -> None:
    """An authority that nobody knows is what a proxy that breaks TLS open looks like."""
    grok = f'ca_file = "{certificate[2]}"\n' if trusted else ""
    code, told = check(Site(grok=grok, certificate=certificate[:2]), place, capsys)
    (tls_line,) = [line for line in told if line[1] == "tls"]
    assert (code, tls_line[0]) == ((0, "ok") if trusted else (1, "FAIL"))
    assert ("[grok] ca_file" in tls_line[2]) is not trusted
    assert [line[0] for line in told if line[1] == "egress"] == ["ok" if trusted else "skip"]


def test_a_name_that_is_not_found_ends_the_way(
    place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody is asked; a token with a proxy goes on."""

    async def look_up(_: Lookups, host: str, port: int) -> list[str]:
        if host == "slow.example.com":
            await trio.sleep_forever()
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(Lookups, "__call__", look_up)
    monkeypatch.setattr(looks, "LOOK_S", 0.1)
    for host, why in (
        ("grok.example.com", "Name or service not known"),
        ("slow.example.com", "no answer within 0.1 s"),
    ):
        site = Site(
            url=f"http://{host}",
            tokens=["one", {"token": CANARY, "proxy_url": "PROXY"}],
            proxy=refusing,
        )
        code, told = check(site, place, capsys)
        assert code == 1
        assert [
            (word, name)
            for word, name, _ in told
            if name in ("names", "egress", "tokens", "assets")
        ] == [
            *(("ok", "names"), ("FAIL", "names")),
            *(("skip", "egress"), ("FAIL", "egress"), ("skip", "tokens"), ("skip", "assets")),
        ]
        assert any(host in rest and why in rest for _, name, rest in told if name == "names")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_is_told_from_one_that_is_not_there(
    scheme: str, certificate: tuple[str, str, str], place: Path, capsys: Capture
) -> None:
    """With TLS it refuses to connect, without it answers itself."""
    of_grok = certificate[:2] if scheme == "https" else None
    site = Site(grok='proxy_url = "PROXY"\n', certificate=of_grok, proxy=refusing)
    code, told = check(site, place, capsys)
    (line,) = [line for line in told if line[1] == "egress"]
    assert (code, line[0]) == (1, "FAIL")
    assert re.search(r"the proxy refused with HTTP 407.*user, password", line[2])
    (gone,) = [
        line for line in check(evolve(site, proxy=None), place, capsys)[1] if line[1] == "egress"
    ]
    assert "Is the proxy running" in gone[2]


@pytest.mark.parametrize(
    "error_", [OSError(30, "Read-only file system"), PermissionError(13, "Permission denied")]
)
@pytest.mark.parametrize("there", [True, False])
def test_a_data_directory_that_can_t_be_written_is_red(
    error_: OSError, there: bool, place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it is not there yet and could not be made."""

    def refuse(**_: object) -> None:
        raise error_

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    if there:
        (place / "data").mkdir()
    code, told = check(Site(), place, capsys)
    (line,) = [line for line in told if line[1] == "data directory"]
    assert (code, line[0]) == (1, "FAIL")
    assert str(error_.strerror) in line[2]


def test_what_is_no_folder_is_no_data_directory(place: Path) -> None:
    """A file in its place, or above it, or a link that leads nowhere."""
    (place / "file").write_text("")
    (place / "link").symlink_to("nowhere")
    for path in ("file", "file/data", "link"):
        assert files.look_at_folder(place / path).fault.endswith("is not a folder"), path


def test_a_running_server_is_not_disturbed(place: Path, capsys: Capture) -> None:
    """It keeps its data directory, and everything in it is as it was."""
    (place / "data" / "media").mkdir(parents=True)
    (place / "data" / "state.jsonl").write_text("not to be touched")
    (place / "data" / "media" / "a.png").write_bytes(b"12345")
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    with DataDirectory.hold(place / "data"):
        code, told = check(Site(), place, capsys)
    assert code == 0
    assert ("ok", "data directory", "data, in use by a running server") in told
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert files.look_at_folder(place / "data").cached == 5
    DataDirectory.hold(place / "data").release()


def test_a_folder_in_the_place_of_the_token_file_is_explained(place: Path, capsys: Capture) -> None:
    """That is what a container makes of a file that is not there."""
    (place / "tokens.json").mkdir()
    code, told = check(Site(tokens=None), place, capsys)
    assert code == EXIT_CONFIG
    assert any(
        line[:2] == ("FAIL", "token file") and "Container engines create a folder" in line[2]
        for line in told
    )


def test_files_that_others_may_read_are_told_with_the_command(place: Path, capsys: Capture) -> None:
    """A warning each; the configuration only if there is a secret in it."""
    for text, number in (
        ("", 1),
        ('[grok]\nbase_url = "http://127.0.0.1:9"\napi_key = "canary-key"', 2),
    ):
        site = Site(
            files={"config.toml": text or '[grok]\nbase_url = "http://127.0.0.1:9"'}, mode=0o644
        )
        _, told = check(site, place, capsys)
        warned = [rest for word, name, rest in told if (word, name) == ("warn", "permissions")]
        assert len(warned) == number
        assert warned[-1].endswith(
            "tokens.json: other users may read it (644). Run: chmod o-rwx tokens.json"
        )


def test_nothing_is_waited_for_longer_than_its_clock(
    place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for the way, nor for a token, nor for the assets host."""
    for module in (looks, journey):
        monkeypatch.setattr(module, "LOOK_S", 0.2)
    silent = Script((HANG,), before=60)
    code, told = check(Site(Simulator(trace_script=silent)), place, capsys)
    assert code == 1
    assert any(
        "there was no answer within 0.2 s" in rest for _, name, rest in told if name == "egress"
    )
    site = Site(scripted(silent))
    site.simulator.asset_scripts["/users/"] = silent
    code, told = check(site, place, capsys)
    assert code == 1
    assert any(
        "Grok did not answer within 0.2 s" in rest for _, name, rest in told if name == "tokens"
    )
    assert any(
        "there was no answer within 0.2 s" in rest for _, name, rest in told if name == "assets"
    )


def test_many_ways_that_work_are_one_line(place: Path, capsys: Capture) -> None:
    """With a proxy each; those that don't work are named."""
    site = Site()

    async def serve_with_itself_as_proxy() -> int:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                url = await nursery.start(functools.partial(serve_simulator, site.simulator))
                tokens = [
                    {"token": f"t{n}", "proxy_url": url.replace("//", f"//u{n}:canary-password@")}
                    for n in range(9)
                ]
                evolve(
                    site, tokens=[*tokens, {"token": "dead", "proxy_url": "http://127.0.0.1:9"}]
                )._lay_out(place, url, 9)
                code = await trio.to_thread.run_sync(main, ["check"])
                nursery.cancel_scope.cancel()
        return code

    assert trio.run(serve_with_itself_as_proxy) == 1
    out = capsys.readouterr().out
    told = lines_of(out)
    assert next(line for line in told if line[1] == "egress") == (
        "ok",
        "egress",
        "9 egresses reach Grok",
    )
    assert [line[2][:21] for line in told if line[:2] == ("FAIL", "egress")] == [
        "through 127.0.0.1:9: "
    ]
    assert (
        len(
            [
                line
                for line in told
                if line[1].startswith("token ") and line[0] == "ok" and line[1] != "token file"
            ]
        )
        == 9
    )
    assert all(
        call.proxied
        for call in site.simulator.traces + site.simulator.asks + site.simulator.fetches
    )
    assert "canary-password" not in out


# For programs, and for people -------------------------------------------------------------------


@pytest.mark.parametrize("run", [RUNS[0], RUNS[3], RUNS[-4]], ids=lambda run: run.name)
def test_for_programs_there_is_one_json_object(run: Run, place: Path, capsys: Capture) -> None:
    """The same findings, a summary, and nothing else on stdout."""
    _, told = check(run.site(), place, capsys)
    site = run.site()
    code = site.run(place, "--json")
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (code, err, found["summary"]["exit_code"]) == (run.code, "", run.code)
    assert [one["name"] for one in found["checks"]] == [name for _, name, _ in told]
    assert {frozenset(one) for one in found["checks"]} == {
        frozenset({"name", "status", "message", "advice"})
    }
    assert {one["status"] for one in found["checks"]} <= {"ok", "warn", "fail", "skipped"}
    assert sum(found["summary"][status.value] for status in Status) == len(told)
    assert [secret for secret in SECRETS if secret in out] == []


def test_a_token_that_was_typed_for_a_file_is_not_told(place: Path, capsys: Capture) -> None:
    """Neither in a line nor in JSON."""
    for words in ([], ["--json"]):
        assert (
            main(["check", "--config", f"sso={CANARY}", "--tokens", CANARY, *words]) == EXIT_CONFIG
        )
        out, err = capsys.readouterr()
        assert CANARY[:20] not in out + err


def test_the_demo_can_be_looked_at_too(place: Path, capsys: Capture) -> None:
    """Without any file, and without leaving this machine."""
    assert main(["check", "--demo"]) == 0
    told = lines_of(capsys.readouterr().out)
    assert sum(name.startswith("token ") and name != "token file" for _, name, _ in told) == 6
    assert list(place.iterdir()) == []


class Screen:
    """A terminal of 80 columns."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_it_is_coloured_and_fits(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The advice stands below the message, and ids are whole."""
    screen = Screen()
    for name, value in {"COLUMNS": "80", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", screen)
    assert Site(Simulator(dead={CANARY}), grok="").run(place) == 1
    plain = re.sub(r"\x1b\[[\d;]*m", "", screen.text)
    assert max(map(len, plain.splitlines())) <= 80
    assert f"FAIL  token {token_id(CANARY)}  refused. Grok said (HTTP 401)" in plain
    assert re.search(r"^ {22}Sign in at grok\.com again", plain, re.MULTILINE)
    assert all(
        f"\x1b[{colour}m{word}" in screen.text
        for colour, word in (("32", "ok"), ("33", "warn"), ("1;31", "FAIL"))
    )


@contextlib.contextmanager
def killed_in_the_end(process: subprocess.Popen[str]) -> Iterator[None]:
    watchdog = threading.Timer(20, process.kill)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def test_ctrl_c_ends_it_cleanly(place: Path) -> None:
    """Whatever it is waiting for: one word, no traceback, and the code that shells know."""
    site = Site(Simulator(trace_script=Script((HANG,), before=60)))
    # In the background a shell may have SIGINT ignored, which is inherited.
    program = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program += "runpy.run_module('grokcore', run_name='__main__')"
    command = [sys.executable, "-c", program, "check"]
    start = functools.partial(
        subprocess.Popen,
        command,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

    async def scenario() -> None:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                url = await nursery.start(functools.partial(serve_simulator, site.simulator))
                site._lay_out(place, url, 9)
                process = await trio.to_thread.run_sync(start)
                with killed_in_the_end(process):
                    await site.simulator.until(lambda: bool(site.simulator.traces))
                    process.send_signal(signal.SIGINT)
                    out, err = await trio.to_thread.run_sync(process.communicate)
                    assert (process.returncode, err) == (130, "interrupted\n")
                    assert "ok    names" in out
                nursery.cancel_scope.cancel()

    trio.run(scenario)


def test_a_server_does_not_load_what_only_people_need() -> None:
    """Nor the doctor: the start has a budget."""
    program = "import sys, grokcore.cli; print([name for name in sys.modules if name.split('.')[0] == 'rich' or 'check.' in name])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() in ("[]", "['grokcore.cli.tokens.check']"), cli.__file__
