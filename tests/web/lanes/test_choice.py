"""The lane that answers: by the owner's order, the model's name, and the state of the tokens."""

from __future__ import annotations

import pytest

from grokcore.simulator import lines
from grokcore.simulator.scripts import error
from tests.lanes import each_lane
from tests.servers import TOKENS, Site, on_site
from tests.web.lanes.paid_site import API, MODEL, answered_by, ask, error_of, questions

WEB = ("web", "estimated", "1")
PAID = ("api", "reported", "1")
STAND_INS = '[api.stand_ins]\n"grok-3-fast" = "grok-4.6"\n'


def paid(use: str) -> str:
    """The paid lane with this use, standing in for one shipped name."""
    return f'{API}use = "{use}"\n{STAND_INS}'


USES = [("overflow", WEB), ("first", PAID), ("only", PAID), ("off", WEB)]


@each_lane
@pytest.mark.parametrize(("use", "expected"), USES)
@on_site(official=True, config=paid, lane=lambda lane: lane)
async def test_with_free_tokens_the_use_decides(
    site: Site, use: str, expected: tuple[str, str, str], lane: str
) -> None:
    """The headers name the lane that was asked, and no other lane was."""
    assert answered_by(await ask(site, "grok-3-fast")) == expected
    assert (len(site.asked), len(questions(site))) == ((1, 0) if expected is WEB else (0, 1))


@pytest.mark.parametrize("use", ["overflow", "first", "only"])
@on_site(official=True, config=paid, tokens=())
async def test_without_tokens_the_paid_lane_answers(site: Site, use: str) -> None:
    """Whatever its use, short of off."""
    assert answered_by(await ask(site, "grok-3-fast")) == PAID
    assert answered_by(await ask(site)) == PAID


@on_site(official=True, config=paid("off"), tokens=())
async def test_a_lane_that_is_off_is_never_asked(site: Site) -> None:
    """Its names are unknown, too."""
    assert (await ask(site, "grok-3-fast")).status_code in (429, 503)
    assert (await ask(site)).status_code == 404
    assert site.official.calls == []


@each_lane
@on_site(official=True, config=paid("overflow"), lane=lambda lane: lane, tokens=TOKENS[:2])
async def test_tokens_that_are_used_up_overflow_in_the_same_request(site: Site, lane: str) -> None:
    """Each token has been asked; then the paid lane answers, and the client sees one answer."""
    site.play(error(429, lines.ERROR_429))
    reply = await ask(site, "grok-3-fast")
    assert answered_by(reply)[:2] == ("api", "reported")
    assert answered_by(await ask(site, "grok-3-fast"))[0] == "api"
    assert questions(site)[0].model == MODEL


@on_site(official=True, config=f"{API}", tokens=())
async def test_a_shipped_name_overflows_only_with_a_stand_in(site: Site) -> None:
    """No model is swapped for another one that the owner has not named."""
    refused = await ask(site, "grok-auto")
    assert refused.status_code != 200
    assert questions(site) == []


@on_site(official=True, config=paid("first"))
async def test_a_name_in_both_lanes_is_one_model(site: Site) -> None:
    """The list has it once; names that only xAI has stand beside it."""
    listed = [one["id"] for one in (await site.client.get("/v1/models")).json()["data"]]
    assert len(listed) == len(set(listed))
    assert {"grok-3-fast", MODEL, "grok-4.7"} <= set(listed)
    assert not [name for name in listed if "imagine-video" in name]


@on_site(official=True, config=paid("first"))
async def test_an_unknown_model_suggests_names_of_all_lanes(site: Site) -> None:
    """Nothing is asked for it."""
    refused = await ask(site, "grok-4.66")
    assert (refused.status_code, error_of(refused)["code"]) == (404, "model_not_found")
    assert MODEL in error_of(refused)["message"]
    assert questions(site) == []


@on_site(official=True, config=f'{API}models = ["{MODEL}"]')
async def test_the_owner_s_list_restricts_the_lane(site: Site) -> None:
    """Other models of xAI's are neither listed nor asked."""
    listed = {one["id"] for one in (await site.client.get("/v1/models")).json()["data"]}
    assert MODEL in listed
    assert "grok-4.7" not in listed
    assert (await ask(site, "grok-4.7")).status_code == 404
    assert answered_by(await ask(site)) == PAID


GUESTS = f"""
[grok]
api_key = "owner"
[[keys]]
name = "limited"
key = "limited"
rpm = 100
[[keys]]
name = "paying"
key = "paying"
rpm = 100
lanes = ["web", "api"]
[[keys]]
name = "web"
key = "web"
lanes = ["web"]
{API}use = "overflow"
"""


@pytest.mark.parametrize("key", ["limited", "web"])
@on_site(official=True, config=GUESTS)
async def test_a_guest_never_spends_the_owner_s_money(site: Site, key: str) -> None:
    """A name of the paid lane is unknown to it; used-up tokens overflow for others alone."""
    refused = await ask(site, key=key)
    assert refused.status_code in (403, 404)
    assert MODEL in error_of(refused)["message"]
    site.play(error(429, lines.ERROR_429))
    assert (await ask(site, "grok-3-fast", key=key)).status_code == 429
    listed = await site.client.get("/v1/models", headers={"x-api-key": key})
    assert MODEL not in [one["id"] for one in listed.json()["data"]]
    assert questions(site) == []


@pytest.mark.parametrize("key", ["paying", "owner"])
@on_site(official=True, config=GUESTS)
async def test_a_key_with_the_lane_is_answered_by_it(site: Site, key: str) -> None:
    """And sees its models."""
    assert answered_by(await ask(site, key=key)) == PAID
    listed = await site.client.get("/v1/models", headers={"x-api-key": key})
    assert MODEL in [one["id"] for one in listed.json()["data"]]


@on_site(official=True, config=GUESTS)
async def test_lanes_alone_make_a_guest(site: Site) -> None:
    """The status page is the owner's."""
    assert (await site.client.get("/status", headers={"x-api-key": "web"})).status_code == 403
    assert (await site.client.get("/status", headers={"x-api-key": "owner"})).status_code == 200
