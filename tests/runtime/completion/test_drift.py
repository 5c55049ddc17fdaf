"""Drift: news in Grok's answers is counted, named without values, and logged once."""

from __future__ import annotations

import logging

import pytest
import trio

from grokcore.errors import RateLimitExceeded, UpstreamRefused
from grokcore.protocol.condition import Condition, Health
from grokcore.protocol.counters import MAX_UNKNOWN_KEYS, Counters
from grokcore.protocol.models import SHIPPED
from grokcore.runtime.completion import drift
from grokcore.runtime.completion.drift import SHOWN_CHARS, SHOWN_KEYS, Drift
from grokcore.simulator.lines import response
from grokcore.simulator.scripts import answer_lines, error, play_lines, wrapped
from grokcore.web.health import health_report
from grokcore.web.observing.census import Census
from grokcore.web.state import ServerState
from tests.scenarios import run_on_fake_clock
from tests.servers import configured

from ..worlds import collect, failure_of, make_world

STRANGE = [wrapped(response({"brandNew": "a secret"})), *answer_lines(["a"])]


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [entry.getMessage() for entry in caplog.records if entry.name == drift.__name__]


def test_an_unknown_key_is_told_once_by_its_name(caplog: pytest.LogCaptureFixture) -> None:
    """In one line, with the model and without the value; and counted in ``/health``."""

    async def scenario() -> None:
        world = make_world(play_lines(STRANGE))
        await collect(world.ask())
        await collect(world.ask(model=SHIPPED["grok-4.1"]))
        report = health_report(
            world.gateway, ServerState(configured()), Census(world.gateway), Condition(Health.OK)
        )
        assert report["upstream"] == {
            "junk_lines": 0,
            "unknown_keys": {"brandNew": 2},
            "odd_values": 0,
            "late_thoughts": 0,
            "other_side": 0,
            "refused_models": {},
        }

    run_on_fake_clock(scenario)
    assert told(caplog) == ["Grok sent a key that nobody here knows: brandNew (model grok-3-fast)"]
    assert "a secret" not in caplog.text


def test_a_model_that_is_refused_is_told_once_with_groks_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As the client gets them. A token's fault is not held against the model."""

    async def scenario() -> None:
        refusal = error(400, {"error": {"code": 3, "message": "Model is <b>gone</b>, basic-0"}})
        world = make_world(
            refusal, refusal, error(429, {"error": {"code": 8, "message": "Too many requests"}})
        )
        failures = [(await failure_of(world.ask()))[0] for _ in range(3)]
        assert [type(failure) for failure in failures] == [
            UpstreamRefused,
            UpstreamRefused,
            RateLimitExceeded,
        ]
        assert world.gateway.drift.refused_models == {"grok-3-fast": 2}
        assert told(caplog) == [f"Grok refuses the model grok-3-fast: {failures[0].message}"]
        report = health_report(
            world.gateway, ServerState(configured()), Census(world.gateway), Condition(Health.OK)
        )
        assert report["upstream"]["refused_models"] == {"grok-3-fast": 2}

    run_on_fake_clock(scenario)
    assert "gone" in told(caplog)[0]
    assert "<b>" not in told(caplog)[0]
    assert "basic-0" not in told(caplog)[0]


def test_what_is_kept_and_told_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """An upstream that invents names without end fills neither the memory nor the log."""
    found = Drift()
    for number in range(3 * MAX_UNKNOWN_KEYS):
        found.note(
            f"model{number}", Counters(unknown_keys={f"key{number}": 1}), UpstreamRefused("no")
        )
    assert len(told(caplog)) == 2 * MAX_UNKNOWN_KEYS
    assert len(found.refused_models) == MAX_UNKNOWN_KEYS
    assert len(found.unknown_keys) == SHOWN_KEYS


def test_the_most_frequent_names_are_shown_cut_and_printable(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In the order of their counts; those that look the same then are counted together; a token is
    not repeated.
    """
    found = Drift()
    long = "k" * 100
    keys = {f"key{number:02}": number for number in range(1, 31)}
    odd = {
        f"{long}1": 100,
        f"{long}2": 100,
        "tab\tbell\x07é": 90,
        "": 80,
        "eyJhbGciOiJIUzI1NiJ9.canary": 70,
    }
    found.note("m", Counters(unknown_keys={**keys, **odd}), None)
    shown = found.unknown_keys
    assert list(shown.items())[:6] == [
        ("k" * SHOWN_CHARS, 200),
        ("tab bell ?", 90),
        ("?", 80),
        ("eyJ?", 70),
        ("key30", 30),
        ("key29", 29),
    ]
    assert len(shown) == SHOWN_KEYS
    assert "canary" not in caplog.text
    assert all(line.isascii() and line.isprintable() for line in told(caplog))


def test_a_quiet_stream_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A warning is something to look at."""
    caplog.set_level(logging.DEBUG)

    async def scenario() -> None:
        world = make_world(play_lines(answer_lines(["a"])))
        await collect(world.ask())
        assert world.gateway.drift.counters == Counters()
        await trio.lowlevel.checkpoint()

    run_on_fake_clock(scenario)
    assert told(caplog) == []
