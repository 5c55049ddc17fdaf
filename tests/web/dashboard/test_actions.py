"""Actions on tokens."""

from __future__ import annotations

from typing import Any, cast

import pytest
import trio
import trio.testing

from grokcore.simulator.limits import Limit
from grokcore.web.dashboard import overview
from tests.servers import Site, on_site, run_on_site
from tests.web.dashboard.status_routes import (
    ACTS,
    ID,
    KEYS,
    ROW,
    bearer,
    status,
    watching,
)


def row_of(report: dict[str, Any], token: str = ID) -> dict[str, Any]:
    """A token's row."""
    return next(
        row for row in cast(list[dict[str, Any]], report["tokens"]["rows"]) if row["id"] == token
    )


@on_site
async def test_a_token_is_disabled_and_enabled(site: Site) -> None:
    """Each answer is the token's new row with the result in words; the whole key works as well as
    the id.
    """
    key = site.server.pool.view(ID).key
    reply = await site.client.post(f"/status/tokens/{ID}/disable")
    assert reply.headers["cache-control"] == "no-store"
    row = reply.json()
    assert set(row) == ROW | {"said"}
    assert (row["id"], row["state"], row["switched_off"], row["said"]) == (
        ID,
        "disabled",
        True,
        "It is switched off.",
    )
    assert (await status(site))["tokens"]["counts"]["disabled"] == 1
    row = (await site.client.post(f"/status/tokens/{key}/enable")).json()
    assert (row["state"], row["switched_off"], row["said"]) == (
        "unknown",
        False,
        "It is switched on.",
    )


@on_site
async def test_an_action_that_can_not_be_kept_says_so(site: Site) -> None:
    """It is done all the same, and its owner knows what a restart would do."""

    async def full_disk() -> str:
        return "No space left on device"

    site.server.pool.written = full_disk
    row = (await site.client.post(f"/status/tokens/{ID}/disable")).json()
    told = (
        "It could not be written to the disk (No space left on device), so a restart would undo it."
    )
    assert (row["state"], row["said"]) == ("disabled", f"It is switched off. {told}")


@on_site
async def test_what_is_held_against_a_token_is_cleared(site: Site) -> None:
    """A cooling, here."""
    site.server.pool.book.accounts[0].allowance("grok-3").cool(600.0, trio.current_time())
    (cooling,) = [
        row for row in (await status(site))["tokens"]["rows"] if row["state"] == "cooling"
    ]
    assert 595 < cooling["back_in"] <= 600
    row = (await site.client.post(f"/status/tokens/{cooling['id']}/clear")).json()
    assert (row["state"], row["back_in"]) == ("unknown", None)


def test_a_check_asks_grok_also_for_a_token_that_was_never_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it says is in the report then."""
    monkeypatch.setattr(overview, "APART_S", 0.02)
    monkeypatch.setattr(overview, "SHARED_S", 0.0)

    async def scenario(site: Site) -> None:
        site.simulator.limits["sso-0", "grok-3"] = Limit(20, 13)
        row = (await site.client.post(f"/status/tokens/{ID}/check")).json()
        assert row["said"].startswith("Grok is asked how much is left for grok-3")
        async with watching(site) as watch:
            report = await watch.until(
                lambda report: any(group["left"] for group in row_of(report)["groups"])
            )
        (group,) = row_of(report)["groups"]
        assert (group["group"], group["left"], group["total"]) == ("grok-3", 13, 20)

    run_on_site(scenario)


@pytest.mark.parametrize("token", ["00000000", "0", "x", "..", "%2e%2e", "a" * 200, "%00"])
@on_site
async def test_a_token_that_is_not_there_is_a_404(site: Site, token: str) -> None:
    """In words."""
    for act in ACTS:
        reply = await site.client.post(f"/status/tokens/{token}/{act}")
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_url")


@on_site(config=KEYS)
async def test_a_look_at_the_head_of_the_stream_is_no_watcher(site: Site) -> None:
    """It has an end, takes no place, uses up no ticket, and is for owners too."""
    ticket = (await site.client.post("/status/ticket", headers=bearer("owner-key"))).json()[
        "ticket"
    ]
    for _ in range(overview.MOST_WATCHERS + 1):
        reply = await site.client.head("/status/events", headers=bearer("owner-key"))
        assert reply.status_code == 200
    refused = [
        await site.client.head("/status/events", headers={"x-api-key": key})
        for key in ("", "guest-key")
    ]
    assert [reply.status_code for reply in refused] == [401, 403]
    async with watching(site, ticket=ticket) as watch:
        assert watch.status == 200
