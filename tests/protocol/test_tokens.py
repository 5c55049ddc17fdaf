"""The token file: every form that is accepted, every fault with its place, and no secret in any message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import ConfigError
from grokcore.protocol.models import Tier
from grokcore.protocol.tokens import TokenEntry, parse_token_file, token_id

from .strategies import json_values

JWT = "eyJ0eXAiOiJKV1QifQ.eyJzZXNzaW9uX2lkIjoiMSJ9.c2lnbmF0dXJl"
OTHER = "eyJhbGciOiJIUzI1NiJ9.eyJzZXNzaW9uX2lkIjoiMiJ9.b3RoZXI"


def parsed(value: Any) -> list[TokenEntry]:
    return list(parse_token_file(json.dumps(value).encode()))


@frozen
class File:
    """A file, and the accounts in it."""

    name: str
    value: Any
    entries: list[TokenEntry]


BASIC, SUPER = TokenEntry(JWT), TokenEntry(OTHER, Tier.SUPER)
COUNTERS = {
    "remainingQueries": -1,
    "heavyremainingQueries": 12,
    "status": "expired",
    "failedCount": 3,
    "createdTime": 1,
}

FILES = [
    File("the original's", {"sso": {JWT: COUNTERS}, "ssoSuper": {OTHER: COUNTERS}}, [BASIC, SUPER]),
    File("its other name", {"ssoNormal": {JWT: COUNTERS}}, [BASIC]),
    File("empty sections", {"sso": {}, "ssoSuper": None, "ssoNormal": []}, []),
    File("an empty object", {}, []),
    File("an empty list", [], []),
    File("other keys", {"version": 3, "sso": {JWT: None}}, [BASIC]),
    File("a plain list", [JWT, {"token": OTHER, "tier": "super"}], [BASIC, SUPER]),
    File("lists in sections", {"sso": [JWT], "ssoSuper": [{"sso": OTHER}]}, [BASIC, SUPER]),
    File("sso=", [f"sso={JWT}", f" sso={OTHER};"], [BASIC, TokenEntry(OTHER)]),
    File("quotes and spaces", [f' "{JWT}" \n'], [BASIC]),
    File("a cookie header", [f"sso-rw=x; sso={JWT}; cf_clearance=y"], [BASIC]),
    File("a cookie header without spaces", [f"sso-rw=x;sso={JWT};i18nextLng=en"], [BASIC]),
    File("a cookie header as a key", {"sso": {f"sso={JWT}; sso-rw={JWT}": COUNTERS}}, [BASIC]),
    File("all that an entry may say", {"sso": {JWT: {"tier": "super", "note": "mine", "proxy_url": "direct", "disabled": True, "tags": ["x"]}}}, [TokenEntry(JWT, Tier.SUPER, "mine", "direct", disabled=True)]),
    File("nulls", [{"token": JWT, "tier": None, "note": None, "proxy_url": None, "disabled": None}], [BASIC]),
    File("twice", [JWT, f"sso={JWT}"], [BASIC]),
    File("in both lists", {"ssoSuper": {OTHER: {}}, "sso": {OTHER: {}, JWT: {}}}, [SUPER, BASIC]),
    File("in both lists, the other way round", {"sso": {OTHER: {}}, "ssoSuper": {OTHER: {}}}, [SUPER]),
]  # fmt: skip


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.name)
def test_every_form_is_accepted(case: File) -> None:
    """The original's file and a plain list; bare tokens, ``sso=…``, cookie headers; counters are ignored."""
    assert parsed(case.value) == case.entries


def test_a_byte_order_mark_is_no_fault() -> None:
    """Editors on Windows put one there."""
    assert parse_token_file(b"\xef\xbb\xbf" + json.dumps([JWT]).encode()) == (BASIC,)


def test_a_cookie_header_may_be_copied_with_its_name() -> None:
    """A whole cookie header is a whole cookie header, whatever the order of the cookies in it."""
    assert parsed([f"Cookie: sso-rw={JWT}; sso={JWT}"]) == [BASIC]
    assert parsed([f"Cookie: sso={JWT}; sso-rw={JWT}"]) == [BASIC]


@frozen
class Fault:
    """A file that is none, and what is said of it."""

    value: Any
    message: str


