"""``serve``: the server in its process: files, sockets, signals, and the line that says it is ready."""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import trio
from attrs import evolve, field, frozen

from .. import __version__
from ..config import Config
from ..logs import configure_logging
from ..protocol.tokens import TokenEntry, parse_token_file
from ..runtime.curl import check_library
from ..runtime.data_dir import DataDirectory
from ..runtime.store import StateFile
from ..simulator.serve import DEMO_TOKENS, serve_simulator
from ..web.server import PortInUse, listen
from .reload import Reloader
from .server import Server, curl_settings
from .setup import Settings, Sources, data_folder, naming
from .tokens.states import STATE_FILE

__all__ = ["serve_command"]

SWITCH_INTERVAL_S = 0.001
"""How long a thread may keep the interpreter while another waits. Python's default of 5 ms is what the transport's thread
would wait for when trio is busy, and is seen as lag of single tokens."""

_log = logging.getLogger(__name__)


@frozen
class _Start:
    """What the server starts with."""

    sources: Sources
    settings: Settings
    tokens: tuple[TokenEntry, ...]
    sockets: Sequence[socket.socket] = field(eq=False)
    state_file: StateFile | None
    folder_fault: str
    record: Path | None


def serve_command(arguments: argparse.Namespace) -> int:
    """Run the server until it is told to stop."""
    sources = Sources(arguments, os.environ)
    settings = sources.read_config()
    tokens = sources.read_tokens()
    config = settings.config
    faulthandler.enable()
    configure_logging(config.global_)
    for warning in settings.warnings:
        _log.warning("%s", warning)
    with naming(settings.file):
        check_library(curl_settings(config))
        sockets = _listen(config, demo=sources.demo)
    with _closing(sockets), _data_directory(config, demo=sources.demo) as folder:
        if folder.fault:
            _log.warning("%s: %s. What is learned is not kept.", folder.path, folder.fault)
        state_file = None if folder.fault else StateFile(folder.path / STATE_FILE)
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        start = _Start(sources, settings, tokens, sockets, state_file, folder.fault, arguments.record)
        trio.run(_serve_until_signal, start)
    return 0


# The server -------------------------------------------------------------------------------------------------------


def _listen(config: Config, *, demo: bool) -> list[socket.socket]:
    """As :func:`listen`; who has the port may well be a server with the same data directory, and that is said then."""
    try:
        return listen(config.server.host, config.server.port)
    except PortInUse:
        folder = data_folder(config, os.environ)
        if not demo and folder.is_dir():
            DataDirectory.hold(folder).release()
        raise


@contextlib.contextmanager
def _closing(sockets: Sequence[socket.socket]) -> Iterator[None]:
    """Close those that nobody has taken over (a second server on the same data directory ends before that)."""
    try:
        yield
    finally:
        for bound in sockets:
            bound.close()


@contextlib.contextmanager
def _data_directory(config: Config, *, demo: bool) -> Iterator[DataDirectory]:
    with contextlib.ExitStack() as stack:
        if demo:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="grok2api-demo-")))
        else:
            path = data_folder(config, os.environ)
        yield stack.enter_context(DataDirectory.hold(path))


async def _serve_until_signal(start: _Start) -> None:
    stop = trio.Event()
    config, tokens = start.settings.config, start.tokens
    url = _url_of(start.sockets[0])
    async with trio.open_nursery() as helpers:
        if start.sources.demo:
            simulated = await helpers.start(serve_simulator)
            config = evolve(config, grok=evolve(config.grok, base_url=simulated, assets_url=simulated, proxy_url=""))
            tokens = parse_token_file(DEMO_TOKENS)
        server = Server(config, tokens, start.state_file, record=start.record)
        if start.folder_fault:
            server.state.faults["state"] = lambda: start.folder_fault
        reloader = None if start.sources.demo else Reloader(start.sources, server, start.settings, tokens)
        helpers.start_soon(_heed_signals, stop, reloader)
        # What there is now stays; the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        async with trio.open_nursery() as serving:
            await serving.start(server.run, start.sockets, stop)
            print(_ready_line(url, tokens, demo=start.sources.demo), file=sys.stderr, flush=True)
            if reloader is not None:
                helpers.start_soon(reloader.run)
        helpers.cancel_scope.cancel()


async def _heed_signals(stop: trio.Event, reloader: Reloader | None) -> None:
    hangup = {signal.SIGHUP} if hasattr(signal, "SIGHUP") else set()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, *hangup) as signals:
        async for received in signals:
            if received in hangup:
                if reloader is not None:
                    reloader.hurry()
            elif stop.is_set():
                os._exit(128 + received)  # a second one: whoever sends it has lost patience
            else:
                stop.set()


def _ready_line(url: str, tokens: Sequence[TokenEntry], *, demo: bool) -> str:
    able = sum(not entry.disabled for entry in tokens)
    known = f"{able} tokens" if able != 1 else "1 token"
    what = "a simulated Grok, nothing leaves this machine" if demo else known if able else "no tokens yet: see README"
    return f"grok2api {__version__} ready on {url} ({what})"


def _url_of(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
