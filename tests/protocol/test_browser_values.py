"""Ages and refusals of the values that an owner copies from a browser."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings

from grokcore.errors import (
    AntiBotRefusal,
    Challenge,
    CredentialsRejected,
    GrokApiError,
    UpstreamRefused,
)
from grokcore.protocol.browser_values import (
    MOST_REFUSALS,
    RECORD_KEYS,
    BrowserValues,
    GivenValue,
    Refusal,
    Source,
    ValueView,
)
from grokcore.protocol.models import WebLane

from .strategies import json_values

CLEARANCE = "canary-clearance"


def given_values(clearance: str = CLEARANCE, statsig: str = "") -> dict[str, GivenValue]:
    return {
        "cf_clearance": GivenValue(clearance, Source.OWN if clearance else Source.NONE),
        "user_agent": GivenValue("", Source.NONE),
        "x_statsig_id": GivenValue(statsig, Source.OWN if statsig else Source.SHIPPED),
    }


def in_use(at: float = 1000.0, **values: str) -> BrowserValues:
    """Values that are in use since *at*."""
    made = BrowserValues(map(str, itertools.count()).__next__)
    made.adopt(given_values(**values), at)
    return made


def view(values: BrowserValues, name: str = "cf_clearance") -> ValueView:
    return next(each for each in values.views() if each.name == name)


def restarted(values: BrowserValues, at: float, set_by: float = 0.0, **new: str) -> BrowserValues:
    """A later server that reads what *values* saved."""
    records = json.loads(json.dumps(values.take_unsaved()))
    later = in_use(at, **new)
    later.recall(records, at, lambda _: set_by)
    return later


def test_only_the_owner_s_values_have_an_age() -> None:
    """The shipped value is as old as the program, and an empty setting has none."""
    assert [(each.source, each.since) for each in in_use().views()] == [
        ("own", 1000.0),
        ("none", None),
        ("shipped", None),
    ]


def test_a_value_that_stays_keeps_its_age_over_reloads() -> None:
    """Another setting of the same file is no news of this one."""
    values = in_use()
    assert not values.adopt(given_values(), 2000.0)
    assert view(values).since == 1000.0


def test_another_value_begins_anew() -> None:
    """What Grok refused was the old one."""
    values = in_use()
    values.refused(Challenge("a page"), WebLane.SOCKET, "direct", 1500.0)
    assert values.adopt(given_values("newer"), 2000.0)
    assert view(values) == ValueView("cf_clearance", "own", 2000.0, ())


def test_a_restart_changes_nothing() -> None:
    """A server that restarts daily would otherwise show every value as new."""
    values = in_use()
    values.refused(Challenge("a page"), WebLane.SOCKET, "direct", 1500.0)
    later = restarted(values, 9000.0)
    assert later.views() == values.views()
    assert later.take_unsaved() == {}


def test_a_value_that_is_changed_between_two_runs_is_new() -> None:
    """The record is the old value's, and is replaced."""
    later = restarted(in_use(), 9000.0, clearance="newer")
    assert view(later).since == 9000.0
    assert set(later.take_unsaved()) == {"browser value cf_clearance"}


def test_a_value_that_is_taken_out_leaves_no_record() -> None:
    """It comes back as a new one."""
    gone = {"browser value cf_clearance": None}
    assert restarted(in_use(), 9000.0, clearance="").take_unsaved() == gone
    values = in_use()
    values.take_unsaved()
    values.adopt(given_values(""), 2000.0)
    assert values.take_unsaved() == gone


def test_records_do_not_hold_the_value() -> None:
    """The state file is shown around when something is wrong. Nor do two servers' records show that
    they use the same value.
    """
    values = in_use(statsig="canary-statsig")
    text = json.dumps(values.take_unsaved())
    assert "canary" not in text
    one, other = json.loads(text).values()
    assert one["salt"] != other["salt"]
    assert "canary" not in repr(given_values())


def test_values_that_nothing_is_known_of_are_not_saved() -> None:
    """A server of someone who has copied nothing writes nothing."""
    assert in_use(clearance="").take_unsaved() == {}
    assert set(in_use(statsig="mine").take_unsaved()) < RECORD_KEYS


