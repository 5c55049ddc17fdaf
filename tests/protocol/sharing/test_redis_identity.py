"""The name of a table in a Redis, and its age: never older than it is."""

from __future__ import annotations

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.sharing.redis_identity import (
    Identity,
    RedisFacts,
    marker_of,
    read_facts,
    version_of,
)

INFO = (
    "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\nuptime_in_seconds:101\r\n"
    "# Replication\r\nrole:master\r\nmaster_replid2:0000000000\r\n"
)


@frozen
class Case:
    """The answer to ``INFO``, and the facts at the moment 1000."""

    name: str
    info: str
    facts: RedisFacts


FULL = "# Memory\r\nmaxmemory:1000000\r\nmaxmemory_policy:allkeys-lru\r\n"

CASES = [
    Case("may drop keys", INFO + FULL, RedisFacts("abc", "7.0.15", 900.0, "allkeys-lru")),
    Case(
        "refuses when it is full",
        INFO + FULL.replace("allkeys-lru", "noeviction"),
        RedisFacts("abc", "7.0.15", 900.0),
    ),
    Case(
        "never full",
        INFO + FULL.replace("1000000", "0"),
        RedisFacts("abc", "7.0.15", 900.0),
    ),
    Case("usual", INFO, RedisFacts("abc", "7.0.15", 900.0)),
    Case("forbidden", "", RedisFacts("unknown", "", 1000.0)),
    Case("just started", INFO.replace(":101", ":0"), RedisFacts("abc", "7.0.15", 1000.0)),
    Case("no number", INFO.replace(":101", ":²"), RedisFacts("abc", "7.0.15", 1000.0)),
    Case(
        "was a replica",
        INFO.replace("master_replid2:00", "master_replid2:7f"),
        RedisFacts("abc", "7.0.15", 1000.0),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_facts_are_read(case: Case) -> None:
    """A Redis of which the age is not known counts as new."""
    assert read_facts(case.info, "unknown", 1000.0) == case.facts


@settings(deadline=None, max_examples=100)
@given(st.text())
def test_any_answer_is_read(info: str) -> None:
    """Other programs speak Redis's language as well."""
    assert read_facts(info, "unknown", 1000.0).began <= 1000.0


def test_versions_are_compared_by_their_numbers() -> None:
    """10 is newer than 7, and names behind the numbers do not count."""
    assert version_of("5.0.14") < (6,) <= version_of("6.0.0-rc1") < version_of("10.2.3.4")
    assert version_of("10.2.3.4") == (10, 2, 3)
    assert version_of("unstable") == ()


OLD = RedisFacts("run", "7.0.15", -500.0)
NEW = RedisFacts("other", "7.0.15", 40.0)


def test_a_first_table_is_as_old_as_its_redis() -> None:
    """Its first server has nobody to wait for."""
    identity = Identity()
    assert not identity.known
    assert identity.saw("1:", OLD, 5000.0, 10.0) == ("run/1", 510.0)
    assert identity.known


def test_a_table_that_a_marker_dates_is_not_older_than_that() -> None:
    """A process that had seen another one has made it."""
    assert Identity().saw("1:4990", OLD, 5000.0, 10.0) == ("run/1", 10.0)
    assert Identity().saw("1:5001", OLD, 5000.0, 10.0) == ("run/1", 0.0)


def test_a_marker_that_changes_begins_a_new_table() -> None:
    """Its maker may not have known that there had been another one; this process does."""
    identity = Identity()
    identity.saw("1:", OLD, 5000.0, 10.0)
    assert identity.saw("2:", OLD, 5020.0, 30.0) == ("run/2", 0.0)
    assert identity.saw("2:", OLD, 5025.0, 35.0) == ("run/2", 5.0)


def test_another_run_begins_a_new_table() -> None:
    """Its data may be older than the last steps."""
    identity = Identity()
    identity.saw("1:", OLD, 5000.0, 10.0)
    assert identity.saw("1:", NEW, 5050.0, 60.0) == ("other/1", 20.0)


def test_a_connection_that_knows_less_makes_no_table_younger() -> None:
    """A Redis counts whole seconds, so each connection has another estimate."""
    identity = Identity()
    identity.saw("1:", OLD, 5000.0, 10.0)
    later = RedisFacts("run", "7.0.15", -499.1)
    assert identity.saw("1:", later, 5010.0, 20.0) == ("run/1", 520.0)


def test_a_table_s_marker_is_looked_for_in_its_own_redis() -> None:
    """Nothing is taken from a Redis that another run has begun."""
    assert marker_of("run/1", OLD) == "1"
    assert marker_of("run/1", NEW) == ""
    assert marker_of("", OLD) == ""
