"""Lists of xAI's models, in all forms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.official.model_list import (
    MOST_MODELS,
    LongPrices,
    ModelKind,
    OfficialModel,
    by_name,
    is_likely_chat,
    merged,
    parse_models,
    recall,
    record_of,
)

from ..strategies import json_values

AT = 1_795_000_000.0

LANGUAGE_MODEL = {
    "id": "grok-9",
    "fingerprint": "fp_1",
    "created": 1743724800,
    "object": "model",
    "owned_by": "xai",
    "version": "1.0",
    "input_modalities": ["text", "image"],
    "output_modalities": ["text"],
    "prompt_text_token_price": 20000,
    "cached_prompt_text_token_price": 5000,
    "completion_text_token_price": 60000,
    "search_price": 50_000_000,
    "prompt_text_token_price_long_context": 40000,
    "cached_prompt_text_token_price_long_context": 10000,
    "completion_text_token_price_long_context": 120_000,
    "long_context_threshold": 200_000,
    "capabilities": {"reasoning_effort": ["low", "high", "low"]},
    "aliases": ["grok-latest"],
}

CLI_MODEL = {
    "id": "grok-9",
    "name": "Grok 9",
    "context_window": 500_000,
    "api_backend": "responses",
    "supported_in_api": True,
    "supports_reasoning_effort": True,
    "reasoning_efforts": [
        {"value": "low", "label": "Low"},
        {"id": "high", "default": True},
        {"effort": "xhigh"},
        "medium",
        {"label": "None of these"},
        7,
        "Not One",
    ],
}


def body(items: object, key: str = "data") -> bytes:
    return json.dumps({"object": "list", key: items}).encode()


def one(item: dict[str, object]) -> OfficialModel:
    (found,) = parse_models(body([{"id": "m", **item}]))
    return found


def test_the_list_of_language_models_has_prices() -> None:
    """They cap the day's spending where an answer states no cost."""
    assert parse_models(body([LANGUAGE_MODEL], "models")) == (
        OfficialModel(
            "grok-9",
            ("grok-latest",),
            None,
            ("low", "high"),
            reasons=True,
            input_ticks=20000,
            cached_ticks=5000,
            output_ticks=60000,
            search_ticks=50_000_000,
            long_prices=LongPrices(200_000, 40000, 10000, 120_000),
        ),
    )


def test_the_list_of_the_cli_has_windows_and_efforts() -> None:
    """Its names for people are no names of models."""
    assert parse_models(body([CLI_MODEL])) == (
        OfficialModel(
            "grok-9",
            context_window=500_000,
            efforts=("low", "high", "xhigh", "medium"),
            reasons=True,
        ),
    )


def test_the_plain_list_has_names() -> None:
    """Facts that it lacks are unknown, and not 0."""
    plain = {"id": "grok-9", "created": 1, "object": "model", "owned_by": "xai"}
    assert parse_models(body([plain])) == (OfficialModel("grok-9"),)
    assert parse_models(json.dumps([plain]).encode()) == (OfficialModel("grok-9"),)


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ({"id": "grok-9-reasoning"}, ModelKind.CHAT),
        ({"id": "grok-2-vision-1212"}, ModelKind.CHAT),
        ({"id": "grok-imagine-image-quality"}, ModelKind.IMAGE),
        ({"id": "grok-imagine-video-1.5"}, ModelKind.VIDEO),
        ({"id": "grok-2-image"}, ModelKind.IMAGE),
        ({"id": "v1-embedding"}, ModelKind.OTHER),
        ({"id": "grok-tts"}, ModelKind.OTHER),
        ({"id": "grok-9", "output_modalities": ["text", "image"]}, ModelKind.CHAT),
        ({"id": "grok-9", "output_modalities": ["image"]}, ModelKind.IMAGE),
        ({"id": "grok-9", "output_modalities": ["video"]}, ModelKind.VIDEO),
        ({"id": "grok-9", "output_modalities": ["embedding"]}, ModelKind.OTHER),
        ({"id": "grok-imagine", "output_modalities": ["text"]}, ModelKind.CHAT),
    ],
)
def test_the_kind_is_that_of_the_answers(item: dict[str, object], kind: ModelKind) -> None:
    """A model for pictures can't be asked for an answer in text."""
    model = one(item)
    assert model.kind is kind
    assert model.is_chat is (kind is ModelKind.CHAT)


@pytest.mark.parametrize(
    ("item", "offered"),
    [
        ({"hidden": True}, False),
        ({"hidden": False}, True),
        ({"api_backend": "chat_completions"}, False),
        ({"api_backend": "Responses"}, True),
        ({"api_backend": None}, True),
    ],
)
def test_a_model_that_can_t_be_asked_here_is_not_offered(
    item: dict[str, object], offered: bool
) -> None:
    """The list itself hides it, or names another API for it."""
    assert one(item).is_chat is offered


@pytest.mark.parametrize(
    ("item", "window"),
    [
        ({"context_window": 5}, 5),
        ({"context_length": "6"}, 6),
        ({"max_prompt_length": 7.0}, 7),
        ({"context_window": 0, "context_length": 8}, 8),
        ({"context_window": -1}, None),
        ({"context_window": 10**12}, None),
        ({"context_window": "much"}, None),
    ],
)
def test_the_context_window_is_read_in_any_of_its_forms(
    item: dict[str, object], window: int | None
) -> None:
    """A wrong one would refuse questions that fit."""
    assert one(item).context_window == window


