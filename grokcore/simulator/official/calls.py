"""Recorded requests to the simulated services."""

from __future__ import annotations

import json
import re
from typing import Any

import trio
from attrs import define, field

__all__ = ["OfficialCall", "seen"]

_PREFIX = re.compile(r"/(?:(api|cli)/v1|(assets))(?=/|$)")


@define(eq=False)
class OfficialCall:
    """A recorded request.

    :ivar service: ``api``, ``cli`` or ``assets``; empty for a path of none.
    :ivar path: the path below the service's base URL.
    :ivar headers: by name in small letters.
    :ivar body: the JSON of the body; None if it is none.
    :ivar at: the clock of the run, seconds; *ended_at* likewise, 0 while it is open.
    :ivar client: the peer's port: requests over one connection share it.
    :ivar base: scheme and host that were asked.
    :ivar outcome: ``open``, then ``complete``, ``aborted`` (the client left) or ``cut``.
    """

    service: str
    method: str
    path: str
    query: str
    headers: dict[str, str] = field(repr=False)
    body: Any
    raw: bytes = field(repr=False)
    at: float
    client: int
    base: str
    outcome: str = "open"
    ended_at: float = 0.0

    @property
    def model(self) -> str:
        """The model that the body names."""
        return str(self.body.get("model", "")) if isinstance(self.body, dict) else ""


def seen(scope: Any, raw: bytes) -> OfficialCall:
    """A request as it is recorded."""
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
    found = _PREFIX.match(scope["path"])
    try:
        body = json.loads(raw) if raw else None
    except ValueError:
        body = None
    return OfficialCall(
        service=(found[1] or found[2]) if found else "",
        method=scope["method"],
        path=scope["path"][found.end() :] if found else scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=body,
        raw=raw,
        at=trio.current_time(),
        client=scope["client"][1],
        base=f"{scope['scheme']}://{headers.get('host', '')}",
    )
