"""The upgrade in a recording: names, and no value of a person's."""

from __future__ import annotations

from grokcore.protocol.grok_socket.client_frames import upgrade_headers
from grokcore.protocol.grok_web.identity import Identity
from grokcore.protocol.recording.upgrade import upgrade_fields


def address(text: str) -> str:
    return f"address of {len(text)}"


def test_of_the_request_the_names_of_headers_and_cookies_stay() -> None:
    """They show which cookies went along, which is what a refusal is about."""
    identity = Identity(
        "statsig-secret", user_agent="Agent-secret", cf_clearance="clearance-secret"
    )
    headers = upgrade_headers(identity, sso="sso-secret", user_id="user-secret")
    fields = upgrade_fields(headers, {}, address)
    assert fields == {
        "request": ["origin", "cache-control", "pragma", "cookie", "user-agent"],
        "cookies": ["sso", "sso-rw", "cf_clearance", "x-userid"],
        "response": {},
    }


def test_a_cookie_that_is_not_known_has_no_name() -> None:
    """A value with a semicolon in it would look like one."""
    fields = upgrade_fields([("Cookie", "sso=a; secret; secret=b; =c")], {}, address)
    assert fields["cookies"] == ["sso", "x", "x", "x"]


def test_of_the_response_values_stay_that_say_why_it_was_refused() -> None:
    """All others are empty; a name that looks like an id goes."""
    response = {
        "cf-mitigated": "challenge",
        "retry-after": "9" * 200,
        "location": "https://accounts.x.ai/",
        "set-cookie": "x-userid=secret",
        "x-4711081547": "a",
        "x" * 41: "a",
    }
    assert upgrade_fields([], response, address)["response"] == {
        "cf-mitigated": "challenge",
        "retry-after": "9" * 100,
        "location": "address of 22",
        "set-cookie": "",
    }
    many = {f"x-{letter}{other}": "" for letter in "abcdefgh" for other in "abcdefghij"}
    assert len(upgrade_fields([], many, address)["response"]) == 60
