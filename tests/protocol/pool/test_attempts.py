"""Attempts: what may be tried again, and with which token."""

from __future__ import annotations

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import (
    AntiBotRefusal,
    Blame,
    Challenge,
    ContentPolicyViolation,
    CredentialsRejected,
    EmptyAnswer,
    GrokApiError,
    IncompleteAnswer,
    ModelGone,
    QuotaExhausted,
    TimeoutFirstResponse,
    TransportFailure,
    UpstreamFailure,
    UpstreamOverloaded,
    UpstreamRefused,
)
from grokcore.protocol.pool.attempts import MAX_ATTEMPTS, MAX_PER_TOKEN, Attempts

LEAVES: list[type[GrokApiError]] = [
    AntiBotRefusal,
    Challenge,
    ContentPolicyViolation,
    CredentialsRejected,
    EmptyAnswer,
    IncompleteAnswer,
    ModelGone,
    QuotaExhausted,
    TimeoutFirstResponse,
    TransportFailure,
    UpstreamFailure,
    UpstreamOverloaded,
    UpstreamRefused,
]


@frozen
class History:
    """Attempts that failed, and what may follow the last."""

    name: str
    failures: list[tuple[str, type[GrokApiError]]]
    again: bool
    avoided: set[str]
    excluded: set[str]


HISTORIES = [
    History("a token's own failure", [("a", QuotaExhausted)], True, set(), {"a"}),
    History("a refused token", [("a", CredentialsRejected)], True, set(), {"a"}),
    History("a model that its lane has lost", [("a", ModelGone)], True, set(), {"a"}),
    History("nobody's failure", [("a", TransportFailure)], True, {"a"}, set()),
    History("nobody's failure, twice on one token", [("a", EmptyAnswer), ("a", EmptyAnswer)], True, set(), {"a"}),
    History("nobody's failure on two tokens", [("a", UpstreamOverloaded), ("b", UpstreamFailure)], True, {"a", "b"}, set()),
    History("first nobody's, then the token's", [("a", TransportFailure), ("a", QuotaExhausted)], True, set(), {"a"}),
    History("three times", [("a", QuotaExhausted), ("b", QuotaExhausted), ("c", QuotaExhausted)], False, set(), {"a", "b", "c"}),
    History("three times, nobody's", [("a", UpstreamFailure), ("b", UpstreamFailure), ("c", UpstreamFailure)], False, {"a", "b", "c"}, set()),
    History("the request's failure", [("a", ContentPolicyViolation)], False, {"a"}, set()),
    History("the egress' failure", [("a", Challenge)], False, {"a"}, set()),
    History("a refusal that stays one", [("a", UpstreamRefused)], False, {"a"}, set()),
    History("a clock", [("a", TimeoutFirstResponse)], False, {"a"}, set()),
    History("an answer that began", [("a", IncompleteAnswer)], False, {"a"}, set()),
]  # fmt: skip


@pytest.mark.parametrize("case", HISTORIES, ids=lambda case: case.name)
def test_what_may_follow_a_failure(case: History) -> None:
    """A token's own failure is never repeated on it; nobody's is, once, if there is no other
    token.
    """
    attempts = Attempts()
    for token, leaf in case.failures:
        attempts.begin(token)
        again = attempts.may_go_on(token, leaf("no"))
    assert (again, set(attempts.avoided), attempts.excluded) == (
        case.again,
        case.avoided,
        case.excluded,
    )
    assert attempts.made == len(case.failures)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(LEAVES)), min_size=1, max_size=8))
def test_upstream_sees_a_bounded_number_of_calls(
    outcomes: list[tuple[str, type[GrokApiError]]],
) -> None:
    """At most three in all, two per token, and never one more with a token that failed by its own
    fault.
    """
    attempts = Attempts()
    calls: list[tuple[str, type[GrokApiError]]] = []
    for token, leaf in outcomes:
        if token in attempts.excluded:
            continue
        attempts.begin(token)
        calls.append((token, leaf))
        if not attempts.may_go_on(token, leaf("no")):
            break
    assert 1 <= len(calls) == attempts.made <= MAX_ATTEMPTS == 3
    assert all([name for name, _ in calls].count(token) <= MAX_PER_TOKEN == 2 for token in "ab")
    for token in "ab":
        leaves = [leaf for name, leaf in calls if name == token]
        assert all(leaf.blame is not Blame.TOKEN for leaf in leaves[:-1])
    assert all(leaf.again for _, leaf in calls[:-1])


@pytest.mark.parametrize(
    ("leaf", "made", "jitter", "seconds"),
    [
        (QuotaExhausted, 1, 0.5, 0),
        (ModelGone, 1, 0.5, 0),
        (TransportFailure, 1, 0.5, 0),
        (TransportFailure, 2, 0.5, 1.5),
        (UpstreamOverloaded, 1, 0.5, 0.5),
        (UpstreamOverloaded, 1, 0, 0.375),
        (UpstreamOverloaded, 2, 1, 1.875),
    ],
)
def test_attempts_are_spaced_if_grok_or_the_way_to_it_failed(
    leaf: type[GrokApiError], made: int, jitter: float, seconds: float
) -> None:
    """By a quarter more or less, so that requests which failed together come back apart. After a
    token's own failure, and the first broken connection, the next attempt follows at once.
    """
    assert Attempts(made=made).spacing(leaf("x"), jitter) == seconds


def test_a_token_that_must_not_be_asked_again_leaves_the_others() -> None:
    """``x-should-retry: false`` beside a used-up quota speaks of one token; beside a failure of the
    upstream's it ends the request.
    """
    for error, goes_on in ((QuotaExhausted("x"), True), (UpstreamFailure("x"), False)):
        attempts = Attempts()
        attempts.begin("a")
        error.amend(repeatable=False)
        assert attempts.may_go_on("a", error) is goes_on
