"""Sites that ``check`` examines: files, a simulated Grok, a proxy; and the findings of runs."""

from __future__ import annotations

import email.utils
import functools
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import trio
import trustme
from attrs import field, frozen

from grokcore.cli import EXIT_CONFIG, main
from grokcore.protocol.tokens import token_id
from grokcore.simulator import lines
from grokcore.simulator.app import Simulator
from grokcore.simulator.limits import Limit
from grokcore.simulator.scripts import Script, error, page
from grokcore.simulator.serve import serve_simulator
from tests.check_cases import CLEARANCE, REAL_STATSIG
from tests.cli_place import start_in
from tests.servers import free_port


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start in, and an environment without our variables: any free port will do
    for the server, whatever else runs on this machine.
    """
    start_in(tmp_path, monkeypatch)
    monkeypatch.setenv("GROK2API_SERVER_PORT", "0")
    return tmp_path


ROOT = Path(__file__).parents[1]
Capture: TypeAlias = pytest.CaptureFixture[str]


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
        lane = "" if "web_lane" in grok else 'web_lane = "rest"\n'
        laid = {"config.toml": f'[grok]\n{lane}base_url = "{url}"\nassets_url = "{url}"\n{grok}'}
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
    Run("a broken configuration", lambda: Site(files={"config.toml": f"[grok]\napi_key = '{CANARY}"}), [("FAIL", "configuration", "config.toml: is not valid TOML"), ("ok", "token file", "1 token"), ("skip", "the rest", "13 more examinations need a usable configuration"), ("ok", "permissions", "config.toml")], EXIT_CONFIG, asks=0),
    Run("an open door", lambda: Site(files={"config.toml": '[server]\nhost = "::"'}), [("FAIL", "configuration", "is reachable from other machines")], EXIT_CONFIG, asks=0),
    Run("a broken token file", lambda: Site(files={"tokens.json": f'["{CANARY}'}), [("FAIL", "token file", "tokens.json: is not valid JSON"), ("ok", "egress", ""), ("skip", "tokens", "needs a token file")], EXIT_CONFIG, asks=0),
    Run("a browser that nobody knows", lambda: Site(grok='impersonate = "netscape"'), [("FAIL", "configuration", "[grok] impersonate")], EXIT_CONFIG, asks=0),
]  # fmt: skip
