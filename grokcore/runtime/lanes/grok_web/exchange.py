"""An answer of Grok's web chat under way."""

from __future__ import annotations

from ....protocol.grok_web.refusals import is_html, refusal_of_response
from ...transport.seam import Exchange, ResponseHead
from ..http_exchange import HttpExchange

__all__ = ["GrokWebExchange"]


class GrokWebExchange(HttpExchange):
    """See :class:`~grokcore.runtime.lanes.lane.AnswerExchange`."""

    __slots__ = ()

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange, refusal_of_response, _is_answer)


def _is_answer(head: ResponseHead) -> bool:
    return head.status == 200 and not is_html(head.headers, b"")
