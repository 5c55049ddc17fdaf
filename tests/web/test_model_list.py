"""``/v1/models`` and ``/v1/models/{id}``, and questions to models that no token may use."""

from __future__ import annotations

import pytest
from openai import AsyncOpenAI

from grokcore.protocol.model_order import BEST_FIRST
from grokcore.protocol.models import SHIPPED, Tier
from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator import lines
from grokcore.simulator.accounts import all_modes
from grokcore.simulator.scripts import error
from tests.servers import Site, chat, on_site

FREE = TokenEntry("sso-0")
SUPER = TokenEntry("sso-super", Tier.SUPER)
FOR_ALL = [name for name in BEST_FIRST if SHIPPED[name].tier is Tier.BASIC]
OVER_SOCKET = '[grok]\nweb_lane = "socket"\n'
KEYS = """
[[keys]]
name = "guest"
key = "guest"
models = ["grok-heavy", "grok-4.1", "grok-3-fast"]
[[keys]]
name = "owner"
key = "owner"
"""


async def names(site: Site, query: str = "", key: str = "") -> list[str]:
    headers = {"x-api-key": key} if key else {}
    reply = await site.client.get(f"/v1/models{query}", headers=headers)
    return [model["id"] for model in reply.json()["data"]]


@on_site(tokens=(FREE,))
async def test_the_list_has_what_the_tokens_may_use_best_first(site: Site) -> None:
    """A client that takes the first model gets the best that answers, on each call the same."""
    async with AsyncOpenAI(base_url=f"{site.url}/v1", api_key="x") as client:
        listed = [model.id async for model in client.models.list()]
    assert listed == FOR_ALL == await names(site)
    assert listed[0] == "grok-expert"
    assert (await site.ask(model=listed[0])).status_code == 200


ALL = ["?all=1", "?all", "?all=true", "?all=yes"]
SOME = ["?all=0", "?all=FALSE", "?all=no", "?all=off", "?other=1"]


@pytest.mark.parametrize(
    ("query", "whole"), [*((query, True) for query in ALL), *((query, False) for query in SOME)]
)
@on_site(tokens=(FREE,))
async def test_all_models_are_listed_on_request(site: Site, query: str, *, whole: bool) -> None:
    """Each says whether a token may use it."""
    assert await names(site, query) == (list(BEST_FIRST) if whole else FOR_ALL)
    for model in (await site.client.get(f"/v1/models{query}")).json()["data"]:
        assert model["available"] is (model["id"] in FOR_ALL)


@on_site(config=OVER_SOCKET, tokens=(FREE, SUPER))
async def test_modes_that_grok_refuses_all_tokens_are_not_listed(site: Site) -> None:
    """Nor the older names that have become such a mode; and the list asks Grok nothing."""
    for token in (FREE, SUPER):
        site.simulator.mode_scripts[token.sso] = all_modes(expert="requiresUpgrade")
    assert await names(site) == list(BEST_FIRST)
    assert site.simulator.modes == []
    await site.ask(model="grok-fast")
    assert await names(site) == list(BEST_FIRST)  # the other token has not been asked yet
    await site.ask(model="grok-heavy")
    expert = {"grok-expert", "grok-4-expert", "grok-4-fast-expert"}
    assert await names(site) == [name for name in BEST_FIRST if name not in expert]
    assert len(site.simulator.modes) == 2


@on_site(config=OVER_SOCKET, tokens=(FREE,))
async def test_a_refused_question_for_the_modes_changes_no_list(site: Site) -> None:
    """The tier decides then."""
    site.simulator.mode_scripts[FREE.sso] = error(403, lines.ERROR_403_ANTIBOT)
    assert (await site.ask(model="grok-fast")).status_code == 200
    assert await names(site) == FOR_ALL


@on_site(tokens=(FREE, SUPER))
async def test_a_used_up_token_still_serves(site: Site) -> None:
    """Else the list would flicker, and clients forget a model that is back in an hour."""
    site.simulator.always(error(429, lines.ERROR_429))
    for name in ("grok-heavy", "grok-fast"):
        assert (await site.ask(model=name)).status_code == 429
    assert await names(site) == list(BEST_FIRST)


