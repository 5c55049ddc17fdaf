"""Small requests: whatever comes of one, its exchange is closed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import trio
from attrs import define

from grokcore.errors import TransportFailure
from grokcore.runtime.transport.seam import ConnectionDied, Exchange, UpstreamRequest
from grokcore.runtime.transport.visits import CLOSE_S, read_at_most, visit, visit_again
from grokcore.simulator.scripts import CUT, HANG, Script, Send
from tests.scenarios import on_fake_clock

from ..fakes import FakeExchange, FakeTransport

REQUEST = UpstreamRequest("GET", "https://example.com/", (), b"")
SENT = Script((Send(b"abc"), Send(b"defg")))
T = TypeVar("T")


async def whole(exchange: Exchange) -> bytes:
    return await read_at_most(exchange, 100)


def at_most(most: int, seconds: float = 100) -> Callable[[Exchange], Awaitable[bytes]]:
    async def take(exchange: Exchange) -> bytes:
        return await read_at_most(exchange, most, seconds=seconds)

    return take


async def read_on(exchange: Exchange) -> bytes:
    while data := await exchange.read():
        last = data
    return last


async def give_up(exchange: Exchange) -> bytes:
    raise KeyError(exchange)


class Stubborn(FakeExchange):
    """An exchange that never closes."""

    async def aclose(self) -> None:
        await trio.sleep_forever()


@define(eq=False)
class StubbornTransport(FakeTransport):
    def open(self, request: UpstreamRequest) -> FakeExchange:
        return Stubborn(request, self.scripts[0])


@on_fake_clock
async def test_a_visit_returns_what_was_taken_and_is_over() -> None:
    """Nothing of it stays open."""
    transport = FakeTransport([SENT])
    assert await visit(transport, REQUEST, whole) == b"abcdefg"
    assert transport.all_closed


@on_fake_clock
async def test_a_visit_that_fails_is_closed() -> None:
    """By the other side, by its visitor, or by a clock."""
    for script, take, error in (
        (Script((CUT,)), read_on, TransportFailure),
        (SENT, give_up, KeyError),
    ):
        transport = FakeTransport([script])
        with pytest.raises(error):
            await visit(transport, REQUEST, take)
        assert transport.all_closed
    transport = FakeTransport([Script((HANG,))])
    with trio.move_on_after(5) as scope:
        await visit(transport, REQUEST, read_on)
    assert scope.cancelled_caught
    assert transport.all_closed


@on_fake_clock
async def test_a_visit_that_can_t_be_closed_holds_nobody_up() -> None:
    """Neither its result is lost, nor a cancellation delayed for long."""
    began = trio.current_time()
    assert await visit(StubbornTransport([SENT]), REQUEST, whole) == b"abcdefg"
    assert trio.current_time() - began == CLOSE_S
    with trio.move_on_after(5):
        await visit(StubbornTransport([Script((HANG,))]), REQUEST, read_on)
    assert trio.current_time() - began == CLOSE_S + 5 + CLOSE_S


@on_fake_clock
async def test_a_dead_connection_is_tried_again_once_over_a_fresh_one() -> None:
    """Other failures are final: the other side may have done its work."""
    calls: list[bool] = []

    async def die(exchange: Exchange) -> bytes:
        assert isinstance(exchange, FakeExchange)
        calls.append(exchange.request.fresh)
        raise ConnectionDied("dead")

    async def live_later(exchange: Exchange) -> bytes:
        return await whole(exchange) if calls else await die(exchange)

    transport = FakeTransport([SENT])
    assert await visit_again(transport, REQUEST, live_later) == b"abcdefg"
    assert [exchange.request.fresh for exchange in transport.exchanges] == [False, True]
    calls.clear()
    with pytest.raises(ConnectionDied):
        await visit_again(transport, REQUEST, die)
    assert calls == [False, True]
    cut = FakeTransport([Script((CUT,))])
    with pytest.raises(TransportFailure):
        await visit_again(cut, REQUEST, read_on)
    assert len(cut.exchanges) == 1
    assert transport.all_closed
    assert cut.all_closed


@on_fake_clock
async def test_a_body_is_read_as_far_as_it_may_be_and_can_be() -> None:
    """Its beginning counts, also of one that breaks off or is never finished."""
    for script, most, read in (
        (SENT, 100, b"abcdefg"),
        (SENT, 2, b"ab"),
        (SENT, 0, b""),
        (Script((Send(b"abc"), CUT)), 100, b"abc"),
    ):
        assert await visit(FakeTransport([script]), REQUEST, at_most(most)) == read
    began = trio.current_time()
    hung = FakeTransport([Script((Send(b"abc"), HANG))])
    assert await visit(hung, REQUEST, at_most(100, seconds=5)) == b"abc"
    assert trio.current_time() - began == 5
