"""The circuit breaker, and which failures of Grok's open which one."""

from __future__ import annotations

import math

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from grokcore.errors import (
    AntiBotRefusal,
    Challenge,
    ContentPolicyViolation,
    CredentialsRejected,
    EmptyAnswer,
    GrokApiError,
    IncompleteAnswer,
    LineTooLong,
    QuotaExhausted,
    TimeoutFirstResponse,
    TransportFailure,
    UploadFailed,
    UpstreamFailure,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamUnavailable,
)
from grokcore.protocol.pool.breaker import MEMORY_S, PROBES_APART_S, Breaker
from grokcore.protocol.pool.overload import CAP_S, TOLERANCE, Overload


def test_failures_in_a_row_open_it_for_longer_each_time_and_one_success_closes_it() -> None:
    """Three failures, 5 s; each failed probe doubles the pause, up to the cap; after a success it
    starts anew.
    """
    breaker = Breaker(tolerance=3, pause_s=5, cap_s=60)
    now, pauses = 0.0, []
    for _ in range(2):
        breaker.fail(now, now)
        assert breaker.shut_until == -math.inf
    for _ in range(6):
        breaker.fail(now, now)
        pauses.append(breaker.shut_until - now)
        now = breaker.shut_until
    assert pauses == [5, 10, 20, 40, 60, 60]
    assert breaker.succeed(now)
    assert (breaker.shut_until, breaker.half_open) == (-math.inf, False)
    for _ in range(3):
        breaker.fail(now, now)
    assert breaker.shut_until == now + 5


def test_half_open_it_lets_one_attempt_a_second_pass() -> None:
    """Each attempt puts off the next one by a second; the outcome of the first decides."""
    breaker = Breaker(tolerance=1, pause_s=5, cap_s=60)
    breaker.pass_one(0)
    assert breaker.shut_until == -math.inf, "closed, it spaces nothing"
    breaker.fail(0, 0)
    breaker.pass_one(5)
    assert breaker.shut_until == 5 + PROBES_APART_S
    breaker.pass_one(6)
    assert breaker.shut_until == 6 + PROBES_APART_S
    breaker.fail(5, 6.5)
    assert breaker.shut_until == 16.5


def test_what_began_before_the_end_of_a_pause_proves_nothing() -> None:
    """A hundred requests that were under way when it opened neither lengthen the pause nor end
    it.
    """
    breaker = Breaker(tolerance=1, pause_s=5, cap_s=60)
    breaker.fail(0, 1)
    for _ in range(100):
        breaker.fail(0.5, 7)
        assert not breaker.succeed(5.9)
    assert breaker.shut_until == 6
    assert breaker.succeed(6)


def test_failures_far_apart_are_not_in_a_row() -> None:
    """Three failures in three hours say nothing of load."""
    breaker = Breaker(tolerance=3, pause_s=5, cap_s=60)
    for now in range(0, 10_000, int(MEMORY_S) + 1):
        breaker.fail(now, now)
    assert not breaker.half_open


def test_a_pause_long_ago_makes_no_single_failure_a_pause() -> None:
    """A breaker that nobody tried for a minute after its pause counts anew, unless its memory is
    longer.
    """
    breaker = Breaker(tolerance=3, pause_s=5, cap_s=60)
    lasting = Breaker(tolerance=1, pause_s=5, cap_s=60, memory_s=math.inf)
    for one in (breaker, lasting):
        for _ in range(3):
            one.fail(0, 0)
        one.fail(10_000, 10_001)
    assert not breaker.half_open
    assert lasting.shut_until == 10_011
    for _ in range(2):
        breaker.fail(10_001, 10_001)
    assert breaker.shut_until == 10_006


def test_failures_of_attempts_that_were_under_way_together_count_once_if_it_counts_rounds() -> None:
    """One connection that carried fifty streams broke once."""
    breaker = Breaker(tolerance=3, pause_s=5, cap_s=60, rounds=True)
    for began in (0, 1, 2):
        assert not breaker.half_open
        for _ in range(50):
            breaker.fail(began, began + 0.5)
    assert breaker.half_open


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ask", "fail", "succeed"]),
            st.sampled_from([0, 0.1, 1, 4.9, 5, 30, 61]),
        )
    ),
    st.integers(1, 4),
)
def test_in_any_history_pauses_are_bounded_and_probes_are_a_second_apart(
    history: list[tuple[str, float]], tolerance: int
) -> None:
    """No history shuts it for longer than the cap, or lets attempts pass more densely than that
    once it has opened.
    """
    breaker = Breaker(tolerance, pause_s=5, cap_s=60)
    now, under_way, passed = 0.0, [0.0], -math.inf
    for what, seconds in history:
        now += seconds
        if what == "ask" and breaker.shut_until <= now:
            if breaker.half_open:
                assert now - passed >= PROBES_APART_S
                passed = now
            breaker.pass_one(now)
            under_way.append(now)
        elif what == "fail":
            breaker.fail(under_way[-1], now)
        elif what == "succeed" and breaker.succeed(under_way[-1]):
            passed = -math.inf
        if not breaker.half_open:
            passed = -math.inf
        assert breaker.shut_until <= now + 60


