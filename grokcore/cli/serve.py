"""``serve``: the server in its process: files, sockets, signals, and the line that says it is
ready.
"""

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
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import trio
from attrs import evolve, field, frozen

from .. import __version__
from ..config import Config
from ..errors import ConfigError
from ..logs import configure_logging, drain_log, stderr_without_waiting
from ..protocol.token_file.reading import Note, parse_token_file
from ..protocol.tokens import TokenEntry
from ..runtime.disk.data_dir import DataDirectory
from ..runtime.running_clock import RunningClock
from ..simulator.serve import DEMO_TOKENS, serve_simulator
from ..web.server import PortInUse, listen
from .assembly import Server, check_curl, with_simulator
from .holding import HeldStateFile, keep_holding
from .last_net import LAST_LINES_S, LastNet
from .permissions import look_at_access
from .reload import Reloader, log_note
from .reporting import STOP_MARGIN_S, Reporter
from .setup import InputFiles, Settings, data_folder, naming, refuse_open_door
from .systemd import Notifier, passed_sockets
from .tokens.states import STATE_FILE

__all__ = ["serve_command"]

SWITCH_INTERVAL_S = 0.001
"""How long a thread may keep the interpreter while another waits. Python's default of 5 ms is what
the transport's thread would wait for when trio is busy, and is seen as lag of single tokens."""

_log = logging.getLogger(__name__)


@frozen
class _Start:
    """What the server starts with."""

    inputs: InputFiles
    settings: Settings
    tokens: tuple[TokenEntry, ...]
    notes: Sequence[Note]
    sockets: Sequence[socket.socket] = field(eq=False)
    state_file: HeldStateFile | None
    folder_fault: str
    record: Path | None
    notifier: Notifier
    net: LastNet


def serve_command(arguments: argparse.Namespace) -> int:
    """Run the server until it is told to stop. Returns the exit code: 0, or 1 after a bug.

    :raises ConfigError: it can't be run as it is configured, or another server uses its data
        directory.
    :raises PortInUse: another program has its port.
    """
    _open_standard_descriptors()
    inputs = InputFiles(arguments, os.environ)
    settings = inputs.read_config()
    tokens, notes = inputs.read_tokens_with_notes()
    with contextlib.suppress(RuntimeError):  # there is no stderr
        faulthandler.enable()
    with stderr_without_waiting():
        configure_logging(settings.config.global_)
        return _serve(inputs, settings, tokens, notes)


def _serve(
    inputs: InputFiles, settings: Settings, tokens: tuple[TokenEntry, ...], notes: Sequence[Note]
) -> int:
    config = settings.config
    for warning in settings.warnings:
        _log.warning("%s", warning)
    for note in notes:
        log_note(inputs.token_file, note)
    for access in look_at_access(inputs, settings):
        if access.advice:
            _log.warning("%s. %s", access.message, access.advice)
    check_curl(settings)
    # Sockets first: the number of one that was announced and is not there must not become something
    # else's.
    with (
        _sockets(settings, demo=inputs.demo) as sockets,
        Notifier.of_environment(os.environ) as notifier,
        _data_directory(config, demo=inputs.demo) as folder,
        LastNet() as net,
    ):
        if folder.fault:
            _log.warning("%s: %s. What is learned is not kept.", folder.path, folder.fault)
        state_file = None if folder.fault else HeldStateFile(folder.path / STATE_FILE, folder)
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        start = _Start(
            inputs,
            settings,
            tokens,
            notes,
            sockets,
            state_file,
            folder.fault,
            inputs.record,
            notifier,
            net,
        )
        try:
            trio.run(_serve_until_signal, start, clock=RunningClock())
        except Exception:
            # Logged, not raised: the interpreter would write the traceback itself, and wait for who
            # reads it.
            _log.exception("a bug ended the server")
            return 1
    return 0


