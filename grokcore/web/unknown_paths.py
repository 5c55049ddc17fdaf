"""Errors for paths without a route: mostly a mistyped base URL, or a route of an API that this
server lacks.

Clients append ``/chat/completions`` or the like to the base URL that a person typed. The error
reaches that person, so it names the base URL that works. Routes of OpenAI's and Anthropic's newer
APIs get a 501: some clients report any 404 as a wrong model name.
"""

from __future__ import annotations

import re

from ..errors import GrokApiError, NotImplementedHere, UnknownUrl

__all__ = ["unknown_url"]

_ROUTE = re.compile(
    r"(?:chat/completions|responses|messages(?:/count_tokens)?|images/generations|images/edits|videos(?:/generations|/edits|/extensions)?|models)"
    r"(?=/|$)",
    re.IGNORECASE,
)

_ROUTES = (
    "/chat/completions, /responses, /messages, /images/generations, /images/edits, /videos and "
    "/models"
)
"""The routes below the base URL, in words."""

VARIATIONS_HINT = (
    " Grok makes no variations: send the picture to /v1/images/edits with a "
    "prompt that asks for one."
)


def unknown_url(method: str, path: str, written: str, base_url: str) -> GrokApiError:
    """The error for a path without a route.

    :param path: the path in the form of the routes.
    :param written: the path as the client wrote it, cut.
    :param base_url: this server's address as the client sees it, without ``/v1``.
    """
    if path.strip("/").partition("/")[0].lower() == "messages":
        return NotImplementedHere(
            f"This part of Anthropic's Messages API ({method} {written}) is not implemented here, "
            f"only {base_url}/v1/messages and {base_url}/v1/messages/count_tokens."
        )
    if path.rstrip("/").endswith("/images/variations"):
        return UnknownUrl(f"There is nothing at {method} {written}.{VARIATIONS_HINT}")
    meant = _ROUTE.search(path)
    if meant is not None:
        return UnknownUrl(
            f"There is nothing at {method} {written}. The route is /v1/{meant[0].lower()}: set the "
            f"client's base URL to {base_url}/v1 (this server's own address, nothing else in front "
            "of or behind /v1)."
        )
    return UnknownUrl(
        f"There is nothing at {method} {written}. The base URL for clients is {base_url}/v1, with "
        f"{_ROUTES}."
    )