@frozen
class Kind:
    """A failure, and whether questions to its own group and to another group wait after several of
    it.
    """

    leaf: type[GrokApiError]
    own: bool
    other: bool


KINDS = [
    Kind(UpstreamOverloaded, own=True, other=False),
    Kind(UpstreamUnavailable, own=True, other=True),
    *(
        Kind(leaf, own=False, other=False)
        for leaf in (
            AntiBotRefusal,
            Challenge,
            ContentPolicyViolation,
            CredentialsRejected,
            EmptyAnswer,
            IncompleteAnswer,
            LineTooLong,
            QuotaExhausted,
            TimeoutFirstResponse,
            TransportFailure,
            UploadFailed,
            UpstreamFailure,
            UpstreamRefused,
        )
    ),
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.leaf.__name__)
def test_which_failures_are_overload_and_whom_they_concern(kind: Kind) -> None:
    """Heavy use of one group leaves the others alone; 5xx is Grok as a whole; nothing else pauses
    anything.
    """
    overload = Overload()
    for _ in range(TOLERANCE):
        error = kind.leaf("x")
        overload.fail("grok-4", error, 0, 0)
    found = overload.refusal("grok-4", 1), overload.refusal("grok-3", 1)
    assert tuple(map(bool, found)) == (kind.own, kind.other)
    for refusal in filter(None, found):
        assert (type(refusal), refusal.retry_after) == (kind.leaf, 9)
        assert refusal.should_retry
        assert "9 s" in refusal.message
        assert error.retry_after == 10


def test_probes_of_all_groups_together_are_a_second_apart() -> None:
    """Three groups that Grok sheds load of are not asked three times a second."""
    overload = Overload()
    groups = ("grok-2", "grok-3", "grok-4")
    for group in groups * TOLERANCE:
        overload.fail(group, UpstreamOverloaded("x"), 0, 0)
    overload.pass_one("grok-2", 10)
    assert {overload.shut_until(group) for group in groups} == {11}
    overload.succeed("grok-2", 10)
    overload.reached(10)
    assert overload.shut_until("grok-2") == -math.inf
    assert overload.shut_until("grok-3") == 11
    assert overload.shut_until("of-nobody") == -math.inf


def test_what_is_paused_is_named_with_its_seconds() -> None:
    """For the owner's eyes."""
    overload = Overload()
    for _ in range(TOLERANCE):
        overload.fail("grok-4", UpstreamOverloaded("x"), 0, 0)
    assert overload.paused(1) == {"grok-4": 9}
    assert overload.paused(10) == {}
    assert CAP_S == 60


def overloaded_by(overload: Overload, asker: str, leaf: type[GrokApiError], now: float = 0) -> None:
    for _ in range(TOLERANCE):
        overload.fail("grok-4", leaf("x"), now, now, asker)


@pytest.mark.parametrize("leaf", [UpstreamOverloaded, UpstreamUnavailable])
def test_the_questions_of_one_key_keep_no_other_key_out_and_those_of_two_do(
    leaf: type[GrokApiError],
) -> None:
    """Grok may stumble over what one client asks again and again. The second key's pause is the
    later one here.
    """
    overload = Overload()
    overloaded_by(overload, "guest", leaf)
    assert overload.refusal("grok-4", 1, "guest")
    assert not overload.refusal("grok-4", 1, "other")
    overload.pass_one("grok-4", 1, "other")
    assert overload.shut_until("grok-4", "other") == -math.inf, "and nothing is spaced"
    overloaded_by(overload, "second", leaf, now=4)
    refused = overload.refusal("grok-4", 5, "other")
    assert (type(refused), refused and refused.retry_after) == (leaf, 5)
    overload.pass_one("grok-4", 10, "other")
    assert overload.shut_until("grok-4", "other") == 10 + PROBES_APART_S
    overload.succeed("grok-4", 14)
    overload.reached(14)
    assert {overload.shut_until("grok-4", asker) for asker in ("guest", "second", "other")} == {
        -math.inf
    }
