"""Routes of the Responses API beside the one that asks: kept responses, and counts of tokens.

Nothing here asks Grok.
"""

from __future__ import annotations

import trio
from quart import Response, request

from ..errors import InvalidRequest, ResponseNotFound, UnknownUrl
from ..protocol.dialects.openai_responses.keeping import Page, input_list
from ..protocol.dialects.openai_responses.request import parse_responses_request
from ..protocol.dialects.openai_responses.store import Shelf, StoredResponse
from .answers.admission import most_body_bytes
from .answers.questions import token_count
from .answers.responses import with_references
from .edge.lifetime import current_lifetime
from .lending import dropped, lent_response
from .responses import json_response
from .services import Services

__all__ = ["cancel", "compact", "delete_response", "input_items", "input_tokens", "show_response"]

MOST_ITEMS = 100
"""Most items of one page."""

_TRUE = {"true", "1"}


async def show_response(services: Services, response_id: str) -> Response:
    """``GET /responses/{id}``.

    :raises GrokApiError: if there is no such response, or a stream of it is wanted.
    """
    if request.args.get("stream", "").lower() in _TRUE:
        raise InvalidRequest(
            "A response can't be streamed again: leave stream out.", param="stream"
        )
    return json_response((await _found(services, response_id)).data)


async def delete_response(services: Services, response_id: str) -> Response:
    """``DELETE /responses/{id}``.

    :raises ResponseNotFound: if there is no such response.
    """
    shelf = _shelf(services)
    here = shelf.delete(response_id)
    elsewhere = await dropped(services.fellows, shelf.owner, response_id)
    if not (here or elsewhere):
        raise _missing(response_id)
    return json_response({"id": response_id, "object": "response", "deleted": True})


async def input_items(services: Services, response_id: str) -> Response:
    """``GET /responses/{id}/input_items``.

    :raises GrokApiError: if there is no such response, or a parameter is not valid.
    """
    page = Page(_limit(), _newest_first(), request.args.get("after", ""))
    return json_response(input_list((await _found(services, response_id)).input, page))


async def cancel(services: Services, response_id: str) -> Response:
    """``POST /responses/{id}/cancel``.

    :raises GrokApiError: always: no answer is made in the background.
    """
    await _found(services, response_id)
    raise InvalidRequest(
        "Only a response in the background can be cancelled, and this server has none.",
        param="response_id",
    )


async def compact() -> Response:
    """``POST /responses/compact``.

    :raises UnknownUrl: always.
    """
    raise UnknownUrl(
        "This server does not compact conversations: ask for a summary with POST /v1/responses."
    )


async def input_tokens(services: Services) -> Response:
    """``POST /responses/input_tokens``: an estimate for the question as it would be asked. No
    picture or file is fetched for it.

    :raises GrokApiError: if the request is not valid.
    """
    lifetime, config = current_lifetime(), services.state.config
    asked = await services.state.bodies.parse(
        parse_responses_request, most_body_bytes(config), lifetime
    )
    asked = await with_references(services, asked, lifetime)
    tokens = await token_count(services, asked, lifetime)
    return json_response({"object": "response.input_tokens", "input_tokens": tokens})


def _shelf(services: Services) -> Shelf:
    owner = current_lifetime().caller.name
    return services.state.responses.shelf(owner, trio.current_time())


async def _found(services: Services, response_id: str) -> StoredResponse:
    shelf = _shelf(services)
    response = shelf.response(response_id)
    if response is None:
        response = await lent_response(services.fellows, shelf.owner, response_id)
    if response is None:
        raise _missing(response_id)
    return response


def _missing(response_id: str) -> ResponseNotFound:
    return ResponseNotFound(
        f"There is no response {response_id[:100]!r} here. Responses are kept in memory, for a "
        "limited time, until the server restarts; none is kept with store: false.",
        param="response_id",
    )


def _limit() -> int:
    given = request.args.get("limit", "20")
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= MOST_ITEMS):
        raise InvalidRequest(f"limit must be a whole number from 1 to {MOST_ITEMS}.", param="limit")
    return int(given[:9])


def _newest_first() -> bool:
    order = request.args.get("order", "desc")
    if order not in ("asc", "desc"):
        raise InvalidRequest("order must be asc or desc.", param="order")
    return order == "desc"
