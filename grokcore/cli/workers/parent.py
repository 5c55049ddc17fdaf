"""The parent: starts the workers, starts one again that has died, and ends them all.

Rules
-----
1. A worker that ends before all have been ready once ends the server, with the worker's code: its
   configuration is wrong, say, and the worker has said so.
2. Later, a worker that dies is started again, up to the limit of
   :class:`~grokcore.protocol.workers.restarts.Restarts`. Beyond it the server ends with code 1.
3. A worker that can't start again because of a faulty file is no death: the others serve as
   before, and it is tried again from time to time.
4. A first signal stops all workers, a second one ends them at once. Whatever they do, none is left
   when the parent ends.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

import trio
from attrs import define, field

from ...logs import drain_log
from ...protocol.workers.restarts import WITHIN_S
from ...runtime.workers.channel import Channel
from ...runtime.workers.hub import Hub
from ..last_net import LAST_LINES_S, LastNet
from .life import Launch, Worker, how_it_ended
from .reporting import ParentReporter, stop_seconds
from .topics import END, READY, RELOAD, RELOADED, STOP

__all__ = ["Parent"]

LOOK_EVERY_S = 10.0
"""Seconds between two looks at the workers, without a watchdog."""

FEEDS_PER_INTERVAL = 3
"""Looks within the watchdog's time, as for one process."""

FAULTY_S = 10.0
"""The wait before the next start of a worker that a faulty file keeps from starting."""

HURRY_S = 0.5
"""Seconds that workers have to end after a second signal, before they are killed."""

RELOAD_S = 30.0
"""The most seconds that a reload may take before systemd counts it as over."""

_NOT_STARTED = 71
"""EX_OSERR of sysexits.h, for a process that the system had no room for."""

_CONFIG = 78
"""The exit code of a process that can't run as configured."""

_log = logging.getLogger(__name__)


