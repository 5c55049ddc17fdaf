"""Edits of a token file: bytes in, bytes out.

Only a JSON object in UTF-8 is edited, with its tokens as keys of ``sso``, ``ssoSuper`` or a section
of another name. Every other form is read but not edited; :func:`converted` makes such an object of
it.

Rules
-----
1. Everything in the object that is not one of the named tokens stays: other keys, their order, the
   details of other tokens. The JSON is laid out anew.
2. An edit is read again before it is returned, and refused if it does not hold what it should.
3. A token is never written twice, and a token that is in the file already is not changed.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from attrs import evolve, frozen

from ...errors import ConfigError
from ..models import Tier
from ..tokens import ID_DIGITS, KEY_DIGITS, TokenEntry
from .places import UNKNOWN_PART, is_section
from .reading import entries_of, open_token_file, parse_token_file, read_tokens
from .text import tidied, token_in

__all__ = [
    "MIN_ID_DIGITS",
    "EditResult",
    "NotEditable",
    "Outcome",
    "added",
    "converted",
    "details_of",
    "removed",
    "replaced",
    "written_as_text",
]

MIN_ID_DIGITS = 4
"""Fewer hex digits than these don't identify a token, even if they do today."""

_ID = re.compile(rf"[0-9a-f]{{{MIN_ID_DIGITS},{KEY_DIGITS}}}")
_TEXT_HEAD = "# one token per line\n"
_NEW_FILE = b'{"sso": {}, "ssoSuper": {}}'
_BASIC_SECTIONS, _SUPER_SECTIONS = ("sso", "ssoNormal", "ssoBasic"), ("ssoSuper",)


class NotEditable(ConfigError):
    """The file is readable, but not of the form that can be edited without loss."""

    def __init__(self) -> None:
        super().__init__(
            "can't be edited as it is (only a JSON object with the tokens as keys of sso and "
            "ssoSuper can)"
        )


class EditResult(enum.Enum):
    """The result of an edit for one token or one id, as a message words it."""

    ADDED = "added"
    PRESENT = "already there"
    REMOVED = "removed"
    NOT_FOUND = "no token has this id"
    AMBIGUOUS = (
        "several tokens have ids that begin so; `tokens list --json` has more digits of them"
    )
    NO_ID = f"is no id: expected {MIN_ID_DIGITS} to {KEY_DIGITS} hex digits"


@frozen
class Outcome:
    """The result of an edit for one of the things that the caller asked for.

    :ivar id: the token's id; if no token matches, the requested id, and empty if that is no id (it
        might be a token).
    """

    id: str
    result: EditResult

    @property
    def changed(self) -> bool:
        """Whether it changes the file."""
        return self.result in (EditResult.ADDED, EditResult.REMOVED)

    @property
    def refused(self) -> bool:
        """Whether the request could not be fulfilled."""
        return self.result in (EditResult.NOT_FOUND, EditResult.AMBIGUOUS, EditResult.NO_ID)


def details_of(entry: TokenEntry) -> dict[str, str | bool]:
    """The details of a token beside its tier, by their names in the file."""
    named = {
        "note": entry.note,
        "proxy_url": entry.proxy_url,
        "disabled": entry.disabled,
        "user_id": entry.user_id,
    }
    return {name: value for name, value in named.items() if value}


def added(data: bytes | None, entries: Sequence[TokenEntry]) -> tuple[bytes, list[Outcome]]:
    """A token file with *entries* in it, and the outcome for each.

    :param data: the file; None for a new one.
    :raises ConfigError: if the file is at fault.
    :raises NotEditable: if it is not of the form that can be edited.
    """
    before = () if data is None else parse_token_file(data)
    present = {entry.sso for entry in before}
    fresh: dict[str, TokenEntry] = {}
    outcomes = []
    for entry in entries:
        is_fresh = entry.sso not in present and entry.sso not in fresh
        outcomes.append(Outcome(entry.id, EditResult.ADDED if is_fresh else EditResult.PRESENT))
        if is_fresh:
            fresh[entry.sso] = entry
    if data is not None and not fresh:
        return data, outcomes
    value = _editable_object(_NEW_FILE if data is None else data)
    for entry in fresh.values():
        _put(value, entry)
    return _dumped(value, [*before, *fresh.values()]), outcomes


def removed(data: bytes, ids: Sequence[str]) -> tuple[bytes, list[Outcome]]:
    """A token file without the tokens that *ids* name, and the outcome for each id.

    :param ids: ids, or longer or shorter beginnings of keys.
    :raises ConfigError: if the file is at fault.
    :raises NotEditable: if it is not of the form that can be edited.
    """
    entries = parse_token_file(data)
    gone: set[str] = set()
    outcomes = []
    for wanted in ids:
        match = _match(wanted.strip().lower(), entries)
        if isinstance(match, TokenEntry):
            gone.add(match.sso)
            match = Outcome(match.id, EditResult.REMOVED)
        outcomes.append(match)
    if not gone:
        return data, outcomes
    value = _editable_object(data)
    _take_out(value, gone)
    return _dumped(value, [entry for entry in entries if entry.sso not in gone]), outcomes


