"""Who may use the simulated services: keys, sessions, and headers."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping

from ..scripts import Script, error
from .failures import expired_session, invalid, no_key, outdated, wrong_key

__all__ = ["LEAST_VERSION", "not_json", "refused_key", "refused_route", "refused_session"]

LEAST_VERSION = (0, 1, 202)

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:[-+].*)?")


def refused_key(headers: Mapping[str, str], keys: Container[str], *, status: int) -> Script | None:
    """The refusal of a request to the API; None for a known key.

    :param status: the status for a key that is not known.
    """
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        return no_key()
    return None if key in keys else wrong_key(key, status)


def refused_session(headers: Mapping[str, str], tokens: Container[str]) -> Script | None:
    """The refusal of a request to the CLI's proxy; None for a valid session of a CLI that is young
    enough. The proxy looks at the version first.
    """
    version = headers.get("x-grok-client-version", "")
    found = _VERSION.fullmatch(version)
    if found is None or tuple(map(int, found.groups())) < LEAST_VERSION:
        return outdated(version or "(none)")
    scheme, _, token = headers.get("authorization", "").partition(" ")
    marked = headers.get("x-xai-token-auth") == "xai-grok-cli"
    if not marked or scheme.lower() != "bearer" or token not in tokens:
        return expired_session()
    return None


def refused_route(headers: Mapping[str, str], model: object) -> Script | None:
    """The refusal of a request whose header does not name the model of its body."""
    named = headers.get("x-grok-model-override")
    if named is None:
        return error(404, {"code": "not-found", "error": "No route for this model."})
    if named != model:
        return invalid(f"Model mismatch: routed to {named}, but the body has {model}.")
    return None


def not_json(headers: Mapping[str, str]) -> Script:
    """The refusal of a body that is no JSON object, by the type that its headers name."""
    if not headers.get("content-type", "").startswith("application/json"):
        return error(415, "Expected request with `Content-Type: application/json`")
    return invalid("Failed to parse the request body as JSON")
