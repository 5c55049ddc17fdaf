"""The protocol between systemd and a service: sd_notify(3), sd_watchdog_enabled(3),
sd_listen_fds(3).

The protocol is a few environment variables, datagrams of ``NAME=value`` lines, and sockets that are
open when the process begins. Any other service manager may use it too; without the variables
nothing here has an effect. Reading removes them from the environment, so that no child process
takes itself for the service.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
from collections.abc import MutableMapping
from types import TracebackType
from typing import Self, TypeAlias

from ..errors import ConfigError

__all__ = ["Notifier", "passed_sockets"]

FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START: passed sockets come after the three standard streams."""

Environment: TypeAlias = MutableMapping[str, str]

_log = logging.getLogger(__name__)


# Notification -----------------------------------------------------------------------------------


class Notifier:
    """Sends messages to the service manager. Never raises: a failing manager must not stop the
    server.

    :param address: of the manager's datagram socket, as in ``$NOTIFY_SOCKET``: a path, or ``@`` and
        an abstract name. With anything else (empty; a virtual machine's ``vsock:``) nothing is
        sent.
    :ivar watchdog_s: seconds within which the manager expects the next ``WATCHDOG=1``; None if it
        expects none.
    """

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        self.watchdog_s = watchdog_s
        self._address = os.fsencode(address)
        if address.startswith("@"):
            self._address = b"\0" + self._address[1:]
        self._complained = False
        self._socket: socket.socket | None = None
        if address.startswith(("/", "@")) and hasattr(socket, "AF_UNIX"):
            try:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            except OSError as error:  # the unit's RestrictAddressFamilies lacks AF_UNIX
                self._complain(error)

    @classmethod
    def of_environment(cls, environ: Environment) -> Self:
        """Read and remove ``$NOTIFY_SOCKET``, ``$WATCHDOG_USEC`` and ``$WATCHDOG_PID``."""
        return cls(environ.pop("NOTIFY_SOCKET", ""), _watchdog_s(environ))

    @property
    def is_open(self) -> bool:
        """Whether there is a manager to notify."""
        return self._socket is not None

    def send(self, *assignments: str, wait_s: float = 0.0) -> bool:
        """Send ``NAME=value`` lines as one message.

        :param wait_s: how long to wait, with the whole process, for a manager that is busy.
        :returns: False if the manager was busy, so that sending again may help.
        """
        if self._socket is None:
            return True
        self._socket.settimeout(wait_s)
        try:
            # Not connected: a manager that restarts itself keeps the address, not the socket.
            self._socket.sendto(_message(assignments), self._address)
            self._complained = False
        except (BlockingIOError, TimeoutError):
            return False
        except OSError as error:
            self._complain(error)
        return True

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            _log.warning("the service manager can't be notified: %s", error.strerror or error)
        self._complained = True

    def close(self) -> None:
        """Send nothing any more. Closing twice does nothing."""
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
    """A line for each assignment; the manager expects UTF-8."""
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
    """Take over the listening sockets that the manager has opened for this process, if any.

    The caller must close them.

    :raises ConfigError: if a descriptor can't be served: not a socket, a connection, datagrams, an
        unknown kind of network.
    """
    pid, count, names = (
        environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
    )
    environ.pop("LISTEN_PIDFDID", None)
    if pid != str(os.getpid()):  # meant for the process that started this one
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
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - os takes it by position only
        passed = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ConfigError(f"{what}: is not a socket: {error.strerror}") from None
    fault = _why_not(passed)
    if fault:
        passed.close()
        raise ConfigError(f"{what}: {fault}")
    return passed


def _why_not(passed: socket.socket) -> str:
    """Why the socket can't be served; empty if it can."""
    if passed.type != socket.SOCK_STREAM:
        return "is not a stream socket; the socket unit needs ListenStream="
    if not passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "does not listen; the socket unit needs Accept=no"
    if passed.family not in (socket.AF_INET, socket.AF_INET6, getattr(socket, "AF_UNIX", None)):
        return (
            f"is of a kind that can't be served ({getattr(passed.family, 'name', passed.family)})"
        )
    return ""
