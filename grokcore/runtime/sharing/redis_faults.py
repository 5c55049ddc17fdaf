"""Reasons why a Redis can't be used, in sentences for the owner.

No sentence quotes a command that was sent, so that none has the password.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator

import anyio
import trio
from coredis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    InvalidResponse,
    MovedError,
    ProtocolError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    UnknownCommandError,
)

from ...protocol.sharing.redis_address import ShareAddress
from .table_seam import TableGone

__all__ = ["TableRefused", "fault_of", "no_answer", "too_old"]

WORDS_AT_MOST = 200
"""Characters of a Redis's own words that are shown."""


class TableRefused(TableGone):
    """Neither time nor another try helps: the address, the rights or the Redis must be another."""


def no_answer(address: ShareAddress, seconds: float) -> TableGone:
    """The fault of a Redis that has not answered in time."""
    return TableGone(f"The Redis at {address.place} has not answered for {seconds:g} s")


def too_old(address: ShareAddress, version: str) -> TableRefused:
    """The fault of a Redis that lacks commands."""
    return TableRefused(
        f"The Redis at {address.place} is too old ({version}); version 6 or newer is needed"
    )


def fault_of(error: Exception, address: ShareAddress) -> TableGone:
    """The fault for *error*, which a connection to *address* has raised."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, TableGone):
            return cause
        if refusal := _refusal(cause, address):
            return TableRefused(refusal)
        if trouble := _trouble(cause, address.place):
            return TableGone(trouble)
    if all(isinstance(cause, _OF_LOST_CONNECTIONS) for cause in causes):
        return TableGone(_closed(address.place))
    return TableRefused(_no_redis(address.place))


_OF_LOST_CONNECTIONS = (
    RedisError,
    OSError,
    BaseExceptionGroup,
    anyio.EndOfStream,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
)
"""A connection that is lost while it is made or used raises these."""


def _closed(place: str) -> str:
    return f"The Redis at {place} has closed the connection"


def _no_redis(place: str) -> str:
    return f"The server at {place} does not answer as a Redis does"


def _trouble(error: BaseException, place: str) -> str:
    """A reason that may pass; empty if there is none in *error*."""
    match error:
        case BusyLoadingError():
            return f"The Redis at {place} is still loading its data"
        case ResponseError():
            return f"The Redis at {place} refuses a command: {_words(error)}"
        case ConnectionResetError() | BrokenPipeError():
            return _closed(place)
        case socket.gaierror():
            return f"The Redis at {place} can't be reached: {error.strerror}"
        case OSError() if error.errno:
            return f"The Redis at {place} can't be reached: {os.strerror(error.errno)}"
    return ""


def _refusal(error: BaseException, address: ShareAddress) -> str:
    """A reason that will not pass; empty if there is none in *error*."""
    place = address.place
    match error:
        case AuthenticationError():
            return _of_password(address)
        case AuthorizationError():
            return f"The Redis at {place} forbids its user a command: {_words(error)}"
        case UnknownCommandError():
            return f"The Redis at {place} lacks a command; version 6 or newer is needed"
        case ReadOnlyError():
            return f"The Redis at {place} is a replica, which can't be written to"
        case MovedError():
            return f"The Redis at {place} is a node of a cluster and does not hold this pool"
        case InvalidResponse() | ProtocolError():
            return _no_redis(place)
        case ResponseError() if "DB index" in str(error) or "SELECT" in str(error):
            return f"The Redis at {place} has no database {address.db}"
        case ssl.SSLError():
            return _of_tls(error, place)
    return ""


def _of_password(address: ShareAddress) -> str:
    if not address.password:
        return f"The Redis at {address.place} wants a password"
    if address.user:
        return f"The Redis at {address.place} refuses the user or the password"
    return f"The Redis at {address.place} refuses the password"


def _of_tls(error: ssl.SSLError, place: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of the Redis at {place} is not trusted: {error.verify_message}"
    return f"The server at {place} does not speak TLS; without it, write redis://"


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:WORDS_AT_MOST]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """*error* and its causes; of several at once, each."""
    while error is not None:
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from _causes(one)
        yield error
        error = error.__cause__ or error.__context__
