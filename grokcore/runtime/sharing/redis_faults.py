"""Why a Redis can't be used, in a sentence for the owner.

Nothing that a Redis is told comes back in a sentence, so that none has the password.
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
    """It has not answered in time."""
    return TableGone(f"The Redis at {address.place} has not answered for {seconds:g} s")


def too_old(address: ShareAddress, version: str) -> TableRefused:
    """It lacks commands."""
    return TableRefused(
        f"The Redis at {address.place} is too old ({version}); version 6 or newer is needed"
    )


def fault_of(error: Exception, address: ShareAddress) -> TableGone:
    """The sentence for what went wrong on a connection to *address*."""
    subject = f"The Redis at {address.place}"
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, TableGone):
            return cause
        if refusal := _refusal(cause, address):
            return TableRefused(f"{subject} {refusal}")
        if trouble := _trouble(cause):
            return TableGone(f"{subject} {trouble}")
    if all(isinstance(cause, _OF_CLOSED_CONNECTIONS) for cause in causes):
        return TableGone(f"{subject} has closed the connection")
    return TableRefused(f"{subject} does not answer as a Redis does")


_OF_CLOSED_CONNECTIONS = (
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


def _trouble(error: BaseException) -> str:
    """What is wrong now, if that is known; else empty."""
    match error:
        case BusyLoadingError():
            return "is still loading its data"
        case ResponseError():
            return f"refuses a command: {_words(error)}"
        case ConnectionResetError() | BrokenPipeError():
            return "has closed the connection"
        case socket.gaierror():
            return f"can't be reached: {error.strerror}"
        case OSError() if error.errno:
            return f"can't be reached: {os.strerror(error.errno)}"
    return ""


def _refusal(error: BaseException, address: ShareAddress) -> str:
    """What is wrong for good, if that is known; else empty."""
    match error:
        case AuthenticationError():
            return "refuses the password" if address.password else "wants a password"
        case AuthorizationError():
            return f"forbids its user a command: {_words(error)}"
        case UnknownCommandError():
            return f"lacks a command; version 6 or newer is needed: {_words(error)}"
        case ReadOnlyError():
            return "is a replica, which can't be written to"
        case MovedError():
            return "is a part of a cluster and does not hold this pool; name the node that does"
        case InvalidResponse() | ProtocolError():
            return "does not answer as a Redis does"
        case ResponseError() if "DB index" in str(error) or "SELECT" in str(error):
            return f"has no database {address.db}"
        case ssl.SSLCertVerificationError():
            return f"has a certificate that is not trusted: {error.verify_message}"
        case ssl.SSLError():
            return "does not speak TLS; without it, the address begins with redis://"
    return ""


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:WORDS_AT_MOST]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """*error* and what caused it; of several at once, each."""
    while error is not None:
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from _causes(one)
        yield error
        error = error.__cause__ or error.__context__
