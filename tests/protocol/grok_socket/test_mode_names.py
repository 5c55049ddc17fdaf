"""Modes of the page for rows of the model table."""

from __future__ import annotations

import pytest
from attrs import evolve

from grokcore.protocol.grok_socket.mode_names import mode_of
from grokcore.protocol.models import SHIPPED

MODES = {
    "grok-3-fast": "fast",
    "grok-4-fast": "fast",
    "grok-4-fast-expert": "expert",
    "grok-4-expert": "expert",
    "grok-4-heavy": "heavy",
    "grok-4.1": "auto",
    "grok-4.1-thinking": "auto",
    "grok-imagine-0.9": "fast",
    **{f"grok-{mode}": mode for mode in ("auto", "fast", "expert", "heavy")},
}


@pytest.mark.parametrize("name", SHIPPED)
def test_each_shipped_model_has_a_mode(name: str) -> None:
    """The names of the original stay usable over the websocket."""
    assert mode_of(SHIPPED[name]) == MODES[name]


def test_a_row_s_own_mode_counts() -> None:
    """An owner may choose another one; an unknown modelMode is left to Grok's own choice."""
    model = SHIPPED["grok-3-fast"]
    assert mode_of(evolve(model, mode_id="expert")) == "expert"
    assert mode_of(evolve(model, mode="MODEL_MODE_NEW")) == "auto"