NO_TOKEN = "is not a token: expected the value of the sso cookie, sso=…, or a cookie header"

FAULTS = [
    Fault(5, "must be a JSON object with sso and ssoSuper, or a list of tokens"),
    Fault("secret", "must be a JSON object with sso and ssoSuper, or a list of tokens"),
    Fault({"sso": "secret"}, "sso must be an object keyed by token, or a list of tokens"),
    Fault({"ssoSuper": 5}, "ssoSuper must be an object keyed by token, or a list of tokens"),
    Fault([JWT, 5], "entry 2 must be a token, or an object with one"),
    Fault([[JWT]], "entry 1 must be a token, or an object with one"),
    Fault([{}], "entry 1 has no token"),
    Fault([{"token": 5}], "entry 1 has no token"),
    Fault([""], f"entry 1 {NO_TOKEN}"),
    Fault(["sso="], f"entry 1 {NO_TOKEN}"),
    Fault(["secret with spaces"], f"entry 1 {NO_TOKEN}"),
    Fault(["cf_clearance=secret; theme=dark"], f"entry 1 {NO_TOKEN}"),
    Fault(["secret\r\nX-Injected: 1"], f"entry 1 {NO_TOKEN}"),
    Fault(["secrét"], f"entry 1 {NO_TOKEN}"),
    Fault(["x" * 4097], f"entry 1 {NO_TOKEN}"),
    Fault({"sso": {JWT: {}, "not a token": {}}}, f"sso, entry 2 {NO_TOKEN}"),
    Fault({"ssoSuper": [JWT, ""]}, f"ssoSuper, entry 2 {NO_TOKEN}"),
    Fault([{"token": JWT, "tier": "gold"}], "entry 1: tier must be basic or super"),
    Fault([{"token": JWT, "tier": ["super"]}], "entry 1: tier must be basic or super"),
    Fault({"sso": {JWT: {"note": 5}}}, "sso, entry 1: note must be a string"),
    Fault([{"token": JWT, "proxy_url": 5}], "entry 1: proxy_url must be a string"),
]


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: json.dumps(case.value)[:50])
def test_a_fault_is_named_by_its_place_and_never_quoted(case: Fault) -> None:
    """Which entry it is, not what stands there: messages go to logs and screens."""
    with pytest.raises(ConfigError) as caught:
        parsed(case.value)
    assert str(caught.value) == case.message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000, b"secret"])
def test_what_is_no_json_says_so(data: bytes) -> None:
    """A damaged file is no empty one."""
    with pytest.raises(ConfigError, match=r"^is not valid JSON$"):
        parse_token_file(data)


@settings(deadline=None, max_examples=80)
@given(st.dictionaries(st.sampled_from(["sso", "ssoNormal", "ssoSuper"]), json_values) | st.lists(json_values))
def test_any_json_is_a_token_file_or_a_fault_of_it(value: Any) -> None:
    """Never another exception; what is taken is fit for a header, and each token is there once."""
    try:
        entries = parsed(value)
    except ConfigError:
        return
    tokens = [entry.sso for entry in entries]
    assert len(set(tokens)) == len(tokens)
    assert all(token.isascii() and token.isprintable() and not set(token) & set(' ",;\\') for token in tokens)


def test_a_token_is_shown_as_a_short_hash_only() -> None:
    """Not in a repr, and the same hash at every start."""
    entry = TokenEntry(JWT, note="mine", proxy_url="http://user:password@proxy.example:1")
    assert entry.id == token_id(JWT) == "ad25345e"
    assert JWT not in repr(entry)
    assert "password" not in repr(entry)
    assert token_id(OTHER) != token_id(JWT)


def test_a_token_that_is_written_twice_keeps_what_was_said_of_it_in_either_place() -> None:
    """Disabled in one list is disabled; a proxy named once is its proxy; the higher tier counts."""
    file = {"sso": {JWT: {"disabled": True, "proxy_url": "direct"}}, "ssoSuper": {JWT: {"note": "mine"}}}
    (entry,) = parse_token_file(json.dumps(file).encode())
    assert (entry.tier.value, entry.disabled, entry.proxy_url, entry.note) == ("super", True, "direct", "mine")
