"""The waits that Grok states: believed up to a day, and ignored where they are nonsense."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokcore.protocol.waits import LONGEST_WAIT_S, NONSENSE_S, believed_wait


@pytest.mark.parametrize(
    ("stated", "believed"),
    [
        (0.5, 0.5),
        (LONGEST_WAIT_S, LONGEST_WAIT_S),
        (LONGEST_WAIT_S + 1, LONGEST_WAIT_S),
        (NONSENSE_S, LONGEST_WAIT_S),
        (NONSENSE_S + 1, None),
        (1_790_000_000, None),
        (0, None),
        (-1, None),
        (math.nan, None),
        (math.inf, None),
    ],
)
def test_a_wait_is_believed_up_to_a_day(stated: float, believed: float | None) -> None:
    """A token is asked again after a day at the latest; a time since 1970 is no wait."""
    assert believed_wait(stated) == believed


@given(st.floats() | st.integers())
def test_no_number_makes_a_client_wait_for_longer(stated: float) -> None:
    """Whatever an upstream sends, the wait is none, or positive and a day at most."""
    wait = believed_wait(stated)
    assert wait is None or 0 < wait <= LONGEST_WAIT_S
