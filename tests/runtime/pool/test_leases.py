"""Leases and the queue around the book, without a Grok."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from grokcore.errors import Overloaded, QuotaExhausted
from grokcore.protocol.models import SHIPPED
from grokcore.protocol.pool.book import Need, TokenBook
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.pool.leases import MAX_WAITING, TokenPool
from tests.scenarios import on_fake_clock

A, B = TokenEntry("sso-a"), TokenEntry("sso-b")
NEED = Need(SHIPPED["grok-3-fast"])


def pool_of(*entries: TokenEntry) -> TokenPool:
    return TokenPool(TokenBook(entries, max_in_flight=1), queue_s=10)


@on_fake_clock
async def test_a_lease_ends_once_and_what_follows_changes_nothing() -> None:
    """In whatever way it ends first; and it never shows its token."""
    for end in ("settle", "abandon", "return_unused"):
        pool = pool_of(A)
        changes: list[None] = []
        lease = await pool.lease(NEED)
        assert repr(lease) == f"<Lease of {A.id} open>"
        pool.on_change.append(lambda changes=changes: changes.append(None))  # type: ignore[misc]
        getattr(lease, end)(*([None] if end == "settle" else []))
        lease.settle(QuotaExhausted("x"))
        lease.answering()
        lease.abandon()
        lease.return_unused()
        assert (len(changes), pool.view(A.id).in_flight) == (1, 0)
        assert pool.view(A.id).state == ("ok" if end == "settle" else "unknown")
        assert repr(lease) == f"<Lease of {A.id} given back>"


@on_fake_clock
async def test_a_full_queue_refuses_at_once() -> None:
    """More requests than the tokens could ever serve in the queue's time don't wait for it."""
    pool = pool_of(A)
    busy = await pool.lease(NEED)
    refused: list[float] = []

    async def wait() -> None:
        with pytest.raises(Overloaded):
            await pool.lease(NEED)
        refused.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for _ in range(MAX_WAITING + 5):
            nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        assert (pool.waiting, refused) == (MAX_WAITING, [0] * 5)
    assert refused == [0] * 5 + [10] * MAX_WAITING
    busy.abandon()


@on_fake_clock
async def test_after_a_sleep_of_the_machine_waiting_requests_look_again() -> None:
    """The cooling that they wait for has passed meanwhile; one that is not asleep yet needs no
    call.
    """
    pool = pool_of(A, B)
    (await pool.lease(Need(NEED.model, excluded=frozenset({B.key})))).settle(
        QuotaExhausted("x", retry_after=8)
    )
    busy = await pool.lease(NEED)
    served: list[tuple[str, float]] = []

    async def wait() -> None:
        lease = await pool.lease(NEED)
        served.append((lease.token_id, trio.current_time()))
        lease.abandon()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.sleep(1)
        pool.look = lambda: pool.shift(7.5)
        nursery.start_soon(wait)
    assert served == [(A.id, 1), (A.id, 1)]
    busy.abandon()


@on_fake_clock
async def test_a_pool_without_a_state_file_has_nothing_to_wait_for() -> None:
    """An action of the owner is answered at once, without a fault."""
    assert await pool_of(A).written() == ""
