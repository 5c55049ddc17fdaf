"""Calls of the history and their results, under ids that are there and differ.

Clients leave ids out, use one twice, or drop the turn with the call. Upstreams refuse a result
whose call they don't see.

Rules
-----
1. A result belongs to the earliest open call with its id. Where an id is missing, it belongs to the
   earliest open one with its name, and then to the earliest.
2. A call keeps the client's id if it is 1 to 64 letters, digits, ``_`` or ``-``, and new. Others
   get one by their number, so that the same history always gets the same ids.
3. A result without a call has none, nor has a second result of one call.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice

from attrs import frozen

from ..conversation.messages import Call, Message

__all__ = ["Pairing", "paired"]

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

MOST_COMPARED = 200
"""Open calls that a result without a known id is compared with."""


@frozen
class Pairing:
    """The ids of a conversation's calls.

    :ivar calls: by the index of a message, the ids of its calls, in their order.
    :ivar results: by the index of a tool's message, the id of the call that it answers.
    """

    calls: Mapping[int, Sequence[str]]
    results: Mapping[int, str]


def paired(messages: Sequence[Message]) -> Pairing:
    """The ids for all calls of *messages*, and for the results that belong to one."""
    waiting = _Waiting()
    calls: dict[int, list[str]] = {}
    results: dict[int, str] = {}
    for index, message in enumerate(messages):
        if message.role != "tool":
            calls[index] = [waiting.add(call) for call in message.calls]
        elif (found := waiting.take(message)) is not None:
            results[index] = found
    return Pairing(calls, results)


class _Waiting:
    """The calls that have no result yet."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._open: dict[str, Call] = {}
        self._by_client: dict[str, deque[str]] = {}

    def add(self, call: Call) -> str:
        """Note a call, and return its id."""
        own = call.id
        if not _ID.fullmatch(own) or own in self._used:
            own = self._invented()
        self._used.add(own)
        self._open[own] = call
        if call.id:
            self._by_client.setdefault(call.id, deque()).append(own)
        return own

    def take(self, result: Message) -> str | None:
        """The id of the call that *result* answers, which is open no more; None without one."""
        found = self._known(result.call_id) or self._likely(result)
        if found is not None:
            del self._open[found]
        return found

    def _known(self, client_id: str) -> str | None:
        queue = self._by_client.get(client_id, deque())
        while queue:
            found = queue.popleft()
            if found in self._open:
                return found
        return None

    def _likely(self, result: Message) -> str | None:
        likely = (
            own
            for own, call in islice(self._open.items(), MOST_COMPARED)
            if not (call.id and result.call_id)
            and (not (call.name and result.name) or call.name == result.name)
        )
        return next(likely, None)

    def _invented(self) -> str:
        number = len(self._used) + 1
        while f"call_{number}" in self._used:
            number += 1
        return f"call_{number}"
