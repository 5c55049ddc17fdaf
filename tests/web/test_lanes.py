"""The official lanes in ``/health``, the status report, the log and the metrics."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio.testing

from grokcore.simulator.official.app import KEY, TOKEN
from tests.servers import Site, on_site, run_on_site
from tests.web.observing.records import lines_of, scraped

OWNER = {"x-api-key": "owner"}
PAID = f"""
[grok]
api_key = "owner"
[api]
key = "{KEY}"
base_url = "{{api_url}}"
use = "first"
daily_usd = 0.5
"""
MODEL = "grok-4.6"


async def health(site: Site, **options: Any) -> dict[str, Any]:
    reply = await site.client.get("/health", **options)
    assert reply.status_code == 200
    found: dict[str, Any] = reply.json()
    return found


async def ask(site: Site, model: str = MODEL) -> int:
    reply = await site.client.post(
        "/v1/chat/completions",
        json={"model": model, "messages": [{"role": "user", "content": "hi"}]},
        headers=OWNER,
    )
    return reply.status_code


@on_site(official=True, config=PAID, tokens=())
async def test_a_server_without_a_token_is_well_if_an_official_lane_may_answer(site: Site) -> None:
    """The owner sees the costs; strangers see the states alone."""
    site.official.costs[MODEL] = 123_000_000
    assert await ask(site) == 200
    mine, public = await health(site, headers=OWNER), await health(site)
    assert mine["status"] == public["status"] == "ok"
    assert mine["lanes"]["web"] == {"state": "no_tokens", "resumes_in": None}
    paid = mine["lanes"]["api"]
    assert (paid["state"], paid["spent_usd"], paid["daily_usd"]) == ("ok", 0.0123, 0.5)
    assert paid["models"] > 0
    assert len(paid["id"]) == 8
    assert 0 < paid["day_ends_in"] <= 86400
    assert public["lanes"]["api"] == {"state": "ok", "resumes_in": None}
    assert public["lanes"]["cli"] == {"state": "off", "resumes_in": None}


@on_site(official=True, config=PAID.replace("0.5", "0.0"), tokens=())
async def test_a_cap_that_is_reached_is_no_fault(site: Site) -> None:
    """The report has the day's end, and says that no question can be answered before."""
    report = await health(site, headers=OWNER)
    assert (report["status"], report["faults"]) == ("down", {})
    assert report["lanes"]["api"]["state"] == "cap_reached"
    assert report["lanes"]["api"]["resumes_in"] > 0


def test_a_key_that_is_refused_is_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    """With what to do, for its owner; the session tokens go on."""

    async def scenario(site: Site) -> None:
        site.official.keys.clear()
        await ask(site)
        report = await health(site, headers=OWNER)
        assert (report["status"], report["lanes"]["api"]["state"]) == ("down", "refused")
        assert "console.x.ai" in report["faults"]["lane api"]
        status = (await site.client.get("/status", headers=OWNER)).json()
        assert status["faults"] == report["faults"]
        assert "console.x.ai" in status["recent_faults"][0]["advice"]
        shown = json.dumps([report, status, await health(site)])
        assert KEY not in shown

    run_on_site(scenario, official=True, config=PAID)
    assert KEY not in caplog.text


@on_site(config='[grok]\napi_key = "owner"\n[api]\nkey_file = "/nowhere/key"')
async def test_a_key_file_that_is_missing_is_a_fault(site: Site) -> None:
    """The owner sees the path."""
    site.server.official.api.desk.changed()
    await site.gateway.lending.desks[1].refresh()
    report = await health(site, headers=OWNER)
    assert report["lanes"]["api"]["state"] == "no_credential"
    assert "/nowhere/key" in report["faults"]["lane api"]


