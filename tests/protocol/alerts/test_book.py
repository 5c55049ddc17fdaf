"""Which alerts are due, and when."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

import grokcore.protocol.alerts.book
from grokcore.protocol.alerts.alert import Alert, AlertState
from grokcore.protocol.alerts.book import MOST_WORDS, NOTHING_ANSWERED, AlertBook
from grokcore.protocol.alerts.kinds import KINDS, AlertKind, span_of
from grokcore.protocol.condition import Condition, Health, Matter
from tests.protocol.strategies import json_values

from .conditions import (
    DOWN,
    FINE,
    HOUR_S,
    LONE_FILE,
    START,
    USED_UP,
    Watched,
    because,
    reason,
)


@frozen
class Begin:
    """A reason, and the seconds after which it is alerted."""

    matter: Matter
    kind: str
    after: float


BEGINS = [
    Begin(Matter.SESSION_ENDED, "session_ended", 60),
    Begin(Matter.CHALLENGE, "challenge", 600),
    Begin(Matter.ANTIBOT, "challenge", 600),
    Begin(Matter.USED_UP, "used_up", 60),
    Begin(Matter.SPENDING_CAP, "spending_cap", 10),
    Begin(Matter.FILE, "file", 60),
    Begin(Matter.LANE, "lane", 60),
    Begin(Matter.EGRESS, "egress", 300),
    Begin(Matter.MODEL, "model", 300),
]


@pytest.mark.parametrize("case", BEGINS, ids=lambda case: case.matter.value)
def test_a_state_is_alerted_when_it_has_lasted(case: Begin) -> None:
    """To the second, once, and with the words that the status page has."""
    watched = Watched()
    assert watched.see(because(reason(case.matter, "it")), HOUR_S) == [
        (case.after, f"{case.kind} begun")
    ]
    (alert,) = watched.alerts
    assert alert.subjects == ("it",)
    assert alert.words == (f"{case.matter.value} of it.",)
    assert alert.advice == (f"Mend {case.matter.value}.",)


@pytest.mark.parametrize("matter", [Matter.OVERLOAD, Matter.NO_CREDENTIALS])
def test_what_has_no_kind_is_told_only_when_nothing_is_answered(matter: Matter) -> None:
    """Grok's own overload passes; a server without tokens is being set up."""
    assert Watched().see(because(reason(matter)), HOUR_S) == []
    down = because(reason(matter, weight=Health.DOWN))
    assert Watched().see(down, HOUR_S) == [(300, "down begun")]


def test_short_flaps_alert_nobody() -> None:
    """A file that an editor is saving, a minute without a proxy."""
    watched = Watched()
    for condition in (LONE_FILE, DOWN, USED_UP):
        assert watched.see(condition, 60) == []
        assert watched.see(FINE, HOUR_S) == []


def test_mended_comes_once() -> None:
    """After the state has been gone as long as its kind says."""
    watched = Watched()
    watched.see(USED_UP, 600)
    assert watched.see(FINE, 2 * HOUR_S) == [(600 + 115, "used_up mended")]
    (_, mended) = watched.alerts
    assert (mended.subjects, mended.words, mended.advice) == (("grok-4",), (), ())


def test_nothing_is_mended_that_was_not_alerted() -> None:
    """Whoever was not told of a fault need not hear that it is over."""
    watched = Watched()
    watched.see(USED_UP, 55)
    assert watched.see(FINE, HOUR_S) == []


def test_a_state_that_comes_back_within_the_hour_waits_for_its_end() -> None:
    """A phone does not ring all night."""
    watched = Watched()
    assert watched.see(USED_UP, 300) == [(60, "used_up begun")]
    assert watched.see(FINE, 300) == [(415, "used_up mended")]
    assert watched.see(USED_UP, HOUR_S) == [(60 + HOUR_S, "used_up begun")]


def test_a_state_that_lasts_is_told_again_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """After one hour, two, four and so on, up to once a day (here: once in four hours)."""
    monkeypatch.setattr(grokcore.protocol.alerts.book, "DAY_S", 4 * HOUR_S)
    told = Watched().see(USED_UP, 17 * HOUR_S, step=30.0)
    assert [(at - 60) / HOUR_S for at, _ in told] == [0, 1, 3, 7, 11, 15]


