"""The owner's view of an official lane."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen

from grokcore.errors import (
    AccessDenied,
    CliOutdated,
    GrokApiError,
    OfficialCredentialRejected,
    QuotaExhausted,
    SpendingCapReached,
)
from grokcore.protocol.models import LaneName, LaneUse
from grokcore.protocol.pool.desk_view import (
    LONGEST_WHY,
    RESTS_AT_MOST,
    Budget,
    DeskState,
    DeskView,
    Plan,
    Rest,
    Stock,
    desk_view,
)


def seen(error: GrokApiError | None = None, **changed: Any) -> DeskView:
    """A lane with a credential and three models; *changed* replaces some of its facts."""
    facts: dict[str, Any] = {
        "credential": "ab12cd34",
        "use": LaneUse.OVERFLOW,
        "open_answers": 0,
        "resting": {},
        "stock": Stock(3, 60.0),
        "budget": None,
        "plan": None,
        **changed,
    }
    return desk_view(facts.pop("lane", LaneName.API), error=error, **facts)


@frozen
class Case:
    """A lane, its state, and pieces of the reason."""

    view: DeskView
    state: DeskState
    says: tuple[str, ...] = ()
    back_in: float | None = None


CASES = {
    "all is well": Case(seen(), DeskState.OK),
    "refused": Case(
        seen(OfficialCredentialRejected("xAI does not accept the API key.")),
        DeskState.REFUSED,
        ("xAI does not accept the API key. ", "console.x.ai"),
    ),
    "the session is over": Case(
        seen(OfficialCredentialRejected("It is over."), lane=LaneName.CLI),
        DeskState.REFUSED,
        ("It is over. Run grok once",),
    ),
    "no credential": Case(
        seen(OfficialCredentialRejected("There is no key."), credential=""),
        DeskState.NO_CREDENTIAL,
        ("There is no key. ",),
    ),
    "the cap": Case(
        seen(SpendingCapReached("Spent.", retry_after=70.0)),
        DeskState.CAP_REACHED,
        ("Spent. ", "daily_usd"),
        70.0,
    ),
    "outdated": Case(
        seen(CliOutdated("Too old.", retry_after=9.0), lane=LaneName.CLI),
        DeskState.RESTING,
        ("Too old. ", "client_version"),
        9.0,
    ),
    "off": Case(
        seen(OfficialCredentialRejected("There is no key."), credential="", use=LaneUse.OFF),
        DeskState.OFF,
    ),
    "no list": Case(
        seen(stock=Stock(fault="xAI could not be reached.")),
        DeskState.NO_MODELS,
        ("xAI could not be reached.",),
    ),
    "none allowed": Case(seen(stock=Stock(0, 5.0)), DeskState.NO_MODELS, ("models in [api]",)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_state_has_its_reason_and_what_to_do(case: Case) -> None:
    """Each state is one word; a lane that may answer, or is switched off, has nothing to explain."""
    assert case.view.state is case.state
    assert case.view.may_answer is (case.state is DeskState.OK)
    assert all(piece in case.view.why for piece in case.says)
    assert bool(case.view.why) is bool(case.says)
    assert case.view.back_in == case.back_in


def test_models_rest_while_the_lane_answers() -> None:
    """Each with its reason and its end, by name; only so many."""
    resting = {
        "grok-b": QuotaExhausted("Used up.", retry_after=5.0),
        "grok-a": AccessDenied("Not in the plan."),
    }
    view = seen(resting=resting)
    assert view.state is DeskState.OK
    assert [(rest.model, rest.back_in) for rest in view.rests] == [("grok-a", None), ("grok-b", 5)]
    assert view.rests[0].why.startswith("Not in the plan. Ask for another model")
    many = {f"m{number}": QuotaExhausted("x") for number in range(RESTS_AT_MOST + 1)}
    assert len(seen(resting=many).rests) == RESTS_AT_MOST


def test_advice_that_the_reason_has_already_is_not_told_twice() -> None:
    """A long reason is cut, and its advice stands behind it."""
    twice = seen(OfficialCredentialRejected("x " * LONGEST_WHY))
    assert twice.why[LONGEST_WHY - 1 :].startswith("… Make a key")
    assert seen(OfficialCredentialRejected(twice.why[LONGEST_WHY + 1 :])).why.count("Make") == 1


def test_money_credits_and_open_answers_are_passed_on() -> None:
    """They are the desk's own figures."""
    budget, plan = Budget(0.5, 1.0, 60.0), Plan(12.0, "weekly", 1.0)
    view = seen(budget=budget, plan=plan, open_answers=2)
    assert (view.budget, view.plan, view.open, view.id) == (budget, plan, 2, "ab12cd34")
    assert view.rests == ()
    assert Rest("m", "w", None).back_in is None
