"""The history of use against the naive one: gaps, sleep, clocks that are set, restarts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grokcore.protocol.history.groups import OTHER, Group
from grokcore.protocol.history.record import recall, record_of
from grokcore.protocol.history.report import span_report
from grokcore.protocol.history.steps import SPANS
from grokcore.protocol.history.usage import BEHIND_S, UsageHistory, Use
from tests.protocol.history.naive import Naive, reports, requests_of

START = 1_800_000_000.0
DAY = 86400.0

uses = st.builds(
    Use,
    model=st.sampled_from(["", "grok-3", "grok-4", "grok-5", OTHER]),
    key=st.sampled_from(["", "a", "b", "c"]),
    token=st.sampled_from(["", "0001", "0002", "0003"]),
    error=st.booleans(),
    tokens_in=st.integers(0, 5000),
    tokens_out=st.integers(0, 5000),
    first_s=st.none() | st.floats(0, 1000),
)
waits = st.sampled_from([0.0, 1.0, 600.0, 900.0, 3600.0, 6 * 3600.0, DAY, 40 * DAY])
settings_of_clocks = st.sampled_from([-7200.0, -700.0, -3.0, 400.0, 3600.0, 2 * DAY])
acts = st.lists(
    st.one_of(
        st.tuples(st.just("use"), uses),
        st.tuples(st.just("wait"), waits),
        st.tuples(st.just("clock set"), settings_of_clocks),
        st.tuples(st.just("clock wrong"), settings_of_clocks),
        st.tuples(st.just("restart"), st.just(None)),
    ),
    max_size=25,
)


def small() -> UsageHistory:
    """A history with room for two subjects of each kind."""
    history = UsageHistory()
    history.groups = {kind: Group(2) for kind in history.groups}
    return history


def restarted(history: UsageHistory, now: float) -> UsageHistory:
    again = small()
    record = orjson.loads(orjson.dumps(record_of(history.copy(now), history.latest)))
    assert recall(again, record)
    return again


USED = Use("grok-3", "a", "0001", tokens_in=3, tokens_out=4, first_s=1.0)
ANOTHER = Use("grok-4", "b", "0002", error=True)
THIRD = Use("grok-5", "c", "0003")


@given(acts)
@example([("use", USED), ("use", ANOTHER), ("use", THIRD), ("wait", 3600.0), ("use", THIRD)])
@example([("use", USED), ("clock wrong", -7200.0), ("use", ANOTHER), ("wait", 600.0)])
@example([("use", USED), ("clock wrong", -7200.0), ("use", USED), ("wait", 3600.0), ("use", USED)])
@example([("use", USED), ("wait", DAY), ("use", USED), ("wait", 40 * DAY)])
@example([("use", USED), ("clock set", -700.0), ("clock set", -700.0), ("use", USED)])
@settings(deadline=None, max_examples=60)
def test_the_history_is_that_of_a_list_of_all_requests(acts: list[tuple[str, object]]) -> None:
    """Whatever the clock does: each request is in the step of its time, and none is lost or
    counted twice. Only restarts forget when a subject was used last.
    """
    history, naive, now = small(), Naive(most=dict.fromkeys(Naive().most, 2)), START
    for act, value in acts:
        match act, value:
            case "use", Use():
                history.note(value, now)
                naive.note(value, now)
            case "wait", float():
                now += value
            case "clock set", float():
                now += value
                history.clock_set(value)
                naive.clock_set(value)
            case "clock wrong", float():
                now += value
            case _:
                history = restarted(history, now)
                naive.reach(now)
                naive.behind_since = None
                naive.latest = round(naive.latest, 3)
                # The record has no times of last use, and no parts of steps.
                in_use = {
                    kind: [n for n in naive.last[kind] if n in group_names(history, kind)]
                    for kind in naive.last
                }
                naive.last = {kind: dict.fromkeys(names, -1e18) for kind, names in in_use.items()}
                reorder(naive, history)
                for moved in naive.moved.values():
                    moved.rest = 0.0
    for copy in history.copy(now):
        assert span_report(copy) == naive.report(now, copy.span)


def group_names(history: UsageHistory, kind: str) -> list[str]:
    return [name for name, _ in history.groups[kind].subjects()]


def reorder(naive: Naive, history: UsageHistory) -> None:
    """Take over the order in which subjects make room: a record has it, but for those in no step
    of the day.
    """
    for kind, last in naive.last.items():
        naive.last[kind] = {name: last[name] for name in group_names(history, kind) if name in last}


def test_a_pool_that_takes_turns_is_other_until_some_are_idle() -> None:
    """Thousands of tokens cost no more than those that are shown."""
    history = UsageHistory()
    for number in range(300):
        history.note(Use("grok-3", "", f"{number:08x}"), START + number)
    day = reports(history, START + 300)[0]
    tokens = day["tokens"]
    assert isinstance(tokens, dict)
    assert len(tokens) == 201
    assert requests_of(tokens[OTHER]) == 100
    history.note(Use("grok-3", "", "ffffffff"), START + 901)
    tokens = reports(history, START + 901)[0]["tokens"]
    assert isinstance(tokens, dict)
    assert "00000000" not in tokens
    assert requests_of(tokens["ffffffff"]) == 1
    assert requests_of(tokens[OTHER]) == 101
    assert sum(map(requests_of, tokens.values())) == 301


def test_a_restart_shows_the_last_day() -> None:
    """The same report from the record as before."""
    history = UsageHistory()
    for hour in range(40):
        history.note(Use("grok-3", f"key {hour}", "0001", first_s=hour), START + hour * 3600)
    now = START + 40 * 3600
    again = UsageHistory()
    assert recall(again, record_of(history.copy(now), history.latest))
    assert reports(again, now) == reports(history, now)


@pytest.mark.parametrize("seconds", [-7200.0, 7200.0])
def test_a_clock_set_between_two_runs_moves_the_steps(seconds: float) -> None:
    """As one that is set during a run."""
    history = UsageHistory()
    history.note(USED, START)
    again = UsageHistory()
    assert recall(again, record_of(history.copy(START), history.latest), seconds)
    history.clock_set(seconds)
    assert reports(again, START + seconds) == reports(history, START + seconds)


def test_a_clock_that_starts_in_1970_loses_nothing() -> None:
    """A small machine has its time some seconds after its start."""
    history = UsageHistory()
    history.note(USED, START)
    history.note(USED, 5.0)
    history.note(USED, 65.0)
    day = reports(history, START + 900)[0]
    assert isinstance(day["all"], list)
    assert [row["requests"] for row in day["all"][-2:]] == [3, 0]


def test_a_clock_that_was_years_ahead_is_forgotten_after_an_hour() -> None:
    """The figures go on at the right time."""
    history = UsageHistory()
    history.note(USED, START + 1000 * DAY)
    history.note(USED, START)
    history.note(USED, START + BEHIND_S)
    day = reports(history, START + BEHIND_S)[0]
    assert isinstance(day["all"], list)
    assert day["all"][-1]["at"] == int(START + BEHIND_S) // 900 * 900
    assert day["all"][-1]["requests"] == 3


def test_figures_stay_within_their_bytes() -> None:
    """A step with more than four bytes can count shows the most that they can."""
    history = UsageHistory()
    for _ in range(3):
        history.note(Use("grok-3", tokens_in=3_000_000_000, tokens_out=1), START)
    rows = reports(history, START)[1]["all"]
    assert isinstance(rows, list)
    assert rows[-1] | {"at": 0} == {
        "at": 0,
        "requests": 3,
        "errors": 0,
        "tokens_in": 2**32 - 1,
        "tokens_out": 3,
        "first_p50_s": None,
        "first_p95_s": None,
    }


def test_series_are_of_one_length_and_end_with_the_present() -> None:
    """So a page can put them above each other."""
    history = UsageHistory()
    history.note(USED, START)
    for span, report in zip(SPANS, reports(history, START), strict=True):
        end: Any = report["to"]
        kinds: Any = [report[kind] for kind in history.groups]
        series: Any = [report["all"], *(rows for named in kinds for rows in named.values())]
        assert {len(rows) for rows in series} == {span.count}
        assert end == series[0][-1]["at"] + span.step_s
        assert end - span.step_s <= START < end