def test_ages_stay_when_the_wall_clock_is_set() -> None:
    """A clock that jumps an hour has made no value older, in this run or between two."""
    values = in_use()
    values.refused(Challenge("a page"), WebLane.REST, "direct", 1500.0)
    values.take_unsaved()
    values.clock_set(3600.0)
    assert view(values).since == 4600.0
    assert view(values).refused[0].at == 5100.0
    assert view(restarted(values, 9000.0, set_by=-3600.0)).since == 1000.0


@frozen
class Refused:
    """A refusal, and the values that it is held against."""

    error: GrokApiError
    lane: WebLane
    concerns: tuple[str, ...]


@pytest.mark.parametrize(
    "case",
    [
        Refused(Challenge("x"), WebLane.SOCKET, ("cf_clearance", "user_agent")),
        Refused(Challenge("x"), WebLane.REST, ("cf_clearance", "user_agent")),
        Refused(AntiBotRefusal("x"), WebLane.SOCKET, ("cf_clearance", "user_agent")),
        Refused(AntiBotRefusal("x"), WebLane.REST, ("cf_clearance", "user_agent", "x_statsig_id")),
        Refused(CredentialsRejected("x"), WebLane.REST, ()),
        Refused(UpstreamRefused("x"), WebLane.REST, ()),
    ],
    ids=lambda case: f"{type(case.error).__name__} {case.lane.value}",
)
def test_a_refusal_is_held_against_what_it_looked_at(case: Refused) -> None:
    """An owner who is shown the wrong value copies in vain."""
    values = in_use()
    assert values.refused(case.error, case.lane, "direct", 1500.0) is bool(case.concerns)
    assert tuple(each.name for each in values.views() if each.refused) == case.concerns


def test_each_lane_and_egress_has_its_last_refusal() -> None:
    """A clearance is bound to an address: refused through one proxy, it may be good elsewhere."""
    values = in_use()
    for at, lane, egress in (
        (1.0, WebLane.SOCKET, "direct"),
        (2.0, WebLane.REST, "direct"),
        (3.0, WebLane.SOCKET, "proxy 1a2b3c4d"),
        (4.0, WebLane.SOCKET, "direct"),
    ):
        values.refused(Challenge("x"), lane, egress, at)
    assert view(values).refused == (
        Refusal("socket", "direct", "upstream_challenge", 4.0),
        Refusal("socket", "proxy 1a2b3c4d", "upstream_challenge", 3.0),
        Refusal("rest", "direct", "upstream_challenge", 2.0),
    )


def test_a_pool_of_many_proxies_keeps_the_newest() -> None:
    """The state and the page stay small."""
    values = in_use()
    for number in range(3 * MOST_REFUSALS):
        values.refused(Challenge("x"), WebLane.SOCKET, f"proxy {number}", float(number))
    refused = view(values).refused
    assert len(refused) == MOST_REFUSALS
    assert refused[0].egress == f"proxy {3 * MOST_REFUSALS - 1}"


@settings(deadline=None, max_examples=100)
@given(since=json_values, refusals=json_values, item=json_values)
def test_a_record_of_any_content_is_read(since: Any, refusals: Any, item: Any) -> None:
    """A state file that a person has edited keeps no server from starting."""
    (key, record) = next(iter(in_use().take_unsaved().items()))
    assert record is not None
    for odd in (refusals, [refusals], [{"at": item, "lane": item, "egress": item}]):
        values = in_use(5000.0)
        values.recall({key: {**record, "since": since, "refusals": odd}}, 5000.0, lambda _: 0.0)
        assert view(values).since is not None
        values.recall({key: {"hash": item, "salt": item}}, 5000.0, lambda _: 0.0)


def test_a_time_ahead_is_taken_for_now() -> None:
    """An age is never negative."""
    (key, record) = next(iter(in_use(9000.0).take_unsaved().items()))
    assert record is not None
    values = in_use(5000.0)
    values.recall({key: record}, 5000.0, lambda _: 0.0)
    assert view(values).since == 5000.0
