"""``serve``: the server's process: files, sockets, signals, and the line that reports it ready."""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import linecache
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import trio
from attrs import define, evolve, field, frozen

from .. import __version__
from ..config import Config, warnings_of
from ..languages.streams import said
from ..logs import configure_logging, drain_log, stderr_without_waiting
from ..protocol.token_file.reading import Note, parse_token_file
from ..protocol.tokens import TokenEntry
from ..runtime.disk.data_dir import DataDirectory
from ..runtime.disk.writable import writing_fault
from ..runtime.running_clock import RunningClock
from ..runtime.workers.peers import NoPeers
from ..simulator.demo_tokens import DEMO_TOKENS
from .assembly import Server, check_curl
from .farewell import Farewell
from .holding import HeldStateFile, keep_holding
from .lanes_told import lane_lines, lanes_that_answer
from .last_net import LAST_LINES_S, LastNet
from .listening import listening_sockets, url_of
from .page_edits import DemoFiles, OwnersFiles, PageEdits
from .permissions import look_at_access
from .reload import Reloader, log_note
from .reporting import STOP_MARGIN_S, Reporter, status_line
from .setup import InputFiles, Settings, data_folder
from .sources_told import sources_line
from .systemd import Notifier
from .tokens.states import STATE_FILE

if TYPE_CHECKING:  # a server that is one process, and shares nothing, does without their memory
    from ..runtime.sharing.table_seam import SharedTable
    from .workers.link import Link
    from .workers.place import Place

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
    place: Place | None


def serve_command(arguments: argparse.Namespace) -> int:
    """Run the server until a signal stops it. Returns the exit code: 0, or 1 after a bug.

    :raises ConfigError: if it can't run as configured, or another server uses its data directory.
    :raises PortInUse: if another program has its port.
    """
    _open_standard_descriptors()
    place = _place()
    inputs = InputFiles(arguments, os.environ)
    settings = inputs.read_config()
    tokens, notes = inputs.read_tokens_with_notes()
    with contextlib.suppress(RuntimeError):  # there is no stderr
        faulthandler.enable()
    with stderr_without_waiting(shared=place is not None):
        configure_logging(settings.config.global_, worker=place.index if place else None)
        return _serve(inputs, settings, tokens, notes, place)


def _place() -> Place | None:
    """This process's place among the workers of a server; None if it is none of them."""
    if "_GROK2API_WORKER" not in os.environ:  # the name that the module below has
        return None
    from .workers.place import Place

    return Place.of_environment(os.environ)


def _serve(
    inputs: InputFiles,
    settings: Settings,
    tokens: tuple[TokenEntry, ...],
    notes: Sequence[Note],
    place: Place | None,
) -> int:
    config = settings.config
    if place is None:  # else the parent has said it
        _tell_remarks(inputs, settings, notes)
    check_curl(settings)
    if config.pool.share and place is None and not inputs.demo:
        # Late, since a server that shares with nobody does without its memory.
        from .sharing import check_share

        check_share(settings)
    # Sockets first: the number of an announced socket that is missing must not become another
    # file's.
    with (
        listening_sockets(settings, demo=inputs.demo, place=place) as sockets,
        Notifier.of_environment(os.environ) as notifier,
        LastNet() as net,
    ):
        if place is None and config.server.workers > 1:
            return _serve_by_workers(inputs, settings, tokens, sockets, notifier, net)
        with _data_directory(config, demo=inputs.demo, place=place) as folder:
            if not inputs.demo and place is None:
                _log.info("%s", sources_line(inputs, settings, len(tokens), folder.path))
            if folder.fault:
                _log.warning("%s: %s. Learned state is not saved.", folder.path, folder.fault)
            state_file = None if folder.fault else HeldStateFile(folder.path / STATE_FILE, folder)
            start = _Start(
                inputs,
                settings,
                tokens,
                notes,
                sockets,
                state_file,
                folder.path,
                folder.fault,
                place.record_folder(inputs.record) if place else inputs.record,
                notifier,
                net,
                place,
            )
            return _run(start)


def _tell_remarks(inputs: InputFiles, settings: Settings, notes: Sequence[Note]) -> None:
    """Log what the owner should know of the files."""
    for warning in settings.warnings:
        _log.warning("%s", warning)
    for note in notes:
        log_note(inputs.token_file, note)
    for access in look_at_access(inputs, settings):
        if access.advice:
            _log.warning("%s. %s", access.message, access.advice)


def _run(start: _Start) -> int:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        trio.run(_serve_until_signal, start, clock=RunningClock())
    except Exception:
        # Boundary, the process's last. Logged, not raised: the interpreter would write the
        # traceback itself, and block if stderr's reader is slow.
        _log.exception("a bug ended the server")
        return 1
    return 0


def _serve_by_workers(
    inputs: InputFiles,
    settings: Settings,
    tokens: tuple[TokenEntry, ...],
    sockets: Sequence[socket.socket],
    notifier: Notifier,
    net: LastNet,
) -> int:
    """Be the parent of ``[server] workers``. Returns the exit code."""
    from .workers.start import serve_by_workers

    config, demo = settings.config, inputs.demo
    folder = Path() if demo else data_folder(config, os.environ)
    if not demo:
        _log.info("%s", sources_line(inputs, settings, len(tokens), folder))
    url, count = " and ".join(map(url_of, sockets)), config.server.workers
    lanes = "" if demo else _tell_lanes(config)

    def announce(warnings: Mapping[str, str]) -> None:
        shown = {} if demo else {**warnings_of(config), **warnings}
        line = ready_line(url, tokens, shown, lanes=lanes, demo=demo, workers=count)
        print(said(line), file=sys.stderr, flush=True)

    try:
        return serve_by_workers(
            config.server, sockets, "" if demo else str(folder), notifier, net, announce
        )
    except Exception:  # boundary: the process's last, as in _run
        _log.exception("a bug ended the server")
        return 1