def test_the_owner_s_repeat_counts_where_it_is_longer_than_a_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The owner knows how often is enough (here: a day of one hour)."""
    monkeypatch.setattr(grokcore.protocol.alerts.book, "DAY_S", HOUR_S)
    told = Watched(repeat_s=2 * HOUR_S).see(USED_UP, 5 * HOUR_S, step=30.0)
    assert [at for at, _ in told] == [60, 60 + 2 * HOUR_S, 60 + 4 * HOUR_S]


def test_another_model_is_told_after_an_hour_with_all_of_its_kind() -> None:
    """At most one alert an hour, and none of the states is lost."""
    watched = Watched()
    both = because(reason(Matter.USED_UP, "grok-4"), reason(Matter.USED_UP, "grok-3"))
    watched.see(USED_UP, 600)
    assert watched.see(both, HOUR_S) == [(60 + HOUR_S, "used_up begun")]
    assert watched.alerts[-1].subjects == ("grok-4", "grok-3")


def test_another_model_is_told_at_once_when_the_hour_is_over() -> None:
    """As soon as it has lasted itself; the reminders begin anew with it."""
    watched = Watched()
    both = because(reason(Matter.USED_UP, "grok-4"), reason(Matter.USED_UP, "grok-3"))
    watched.see(USED_UP, 2 * HOUR_S)
    assert watched.see(both, HOUR_S)[:1] == [(2 * HOUR_S + 60, "used_up begun")]
    assert watched.see(both, HOUR_S) == [(3 * HOUR_S + 60, "used_up begun")]


def test_an_alert_shows_five_states() -> None:
    """A pool of two hundred fits on a phone."""
    many = because(*(reason(Matter.USED_UP, f"m{number}") for number in range(200)))
    watched = Watched()
    assert watched.see(many, 600) == [(60, "used_up begun")]
    assert len(watched.alerts[0].words) == len(watched.alerts[0].subjects) == MOST_WORDS


def test_a_server_with_little_traffic_is_told_that_all_its_requests_fail() -> None:
    """A failed request is evidence for five minutes; one every ten minutes is a lasting state."""
    watched = Watched()
    told = [watched.see(condition, 295) for condition in [DOWN, FINE] * 6]
    assert [each for each in told if each] == [[(595.0, "down begun")]]


def test_time_in_which_nobody_looked_does_not_count() -> None:
    """A laptop that slept for a night has not seen a night of faults."""
    watched = Watched()
    watched.look(USED_UP)
    watched.now += 10 * HOUR_S
    assert watched.see(USED_UP, 30) == []
    assert watched.see(USED_UP, 5) == [(10 * HOUR_S + 30, "used_up begun")]


# Down ------------------------------------------------------------------------------------------


def test_down_is_told_with_its_reasons() -> None:
    """And its end."""
    watched = Watched()
    assert watched.see(DOWN, 600) == [(300, "down begun")]
    assert watched.alerts[0].words == ("model of grok-4.",)
    assert watched.see(FINE, HOUR_S) == [(600 + 595, "down mended")]


def test_nothing_is_told_twice() -> None:
    """Used up and down are the same news; the first alert says that nothing can be answered."""
    watched = Watched()
    down = because(reason(Matter.USED_UP, "grok-4", Health.DOWN))
    assert watched.see(down, HOUR_S) == [(60, "used_up begun")]
    assert watched.alerts[0].words == ("used_up of grok-4.", NOTHING_ANSWERED)
    assert watched.see(FINE, HOUR_S) == [(HOUR_S + 115, "used_up mended")]


def test_what_down_has_told_its_kinds_do_not() -> None:
    """A challenge is told after ten minutes, unless it was the reason of an outage before."""
    watched = Watched()
    challenged = because(reason(Matter.CHALLENGE, "grok-4", Health.DOWN))
    assert watched.see(challenged, HOUR_S) == [(300, "down begun")]


def test_down_is_told_for_a_reason_that_no_wanted_kind_has() -> None:
    """An owner who wants ``down`` alone hears of every outage."""
    watched = Watched(kinds=frozenset({AlertKind.DOWN}))
    down = because(reason(Matter.USED_UP, "grok-4", Health.DOWN))
    assert watched.see(down, HOUR_S) == [(300, "down begun")]
    assert watched.see(USED_UP, HOUR_S) == [(HOUR_S + 595, "down mended")]


# Delivery --------------------------------------------------------------------------------------


def test_an_alert_that_reached_nobody_is_tried_again_after_an_hour() -> None:
    """It counts as not told, so its end is not told either."""
    watched = Watched(delivered=False)
    assert watched.see(USED_UP, 2 * HOUR_S) == [
        (60, "used_up begun"),
        (60 + HOUR_S, "used_up begun"),
    ]
    assert watched.see(FINE, HOUR_S) == []


def test_mended_that_reached_nobody_is_not_repeated() -> None:
    """The status page has it."""
    watched = Watched()
    watched.see(USED_UP, 600)
    watched.delivered = False
    assert watched.see(FINE, 3 * HOUR_S) == [(715, "used_up mended")]


def test_alerts_under_way_are_due_again_when_their_sender_ends() -> None:
    """Other settings, or the server's end: nothing is lost between two senders."""
    watched = Watched(delivered=None)
    watched.see(USED_UP, 120)
    watched.book.take_back()
    assert watched.see(USED_UP, 120) == [(120, "used_up begun")]


