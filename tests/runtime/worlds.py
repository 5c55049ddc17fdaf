"""A gateway over a scripted transport, and questions to ask it."""

from __future__ import annotations

from collections.abc import Sequence

import trio
import trio.testing
from attrs import define

from grokcore.config import DEFAULT_LIMITS
from grokcore.errors import GrokApiError
from grokcore.protocol.conversation.events import Event, Finished, Unusable
from grokcore.protocol.conversation.messages import Message
from grokcore.protocol.conversation.question import Question
from grokcore.protocol.conversation.tools import Toolbox
from grokcore.protocol.grok_web.identity import Identity
from grokcore.protocol.models import SHIPPED, Limits, Model, Tier
from grokcore.protocol.pool.book import TokenBook
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.completion.gateway import Completion, Gateway
from grokcore.runtime.lanes.grok_web.lane import GrokWebLane
from grokcore.runtime.lanes.grok_web.settings import GrokWebSettings
from grokcore.runtime.pool.leases import TokenPool
from grokcore.simulator.scripts import Script

from .fakes import FakeTransport

MODEL = SHIPPED["grok-3-fast"]
HELLO = (Message("user", "hello"),)


@define
class World:
    """Everything but sockets."""

    transport: FakeTransport
    book: TokenBook
    gateway: Gateway

    def ask(
        self,
        *,
        limits: Limits = DEFAULT_LIMITS,
        model: Model = MODEL,
        asker: str = "",
        toolbox: Toolbox | None = None,
    ) -> Completion:
        question = Question(model, limits, HELLO, toolbox=toolbox or Toolbox(), asker=asker)
        return self.gateway.completion(self.gateway.lane.render(question), trio.current_time())

    @property
    def idle(self) -> bool:
        """Whether nothing is left of any request."""
        leased = sum(account.in_flight for account in self.book.accounts)
        return leased == 0 and self.gateway.open_count == 0 and self.transport.all_closed


def make_world(
    *scripts: Script,
    tokens: int = 1,
    super_tokens: int = 0,
    queue_s: float = 10,
    max_in_flight: int = 2,
) -> World:
    transport = FakeTransport(list(scripts))
    entries = [TokenEntry(f"basic-{number}") for number in range(tokens)]
    entries += [TokenEntry(f"super-{number}", Tier.SUPER) for number in range(super_tokens)]
    book = TokenBook(entries, max_in_flight=max_in_flight)
    settings = GrokWebSettings(
        "https://grok.example.com", Identity("statsig"), frozenset({"grok:render"})
    )
    gateway = Gateway(
        GrokWebLane(transport, settings), TokenPool(book, queue_s=queue_s), jitter=lambda: 0.5
    )
    trio.lowlevel.spawn_system_task(gateway.alarm.run)  # ends with the run
    return World(transport, book, gateway)


async def collect(completion: Completion) -> list[Event]:
    """All events of an answer; closes it, whatever happens."""
    events: list[Event] = []
    try:
        await completion.start()
        while not events or not isinstance(events[-1], Finished):
            events += await completion.next_events()
            if isinstance(last := events[-1], Unusable):
                events.pop()
                await completion.repair(last)
        return events
    finally:
        await completion.aclose()


async def failure_of(completion: Completion) -> tuple[GrokApiError, float]:
    """The error that ends an answer, and when (seconds since the clock's start)."""
    began = trio.current_time()
    try:
        found: Sequence[Event] = await collect(completion)
    except GrokApiError as error:
        return error, trio.current_time() - began
    raise AssertionError(f"it was answered: {found}")
