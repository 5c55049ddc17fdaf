"""Several answers to one question (``n``), as one answer.

Rules
-----
1. Every choice is a completion: a question to Grok, with a lease and attempts of its own.
2. All choices start before the response begins. One that fails to start fails all.
3. Behind the first byte, a choice that breaks off ends the whole answer with its error.
4. The events of a choice stand behind its :class:`OfChoice`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, TypeVar

import trio

from ...errors import GrokApiError
from ...protocol.conversation.events import (
    Event,
    File,
    Finished,
    OfChoice,
    Picture,
    Unusable,
    Video,
)
from ...runtime.completion.facts import Manner, Times
from ...runtime.completion.gateway import Completion
from ...runtime.disk.media_cache import MediaCache
from ...runtime.gather import for_all
from ...runtime.lanes.lane import Asset
from .background import Background

__all__ = ["AnyCompletion", "Choices"]

_T = TypeVar("_T")


class Choices:
    """Completions of one question, used like a single one; see
    :class:`~grokcore.runtime.completion.gateway.Completion`.

    :param completions: at least two that have not begun.
    :param nursery: the request's.
    """

    def __init__(self, completions: Sequence[Completion], nursery: trio.Nursery) -> None:
        first = completions[0]
        self.model = first.model
        self.prompt_tokens = first.prompt_tokens
        self.request_id = first.request_id
        self._completions = completions
        self._nursery = nursery
        self._unfinished = list(range(len(completions)))
        self._arrived: list[tuple[int, list[Event]]] = []
        self._repairs: dict[int, Background[None]] = {}
        self._makers: dict[str, Completion] = {}

    # Sums ----------------------------------------------------------------------------------------

    @property
    def ignored(self) -> frozenset[str]:
        """Names of parts of the question that were not passed on for each choice."""
        return frozenset[str]().union(*(one.ignored for one in self._completions))

    @property
    def token_id(self) -> str:
        """Short hashes of the tokens in use, one beside the other."""
        return ",".join(dict.fromkeys(filter(None, (one.token_id for one in self._completions))))

    @property
    def attempts(self) -> int:
        """Number of requests that Grok has got for all choices so far."""
        return sum(one.attempts for one in self._completions)

    @property
    def failed(self) -> Sequence[str]:
        """The failed attempts at all choices, as those of a completion."""
        return [attempt for one in self._completions for attempt in one.failed]

    @property
    def corrections(self) -> int:
        """Number of corrections that Grok was asked for."""
        return sum(one.corrections for one in self._completions)

    @property
    def manner(self) -> Manner:
        """How the question was put for the first choice."""
        return self._completions[0].manner

    @property
    def cost(self) -> int | None:
        """Ticks that all choices have cost so far; None if nothing is charged."""
        costs = [one.cost for one in self._completions if one.cost is not None]
        return sum(costs) if costs else None

    @property
    def times(self) -> Times:
        """The longest shares of time, since the choices wait beside each other; and the first
        event of all.
        """
        times = [one.times for one in self._completions]
        return Times(
            max(one.queue_s for one in times),
            max(one.upload_s for one in times),
            min((one.first_at for one in times if one.first_at is not None), default=None),
        )

    # For the caller of a completion --------------------------------------------------------------

    def commit(self) -> None:
        """Make the next failure of each choice final."""
        for one in self._completions:
            one.commit()

    def client_was_slow(self, seconds: float) -> None:
        """Leave time out of all clocks in which the caller waited for the client."""
        for one in self._completions:
            one.client_was_slow(seconds)

    async def start(self) -> None:
        """Make attempts until every choice has brought its first meaningful event.

        :raises GrokApiError: if one did not; the others are not waited for then.
        """
        await for_all(self._completions, Completion.start)

    async def next_events(self, until: float = math.inf) -> list[Event]:
        """The events that have arrived, at least one; none if nothing came until *until* (trio's
        time). The last event is the ``Finished`` of the choice that ends last.

        May be cancelled and called again; nothing is lost.

        :raises GrokApiError: if a choice broke off.
        """
        if not self._arrived:
            await self._wait(until)
        arrived, self._arrived = self._arrived, []
        events: list[Event] = []
        for index, part in arrived:
            events += [OfChoice(index), *part]
            self._note(index, part)
        if events and isinstance(events[-1], Finished) and self._unfinished:
            events.append(OfChoice(self._unfinished[0]))
        return events

    async def repair(self, unusable: Unusable) -> None:
        """Not to be called: each choice is corrected on its way.

        :raises GrokApiError: that of *unusable*.
        """
        raise unusable.error

    async def aside(self, fn: Callable[[], Awaitable[_T]]) -> _T:
        """Await *fn* with the clocks of all choices stopped, but of those that are being corrected.

        :raises GrokApiError: if a completion was interrupted.
        """
        for one in self._reading():
            fn = functools.partial(one.aside, fn)
        return await fn()

    async def fetch(self, url: str) -> Asset:
        """Fetch a picture of these answers; see :meth:`Completion.fetch`."""
        return await self._maker(url).fetch(url)

    async def fetch_file(self, url: str) -> Asset:
        """Fetch a file of these answers; see :meth:`Completion.fetch_file`."""
        return await self._maker(url).fetch_file(url)

    async def save(self, url: str, cache: MediaCache) -> str:
        """Keep a video of these answers in *cache*; see :meth:`Completion.save`."""
        return await self._maker(url).save(url, cache)

    async def aclose(self) -> None:
        """Close all completions; bounded in time. Safe to repeat."""
        async with trio.open_nursery() as nursery:
            for one in self._completions:
                nursery.start_soon(one.aclose)

    # Events --------------------------------------------------------------------------------------

    async def _wait(self, until: float) -> None:
        """Wait until a choice has events."""
        failures: list[GrokApiError] = []

        async def wait_for(index: int) -> None:
            try:
                events = await self._more_of(index, until)
            except GrokApiError as error:
                failures.append(error)
            else:
                if not events:
                    return
                self._arrived.append((index, events))
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            for index in self._unfinished:
                nursery.start_soon(wait_for, index)
        if failures:
            raise failures[0]

    async def _more_of(self, index: int, until: float) -> list[Event]:
        """The next events of a choice; none if nothing came until then. One that can't be used is
        corrected in the background.
        """
        completion = self._completions[index]
        while True:
            repair = self._repairs.get(index)
            if repair is not None:
                if not await repair.wait(until):
                    return []
                del self._repairs[index]
            events = await completion.next_events(until)
            if not events or not isinstance(events[-1], Unusable):
                return events
            mend = functools.partial(completion.repair, events[-1])
            self._repairs[index] = Background(mend, self._nursery)

    def _note(self, index: int, events: list[Event]) -> None:
        for event in events:
            match event:
                case Picture() | Video() | File():
                    self._makers[event.url] = self._completions[index]
                case Finished():
                    self._unfinished.remove(index)

    def _reading(self) -> list[Completion]:
        return [one for index, one in enumerate(self._completions) if index not in self._repairs]

    def _maker(self, url: str) -> Completion:
        """The completion that brought *url*: media are fetched with the account that made them."""
        return self._makers[url]


AnyCompletion: TypeAlias = Completion | Choices
"""A single answer, or several that are used like one."""
