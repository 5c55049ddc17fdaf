"""Tickets for the status page's stream."""

from __future__ import annotations

from attrs import evolve

from grokcore.web.dashboard.tickets import MOST, VALID_S, Tickets
from tests.servers import Site, on_site
from tests.web.dashboard.status_routes import (
    KEYS,
    bearer,
    watching,
)


def test_a_ticket_is_good_once_and_for_a_minute() -> None:
    """A ticket that a proxy has logged is of no use to its reader."""
    box = Tickets()
    first, second = box.issue(100.0), box.issue(100.0 + VALID_S / 2)
    assert first != second
    assert box.redeem(first, 100.0 + VALID_S - 0.1)
    assert not box.redeem(first, 100.0 + VALID_S - 0.1)
    assert not box.redeem(second, 100.0 + 1.5 * VALID_S)
    assert not box.redeem("", 100.0)
    assert len(box) == 0


def test_tickets_that_nobody_uses_do_not_pile_up() -> None:
    """The oldest go."""
    box = Tickets()
    given = [box.issue(0.0) for _ in range(MOST + 3)]
    assert len(box) == MOST
    assert [box.redeem(ticket, 1.0) for ticket in given] == [False] * 3 + [True] * MOST
    box.issue(0.0)
    box.void()
    assert len(box) == 0


@on_site(config=KEYS)
async def test_a_ticket_opens_one_stream(site: Site) -> None:
    """It stands for the key, which EventSource can't send; a second use is refused like no key at
    all.
    """
    reply = await site.client.post("/status/ticket", headers=bearer("owner-key"))
    assert reply.headers["cache-control"] == "no-store"
    assert list(reply.json()) == ["ticket"]
    ticket = reply.json()["ticket"]
    async with watching(site, ticket=ticket) as watch, watching(site, ticket=ticket) as second:
        assert (await watch.next() or {})["status"] == "ok"
        assert watch.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert watch.headers["cache-control"] == "no-store, no-transform"
        assert second.status == 401


@on_site(config=KEYS)
async def test_other_keys_void_the_tickets_and_end_the_streams(site: Site) -> None:
    """A watcher whose key was removed gets no more reports."""
    first, second = [
        (await site.client.post("/status/ticket", headers=bearer("owner-key"))).json()["ticket"]
        for _ in "ab"
    ]
    async with watching(site, ticket=first) as watch:
        await watch.next()
        old = site.server.state.config
        site.server.adopt_config(evolve(old, grok=evolve(old.grok, api_key="another-key")))
        assert await watch.next() is None
    for ticket, key, answered in (
        (second, "", 401),
        ("", "owner-key", 401),
        ("", "another-key", 200),
    ):
        async with watching(site, ticket=ticket, key=key) as watch:
            assert watch.status == answered
