"""What is left of an allowance, read from whatever Grok says of it."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest
from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from grokcore.protocol.grok_web.rate_limits import RATE_LIMITS_PATH, parse_quota, rate_limits_body
from grokcore.protocol.models import SHIPPED
from grokcore.protocol.quota import DEFAULT_WINDOW_S, Quota
from grokcore.simulator import app
from grokcore.simulator.limits import UNLIMITED, Limit

from ..strategies import json_objects, json_values

DAY = 86400.0


def read(answer: object) -> Quota | None:
    return parse_quota(orjson.dumps(answer))


def flat(**fields: object) -> dict[str, object]:
    """An answer of the flat system, with other values than the usual ones."""
    return {"windowSizeSeconds": 3600, "remainingQueries": 12, "totalQueries": 30, **fields}


def budget(**fields: object) -> dict[str, object]:
    """The same of the budget system."""
    return {
        "windowSizeSeconds": 3600,
        "remainingQueries": 0,
        "totalQueries": 0,
        "remainingTokens": 50,
        "totalTokens": 90,
        "lowEffortRateLimits": {"cost": 1, "remainingQueries": 50},
        "highEffortRateLimits": {"cost": 4, "remainingQueries": 12},
        **fields,
    }


# The two systems --------------------------------------------------------------------------------


@frozen
class Answer:
    """What Grok says, and what is understood."""

    name: str
    said: object
    meant: Quota | None


FLAT = Quota(12, 30, 3600.0)
BUDGET = Quota(50, 90, 3600.0, flat=False)
BARE = {"windowSizeSeconds": 3600, "totalQueries": 30}

NO_NUMBERS: list[object] = [
    None,
    -1,
    1.5,
    True,
    False,
    "",
    "-1",
    "1.5",
    "٣",
    "1" * 20,
    [3],
    {"n": 3},
    "many",
]
NO_WINDOWS: list[object] = [None, -1, -0.5, True, "", "soon", [3600], {}]
NO_OBJECTS: list[object] = [None, True, 12, "12", [flat()], []]

ANSWERS = [
    # Flat
    Answer("flat", flat(), FLAT),
    Answer("flat, with empty efforts", flat(lowEffortRateLimits=None, highEffortRateLimits=None), FLAT),
    Answer("flat, with the budget's zeros", flat(remainingTokens=0, totalTokens=0), FLAT),
    Answer("flat, with the budget's nulls", flat(remainingTokens=None, totalTokens=None), FLAT),
    Answer("flat, used up, with a wait", flat(remainingQueries=0, waitTimeSeconds=811), Quota(0, 30, 3600.0, wait_s=811.0)),
    Answer("flat, used up, without", flat(remainingQueries=0), Quota(0, 30, 3600.0)),
    Answer("flat, used up, zero as the wait", flat(remainingQueries=0, waitTimeSeconds=0), Quota(0, 30, 3600.0)),
    Answer("flat, used up, of an unknown number", {"remainingQueries": 0, "waitTimeSeconds": 9}, Quota(0, None, DEFAULT_WINDOW_S, wait_s=9.0)),
    Answer("flat, of an unknown number", {"remainingQueries": 3}, Quota(3)),
    Answer("flat, of no number", flat(totalQueries=0), evolve(FLAT, total=None)),
    Answer("unknown keys", flat(preGenerationDelayMs=5, tier="x"), FLAT),
    # Budget
    Answer("budget", budget(), BUDGET),
    Answer("budget, before the flat one", budget(remainingQueries=9, totalQueries=9), BUDGET),
    Answer("budget, without efforts", budget(lowEffortRateLimits=None, highEffortRateLimits=None), BUDGET),
    Answer("budget, of an unknown number", budget(totalTokens=None), evolve(BUDGET, total=None)),
    Answer("budget, of no number", budget(totalTokens=0), evolve(BUDGET, total=None)),
    Answer("budget, used up, with a wait", budget(remainingTokens=0, waitTimeSeconds=70), Quota(0, 90, 3600.0, flat=False, wait_s=70.0)),
    Answer(
        "budget, used up, with a wait for each effort",
        budget(remainingTokens=0, lowEffortRateLimits={"cost": 1, "waitTimeSeconds": 40}, highEffortRateLimits={"cost": 4, "waitTimeSeconds": 160}),
        Quota(0, 90, 3600.0, flat=False, effort_waits=((1, 40.0), (4, 160.0))),
    ),
    Answer(
        "budget, too little for the dear ones",
        budget(remainingTokens=2, highEffortRateLimits={"cost": 4, "waitTimeSeconds": 160, "remainingQueries": 0}),
        Quota(2, 90, 3600.0, flat=False, effort_waits=((4, 160.0),)),
    ),
    Answer(
        "only the efforts",
        {"lowEffortRateLimits": {"cost": 1, "remainingQueries": 7}, "highEffortRateLimits": {"cost": 4, "remainingQueries": 2}},
        Quota(8, None, flat=False),
    ),
    Answer("only one effort", {"highEffortRateLimits": {"cost": 4, "remainingQueries": 2}}, Quota(8, None, flat=False)),
    Answer("an effort without a cost", {"lowEffortRateLimits": {"remainingQueries": 7}}, Quota(7, None, flat=False)),
    Answer(
        "efforts that are used up, behind zeros",
        flat(remainingQueries=0, totalQueries=0, lowEffortRateLimits={"cost": 1, "remainingQueries": 0, "waitTimeSeconds": 5}),
        Quota(0, None, 3600.0, flat=False, effort_waits=((1, 5.0),)),
    ),
    # Odd values
    Answer("numbers as strings", {"windowSizeSeconds": "3600", "remainingQueries": "12", "totalQueries": "30"}, FLAT),
    Answer("numbers as floats", {"windowSizeSeconds": 3600.0, "remainingQueries": 12.0, "totalQueries": 30.0}, FLAT),
    Answer("half a second", flat(remainingQueries=0, waitTimeSeconds=0.5), Quota(0, 30, 3600.0, wait_s=0.5)),
    Answer("a window of zero", flat(windowSizeSeconds=0), evolve(FLAT, window_s=DEFAULT_WINDOW_S)),
    Answer("a window of a week", flat(windowSizeSeconds=604_800), evolve(FLAT, window_s=DAY)),
    Answer("a window of thousands of years", flat(windowSizeSeconds=10**12), evolve(FLAT, window_s=DEFAULT_WINDOW_S)),
    Answer("a wait of a month", flat(remainingQueries=0, waitTimeSeconds=2_592_000), Quota(0, 30, 3600.0, wait_s=DAY)),
    Answer("a wait for ever", flat(remainingQueries=0, waitTimeSeconds="9000000000000000000"), Quota(0, 30, 3600.0)),
    Answer("a time for a wait", flat(remainingQueries=0, waitTimeSeconds=1_790_000_000), Quota(0, 30, 3600.0)),
    Answer("an unknown total", flat(totalQueries=-1), evolve(FLAT, total=None)),
    Answer("efforts that are none", flat(lowEffortRateLimits=[1], highEffortRateLimits="4"), FLAT),
    *(
        Answer(f"no number: {value!r}", {**BARE, "remainingQueries": value}, None)
        for value in NO_NUMBERS
    ),
    *(
        Answer(f"no window: {value!r}", flat(windowSizeSeconds=value), evolve(FLAT, window_s=DEFAULT_WINDOW_S))
        for value in NO_WINDOWS
    ),
    *(
        Answer(f"no wait: {value!r}", flat(remainingQueries=0, waitTimeSeconds=value), Quota(0, 30, 3600.0))
        for value in NO_WINDOWS
    ),
    # Nothing
    Answer("zeros on both sides", budget(remainingTokens=0, totalTokens=0, lowEffortRateLimits=None, highEffortRateLimits=None), None),
    Answer("an empty object", {}, None),
    Answer("only a window", {"windowSizeSeconds": 3600}, None),
    Answer("only a wait", {"waitTimeSeconds": 3600}, None),
    Answer("only a total", {"totalQueries": 30}, None),
    *(Answer(f"no object: {value!r}", value, None) for value in NO_OBJECTS),
]  # fmt: skip


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.name)
def test_an_answer_of_either_system_is_understood_and_what_cannot_be_meant_is_unknown(
    case: Answer,
) -> None:
    """Zero of zero is not the system in force; missing, null, negative or of another type is
    unknown.
    """
    assert read(case.said) == case.meant


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"nonsense", b"{", b'{"remainingQueries": 1', b"\xff\xfe", b"<html></html>", b"NaN", b"[" * 100_000, b'{"a":' * 100_000],
    ids=lambda body: f"{body[:20]!r}, {len(body)}",
)  # fmt: skip
def test_what_is_no_json_says_nothing(body: bytes) -> None:
    """A page, half an answer, a nest without end."""
    assert parse_quota(body) is None


def test_an_answer_that_is_nearly_json_is_still_read() -> None:
    """A broken byte in a field that means nothing here does not hide the number."""
    assert (
        parse_quota(
            b'{"note": "\xff", "remainingQueries": 12, "totalQueries": 30, "windowSizeSeconds": 3600}'
        )
        == FLAT
    )


def test_a_deep_nest_beside_the_numbers_does_no_harm() -> None:
    """It is read past, or nothing is read."""
    whole = b'{"remainingQueries": 12, "totalQueries": 30, "windowSizeSeconds": 3600, "x": %b}'
    assert parse_quota(whole % (b"[" * 500 + b"]" * 500)) == FLAT
    assert parse_quota(whole % (b"[" * 100_000 + b"]" * 100_000)) is None


@pytest.mark.parametrize(
    "number", [b"1e300", b"9" * 19 + b".0", b"1" + b"0" * 30, b'"9999999999999999999"'], ids=repr
)
@pytest.mark.parametrize("name", [b"remainingQueries", b"remainingTokens"])
def test_a_number_beyond_reason_is_unknown_or_can_at_least_be_kept(
    name: bytes, number: bytes
) -> None:
    """What is learned is written to a file of JSON, whose whole numbers have 64 bits; sums of them
    are shown in headers.
    """
    quota = parse_quota(
        b'{"%b": %b, "highEffortRateLimits": {"cost": 1e18, "remainingQueries": 1e18}}'
        % (name, number)
    )
    if quota is not None:
        assert quota.left < 2**63


# Any answer -------------------------------------------------------------------------------------

_numbers = st.integers(-2, 200) | st.sampled_from(
    [0, 2**31, 2**53, 2**63, 1e18, 1e300, 0.5, 7200.0, 5e-324]
)
_odd: SearchStrategy[Any] = st.sampled_from(
    [None, True, False, "", "12", "-1", "1e3", "١", [], [7], {}, {"cost": 4}]
)


def _objects(*names: str, **more: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """Objects with any of these keys, most with numbers."""
    value = st.one_of(_numbers, _numbers, _odd)
    return st.fixed_dictionaries({}, optional={**dict.fromkeys(names, value), **more})


_efforts = st.one_of(*[_objects("cost", "remainingQueries", "waitTimeSeconds")] * 3, _numbers, _odd)
answers = _objects(
    *(
        "windowSizeSeconds",
        "remainingQueries",
        "totalQueries",
        "waitTimeSeconds",
        "remainingTokens",
        "totalTokens",
    ),
    lowEffortRateLimits=_efforts,
    highEffortRateLimits=_efforts,
)


def check(quota: Quota | None) -> None:
    """It can be reckoned with."""
    if quota is None:
        return
    assert isinstance(quota.left, int)
    assert quota.left >= 0
    assert quota.total is None or quota.total > 0
    assert isinstance(quota.flat, bool)
    for seconds in (
        quota.window_s,
        *(() if quota.wait_s is None else (quota.wait_s,)),
        *(wait for _, wait in quota.effort_waits),
        *(quota.wait_for(cost) for cost in (1, 2, 4, 1000)),
    ):
        assert isinstance(seconds, float)
        assert 0 < seconds <= DAY
        assert math.isfinite(seconds)
    assert all(cost > 0 for cost, _ in quota.effort_waits)
    assert quota.charge(4) == (1 if quota.flat else 4)


@given(answers)
def test_any_values_give_a_quota_that_can_be_reckoned_with_or_none(answer: object) -> None:
    """Never an exception; left is not negative, and every time is positive and at most a day."""
    check(read(answer))


@given(json_values | json_objects)
def test_any_json_gives_a_quota_that_can_be_reckoned_with_or_none(answer: object) -> None:
    """Whatever its shape."""
    check(read(answer))


@given(
    st.binary()
    | st.tuples(answers, st.integers(0, 200), st.binary(max_size=3)).map(
        lambda cut: orjson.dumps(cut[0])[: cut[1]] + cut[2]
    )
)
def test_any_bytes_give_a_quota_that_can_be_reckoned_with_or_none(body: bytes) -> None:  # fmt: skip
    """Pieces of answers too."""
    check(parse_quota(body))


# The simulator ----------------------------------------------------------------------------------


@st.composite
def limits(draw: st.DrawFn) -> Limit:
    total = draw(st.integers(1, 1000))
    window = draw(st.integers(1, int(DAY)))
    wait = draw(st.integers(0, window))
    return Limit(total, draw(st.integers(0, total)), draw(st.booleans()), window, wait)


@given(limits())
def test_what_the_simulated_grok_says_is_what_it_counts(limit: Limit) -> None:
    """Both systems, whole, partly used and used up, with and without a wait."""
    wait = float(limit.wait_s) if limit.wait_s and not limit.left else None
    quota = read(limit.answer())
    assert quota is not None
    assert (quota.left, quota.total, quota.window_s, quota.flat) == (
        limit.left,
        limit.total,
        limit.window_s,
        limit.flat,
    )
    assert quota.wait_s == wait
    for cost in (1, 4):
        assert quota.wait_for(cost) == (wait or limit.window_s)
        before = limit.left
        assert limit.take(cost) == (quota.charge(cost) <= quota.left)
        limit.left = before


def test_an_account_of_the_simulated_grok_that_may_ask_everything_says_so() -> None:
    """A whole allowance."""
    assert read(UNLIMITED) == Quota(40, 40, 7200.0)


# Waits and questions ----------------------------------------------------------------------------


@frozen
class Waiting:
    """What Grok says of waiting, and how long questions of each cost wait."""

    name: str
    quota: Quota
    waits: dict[int, float] = field(factory=dict)


WAITS = [
    Waiting("nothing said", Quota(0, 9, 600.0), {1: 600, 4: 600}),
    Waiting("one wait", Quota(0, 9, 600.0, wait_s=30.0), {1: 30, 4: 30}),
    Waiting("one of each effort", Quota(0, 9, 600.0, flat=False, wait_s=30.0, effort_waits=((1, 5.0), (4, 20.0))), {1: 5, 2: 20, 4: 20, 5: 30}),
    Waiting("one for the dear", Quota(2, 9, 600.0, flat=False, effort_waits=((4, 20.0),)), {4: 20, 5: 600}),
    Waiting("a flat one knows no effort", Quota(0, 9, 600.0, effort_waits=((1, 5.0),)), {1: 600}),
]  # fmt: skip


@pytest.mark.parametrize("case", WAITS, ids=lambda case: case.name)
def test_a_question_waits_for_its_own_effort_else_for_all_else_for_the_window(
    case: Waiting,
) -> None:
    """The nearest time that Grok named for a question that costs as much."""
    assert {cost: case.quota.wait_for(cost) for cost in case.waits} == case.waits


def test_what_is_asked_is_the_original_s_question_at_its_path() -> None:
    """``requestKind`` and ``modelName``, where the model's group or mode id stands; the simulator
    listens there.
    """
    for model in SHIPPED.values():
        body = orjson.loads(rate_limits_body(model.rate_limit_name))
        assert body == {"requestKind": "DEFAULT", "modelName": model.rate_limit_name}
    assert app.RATE_LIMITS_PATH == RATE_LIMITS_PATH == "/rest/rate-limits"
