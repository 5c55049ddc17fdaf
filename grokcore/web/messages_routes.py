"""The routes of Anthropic's Messages API.

Claude Code asks for ``/`` and ``/api/hello`` without a key before its first request (tried with
2.1.332, 2026-11). The page answers the first.
"""

from __future__ import annotations

from quart import Response
from quart_trio import QuartTrio

from ..protocol.dialects.anthropic_errors import REQUEST_ID
from .answers.answering import answer
from .answers.messages import MessagesRoute, token_count
from .edge.lifetime import current_lifetime
from .routes import route
from .services import Services

__all__ = ["add_messages_routes"]


def add_messages_routes(app: QuartTrio, services: Services) -> None:
    """Add them to *app*."""

    @route(app, "POST", "/messages", asks_grok=True)
    async def create_message() -> Response:
        return _named(await answer(services, MessagesRoute()))

    @route(app, "POST", "/messages/count_tokens")
    async def count_tokens() -> Response:
        return _named(await token_count(services))

    @route(app, "HEAD", "/api/hello", needs_key=False)
    async def hello() -> Response:
        return Response(b"")


def _named(response: Response) -> Response:
    """*response* with the header by which Anthropic's clients report a request."""
    response.headers[REQUEST_ID] = current_lifetime().request_id
    return response
