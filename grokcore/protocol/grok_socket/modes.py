"""Answers of grok.com that say what an account is and may use: ``/rest/modes``,
``/api/auth/session`` (grok-protocol.md §8.7, §8.8).

The state of an allowance is asked as on the REST lane
(:mod:`grokcore.protocol.grok_web.rate_limits`), by the id of the mode. All three requests go with
the cookies alone (:func:`page_headers`). Answers are read leniently: a form that is not known says
nothing, and is no reason to leave a mode out.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Any

import orjson
from attrs import frozen

from ..grok_web.identity import Identity, without_statsig
from ..grok_web.payload import chat_headers
from ..lenient_json import loads
from ..tokens import is_user_id

__all__ = [
    "MODES_PATH",
    "SESSION_PATH",
    "Availability",
    "Mode",
    "Modes",
    "UserSession",
    "is_user_id",
    "modes_body",
    "page_headers",
    "parse_modes",
    "parse_session",
]

MODES_PATH = "/rest/modes"
SESSION_PATH = "/api/auth/session"

MOST_MODES = 100
MOST_WORDS_CHARS = 300

_PLAIN = re.compile(r"[^a-z]")


class Availability(enum.Enum):
    """Whether an account may use a mode."""

    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    REQUIRES_UPGRADE = "requiresUpgrade"
    COMING_SOON = "comingSoon"
    UNKNOWN = "unknown"


_BY_WORD = {
    "available": Availability.AVAILABLE,
    "unavailable": Availability.UNAVAILABLE,
    "requiresupgrade": Availability.REQUIRES_UPGRADE,
    "upgraderequired": Availability.REQUIRES_UPGRADE,
    "comingsoon": Availability.COMING_SOON,
}

_WORD_KEYS = ("type", "status", "state", "kind", "case")


@frozen
class Mode:
    """A mode that Grok's page offers.

    :ivar tier: the smallest plan that has it, in Grok's word (``TIER_SUPERGROK_HEAVY``); empty if
        none is named.
    :ivar note: Grok's own words on why it can't be used.
    """

    id: str
    title: str = ""
    availability: Availability = Availability.UNKNOWN
    tier: str = ""
    note: str = ""

    @property
    def usable(self) -> bool:
        """Whether nothing speaks against it."""
        return self.availability in (Availability.AVAILABLE, Availability.UNKNOWN)


@frozen
class Modes:
    """The modes of one account, in Grok's order.

    :ivar default: the id of the page's own choice; empty if none is named.
    """

    modes: tuple[Mode, ...]
    default: str = ""

    @property
    def usable(self) -> tuple[str, ...]:
        """Ids of those that the account may use."""
        return tuple(mode.id for mode in self.modes if mode.usable)

    @property
    def refused(self) -> frozenset[str]:
        """Ids of those that it may not use."""
        return frozenset(mode.id for mode in self.modes if not mode.usable)


@frozen
class UserSession:
    """The account that a session belongs to.

    :ivar user_id: the value of ``x-userid``.
    :ivar blocked: whether Grok calls the account blocked.
    """

    user_id: str
    blocked: bool = False


def modes_body() -> bytes:
    """The body of a request for the modes."""
    return orjson.dumps({"locale": "en"})


def page_headers(
    identity: Identity, *, url: str, sso: str, request_id: str
) -> list[tuple[str, str]]:
    """Headers of a request that needs the cookies and no ``x-statsig-id``. An empty value takes a
    header of the impersonated browser out.

    :param request_id: a fresh uuid4.
    """
    return chat_headers(without_statsig(identity), url=url, sso=sso, request_id=request_id)


def parse_modes(body: bytes) -> Modes | None:
    """The answer of ``/rest/modes`` (JSON); None if it lists no modes."""
    answer = _object(body)
    listed = answer.get("modes")
    if not isinstance(listed, list):
        return None
    modes = [mode for value in listed[:MOST_MODES] if (mode := _mode(value)) is not None]
    return Modes(tuple(modes), _text(answer, "defaultModeId")) if modes else None


def parse_session(body: bytes) -> UserSession | None:
    """The answer of ``/api/auth/session`` (JSON); None if it names no user."""
    answer = _object(body)
    inner = answer.get("session")
    session = inner if isinstance(inner, dict) else {}
    user = session.get("user", answer.get("user"))
    places: list[tuple[Mapping[str, Any], str]] = [
        *((session, name) for name in ("userId", "user_id")),
        *((user if isinstance(user, dict) else {}, name) for name in ("id", "userId")),
        (answer, "userId"),
    ]
    name = next((name for place, key in places if is_user_id(name := place.get(key))), None)
    if not isinstance(name, str):
        return None
    words = [place.get("status") for place, _ in places]
    return UserSession(
        name, any(isinstance(word, str) and "block" in word.lower() for word in words)
    )


def _mode(value: object) -> Mode | None:
    if not isinstance(value, dict) or not _text(value, "id"):
        return None
    availability, details = _availability(value.get("availability"))
    return Mode(
        _text(value, "id"),
        _text(value, "title"),
        availability,
        _text(details, "minimumSubscriptionTier"),
        _text(details, "message"),
    )


def _availability(value: object) -> tuple[Availability, Mapping[str, Any]]:
    """A word, an object with the word as its key, or an object with the word as a value."""
    if isinstance(value, str):
        return _by_word(value), {}
    if not isinstance(value, dict):
        return Availability.UNKNOWN, {}
    for key, details in value.items():
        availability = _by_word(key)
        if availability is not Availability.UNKNOWN and details not in (None, False):
            return availability, details if isinstance(details, dict) else {}
    for key in _WORD_KEYS:
        if isinstance(word := value.get(key), str):
            return _by_word(word), value
    return Availability.UNKNOWN, {}


def _by_word(word: str) -> Availability:
    plain = _PLAIN.sub("", word[:MOST_WORDS_CHARS].lower()).removeprefix("modeavailability")
    return _BY_WORD.get(plain.removeprefix("availability"), Availability.UNKNOWN)


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value[:MOST_WORDS_CHARS] if isinstance(value, str) else ""


def _object(body: bytes) -> dict[str, Any]:
    try:
        answer = loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