def _open_standard_descriptors() -> None:
    """Give the process a stdin, stdout and stderr if one is closed (``2>&-``).

    Otherwise the next file or socket would get its number, and all output meant for it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one


# The server -------------------------------------------------------------------------------------


@contextlib.contextmanager
def _data_directory(
    config: Config, *, demo: bool, place: Place | None = None
) -> Iterator[DataDirectory]:
    with contextlib.ExitStack() as stack:
        if demo:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="grok2api-demo-")))
        elif place is not None:
            path = place.data_folder
        else:
            path = data_folder(config, os.environ)
        yield stack.enter_context(DataDirectory.hold(path))


async def _serve_until_signal(start: _Start) -> None:
    stop = trio.Event()
    url = " and ".join(map(url_of, start.sockets))
    async with trio.open_nursery() as helpers:
        if start.inputs.demo:
            # Late, since a server without a demo does without its memory.
            from .demo import serve_demo

            config = await helpers.start(serve_demo, start.settings.config, start.folder)
            start = _at(config, start)
        link = _link(start.place)
        server = Server(
            start.settings.config,
            start.tokens,
            start.state_file,
            record=start.record,
            table=await _shared_table(start, link, helpers),
            peers=NoPeers() if link is None else link.peers,
        )
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
        elif link is None:  # files of a demo are one worker's own
            server.edits = PageEdits(DemoFiles(start.folder, server))
        course = _Course(stop, reloader, reporter, farewell, start)
        if link is None:
            helpers.start_soon(_heed_signals, course)
        else:
            helpers.start_soon(_heed_parent, course, link, server)
        # attrs leaves the text of all methods that it has generated there, 1.2 MB, for debuggers.
        linecache.clearcache()
        # All objects made so far stay, so the collector need not visit them again.
        gc.collect()
        gc.freeze()
        async with trio.open_nursery() as serving:
            await serving.start(server.run, start.sockets, stop)
            if link is None:
                _tell_ready(start, server, url)
            else:
                link.ready(server.state.warnings())
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


def _link(place: Place | None) -> Link | None:
    if place is None:
        return None
    from .workers.link import Link

    return Link(place)


async def _shared_table(
    start: _Start, link: Link | None, helpers: trio.Nursery
) -> SharedTable | None:
    """The table in which this server shares its pool; None if it shares with nobody."""
    if start.settings.config.pool.share and not start.inputs.demo:
        from .sharing import open_table

        return await open_table(start.settings.config, helpers)
    return None if link is None else link.table


def _tell_ready(start: _Start, server: Server, url: str) -> None:
    demo = start.inputs.demo
    warnings = {} if demo else server.state.warnings()
    lanes = "" if demo else _tell_lanes(start.settings.config)
    line = ready_line(url, start.tokens, warnings, lanes=lanes, demo=demo)
    print(said(line), file=sys.stderr, flush=True)


@define
class _Course:
    """The course of a server's life, changed by signals or by the parent."""

    stop: trio.Event
    _reloader: Reloader | None
    _reporter: Reporter
    _farewell: Farewell
    _start: _Start

    def on_reload(self, listener: Callable[[], None]) -> None:
        """Have *listener* called when the files have been read."""
        if self._reloader is not None:
            self._reloader.on_reload.append(listener)

    def reload(self) -> None:
        """Read the files again."""
        self._reporter.reloading()
        if self._reloader is not None:
            self._reloader.hurry()
        else:
            self._reporter.reloaded()

    def begin_to_stop(self, received: int) -> None:
        """Let answers under way finish within the grace time, then end. Done once."""
        if self.stop.is_set():
            return
        self._farewell.begin(received)
        self._reporter.stopping()
        self._start.net.spread(self._start.settings.config.server.grace_seconds + STOP_MARGIN_S)
        self.stop.set()

    def end_at_once(self, received: int) -> NoReturn:
        """End the process: the sender of a second signal has lost patience."""
        self._farewell.hurried(received)
        drain_log(LAST_LINES_S)
        os._exit(128 + received)


async def _heed_signals(course: _Course) -> None:
    hangup = {signal.SIGHUP} if hasattr(signal, "SIGHUP") else set()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, *hangup) as signals:
        async for received in signals:
            if received in hangup:
                course.reload()
            elif course.stop.is_set():
                course.end_at_once(received)
            else:
                course.begin_to_stop(received)


async def _heed_parent(course: _Course, link: Link, server: Server) -> None:
    """Do what the parent orders. A signal is one that a service manager has sent to all processes,
    and a second one its echo: only the parent hurries a worker.
    """
    from .workers.link import Orders

    def figures() -> Mapping[str, object]:
        return {"open": server.gateway.open_count, "line": status_line(server)}

    def orphaned() -> None:
        if not course.stop.is_set():
            _log.error("the parent process has ended, so this worker does too")
        course.begin_to_stop(signal.SIGTERM)

    orders = Orders(course.begin_to_stop, course.end_at_once, course.reload, orphaned, figures)
    course.on_reload(link.reloaded)
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(link.run, orders)
            async for received in signals:
                if received == signal.SIGHUP:
                    course.reload()
                else:
                    course.begin_to_stop(received)


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
    workers: int = 1,
) -> str:
    """The line that reports a server ready, on *url*.

    :param lanes: the official lanes in use, in words; "" for none.
    :param workers: the number of processes that serve together.
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
    what += f", {workers} workers" if workers > 1 else ""
    warned = "".join(f". Warning: {words}" for words in warnings.values())
    return f"grok2api {__version__} ready on {url} ({what}){warned}"
