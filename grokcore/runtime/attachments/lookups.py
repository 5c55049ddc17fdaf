"""Looking up names that clients refer to, with the system's resolver, which may hang for half a
minute.

Theory
------
``getaddrinfo`` can't be cancelled: a look-up that is given up leaves a thread behind until the
system gives up as well. So two things are counted: look-ups that a request waits for, and threads
that were left behind. The first have places that are given back in time, whatever the name server
does; the second are bounded, so that they don't become thousands. Both are counted for each API
key, too: names that lead nowhere cost nobody but the key that sends them.
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
"""How long one look-up is waited for, its place included, in seconds. Name servers take
milliseconds, or never answer.
"""

AT_ONCE = 24
"""Look-ups at once that are waited for."""

AT_ONCE_OF_A_KEY = 4

MOST_LEFT = 48
"""Threads that were left behind, above which no look-up begins. Each costs some 50 kB."""

MOST_LEFT_OF_A_KEY = 8

MOST_LEFT_BY_A_REQUEST = 2
"""After so many names that hang, the others of a request are not looked up."""

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Takes a host's name and a port, gives its addresses; raises OSError if there are none."""


class Lookups:
    """The system's resolver, with places of its own. Callable as :data:`Resolve`, for nobody in
    particular.

    :param look_up: the resolver; of tests. It runs in a thread, and raises OSError.
    """

    def __init__(self, look_up: Callable[[str, int], list[str]] | None = None) -> None:
        self._look_up = look_up or _ask_the_system
        self._places = trio.CapacityLimiter(AT_ONCE)
        self._threads = trio.CapacityLimiter(AT_ONCE + MOST_LEFT)
        self._of_keys: dict[str, trio.CapacityLimiter] = {}
        self._waiting: Counter[str] = Counter()
        self._running: dict[
            object, str
        ] = {}  # by the threads themselves: one that was given up may begin yet
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
        """All addresses of *host*, those first that the system would try first.

        :raises OSError: there are none.
        """
        return await self.of("")(host, port)

    @property
    def left(self) -> list[str]:
        """The keys of the threads that were left behind and have not ended, once for each."""
        return [key for thread, key in list(self._running.items()) if thread not in self._awaited]

    async def _resolve(self, host: str, port: int, key: str) -> list[str]:
        with trio.fail_after(LOOKUP_S), self._place_of(key) as place:
            async with place, self._places:
                if len(self.left) >= MOST_LEFT or self.left.count(key) >= MOST_LEFT_OF_A_KEY:
                    raise OSError("too many names hang")
                return await self._in_thread(functools.partial(self._look_up, host, port), key)

    @contextmanager
    def _place_of(self, key: str) -> Iterator[trio.CapacityLimiter]:
        """The places of a key, which are kept as long as somebody waits."""
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
