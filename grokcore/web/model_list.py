"""``/v1/models``: the models that the accounts may be asked for, best first.

Nothing here asks Grok, or waits.
"""

from __future__ import annotations

import trio
from quart import request

from ..protocol.model_order import best_first
from ..protocol.models import Model
from ..protocol.pool.book import Need
from .edge.auth import Caller
from .edge.lifetime import Lifetime
from .services import Services

__all__ = ["model_list", "model_object", "models_of", "names_served"]

MODELS_CREATED = 1763683200
"""``created`` of all models: 21 November 2025, the revision of the table. Clients only require a
number.
"""

MODELS_CREATED_AT = "2025-11-21T00:00:00Z"
"""The same for Anthropic's clients."""

_NO = {"0", "false", "no", "off"}

MOST_NAMES = 20
"""Names in an error's message: an owner's table may have hundreds of rows."""


def model_list(services: Services, lifetime: Lifetime) -> dict[str, object]:
    """The list for the request's key. With ``?all=1`` it has the models that no account may be
    asked for, too.
    """
    rows, lending = _rows_of(services, lifetime.caller), services.gateway.lending
    lanes = lifetime.caller.lanes
    if request.args.get("all", "0").lower() in _NO:
        rows = lending.listed(rows, lanes)
    data = [
        {**_row(model, available=lending.serves(model, lanes)), **lending.facts(model, lanes)}
        for model in rows
    ]
    ids = [model.name for model in rows]
    first, last = (ids[0], ids[-1]) if ids else (None, None)
    pages = {"has_more": False, "first_id": first, "last_id": last}
    return {"object": "list", **pages, "data": data}


def model_object(services: Services, model: Model, lifetime: Lifetime) -> dict[str, object]:
    """A model, with the reason if no lane may be asked for it."""
    lending, lanes = services.gateway.lending, lifetime.caller.lanes
    if lending.serves(model, lanes):
        return {**_row(model, available=True), **lending.facts(model, lanes)}
    reason = lending.hopeless(Need(model, lanes=lanes), trio.current_time())
    words = {} if reason is None else {"unavailable_reason": reason.message}
    return {**_row(model, available=False), **words}


def names_served(services: Services, lifetime: Lifetime) -> list[str]:
    """The first names of :func:`models_of`, for the request's key."""
    return models_of(services, lifetime.caller)[:MOST_NAMES]


def models_of(services: Services, caller: Caller) -> list[str]:
    """Names of the models that a lane may be asked for with a key, best first."""
    serves, rows = services.gateway.lending.serves, _rows_of(services, caller)
    return [model.name for model in rows if serves(model, caller.lanes)]


def _rows_of(services: Services, caller: Caller) -> list[Model]:
    return best_first(model for model in services.models.values() if caller.may_use(model.name))


def _row(model: Model, *, available: bool) -> dict[str, object]:
    return {
        "id": model.name,
        "object": "model",
        "created": MODELS_CREATED,
        "owned_by": "xai",
        # Beside OpenAI's fields those of Anthropic's list, which its own library requires.
        "type": "model",
        "display_name": model.name,
        "created_at": MODELS_CREATED_AT,
        "available": available,
    }
