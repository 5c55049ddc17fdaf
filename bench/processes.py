"""The measured and the measuring processes: started here, ended here, each by its own pid."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import trustme
from attrs import evolve, frozen

from .official_stream import API_PATH, MODEL

__all__ = [
    "GATEWAY_TOKENS",
    "ROOT",
    "ServerProcess",
    "bare_app",
    "can_have_workers",
    "closing_upstream",
    "gateway",
    "paced_upstream",
    "raise_descriptor_limit",
    "upstream_stats",
]

ROOT = Path(__file__).resolve().parent.parent

GATEWAY_TOKENS = 4

READY_S = 20.0
"""Seconds for a server to be ready before the benchmark gives up."""

END_S = 15.0
"""Seconds for a server to end after a request to stop."""


@frozen
class ServerProcess:
    """A server that is ready.

    :ivar ready_s: seconds from the start of the process to its report that it is ready.
    :ivar ca_file: authority of its certificate; empty if it does not speak TLS.
    """

    pid: int
    port: int
    ready_s: float
    ca_file: str = ""


def raise_descriptor_limit() -> None:
    """Allow this process, and those it starts, as many descriptors as the system permits: a stream
    takes two.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def paced_upstream() -> Iterator[ServerProcess]:
    with _helper("bench.upstream") as server:
        yield server


@contextlib.contextmanager
def closing_upstream(*, tls: bool) -> Iterator[ServerProcess]:
    """An upstream that has a new connection, with a whole handshake, for each answer."""
    with tempfile.TemporaryDirectory(prefix="grok2api-bench-") as folder:
        certificate, ca_file = Path(folder, "certificate.pem"), Path(folder, "authority.pem")
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(ca_file))
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(str(certificate))
        arguments = ["--close", *(["--tls", str(certificate)] if tls else [])]
        with _helper("bench.upstream", *arguments) as server:
            yield evolve(server, ca_file=str(ca_file) if tls else "")


@contextlib.contextmanager
def bare_app() -> Iterator[ServerProcess]:
    with _helper("bench.bare") as server:
        yield server


@contextlib.contextmanager
def _helper(module: str, *arguments: str) -> Iterator[ServerProcess]:
    """A server of this package: prints its port, and ends when its standard input does."""
    began = time.monotonic()
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            yield ServerProcess(process.pid, port, time.monotonic() - began)
        finally:
            process.stdin.close()
            _end(process)


@contextlib.contextmanager
def gateway(
    upstream_port: int,
    *,
    log_level: str = "WARNING",
    api: bool = False,
    workers: int = 1,
    **grok: Any,
) -> Iterator[ServerProcess]:
    """The gateway, as a user starts it, with REST to the upstream.

    :param api: ask xAI's official API alone.
    :param workers: processes that answer; the pid is that of their parent if they are several.
    :param grok: other settings of that section.
    """
    with tempfile.TemporaryDirectory(prefix="grok2api-bench-") as folder:
        config, tokens = Path(folder, "config.toml"), Path(folder, "tokens.json")
        url = f"http://127.0.0.1:{upstream_port}"
        text = _config({"base_url": url, "web_lane": "rest", **grok}, log_level)
        config.write_text(text + (_api_lane(url) if api else ""))
        names = [f"bench-{number}" for number in range(GATEWAY_TOKENS)]
        tokens.write_text(json.dumps({"sso": {name: {} for name in names}}))
        files = ["--config", str(config), "--tokens", str(tokens), "--data-dir", folder]
        port = _free_port()
        files += ["--workers", str(workers)] if workers > 1 else []
        command = [sys.executable, "-m", "grokcore", "serve", *files, "--port", str(port)]
        began = time.monotonic()
        with subprocess.Popen(
            command, cwd=ROOT, env=_environment(), stderr=subprocess.PIPE
        ) as process:
            assert process.stderr is not None
            try:
                _await_ready(process.stderr)
                ready_s = time.monotonic() - began
                threading.Thread(target=_pass_on, args=(process.stderr,), daemon=True).start()
                yield ServerProcess(process.pid, port, ready_s)
            finally:
                process.terminate()
                _end(process)


def can_have_workers() -> bool:
    """Whether the gateway of this checkout has ``serve --workers``."""
    command = [sys.executable, "-m", "grokcore", "serve", "--help"]
    return b"--workers" in subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout


def upstream_stats(upstream: ServerProcess) -> dict[str, Any]:
    """The upstream's own counts so far."""
    with contextlib.ExitStack() as stack:
        address = ("127.0.0.1", upstream.port)
        sock = stack.enter_context(socket.create_connection(address, timeout=5))
        if upstream.ca_file:
            context = ssl.create_default_context(cafile=upstream.ca_file)
            sock = stack.enter_context(context.wrap_socket(sock, server_hostname="127.0.0.1"))
        sock.sendall(b"GET /stats HTTP/1.1\r\nhost: bench\r\n\r\n")
        data = b""
        while b"\r\n\r\n" not in data or not data.endswith(b"}"):
            data += sock.recv(65536)
    stats: dict[str, Any] = json.loads(data.partition(b"\r\n\r\n")[2])
    return stats


def _config(grok: dict[str, Any], log_level: str) -> str:
    lines = ["[grok]", *(f"{name} = {json.dumps(value)}" for name, value in grok.items())]
    lines += ["[global]", f'log_level = "{log_level}"']
    lines += ["[pool]", "max_in_flight_per_token = 1000"]
    lines += ["[server]", "max_streams = 2000", "grace_seconds = 0"]
    return "\n".join(lines)


def _api_lane(url: str) -> str:
    """The section of a lane that answers all questions, with a cap that is never near."""
    lines = ["", "[api]", 'key = "xai-bench"', f'base_url = "{url}{API_PATH}"', 'use = "only"']
    return "\n".join([*lines, "daily_usd = 1000", f'stand_ins = {{ "grok-3-fast" = "{MODEL}" }}'])


def _environment() -> dict[str, str]:
    """This process's environment, without settings for a server that may run here otherwise."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GROK2API_")}


def _free_port() -> int:
    """A port that nobody listens on, below those of outgoing connections."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(16_000, 32_000)))
            return int(probe.getsockname()[1])


def _await_ready(stderr: IO[bytes]) -> None:
    for line in stderr:
        if b"ready on" in line:
            return
        sys.stderr.buffer.write(line)
    raise RuntimeError("the gateway ended before it was ready")


def _pass_on(stderr: IO[bytes]) -> None:
    """Print the gateway's warnings. Unread, they would fill the pipe and block the gateway."""
    with contextlib.suppress(ValueError):
        for line in stderr:
            sys.stderr.buffer.write(line)
            sys.stderr.flush()


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