@on_site(official=True, config=PAID.replace("first", "only"))
async def test_tokens_are_off_if_an_official_lane_answers_alone(site: Site) -> None:
    """They are not asked, so they don't count."""
    report = await health(site)
    assert report["lanes"]["web"]["state"] == "off"
    value = await scraped(site, "owner")
    assert value("lane_up", lane="web") is None
    assert value("lane_up", lane="api") == 1


def test_a_line_of_the_log_has_the_lane_and_the_cost(caplog: pytest.LogCaptureFixture) -> None:
    """In dollars, never in powers of ten; a session token costs nothing."""

    async def scenario(site: Site) -> None:
        site.official.costs[MODEL] = 400_000
        assert await ask(site) == 200
        site.official.costs[MODEL] = 123_000_000
        assert await ask(site) == 200
        assert await ask(site, "grok-3-fast") == 200

    with caplog.at_level(logging.INFO):
        run_on_site(scenario, official=True, config=PAID)
    told = [(line["lane"], line.get("cost_usd")) for line in lines_of(caplog)]
    assert told == [("api", 0.00004), ("api", 0.0123), ("web", None)]
    assert " cost_usd=0.000040 " in caplog.text
    assert " cost_usd=0.0123 " in caplog.text


@on_site(official=True, config=PAID)
async def test_money_is_in_the_metrics(site: Site) -> None:
    """Since the start and today, with the cap, by lane; so are the answers."""
    site.official.costs[MODEL] = 123_000_000
    for model in (MODEL, MODEL, "grok-3-fast"):
        assert await ask(site, model) == 200
    await trio.testing.wait_all_tasks_blocked(0.01)
    value: Callable[..., float | None] = await scraped(site, "owner")
    assert value("cost_usd_total", lane="api") == pytest.approx(0.0246)
    assert value("spent_usd_today", lane="api") == pytest.approx(0.0246)
    assert value("daily_cap_usd", lane="api") == 0.5
    assert [value("lane_up", lane=lane) for lane in ("web", "api", "cli")] == [1, 1, None]
    assert [value("lane_answers_total", lane=lane) for lane in ("web", "api")] == [1, 2]


def test_the_status_report_has_the_session_s_credits(tmp_path: Path) -> None:
    """A report has them asked for, and a later one has them."""
    entry = {"key": TOKEN, "user_id": "u-1", "email": "owner@example.com"}
    file = tmp_path / "auth.json"
    file.write_text(json.dumps({"https://auth.x.ai::client": entry}))

    async def scenario(site: Site) -> None:
        seen = ""
        while True:
            reply = await site.client.get("/status")
            seen += reply.text
            cli, _ = reply.json()["lanes"]
            if cli["plan"]:
                break
            await trio.testing.wait_all_tasks_blocked(0.01)
        assert (cli["lane"], cli["state"], cli["plan"]["used_percent"]) == ("cli", "ok", 12.5)
        assert (cli["plan"]["period"], cli["budget"]) == ("weekly", None)
        assert not [secret for secret in (TOKEN, "owner@", "u-1") if secret in seen]

    config = f'[cli]\nauth_file = "{file}"\nclient_version = "1.0.13"\nbase_url = "{{cli_url}}"'
    run_on_site(scenario, official=True, config=config)


def blind(site: Site) -> None:
    """Make xAI's list one that never came."""
    catalogue = site.server.official.api.keeper.catalogue
    catalogue.listed, catalogue.models, catalogue.at = (), {}, None


@on_site(official=True, config=PAID.replace("first", "only"), tokens=())
async def test_without_a_list_xai_says_which_models_there_are(site: Site) -> None:
    """A name of xAI's is passed on; another is unknown here, and none of them is listed."""
    blind(site)
    assert await ask(site) == 200
    assert await ask(site, "gpt-9") == 404
    shown = await site.client.get(f"/v1/models/{MODEL}", headers=OWNER)
    assert shown.status_code == 404
    assert await ask(site, "grok-none") == 404
    assert {call.body["model"] for call in site.official.asked()} == {MODEL, "grok-none"}
