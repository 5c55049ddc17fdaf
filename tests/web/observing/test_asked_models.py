"""The models that clients have asked for lately."""

from __future__ import annotations

import pytest
from attrs import field, frozen

from grokcore import errors
from grokcore.protocol.condition import ModelFacts
from grokcore.web.observing.asked_models import MODELS_AT_MOST, AskedModels
from grokcore.web.observing.trace import Trace

BROKEN = errors.UpstreamFailure("b")
USED_UP = errors.RateLimitExceeded("u")
CLIENTS = errors.InvalidRequest("c")


def ended(
    model: str, at: float, error: errors.GrokApiError | None = None, *, complete: bool = True
) -> Trace:
    """A request that has ended."""
    return Trace(
        "r", "POST", "/", 0.0, asks=True, model=model, error=error, complete=complete, ended=at
    )


@frozen
class Case:
    """Outcomes of requests a second apart, and the facts afterwards."""

    name: str
    outcomes: list[errors.GrokApiError | None]
    asked: int
    failed: int
    in_row: int
    ago: float | None = field(default=None)


@pytest.mark.parametrize(
    "case",
    [
        Case("answered", [None, None], 2, 0, 0),
        Case("failed", [BROKEN, BROKEN], 2, 2, 2, 1.0),
        Case("mended", [BROKEN, None], 2, 1, 0),
        Case("used up", [BROKEN, USED_UP], 2, 2, 1, 2.0),
        Case("the client's fault", [BROKEN, CLIENTS], 2, 1, 1, 2.0),
    ],
    ids=lambda case: case.name,
)
def test_outcomes_are_counted(case: Case) -> None:
    """A success ends a row of failures; a client's own fault and a used-up allowance do not."""
    models = AskedModels()
    for second, error in enumerate(case.outcomes):
        models.request_ended(ended("m", float(second), error))
    (facts,) = models.facts(float(len(case.outcomes)))
    assert (facts.asked, facts.failed, facts.failed_in_row, facts.failed_ago) == (
        case.asked,
        case.failed,
        case.in_row,
        case.ago,
    )
    assert (facts.last_error is None) == (case.ago is None)


def test_an_hour_is_remembered() -> None:
    """A model that nobody has asked for since says nothing about now."""
    models = AskedModels()
    models.request_ended(ended("old", 30.0))
    models.request_ended(ended("new", 600.0, BROKEN))
    assert [facts.name for facts in models.facts(3599.0)] == ["new", "old"]
    assert [facts.name for facts in models.facts(3600.0)] == ["new"]
    assert list(models.facts(9000.0)) == []


def test_time_that_the_clock_has_missed_counts() -> None:
    """After a night's sleep of the machine yesterday's failures are old."""
    models = AskedModels()
    models.request_ended(ended("m", 100.0, BROKEN))
    models.shift(1000.0)
    (facts,) = models.facts(100.0)
    assert facts.failed_ago == 1000.0
    models.shift(3600.0)
    assert list(models.facts(100.0)) == []


def test_clients_that_left_and_other_requests_do_not_count() -> None:
    """They show nothing about Grok."""
    models = AskedModels()
    models.request_ended(ended("m", 1.0, complete=False))
    models.request_ended(ended("", 1.0))
    other = ended("m", 1.0)
    other.asks = False
    models.request_ended(other)
    assert list(models.facts(1.0)) == []


def test_the_number_of_models_is_bounded() -> None:
    """Clients of official lanes may ask for any name."""
    models = AskedModels()
    for number in range(MODELS_AT_MOST + 5):
        models.request_ended(ended(f"m{number}", 1.0))
    names = [facts.name for facts in models.facts(1.0)]
    assert len(names) == MODELS_AT_MOST
    assert names[0] == f"m{MODELS_AT_MOST + 4}"
    assert ModelFacts(names[-1], asked=1) in list(models.facts(1.0))