def test_an_alert_of_a_forgotten_kind_is_settled_without_trace() -> None:
    """Its settlement comes after the owner has switched the kind off."""
    book = AlertBook(KINDS, HOUR_S)
    book.settle(Alert(AlertKind.FILE, AlertState.BEGUN), delivered=True)
    assert book.record() == {}


def test_other_settings_count_at_once() -> None:
    """A kind that is not wanted any more is forgotten, without a word of its end."""
    watched = Watched()
    both = because(*USED_UP.reasons, *LONE_FILE.reasons)
    watched.see(both, 600)
    watched.book.adopt(frozenset({AlertKind.FILE}), 900.0)
    assert watched.see(both, 600) == [(960, "file begun")]
    assert watched.see(FINE, HOUR_S) == [(1255, "file mended")]


# Restarts --------------------------------------------------------------------------------------


def test_what_the_last_run_has_told_is_not_told_at_a_start() -> None:
    """A server that is restarted all day does not ring all day; reminders go on in their rhythm."""
    watched = Watched()
    watched.see(USED_UP, 600)
    for _ in range(10):
        watched.restart()
        assert watched.see(USED_UP, 240) == []
    assert watched.see(USED_UP, HOUR_S) == [(60 + HOUR_S, "used_up begun")]


def test_a_state_that_ended_while_the_server_was_down_is_mended() -> None:
    """Whoever was told of it hears of its end, after the usual time."""
    watched = Watched()
    watched.see(USED_UP, 600)
    watched.restart(after=100.0)
    assert watched.see(FINE, 600) == [(820, "used_up mended")]
    watched.restart()
    assert watched.see(FINE, 600) == []


def test_an_alert_that_was_under_way_is_sent_after_a_restart() -> None:
    """What nobody has received was not told."""
    watched = Watched(delivered=None)
    watched.see(USED_UP, 600)
    watched.restart()
    assert watched.see(USED_UP, 100) == [(670, "used_up begun")]


@pytest.mark.parametrize("set_by", [-7200.0, 7200.0])
def test_a_wall_clock_that_was_set_changes_no_wait(set_by: float) -> None:
    """Neither while the server runs nor while it does not."""
    running, restarted = Watched(), Watched()
    for watched in (running, restarted):
        watched.see(USED_UP, 600)
    running.now += set_by
    running.book.clock_set(set_by)
    restarted.restart(after=set_by, set_by=set_by)
    for watched in (running, restarted):
        assert watched.see(USED_UP, HOUR_S) == [(60 + HOUR_S + set_by, "used_up begun")]


def test_a_clock_that_is_set_before_the_first_look_has_nothing_to_move() -> None:
    """And nothing to save."""
    book = AlertBook(KINDS, HOUR_S)
    book.clock_set(10.0)
    assert not book.unsaved


def test_there_is_something_to_save_after_a_delivery_only() -> None:
    """The state file is not written every five seconds."""
    watched = Watched()
    watched.see(USED_UP, 60)
    assert not watched.book.unsaved
    watched.look(USED_UP)
    assert watched.book.unsaved
    record = watched.book.record()
    assert not watched.book.unsaved
    assert record == {"used_up": {"told": ["used_up grok-4"], "sent_at": START + 60, "count": 1}}
    assert json.loads(json.dumps(record)) == record


def test_a_time_in_the_future_is_that_of_the_start() -> None:
    """A clock that was wrong when the alert was sent does not silence its kind for years."""
    watched = Watched()
    watched.book.recall({"used_up": {"told": [], "sent_at": START + 1e9, "count": 1}}, START)
    assert watched.see(USED_UP, 2 * HOUR_S) == [(HOUR_S, "used_up begun")]


