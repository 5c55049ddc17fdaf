"""The token file: every form that is accepted, every fault with its place, and no secret in any
message.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import ConfigError
from grokcore.protocol.models import Tier
from grokcore.protocol.token_file import reading
from grokcore.protocol.token_file.places import UNKNOWN_PART
from grokcore.protocol.token_file.reading import EntryReading, parse_token_file, read_tokens
from grokcore.protocol.tokens import TokenEntry, token_id, token_key
from tests.protocol.token_file.files import (
    BASIC,
    ENCODINGS,
    JWT,
    OTHER,
    ROW,
    SUPER,
    encoded,
    json_files,
    text_files,
    tokens,
)

from ..strategies import json_values


def parsed(value: Any) -> list[TokenEntry]:
    return list(parse_token_file(json.dumps(value).encode()))


@frozen
class File:
    """A file, and the accounts in it."""

    name: str
    value: Any
    entries: list[TokenEntry]


COUNTERS = {
    "remainingQueries": -1,
    "heavyremainingQueries": 12,
    "status": "active",
    "failedCount": 3,
    "createdTime": 1,
}

FILES = [
    File("the original's", {"sso": {JWT: COUNTERS}, "ssoSuper": {OTHER: COUNTERS}}, [BASIC, SUPER]),
    File("its other name", {"ssoNormal": {JWT: COUNTERS}}, [BASIC]),
    File("other gateways'", {"ssoBasic": [{"token": JWT, "status": "active", "quota": 80, "tags": []}], "ssoSuper": [{"token": OTHER}]}, [BASIC, SUPER]),
    File("a section of their name with an object", {"ssoBasic": {JWT: COUNTERS}}, [BASIC]),
    File("a browser's cookies", [{"name": "theme", "value": "secret with spaces"}, {"domain": ".grok.com", "name": "sso", "value": JWT, "session": False, "id": 7}], [BASIC]),
    File("a browser's two cookies of one account", [{"name": "sso", "value": JWT}, {"name": "sso-rw", "value": JWT}], [BASIC]),
    File("a browser's sites", [{"domain": site, "name": "sso", "value": f"at-{site}"} for site in ("example.com", ".x.ai", "notgrok.com", "grok.com.example.com", "accounts.x.ai")], [TokenEntry("at-.x.ai"), TokenEntry("at-accounts.x.ai")]),
    File("a browser without the cookie", [{"name": "cf_clearance", "value": "x"}], []),
    File("a token with a name and a value", [{"token": JWT, "name": "theme", "value": "x"}], [BASIC]),
    File("stray ends", [f"'{JWT}',", f' "sso={OTHER}"; '], [BASIC, TokenEntry(OTHER)]),
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
    """The original's file and a plain list; bare tokens, ``sso=…``, cookie headers; counters are
    ignored.
    """
    assert parsed(case.value) == case.entries


@frozen
class Text:
    """A text file, and the accounts in it."""

    name: str
    text: str
    entries: list[TokenEntry]


BOTH = [BASIC, TokenEntry(OTHER)]

TEXTS = [
    Text("one token", JWT, [BASIC]),
    Text("a token per line", f"{JWT}\n{OTHER}\n", BOTH),
    Text("Windows' line ends", f"{JWT}\r\n\r\n{OTHER}\r\n", BOTH),
    Text("an old Mac's", f"{JWT}\r{OTHER}", BOTH),
    Text("comments", f"# mine\n{JWT} # me\n  # {OTHER}\n\t{OTHER}\t#you\n#", BOTH),
    Text("only comments", "# nothing yet\n\n", []),
    Text("a hash in a token", "eyJ#1\nsso=#2", [TokenEntry("eyJ#1"), TokenEntry("#2")]),
    Text("sso=", f"sso={JWT}\nsso={OTHER};\n", BOTH),
    Text("cookie headers", f"Cookie: a=b; sso={JWT}; c=d\ncookie:sso-rw={OTHER}", BOTH),
    Text("stray ends", f" '{JWT}', \n;\nsso={OTHER} ;,\n", BOTH),
    Text("quotes from the first line on", f'"{JWT}",\n"{OTHER}"\n', BOTH),
    Text("twice", f"{JWT}\n{OTHER}\nsso={JWT}\n", BOTH),
    Text("odd separators end no line", f"{JWT} #\x0b\x0c\x1c\x85\u2028\n{OTHER}", BOTH),
    Text("cookies.txt", f"# Netscape HTTP Cookie File\n\n{ROW}\n.grok.com\tTRUE\t/\tFALSE\t0\ttheme\ta b\n", [BASIC]),
    Text("cookies.txt, not for scripts", f"#HttpOnly_{ROW}\r\n#HttpOnly_{ROW.replace('sso', 'sso-rw')}\r\n", [BASIC]),
    Text("cookies.txt, commented out", f"# {ROW}\n#{ROW}\n", []),
    Text("cookies.txt, another site", ROW.replace("grok.com", "example.com"), []),
    Text("cookies.txt, an empty value", ".grok.com\tTRUE\t/\tTRUE\t0\tx-userid\n", []),
    Text("cookies.txt, out of a terminal", ROW.replace("\t", "   "), [BASIC]),
    Text("cookies.txt and tokens", f"{OTHER}\n{ROW}\n", [TokenEntry(OTHER), BASIC]),
]  # fmt: skip


@pytest.mark.parametrize("case", TEXTS, ids=lambda case: case.name)
def test_a_text_file_is_one_token_per_line(case: Text) -> None:
    """Bare, ``sso=…``, a cookie header or a line of cookies.txt; comments and blank lines don't
    count.
    """
    assert list(parse_token_file(case.text.encode())) == case.entries


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", [json.dumps([JWT]), JWT])
def test_a_byte_order_mark_is_no_fault(encoding: str, text: str) -> None:
    """Editors on Windows put one there, some with two bytes for each letter."""
    assert parse_token_file(text.encode(encoding)) == (BASIC,)


def test_big_endian_text_is_read() -> None:
    """The mark says which byte comes first."""
    assert parse_token_file(b"\xfe\xff" + JWT.encode("utf-16-be")) == (BASIC,)


def test_a_cookie_header_may_be_copied_with_its_name() -> None:
    """A whole cookie header is a whole cookie header, whatever the order of the cookies in it."""
    assert parsed([f"Cookie: sso-rw={JWT}; sso={JWT}"]) == [BASIC]
    assert parsed([f"Cookie: sso={JWT}; sso-rw={JWT}"]) == [BASIC]


@frozen
class Fault:
    """A file that is none, and the message."""

    value: Any
    message: str


NO_USER_ID = (
    "must be the id of the account's user at Grok: at most 100 letters, digits, - and _. "
    "Without it the server asks Grok"
)
NO_TOKEN = "is not a token: expected the value of the sso cookie, sso=…, or a cookie header"
FIELDS = "is not a token alone: leave only the session token, without mail address, password or other fields"

FAULTS = [
    Fault(5, "must be a JSON object with sso and ssoSuper, or a list of tokens"),
    Fault("secret", "must be a JSON object with sso and ssoSuper, or a list of tokens"),
    Fault({"sso": "sec|ret"}, f"the object {FIELDS}"),
    Fault({"ssoSuper": 5}, "ssoSuper must be an object keyed by token, or a list of tokens"),
    Fault([JWT, 5], "entry 2 must be a token, or an object with one"),
    Fault([[JWT]], "entry 1 must be a token, or an object with one"),
    Fault([{}], "entry 1 has no token"),
    Fault([{"token": 5}], "entry 1 has no token"),
    Fault([""], f"entry 1 {NO_TOKEN}"),
    Fault(["sso="], f"entry 1 {NO_TOKEN}"),
    Fault(["secret with spaces"], f"entry 1 {NO_TOKEN}"),
    Fault(["cf_clearance=secret; theme=dark"], f"entry 1 {NO_TOKEN}"),
    Fault(["secret\r\nX-Injected: 1"], f"entry 1 {FIELDS}"),
    Fault(["secrét"], f"entry 1 {NO_TOKEN}"),
    Fault(["xy" * 2049], f"entry 1 {NO_TOKEN}"),
    Fault(["xy" * 20_000], f"entry 1 {NO_TOKEN}"),
    Fault([JWT, {"token": OTHER, "user_id": "a b"}], f"entry 2: user_id {NO_USER_ID}"),
    Fault({"sso": {JWT: {"user_id": 7}}}, f"sso, entry 1: user_id {NO_USER_ID}"),
    Fault([JWT, "", "a b"], f"entry 2 {NO_TOKEN}. Refused as well: entry 3"),
    Fault({"sso": {JWT: {}, "not a token": {}}}, f"sso, entry 2 {NO_TOKEN}"),
    Fault({"ssoSuper": [JWT, ""]}, f"ssoSuper, entry 2 {NO_TOKEN}"),
    Fault([{"token": JWT, "disabled": "perhaps"}], "entry 1: disabled must be true or false"),
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


@frozen
class TextFault:
    """Bytes that are no token file, and the message."""

    data: bytes
    message: str


COMMA = "a comma before a closing bracket or brace. Take the comma out"

TEXT_FAULTS = [
    TextFault(b"", "is empty; {} would say that there are no tokens"),
    TextFault(b" \r\n", "is empty; {} would say that there are no tokens"),
    TextFault(b"\xef\xbb\xbf", "is empty; {} would say that there are no tokens"),
    TextFault(b"\xff\xfe", "is empty; {} would say that there are no tokens"),
    TextFault(b"\xff\xfea", "is not valid UTF-16"),
    TextFault(
        b"{",
        "is not valid JSON: line 1, column 2: expecting property name enclosed in double quotes. The file ends too early: a bracket or brace is not closed",
    ),
    TextFault(
        b'[\n "secret"\n "secret"]', "is not valid JSON: line 3, column 2: expecting ',' delimiter"
    ),
    TextFault(b'{"sso": ["secret",]}', f"is not valid JSON: line 1, column 18: {COMMA}"),
    TextFault(b'{"sso": ["secret"],\n\n }', f"is not valid JSON: line 1, column 19: {COMMA}"),
    TextFault(b'{"sso":\n ["secret" ,\n ]}', f"is not valid JSON: line 2, column 12: {COMMA}"),
    TextFault(
        "{\u201csso\u201d: []}".encode(),
        'is not valid JSON: line 1, column 2: expecting property name enclosed in double quotes. Write straight double quotes: "',
    ),
    TextFault(
        b"[" * 100_000, "is not valid JSON: it is nested too deeply, or a number in it is too long"
    ),
    TextFault(b"null", "must be a JSON object with sso and ssoSuper, or a list of tokens"),
    TextFault(b"\xff", f"line 1 {NO_TOKEN}"),
    TextFault(b"eyJ\n# no\n\nsecret with spaces", f"line 4 {NO_TOKEN}"),
    TextFault(b"eyJ\r\nsecr\xc3\xa9t", f"line 2 {NO_TOKEN}"),
    TextFault(b"sso=", f"line 1 {NO_TOKEN}"),
    TextFault(b"cf_clearance=secret", f"line 1 {NO_TOKEN}"),
    TextFault(ROW.replace(JWT, "").encode(), f"line 1 {NO_TOKEN}"),
    TextFault(b"<!DOCTYPE html>", f"line 1 {NO_TOKEN}"),
]


@pytest.mark.parametrize("case", TEXT_FAULTS, ids=lambda case: repr(case.data[:20]))
def test_a_damaged_file_is_no_empty_one(case: TextFault) -> None:
    """Nor is an empty file one without tokens: an editor may be writing it at this moment."""
    with pytest.raises(ConfigError) as caught:
        parse_token_file(case.data)
    assert str(caught.value) == case.message


# Any file ---------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=200)
@given(st.data(), st.lists(tokens, min_size=1, max_size=6))
def test_whatever_form_tokens_are_written_in_they_are_read_back(
    data: st.DataObject, accounts: list[str]
) -> None:
    """Once each, in their order, whatever stands around them."""
    text = data.draw(st.one_of(text_files(accounts), json_files(accounts)))
    entries = parse_token_file(data.draw(encoded(text)))
    assert [entry.sso for entry in entries] == list(dict.fromkeys(accounts))


SECRET = "eyJhbGciOiJIUzI1NiJ9.SeCrEt"
PIECES = [b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"{", b"}", b"[", b"]", b":", b",", b"\n", b"\r", b"\t", b"#", b";", b" ", b"sso", b"sso=",
          b'"sso"', b'"token"', b'"proxy_url"', b'"name"', b'"value"', b'"tier"', b"Cookie:", ROW.encode(), b"\x00", b"5"]  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.sampled_from([SECRET.encode(), *PIECES]) | st.binary(max_size=6), max_size=12).map(
        b"".join
    )
)
def test_any_bytes_are_a_token_file_or_a_fault_of_it(data: bytes) -> None:
    """Never another exception, and no message has a piece of a token."""
    try:
        said = [reading.where + reading.refusal for reading in read_tokens(data)]
        parse_token_file(data)
    except ConfigError as error:
        said = [str(error)]
    pieces = [secret[at : at + 8] for secret in (SECRET, JWT) for at in range(len(secret) - 7)]
    assert not [text for text in said if any(piece in text for piece in pieces)]


@settings(deadline=None, max_examples=80)
@given(
    st.dictionaries(st.sampled_from(["sso", "ssoNormal", "ssoSuper"]), json_values)
    | st.lists(json_values)
)
def test_any_json_is_a_token_file_or_a_fault_of_it(value: Any) -> None:
    """Never another exception; each token is fit for a header, and is there once."""
    try:
        entries = parsed(value)
    except ConfigError:
        return
    tokens = [entry.sso for entry in entries]
    assert len(set(tokens)) == len(tokens)
    assert all(
        token.isascii() and token.isprintable() and not set(token) & set(' ",;\\')
        for token in tokens
    )


# One by one -------------------------------------------------------------------------------------


@frozen
class Places:
    """A file, and what stands in each of its places: a token, or why there is none."""

    data: str
    readings: list[tuple[str, str]]


PLACES = [
    Places(
        f"# mine\n{JWT}\nno token\n{ROW}\n",
        [("line 2", JWT), ("line 3", NO_TOKEN), ("line 4", JWT)],
    ),
    Places(
        json.dumps(
            {"sso": {"no token": {}, JWT: {"note": 5}}, "ssoBasic": "x", "ssoSuper": [OTHER, {}]}
        ),
        [
            ("sso, entry 1", NO_TOKEN),
            ("sso, entry 2: note", "must be a string"),
            ("ssoBasic", "must be an object keyed by token, or a list of tokens"),
            ("ssoSuper, entry 1", OTHER),
            ("ssoSuper, entry 2", "has no token"),
        ],
    ),
    Places(
        json.dumps([{"name": "theme", "value": ""}, {"name": "sso", "value": JWT}, 5]),
        [
            ("entry 1", "a cookie of another name"),
            ("entry 2", JWT),
            ("entry 3", "must be a token, or an object with one"),
        ],
    ),
]


@pytest.mark.parametrize("case", PLACES, ids=lambda case: case.data[:20])
def test_a_file_can_be_read_place_by_place(case: Places) -> None:
    """For an import, which takes what it can: a fault spoils no other place, and each is named."""
    readings = read_tokens(case.data.encode())
    found = [
        (one.where, one.entry.sso if one.entry else one.refusal or one.passed) for one in readings
    ]
    assert found == case.readings


def test_a_reading_says_where_it_was_for_those_who_edit() -> None:
    """By positions, which stay true when keys are written in odd ways."""
    readings = read_tokens(
        json.dumps({"x": 1, "ssoSuper": {f"sso={JWT}": {}}, "data": {"sso": [5, OTHER]}}).encode()
    )
    assert readings == [
        EntryReading("ssoSuper, entry 1", TokenEntry(JWT, Tier.SUPER)),
        EntryReading("data, sso, entry 1", None, "must be a token, or an object with one"),
        EntryReading("data, sso, entry 2", TokenEntry(OTHER)),
    ]


def test_a_token_is_shown_as_a_short_hash_only() -> None:
    """Not in a repr, and the same hash at every start."""
    entry = TokenEntry(JWT, note="mine", proxy_url="http://user:password@proxy.example:1")
    assert entry.id == token_id(JWT) == "ad25345e"
    assert entry.key == token_key(JWT) == "ad25345e" + entry.key[8:]
    assert len(entry.key) == 24
    assert entry.id in repr(entry)
    assert JWT not in repr(entry)
    assert "password" not in repr(entry)
    assert token_id(OTHER) != token_id(JWT)


def test_a_token_that_is_written_twice_keeps_what_was_said_of_it_in_either_place() -> None:
    """Disabled in one list is disabled; a proxy named once is its proxy; the higher tier counts."""
    file = {
        "sso": {JWT: {"disabled": True, "proxy_url": "direct"}},
        "ssoSuper": {JWT: {"note": "mine"}},
    }
    (entry,) = parse_token_file(json.dumps(file).encode())
    assert (entry.tier.value, entry.disabled, entry.proxy_url, entry.note) == (
        "super",
        True,
        "direct",
        "mine",
    )


def test_the_hash_goes_with_the_token() -> None:
    """It is computed once, and not taken along when another token is put in its place."""
    entry = TokenEntry(JWT)
    assert entry.key is entry.key
    assert evolve(entry, sso=OTHER).key == token_key(OTHER)
    assert entry == TokenEntry(JWT)


# Small cases ------------------------------------------------------------------------------------


def test_a_trailing_comma_is_found_where_each_python_reports_it() -> None:
    """At the comma from 3.13 on, at the bracket before."""
    words = [
        reading._where_and_how(error)
        for error in (
            json.JSONDecodeError("Illegal trailing comma before end of array", "[1,]", 2),
            json.JSONDecodeError("Expecting value", "[1,]", 3),
        )
    ]
    assert words[0] == words[1] == f"line 1, column 3: {COMMA}"


@pytest.mark.parametrize("data", [b'{"a": 1}\n[1]', b'{"a": 1}\n{"b"', b'{"a": 1}\nb'])
def test_lines_that_are_no_objects_are_no_json_lines(data: bytes) -> None:
    """The fault of the JSON is named."""
    with pytest.raises(ConfigError):
        parse_token_file(data)


def json_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_an_object_of_unknown_names_is_no_token_file() -> None:
    """An owner has given another file."""
    with pytest.raises(ConfigError, match="has neither sso nor ssoSuper"):
        parse_token_file(b'{"colour": "red"}')


TWO_COOKIES = [{"name": "sso", "value": JWT}, {"name": "sso", "value": OTHER}]
TWO_HEADERS = [{"name": "Cookie", "value": f"sso={one}"} for one in (JWT, OTHER)]
ARCHIVED = {"log": {"entries": [{"request": {"url": "https://grok.com/", "headers": TWO_HEADERS}}]}}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"sso": [{"sso": TWO_COOKIES}]}, "several session tokens"),
        (ARCHIVED, "several session tokens"),
        ({"sso": [{"token": JWT, "proxy": "ftp://a"}]}, "proxy"),
    ],
)
def test_an_entry_that_can_not_be_used_says_why(value: Any, words: str) -> None:
    """By its place, without quoting it."""
    with pytest.raises(ConfigError) as caught:
        parse_token_file(json_bytes(value))
    assert words in str(caught.value)
    assert JWT not in str(caught.value)


def test_parts_that_lie_too_deep_are_passed_over() -> None:
    """Counted, since they may be tokens of a newer tool."""
    deep: Any = {"sso": {JWT: {}}}
    for _ in range(10):
        deep = {"data": deep}
    (found,) = read_tokens(json_bytes(deep))
    assert (found.entry, found.passed) == (None, UNKNOWN_PART)


@pytest.mark.parametrize("line", ['{"sso"', '{"sso": "a"} x', '{"a":'])
def test_a_line_that_only_begins_like_json_is_a_line(line: str) -> None:
    """It is refused as a token, with its number."""
    with pytest.raises(ConfigError, match="line 2"):
        parse_token_file(f"{JWT}\n{line}".encode())


def test_a_command_that_never_ends_is_one_line() -> None:
    """A paste that was cut off does not swallow the tokens behind it."""
    text = f"curl 'https://grok.com' -H 'cookie: sso={JWT}' \\\n" + "  -H 'a: b' \\\n" * 300
    entries = [found.entry.sso for found in read_tokens(text.encode()) if found.entry]
    assert entries == [JWT]


def test_a_user_id_of_an_entry_is_taken_and_not_shown() -> None:
    """Null and an empty text are none, and a repeated token has that of either place."""
    entries = parsed([{"token": JWT, "user_id": None}, {"token": JWT, "user_id": "user-1"}])
    assert [entry.user_id for entry in entries] == ["user-1"]
    assert "user-1" not in repr(entries)
    assert parsed([{"token": JWT, "user_id": ""}])[0].user_id == ""


def test_a_placeholder_is_told_from_other_things_that_are_passed_over() -> None:
    """The doctor names a token file that is still the example."""
    readings = read_tokens(b'["paste-your-token-here", {"name": "theme", "value": ""}, "a.b.c"]')
    assert [reading.is_placeholder for reading in readings] == [True, False, False]
