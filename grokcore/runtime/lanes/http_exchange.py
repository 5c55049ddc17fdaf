"""An answer under way as the body of an HTTP response, whose head has been judged."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import TypeAlias

import trio

from ...errors import GrokApiError, TransportFailure
from ..transport.seam import Exchange, ResponseHead
from ..transport.visits import read_at_most

__all__ = ["HttpExchange", "Judge"]

Judge: TypeAlias = Callable[[int, Mapping[str, str], bytes], GrokApiError]
"""Gives the error of a refusal: its status, headers (lower-case names) and body, cut off."""

DRAIN_S = 0.5
"""Time, in seconds, in which the response may end after a complete answer. The last lines come
within some 10 ms.
"""

REFUSAL_BODY_S = 5.0
"""Time, in seconds, in which the body of a refusal may come. The part that has come is judged."""

REFUSAL_BODY_BYTES = 64 * 1024
"""Part of a refusal's body that is read: a challenge page has some 10 kB."""


class HttpExchange:
    """See :class:`~grokcore.runtime.lanes.lane.AnswerExchange`.

    The methods that are called for every token are the transport's own, bound here: a call between
    would cost as much as some of them do.

    :param is_answer: whether a response's head announces an answer.
    """

    __slots__ = (
        "_exchange",
        "_is_answer",
        "_judge",
        "aclose",
        "read",
        "read_nowait",
        "wait",
        "wake",
    )

    def __init__(
        self, exchange: Exchange, judge: Judge, is_answer: Callable[[ResponseHead], bool]
    ) -> None:
        self._exchange = exchange
        self._judge = judge
        self._is_answer = is_answer
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
        if not self._is_answer(head):
            raise await self._refusal(head)

    async def drain(self) -> None:
        """Read the few lines after the answer: a response that was read to its end leaves the
        connection usable.
        """
        with contextlib.suppress(TransportFailure):
            while (data := self.read_nowait()) is not None:
                if not data:
                    return  # the end has come with the answer, as it mostly does
            with trio.move_on_after(DRAIN_S):
                while await self.read():
                    pass

    async def _refusal(self, head: ResponseHead) -> GrokApiError:
        body = await read_at_most(self._exchange, REFUSAL_BODY_BYTES, seconds=REFUSAL_BODY_S)
        return self._judge(head.status, head.headers, body)
