"""A changed setting of an official lane is taken over by a server that runs."""

from __future__ import annotations

import pytest

from grokcore.cli.changes import differences
from grokcore.config.loading import load_config


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[api]\nuse = "off"', '[api] use "overflow" -> "off"'),
        ("[api]\ndaily_usd = 0.25", "[api] daily_usd 1 -> 0.25"),
        ('[api]\nkey = "xai-secret"', "[api] key changed"),
        ('[cli]\nuse = "only"', '[cli] use "overflow" -> "only"'),
    ],
)
def test_a_change_of_a_lane_alone_is_a_difference(text: str, told: str) -> None:
    """Without a difference nothing is taken over: a lane set to "off" would go on costing."""
    old, new = (load_config(each)[0] for each in ("", text))
    assert list(differences(old, new)) == [told]