def replaced(data: bytes, key: str, sso: str) -> tuple[bytes, Outcome]:
    """A token file with the token *sso* in the place of another, and the outcome.

    The new token takes over the tier, note, proxy and ``disabled`` of the old one.

    :param key: the old token's whole key.
    :raises ConfigError: if the file is at fault.
    :raises NotEditable: if it is not of the form that can be edited.
    """
    entries = parse_token_file(data)
    old = next((entry for entry in entries if entry.key == key), None)
    if old is None:
        return data, Outcome(key[:ID_DIGITS], EditResult.NOT_FOUND)
    new = evolve(old, sso=sso, user_id="")
    if any(entry.sso == sso for entry in entries):
        return data, Outcome(new.id, EditResult.PRESENT)
    value = _editable_object(data)
    _take_out(value, {old.sso})
    _put(value, new)
    others = [entry for entry in entries if entry is not old]
    return _dumped(value, [*others, new]), Outcome(new.id, EditResult.ADDED)


def converted(data: bytes) -> tuple[bytes | None, int]:
    """A token file of any form as a JSON object that can be edited, and the number of tokens in it.

    The content is None if *data* is such an object already.

    :raises ConfigError: if the file is at fault, or has a part in which tokens may be hidden from
        the reader.
    """
    readings = read_tokens(data)
    entries = entries_of(readings)
    if _is_editable(data, entries):
        return None, len(entries)
    file = open_token_file(data)
    if file.is_json:
        try:
            _refuse_repeated_keys(file.text)
        except (ValueError, RecursionError):
            raise ConfigError("is nested too deeply, or a number in it is too long") from None
    for reading in readings:
        if reading.passed == UNKNOWN_PART:
            raise ConfigError(
                f"{reading.where} is not known here, and might hold tokens: move them to sso or "
                "ssoSuper, or take it out"
            )
    return added(None, entries)[0], len(entries)


def written_as_text(entries: Sequence[TokenEntry]) -> bytes:
    """A text file of *entries*, without their details, which only JSON can hold."""
    text = "".join(f"{_spelling(entry.sso)}\n" for entry in entries)
    whole = _is_read_as(text, [entry.sso for entry in entries])
    return (text if whole else _TEXT_HEAD + text).encode()


def _match(wanted: str, entries: Sequence[TokenEntry]) -> TokenEntry | Outcome:
    if not _ID.fullmatch(wanted):
        return Outcome("", EditResult.NO_ID)
    matches = [entry for entry in entries if entry.key.startswith(wanted)]
    if len(matches) == 1:
        return matches[0]
    return Outcome(wanted, EditResult.AMBIGUOUS if matches else EditResult.NOT_FOUND)


def _spelling(sso: str) -> str:
    """A token as it is written down: bare, if the reader takes that for the same token."""
    return sso if _is_read_as(f"{sso}\n#", [sso]) else f"sso={sso}"


def _is_read_as(text: str, tokens: Sequence[str]) -> bool:
    try:
        return [entry.sso for entry in parse_token_file(text.encode())] == [*tokens]
    except ConfigError:
        return False


# The object -------------------------------------------------------------------------------------


def _editable_object(data: bytes) -> dict[str, Any]:
    """The object in a file, with everything in it.

    :raises NotEditable: if the file is not UTF-8 or not an object.
    :raises ConfigError: if a key stands twice in it.
    """
    try:
        text = data.decode("utf-8-sig")
        _refuse_repeated_keys(tidied(text))
        value = json.loads(text)
    except (ValueError, RecursionError):  # text, or JSON that only the lenient reader takes
        raise NotEditable from None
    if not isinstance(value, dict):
        raise NotEditable
    return value


def _refuse_repeated_keys(text: str) -> None:
    """Refuse JSON of which the reader sees a part only: of two equal keys it takes the last.

    :param text: without characters that can't be seen, as the reader has it.
    """

    def check(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            raise ConfigError(
                "a key stands twice in one object, and only its last value is read: join the two"
            )
        return value

    json.loads(text, object_pairs_hook=check)


def _is_editable(data: bytes, entries: Sequence[TokenEntry]) -> bool:
    """Whether tokens of both tiers could be added, and each of *entries* taken out."""
    try:
        for tier in Tier:
            added(data, [TokenEntry("probe", tier)])
        removed(data, [entry.key for entry in entries])
    except ConfigError:
        return False
    return True


def _put(value: dict[str, Any], entry: TokenEntry) -> None:
    names = _SUPER_SECTIONS if entry.tier is Tier.SUPER else _BASIC_SECTIONS
    name = next((name for name in names if value.get(name) is not None), names[0])
    if value.get(name) is None:
        value[name] = {}
    if not isinstance(value[name], dict):
        raise NotEditable
    value[name][_spelling(entry.sso)] = details_of(entry)


def _take_out(value: dict[str, Any], gone: AbstractSet[str]) -> None:
    """Remove the tokens *gone* from all sections."""
    for name, section in value.items():
        if is_section(name) and isinstance(section, dict):
            for key in [key for key in section if _token_of(key) in gone]:
                del section[key]


def _token_of(key: str) -> str | None:
    try:
        return token_in(key)
    except ValueError:
        return None


def _dumped(value: dict[str, Any], expected: Sequence[TokenEntry]) -> bytes:
    """*value* as a file, which is read again: other tools' files may hold a token elsewhere.

    :raises NotEditable: if the file does not hold the *expected* tokens, or *value* has something
        that JSON can't, such as half a character.
    """
    try:
        data = f"{json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)}\n".encode()
        entries = parse_token_file(data)
    except (ConfigError, ValueError, RecursionError):
        raise NotEditable from None
    if {entry.sso: entry for entry in entries} != {entry.sso: entry for entry in expected}:
        raise NotEditable
    return data
