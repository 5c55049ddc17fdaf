"""Headers of requests to xAI's official hosts.

Rules
-----
1. The ``User-Agent`` names this server. No request claims to come from xAI's CLI.
2. The host of the CLI wants the token's kind, the model, and the version of the CLI that made the
   session (grok-build, README, 2026-08; HTTP 426 without a version, 2026-07). An unknown version is
   left out, never invented.
3. The user's id is sent if the session's file has it, as the CLI does: the host knows it from the
   token. The e-mail address is not sent, since nothing documented asks for it.
"""

from __future__ import annotations

import re

from ... import __version__

__all__ = ["Headers", "api_headers", "cli_headers"]

Headers = tuple[tuple[str, str], ...]

_VALUE = re.compile("[!-~]+")
"""A value without spaces, in printable ASCII. No key, token, name or version needs more."""


def api_headers(key: str) -> Headers:
    """Headers of a request with a key of xAI's API.

    :raises ValueError: if the key can't stand in a header; the message does not quote it.
    """
    return (
        ("Authorization", f"Bearer {_checked('the API key', key)}"),
        ("Content-Type", "application/json"),
        ("Accept", "text/event-stream"),
        ("User-Agent", f"grok2api/{__version__}"),
    )


def cli_headers(
    token: str, *, version: str, model: str, user_id: str = "", conversation_id: str = ""
) -> Headers:
    """Headers of a request with a session of xAI's CLI.

    :param version: of the installed CLI; empty if it is not known.
    :param model: the upstream's name; the host chooses the model by this header, not by the body.
        Empty for a request that is no question.
    :param user_id: may be empty, as *conversation_id* may.
    :raises ValueError: if a value can't stand in a header; the message does not quote it.
    """
    optional = (
        ("x-grok-model-override", model),
        ("x-grok-client-version", version),
        ("x-userid", user_id),
        ("x-grok-conv-id", conversation_id),
    )
    return (
        *api_headers(token),
        ("X-XAI-Token-Auth", "xai-grok-cli"),
        *((name, _checked(name, value)) for name, value in optional if value),
    )


def _checked(what: str, value: str) -> str:
    if not _VALUE.fullmatch(value):
        raise ValueError(f"{what} is empty, or has characters that can't stand in a header")
    return value
