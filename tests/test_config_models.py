"""Models: shipped rows, changed rows, new rows, and their clocks."""

from __future__ import annotations

import pytest
from attrs import frozen

from grokcore.config import (
    DEFAULT_LIMITS,
)
from grokcore.protocol.models import SHIPPED, Limits, Model, Tier
from tests.config_cases import config_of


@frozen
class Clock:
    """What file and model say of the clocks, and what they are then."""

    name: str
    text: str
    model: str
    limits: Limits


REST = '[grok]\nweb_lane = "rest"\n'
"""Over the websocket, the models are modes."""

THINKING_ROW = '[models."grok-4-expert"]\nchunk_timeout = 7'
CLOCKS = [
    Clock("the shipped default", "", "grok-3-fast", Limits(30, 120, 600)),
    Clock("the shipped row over it", "", "grok-4-expert", Limits(120, 300, 900)),
    Clock("[grok] over the shipped row", "[grok]\nstream_chunk_timeout = 60", "grok-4-expert", Limits(120, 60, 900)),
    Clock("[grok] over the shipped default", "[grok]\nstream_total_timeout = 60", "grok-3-fast", Limits(30, 120, 60)),
    Clock("the user's row over all", f"[grok]\nstream_chunk_timeout = 60\n{THINKING_ROW}", "grok-4-expert", Limits(120, 7, 900)),
    Clock("the user's row, other model", f"[grok]\nstream_chunk_timeout = 60\n{THINKING_ROW}", "grok-4-heavy", Limits(120, 60, 900)),
    Clock("all three", '[models."grok-4.1"]\nfirst_response_timeout = 1\nchunk_timeout = 2\ntotal_timeout = 3', "grok-4.1", Limits(1, 2, 3)),
    Clock("a model of one's own", '[models."mine"]\nmode_id = "fast"\ntotal_timeout = 3', "mine", Limits(30, 120, 3)),
]  # fmt: skip


@pytest.mark.parametrize("case", CLOCKS, ids=lambda case: case.name)
def test_clocks_come_from_the_nearest_place(case: Clock) -> None:
    """The user's ``[models]``, the user's ``[grok]``, the shipped model, the shipped default; each
    clock by itself.
    """
    assert config_of(case.text).models[case.model].limits == case.limits


def test_a_row_changes_just_what_it_names() -> None:
    """All other models, and all other fields, stay as shipped."""
    config = config_of(
        f'{REST}[models."grok-4.1"]\ncost = 3\ntier = "super"\nsearch = false\nrate_limit_name = "own"'
    )
    row = SHIPPED["grok-4.1"]
    expected = Model(
        row.name,
        row.grok_model,
        row.mode,
        "own",
        3,
        Tier.SUPER,
        "",
        search=False,
        limits=DEFAULT_LIMITS,
    )
    assert config.models["grok-4.1"] == expected
    rest = {name: model for name, model in config_of(REST).models.items() if name != "grok-4.1"}
    assert {name: model for name, model in config.models.items() if name != "grok-4.1"} == rest


@pytest.mark.parametrize(
    ("row", "allowance"),
    [
        ('mode_id = "fast"', "fast"),
        ('grok_model = "grok-5"', "grok-5"),
        ('grok_model = "grok-5"\nmode_id = "auto"', "auto"),
        ('mode_id = "fast"\nrate_limit_name = "own"', "own"),
        ("cost = 2", "grok-4-1-non-thinking-w-tool"),
    ],
)
def test_the_allowance_goes_by_the_name_that_grok_is_told(row: str, allowance: str) -> None:
    """Upstream counts by mode id where there is one, by its model's name otherwise; unless the row
    says more.
    """
    config = config_of(f'{REST}[models."grok-4.1"]\n{row}')
    assert config.models["grok-4.1"].rate_limit_name == allowance


@pytest.mark.parametrize(
    ("row", "model"),
    [
        ('mode_id = "fast"', Model("mine", "", "", "fast", mode_id="fast", limits=DEFAULT_LIMITS)),
        ('grok_model = "grok-9"\nmode = "MODEL_MODE_X"', Model("mine", "grok-9", "MODEL_MODE_X", "grok-9", limits=DEFAULT_LIMITS)),
    ],
)  # fmt: skip
def test_a_new_model_needs_a_mode_id_or_name_and_mode(row: str, model: Model) -> None:
    """It comes behind the shipped ones."""
    config = config_of(f'{REST}[models."mine"]\n{row}')
    assert list(config.models) == [*SHIPPED, "mine"]
    assert config.models["mine"] == model
