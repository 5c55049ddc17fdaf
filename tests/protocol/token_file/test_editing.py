"""Edits of a token file: what was asked for is done, and nothing else in the file is another."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import ConfigError
from grokcore.protocol.models import Tier
from grokcore.protocol.token_file.editing import (
    EditResult,
    Outcome,
    added,
    holds_details,
    removed,
    written_as_text,
)
from grokcore.protocol.token_file.places import is_known_object
from grokcore.protocol.token_file.reading import open_source, parse_token_file
from grokcore.protocol.token_file.text import tidied
from grokcore.protocol.tokens import TokenEntry, token_id, token_key
from tests.protocol.token_file.files import JWT, OTHER, ROW, encoded, json_files, text_files, tokens

from ..strategies import json_values

A, B = TokenEntry(JWT), TokenEntry(OTHER)
SUPER = TokenEntry(OTHER, Tier.SUPER, "mine", "http://127.0.0.1:1080", disabled=True)
DETAILS = {"note": "mine", "proxy_url": "http://127.0.0.1:1080", "disabled": True}


def as_json(value: Any, **layout: Any) -> str:
    return json.dumps(value, ensure_ascii=False, **{"indent": 2, **layout}) + "\n"


# Adding -----------------------------------------------------------------------------------------


@frozen
class Addition:
    """A file, what is added, and the file that comes of it."""

    name: str
    before: str | None
    entries: list[TokenEntry]
    after: str
    verdicts: list[EditResult] = field(factory=lambda: [EditResult.ADDED])


COUNTERS = {"remainingQueries": -1, "quota": 1.5, "created": 12345678901234567890, "tags": []}
TWICE = [EditResult.ADDED, EditResult.KNOWN]
KNOWN = [EditResult.KNOWN]

ADDITIONS = [
    Addition("a new file", None, [A], as_json({"sso": {JWT: {}}, "ssoSuper": {}})),
    Addition("a new file with details", None, [SUPER], as_json({"sso": {}, "ssoSuper": {OTHER: DETAILS}})),
    Addition("nothing in a new file", None, [], as_json({"sso": {}, "ssoSuper": {}}), []),
    Addition("the original's", as_json({"version": 2, "sso": {OTHER: COUNTERS}, "ssoSuper": {}, "x": [None]}), [A], as_json({"version": 2, "sso": {OTHER: COUNTERS, JWT: {}}, "ssoSuper": {}, "x": [None]})),
    Addition("a Super token", as_json({"sso": {JWT: {}}}), [SUPER], as_json({"sso": {JWT: {}}, "ssoSuper": {OTHER: DETAILS}})),
    Addition("a section that is null", as_json({"ssoSuper": None, "sso": {}}), [SUPER], as_json({"ssoSuper": {OTHER: DETAILS}, "sso": {}})),
    Addition("another name", as_json({"ssoNormal": {OTHER: {}}}), [A], as_json({"ssoNormal": {OTHER: {}, JWT: {}}})),
    Addition("a list in a section", as_json({"ssoBasic": [], "ssoSuper": [JWT]}), [SUPER, A], as_json({"ssoBasic": [], "ssoSuper": [JWT, {"token": OTHER, **DETAILS}]}), TWICE),
    Addition("a bare one in such a list", as_json({"ssoBasic": [OTHER]}), [A], as_json({"ssoBasic": [OTHER, JWT]})),
    Addition("a list", as_json([JWT, 1.0, {}][:1]), [B], as_json([JWT, OTHER])),
    Addition("a list, with details", as_json([JWT]), [SUPER], as_json([JWT, {"token": OTHER, "tier": "super", **DETAILS}])),
    Addition("a browser's cookies", as_json([{"name": "theme", "value": "é"}]), [A], as_json([{"name": "theme", "value": "é"}, JWT])),
    Addition("another indent", as_json([JWT], indent=4), [B], as_json([JWT, OTHER], indent=4)),
    Addition("tabs", as_json({"sso": {}}, indent="\t"), [A], as_json({"sso": {JWT: {}}}, indent="\t")),
    Addition("no indent", as_json({"sso": {}}, indent=None), [A], as_json({"sso": {JWT: {}}})),
    Addition("Windows' line ends", as_json([JWT]).replace("\n", "\r\n"), [B], as_json([JWT, OTHER]).replace("\n", "\r\n")),
    Addition("half characters", '{"x": "\\ud83d", "sso": {}}', [A], as_json({"x": "half", "sso": {JWT: {}}}).replace("half", "\\ud83d")),
    Addition("twice", "[]", [A, A], as_json([JWT]), TWICE),
    Addition("known", f'["sso={JWT}"]', [A], f'["sso={JWT}"]', KNOWN),
    Addition("known, with details", as_json({"sso": {OTHER: {}}}), [SUPER], as_json({"sso": {OTHER: {}}}), KNOWN),
    Addition("text", f"# mine\n{JWT} # me\n", [B], f"# mine\n{JWT} # me\n{OTHER}\n"),
    Addition("text without an end of line", JWT, [B], f"{JWT}\n{OTHER}\n"),
    Addition("text of Windows", f"{JWT}\r\n#", [B], f"{JWT}\r\n#\r\n{OTHER}\r\n"),
    Addition("cookies.txt", f"# Netscape\n{ROW}\n\n", [A, B], f"# Netscape\n{ROW}\n\n{OTHER}\n", TWICE[::-1]),
    Addition("known in text, with details", OTHER, [SUPER], OTHER, KNOWN),
    Addition("a token that looks like a comment", "#\n", [TokenEntry("#1")], "#\nsso=#1\n"),
]  # fmt: skip


@pytest.mark.parametrize("case", ADDITIONS, ids=lambda case: case.name)
def test_a_token_is_added_in_the_form_that_the_file_has(case: Addition) -> None:
    """What is there stays, in its order; what is there already is not touched, even if something
    new is said of it.
    """
    data, outcomes = added(None if case.before is None else case.before.encode(), case.entries)
    assert data.decode() == case.after
    assert outcomes == [
        Outcome(*pair)
        for pair in zip([entry.id for entry in case.entries], case.verdicts, strict=True)
    ]


@pytest.mark.parametrize(
    "entry", [SUPER, TokenEntry(OTHER, Tier.SUPER), TokenEntry(OTHER, note="x")]
)
def test_text_can_not_hold_what_is_said_of_a_token(entry: TokenEntry) -> None:
    """It would be lost without a word otherwise. The message says what to do."""
    with pytest.raises(
        ConfigError,
        match=r"^is a text file, which can't hold .*: `tokens import` it into a new JSON",
    ) as e:
        added(JWT.encode(), [A, entry])
    assert ("tier" in str(e.value), "note" in str(e.value)) == (
        entry.tier is Tier.SUPER,
        bool(entry.note),
    )
    assert holds_details(JWT.encode()) is False
    assert holds_details(b"[]") is holds_details(b"{}") is holds_details(None) is True


# Removing ---------------------------------------------------------------------------------------


@frozen
class Removal:
    """A file, ids, and the file without them."""

    name: str
    before: str
    after: str
    ids: list[str] = field(factory=lambda: [token_id(JWT)])
    outcomes: list[Outcome] = field(factory=lambda: [Outcome(token_id(JWT), EditResult.REMOVED)])


REMOVALS = [
    Removal("the original's", as_json({"sso": {JWT: COUNTERS, OTHER: COUNTERS}, "x": 1}), as_json({"sso": {OTHER: COUNTERS}, "x": 1})),
    Removal("another way to write it", as_json({"sso": {f"a=b; sso={JWT}": {}}}), as_json({"sso": {}})),
    Removal("everywhere", as_json({"sso": {JWT: {}, f"sso={JWT}": {}}, "ssoSuper": [OTHER, JWT, {"token": JWT}]}), as_json({"sso": {}, "ssoSuper": [OTHER]})),
    Removal("a list", as_json([JWT, OTHER, f"sso={JWT}"]), as_json([OTHER])),
    Removal("a browser's cookies", as_json([{"name": "sso", "value": JWT}, {"name": "theme", "value": "x"}, {"name": "sso-rw", "value": JWT}]), as_json([{"name": "theme", "value": "x"}])),
    Removal("a key that is mended when it is read", as_json({"sso": {f"x=half; sso={JWT}": {}}, "y": {}}).replace("half", "\\ud800"), as_json({"sso": {}, "y": {}})),
    Removal("text", f"# mine\n\n{JWT} # me\n{OTHER}\nsso={JWT}", f"# mine\n\n{OTHER}\n"),
    Removal("cookies.txt", f"# Netscape\r\n{ROW}\r\n#HttpOnly_{ROW}\r\n.grok.com\tTRUE\t/\tTRUE\t0\ttheme\tx\r\n", "# Netscape\r\n.grok.com\tTRUE\t/\tTRUE\t0\ttheme\tx\r\n"),
    Removal("the last of a text file", f"{JWT}\r\n \r\n", "# one token per line\r\n \r\n"),
    Removal("the first before what looks like JSON", f'{JWT}\n"eyJ"\n', '# one token per line\n"eyJ"\n'),
    Removal("the start of an id", as_json([JWT]), as_json([]), [f" {token_id(JWT)[:4].upper()} "]),
    Removal("more than an id", as_json([JWT]), as_json([]), [token_key(JWT)]),
    Removal("twice", as_json([JWT]), as_json([]), [token_id(JWT)] * 2, [Outcome(token_id(JWT), EditResult.REMOVED)] * 2),
    Removal("unknown", f"[\n'{JWT}']".replace("'", '"'), f'[\n"{JWT}"]', ["0000"], [Outcome("0000", EditResult.NOT_FOUND)]),
    Removal("too short", as_json([JWT]), as_json([JWT]), [token_id(JWT)[:3]], [Outcome("", EditResult.NO_ID)]),
    Removal("a token", as_json([JWT]), as_json([JWT]), [JWT, ""], [Outcome("", EditResult.NO_ID)] * 2),
    Removal("one of several", as_json([JWT, OTHER]), as_json([OTHER]), ["0000", token_id(JWT)], [Outcome("0000", EditResult.NOT_FOUND), Outcome(token_id(JWT), EditResult.REMOVED)]),
]  # fmt: skip


@pytest.mark.parametrize("case", REMOVALS, ids=lambda case: case.name)
def test_a_token_is_removed_wherever_it_stands(case: Removal) -> None:
    """In whatever form it is written there; all else stays, of a text file byte for byte."""
    data, outcomes = removed(case.before.encode(), case.ids)
    assert data.decode() == case.after
    assert outcomes == case.outcomes
    parse_token_file(data)


def test_an_id_that_several_tokens_begin_with_removes_none() -> None:
    """More of its digits say which is meant; all of them are told apart by the whole key."""
    found: dict[str, str] = {}
    number = 0
    while (first := found.setdefault(token_id(f"t{number}")[:4], f"t{number}")) == f"t{number}":
        number += 1
    second = f"t{number}"
    data = as_json([first, second]).encode()
    short = token_id(first)[:4]

    assert removed(data, [short]) == (data, [Outcome(short, EditResult.AMBIGUOUS)])
    assert removed(data, [token_key(first)])[0].decode() == as_json([second])


# What can't be edited ---------------------------------------------------------------------------


@frozen
class Fault:
    """A file that is not edited, and why."""

    name: str
    data: bytes
    message: str


LOSS = "can't be edited without loss: "

FAULTS = [
    Fault("no JSON", b'{"sso', "is not valid JSON: line 1, column 2: unterminated string starting at"),
    Fault("empty", b"", "is empty; {} would say that there are no tokens"),
    Fault("one bad entry", b'["eyJ", "no token"]', "entry 2 is not a token: expected the value of the sso cookie, sso=…, or a cookie header"),
    Fault("a section twice", b'{"sso": {"eyJ": {}}, "sso": {}}', LOSS + "a key stands twice in one object"),
    Fault("not UTF-8", b'{"sso": {"eyJ": {"note": "caf\xe9"}}}', LOSS + "not all of it is Unicode text"),
]  # fmt: skip


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: case.name)
def test_what_would_not_survive_is_not_edited(case: Fault) -> None:
    """The server may still be able to read it; to write it back would lose something."""
    with pytest.raises(ConfigError) as caught:
        added(case.data, [A])
    assert str(caught.value) == case.message


def test_what_is_nested_deeply_survives_or_is_not_edited() -> None:
    """The server reads some more than Python before 3.13 can write."""
    deep = b"[" * 1010 + b"]" * 1010
    data = b'{"sso": {}, "x": ' + deep + b"}"
    if sys.version_info >= (3, 13):
        assert deep in b"".join(added(data, [A])[0].split())
    else:
        with pytest.raises(ConfigError, match=LOSS + "it is nested too deeply"):
            added(data, [A])


def test_odd_bytes_in_a_text_file_survive() -> None:
    """A comment may be in the encoding of its author."""
    assert added(b"# caf\xe9\n", [A])[0] == b"# caf\xe9\n" + JWT.encode() + b"\n"


# Any file ---------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=150)
@given(
    st.data(), st.lists(tokens, min_size=1, max_size=4), st.lists(tokens, min_size=1, max_size=3)
)
def test_what_is_added_is_read_and_what_is_removed_is_not(
    data: st.DataObject, accounts: list[str], more: list[str]
) -> None:
    """Of any file, in its own encoding; and nothing is changed by what changes nothing."""
    text = data.draw(st.one_of(text_files(accounts), json_files(accounts)))
    before = data.draw(encoded(text))
    after, outcomes = added(before, [TokenEntry(token) for token in more])
    expected = list(dict.fromkeys([*accounts, *more]))
    assert [entry.sso for entry in parse_token_file(after)] == expected
    assert sum(outcome.changed for outcome in outcomes) == len(expected) - len(set(accounts))
    assert added(after, [TokenEntry(token) for token in expected])[0] is after
    assert open_source(after).mark == open_source(before).mark

    gone = data.draw(st.lists(st.sampled_from(expected), unique=True))
    left, outcomes = removed(after, [token_key(token) for token in gone])
    assert [entry.sso for entry in parse_token_file(left)] == [
        token for token in expected if token not in gone
    ]
    assert [outcome.verdict for outcome in outcomes] == [EditResult.REMOVED] * len(gone)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4), tokens)
def test_what_is_not_understood_is_kept(others: dict[str, Any], token: str) -> None:
    """Keys of other programs, with any value, are what they were after a token has come and
    gone.
    """
    others = {
        key: value
        for key, value in others.items()
        if tidied(key) == key and not is_known_object({key: 1})
    }
    before = {**others, "sso": {}, "last": 1}
    with_it, _ = added(json.dumps(before).encode(), [TokenEntry(token)])
    assert json.loads(with_it) == {**before, "sso": {token: {}}}
    assert list(json.loads(with_it)) == list(before)
    assert json.loads(removed(with_it, [token_id(token)])[0]) == before


@pytest.mark.parametrize("others", [{"": 1, "\u00ad": 2}, {"a": None, "a\u200b": [1]}])
def test_keys_that_only_invisible_characters_tell_apart_are_not_edited(
    others: dict[str, Any],
) -> None:
    """They are one key to the reader, so that positions behind them would be those of others."""
    data = as_json({**others, "sso": {"eyJa.b": {}}, "last": 1}).encode()
    with pytest.raises(ConfigError, match="without loss"):
        removed(data, [token_id("eyJa.b")])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text("!#-{[]}'=:.%&059aeJ", min_size=1, max_size=6), max_size=4))
def test_tokens_are_written_so_that_they_are_read_again(texts: list[str]) -> None:
    """Whatever a cookie may hold, in a new JSON file and as text."""
    try:
        entries = parse_token_file(json.dumps([f"sso={text}" for text in texts]).encode())
    except ConfigError:
        return
    assert parse_token_file(added(None, entries)[0]) == entries
    assert parse_token_file(written_as_text(entries)) == entries
