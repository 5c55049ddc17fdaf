"""Edits of a token file: only the named tokens change, and a file of another form is converted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import ConfigError
from grokcore.protocol.models import Tier
from grokcore.protocol.token_file.editing import (
    EditResult,
    NotEditable,
    Outcome,
    added,
    converted,
    removed,
    written_as_text,
)
from grokcore.protocol.token_file.places import is_known_object
from grokcore.protocol.token_file.reading import parse_token_file
from grokcore.protocol.token_file.text import tidied
from grokcore.protocol.tokens import TokenEntry, token_id, token_key
from tests.protocol.token_file.files import JWT, OTHER, ROW, encoded, json_files, text_files, tokens

from ..strategies import json_values

A = TokenEntry(JWT)
SUPER = TokenEntry(OTHER, Tier.SUPER, "mine", "http://127.0.0.1:1080", disabled=True)
DETAILS = {"note": "mine", "proxy_url": "http://127.0.0.1:1080", "disabled": True}
COUNTERS = {"remainingQueries": -1, "quota": 1.5, "created": 12345678901234567890, "tags": []}


def as_json(value: Any, **layout: Any) -> str:
    return json.dumps(value, ensure_ascii=False, **{"indent": 2, **layout}) + "\n"


# Adding -----------------------------------------------------------------------------------------


@frozen
class Addition:
    """A file, added tokens, and the file that comes of it."""

    name: str
    before: str | None
    entries: list[TokenEntry]
    after: str
    results: list[EditResult] = field(factory=lambda: [EditResult.ADDED])


TWICE = [EditResult.ADDED, EditResult.PRESENT]
PRESENT = [EditResult.PRESENT]

ADDITIONS = [
    Addition("a new file", None, [A], as_json({"sso": {JWT: {}}, "ssoSuper": {}})),
    Addition("a new file with details", None, [SUPER], as_json({"sso": {}, "ssoSuper": {OTHER: DETAILS}})),
    Addition("nothing in a new file", None, [], as_json({"sso": {}, "ssoSuper": {}}), []),
    Addition("an empty object", "{}", [A], as_json({"sso": {JWT: {}}})),
    Addition("the original's", as_json({"version": 2, "sso": {OTHER: COUNTERS}, "ssoSuper": {}, "x": [None]}), [A], as_json({"version": 2, "sso": {OTHER: COUNTERS, JWT: {}}, "ssoSuper": {}, "x": [None]})),
    Addition("a Super token", as_json({"sso": {JWT: {}}}), [SUPER], as_json({"sso": {JWT: {}}, "ssoSuper": {OTHER: DETAILS}})),
    Addition("a section that is null", as_json({"ssoSuper": None, "sso": {}}), [SUPER], as_json({"ssoSuper": {OTHER: DETAILS}, "sso": {}})),
    Addition("another name", as_json({"ssoNormal": {OTHER: {}}}), [A], as_json({"ssoNormal": {OTHER: {}, JWT: {}}})),
    Addition("a list in the other section", as_json({"ssoSuper": [OTHER]}), [A], as_json({"ssoSuper": [OTHER], "sso": {JWT: {}}})),
    Addition("any layout", as_json({"sso": {}}, indent=None).replace("\n", "\r\n"), [A], as_json({"sso": {JWT: {}}})),
    Addition("a byte order mark", "\ufeff{}", [A], as_json({"sso": {JWT: {}}})),
    Addition("twice", "{}", [A, A], as_json({"sso": {JWT: {}}}), TWICE),
    Addition("present", f'["sso={JWT}"]', [A], f'["sso={JWT}"]', PRESENT),
    Addition("present, with details", as_json({"sso": {OTHER: {}}}), [SUPER], as_json({"sso": {OTHER: {}}}), PRESENT),
    Addition("present in text", OTHER, [SUPER], OTHER, PRESENT),
    Addition("a token that looks like a comment", "{}", [TokenEntry("#1")], as_json({"sso": {"sso=#1": {}}})),
]  # fmt: skip


@pytest.mark.parametrize("case", ADDITIONS, ids=lambda case: case.name)
def test_a_token_is_added_and_everything_else_stays(case: Addition) -> None:
    """Other keys stay, in their order. A token that the file has is not touched, whatever new
    details come with it.
    """
    data, outcomes = added(None if case.before is None else case.before.encode(), case.entries)
    assert data.decode() == case.after
    assert outcomes == [
        Outcome(*pair)
        for pair in zip([entry.id for entry in case.entries], case.results, strict=True)
    ]


# Removing ---------------------------------------------------------------------------------------


@frozen
class Removal:
    """A file, ids, and the file without them."""

    name: str
    before: str
    after: str
    ids: list[str] = field(factory=lambda: [token_id(JWT)])
    outcomes: list[Outcome] = field(factory=lambda: [Outcome(token_id(JWT), EditResult.REMOVED)])


ONE, NONE = as_json({"sso": {JWT: {}}}), as_json({"sso": {}})

REMOVALS = [
    Removal("the original's", as_json({"sso": {JWT: COUNTERS, OTHER: COUNTERS}, "x": 1}), as_json({"sso": {OTHER: COUNTERS}, "x": 1})),
    Removal("another spelling", as_json({"sso": {f"a=b; sso={JWT}": {}}}), NONE),
    Removal("everywhere", as_json({"sso": {JWT: {}, f"sso={JWT}": {}}, "ssoSuper": {OTHER: {}, JWT: {}}, "ssoHeavy": {JWT: {}}}), as_json({"sso": {}, "ssoSuper": {OTHER: {}}, "ssoHeavy": {}})),
    Removal("not where no token is read", as_json({"sso": {JWT: {}}, "tags": {JWT: "mine"}}), as_json({"sso": {}, "tags": {JWT: "mine"}})),
    Removal("the start of an id", ONE, NONE, [f" {token_id(JWT)[:4].upper()} "]),
    Removal("more than an id", ONE, NONE, [token_key(JWT)]),
    Removal("twice", ONE, NONE, [token_id(JWT)] * 2, [Outcome(token_id(JWT), EditResult.REMOVED)] * 2),
    Removal("unknown", f'[\n"{JWT}"]', f'[\n"{JWT}"]', ["0000"], [Outcome("0000", EditResult.NOT_FOUND)]),
    Removal("too short", JWT, JWT, [token_id(JWT)[:3]], [Outcome("", EditResult.NO_ID)]),
    Removal("a token", ONE, ONE, [JWT, ""], [Outcome("", EditResult.NO_ID)] * 2),
    Removal("one of several", as_json({"sso": {JWT: {}, OTHER: {}}}), as_json({"sso": {OTHER: {}}}), ["0000", token_id(JWT)], [Outcome("0000", EditResult.NOT_FOUND), Outcome(token_id(JWT), EditResult.REMOVED)]),
]  # fmt: skip


@pytest.mark.parametrize("case", REMOVALS, ids=lambda case: case.name)
def test_a_token_is_removed_wherever_it_stands(case: Removal) -> None:
    """In whatever spelling the file has it; all else stays."""
    data, outcomes = removed(case.before.encode(), case.ids)
    assert data.decode() == case.after
    assert outcomes == case.outcomes
    parse_token_file(data)


def test_an_id_that_several_tokens_begin_with_removes_none() -> None:
    """More of its digits identify one; whole keys are always different."""
    first_with: dict[str, str] = {}
    number = 0
    while (
        first := first_with.setdefault(token_id(f"t{number}")[:4], f"t{number}")
    ) == f"t{number}":
        number += 1
    second = f"t{number}"
    data = as_json({"sso": {first: {}, second: {}}}).encode()
    short = token_id(first)[:4]

    assert removed(data, [short]) == (data, [Outcome(short, EditResult.AMBIGUOUS)])
    assert removed(data, [token_key(first)])[0].decode() == as_json({"sso": {second: {}}})


# Files that are not edited ----------------------------------------------------------------------

UNEDITABLE = {
    "a list": f'["{JWT}"]',
    "lists in sections": f'{{"sso": ["{JWT}"]}}',
    "an empty list in a section": f'{{"sso": {{"{JWT}": {{}}}}, "ssoBasic": [], "ssoSuper": []}}',
    "a wrapper": f'{{"data": {{"sso": {{"{JWT}": {{}}}}}}}}',
    "a wrapper in a section": f'{{"sso": {{"tokens": ["{JWT}"]}}}}',
    "an entry": f'{{"token": "{JWT}"}}',
    "text": f"# mine\n{JWT}",
    "cookies.txt": ROW,
    "half a character": f'{{"sso": {{"{JWT}": {{"x": "\\ud83d"}}}}}}',
}


@pytest.mark.parametrize("text", UNEDITABLE.values(), ids=UNEDITABLE)
def test_a_file_of_another_form_is_not_edited_but_converted(text: str) -> None:
    """A conversion keeps all tokens, and what it makes can be edited."""
    data = text.encode()
    for entry in [TokenEntry(OTHER), TokenEntry("eyJ.third", Tier.SUPER)]:
        try:
            after, _ = added(data, [entry])
        except NotEditable:
            break
        assert {A, entry} == set(parse_token_file(after))
    else:
        with pytest.raises(NotEditable):
            removed(data, [token_id(JWT)])

    new, count = converted(data)
    assert new is not None
    assert (json.loads(new), count) == ({"sso": {JWT: {}}, "ssoSuper": {}}, 1)
    assert converted(new) == (None, 1)
    assert parse_token_file(removed(new, [token_id(JWT)])[0]) == ()


@frozen
class Fault:
    """A file that is neither edited nor converted, and why."""

    name: str
    data: bytes
    message: str


REPEATED = "a key stands twice in one object, and only its last value is read: join the two"

FAULTS = [
    Fault("no JSON", b'{"sso', "is not valid JSON: line 1, column 2: unterminated string starting at"),
    Fault("empty", b"", "is empty; {} would say that there are no tokens"),
    Fault("one bad entry", b'["eyJ", "no token"]', "entry 2 is not a token: expected the value of the sso cookie, sso=…, or a cookie header"),
    Fault("a section twice", b'{"sso": {"eyJ": {}}, "sso": {"eyJ2": {}}}', REPEATED),
    Fault("keys that differ by invisible characters", '{"sso": {"eyJ": {}}, "sso\u200b": {"eyJ2": {}}}'.encode(), REPEATED),
]  # fmt: skip


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: case.name)
def test_a_file_at_fault_is_not_written_to(case: Fault) -> None:
    """What the reader can't see would be lost."""
    for edit in (lambda data: added(data, [A]), converted):
        with pytest.raises(ConfigError) as caught:
            edit(case.data)
        assert str(caught.value) == case.message


