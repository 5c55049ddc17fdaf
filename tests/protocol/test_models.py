"""The model table."""

from __future__ import annotations

import pytest

from grokcore.errors import ModelNotFound
from grokcore.protocol.models import OFFICIAL_LIMITS, SHIPPED, find_model, official_model


def test_a_model_is_found_by_its_name() -> None:
    """As it is written in the table."""
    for name, model in SHIPPED.items():
        assert find_model(SHIPPED, name) is model


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("grok-3-fats", "Did you mean grok-3-fast or grok-4-fast"),
        ("gpt", f"There are: {', '.join(SHIPPED)}."),
        ("x" * 5000, "There are: "),
    ],
)
def test_an_unknown_model_is_refused_with_names_that_exist(name: str, hint: str) -> None:
    """Near ones if there are any, all of them otherwise; and a long name is not repeated."""
    with pytest.raises(ModelNotFound) as refused:
        find_model(SHIPPED, name)
    assert hint in refused.value.message
    assert refused.value.param == "model"
    assert len(refused.value.message) < 500


def test_a_model_of_an_official_lane_alone_is_none_of_grok_coms() -> None:
    """It has time to think, and no search by itself: that costs money."""
    model = official_model("grok-4.7")
    assert (model.name, model.on_web, model.search) == ("grok-4.7", False, False)
    assert model.limits == OFFICIAL_LIMITS
