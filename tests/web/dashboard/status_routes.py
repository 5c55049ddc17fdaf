"""Requests to the routes of the status page, and readers of its reports."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import h11
import trio
import trio.testing

from grokcore.protocol.tokens import token_id
from tests.servers import Site

KEYS = """
[grok]
api_key = "owner-key"
[[keys]]
name = "second"
key = "second-key"
[[keys]]
name = "guest"
key = "guest-key"
rpm = 5
"""


ID = token_id("sso-0")


ACTS = ("check", "clear", "disable", "enable")


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def status(site: Site, **options: Any) -> dict[str, Any]:
    """The report."""
    reply = await site.client.get("/status", **options)
    assert reply.status_code == 200
    return cast(dict[str, Any], reply.json())


class Watch:
    """A stream of reports on a connection of its own. (Those of httpx leave generators behind when
    one looks away.)
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT)
        self._buffered = b""
        self.status = 0
        self.headers: dict[str, str] = {}

    async def begin(self, ticket: str, key: str) -> None:
        """Ask for it, and read the head of the answer."""
        target = "/status/events" + (f"?ticket={ticket}" if ticket else "")
        headers = [
            ("host", "127.0.0.1"),
            ("connection", "close"),
            *(bearer(key) if key else {}).items(),
        ]
        request = h11.Request(method="GET", target=target, headers=headers)
        for event in (request, h11.EndOfMessage()):
            await self._stream.send_all(self._http.send(event) or b"")
        head = await self._next_event()
        assert isinstance(head, h11.Response)
        self.status = head.status_code
        self.headers = {name.decode(): value.decode() for name, value in head.headers}

    async def _next_event(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._stream.receive_some(65536))
        return event

    async def next(self) -> dict[str, Any] | None:
        """The next report; None at the end of the stream."""
        while b"\n\n" not in self._buffered:
            event = await self._next_event()
            if isinstance(event, h11.EndOfMessage):
                assert self._buffered == b""
                return None
            self._buffered += event.data
        event, _, self._buffered = self._buffered.partition(b"\n\n")
        assert event.startswith(b"event: status\ndata: {")
        return cast(dict[str, Any], json.loads(event.partition(b"\ndata: ")[2]))

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first report that is like that."""
        while (report := await self.next()) is not None:
            if condition(report):
                return report
        raise AssertionError("the stream has ended")


@asynccontextmanager
async def watching(site: Site, *, ticket: str = "", key: str = "") -> AsyncIterator[Watch]:
    """The stream, if it is given."""
    async with await site.connect() as stream:
        watch = Watch(stream)
        await watch.begin(ticket, key)
        yield watch


TOP = {
    "command",
    "models",
    "groups",
    "reasons",
    "version",
    "status",
    "uptime_s",
    "time",
    "open",
    "waiting",
    "faults",
    "warnings",
    "lanes",
    "browser_values",
    "egress",
    "tokens",
    "page_edits",
    "minutes",
    "recent_faults",
    "sharing",
    "workers",
}


ROW = {
    *(
        "id",
        "key",
        "tier",
        "note",
        "state",
        "why",
        "back_in",
        "in_flight",
        "used_ago",
        "egress",
        "groups",
    ),
    *("switched_off", "disabled_in_file"),
}
