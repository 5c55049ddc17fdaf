"""``serve``: the server's process: files, sockets, signals, and the line that reports it ready."""

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
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
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
from ..runtime.disk.writable import writing_fault
from ..runtime.running_clock import RunningClock
from ..simulator.demo_tokens import DEMO_TOKENS
from ..web.server import PortInUse, listen
from .assembly import Server, check_curl
from .farewell import Farewell
from .holding import HeldStateFile, keep_holding
from .lanes_told import lane_lines, lanes_that_answer
from .last_net import LAST_LINES_S, LastNet
from .page_edits import DemoFiles, OwnersFiles, PageEdits
from .permissions import look_at_access
from .reload import Reloader, log_note
from .reporting import STOP_MARGIN_S, Reporter
from .setup import InputFiles, Settings, data_folder, naming, refuse_open_door
from .sources_told import sources_line
from .systemd import Notifier, passed_sockets
from .tokens.states import STATE_FILE

__all__ = ["ready_line", "serve_command"]

SWITCH_INTERVAL_S = 0.001
"""Seconds that a thread may keep the interpreter while another waits. With Python's default of 5
ms, the transport's thread waits that long for a busy trio, and single tokens lag visibly.
"""

_log = logging.getLogger(__name__)


@frozen
class _Start:
    """Everything that the server starts with."""

    inputs: InputFiles
    settings: Settings
    tokens: tuple[TokenEntry, ...]
    notes: Sequence[Note]
    sockets: Sequence[socket.socket] = field(eq=False)
    state_file: HeldStateFile | None
    folder: Path
    folder_fault: str
    record: Path | None
    notifier: Notifier
    net: LastNet


def serve_command(arguments: argparse.Namespace) -> int:
    """Run the server until a signal stops it. Returns the exit code: 0, or 1 after a bug.

    :raises ConfigError: if it can't run as configured, or another server uses its data directory.
    :raises PortInUse: if another program has its port.
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
    # Sockets first: the number of an announced socket that is missing must not become another
    # file's.
    with (
        _sockets(settings, demo=inputs.demo) as sockets,
        Notifier.of_environment(os.environ) as notifier,
        _data_directory(config, demo=inputs.demo) as folder,
        LastNet() as net,
    ):
        if not inputs.demo:
            _log.info("%s", sources_line(inputs, settings, len(tokens), folder.path))
        if folder.fault:
            _log.warning("%s: %s. Learned state is not saved.", folder.path, folder.fault)
        state_file = None if folder.fault else HeldStateFile(folder.path / STATE_FILE, folder)
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        start = _Start(
            inputs,
            settings,
            tokens,
            notes,
            sockets,
            state_file,
            folder.path,
            folder.fault,
            inputs.record,
            notifier,
            net,
        )
        try:
            trio.run(_serve_until_signal, start, clock=RunningClock())
        except Exception:
            # Boundary, the process's last. Logged, not raised: the interpreter would write the
            # traceback itself, and block if stderr's reader is slow.
            _log.exception("a bug ended the server")
            return 1
    return 0


def _open_standard_descriptors() -> None:
    """Give the process a stdin, stdout and stderr if one is closed (``2>&-``).

    Otherwise the next file or socket would get its number, and all output meant for it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one


# Sockets ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def _sockets(settings: Settings, *, demo: bool) -> Iterator[Sequence[socket.socket]]:
    """The sockets that systemd has opened for this process, else those of ``[server] host`` and
    ``port``.

    On exit, sockets that were not handed to the server are closed: a second server on the same data
    directory ends before that.

    :raises ConfigError: if there are none, or if other machines could use one of them without a
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
    """Bind as :func:`listen`. If the port is in use, report a server on the same data directory
    first.
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
    """Apply the rule for ``[server] host`` to the address that the socket is really bound to."""
    server = evolve(settings.config.server, host=bound.getsockname()[0])
    try:
        refuse_open_door(evolve(settings.config, server=server), "")
    except ConfigError:
        fault = f"{_url_of(bound)} is reachable from other machines, so [grok] api_key must be set"
        raise ConfigError(f"{settings.file}: {fault}" if settings.file else fault) from None