def test_a_part_that_may_hold_tokens_is_not_left_behind_by_a_conversion() -> None:
    """The next edit replaces the backup, which alone would have them."""
    data = as_json({"sso": [JWT], "vault": [OTHER]}).encode()
    with pytest.raises(ConfigError, match=r"^part 2 is not known here, and might hold tokens"):
        converted(data)


@pytest.mark.parametrize("depth", [500, 1010, 4000])
def test_deeply_nested_values_survive_or_the_file_is_not_edited(depth: int) -> None:
    """How deep Python reads, and how deep it writes, are two limits, and differ by version."""
    deep = b"[" * depth + b"]" * depth
    data = b'{"sso": {}, "x": ' + deep + b"}"
    try:
        edited = added(data, [A])[0]
    except (NotEditable, ConfigError):
        with pytest.raises(ConfigError, match=r"nested too deeply|^part 2 is not known here"):
            converted(data)
    else:
        assert deep in b"".join(edited.split())
        assert converted(data) == (None, 0)


# Any file ---------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=150)
@given(
    st.data(), st.lists(tokens, min_size=1, max_size=4), st.lists(tokens, min_size=1, max_size=3)
)
def test_added_tokens_are_read_and_removed_ones_are_not(
    data: st.DataObject, accounts: list[str], more: list[str]
) -> None:
    """Of any file that can be read, once it is converted; and an edit without effect changes no
    byte.
    """
    before = data.draw(
        st.one_of(text_files(accounts), json_files(accounts)).flatmap(encoded), label="file"
    )
    new, count = converted(before)
    assert count == len(set(accounts))
    after, outcomes = added(before if new is None else new, [TokenEntry(token) for token in more])
    expected = list(dict.fromkeys([*accounts, *more]))
    assert [entry.sso for entry in parse_token_file(after)] == expected
    assert sum(outcome.changed for outcome in outcomes) == len(expected) - len(set(accounts))
    assert added(after, [TokenEntry(token) for token in expected])[0] is after

    gone = data.draw(st.lists(st.sampled_from(expected), unique=True))
    left, outcomes = removed(after, [token_key(token) for token in gone])
    assert [entry.sso for entry in parse_token_file(left)] == [
        token for token in expected if token not in gone
    ]
    assert [outcome.result for outcome in outcomes] == [EditResult.REMOVED] * len(gone)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4), tokens)
