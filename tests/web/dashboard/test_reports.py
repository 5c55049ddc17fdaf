"""Reports of the status page."""

from __future__ import annotations

import json

from grokcore.protocol.advice import advice
from grokcore.protocol.tokens import TokenEntry, token_id
from grokcore.simulator import lines
from grokcore.simulator.scripts import error, page
from grokcore.web.dashboard import overview
from tests.servers import Site, chat, on_site
from tests.web.dashboard.page_site import FAULTS, PROXY, furnish, many_tokens
from tests.web.dashboard.status_routes import (
    ACTS,
    ROW,
    TOP,
    bearer,
    status,
    watching,
)

GROUP = {"group", "left", "total", "flat", "reset_in", "cooling_for", "used_up", "spent"}


@on_site(tokens=many_tokens(44))
async def test_the_report_tells_all_there_is_to_see(site: Site) -> None:
    """Its shape, for a server with a past."""
    furnish(site)
    site.server.state.notices["tokens"] = "line 3 is not JSON"
    reply = await site.client.get("/status")
    assert reply.headers["cache-control"] == "no-store"
    report = reply.json()
    health = (await site.client.get("/health")).json()
    assert set(report) == TOP
    shared = ("version", "status", "open", "waiting", "faults")
    assert {name: report[name] for name in shared} == {name: health[name] for name in shared}
    assert 0 <= report["uptime_s"] < 30
    assert [way["name"].partition(" ")[0] for way in report["egress"]] == ["direct", "proxy"]
    assert report["tokens"]["counts"] == health["tokens"]
    assert report["tokens"]["total"] == len(report["tokens"]["rows"]) == 44
    assert {state for row in report["tokens"]["rows"] for state in [row["state"]]} == set(
        health["tokens"]
    )
    for row in report["tokens"]["rows"]:
        assert set(row) == ROW
        assert all(set(group) == GROUP for group in row["groups"])
    assert len(report["minutes"]) == 60
    assert {at["at"] % 60 for at in report["minutes"]} == {0}
    assert (
        sum(at["requests"] for at in report["minutes"])
        > sum(at["errors"] for at in report["minutes"])
        > 0
    )
    newest = report["recent_faults"][0]
    assert (newest["code"], newest["count"], newest["token"]) == (FAULTS[-1][1], 2, "1f2e3d4c")
    assert newest["advice"] == advice("upstream_antibot")


@on_site(tokens=tuple(TokenEntry(f"sso-{number}") for number in range(300)))
async def test_of_many_tokens_those_with_trouble_are_told_and_all_are_counted(site: Site) -> None:
    """200 rows at most."""
    site.server.pool.disable(token_id("sso-250"))
    tokens = (await status(site))["tokens"]
    assert (tokens["total"], len(tokens["rows"])) == (300, overview.ROWS)
    assert tokens["rows"][0]["id"] == token_id("sso-250")
    assert sum(tokens["counts"].values()) == 300


CANARY = "canary-c4n4ry-c4n4ry-c4n4ry-c4n4ry"


SECRETS = (CANARY, CANARY[6:20], "canary-password", "user:", "owner-canary")


@on_site(
    tokens=(TokenEntry(CANARY), TokenEntry("sso-1", proxy_url=PROXY, disabled=True)),
    config='[grok]\napi_key = "owner-canary"',
)
async def test_no_secret_is_in_anything_that_is_shown(site: Site) -> None:
    """Not the token that Grok echoes, nor the key, nor a proxy's user and password."""
    echo = f"no such session: sso={CANARY}; the token {CANARY} is not known"
    site.simulator.script(
        CANARY,
        error(401, lines.ERROR_401),
        page(500, echo),
        error(429, {"error": {"code": 8, "message": echo}}),
    )
    headers = bearer("owner-canary")
    seen = []
    for _ in range(3):
        await site.client.post("/v1/chat/completions", json=chat(), headers=headers)
        seen.append((await site.client.get("/status", headers=headers)).text)
    async with watching(site, key="owner-canary") as watch:
        seen.append(json.dumps(await watch.next()))
    for act in ACTS:
        reply = await site.client.post(f"/status/tokens/{token_id(CANARY)}/{act}", headers=headers)
        seen.append(reply.text)
    assert any('"recent_faults":[{' in text for text in seen)
    assert [secret for secret in SECRETS for text in seen if secret in text] == []
