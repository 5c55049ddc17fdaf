"""A look at the address that the server listens on: free, held by another program, or a server of
this program, which is asked for its own view.
"""

from __future__ import annotations

import enum
import errno
import http.client
import json
import socket
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from ...config import Config
from .listener import Listener, find_listener
from .surroundings import Surroundings
from .units import Unit, find_unit

__all__ = ["Answer", "ServerLook", "look_at_server", "where_of"]

PATIENCE_S = 5.0
"""The longest wait for a connection, and for each part of an answer, in seconds."""

MOST_BYTES = 16 * 1024 * 1024
"""The most that is read of an answer."""

_ANYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - named, not bound


class Answer(enum.Enum):
    """The kind of thing that listens on an address."""

    NOTHING = enum.auto()
    OURS = enum.auto()
    ANOTHER = enum.auto()
    SILENT = enum.auto()


@frozen
class ServerLook:
    """The address that the configuration names, and its user.

    :ivar fault: the reason why a server could not listen there; empty if it could.
    :ivar report: the answer of ``/status``, else of ``/health``.
    :ivar knows_key: whether the server takes the key of the configuration; None if it has not been
        asked, or asks for none.
    :ivar unit: the service that the process belongs to; without a process, the usual one.
    :ivar container: the name of the container with the server; empty if there is none, or it is
        unknown.
    """

    where: str
    answer: Answer = Answer.NOTHING
    fault: str = ""
    report: Mapping[str, Any] = field(factory=dict)
    knows_key: bool | None = None
    listener: Listener | None = None
    unit: Unit | None = None
    container: str = ""


def where_of(config: Config) -> str:
    """The address in words: ``127.0.0.1 port 8000``."""
    return f"{config.server.host or 'every address'} port {config.server.port}"


def look_at_server(config: Config, surroundings: Surroundings) -> ServerLook:
    """Find out what listens on the configured address. A server of this program is asked."""
    host, port, where = config.server.host.strip("[]"), config.server.port, where_of(config)
    if port == 0:  # any free one
        return ServerLook(where, unit=find_unit(surroundings))
    answer, report, knows_key = _ask(_ANYWHERE.get(host, host), port, _own_key(config))
    if answer is Answer.NOTHING:
        return ServerLook(where, fault=_why_not(host, port), unit=find_unit(surroundings))
    listener = find_listener(surroundings.root, port)
    container = _container(surroundings, port, listener) if answer is Answer.OURS else ""
    unit = _unit_of(surroundings, answer, listener, in_container=bool(container))
    return ServerLook(where, answer, "", report, knows_key, listener, unit, container)


def _unit_of(
    surroundings: Surroundings, answer: Answer, listener: Listener | None, *, in_container: bool
) -> Unit | None:
    if answer is not Answer.OURS or in_container:
        return None
    if listener is None:  # another user's process
        unit = find_unit(surroundings)
        return unit if unit and unit.state == "active" else None
    return find_unit(surroundings, listener.unit) if listener.unit else None


def _container(surroundings: Surroundings, port: int, listener: Listener | None) -> str:
    """The name of the container that has the port; empty if none is known to have it."""
    if listener is not None and not listener.container:
        return ""
    asked = ["docker", "ps", "--filter", f"publish={port}", "--format", "{{.Names}}"]
    names = surroundings.run(asked).split()
    return names[0] if names else ("CONTAINER" if listener else "")


def _own_key(config: Config) -> str:
    """An owner's key in clear; empty if the configuration has none."""
    without_limits = (
        key.key for key in config.keys if not (key.models or key.rpm or key.concurrent)
    )
    return config.grok.api_key or next(filter(None, without_limits), "")


def _why_not(host: str, port: int) -> str:
    """The reason why a server could not listen there; empty if it could."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
    except (OSError, UnicodeError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            return "it is in use"
        return (getattr(error, "strerror", None) or "it is no address").lower()
    return ""


# Asking ------------------------------------------------------------------------------------------


def _ask(host: str, port: int, key: str) -> tuple[Answer, Mapping[str, Any], bool | None]:
    """The kind of thing that listens, its report, and whether it takes the key."""
    try:
        code, health = _get(host, port, "/health", key)
        if code != 200 or not {"status", "version", "tokens"} <= health.keys():
            return Answer.ANOTHER, {}, None
        code, status = _get(host, port, "/status", key)
    except (ConnectionRefusedError, socket.gaierror):
        return Answer.NOTHING, {}, None
    except TimeoutError:
        return Answer.SILENT, {}, None
    except http.client.HTTPException:
        return Answer.ANOTHER, {}, None
    except OSError as error:
        unreachable = error.errno in (errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EHOSTUNREACH)
        return (Answer.NOTHING if unreachable else Answer.ANOTHER), {}, None
    if code in (401, 403):
        return Answer.OURS, health, False
    return Answer.OURS, {**health, **status}, True if key else None


def _get(host: str, port: int, path: str, key: str) -> tuple[int, Mapping[str, Any]]:
    """The status and the JSON object of a response; an empty object if it holds none.

    :raises OSError: if there is no answer.
    :raises http.client.HTTPException: if the answer is no HTTP.
    """
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read(MOST_BYTES)
    finally:
        connection.close()
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = {}
    return response.status, value if isinstance(value, dict) else {}
