"""Metrics of the moment: the condition, keys, egresses, the cache."""

from __future__ import annotations

import re

import pytest

from grokcore.protocol.condition import SharedPool
from grokcore.protocol.pool.account import Egress
from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator.scripts import answer, page
from grokcore.web.observing import metrics
from grokcore.web.observing.gauges import egress_names, gauges_of_shared_pool
from tests.servers import Site, chat, on_site
from tests.web.observing.records import scraped

PASSWORD = "pass-7f3a"


@on_site
async def test_models_that_fail_are_told_while_tokens_are_fine(site: Site) -> None:
    """Usable tokens are no proof that anybody is answered."""
    site.simulator.always(answer("ok"))
    await site.ask()
    site.simulator.always(page())
    await site.ask(model="grok-4.1")
    await site.settled()
    value = await scraped(site)
    assert value("model_answerable", model="grok-4.1") == 0
    assert value("model_answerable", model="grok-2") is None
    states = {state: value("condition", state=state) for state in ("ok", "degraded", "down")}
    assert sorted(states.values(), key=str) == [0, 0, 1]
    assert states["ok"] == 0
    assert value("reasons", matter="challenge") != 0
    assert value("reasons", matter="file") == value("file_faults") == 0


@on_site
async def test_a_file_at_fault_is_counted(site: Site) -> None:
    """Alerts need not read words."""
    site.server.state.notices["tokens"] = "tokens.json: line 3: no JSON"
    value = await scraped(site)
    assert (value("file_faults"), value("reasons", matter="file")) == (1, 1)
    assert value("condition", state="degraded") == 1


@on_site(config='[[keys]]\nname = "laptop"\nkey = "k"\n[[keys]]\nname = "phone"\nkey = "p"')
async def test_requests_and_tokens_are_counted_by_key(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their names, and those of many keys together, since a series is for ever. Strangers and
    refused requests add no tokens.
    """
    monkeypatch.setattr(metrics, "MOST_KEYS", 1)
    site.simulator.always(answer("one two three"))
    for key in ("k", "k", "p", "wrong"):
        headers = {"x-api-key": key}
        await site.client.post("/v1/chat/completions", json=chat(), headers=headers)
    await site.settled()
    value = await scraped(site, "k")
    assert value("key_requests_total", key="laptop") == 2
    assert value("key_requests_total", key="(others)") == 1
    assert value("key_requests_total", key="(owner)") is None
    tokens_in, tokens_out = (
        value(f"key_tokens_{way}_total", key="laptop") for way in ("in", "out")
    )
    assert tokens_in
    assert tokens_out
    assert (tokens_in % 2, tokens_out % 2) == (0, 0)


@on_site(
    tokens=(
        TokenEntry("a", proxy_url=f"http://me:{PASSWORD}@127.0.0.1:9"),
        TokenEntry("b", proxy_url=f"http://you:{PASSWORD}@127.0.0.1:9"),
    )
)
async def test_egresses_have_names_without_a_user_or_password(site: Site) -> None:
    """Two users of one proxy are two ways to Grok, and a page with one series twice is refused."""
    page = (await site.client.get("/metrics")).text
    names = re.findall(r'grok2api_egress_open\{egress="([^"]+)"\}', page)
    assert len(set(names)) == len(names) == 2
    assert all(name.startswith("127.0.0.1:9 ") for name in names)
    assert not re.search(f"{PASSWORD}|me:|you:", page)


def test_a_way_without_a_proxy_is_direct() -> None:
    """And the address alone is a name where it is one egress's."""
    direct, proxy = Egress(""), Egress("http://me:pw@127.0.0.1:9")
    assert egress_names([direct, proxy]) == {"direct": direct, "127.0.0.1:9": proxy}


@on_site
async def test_no_series_says_when_it_was_made(site: Site) -> None:
    """They double the page, and nobody asks for them."""
    await site.ask()
    assert "_created" not in (await site.client.get("/metrics")).text


def test_a_shared_pool_is_measured() -> None:
    """The tokens and servers of the pool, and whether its table can be reached."""
    for gone in ("", "no route"):
        metrics = gauges_of_shared_pool(SharedPool("a table", 3, 2, gone=gone))
        values = {metric.name: metric.samples[0].value for metric in metrics}
        assert values == {
            "grok2api_owned_tokens": 3,
            "grok2api_pool_servers": 2,
            "grok2api_pool_table_up": not gone,
        }