DAMAGED: list[object] = [
    None,
    [],
    {"told": "file config", "sent_at": START, "count": 1},
    {"told": [5], "sent_at": START, "count": 1},
    {"told": ["x" * 201], "sent_at": START, "count": 1},
    {"told": ["file config"], "sent_at": "now", "count": 1},
    {"told": ["file config"], "sent_at": float("inf"), "count": 1},
    {"told": ["file config"], "sent_at": START, "count": True},
    {"told": ["file config"], "sent_at": START, "count": -1},
    {"told": ["file config"], "sent_at": START, "count": 1e9},
]


@pytest.mark.parametrize("value", DAMAGED, ids=repr)
def test_a_damaged_part_of_a_record_counts_as_not_told(value: object) -> None:
    """Rather twice than not at all."""
    watched = Watched()
    watched.book.recall({"file": value}, START)
    assert watched.see(LONE_FILE, 120) == [(60, "file begun")]


def test_a_kind_that_is_not_wanted_any_more_is_not_recalled() -> None:
    """Its end is told to nobody."""
    watched = Watched(kinds=frozenset({AlertKind.DOWN}))
    record = {"file": {"told": ["file config"], "sent_at": START, "count": 1}}
    watched.book.recall(record, START)
    assert watched.see(FINE, 600) == []
    assert watched.book.record() == {}


@given(
    st.dictionaries(st.sampled_from([*(kind.value for kind in AlertKind), "x"]), json_values)
    | st.fixed_dictionaries(
        {
            "file": st.fixed_dictionaries(
                {}, optional=dict.fromkeys(("told", "sent_at", "count"), json_values)
            )
        }
    )
)
@settings(deadline=None, max_examples=100)
def test_a_damaged_record_harms_nothing(record: dict[str, Any]) -> None:
    """Somebody may have edited the file; alerts then come as if they had not been told."""
    watched = Watched()
    watched.book.recall(record, START)
    watched.see(because(*LONE_FILE.reasons, *USED_UP.reasons), 120)
    json.dumps(watched.book.record())


# Any history -----------------------------------------------------------------------------------

PIECES = [
    reason(Matter.USED_UP, "grok-4", Health.DOWN),
    reason(Matter.USED_UP, "grok-3"),
    reason(Matter.FILE, "config"),
    reason(Matter.CHALLENGE, "proxy.example.com:1"),
    reason(Matter.MODEL, "grok-4", Health.DOWN),
    reason(Matter.SPENDING_CAP, "api", Health.OK),
    reason(Matter.OVERLOAD),
]

conditions = st.lists(st.sampled_from(PIECES), unique=True, max_size=4).map(lambda r: because(*r))
histories = st.lists(
    st.tuples(
        conditions, st.sampled_from([5, 30, 60, 120, 600, 1200, 4000]), st.booleans(), st.booleans()
    ),
    max_size=8,
)


@given(histories)
@settings(deadline=None, max_examples=60)
def test_in_any_history_an_owner_is_told_little_and_enough(
    history: list[tuple[Condition, int, bool, bool]],
) -> None:
    """One alert of a kind in an hour; an end only of what was told; nothing that was short; all
    that lasts. Restarts change none of it.
    """
    watched = Watched(repeat_s=900.0)
    for condition, seconds, delivered, restarts in history:
        watched.delivered = delivered
        watched.see(condition, seconds)
        if restarts:
            watched.restart()
    open_kinds: set[AlertKind] = set()
    last: dict[AlertKind, float] = {}
    for alert in watched.alerts:
        if alert.state is AlertState.MENDED:
            assert alert.kind in open_kinds
            open_kinds.remove(alert.kind)
            continue
        assert alert.at - last.get(alert.kind, 0.0) >= 900.0
        last[alert.kind] = alert.at
        open_kinds.add(alert.kind)
        assert alert.words
    if history and not history[-1][3] and history[-1][1] >= 1200:
        _nothing_is_missing(watched, history[-1][0])


def _nothing_is_missing(watched: Watched, condition: Condition) -> None:
    """What has lasted for twenty minutes has been alerted by its own kind, or by another."""
    told = " ".join(word for alert in watched.alerts for word in alert.words)
    for each in condition.reasons:
        has_kind = each.matter is not Matter.OVERLOAD
        assert not has_kind or each.words in told


def test_each_kind_has_its_times_but_the_test() -> None:
    """A new kind needs its place in the table."""
    assert {*AlertKind} - KINDS == {AlertKind.TEST}
    assert all(span_of(kind).begins_s > 0 and span_of(kind).ends_s > 0 for kind in KINDS)
