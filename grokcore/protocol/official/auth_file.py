"""The session of xAI's own CLI: its file ``auth.json``, and the output of a command in its place.

``grok login`` writes the file, of mode 0600, to ``~/.grok``. It is a map. A session of the current
kind has the key ``https://auth.x.ai::<client id>``, an older one
``https://accounts.x.ai/sign-in``; ``xai::api_key`` is an API key (xai-org/grok-build, ``auth/``,
read 2026-11). A command prints a token alone, or JSON with ``access_token`` and ``expires_in``
(``token_output.rs`` there).

Rules
-----
1. No refresh token is read into any object. xAI revokes all tokens of a session if one is used
   twice, so only the CLI may use it.
2. A token is printable ASCII, since it goes into a header. All else is read leniently.
3. No error quotes the content.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from attrs import field, frozen

from ..lenient_json import loads
from .moments import moment_of, number_of

__all__ = ["CliSession", "parse_auth_file", "parse_token_output"]

CURRENT_KEY = "https://auth.x.ai::"
LEGACY_KEY = "https://accounts.x.ai/sign-in"
API_KEY_KEY = "xai::api_key"

_BOM = b"\xef\xbb\xbf"
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_NAME = re.compile(r"[\x21-\x7e]{1,300}")


@frozen
class CliSession:
    """A session of xAI's CLI.

    :ivar token: the access token (secret).
    :ivar expires_at: seconds since 1970; None if it is unknown.
    """

    token: str = field(repr=False)
    user_id: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    expires_at: float | None = None
    team_id: str = field(default="", repr=False)


def parse_auth_file(data: bytes) -> CliSession:
    """The session in a file ``auth.json``: one of the current kind if there is one, else an older
    one. Of several, the one that expires last.

    :raises ValueError: if there is none; the message is a sentence for the owner.
    """
    entries = _json_object(data)
    kinds = (CURRENT_KEY, LEGACY_KEY)
    listed = [[entry for key, entry in entries.items() if key.startswith(kind)] for kind in kinds]
    for found in listed:
        sessions = [session for entry in found if (session := _session(entry)) is not None]
        if sessions:
            return max(sessions, key=_expiry)
    if any(listed):
        raise ValueError("Its session has no token that can be sent.")
    if API_KEY_KEY in entries:
        raise ValueError(
            "It holds an API key of xAI and no session of its CLI: "
            "an API key belongs into [api] key, a session comes from `grok login`."
        )
    raise ValueError("It holds no session: run `grok login`.")


def parse_token_output(data: bytes, now: float) -> CliSession:
    """The session that a command printed: a token on a line of its own, or JSON with
    ``access_token`` and perhaps ``expires_in`` (seconds).

    :param now: seconds since 1970.
    :raises ValueError: if *data* is neither; the message is a sentence for the owner.
    """
    text = data.decode("utf-8-sig", "replace").strip()
    if not text:
        raise ValueError("It printed nothing.")
    value = _json_value(text) if text[0] in '{"' else text
    fields = value if isinstance(value, dict) else {"access_token": value}
    token = fields.get("access_token")
    if isinstance(token, str) and len(token.splitlines()) > 1:
        raise ValueError("It printed several lines in place of a token.")
    if not _is_token(token):
        raise ValueError("It printed no token that can be sent.")
    lifetime = number_of(fields.get("expires_in"))
    return CliSession(token, expires_at=None if lifetime is None else now + lifetime)


def _json_object(data: bytes) -> Mapping[str, Any]:
    try:
        entries = loads(data.removeprefix(_BOM))
    except ValueError:
        raise ValueError("It is not JSON.") from None
    if not isinstance(entries, dict):
        raise ValueError("It is no JSON object.")  # noqa: TRY004  one error for a bad file
    return entries


def _json_value(text: str) -> object:
    try:
        return loads(text.encode())
    except ValueError:
        raise ValueError("It printed broken JSON.") from None


def _session(entry: object) -> CliSession | None:
    if not isinstance(entry, dict) or not _is_token(token := entry.get("key")):
        return None
    return CliSession(
        token,
        _name(entry.get("user_id")),
        _name(entry.get("email")),
        moment_of(entry.get("expires_at")),
        _name(entry.get("team_id")),
    )


def _is_token(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def _name(value: object) -> str:
    """A name for a header; empty if it can't be sent."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else ""


def _expiry(session: CliSession) -> float:
    return -math.inf if session.expires_at is None else session.expires_at