def test_values_of_other_programs_are_kept(others: dict[str, Any], token: str) -> None:
    """Keys that are not understood have their values after a token has come and gone."""
    others = {
        key: value
        for key, value in others.items()
        if not is_known_object({key: 1})
        # Two keys may differ in characters that can't be seen, and are refused then.
        and tidied(seen := json.dumps({key: value}, ensure_ascii=False)) == seen
    }
    before = {**others, "sso": {}, "last": 1}
    with_it, _ = added(json.dumps(before).encode(), [TokenEntry(token)])
    assert json.loads(with_it) == {**before, "sso": {token: {}}}
    assert list(json.loads(with_it)) == list(before)
    assert json.loads(removed(with_it, [token_id(token)])[0]) == before


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text("!#-{[]}'=:.%&059aeJ", min_size=1, max_size=6), max_size=4))
def test_tokens_are_written_so_that_they_are_read_again(texts: list[str]) -> None:
    """Whatever characters a cookie has, in a new JSON file and as text."""
    try:
        entries = parse_token_file(json.dumps([f"sso={text}" for text in texts]).encode())
    except ConfigError:
        return
    assert parse_token_file(added(None, entries)[0]) == entries
    assert parse_token_file(written_as_text(entries)) == entries


def test_an_outcome_says_whether_it_changes_the_file_and_whether_it_was_refused() -> None:
    """The command's exit code is made of it."""
    refused = {EditResult.NOT_FOUND, EditResult.AMBIGUOUS, EditResult.NO_ID}
    assert {result for result in EditResult if Outcome("", result).refused} == refused
    assert Outcome("", EditResult.ADDED).changed


def test_a_key_that_is_no_token_is_kept() -> None:
    """An owner's remark between tokens is nobody's to remove."""
    before = as_json({"sso": {JWT: {}, "paste-the-value-of-your-sso-cookie-here": {}, OTHER: {}}})
    after, _ = removed(before.encode(), [token_id(JWT)])
    assert json.loads(after)["sso"] == {"paste-the-value-of-your-sso-cookie-here": {}, OTHER: {}}
