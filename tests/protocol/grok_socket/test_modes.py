"""Answers of grok.com on what an account is and may use."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.grok_socket.modes import (
    Availability,
    Mode,
    Modes,
    UserSession,
    is_user_id,
    modes_body,
    page_headers,
    parse_modes,
    parse_session,
)
from grokcore.protocol.grok_web.identity import Identity
from grokcore.protocol.grok_web.rate_limits import parse_quota, rate_limits_body

from ..strategies import json_values

USER = "11111111-2222-4333-8444-555555555555"


def test_the_modes_of_a_free_account() -> None:
    """What it may not use is named, with the plan that has it."""
    upgrade = {"minimumSubscriptionTier": "TIER_SUPERGROK_HEAVY", "message": "Upgrade"}
    answer = {
        "modes": [
            {"id": "auto", "title": "Auto", "availability": {"available": {}}},
            {"id": "fast", "title": "Fast", "availability": "available"},
            {"id": "heavy", "title": "Heavy", "availability": {"requiresUpgrade": upgrade}},
            {"id": "build", "availability": {"comingSoon": {}}},
            {"title": "without an id"},
            5,
        ],
        "defaultModeId": "auto",
    }
    modes = parse_modes(json.dumps(answer).encode())
    assert modes == Modes(
        (
            Mode("auto", "Auto", Availability.AVAILABLE),
            Mode("fast", "Fast", Availability.AVAILABLE),
            Mode(
                "heavy", "Heavy", Availability.REQUIRES_UPGRADE, "TIER_SUPERGROK_HEAVY", "Upgrade"
            ),
            Mode("build", "", Availability.COMING_SOON),
        ),
        "auto",
    )
    assert modes.usable == ("auto", "fast")
    assert modes.refused == {"heavy", "build"}


@pytest.mark.parametrize(
    ("availability", "expected"),
    [
        ("available", Availability.AVAILABLE),
        ("AVAILABILITY_AVAILABLE", Availability.AVAILABLE),
        ("MODE_AVAILABILITY_REQUIRES_UPGRADE", Availability.REQUIRES_UPGRADE),
        ("unavailable", Availability.UNAVAILABLE),
        ("coming_soon", Availability.COMING_SOON),
        ({"unavailable": True}, Availability.UNAVAILABLE),
        ({"available": False, "unavailable": {}}, Availability.UNAVAILABLE),
        ({"type": "requiresUpgrade", "message": "x"}, Availability.REQUIRES_UPGRADE),
        ({"status": "whatever"}, Availability.UNKNOWN),
        ({"requiresUpgrade": None}, Availability.UNKNOWN),
        ({}, Availability.UNKNOWN),
        (None, Availability.UNKNOWN),
        (5, Availability.UNKNOWN),
    ],
)
def test_each_form_of_availability_is_read(availability: Any, expected: Availability) -> None:
    """A form that is not known says nothing, and the mode is tried."""
    body = json.dumps({"modes": [{"id": "x", "availability": availability}]}).encode()
    modes = parse_modes(body)
    assert modes is not None
    assert modes.modes[0].availability is expected
    assert modes.modes[0].usable is (expected in (Availability.AVAILABLE, Availability.UNKNOWN))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"modes": {}}', b'{"modes": [{}]}', b"<html>", b'{"modes": []}']
)
def test_an_answer_without_modes_is_none(body: bytes) -> None:
    """The tier decides then."""
    assert parse_modes(body) is None


@pytest.mark.parametrize(
    ("answer", "session"),
    [
        ({"session": {"userId": USER}}, UserSession(USER)),
        ({"session": {"user_id": USER}}, UserSession(USER)),
        ({"session": {"user": {"id": USER}}}, UserSession(USER)),
        ({"user": {"userId": USER}}, UserSession(USER)),
        ({"userId": USER}, UserSession(USER)),
        ({"session": {"userId": USER, "status": "ACTIVE"}}, UserSession(USER)),
        ({"session": {"userId": USER}, "status": "BLOCKED"}, UserSession(USER, blocked=True)),
        ({"session": {"userId": USER, "status": "user_blocked"}}, UserSession(USER, blocked=True)),
        ({"session": {"userId": "a; b=c"}}, None),
        ({"session": {"userId": 5}}, None),
        ({"session": None}, None),
        ({}, None),
        ([], None),
        ("no JSON", None),
    ],
)
def test_the_user_of_a_session_is_found(answer: Any, session: UserSession | None) -> None:
    """In the forms of several builds; and an id that could not stand in a cookie is none."""
    body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
    assert parse_session(body) == session


@pytest.mark.parametrize("value", ["", "a b", "a;b", "a\r\nb", "é", "x" * 101, None, 5])
def test_what_is_no_user_id(value: object) -> None:
    """It stands in an address and in a cookie."""
    assert is_user_id(USER)
    assert not is_user_id(value)


@settings(deadline=None, max_examples=150)
@given(json_values, st.binary(max_size=30))
def test_any_answer_is_read_without_an_exception(value: Any, noise: bytes) -> None:
    """Whatever grok.com says."""
    for body in (
        noise,
        json.dumps(value).encode(),
        json.dumps({"modes": [{"id": "x", "availability": value}, value]}).encode(),
        json.dumps({"session": value, "user": value}).encode(),
    ):
        parse_modes(body)
        parse_session(body)


def test_the_requests_go_with_cookies_alone() -> None:
    """No signature; the names of the allowances are those of the modes."""
    identity = Identity("statsig-value", "clearance")
    headers = dict(page_headers(identity, url="https://grok.com/x", sso="t", request_id="r"))
    assert headers["Cookie"] == "sso=t; sso-rw=t; cf_clearance=clearance"
    assert "x-statsig-id" not in headers
    assert json.loads(modes_body()) == {"locale": "en"}
    assert json.loads(rate_limits_body("auto"))["modelName"] == "auto"
    quota = parse_quota(b'{"windowSizeSeconds":86400,"remainingQueries":3,"totalQueries":30}')
    assert quota is not None
    assert (quota.left, quota.total, quota.flat) == (3, 30, True)
