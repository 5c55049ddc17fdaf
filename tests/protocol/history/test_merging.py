"""Histories of several workers as one."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from grokcore.protocol.history.merging import copies_of, merged
from grokcore.protocol.history.record import record_of
from grokcore.protocol.history.report import span_report
from grokcore.protocol.history.usage import UsageHistory, Use

NOW = 1_800_000_000.0

USES = st.lists(
    st.tuples(
        st.booleans(),
        st.floats(0, 40 * 86400),
        st.builds(
            Use,
            st.sampled_from(["", "a", "b"]),
            st.sampled_from(["", "guest"]),
            st.sampled_from(["", "t1", "t2"]),
            st.booleans(),
            st.integers(0, 100),
            st.integers(0, 100),
            st.none() | st.floats(0, 400),
        ),
    ),
    max_size=30,
)


@given(USES)
def test_two_histories_report_what_one_would(uses: list[tuple[bool, float, Use]]) -> None:
    """Whichever worker a request went to, and however long ago."""
    one, other, both = UsageHistory(), UsageHistory(), UsageHistory()
    for first, age, use in sorted(uses, key=lambda row: -row[1]):
        for history in (one if first else other, both):
            history.note(use, NOW - age)
    record = json.loads(json.dumps(record_of(other.copy(NOW - 3), other.latest)))
    pairs = zip(one.copy(NOW), copies_of(record, NOW), both.copy(NOW), strict=True)
    for own, others, whole in pairs:
        assert span_report(merged(own, others)) == span_report(whole)


def test_what_is_no_record_adds_nothing() -> None:
    """A worker of another version does not spoil the page."""
    history = UsageHistory()
    history.note(Use("a"), NOW)
    for own, others in zip(history.copy(NOW), copies_of({"junk": 1}, NOW), strict=True):
        assert span_report(merged(own, others)) == span_report(own)


def test_histories_of_other_times_are_not_mixed() -> None:
    """A worker whose clock has another step than this one's is left out."""
    one, other = UsageHistory(), UsageHistory()
    for history in (one, other):
        history.note(Use("a"), NOW)
    for own, others in zip(one.copy(NOW), other.copy(NOW + 90 * 86400), strict=True):
        assert merged(own, others) == own
