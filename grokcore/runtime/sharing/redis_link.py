"""A connection to a Redis, made again when it is lost.

Theory
------
Every command runs in a task of the link. The caller only waits for that task, and can leave at any
moment: the task takes the answer that is under way. So no answer is taken for another
command's, and a client that leaves breaks no connection that others use.

A connection on which a command got no answer in time is given up. Nothing is sent twice: after a
loss nobody knows whether a command was done.

coredis's pool is not used: it counts a connection that could not be made in time as in use for
ever.
"""

from __future__ import annotations

import logging
import secrets
import ssl
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import trio
from anyio import connect_tcp, connect_unix
from anyio.abc import ByteStream
from attrs import define, field, frozen
from coredis.connection import (
    BaseConnection,
    Location,
    TCPLocation,
    UnixDomainSocketLocation,
)
from coredis.exceptions import ResponseError

from ...protocol.sharing.redis_address import ShareAddress
from ...protocol.sharing.redis_identity import RedisFacts, read_facts, version_of
from .redis_faults import fault_of, no_answer, too_old
from .table_seam import TableGone

__all__ = ["CALL_S", "Answer", "RedisLink", "Words"]

Words: TypeAlias = Sequence[str | int]
"""A command and its arguments."""

CALL_S = 2.0
"""For a command, together with a new connection."""

OLDEST = (6,)
"""Version of the oldest Redis that has ``HELLO``, which coredis begins with."""


_log = logging.getLogger(__name__)


@frozen
class Answer:
    """The answer to a command.

    :ivar facts: what the Redis that answered said of itself.
    """

    value: object
    facts: RedisFacts


@frozen
class _Live:
    connection: BaseConnection
    facts: RedisFacts


@define
class _Call:
    words: Callable[[RedisFacts], Words]
    done: trio.Event = field(factory=trio.Event)
    answer: Answer | None = None
    fault: TableGone = field(factory=lambda: TableGone("The shared pool is being closed"))


class RedisLink:
    """The commands of this process to one Redis. :meth:`run` must be running.

    :param call_s: see :data:`CALL_S`; another in tests.
    """

    def __init__(self, address: ShareAddress, *, call_s: float = CALL_S) -> None:
        self.address = address
        self._call_s = call_s
        self._tls = ssl.create_default_context() if address.tls else None
        self._nursery: trio.Nursery | None = None
        self._live: _Live | None = None
        self._connecting = trio.Lock()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the connection, until this is cancelled."""
        logging.getLogger("coredis").setLevel(logging.CRITICAL)  # it logs what it raises as well
        try:
            async with trio.open_nursery() as self._nursery:
                task_status.started()
                await trio.sleep_forever()
        finally:
            self._nursery = self._live = None

    async def call(self, words: Callable[[RedisFacts], Words]) -> Answer:
        """Send a command. May be cancelled at any time; the command was done then, or not.

        :param words: makes the command for the Redis that it is sent to.
        :raises TableGone: if it was refused, or there was no answer within *call_s* seconds.
        """
        call = _Call(words)
        if self._nursery is None:
            raise call.fault
        self._nursery.start_soon(self._do, call)
        await call.done.wait()
        if call.answer is None:
            raise call.fault
        return call.answer

    async def _do(self, call: _Call) -> None:
        live = None
        scope = trio.CancelScope(deadline=trio.current_time() + self._call_s)
        try:
            with scope:
                live = await self._connected()
                call.answer = await self._sent(live, call)
        except Exception as error:  # boundary: coredis raises also what its parser stumbles over
            call.fault = fault_of(error, self.address)
        finally:
            if call.answer is None and scope.cancel_called:
                call.fault = no_answer(self.address, self._call_s)
                if live is not None:
                    live.connection.invalidate()
            call.done.set()

    async def _sent(self, live: _Live, call: _Call) -> Answer:
        command, *arguments = call.words(live.facts)
        request = live.connection.create_request(str(command).encode(), *arguments, decode=True)
        return Answer(await request, live.facts)

    async def _connected(self) -> _Live:
        async with self._connecting:
            if self._live is None or not self._live.connection.usable:
                self._live = None
                self._live = await self._connect()
            return self._live

    async def _connect(self) -> _Live:
        assert self._nursery is not None
        connection = await self._connection()
        await self._nursery.start(connection.run)
        try:
            facts = await self._facts(connection)
        except BaseException:
            connection.invalidate()
            raise
        return _Live(connection, facts)

    async def _facts(self, connection: BaseConnection) -> RedisFacts:
        unknown, version = secrets.token_hex(8), connection.server_version or ""
        try:
            info = str(await connection.create_request(b"INFO", decode=True))
        except ResponseError:  # it may be forbidden
            info = ""
        facts = read_facts(info, unknown, trio.current_time())
        if version_of(facts.version or version) < OLDEST:
            raise too_old(self.address, facts.version or version)
        if facts.evicts:
            _log.warning(
                "The Redis at %s drops keys when its memory is full (maxmemory-policy %s); two "
                "servers may then use one token at the same time. Set it to noeviction.",
                *(self.address.place, facts.evicts),
            )
        return facts

    async def _connection(self) -> BaseConnection:
        to = self.address
        stream: ByteStream
        location: Location
        if to.path:
            stream, location = await connect_unix(to.path), UnixDomainSocketLocation(to.path)
        else:
            stream, location = await self._tcp(), TCPLocation(to.host, to.port)
        return _Connection(
            location,
            username=to.user or None,
            password=to.password or None,
            db=to.db,
            stream=stream,
        )

    async def _tcp(self) -> ByteStream:
        to = self.address
        if self._tls is None:
            return await connect_tcp(to.host, to.port)
        return await connect_tcp(
            to.host, to.port, tls=True, ssl_context=self._tls, tls_standard_compatible=False
        )


class _Connection(BaseConnection):
    """A connection over a stream that is there: one that coredis fails to make leaves buffers
    open.
    """

    def __init__(self, *arguments: Any, stream: ByteStream, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._made = stream

    async def _connect(self) -> ByteStream:
        return self._made

    def describe(self) -> str:
        return repr(self.location)
