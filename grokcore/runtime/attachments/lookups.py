"""Looking up host names that clients refer to, with the system's resolver, which may hang for half
a minute.

Theory
------
``getaddrinfo`` can't be cancelled: a look-up that is given up leaves a thread behind until the
system gives up as well. So two things are counted: look-ups that a request waits for, and threads
that were left behind. Places of the first are given back in time, whatever the name server does.
The number of the second is bounded, so that they don't become thousands. Both are also counted for
each API key: names that hang are at the cost of the key that sends them alone.
"""

from __future__ import annotations

import functools
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import trio

from ..threads import in_thread

__all__ = ["Lookups", "Resolve"]

LOOKUP_S = 5.0
"""Bound for one look-up, with the wait for its place, in seconds. Name servers take milliseconds,
or never answer.
"""

AT_ONCE = 24
"""Look-ups under way that requests wait for."""

AT_ONCE_OF_A_KEY = 4

MOST_LEFT = 48
"""Left threads above which no look-up begins. Each costs some 50 kB."""

MOST_LEFT_OF_A_KEY = 8

MOST_LEFT_BY_A_REQUEST = 2
"""Hanging names of a request after which its other names are not looked up."""

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Takes a host's name and a port, returns its addresses; raises OSError if there are none."""


class Lookups:
    """The system's resolver, within bounds. Callable as :data:`Resolve`, for no key in particular.

    :param look_up: the resolver, replaced in tests. It runs in a thread, and raises OSError.
    """

    def __init__(self, look_up: Callable[[str, int], list[str]] | None = None) -> None:
        self._look_up = look_up or _ask_the_system
        self._places = trio.CapacityLimiter(AT_ONCE)
        self._threads = trio.CapacityLimiter(AT_ONCE + MOST_LEFT)
        self._of_keys: dict[str, trio.CapacityLimiter] = {}
        self._waiting: Counter[str] = Counter()
        # Changed by the threads themselves: a thread that was given up may begin yet.
        self._running: dict[object, str] = {}
        self._awaited: set[object] = set()

    def of(self, key: str) -> Resolve:
        """The resolver for one request.

        :param key: the name of the API key that it came with.
        """
        hung: list[str] = []

        async def resolve(host: str, port: int) -> list[str]:
            if host in hung or len(hung) >= MOST_LEFT_BY_A_REQUEST:
                raise OSError("names of this request hang")
            try:
                return await self._resolve(host, port, key)
            except trio.TooSlowError:
                hung.append(host)
                raise OSError("the name server does not answer") from None

        return resolve

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """All addresses of *host*, in the order in which the system would try them.

        :raises OSError: if there are none.
        """
        return await self.of("")(host, port)

    @property
    def left(self) -> list[str]:
        """The key of each thread that was left behind and has not ended."""
        return [key for thread, key in list(self._running.items()) if thread not in self._awaited]

    async def _resolve(self, host: str, port: int, key: str) -> list[str]:
        with trio.fail_after(LOOKUP_S), self._place_of(key) as place:
            async with place, self._places:
                if len(self.left) >= MOST_LEFT or self.left.count(key) >= MOST_LEFT_OF_A_KEY:
                    raise OSError("too many names hang")
                return await self._in_thread(functools.partial(self._look_up, host, port), key)

    @contextmanager
    def _place_of(self, key: str) -> Iterator[trio.CapacityLimiter]:
        """The places of a key, which exist as long as a request waits."""
        self._waiting[key] += 1
        try:
            yield self._of_keys.setdefault(key, trio.CapacityLimiter(AT_ONCE_OF_A_KEY))
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key], self._of_keys[key]

    async def _in_thread(self, look_up: Callable[[], list[str]], key: str) -> list[str]:
        thread = object()

        def work() -> list[str]:
            self._running[thread] = key
            try:
                return look_up()
            finally:
                del self._running[thread]

        self._awaited.add(thread)
        try:
            return await in_thread(work, limiter=self._threads, abandon_on_cancel=True)
        finally:
            self._awaited.discard(thread)


def _ask_the_system(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]