def test_pictures_are_taken_unless_the_list_denies_it() -> None:
    """xAI refuses them itself; a wrong guess here would refuse them in vain."""
    assert one({}).pictures_in
    assert one({"input_modalities": ["text", "image"]}).pictures_in
    assert not one({"input_modalities": ["text"]}).pictures_in


@pytest.mark.parametrize(
    "item",
    [
        {"id": ""},
        {"id": "two words"},
        {"id": "x" * 201},
        {"id": "é"},
        {"id": 5},
        {},
        5,
        None,
        "grok-9",
    ],
)
def test_an_entry_without_a_usable_name_is_left_out(item: object) -> None:
    """The name goes into a header and into a list for clients."""
    assert parse_models(body([item, {"id": "good"}])) == (OfficialModel("good"),)


def test_aliases_that_are_no_names_are_left_out() -> None:
    """As for names; and a model is listed once."""
    assert one({"aliases": ["a", "", 5, "b c", "d"]}).aliases == ("a", "d")
    assert one({"aliases": "a"}).aliases == ()
    assert parse_models(body([{"id": "m"}, {"id": "m", "aliases": ["a"]}])) == (OfficialModel("m"),)


@pytest.mark.parametrize("data", [b"", b"5", b"{}", b"<html>", b'{"data": 5}', b'{"models": {}}'])
def test_a_body_that_is_no_list_has_no_models(data: bytes) -> None:
    """The caller keeps the list before."""
    assert parse_models(data) == ()


def test_a_long_list_is_cut() -> None:
    """An upstream does not fill the memory."""
    found = parse_models(body([{"id": f"m{number}"} for number in range(MOST_MODELS + 5)]))
    assert len(found) == MOST_MODELS


@pytest.mark.parametrize(
    ("item", "prices"),
    [
        ({"long_context_threshold": 0, "prompt_text_token_price_long_context": 5}, None),
        ({"long_context_threshold": 9}, None),
        (
            {"long_context_threshold": 9, "prompt_text_token_price_long_context": 5},
            LongPrices(9, 5),
        ),
    ],
)
def test_prices_of_long_questions_need_both_a_bound_and_a_price(
    item: dict[str, object], prices: LongPrices | None
) -> None:
    """0 stands for the usual price there."""
    assert one(item).long_prices == prices


def test_two_lists_complete_each_other() -> None:
    """One has the prices, the other the windows."""
    detailed = parse_models(body([LANGUAGE_MODEL], "models"))
    plain = parse_models(
        body([{"id": "grok-imagine"}, {"id": "grok-9", "context_length": 9, "aliases": ["grok"]}])
    )
    first, second = merged(detailed, plain)
    assert (first.context_window, first.input_ticks, first.efforts) == (9, 20000, ("low", "high"))
    assert first.aliases == ("grok-latest", "grok")
    assert second.name == "grok-imagine"
    assert merged(detailed, ()) == detailed
    assert merged((), plain) == plain


def test_models_are_found_by_name_and_by_alias() -> None:
    """A name is stronger than an alias of the same spelling, and pictures' models are left out."""
    a, b = OfficialModel("a", ("b", "c")), OfficialModel("b", ("c",))
    picture = OfficialModel("p", kind=ModelKind.IMAGE)
    assert by_name([a, b, picture]) == {"a": a, "b": b, "c": a}


names = st.from_regex(r"[!-~]{1,20}", fullmatch=True)
ticks = st.none() | st.integers(0, 10**9)
efforts = st.lists(st.sampled_from(["none", "low", "medium", "high", "xhigh"]), unique=True)
long_prices = st.builds(
    LongPrices,
    st.integers(1, 10**6),
    st.integers(1, 10**9),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
)
models = st.builds(
    OfficialModel,
    names,
    st.lists(names, max_size=3).map(tuple),
    st.none() | st.integers(1, 10**7),
    efforts.map(tuple),
    st.just(True),
    ticks,
    ticks,
    ticks,
    ticks,
    st.none() | long_prices,
    st.booleans(),
    st.sampled_from(ModelKind),
    st.booleans(),
)


@settings(deadline=None, max_examples=100)
@given(st.lists(models, min_size=1, max_size=4, unique_by=lambda model: model.name))
def test_a_list_survives_a_restart(listed: list[OfficialModel]) -> None:
    """As JSON in the state file, with the time that it was made."""
    record = json.loads(json.dumps(record_of(listed, AT)))
    assert recall(record) == (tuple(listed), AT)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"at": AT},
        {"models": [{"id": "m"}]},
        {"at": "x", "models": [{"id": "m"}]},
        {"at": AT, "models": 5},
    ],
)
def test_a_damaged_record_is_none(record: dict[str, object]) -> None:
    """The list is asked for again."""
    assert recall(record) == ((), None)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.dictionaries(st.sampled_from([*LANGUAGE_MODEL, *CLI_MODEL]), json_values, max_size=8),
        max_size=3,
    )
)
def test_any_list_is_survived(items: list[dict[str, Any]]) -> None:
    """All names can be shown and sent."""
    for model in parse_models(body(items)):
        assert all(name.isascii() and name.isprintable() for name in (model.name, *model.aliases))
        assert recall(record_of([model], AT)) == ((model,), AT)


def test_a_list_that_is_cut_anywhere_is_survived() -> None:
    """Half a list is no list, or is one of whole entries."""
    whole = body([LANGUAGE_MODEL, CLI_MODEL])
    for end in range(len(whole)):
        assert parse_models(whole[:end]) == ()


def test_a_name_alone_may_tell_a_model_for_text() -> None:
    """As long as there is no list."""
    assert is_likely_chat("grok-9-fast")
    assert not is_likely_chat("grok-9-image")
    assert not is_likely_chat("other-9")
