"""The judgement whether a server works: one table, and its laws."""

from __future__ import annotations

import itertools

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore import errors
from grokcore.protocol.advice import ADVICE, OFFICIAL_ADVICE
from grokcore.protocol.condition import (
    EVIDENCE_S,
    Condition,
    EgressFacts,
    Facts,
    Health,
    LaneFacts,
    Matter,
    ModelFacts,
    ModelState,
    SharedPool,
    is_evidence,
    judge,
)

USED_UP = errors.RateLimitExceeded("All are used up.", retry_after=30.0)
BROKEN = errors.UpstreamFailure("Grok sent HTTP 500.")
GOOD = ModelFacts("good", asked=5, failed=1)
FAILING = ModelFacts(
    "failing", asked=29, failed=29, failed_in_row=29, failed_ago=4.0, last_error=BROKEN
)
SHUT = ModelFacts("shut", asked=1, hopeless=USED_UP)
IDLE = ModelFacts("idle")
IDLE_SHUT = ModelFacts("idle-shut", hopeless=USED_UP)


@frozen
class Case:
    """Facts, and the condition that follows: reasons as matter, weight and subject."""

    name: str
    facts: Facts
    health: Health
    reasons: tuple[tuple[Matter, Health, str], ...] = ()
    ready: bool = True


OK, DEGRADED, DOWN = Health.OK, Health.DEGRADED, Health.DOWN

CASES = [
    Case("nothing was asked", Facts([IDLE], 1), OK),
    Case("all is well", Facts([GOOD, IDLE], 2), OK),
    Case("a model beside it is shut", Facts([GOOD, IDLE_SHUT], 2), OK),
    Case("one that is not asked can be answered", Facts([IDLE_SHUT, IDLE], 2), OK),
    Case(
        "no credential",
        Facts([IDLE_SHUT]),
        DOWN,
        ((Matter.NO_CREDENTIALS, DOWN, ""),),
        ready=False,
    ),
    Case(
        "all tokens are disabled",
        Facts([IDLE_SHUT], 0, tokens=2, disabled=2),
        DOWN,
        ((Matter.NO_CREDENTIALS, DOWN, ""),),
        ready=False,
    ),
    Case(
        "no model at all can be answered",
        Facts([IDLE_SHUT, ModelFacts("other", hopeless=USED_UP)], 1),
        DOWN,
        ((Matter.USED_UP, DOWN, "idle-shut"),),
        ready=False,
    ),
    Case(
        "the only model that was asked fails",
        Facts([FAILING, IDLE], 1),
        DOWN,
        ((Matter.MODEL, DOWN, "failing"),),
        ready=False,
    ),
    Case(
        "one of two models is shut",
        Facts([SHUT, GOOD], 1),
        DEGRADED,
        ((Matter.USED_UP, DEGRADED, "shut"),),
        ready=False,
    ),
    Case(
        "a file is at fault",
        Facts([GOOD], 1, files={"tokens.json": "It is no JSON."}),
        DEGRADED,
        ((Matter.FILE, DEGRADED, "tokens.json"),),
    ),
    Case(
        "a proxy does not answer",
        Facts([GOOD], 1, egresses=[EgressFacts("127.0.0.1:7890", 29, 29, failure="Refused.")]),
        DEGRADED,
        ((Matter.EGRESS, DEGRADED, "127.0.0.1:7890"),),
    ),
    Case("a proxy fails now and then", Facts([GOOD], 1, egresses=[EgressFacts("h:1", 30, 20)]), OK),
    Case("a proxy has failed twice", Facts([GOOD], 1, egresses=[EgressFacts("h:1", 2, 2)]), OK),
    Case(
        "the direct way rests",
        Facts([GOOD], 1, egresses=[EgressFacts("", 9, 4, back_in=8.0)]),
        DEGRADED,
        ((Matter.EGRESS, DEGRADED, ""),),
    ),
    Case(
        "a challenge page",
        Facts([GOOD], 1, egresses=[EgressFacts("", 9, 1, challenged=True)]),
        DEGRADED,
        ((Matter.CHALLENGE, DEGRADED, ""),),
    ),
    Case(
        "a challenge page behind a proxy",
        Facts([GOOD], 1, egresses=[EgressFacts("h:1", 9, 9, challenged=True)]),
        DEGRADED,
        ((Matter.CHALLENGE, DEGRADED, "h:1"),),
    ),
    Case(
        "lanes",
        Facts(
            [GOOD],
            3,
            lanes=[
                LaneFacts("api", "The day's money is spent.", capped=True, back_in=60.0),
                LaneFacts("cli", "The session is refused.", faulty=True),
                LaneFacts("api", ""),
            ],
        ),
        DEGRADED,
        ((Matter.LANE, DEGRADED, "cli"), (Matter.SPENDING_CAP, OK, "api")),
    ),
    Case(
        "Grok fails as a whole",
        Facts([GOOD], 1, overloaded_for=12.0),
        DEGRADED,
        ((Matter.OVERLOAD, DEGRADED, ""),),
    ),
    Case(
        "one of three sessions has ended",
        Facts([GOOD], 3, tokens=3, ended=1),
        OK,
        ((Matter.SESSION_ENDED, OK, ""),),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_condition_follows_from_facts(case: Case) -> None:
    """The health report, the page, systemd, alerts and the doctor all show this one."""
    condition = judge(case.facts)
    assert condition.health is case.health
    told = [(reason.matter, reason.weight, reason.subject) for reason in condition.reasons]
    assert told == list(case.reasons)
    assert condition.ready is case.ready


@frozen
class Words:
    """A model's facts, and the reason in words."""

    facts: ModelFacts
    matter: Matter
    words: str
    advice: str = ""
    back_in: float | None = None


@pytest.mark.parametrize(
    "case",
    [
        Words(
            SHUT,
            Matter.USED_UP,
            "shut can't be answered now: All are used up.",
            ADVICE["rate_limit_exceeded"],
            30.0,
        ),
        Words(
            FAILING,
            Matter.MODEL,
            "The last 29 requests to failing failed: Grok sent HTTP 500.",
            ADVICE["upstream_error"],
        ),
        Words(
            ModelFacts(
                "m", 1, 1, 1, 0.0, errors.Challenge(f"A page. {ADVICE['upstream_challenge']}")
            ),
            Matter.CHALLENGE,
            "The last request to m failed: A page.",
            ADVICE["upstream_challenge"],
        ),
        Words(
            ModelFacts("m", 1, 1, 1, 0.0, errors.InternalError("A bug.")),
            Matter.MODEL,
            "The last request to m failed: A bug.",
            ADVICE["internal_error"],
        ),
        Words(
            ModelFacts("m", 1, hopeless=errors.SpendingCapReached("The cap.", retry_after=9.0)),
            Matter.SPENDING_CAP,
            "m can't be answered now: The cap.",
            next(words for leaf, _, words in OFFICIAL_ADVICE if leaf is errors.SpendingCapReached),
            9.0,
        ),
        Words(
            ModelFacts("m", 1, hopeless=errors.HostNotAllowed("No.")),
            Matter.MODEL,
            "m can't be answered now: No.",
        ),
    ],
    ids=lambda case: case.words,
)
def test_the_reason_names_the_model_and_says_once_what_to_do(case: Words) -> None:
    """The owner reads it on a phone."""
    (reason,) = judge(Facts([case.facts], 1)).reasons
    assert (reason.matter, reason.words, reason.advice, reason.back_in) == (
        case.matter,
        case.words,
        case.advice,
        case.back_in,
    )


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (IDLE, ModelState.NOT_ASKED),
        (GOOD, ModelState.OK),
        (SHUT, ModelState.UNANSWERABLE),
        (FAILING, ModelState.FAILING),
        (ModelFacts("m", 9, 3, 3, EVIDENCE_S, BROKEN), ModelState.FAILING),
        (ModelFacts("m", 9, 3, 3, EVIDENCE_S + 1, BROKEN), ModelState.OK),
        (ModelFacts("m", 9, 2, 2, 1.0, BROKEN), ModelState.OK),
        (ModelFacts("m", 2, 2, 2, 1.0, BROKEN), ModelState.FAILING),
    ],
)
def test_failures_are_evidence_for_five_minutes(facts: ModelFacts, state: ModelState) -> None:
    """A balancer must try a server again; a success in between tells more than two failures."""
    ((_, found),) = judge(Facts([facts], 1)).models
    assert found is state


