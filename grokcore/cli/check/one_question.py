"""A question to Grok with one account, as the server would put it, and the course of its answer.

The question is put once: another attempt would cost the account another part of its allowance.
"""

from __future__ import annotations

import functools
import math

import trio

from ...errors import GrokApiError
from ...protocol.clocks import Clocks
from ...protocol.conversation.events import Event, Text, ToolCall, Unusable
from ...protocol.conversation.messages import Message
from ...protocol.conversation.question import Question
from ...protocol.models import Limits, Model
from ...protocol.pool.book import Need, TokenBook
from ...runtime.completion.alarm import AlarmClock
from ...runtime.completion.attempt import Attempt
from ...runtime.completion.waiting import Waits
from ...runtime.lanes.lane import RenderedQuestion, Renderer
from ...runtime.pool.leases import Lease, TokenPool
from ...runtime.transport.visits import CLOSE_S
from .answers import Asked

__all__ = ["QUESTION", "ask", "hello", "limits_of"]

QUESTION = "Say hello in one word."


def hello(model: Model) -> Question:
    """The shortest question to *model*."""
    return Question(model, limits_of(model), (Message("user", QUESTION),), search=False)


def limits_of(model: Model) -> Limits:
    """The clocks of a model of the configuration's table, which has them resolved."""
    assert model.limits is not None
    return model.limits


async def ask(
    question: Question, asked: Asked, lanes: Renderer, alarm: AlarmClock, default_proxy: str
) -> None:
    """Put *question* to the account that *asked* plans, and note its course there. Nothing is left
    open.

    :raises GrokApiError: if it was refused, or the answer is not whole.
    """
    began = trio.current_time()
    book = TokenBook([asked.plan.entry], default_proxy=default_proxy, max_in_flight=1)
    lease = await TokenPool(book, queue_s=0).lease(Need(question.model))
    waits = Waits(Clocks(question.limits, began))
    try:
        await _ask_with(lease, lanes.render(question), asked, waits, alarm)
    except GrokApiError as error:
        for secret in lease.secrets:
            error.redact(secret)
        raise
    finally:
        asked.secrets = lease.secrets
        lease.return_unused()


async def _ask_with(
    lease: Lease, rendered: RenderedQuestion, asked: Asked, waits: Waits, alarm: AlarmClock
) -> None:
    prepare = functools.partial(rendered.prepare, lease, repeated=False)
    prepared = await waits.under_clocks(prepare)
    asked.sent_at = trio.current_time()
    waits.clocks.begin_attempt(asked.sent_at)
    exchange = prepared.open(fresh=False)
    attempt = Attempt(rendered.lane, lease, exchange, prepared.decoder(), waits, alarm)
    try:
        await _listen(attempt, asked)
    finally:
        asked.counters = attempt.decoder.counters
        asked.answered_by = attempt.decoder.answered_by
        asked.went_on = attempt.decoder.cut_short
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
            await attempt.abandon()


async def _listen(attempt: Attempt, asked: Asked) -> None:
    _note(asked, await attempt.first_events())
    while not attempt.finished:
        _note(asked, await attempt.more_events(math.inf))
    asked.last_s = trio.current_time() - asked.sent_at


def _note(asked: Asked, events: list[Event]) -> None:
    words = "".join(event.text for event in events if isinstance(event, Text))
    if words and asked.first_s is None:
        asked.first_s = trio.current_time() - asked.sent_at
    asked.begin = (asked.begin + words)[: asked.most_kept]
    asked.calls += [event for event in events if isinstance(event, ToolCall)]
    asked.unusable = next((one for one in events if isinstance(one, Unusable)), asked.unusable)