def _open_standard_descriptors() -> None:
    """Give the process a stdin, stdout and stderr if one is closed (``2>&-``).

    Otherwise the next file or socket would get its number, and everything that is written there.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one


# Sockets ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def _sockets(settings: Settings, *, demo: bool) -> Iterator[Sequence[socket.socket]]:
    """Those that systemd has opened for this process, else those of ``[server] host`` and ``port``.

    In the end those are closed that nobody has taken over (a second server on the same data
    directory ends before that).

    :raises ConfigError: there are none, or others than this machine could use one of them without a
        key.
    """
    sockets = passed_sockets(os.environ) or _listen(settings, demo=demo)
    try:
        for bound in filter(_is_of_a_network, sockets):
            _refuse_open_socket(settings, bound)
        yield sockets
    finally:
        for bound in sockets:
            bound.close()


def _listen(settings: Settings, *, demo: bool) -> list[socket.socket]:
    """As :func:`listen`; who has the port may well be a server with the same data directory, and
    that is said then.
    """
    try:
        with naming(settings.source("server", "host")):
            return listen(settings.config.server.host, settings.config.server.port)
    except PortInUse:
        folder = data_folder(settings.config, os.environ)
        if not demo and folder.is_dir():
            DataDirectory.hold(folder).release()
        raise


def _refuse_open_socket(settings: Settings, bound: socket.socket) -> None:
    """The rule for ``[server] host``, for where the socket really is."""
    server = evolve(settings.config.server, host=bound.getsockname()[0])
    try:
        refuse_open_door(evolve(settings.config, server=server), "")
    except ConfigError:
        fault = f"{_url_of(bound)} is reachable from other machines, so [grok] api_key must be set"
        raise ConfigError(f"{settings.file}: {fault}" if settings.file else fault) from None


def _is_of_a_network(bound: socket.socket) -> bool:
    """A local one is in the file system, or has an abstract name: nobody gets there from
    elsewhere.
    """
    return bound.family in (socket.AF_INET, socket.AF_INET6)


def _url_of(bound: socket.socket) -> str:
    name = bound.getsockname()
    if not _is_of_a_network(bound):
        return f"unix:{os.fsdecode(name)}".replace("\0", "@")
    host, port = name[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


# The server -------------------------------------------------------------------------------------


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
    url = " and ".join(map(_url_of, start.sockets))
    async with trio.open_nursery() as helpers:
        if start.inputs.demo:
            start = _at(await helpers.start(serve_simulator), start)
        server = Server(start.settings.config, start.tokens, start.state_file, record=start.record)
        if start.folder_fault:
            server.state.faults["state"] = lambda: start.folder_fault
            server.pool.written = _never(start.folder_fault)
        reporter = Reporter(start.notifier, server)
        reloader = (
            None
            if start.inputs.demo
            else Reloader(start.inputs, server, start.settings, start.tokens, start.notes)
        )
        if reloader is not None:
            reloader.on_reload.append(reporter.reloaded)
        helpers.start_soon(_heed_signals, stop, reloader, reporter, start)
        # What there is now stays; the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        async with trio.open_nursery() as serving:
            await serving.start(server.run, start.sockets, stop)
            print(
                _ready_line(url, start.tokens, demo=start.inputs.demo), file=sys.stderr, flush=True
            )
            reporter.ready()
            helpers.start_soon(reporter.run)
            if start.state_file is not None:
                helpers.start_soon(keep_holding, start.state_file.directory, server.state)
            if reloader is not None:
                helpers.start_soon(reloader.run)
        helpers.cancel_scope.cancel()


def _never(fault: str) -> Callable[[], Awaitable[str]]:
    """What an owner's action is answered with while nothing can be kept."""

    async def written() -> str:
        return fault

    return written


def _at(simulated: str, start: _Start) -> _Start:
    """*start* with the simulated Grok and tokens that it takes."""
    settings = evolve(start.settings, config=with_simulator(start.settings.config, simulated))
    return evolve(start, settings=settings, tokens=parse_token_file(DEMO_TOKENS))


async def _heed_signals(
    stop: trio.Event, reloader: Reloader | None, reporter: Reporter, start: _Start
) -> None:
    hangup = {signal.SIGHUP} if hasattr(signal, "SIGHUP") else set()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, *hangup) as signals:
        async for received in signals:
            if received in hangup:
                reporter.reloading()
                if reloader is not None:
                    reloader.hurry()
                else:
                    reporter.reloaded()
            elif stop.is_set():
                drain_log(LAST_LINES_S)
                os._exit(128 + received)  # a second one: whoever sends it has lost patience
            else:
                reporter.stopping()
                start.net.spread(start.settings.config.server.grace_seconds + STOP_MARGIN_S)
                stop.set()


def _ready_line(url: str, tokens: Sequence[TokenEntry], *, demo: bool) -> str:
    able = sum(not entry.disabled for entry in tokens)
    known = f"{able} tokens" if able != 1 else "1 token"
    what = (
        "a simulated Grok, nothing leaves this machine"
        if demo
        else known
        if able
        else "no tokens yet: see README"
    )
    return f"grok2api {__version__} ready on {url} ({what})"
