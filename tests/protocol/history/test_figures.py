"""The histogram of times."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.history.figures import BOUNDS, bucket_of, quantile
from grokcore.protocol.history.usage import BUCKETS


@given(st.lists(st.floats(BOUNDS[0], BOUNDS[-1]), min_size=1), st.sampled_from([0.5, 0.95]))
@settings(deadline=None, max_examples=100)
def test_a_quantile_is_within_an_eighth(times: list[float], share: float) -> None:
    """Close enough for a plot, and two histograms can be added."""
    counts = [0] * BUCKETS
    for time in times:
        counts[bucket_of(time)] += 1
    exact = sorted(times)[math.ceil(share * len(times)) - 1]
    assert quantile(counts, share) == pytest.approx(exact, rel=0.125, abs=0.001)


@pytest.mark.parametrize(("seconds", "shown"), [(0.0, 0.05), (0.049, 0.05), (1000.0, 376.158)])
def test_times_beyond_the_bounds_count_at_the_bounds(seconds: float, shown: float) -> None:
    """None is left out."""
    counts = [0] * BUCKETS
    counts[bucket_of(seconds)] += 1
    assert quantile(counts, 0.5) == shown


def test_a_histogram_without_times_has_no_quantile() -> None:
    """A step without an answer shows none."""
    assert quantile([0] * BUCKETS, 0.5) is None
