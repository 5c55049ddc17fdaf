"""The condition of a running server, in ``/health``, ``/ready`` and ``/status``."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

import grokcore.web.condition
from grokcore.errors import TransportFailure
from grokcore.protocol.condition import Condition, Facts, judge
from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator.scripts import answer, page
from grokcore.web.observing.census import COUNTED_AT_ONCE
from tests.servers import Site, on_site, run_on_site

OWNER = {"x-api-key": "owner"}
KEYED = '[grok]\napi_key = "owner"'
PROXY = "http://user:s3cret@127.0.0.1:7890"


async def seen(site: Site, path: str = "/health", **headers: str) -> dict[str, Any]:
    reply = await site.client.get(path, headers=headers)
    found: dict[str, Any] = reply.json()
    return found


async def ask(site: Site, model: str = "grok-4.1") -> int:
    reply = await site.client.post(
        "/v1/chat/completions",
        json={"model": model, "messages": [{"role": "user", "content": "hi"}]},
        headers=OWNER,
    )
    return reply.status_code


@on_site(tokens=(TokenEntry("sso-0"),), config=KEYED)
async def test_a_server_that_fails_every_request_is_down_and_one_that_answers_is_not(
    site: Site,
) -> None:
    """Usable tokens alone are no sign of health; the next success ends it at once."""
    site.simulator.script("sso-0", page(403), answer("ok"))
    assert (await seen(site, "/ready"))["ready"] is True
    assert await ask(site) == 502
    report = await seen(site, **OWNER)
    assert report["status"] == "down"
    assert {reason["matter"] for reason in report["reasons"]} == {"challenge"}
    ready = await site.client.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "down")
    assert (await site.client.head("/ready")).status_code == 503
    models = (await seen(site, "/status", **OWNER))["models"]
    assert (models[0]["name"], models[0]["asked"], models[0]["failed"]) == ("grok-4.1", 1, 1)
    assert {row["state"] for row in models[1:]} <= {"not_asked", "unanswerable"}
    site.server.pool.book.forget_egresses()
    assert await ask(site) == 200
    assert (await seen(site, "/ready"))["ready"] is True
    assert (await seen(site, **OWNER))["status"] == "ok"


@on_site(tokens=(TokenEntry("sso-0", proxy_url=PROXY),), config=KEYED)
async def test_a_proxy_that_fails_is_named_to_its_owner_only(site: Site) -> None:
    """By host and port, with its failures; never with user and password."""
    (egress,) = site.server.pool.book.egresses()
    for at in range(4):
        egress.fail(TransportFailure("No connection could be made."), at, at)
    site.server.pool.changed()
    mine, public = await site.client.get("/health", headers=OWNER), await site.client.get("/health")
    (row,) = mine.json()["egress"]
    assert (row["address"], row["failing"]) == ("127.0.0.1:7890", [4, 4])
    reasons = [reason for reason in mine.json()["reasons"] if reason["matter"] == "egress"]
    assert [reason["subject"] for reason in reasons] == ["127.0.0.1:7890"]
    assert "127.0.0.1:7890 failed. No connection could be made." in reasons[0]["words"]
    assert "s3cret" not in mine.text
    assert "7890" not in public.text
    assert [reason["matter"] for reason in public.json()["reasons"]] == [
        reason["matter"] for reason in mine.json()["reasons"]
    ]


@on_site
async def test_a_fault_in_a_file_shows_at_once(site: Site) -> None:
    """The judgement is shared for a second, but not over a change."""
    assert (await seen(site))["status"] == "ok"
    site.server.state.notices["tokens"] = "line 3 is not JSON"
    report = await seen(site)
    assert (report["status"], report["reasons"][0]["matter"]) == ("degraded", "file")
    assert (await seen(site, "/ready"))["ready"] is True
    del site.server.state.notices["tokens"]
    assert (await seen(site))["status"] == "ok"


@on_site(tokens=(TokenEntry("sso-0"), TokenEntry("sso-1", disabled=True)))
async def test_a_server_whose_tokens_are_disabled_is_down(site: Site) -> None:
    """Nothing can be asked until the owner acts; the words count them."""
    site.server.pool.disable(TokenEntry("sso-0").key)
    (reason,) = (await seen(site))["reasons"]
    assert (reason["matter"], reason["weight"]) == ("no_credentials", "down")
    assert "(2)" in reason["words"]


@pytest.mark.parametrize(("tokens", "counted"), [(3, 3), (COUNTED_AT_ONCE + 1, None)])
def test_usable_tokens_are_counted_in_a_pool_of_a_usual_size(
    tokens: int, counted: int | None
) -> None:
    """A count of ten thousand for each report would hold up answers."""

    async def scenario(site: Site) -> None:
        models = site.server.services.condition().models
        assert models[0][0].usable_tokens == counted

    entries = tuple(TokenEntry(f"sso-{number}") for number in range(tokens))
    run_on_site(scenario, tokens=entries)


@on_site
async def test_a_model_that_is_no_longer_in_the_table_is_not_judged(site: Site) -> None:
    """Its failures need nobody's attention."""
    assert await ask(site, "grok-3-fast") == 200
    assert site.server.services.condition().models[0][0].name == "grok-3-fast"
    models = dict(site.server.state.config.models)
    del models["grok-3-fast"]
    site.server.adopt_config(evolve(site.server.state.config, models=models))
    names = [facts.name for facts, _ in site.server.services.condition().models]
    assert "grok-3-fast" not in names


@on_site(config=KEYED)
async def test_looking_at_the_condition_does_not_make_it_anew(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A monitor that asks often costs next to nothing; an answer counts at once."""
    judged: list[Facts] = []

    def counted(facts: Facts) -> Condition:
        judged.append(facts)
        return judge(facts)

    monkeypatch.setattr(grokcore.web.condition, "judge", counted)
    monkeypatch.setattr(grokcore.web.condition, "VALID_S", 60.0)
    for _ in range(3):
        await seen(site)
    assert len(judged) <= 1
    before = len(judged)
    site.simulator.always(answer("ok"))
    await ask(site)
    await seen(site)
    assert len(judged) > before
