"""Commands, and the composition root: the one place that knows all parts, and the only ``trio.run``."""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import trio
from attrs import evolve, frozen

from .. import __version__
from ..config import Config, is_loopback, load_config
from ..errors import ConfigError
from ..logs import configure_logging
from ..protocol.book import TokenBook
from ..protocol.payload import Identity
from ..protocol.tokens import TokenEntry, parse_token_file
from ..runtime.curl import CurlSettings, CurlTransport, check_library
from ..runtime.gateway import Gateway, GatewaySettings
from ..runtime.pool import TokenPool
from ..simulator.serve import DEMO_TOKENS, serve_simulator
from ..web.app import ServerState, create_app
from ..web.server import PortInUse, listen, serve

__all__ = ["EXIT_CONFIG", "main", "run_server"]

EXIT_CONFIG = 78
"""sysexits.h EX_CONFIG: systemd can be told not to start again after it."""

SWITCH_INTERVAL_S = 0.001
"""How long a thread may keep the interpreter while another waits. Python's default of 5 ms is what the transport's thread
would wait for when trio is busy, and is seen as lag of single tokens."""

_log = logging.getLogger(__name__)


@frozen
class _Setup:
    """What a command starts with."""

    config: Config
    tokens: tuple[TokenEntry, ...]
    warnings: tuple[str, ...]
    config_file: Path | None = None
    demo: bool = False


def main(argv: Sequence[str]) -> int:
    """Run a command. Returns the exit code: 0, 1 (could not run), 78 (configuration)."""
    arguments = _parser().parse_args(argv)
    try:
        setup = _read_setup(arguments, os.environ)
        command: Callable[[_Setup], int] = arguments.run
        return command(setup)
    except ConfigError as error:
        print(f"grok2api: {error}", file=sys.stderr)
        return EXIT_CONFIG
    except PortInUse as error:
        print(f"grok2api: {error}", file=sys.stderr)
        return 1


class _Parser(argparse.ArgumentParser):
    """argparse with the exit code of every other fault in what was configured."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EXIT_CONFIG, f"grok2api: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="grok2api.py",
        description="Your own Grok web sessions as an OpenAI-compatible API.",
        parents=[_flags(default=None)],
    )
    parser.add_argument("--version", action="version", version=f"grok2api {__version__}")
    parser.set_defaults(run=_serve_command)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, run, about in (
        ("serve", _serve_command, "run the server (the default)"),
        ("models", _models_command, "list the models and what they mean at Grok"),
    ):
        # Flags may stand before or behind the command; behind it, absent ones must not undo those before.
        command = commands.add_parser(name, help=about, parents=[_flags(default=argparse.SUPPRESS)])
        command.set_defaults(run=run)
    return parser


def _flags(*, default: Any) -> _Parser:
    flags = _Parser(add_help=False, argument_default=default)
    flags.add_argument("--config", metavar="FILE", help="configuration (default: config.toml, else data/setting.toml)")
    flags.add_argument("--tokens", metavar="FILE", help="tokens (default: tokens.json, else data/token.json)")
    flags.add_argument("--data-dir", metavar="DIR", help="where learned state will be kept (later; default: data)")
    flags.add_argument("--host", metavar="ADDRESS", help="address to listen on (default: 127.0.0.1)")
    flags.add_argument("--port", metavar="PORT", type=int, help="port to listen on (default: 8000)")
    flags.add_argument(
        "--demo", action="store_const", const=True, help="a simulated Grok and made-up tokens; reads no file"
    )
    return flags


# What a command starts with ---------------------------------------------------------------------------------------


def _read_setup(arguments: argparse.Namespace, environ: Mapping[str, str]) -> _Setup:
    """Read the files that the flags name, or those in their usual places.

    :raises ConfigError: one line with the file's name.
    """
    flags = {("server", name): getattr(arguments, name) for name in ("host", "port", "data_dir")}
    flags = {key: value for key, value in flags.items() if value is not None}
    if arguments.demo:
        config, warnings = load_config("", environ=environ, flags=flags)
        _refuse_open_door(config, "")
        return _Setup(config, (), tuple(warnings), demo=True)
    config_file = _chosen(arguments.config, "config.toml", "data/setting.toml")
    text = _read(config_file).decode("utf-8-sig", "replace") if config_file else ""
    name = str(config_file or "")
    config, warnings = load_config(text, name=name, environ=environ, flags=flags)
    _refuse_open_door(config, name)
    token_file = _chosen(arguments.tokens, "tokens.json", "data/token.json")
    with _naming(token_file):
        tokens = parse_token_file(_read(token_file)) if token_file else ()
    return _Setup(config, tokens, tuple(warnings), config_file)


def _chosen(flag: str | None, *usual: str) -> Path | None:
    """The file that was named, which must be there, or the first usual one that is."""
    if flag is not None:
        return Path(flag)
    return next((path for path in map(Path, usual) if path.exists()), None)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from None


@contextlib.contextmanager
def _naming(path: Path | None) -> Iterator[None]:
    """Put the file's name before what is wrong with it."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}" if path and not str(error).startswith(str(path)) else str(error)) from None


