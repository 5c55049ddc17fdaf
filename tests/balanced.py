"""Two servers with tokens of their own, behind Debian's nginx with ``deploy/nginx-many.conf``."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from attrs import frozen

from grokcore.simulator.app import Simulator
from tests.server_process import lay_out, server
from tests.servers import chat, free_port, read_all

__all__ = ["NAMES", "Balanced", "answered_by", "balanced", "balancer_settings", "nginx_program"]

SETTINGS = Path(__file__).parents[1] / "deploy" / "nginx-many.conf"
NAMES = ("left", "right")
"""Of the two servers; their tokens begin with them."""

LOOK_AGAIN_S = 0.02


@frozen
class Balanced:
    """The balancer and the servers behind it.

    :ivar servers: the processes of the servers, by name.
    """

    port: int
    simulator: Simulator
    servers: dict[str, subprocess.Popen[bytes]]

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def ask(self, text: str, key: str) -> int:
        """The status of an answer to a client with *key*."""
        status, _ = await self.fetch("POST", "/v1/chat/completions", key, chat(text))
        return status

    async def fetch(
        self, method: str, path: str, key: str, body: Mapping[str, object] | None = None
    ) -> tuple[int, bytes]:
        """Status and body of a request."""
        async with await self.connect() as stream:
            await stream.send_all(request(method, path, key, body))
            reply = await read_all(stream)
        head, _, content = reply.partition(b"\r\n\r\n")
        return int(head.split(None, 2)[1]), content


def request(method: str, path: str, key: str, body: Mapping[str, object] | None) -> bytes:
    """A request as bytes, whose answer ends with its connection."""
    content = b"" if body is None else json.dumps(body).encode()
    head = [
        f"{method} {path} HTTP/1.1",
        "host: localhost",
        "connection: close",
        f"authorization: Bearer {key}",
        f"content-length: {len(content)}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + content


def answered_by(simulator: Simulator, text: str) -> list[str]:
    """The servers that asked Grok *text*, once for each time."""
    calls = [call for call in simulator.calls if text in call.body["message"]]
    return [call.sso.partition("-")[0] for call in calls]


def nginx_program() -> str:
    """The path of nginx. Without it, tests are skipped; on CI (``GROKCORE_CI``) they fail."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        missing = "no nginx here; Debian's package is called nginx-light"
        if os.environ.get("GROKCORE_CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def balancer_settings(port: int, servers: list[int]) -> str:
    """The shipped file, without TLS and with these ports; all else as it stands."""
    text = SETTINGS.read_text("utf-8")
    text = re.sub(
        r"^ *(http2|ssl_certificate|ssl_certificate_key) .*\n", "", text, flags=re.MULTILINE
    )
    for place, number in zip(("10.0.0.11:8000", "10.0.0.12:8000"), servers, strict=True):
        assert place in text
        text = text.replace(place, f"127.0.0.1:{number}")
    assert "listen 443 ssl;" in text
    return text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")


def around(text: str, place: Path) -> str:
    """*text* in a whole configuration, whose files lie in *place*."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{kind}_temp_path {place / kind};\n" for kind in kinds)
    return (
        f"pid {place}/pid;\nerror_log stderr;\ndaemon off;\nmaster_process off;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{folders}{text}}}\n"
    )


@asynccontextmanager
async def nginx(place: Path, text: str, port: int) -> AsyncIterator[None]:
    """nginx with *text*, until the end of the block."""
    file = place / "nginx.conf"
    file.write_text(around(text, place))
    command = [nginx_program(), "-q", "-p", str(place), "-c", str(file)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:  # noqa: ASYNC220
        try:
            await _until_it_listens(port)
            yield
        finally:
            process.kill()


async def _until_it_listens(port: int) -> None:
    """It does not say so; the suite's watchdog bounds the wait."""
    while True:
        try:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
        except OSError:
            await trio.sleep(LOOK_AGAIN_S)
        else:
            return await stream.aclose()


@asynccontextmanager
async def balanced(place: Path, simulator: Simulator, grok: str) -> AsyncIterator[Balanced]:
    """Both servers and the balancer.

    :param grok: URL of the simulated Grok.
    """
    ports = [free_port() for _ in range(3)]
    folders = [place / name for name in (*NAMES, "nginx")]
    for folder, name in zip(folders, (*NAMES, ""), strict=True):
        folder.mkdir()
        if name:
            lay_out(folder, grok)
            tokens = [f"{name}-{number}" for number in range(4)]
            (folder / "tokens.json").write_text(json.dumps(tokens))
    text = balancer_settings(ports[2], ports[:2])
    async with (
        server(folders[0], ports[0]) as left,
        server(folders[1], ports[1]) as right,
        nginx(folders[2], text, ports[2]),
    ):
        yield Balanced(ports[2], simulator, dict(zip(NAMES, (left, right), strict=True)))
