"""An answer of Grok's web chat under way: an HTTP exchange whose head has been judged."""

from __future__ import annotations

import contextlib

import trio

from ....errors import GrokApiError, TransportFailure
from ....protocol.grok_web.refusals import REFUSAL_BODY_BYTES, is_html, refusal_of_response
from ...transport.seam import Exchange, ResponseHead
from ...transport.visits import read_at_most

__all__ = ["GrokWebExchange"]

DRAIN_S = 0.5
"""Time, in seconds, in which the response may end after a complete answer. The title line comes
within some 10 ms.
"""

REFUSAL_BODY_S = 5.0
"""Time, in seconds, in which the body of a refusal may come. The part that has come is judged."""


class GrokWebExchange:
    """See :class:`~grokcore.runtime.lanes.lane.AnswerExchange`.

    The methods that are called for every token are the transport's own, bound here: a call between
    would cost as much as some of them do.
    """

    __slots__ = ("_exchange", "aclose", "read", "read_nowait", "wait", "wake")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.read = exchange.read
        self.read_nowait = exchange.read_nowait
        self.wait = exchange.wait
        self.wake = exchange.wake
        self.aclose = exchange.aclose

    async def accepted(self) -> None:
        """Wait for the response's head.

        :raises GrokApiError: if it announces no answer, or there is none.
        """
        head = await self._exchange.head()
        if head.status != 200 or is_html(head.headers, b""):
            raise await self._refusal(head)

    async def drain(self) -> None:
        """Read the few lines after the answer: a response that was read to its end leaves the
        connection usable.
        """
        with trio.move_on_after(DRAIN_S), contextlib.suppress(TransportFailure):
            while await self.read():
                pass

    async def _refusal(self, head: ResponseHead) -> GrokApiError:
        body = await read_at_most(self._exchange, REFUSAL_BODY_BYTES, seconds=REFUSAL_BODY_S)
        return refusal_of_response(head.status, head.headers, body)