@define
class Parent:
    """A server's parent process.

    :ivar grace_s: seconds that answers have to end after a signal.
    :ivar unlisten: closes the parent's copies of the listening sockets.
    :ivar announce: called once, when all workers are ready, with the first one's warnings.
    """

    launch: Launch
    hub: Hub
    reporter: ParentReporter
    net: LastNet
    grace_s: float
    unlisten: Callable[[], None]
    announce: Callable[[Mapping[str, str]], None]
    _workers: list[Worker] = field(factory=list)
    _stop: trio.Event = field(factory=trio.Event)
    _began: bool = False
    _code: int = 0
    _reloading: set[int] = field(factory=set)
    _warnings: Mapping[str, str] = field(factory=dict)

    async def run(self) -> int:
        """Serve until a signal stops it. Returns the exit code."""
        self._workers = [Worker(index) for index in range(self.launch.count)]
        async with trio.open_nursery() as helpers:
            await helpers.start(self._heed_signals, helpers)
            helpers.start_soon(self._look_regularly)
            helpers.start_soon(self._unlisten_at_the_end)
            helpers.start_soon(self._kill_late)
            async with trio.open_nursery() as living:
                for worker in self._workers:
                    living.start_soon(self._keep, worker)
            helpers.cancel_scope.cancel()
        return self._code

    # One worker ----------------------------------------------------------------------------------

    async def _keep(self, worker: Worker) -> None:
        while not self._stop.is_set():
            try:
                code = await worker.live(self.launch, lambda channel: self._join(worker, channel))
            except OSError as error:
                _log.error("worker %d can't be started: %s", worker.index, error.strerror or error)
                code = _NOT_STARTED
            self.hub.leave(worker.index)
            self._reloaded(worker)
            if self._stop.is_set():
                self._code = self._code or (1 if code else 0)
            else:
                await self._after_death(worker, code)

    def _join(self, worker: Worker, channel: Channel) -> None:
        def ready(warnings: Any) -> None:
            worker.ready = True
            if worker.index == 0:
                self._warnings = warnings
            self._look_whether_all_are_ready()

        channel.hear(READY, ready)
        channel.hear(RELOADED, lambda _: self._reloaded(worker))
        self.hub.join(worker.index, channel)
        if self._stop.is_set():  # while the process was made
            worker.tell(STOP, signal.SIGTERM)

    async def _after_death(self, worker: Worker, code: int) -> None:
        """Wait before the next start, or stop all."""
        name = f"worker {worker.index}"
        if not self._began:
            _log.error("%s %s before it was ready: the server ends", name, how_it_ended(code))
            self._begin_to_stop(signal.SIGTERM, code if code > 0 else 1)
            return
        if code == _CONFIG:
            wait: float | None = FAULTY_S
        else:
            wait = worker.restarts.died(trio.current_time())
        if wait is None:
            words = "%s %s, and has died too often within %g s: the server ends"
            _log.critical(words, name, how_it_ended(code), WITHIN_S)
            self._begin_to_stop(signal.SIGTERM, 1)
            return
        _log.error("%s %s; it is started again in %g s", name, how_it_ended(code), wait)
        with trio.move_on_after(wait):
            await self._stop.wait()

    def _look_whether_all_are_ready(self) -> None:
        if self._began or self._stop.is_set():
            return
        if not all(worker.ready for worker in self._workers):
            return
        self._began = True
        self.announce(self._warnings)
        self.reporter.ready()

    # Signals -------------------------------------------------------------------------------------

    async def _heed_signals(
        self, helpers: trio.Nursery, *, task_status: trio.TaskStatus[None]
    ) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            task_status.started()
            async for received in signals:
                if received == signal.SIGHUP:
                    helpers.start_soon(self._reload)
                elif self._stop.is_set():
                    await self._end_at_once(received)
                else:
                    name = signal.Signals(received).name
                    _log.info("%s: stopping %d workers", name, self.launch.count)
                    self._begin_to_stop(received, 0)

    def _begin_to_stop(self, received: int, code: int) -> None:
        if self._stop.is_set():
            return
        self._code = code
        self.reporter.stopping(stop_seconds(self.grace_s))
        # A second more, since the parent has to kill the rest first.
        self.net.spread(stop_seconds(self.grace_s) + 1)
        self._stop.set()
        for worker in self._workers:
            worker.tell(STOP, int(received))

    async def _unlisten_at_the_end(self) -> None:
        await self._stop.wait()
        while any(worker.starts for worker in self._workers):  # noqa: ASYNC110
            await trio.sleep(0.01)  # its descriptors must not become other files'
        self.unlisten()

    async def _kill_late(self) -> None:
        await self._stop.wait()
        await trio.sleep(stop_seconds(self.grace_s))
        late = [worker for worker in self._workers if worker.process_id]
        _log.critical("workers that have not stopped in time are ended: %d", len(late))
        for worker in late:
            worker.kill()

    async def _end_at_once(self, received: int) -> None:
        """End all without waiting for answers: the sender of a second signal lost patience."""
        _log.warning("%s again: all workers end at once", signal.Signals(received).name)
        self._code = 128 + received  # if all have ended before this goes on
        for worker in self._workers:
            worker.tell(END, int(received))
        with trio.move_on_after(HURRY_S):
            while any(worker.process_id for worker in self._workers):  # noqa: ASYNC110
                await trio.sleep(0.02)
        for worker in self._workers:
            worker.kill()
        drain_log(LAST_LINES_S)
        os._exit(128 + received)

    async def _reload(self) -> None:
        """Have all workers read the files again."""
        self.reporter.reloading()
        self._reloading |= {worker.index for worker in self._workers if worker.ready}
        for worker in self._workers:
            worker.tell(RELOAD)
        with trio.move_on_after(RELOAD_S):
            while self._reloading:  # noqa: ASYNC110 - several reloads may be under way
                await trio.sleep(0.05)
        self._reloading.clear()
        self.reporter.reloaded()

    def _reloaded(self, worker: Worker) -> None:
        self._reloading.discard(worker.index)

    # Looking -------------------------------------------------------------------------------------

    async def _look_regularly(self) -> None:
        watchdog_s = self.reporter.watchdog_s
        every_s = LOOK_EVERY_S if watchdog_s is None else watchdog_s / FEEDS_PER_INTERVAL
        while True:
            await self._look(every_s / 2)
            await trio.sleep(every_s / 2)

    async def _look(self, seconds: float) -> None:
        """Ask all workers, and pass their answers on to systemd."""
        hung = {worker.index for worker in self._workers if worker.hangs}
        async with trio.open_nursery() as nursery:
            for worker in self._workers:
                nursery.start_soon(worker.look, seconds)
        for worker in self._workers:
            if worker.hangs and worker.index not in hung:
                _log.error("worker %d does not answer: it hangs, or is busy", worker.index)
            elif worker.index in hung and not worker.hangs:
                _log.info("worker %d answers again", worker.index)
        alive = not any(worker.hangs for worker in self._workers)
        self.reporter.look(self._status(), alive=alive)

    def _status(self) -> str:
        """All workers in a line, for ``systemctl status``."""
        restarts = sum(worker.restarts.count for worker in self._workers)
        there = [worker for worker in self._workers if worker.ready and not worker.hangs]
        parts = [f"{len(there)} of {len(self._workers)} workers serve"]
        if restarts:
            parts.append(f"restarts: {restarts}")
        under_way = sum(int(str(worker.figures.get("open", 0))) for worker in there)
        if under_way:
            parts.append(f"answers under way: {under_way}")
        first = next((str(worker.figures.get("line", "")) for worker in there), "")
        return "; ".join([*parts, first]) if first else "; ".join(parts)