def _refuse_open_door(config: Config, name: str) -> None:
    if not is_loopback(config.server.host) and not config.grok.api_key and not config.keys:
        in_file = f"{name}: " if name else ""
        raise ConfigError(
            f"{in_file}[server] host: {config.server.host} is reachable from other machines, so [grok] api_key must be set"
        )


# Commands ---------------------------------------------------------------------------------------------------------


def _serve_command(setup: _Setup) -> int:
    faulthandler.enable()
    configure_logging(setup.config.global_)
    for warning in setup.warnings:
        _log.warning("%s", warning)
    config = setup.config
    with _naming(setup.config_file):
        check_library(_curl_settings(config))
        sockets = listen(config.server.host, config.server.port)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    trio.run(_serve_until_signal, setup, sockets)
    return 0


def _models_command(setup: _Setup) -> int:
    rows = [("model", "at Grok", "cost", "tier", "clocks: first / chunk / total (s)")]
    for model in setup.config.models.values():
        at_grok = model.mode_id or f"{model.grok_model}, {model.mode}"
        assert model.limits is not None
        clocks = f"{model.limits.first_response:g} / {model.limits.chunk:g} / {model.limits.total:g}"
        rows.append((model.name, at_grok, str(model.cost), model.tier.value, clocks))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


# The server -------------------------------------------------------------------------------------------------------


async def run_server(
    config: Config,
    tokens: Sequence[TokenEntry],
    sockets: Sequence[socket.socket],
    stop: trio.Event,
    *,
    task_status: trio.TaskStatus[Gateway] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Build the whole server and run it on bound *sockets* until *stop* is set and it has drained."""
    transport = CurlTransport(_curl_settings(config))
    book = TokenBook(tokens, default_proxy=config.grok.proxy_url, max_in_flight=config.pool.max_in_flight_per_token)
    pool = TokenPool(book, queue_s=config.pool.queue_seconds)
    gateway = Gateway(transport, pool, _gateway_settings(config))
    state = ServerState()
    app = create_app(config, gateway, state)
    async with trio.open_nursery() as nursery:
        await nursery.start(transport.run)
        await nursery.start(gateway.alarm.run)
        async with trio.open_nursery() as serving:
            await serving.start(serve, app, gateway, state, config.server, sockets, stop)
            task_status.started(gateway)
        nursery.cancel_scope.cancel()


async def _serve_until_signal(setup: _Setup, sockets: Sequence[socket.socket]) -> None:
    stop = trio.Event()
    config, tokens = setup.config, setup.tokens
    url = _url_of(sockets[0])
    async with trio.open_nursery() as helpers:
        helpers.start_soon(_stop_on_signal, stop)
        if setup.demo:
            simulated = await helpers.start(serve_simulator)
            config = evolve(config, grok=evolve(config.grok, base_url=simulated, assets_url=simulated, proxy_url=""))
            tokens = parse_token_file(DEMO_TOKENS)
        async with trio.open_nursery() as serving:
            await serving.start(run_server, config, tokens, sockets, stop)
            print(_ready_line(url, tokens, demo=setup.demo), file=sys.stderr, flush=True)
        helpers.cancel_scope.cancel()


async def _stop_on_signal(stop: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for received in signals:
            if stop.is_set():
                os._exit(128 + received)  # a second one: whoever sends it has lost patience
            stop.set()


def _ready_line(url: str, tokens: Sequence[TokenEntry], *, demo: bool) -> str:
    able = sum(not entry.disabled for entry in tokens)
    known = f"{able} tokens" if able != 1 else "1 token"
    what = "a simulated Grok, nothing leaves this machine" if demo else known if able else "no tokens yet: see README"
    return f"grok2api {__version__} ready on {url} ({what})"


def _url_of(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _curl_settings(config: Config) -> CurlSettings:
    return CurlSettings(impersonate=config.grok.impersonate, ca_file=config.grok.ca_file)


def _gateway_settings(config: Config) -> GatewaySettings:
    grok = config.grok
    return GatewaySettings(
        base_url=grok.base_url,
        identity=Identity(grok.x_statsig_id, grok.cf_clearance, grok.user_agent),
        filtered_tags=grok.filtered_tags,
        temporary=grok.temporary,
        memory=grok.memory,
    )