@pytest.mark.parametrize(
    ("error", "evident"),
    [
        (BROKEN, True),
        (errors.TransportFailure("t"), True),
        (errors.InternalError("i"), True),
        (errors.Overloaded("o"), False),
        (USED_UP, False),
        (errors.InvalidRequest("r"), False),
    ],
)
def test_a_clients_own_fault_is_no_evidence(error: errors.GrokApiError, evident: bool) -> None:
    """Nor is an allowance that is used up: the pool knows when it is back."""
    assert is_evidence(error) is evident


models = st.lists(
    st.builds(
        ModelFacts,
        name=st.sampled_from(["a", "b", "c"]),
        asked=st.integers(0, 3),
        failed=st.integers(0, 3),
        failed_in_row=st.integers(0, 4),
        failed_ago=st.none() | st.floats(0, 2 * EVIDENCE_S),
        last_error=st.just(BROKEN),
        hopeless=st.sampled_from([None, USED_UP]),
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=200)
@given(models, st.integers(0, 2), st.integers(0, 2), st.none() | st.floats(0, 60))
def test_a_condition_is_that_of_its_worst_reason(
    asked: list[ModelFacts], credentials: int, ended: int, overloaded_for: float | None
) -> None:
    """So that no report can show a green word above a red reason; ``down`` is never ready."""
    facts = Facts(asked, credentials, 3, ended=ended, overloaded_for=overloaded_for)
    condition = judge(facts)
    weights = [reason.weight for reason in condition.reasons]
    order = [DOWN, DEGRADED, OK]
    assert all(order.index(a) <= order.index(b) for a, b in itertools.pairwise(weights))
    assert condition.health is (weights[0] if weights else OK)
    assert not (condition.ready and condition.health is DOWN)
    assert len(condition.models) == len(asked)


def test_a_condition_without_reasons_is_ready() -> None:
    """The start of a server that nobody has asked yet."""
    assert Condition(OK).ready


@pytest.mark.parametrize(
    ("shared", "words", "back_in"),
    [
        (SharedPool("r", 3, 2), "", None),
        (SharedPool("r", 3, 2, young_for=5.0), "", None),
        (SharedPool("r", 0, 2, young_for=5.0), "may have forgotten", 5.0),
        (SharedPool("r", 0, 2, gone="no route"), "its servers: no route.", None),
        (SharedPool("r", 3, 2, gone="no route"), "goes on with the 3 that it has", None),
    ],
)
def test_a_shared_pool_without_its_table_is_degraded(
    shared: SharedPool, words: str, back_in: float | None
) -> None:
    """With the reason, for as long as it lasts; a table that is there gives none."""
    condition = judge(Facts([ModelFacts("a", asked=1)], 1, 1, shared=shared))
    told = [reason for reason in condition.reasons if reason.matter is Matter.SHARED_POOL]
    assert condition.health is (DEGRADED if words else OK)
    assert [reason.back_in for reason in told] == ([back_in] if words else [])
    assert all(words in reason.words and reason.subject == "r" for reason in told)
