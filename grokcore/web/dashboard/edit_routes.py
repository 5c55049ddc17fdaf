"""Changes of the owner's files from the status page, if ``[server] page_edits`` allows them."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

import attrs
import orjson
from quart import Response, request
from quart_trio import QuartTrio

from ...errors import ConfigError, InvalidRequest, PermissionDenied, UnknownUrl
from ...protocol.models import Tier
from ...protocol.pool.book import UnknownToken
from ..edge.lifetime import current_lifetime
from ..edge.own_page import require_own_page
from ..edits import Edited, Edits
from ..responses import json_response
from ..services import Services
from .headers import DATA_HEADERS

__all__ = ["add_edit_routes"]

MOST_BYTES = 1024 * 1024
"""Largest body; a copied request has some 10 kB."""

MOST_NOTE_CHARS = 200

VALUES = ("cf_clearance", "user_agent", "x_statsig_id")


def add_edit_routes(app: QuartTrio, services: Services) -> None:
    """Add the routes. Their requests need an owner's key and this server's own page."""

    @app.post("/status/tokens")
    async def add_token() -> Response:
        edits = _edits(services)
        fields = await _fields(services, ("token", "tier", "note"))
        note = fields.get("note", "").strip()
        if len(note) > MOST_NOTE_CHARS or not note.isprintable():
            words = f"The note must be one line of {MOST_NOTE_CHARS} characters at most."
            raise InvalidRequest(words, param="note")
        return await _response(edits.add_token(_needed(fields, "token"), _tier(fields), note))

    @app.post("/status/tokens/<token>/replace")
    async def replace_token(token: str) -> Response:
        edits, key = _edits(services), _key(services, token)
        fields = await _fields(services, ("token",))
        return await _response(edits.replace_token(key, _needed(fields, "token")))

    @app.post("/status/tokens/<token>/remove")
    async def remove_token(token: str) -> Response:
        edits = _edits(services)
        return await _response(edits.remove_token(_key(services, token)))

    @app.post("/status/browser-values")
    async def take_browser_values() -> Response:
        edits = _edits(services)
        fields = await _fields(services, ("curl", "tier", *VALUES))
        names = [name for name in ("curl", *VALUES) if fields.get(name)]
        if len(names) != 1:
            raise InvalidRequest(f"The body must have one of curl, {', '.join(VALUES)}.")
        text = fields[names[0]]
        if names == ["curl"]:
            return await _response(edits.take_copy(text, _tier(fields)))
        return await _response(edits.take_value(names[0], text))


def _edits(services: Services) -> Edits:
    """The means to edit, for a request that may.

    :raises PermissionDenied: if the key is a guest's, or the settings don't allow edits.
    :raises OriginNotAllowed: if another page may have sent the request.
    """
    current_lifetime().caller.require_owner()
    state, edits = services.state, services.edits()
    if not state.config.server.page_edits:
        raise PermissionDenied(
            "Edits from the status page are off. [server] page_edits = true allows them."
        )
    if edits is None:
        raise PermissionDenied("This server has no files that the status page could edit.")
    require_own_page(
        {name.lower(): value for name, value in request.headers.items()},
        keyed=not state.keys.empty,
        public_url=state.config.server.public_url,
    )
    return edits


async def _fields(services: Services, names: tuple[str, ...]) -> Mapping[str, str]:
    """The fields of the body, all of them texts.

    :raises InvalidRequest: if the body is not such an object; nothing of it is quoted.
    """
    return await services.state.bodies.parse(
        lambda body: _parsed(body, names), MOST_BYTES, current_lifetime()
    )


def _parsed(body: bytes, names: tuple[str, ...]) -> Mapping[str, str]:
    try:
        value: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InvalidRequest("The body must be a JSON object.") from None
    if not isinstance(value, dict) or not set(value) <= set(names):
        raise InvalidRequest(f"The body must be a JSON object with no other keys than {names}.")
    for name, text in value.items():
        if not isinstance(text, str):
            raise InvalidRequest(f"The field {name} must be a text.", param=name)
    return value


def _needed(fields: Mapping[str, str], name: str) -> str:
    if not fields.get(name, "").strip():
        raise InvalidRequest(f"The field {name} is missing or empty.", param=name)
    return fields[name]


def _tier(fields: Mapping[str, str]) -> Tier:
    tiers = {tier.value: tier for tier in Tier}
    tier = tiers.get(fields.get("tier") or Tier.BASIC.value)
    if tier is None:
        raise InvalidRequest(f"The tier must be {' or '.join(tiers)}.", param="tier")
    return tier


def _key(services: Services, token: str) -> str:
    """The whole key of a token in use.

    :raises UnknownUrl: if there is none with this id or key.
    """
    try:
        return services.gateway.pool.view(token).key
    except UnknownToken as error:
        raise UnknownUrl(str(error)) from None


async def _response(edit: Awaitable[Edited]) -> Response:
    """:raises InvalidRequest: if the edit was refused, in the words of the command."""
    try:
        edited = await edit
    except ConfigError as error:
        raise InvalidRequest(f"Nothing was changed: {error}.") from None
    response = json_response(attrs.asdict(edited))
    response.headers.update(DATA_HEADERS)
    return response
