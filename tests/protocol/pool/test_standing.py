"""What rests after a failure of an official credential, for how long, and what ends it."""

from __future__ import annotations

import math

import pytest
from attrs import frozen

from grokcore.errors import (
    AccessDenied,
    AntiBotRefusal,
    Challenge,
    CliOutdated,
    ContentPolicyViolation,
    CreditsExhausted,
    GrokApiError,
    ModelGone,
    OfficialCredentialRejected,
    QuotaExhausted,
    TransportFailure,
    UpstreamFailure,
    UpstreamOverloaded,
)
from grokcore.protocol.pool.standing import (
    CREDITS_REST_S,
    GONE_REST_S,
    LONGEST_QUOTA_REST_S,
    MEMORY_S,
    MODEL_REST_S,
    MODELS_AT_MOST,
    OUTDATED_REST_S,
    QUOTA_REST_S,
    Standing,
)


class OutOfTeamCredits(CreditsExhausted):
    """A leaf of a leaf."""


@frozen
class Row:
    """A failure at the time 0, and the seconds for which it rests the credential and its model."""

    error: GrokApiError
    credential: float = 0
    model: float = 0
    times: int = 1


TABLE = [
    Row(OfficialCredentialRejected("x"), credential=math.inf),
    Row(CreditsExhausted("x"), credential=CREDITS_REST_S),
    Row(OutOfTeamCredits("x"), credential=CREDITS_REST_S),
    Row(CreditsExhausted("x", retry_after=60), credential=60),
    Row(CreditsExhausted("x", retry_after=0), credential=1),
    Row(CliOutdated("x"), credential=OUTDATED_REST_S),
    Row(CliOutdated("x", retry_after=5), credential=5),
    Row(QuotaExhausted("x"), model=QUOTA_REST_S),
    Row(QuotaExhausted("x", retry_after=7), model=7),
    Row(QuotaExhausted("x", retry_after=0), model=1),
    Row(AccessDenied("x"), model=MODEL_REST_S),
    Row(UpstreamFailure("x"), credential=10, times=3),
    Row(TransportFailure("x"), credential=10, times=3),
    Row(UpstreamOverloaded("x"), credential=10, times=3),
    Row(Challenge("x"), credential=10, times=3),
    Row(AntiBotRefusal("x"), credential=10, times=3),
    Row(UpstreamFailure("x"), times=2),
    Row(ContentPolicyViolation("x"), times=9),
    Row(ModelGone("x"), model=GONE_REST_S),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{type(row.error).__name__}-{row.times}")
def test_a_failure_rests_what_it_concerns_for_its_time(row: Row) -> None:
    """The credential with all models, or the one model; and the reason is that failure."""
    standing = Standing()
    for _ in range(row.times):
        standing.begin(0)
        standing.fail(row.error, "key", "m", 0, 0)
    for model, seconds in (("other", row.credential), ("m", max(row.credential, row.model))):
        told = standing.why_not("key", model, 0)
        assert standing.opens_at("key", model, 0) == seconds
        if seconds:
            assert type(told) is type(row.error)
            assert told.retry_after == (None if seconds == math.inf else seconds)
        else:
            assert told is None
        if seconds < math.inf:
            assert standing.why_not("key", model, seconds) is None
            assert standing.opens_at("key", model, seconds) == seconds


def test_a_rest_is_of_one_credential() -> None:
    """Another key is asked at once: nobody waits for the one that was replaced."""
    standing = Standing()
    standing.fail(OfficialCredentialRejected("x"), "old", "m", 0, 0)
    standing.fail(QuotaExhausted("x"), "old", "m", 0, 0)
    assert standing.why_not("new", "m", 1) is None
    assert standing.opens_at("new", "m", 1) == 1
    assert standing.opens_at("old", "m", 1) == math.inf


@pytest.mark.parametrize("late", [CreditsExhausted("x"), CliOutdated("x", retry_after=1)])
def test_nothing_shortens_a_refusal(late: GrokApiError) -> None:
    """Attempts that were under way when the key was refused end later."""
    standing = Standing()
    standing.fail(OfficialCredentialRejected("x"), "key", "m", 0, 0)
    standing.fail(late, "key", "m", 0, 1)
    assert isinstance(standing.why_not("key", "m", 10_000), OfficialCredentialRejected)


def test_a_success_ends_rests_unless_they_are_newer() -> None:
    """Of its credential and its model; an answer that began before says nothing."""
    standing = Standing()
    standing.fail(CreditsExhausted("x"), "key", "m", 0, 10)
    standing.fail(AccessDenied("x"), "key", "m", 0, 10)
    standing.fail(AccessDenied("x"), "key", "other", 0, 10)
    standing.succeed("key", "m", began=9)
    standing.succeed("another", "m", began=11)
    assert isinstance(standing.why_not("key", "m", 11), CreditsExhausted)
    standing.succeed("key", "m", began=10)
    assert standing.why_not("key", "m", 11) is None
    assert isinstance(standing.why_not("key", "other", 11), AccessDenied)
    standing.forget()
    assert standing.why_not("key", "other", 11) is None


def test_quota_rests_in_a_row_grow_for_each_model() -> None:
    """Up to an hour; a success, or a while without any, begins anew."""
    standing = Standing()
    now, rests = 0.0, []
    for _ in range(2000):
        standing.fail(QuotaExhausted("x"), "key", "m", now, now)
        rests.append(standing.opens_at("key", "m", now) - now)
        now = standing.opens_at("key", "m", now)
    assert rests[:8] == [30, 60, 120, 240, 480, 960, 1920, LONGEST_QUOTA_REST_S]
    assert rests[-1] == LONGEST_QUOTA_REST_S
    standing.fail(QuotaExhausted("x"), "key", "other", now, now)
    assert standing.opens_at("key", "other", now) - now == QUOTA_REST_S
    now += MEMORY_S + 1
    standing.fail(QuotaExhausted("x"), "key", "m", now, now)
    assert standing.opens_at("key", "m", now) - now == QUOTA_REST_S


def test_attempts_that_were_under_way_together_make_a_rest_grow_once() -> None:
    """A burst of 50 is one message of xAI's. A time that it gives counts, if it is later."""
    standing = Standing()
    for ended in range(50):
        standing.fail(QuotaExhausted("x"), "key", "m", 0, 10 + ended / 10)
    assert standing.opens_at("key", "m", 15) == 10 + QUOTA_REST_S
    standing.fail(QuotaExhausted("x", retry_after=5), "key", "m", 0, 15)
    assert standing.opens_at("key", "m", 15) == 10 + QUOTA_REST_S
    standing.fail(QuotaExhausted("x", retry_after=60), "key", "m", 0, 15)
    assert standing.opens_at("key", "m", 15) == 75


def test_the_reason_is_told_with_its_facts_and_without_the_words_for_another_client() -> None:
    """As the breaker's is."""
    for times, error in (
        (1, CreditsExhausted("x", param="model", said="secret plans")),
        (3, UpstreamFailure("x", param="model", said="secret plans")),
    ):
        error.amend(repeatable=False)
        standing = Standing()
        for _ in range(times):
            standing.fail(error, "key", "m", 0, 0)
        told = standing.why_not("key", "m", 0)
        assert told is not None
        assert told is not error
        assert (told.message, told.param, told.may_repeat) == ("x", "model", False)


def test_a_cancelled_probe_lets_another_one_pass() -> None:
    """Half-open, one attempt a second passes; one without an outcome is none."""
    standing = Standing()
    for _ in range(3):
        standing.fail(UpstreamFailure("x"), "key", "m", 0, 0)
    standing.begin(10)
    assert standing.opens_at("key", "m", 10) == 11
    standing.give_back(9)
    assert standing.opens_at("key", "m", 10) == 11
    standing.give_back(10)
    assert standing.why_not("key", "m", 10) is None
    standing.begin(10)
    standing.succeed("key", "m", 10)
    assert standing.opens_at("key", "m", 10) == 10


def test_rests_are_kept_within_bounds() -> None:
    """Those that are over go first, else the oldest: names of models come from outside."""
    standing = Standing()
    for number in range(MODELS_AT_MOST + 1):
        standing.fail(AccessDenied("x"), "key", f"m{number}", 0, 0)
    assert standing.why_not("key", "m0", 1) is None
    assert standing.why_not("key", "m1", 1) is not None
    later = MODEL_REST_S + 1
    standing.fail(AccessDenied("x"), "key", "new", later, later)
    assert len(standing._rests) == 1


def test_missed_time_is_taken_off_all_rests() -> None:
    """After the machine has slept, they end as early as if it had not."""
    standing = Standing()
    standing.fail(QuotaExhausted("x"), "key", "m", 0, 0)
    standing.fail(CreditsExhausted("x"), "key", "m", 0, 0)
    for _ in range(3):
        standing.fail(UpstreamFailure("x"), "key", "m", 0, 0)
    standing.shift(20)
    assert standing.opens_at("key", "m", 0) == CREDITS_REST_S - 20
    standing.succeed("key", "m", -20)
    assert standing.opens_at("key", "m", -20) == -10, "the breaker's"


def test_the_owner_sees_which_models_rest() -> None:
    """Those of the credential in use, as long as they rest."""
    standing = Standing()
    standing.fail(QuotaExhausted("slow", retry_after=5), "key", "grok-a", 0, 0)
    standing.fail(AccessDenied("no"), "other", "grok-b", 0, 0)
    standing.fail(CreditsExhausted("none"), "key", "grok-c", 0, 0)
    assert {name: error.retry_after for name, error in standing.resting("key", 1).items()} == {
        "grok-a": 4
    }
    assert standing.resting("key", 6) == {}
