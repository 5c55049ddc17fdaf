"""The models that an official lane offers."""

from __future__ import annotations

import orjson

from grokcore.protocol.conversation.usage import Usage
from grokcore.protocol.official.model_list import parse_models
from grokcore.runtime.lanes.official.catalogue import CatalogueKeeper
from grokcore.runtime.lanes.official.offer import Offer
from tests.scenarios import on_fake_clock

LIST = {
    "models": [
        {
            "id": "grok-4.7",
            "aliases": ["grok-latest"],
            "context_window": 500_000,
            "reasoning_efforts": ["low", "high"],
            "input_modalities": ["text"],
            "prompt_text_token_price": 20_000,
            "completion_text_token_price": 60_000,
        },
        {"id": "grok-4.6"},
        {"id": "grok-imagine-image"},
    ]
}


def offer(*allowed: str, listed: bool = True, **stand_ins: str) -> Offer:
    def asker() -> None:
        raise AssertionError("nothing asks here")

    keeper = CatalogueKeeper(asker, lambda: 0.0)  # type: ignore[arg-type]
    if listed:
        keeper.catalogue.take(parse_models(orjson.dumps(LIST)), 1.0)
    return Offer(
        keeper, allowed, {name.replace("_", "-"): other for name, other in stand_ins.items()}
    )


@on_fake_clock
async def test_all_models_for_text_are_offered_by_name_and_alias() -> None:
    """Models for pictures are not: no question can be put to them."""
    whole = offer()
    assert set(whole.names) == {"grok-4.7", "grok-latest", "grok-4.6"}
    assert whole.upstream_name("grok-latest") == "grok-latest"
    assert whole.upstream_name("grok-auto") == ""


@on_fake_clock
async def test_the_owner_may_allow_a_part_of_the_list() -> None:
    """Others are as unknown as if xAI did not list them."""
    part = offer("grok-4.6", "grok-gone")
    assert part.names == ("grok-4.6",)
    assert part.upstream_name("grok-4.7") == part.upstream_name("grok-gone") == ""


@on_fake_clock
async def test_a_stand_in_answers_for_a_name_of_ours() -> None:
    """If xAI has it; a mistyped one stands for nothing."""
    found = offer(grok_auto="grok-4.7", grok_fast="grok-9")
    assert found.names[0] == "grok-auto"
    assert found.upstream_name("grok-auto") == "grok-4.7"
    assert found.upstream_name("grok-fast") == ""
    assert "grok-fast" not in found.names


@on_fake_clock
async def test_without_a_list_the_owners_own_words_count() -> None:
    """The lane works also if xAI's list can't be had."""
    blind = offer("grok-4.7", listed=False, grok_auto="grok-4.7")
    assert blind.names == ("grok-auto", "grok-4.7")
    assert blind.upstream_name("grok-auto") == "grok-4.7"
    assert blind.upstream_name("grok-4.6") == ""


@on_fake_clock
async def test_without_any_word_a_clients_name_is_believed() -> None:
    """If it may be a model of xAI's for text. Once there has been a list, that alone counts."""
    blind = offer(listed=False)
    blind.ours = frozenset({"grok-auto"})
    assert blind.names == ()
    assert blind.upstream_name("grok-9") == "grok-9"
    for name in (
        "grok-auto",
        "gpt-9",
        "grok-",
        "grok-imagine-image",
        "grok-9 x",
        "grok-" + "x" * 200,
    ):
        assert blind.upstream_name(name) == ""
    blind.keeper.catalogue.take(parse_models(orjson.dumps(LIST)), 1.0)
    assert blind.upstream_name("grok-9") == ""


@on_fake_clock
async def test_a_list_of_models_has_the_facts_that_xai_gives() -> None:
    """Of the model that answers, under the name that the client knows."""
    found = offer(grok_auto="grok-4.7")
    whole = {
        "input_modalities": ["text"],
        "context_window": 500_000,
        "reasoning_efforts": ["low", "high"],
    }
    assert found.facts("grok-4.7") == found.facts("grok-auto") == whole
    assert found.facts("grok-4.6") == {"input_modalities": ["text", "image"]}
    assert found.facts("unknown") == {}


@on_fake_clock
async def test_a_cost_is_taken_from_the_list() -> None:
    """If xAI did not charge in so many words."""
    found = offer()
    assert found.cost_of(Usage(1000, 10), "grok-4.7") == 20_600_000
    assert found.cost_of(Usage(1000, 10), "grok-4.6") is None
    assert found.cost_of(Usage(1000, 10), "unknown") is None
    assert found.reasons("unknown")


@on_fake_clock
async def test_a_model_that_is_gone_has_the_list_asked_for_anew() -> None:
    """It vanishes when xAI says so."""
    found = offer()
    found.gone("grok-4.7")
    assert found.keeper._demanded.is_set()
