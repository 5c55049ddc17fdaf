"""``/status/history``: the figures of the last day or month, for the owner."""

from __future__ import annotations

from functools import partial

import orjson
from quart import Response, request
from quart_trio import QuartTrio

from ...errors import InvalidRequest
from ...runtime.threads import in_thread
from ..edge.lifetime import current_lifetime
from ..observing.long_history import SPAN_NAMES
from ..responses import json_response
from ..services import Services
from ..topics import HISTORY
from .headers import DATA_HEADERS

__all__ = ["add_history_route"]


def add_history_route(app: QuartTrio, services: Services) -> None:
    """Add the route."""
    history, fellows = services.state.long_history, services.fellows

    @app.get("/status/history")
    async def status_history() -> Response:
        current_lifetime().caller.require_owner()
        span = request.args.get("span", "")
        if span not in SPAN_NAMES:
            names = " or ".join(SPAN_NAMES)
            raise InvalidRequest(f"The parameter span must be {names}.", param="span")
        others = await fellows.ask(HISTORY)
        report = history.report(span, [partial(orjson.loads, text) for text in others])
        # In a thread: a full history has 3.5 MB of JSON, which takes some 50 ms.
        body = await in_thread(lambda: orjson.dumps(report()), abandon_on_cancel=True)
        response = json_response(body)
        response.headers.update(DATA_HEADERS)
        return response
