"""What systemd and the process that it started say to each other: sd_notify(3),
sd_watchdog_enabled(3), sd_listen_fds(3).

It is a few environment variables, datagrams of ``NAME=value`` lines, and sockets that are open when
the process begins. Whoever else starts the server in this way is served in the same way, and
without the variables nothing here does anything. They are taken out of the environment when they
are read, so that no child process takes itself for the service.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
from collections import deque
from collections.abc import MutableMapping
from types import TracebackType
from typing import Self, TypeAlias

from ..errors import ConfigError

__all__ = ["Notifier", "passed_sockets"]

FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START: passed sockets come after the three standard streams."""

MOST_OWED = 16
"""Messages that wait while the manager is busy. A start, a stop and some reloads are fewer."""

Environment: TypeAlias = MutableMapping[str, str]

_log = logging.getLogger(__name__)


# Notification -----------------------------------------------------------------------------------


class Notifier:
    """Sends the service manager messages. It never waits and never raises: no manager is worth a
    stopped server.

    :param address: of its datagram socket, as in ``$NOTIFY_SOCKET``: a path, or ``@`` and an
        abstract name. Nobody is told anything if it is something else (empty; a virtual machine's
        ``vsock:``).
    :ivar watchdog_s: within how many seconds the manager wants to hear ``WATCHDOG=1`` again and
        again; None if it does not.
    """

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        self.watchdog_s = watchdog_s
        self._address = os.fsencode(address)
        if address.startswith("@"):
            self._address = b"\0" + self._address[1:]
        self._owed: deque[bytes] = deque(maxlen=MOST_OWED)
        self._complained = False
        self._socket: socket.socket | None = None
        if address.startswith(("/", "@")) and hasattr(socket, "AF_UNIX"):
            try:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._socket.settimeout(0)
            except OSError as error:  # the unit's RestrictAddressFamilies lacks AF_UNIX
                self._complain(error)

    @classmethod
    def of_environment(cls, environ: Environment) -> Self:
        """As ``$NOTIFY_SOCKET`` and ``$WATCHDOG_USEC`` have it."""
        return cls(environ.pop("NOTIFY_SOCKET", ""), _watchdog_s(environ))

    @property
    def is_open(self) -> bool:
        """Whether there is somebody to tell."""
        return self._socket is not None

    def tell(self, *assignments: str) -> None:
        """Send ``NAME=value`` lines as one message. If the manager is busy, it is owed, and sent
        before all later ones.
        """
        if self.is_open:
            self._owed.append(_message(assignments))
            self.catch_up()

    def mention(self, *assignments: str) -> bool:
        """As :meth:`tell`, for what will be told again anyway: if the manager is busy it is
        dropped. Whether it was not.
        """
        return self.catch_up() and self._send(_message(assignments))

    def catch_up(self) -> bool:
        """Send what is owed; whether nothing is any more."""
        while self._owed and self._send(self._owed[0]):
            self._owed.popleft()
        return not self._owed

    def _send(self, message: bytes) -> bool:
        """Whether there is no point in trying this one again."""
        if self._socket is None:
            return True
        try:
            # Not connected: a manager that starts itself anew has the same address, not the same
            # socket.
            self._socket.sendto(message, self._address)
            self._complained = False
        except BlockingIOError:
            return False
        except OSError as error:
            self._complain(error)
        return True

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            _log.warning("the service manager can't be told anything: %s", error.strerror or error)
        self._complained = True

    def close(self) -> None:
        """Tell nobody anything any more. Does nothing when done twice."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _message(assignments: tuple[str, ...]) -> bytes:
    """A line each; the manager wants UTF-8."""
    return "\n".join(re.sub(r"\s", " ", assignment) for assignment in assignments).encode(
        "utf-8", "replace"
    )


def _watchdog_s(environ: Environment) -> float | None:
    microseconds, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
    if not re.fullmatch(r"[0-9]{1,20}", microseconds) or pid not in ("", str(os.getpid())):
        return None
    return int(microseconds) / 1e6 or None


# Socket activation ------------------------------------------------------------------------------


def passed_sockets(environ: Environment) -> list[socket.socket]:
    """The listening sockets that the manager has opened for this process; none if it has not. The
    caller closes them.

    :raises ConfigError: what was passed can't be served: not a socket, a connection, datagrams, an
        unknown kind of network.
    """
    pid, count, names = (
        environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
    )
    environ.pop("LISTEN_PIDFDID", None)
    if pid != str(os.getpid()):  # they were meant for a process that has started this one
        return []
    if not re.fullmatch(r"[0-9]{1,4}", count):
        raise ConfigError(f"LISTEN_FDS: must be how many sockets are passed, not {count!r}")
    named = dict(enumerate(names.split(":"), FIRST_DESCRIPTOR))
    with contextlib.ExitStack() as opened:
        sockets = [
            opened.enter_context(_passed_socket(descriptor, named.get(descriptor, "")))
            for descriptor in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + int(count))
        ]
        opened.pop_all()
    return sockets


def _passed_socket(descriptor: int, name: str) -> socket.socket:
    what = f"LISTEN_FDS: descriptor {descriptor}" + (f" ({name})" if name else "")
    try:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - it has no name
        passed = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ConfigError(f"{what}: is not a socket: {error.strerror}") from None
    fault = _why_not(passed)
    if fault:
        passed.close()
        raise ConfigError(f"{what}: {fault}")
    return passed


def _why_not(passed: socket.socket) -> str:
    """Why it can't be served; empty if it can."""
    if passed.type != socket.SOCK_STREAM:
        return "is not a stream socket; the socket unit needs ListenStream="
    if not passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "does not listen; the socket unit needs Accept=no"
    if passed.family not in (socket.AF_INET, socket.AF_INET6, getattr(socket, "AF_UNIX", None)):
        return (
            f"is of a kind that can't be served ({getattr(passed.family, 'name', passed.family)})"
        )
    return ""