@on_site(tokens=())
async def test_without_a_token_everything_is_listed_and_says_so(site: Site) -> None:
    """An empty menu would hide the error that says what to do."""
    assert await names(site) == list(BEST_FIRST)
    model = (await site.client.get("/v1/models/grok-4.1")).json()
    assert model["available"] is False
    assert "tokens add" in model["unavailable_reason"]


@on_site(tokens=(FREE,))
async def test_a_model_that_no_token_may_use_is_described_with_the_reason(site: Site) -> None:
    """It exists, as the list of all models says; a client that only looks is not told otherwise."""
    reply = await site.client.get("/v1/models/grok-heavy")
    assert reply.status_code == 200
    model = reply.json()
    assert (model["id"], model["available"]) == ("grok-heavy", False)
    assert "Super" in model["unavailable_reason"]
    known = (await site.client.get("/v1/models/grok-fast")).json()
    assert known["available"] is True
    assert "unavailable_reason" not in known
    assert (await site.client.get("/v1/models/grok-heavie")).status_code == 404


# Questions --------------------------------------------------------------------------------------

PICTURE = {"type": "image_url", "image_url": {"url": "https://127.0.0.1:9/a.png"}}
NOT_FETCHED = [{"role": "user", "content": [{"type": "text", "text": "what?"}, PICTURE]}]


@on_site(config=OVER_SOCKET, tokens=(FREE,))
async def test_a_question_to_a_model_that_no_token_may_use_names_the_plan_and_the_others(
    site: Site,
) -> None:
    """The first time, when the token's modes are asked for with it, and from then on; then before
    anything is fetched for the question.
    """
    site.simulator.mode_scripts[FREE.sso] = all_modes(expert="requiresUpgrade")
    first = await site.ask(model="grok-expert")
    second = await site.client.post(
        "/v1/chat/completions", json=chat(model="grok-expert", messages=NOT_FETCHED)
    )
    assert [first.json()["error"]["code"], second.json()["error"]["code"]] == [
        "upstream_refused",
        "no_tokens",
    ]
    for reply in (first, second):
        message = reply.json()["error"]["message"]
        assert "expert" in message
        assert "TIER_SUPERGROK" in message
        assert message.endswith(
            "This server can be asked for: grok-auto, grok-fast, grok-4.1-thinking, grok-4.1, "
            "grok-4-fast, grok-3-fast, grok-imagine-0.9."
        )
    assert "model grok-expert (mode expert)" in second.json()["error"]["message"]
    assert second.headers["x-should-retry"] == "false"
    assert second.headers["x-grok2api-attempts"] == "0"
    assert site.simulator.sockets.calls == []


@on_site(tokens=(FREE,))
async def test_a_picture_from_a_model_that_no_token_may_use_is_refused_alike(site: Site) -> None:
    """All routes that ask Grok have the rule."""
    reply = await site.client.post(
        "/v1/images/generations", json={"prompt": "a cat", "model": "grok-4-heavy"}
    )
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "no_tokens")
    assert "This server can be asked for: grok-expert, " in reply.json()["error"]["message"]


@on_site(config=KEYS, tokens=(FREE,))
async def test_a_guest_hears_of_its_own_models_only(site: Site) -> None:
    """In the list and in the error."""
    assert await names(site, key="guest") == ["grok-4.1", "grok-3-fast"]
    assert await names(site, "?all=1", "guest") == ["grok-heavy", "grok-4.1", "grok-3-fast"]
    reply = await site.client.post(
        "/v1/chat/completions", json=chat(model="grok-heavy"), headers={"x-api-key": "guest"}
    )
    assert reply.json()["error"]["message"].endswith(
        "This server can be asked for: grok-4.1, grok-3-fast."
    )


@on_site(tokens=(FREE, SUPER))
async def test_a_model_whose_only_token_is_dead_is_refused_with_the_others_named(
    site: Site,
) -> None:
    """The free account still answers: not everything has ended."""
    account = site.server.pool.book.accounts[1]
    for at in (-1000.0, 0.0):
        account.doubt("The session has ended.", at)
    site.server.adopt_tokens((FREE, SUPER))
    assert await names(site) == FOR_ALL
    reply = await site.ask(model="grok-heavy")
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "no_valid_tokens")
    message = reply.json()["error"]["message"]
    assert "no token that may use the model grok-heavy" in message
    assert message.endswith(f"This server can be asked for: {', '.join(FOR_ALL)}.")
