"""Ages and refusals of the browser values, from Grok's answer to the report; and the warnings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve, frozen

from grokcore.config import DEFAULT_STATSIG_ID
from grokcore.errors import Challenge
from grokcore.protocol.models import WebLane
from grokcore.protocol.pool.view import egress_label
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.disk.state_file import peek
from grokcore.simulator import lines
from grokcore.simulator.scripts import Script, error, page
from tests.runtime.failed_attempts import failed_attempt
from tests.servers import Site, configured, on_site, run_on_site
from tests.web.dashboard.status_routes import status

CANARIES = ("canary-clearance", "canary-agent", "canary-statsig")
VALUES = """
[grok]
cf_clearance = "canary-clearance"
user_agent = "canary-agent"
x_statsig_id = "canary-statsig"
"""


async def values(site: Site) -> dict[str, dict[str, Any]]:
    """The report's values by their names."""
    return {value["name"]: value for value in (await status(site))["browser_values"]}


def refusals(shown: dict[str, dict[str, Any]]) -> dict[str, list[tuple[str, str, str]]]:
    return {
        name: [(each["lane"], each["egress"], each["code"]) for each in value["refused"]]
        for name, value in shown.items()
    }


@frozen
class Refused:
    """A lane, Grok's refusal, and the values that it is held against."""

    lane: WebLane
    script: Script
    code: str
    concerns: tuple[str, ...]


EDGE = ("cf_clearance", "user_agent")


@pytest.mark.parametrize(
    "case",
    [
        Refused(WebLane.REST, page(), "upstream_challenge", EDGE),
        Refused(
            WebLane.REST,
            error(403, lines.ERROR_403_ANTIBOT),
            "upstream_antibot",
            (*EDGE, "x_statsig_id"),
        ),
        Refused(WebLane.SOCKET, page(), "upstream_challenge", EDGE),
        Refused(WebLane.SOCKET, error(403, lines.ERROR_403_ANTIBOT), "upstream_antibot", EDGE),
        Refused(WebLane.REST, error(401, lines.ERROR_401), "no_valid_tokens", ()),
    ],
    ids=lambda case: f"{case.lane.value} {case.code}",
)
def test_a_refused_answer_is_shown_with_lane_and_egress(case: Refused) -> None:
    """What the owner has to copy anew, and for which way."""

    async def scenario(site: Site) -> None:
        site.play_for("sso-0", case.script)
        await site.ask()
        shown = await values(site)
        way = [(case.lane.value, "direct", case.code)]
        assert refusals(shown) == {name: way * (name in case.concerns) for name in shown}
        now = site.server.state.wall.time()
        assert all(now - 10 < value["since"] <= now for value in shown.values())
        assert all(
            now - 10 < each["at"] <= now for value in shown.values() for each in value["refused"]
        )
        whole = json.dumps(await status(site)) + (await site.client.get("/health")).text
        assert not [canary for canary in CANARIES if canary in whole]

    run_on_site(scenario, tokens=(TokenEntry("sso-0"),), config=VALUES, lane=case.lane)


PROXY = "http://user:canary-password@127.0.0.1:9"


@on_site(tokens=(TokenEntry("sso-0"),), config=VALUES)
async def test_a_proxy_is_named_by_its_hash(site: Site) -> None:
    """As everywhere on the page."""
    label = egress_label(PROXY)
    for listener in site.gateway.on_failed_attempt:
        listener(failed_attempt(Challenge("x"), egress=label, accepted=trio.current_time()))
    assert refusals(await values(site))["cf_clearance"] == [("socket", label, "upstream_challenge")]


@on_site(tokens=(TokenEntry("sso-0"),), config=VALUES)
async def test_a_reload_with_another_value_begins_anew(site: Site) -> None:
    """The other two stay as they are; and a request of before the reload, which is refused after
    it, was made with the old value.
    """
    began = trio.current_time()
    site.play_for("sso-0", page())
    await site.ask()
    before = await values(site)
    config = site.server.state.config
    site.server.adopt_config(evolve(config, grok=evolve(config.grok, cf_clearance="another")))
    after = await values(site)
    assert after["cf_clearance"]["since"] > before["cf_clearance"]["since"]
    assert after["cf_clearance"]["refused"] == []
    assert after["user_agent"] == before["user_agent"]
    site.server.state.attempt_failed(failed_attempt(Challenge("x"), accepted=began))
    assert (await values(site))["cf_clearance"]["refused"] == []


def test_a_restart_keeps_ages_and_refusals(tmp_path: Path) -> None:
    """Through the state file, in which the values themselves are not."""
    file = tmp_path / "state.jsonl"
    seen: list[Any] = []

    async def refused(site: Site) -> None:
        site.play_for("sso-0", page())
        await site.ask()
        seen.append(await values(site))

    async def again(site: Site) -> None:
        seen.append(await values(site))

    for scenario in (refused, again):
        run_on_site(
            scenario,
            tokens=(TokenEntry("sso-0"),),
            config=VALUES,
            state_file=file,
        )
    first, second = seen
    assert refusals(second) == refusals(first) != {}
    for name, value in second.items():
        assert value["since"] == pytest.approx(first[name]["since"], abs=0.01)
    assert not [canary for canary in CANARIES if canary in file.read_text("utf-8")]


def test_a_value_that_no_request_was_refused_with_is_saved_too(tmp_path: Path) -> None:
    """Its age counts from the first start with it."""
    file = tmp_path / "state.jsonl"

    async def nothing(site: Site) -> None:
        await values(site)

    run_on_site(nothing, config=VALUES, state_file=file)
    assert len([key for key in peek(file) if key.startswith("browser value ")]) == 3


@on_site(config='[grok]\nweb_lane = "socket"')
async def test_values_that_are_not_the_owner_s_have_no_age(site: Site) -> None:
    """The shipped value says so."""
    shown = await values(site)
    assert {name: (value["source"], value["since"]) for name, value in shown.items()} == {
        "cf_clearance": ("none", None),
        "user_agent": ("none", None),
        "x_statsig_id": ("shipped", None),
    }


# The warnings -----------------------------------------------------------------------------------


@on_site(config='[grok]\nweb_lane = "rest"')
async def test_health_and_the_page_warn_of_the_shipped_value(site: Site) -> None:
    """Without another status code: a monitor that restarts on it would restart for ever."""
    reply = await site.client.get("/health")
    assert reply.status_code == 200
    assert reply.json()["status"] == "ok"
    warnings = reply.json()["warnings"]
    assert 'web_lane = "socket"' in warnings["x_statsig_id"]
    assert "import-curl" in warnings["x_statsig_id"]
    assert (await status(site))["warnings"] == warnings
    assert DEFAULT_STATSIG_ID not in reply.text


@on_site(config='[grok]\nweb_lane = "rest"')
async def test_the_warning_ends_with_a_reload(site: Site) -> None:
    """No restart is needed for either way out."""
    site.server.adopt_config(configured('[grok]\nweb_lane = "socket"', site.grok_url))
    assert (await site.client.get("/health")).json()["warnings"] == {}


@on_site(tokens=(TokenEntry("sso-0"),), config='[grok]\nweb_lane = "rest"')
async def test_a_message_that_ends_with_its_advice_is_not_followed_by_it(site: Site) -> None:
    """The page would say the same twice."""
    site.play_for("sso-0", page())
    await site.ask()
    fault = (await status(site))["recent_faults"][0]
    assert "import-curl" in fault["message"]
    assert fault["advice"] == ""
