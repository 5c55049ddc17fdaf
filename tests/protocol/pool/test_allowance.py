"""The counter of an account's allowance."""

from __future__ import annotations

import math

import pytest

from grokcore.protocol.pool.allowance import Allowance
from grokcore.protocol.quota import Quota


def test_a_counter_that_is_not_known_is_void() -> None:
    """It says nothing at any time; one that is known holds until its window has passed."""
    allowance = Allowance()
    assert (allowance.void_at, allowance.known(-math.inf)) == (-math.inf, None)
    allowance.learn(Quota(5, 20, 7200), 100)
    assert (allowance.void_at, allowance.known(7299), allowance.known(7300)) == (
        7300,
        Quota(5, 20, 7200),
        None,
    )


@pytest.mark.parametrize(
    ("quota", "cost", "wait"),
    [
        (Quota(0, 20, 7200), 1, 7200),
        (Quota(0, 20, 7200, wait_s=60), 1, 60),
        (Quota(0, 20, 7200, wait_s=60), 4, 60),
        (Quota(3, 140, 7200, flat=False, wait_s=60, effort_waits=((4, 600.0),)), 4, 600),
        (Quota(3, 140, 7200, flat=False, wait_s=60, effort_waits=((1, 6.0), (4, 600.0))), 1, 6),
        (Quota(3, 140, 7200, flat=False, effort_waits=((1, 6.0),)), 4, 7200),
    ],
)
def test_a_wait_is_the_shortest_that_grok_names_for_the_cost_or_else_the_window(
    quota: Quota, cost: int, wait: float
) -> None:
    """A wait for dearer questions is long enough for a cheaper one."""
    assert quota.wait_for(cost) == wait


def test_a_charge_of_an_earlier_epoch_is_given_back_to_none() -> None:
    """Grok's answer to the poll between has counted that question already."""
    allowance = Allowance()
    charge = allowance.take(1)
    allowance.begin_poll(0)
    allowance.learn(Quota(5, 20, 7200), 0)
    allowance.give_back(charge)
    assert allowance.left == 5
