"""A pool whose tokens are polled, and the scripted Grok that answers polls."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Sequence

import pytest
import trio
import trio.testing
from attrs import define, field

from grokcore.errors import (
    GrokApiError,
    QuotaExhausted,
)
from grokcore.protocol.grok_web.identity import Identity
from grokcore.protocol.grok_web.payload import CHAT_PATH
from grokcore.protocol.grok_web.rate_limits import RATE_LIMITS_PATH
from grokcore.protocol.models import SHIPPED, Model
from grokcore.protocol.pool.allowance import Allowance
from grokcore.protocol.pool.book import Need, TokenBook
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.lanes.grok_web.quota_polling import QuotaAsker, QuotaKeeper
from grokcore.runtime.pool.leases import TokenPool
from grokcore.runtime.transport.seam import UpstreamRequest
from grokcore.simulator.limits import Limit
from grokcore.simulator.scripts import Script, error
from tests.scenarios import decorator, run_on_fake_clock

from ...fakes import FakeExchange, FakeTransport

MODEL, OTHER = SHIPPED["grok-3-fast"], SHIPPED["grok-4.1"]
GROUP = MODEL.rate_limit_name
BASE_URL = "https://grok.example.com"
IDENTITY = Identity(
    {RATE_LIMITS_PATH: "for-asks", CHAT_PATH: "for-chats", "*": "for-others"},
    "clearance",
    "Browser/1",
)
HOUR, DAY = 3600.0, 86400.0


def told(left: int, total: int = 40, *, flat: bool = True, wait_s: int = 0) -> Script:
    return error(200, Limit(total, left, flat=flat, wait_s=wait_s).answer())


PLENTY, FAILING = told(30), error(500, {})


@define(eq=False)
class Grok(FakeTransport):
    """Plays a script to asks: those of a token or of a group, each once and the last for ever; else
    the usual ones.
    """

    by_token: dict[str, list[Script]] = field(factory=dict)
    by_group: dict[str, list[Script]] = field(factory=dict)

    def open(self, request: UpstreamRequest) -> FakeExchange:
        sso = dict(request.headers)["Cookie"].partition(";")[0].removeprefix("sso=")
        own = (
            self.by_token.get(sso)
            or self.by_group.get(json.loads(request.body)["modelName"])
            or self.scripts
        )
        self.exchanges.append(FakeExchange(request, own.pop(0) if len(own) > 1 else own[0]))
        return self.exchanges[-1]

    @property
    def times(self) -> list[float]:
        """When it was asked."""
        return [exchange.opened_at for exchange in self.exchanges]

    @property
    def open_now(self) -> int:
        return sum(exchange.closed_at is None for exchange in self.exchanges)


@define
class World:
    """A pool, its keeper and the Grok that is polled. Questions need no answer here: the tests
    settle their leases.
    """

    grok: Grok
    pool: TokenPool
    keeper: QuotaKeeper

    @property
    def book(self) -> TokenBook:
        return self.pool.book

    async def use(
        self, outcome: GrokApiError | None = None, *, model: Model = MODEL, sso: str = ""
    ) -> None:
        """A question that ends at once. *sso* is of the token that is to take it."""
        others = {
            account.entry.key for account in self.book.accounts if sso and account.entry.sso != sso
        }
        lease = await self.pool.lease(Need(model, frozenset(others)))
        lease.settle(outcome)

    def adopt(self, *tokens: str) -> None:
        """Another token list."""
        entries = [TokenEntry(token) for token in tokens]
        self.book.adopt(entries, default_proxy="", max_in_flight=2, now=trio.current_time())
        self.pool.changed()

    def allowance(self, group: str = GROUP, *, number: int = 0) -> Allowance:
        return self.book.accounts[number].allowance(group)

    def states(self) -> list[str]:
        return [account.state(trio.current_time()) for account in self.book.accounts]

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        allowances = [one for account in self.book.accounts for one in account.allowances.values()]
        return self.grok.all_closed and not any(one.polling for one in allowances)


def make_world(
    *scripts: Script, tokens: int | Sequence[TokenEntry] = 1, asker: QuotaAsker | None = None
) -> World:
    grok = Grok(list(scripts))
    entries = (
        [TokenEntry(f"sso-{number}") for number in range(tokens)]
        if isinstance(tokens, int)
        else tokens
    )
    pool = TokenPool(TokenBook(entries), queue_s=10)
    usual = QuotaAsker(grok, BASE_URL, IDENTITY)
    return World(grok, pool, QuotaKeeper(pool, lambda: asker or usual))


def run_with_keeper(
    scenario: Callable[[World], Awaitable[None]],
    *scripts: Script,
    tokens: int | Sequence[TokenEntry] = 1,
) -> None:
    """Run *scenario* while the keeper runs; at the end nothing may be left of any ask."""

    async def main() -> None:
        world = make_world(*scripts, tokens=tokens)
        async with trio.open_nursery() as nursery:
            await nursery.start(world.keeper.run)
            await scenario(world)
            nursery.cancel_scope.cancel()
        assert world.idle

    run_on_fake_clock(main)


with_keeper = decorator(run_with_keeper, gives=1)


def said(caplog: pytest.LogCaptureFixture, *, least: int = logging.INFO) -> list[str]:
    """The log's lines of at least that level."""
    return [f"{one.levelname} {one.getMessage()}" for one in caplog.records if one.levelno >= least]


def used_up(seconds: float | None = None) -> QuotaExhausted:
    return QuotaExhausted("no", retry_after=seconds)
