"""Paths that lead nowhere: mostly a base URL that is too long, or a route of an API that is not
here.

Clients append ``/chat/completions`` or the like to the base URL that a person typed. The error
reaches that person, so it names the base URL that works. Routes of OpenAI's and Anthropic's newer
APIs are answered with 501: some clients show any 404 as a fault of the model's name.
"""

from __future__ import annotations

import re

from ..errors import GrokApiError, NotImplementedHere, UnknownUrl

__all__ = ["unknown_url"]

_KNOWN = re.compile(
    r"(?:chat/completions|images/generations|images/edits|models)(?=/|$)", re.IGNORECASE
)

_ROUTES = "/chat/completions, /images/generations, /images/edits and /models"
"""What a client can ask for below the base URL, in words."""

_ABSENT = {
    "responses": "OpenAI's Responses API",
    "messages": "Anthropic's Messages API",
}

VARIATIONS_HINT = (
    " Grok makes no variations: send the picture to /v1/images/edits with a "
    "prompt that asks for one."
)


def unknown_url(method: str, path: str, shown: str, base_url: str) -> GrokApiError:
    """The error for a path without a route.

    :param path: as the routes know it.
    :param shown: the path as the client wrote it, cut.
    :param base_url: this server's address as the client sees it, without ``/v1``.
    """
    api = _ABSENT.get(_first_segment(path))
    if api is not None:
        return NotImplementedHere(
            f"{api} ({method} {shown}) is not implemented here. Have the client use OpenAI's chat "
            "completions, with "
            f"the base URL {base_url}/v1."
        )
    if path.rstrip("/").endswith("/images/variations"):
        return UnknownUrl(f"There is nothing at {method} {shown}.{VARIATIONS_HINT}")
    known = _KNOWN.search(path)
    if known is not None:
        return UnknownUrl(
            f"There is nothing at {method} {shown}. The route is /v1/{known[0].lower()}: set the "
            "client's base URL to "
            f"{base_url}/v1 (this server's own address, nothing else in front of or behind /v1)."
        )
    return UnknownUrl(
        f"There is nothing at {method} {shown}. The base URL for clients is {base_url}/v1, with "
        f"{_ROUTES}."
    )


def _first_segment(path: str) -> str:
    return path.strip("/").partition("/")[0].lower()