def _is_of_a_network(bound: socket.socket) -> bool:
    """Whether other machines could reach a socket. A local one has a path or an abstract name."""
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
            # Late, since a server without a demo does without its memory.
            from .demo import serve_demo

            config = await helpers.start(serve_demo, start.settings.config, start.folder)
            start = _at(config, start)
        server = Server(start.settings.config, start.tokens, start.state_file, record=start.record)
        if start.folder_fault:
            server.state.faults["state"] = lambda: start.folder_fault
            server.pool.written = _never(start.folder_fault)
        elif fault := writing_fault(start.folder):
            server.doubt_disk(fault)
        farewell = Farewell(server)
        reporter = Reporter(start.notifier, server)
        reloader = (
            None
            if start.inputs.demo
            else Reloader(start.inputs, server, start.settings, start.tokens, start.notes)
        )
        if reloader is not None:
            reloader.on_reload.append(reporter.reloaded)
            server.edits = PageEdits(OwnersFiles(start.inputs, server, reloader))
        else:
            server.edits = PageEdits(DemoFiles(start.folder, server))
        helpers.start_soon(_heed_signals, stop, reloader, reporter, farewell, start)
        # All objects made so far stay, so the collector need not visit them again.
        gc.collect()
        gc.freeze()
        async with trio.open_nursery() as serving:
            await serving.start(server.run, start.sockets, stop)
            demo = start.inputs.demo
            warnings = {} if demo else server.state.warnings()
            lanes = "" if demo else _tell_lanes(start.settings.config)
            line = ready_line(url, start.tokens, warnings, lanes=lanes, demo=demo)
            print(line, file=sys.stderr, flush=True)
            reporter.ready()
            helpers.start_soon(reporter.run)
            if start.state_file is not None:
                helpers.start_soon(keep_holding, start.state_file.directory, server.state)
            if reloader is not None:
                helpers.start_soon(reloader.run)
        farewell.end()
        helpers.cancel_scope.cancel()


def _never(fault: str) -> Callable[[], Awaitable[str]]:
    """The answer to an owner's action while nothing can be saved."""

    async def written() -> str:
        return fault

    return written


def _at(config: Config, start: _Start) -> _Start:
    """*start* with simulated services, and tokens that they accept."""
    settings = evolve(start.settings, config=config)
    return evolve(start, settings=settings, tokens=parse_token_file(DEMO_TOKENS))


async def _heed_signals(
    stop: trio.Event,
    reloader: Reloader | None,
    reporter: Reporter,
    farewell: Farewell,
    start: _Start,
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
                farewell.hurried(received)
                drain_log(LAST_LINES_S)
                os._exit(128 + received)  # a second signal: its sender has lost patience
            else:
                farewell.begin(received)
                reporter.stopping()
                start.net.spread(start.settings.config.server.grace_seconds + STOP_MARGIN_S)
                stop.set()


def _tell_lanes(config: Config) -> str:
    """Log who pays for answers of the official lanes; returns the lanes' names."""
    for line in lane_lines(config, os.environ):
        _log.info("%s", line)
    return lanes_that_answer(config, os.environ)


def ready_line(
    url: str,
    tokens: Sequence[TokenEntry],
    warnings: Mapping[str, str],
    *,
    lanes: str = "",
    demo: bool = False,
) -> str:
    """The line that reports a server ready, on *url*.

    :param lanes: the official lanes in use, in words; "" for none.
    """
    able = sum(not entry.disabled for entry in tokens)
    usable = f"{able} tokens" if able != 1 else "1 token"
    what = (
        "a simulated Grok, nothing leaves this machine"
        if demo
        else usable
        if able
        else "no session tokens"
        if lanes
        else "no tokens yet: `tokens add` asks for one"
    )
    what += f", {lanes}" if lanes else ""
    warned = "".join(f". Warning: {words}" for words in warnings.values())
    return f"grok2api {__version__} ready on {url} ({what}){warned}"
