"""The condition of the moment: its facts, gathered from the running server, and its JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import trio

from ..protocol.condition import (
    Condition,
    EgressFacts,
    Facts,
    LaneFacts,
    ModelFacts,
    ModelState,
    Reason,
    SharedPool,
    judge,
)
from ..protocol.models import Model
from ..protocol.pool.account import AccountState, Egress
from ..protocol.pool.book import Need
from ..protocol.pool.desk_view import DeskState, DeskView
from ..protocol.urls.proxy_url import proxy_address
from ..runtime.completion.gateway import Gateway
from .lanes import FAULTY_STATES, desk_views
from .observing.asked_models import AskedModels
from .observing.census import COUNTED_AT_ONCE, Census
from .observing.trace import Trace
from .state import ServerState

__all__ = ["ConditionWatch", "egress_facts", "model_rows", "reason_rows", "status_word"]

VALID_S = 1.0
"""Seconds for which a judgement is shared, if nothing has changed."""


class ConditionWatch:
    """Judges the server's condition when it is asked for.

    :ivar shared: returns the server's part of a shared pool; None if it shares none.
    """

    def __init__(
        self,
        gateway: Gateway,
        state: ServerState,
        asked: AskedModels,
        census: Census,
        shared: Callable[[], SharedPool | None] = lambda: None,
    ) -> None:
        self._gateway = gateway
        self._state = state
        self._asked = asked
        self._census = census
        self.shared = shared
        self._changes = 0
        self._judged: tuple[int, Mapping[str, str], float, Condition] | None = None
        gateway.pool.on_change.append(self._changed)
        for desk in gateway.lending.desks:
            desk.on_change.append(self._changed)
        state.on_request_end.append(self._request_ended)
        state.wall.on_missed.append(asked.shift)

    def take(self) -> Condition:
        """The condition of the moment."""
        now, faults = trio.current_time(), self._state.all_faults()
        if self._judged is not None:
            changes, known, until, condition = self._judged
            if (changes, known) == (self._changes, faults) and now < until:
                return condition
        condition = judge(self._facts(faults, now))
        self._judged = self._changes, faults, now + VALID_S, condition
        return condition

    def _request_ended(self, trace: Trace) -> None:
        self._asked.request_ended(trace)
        if trace.asks:  # a look at the condition does not change it
            self._changed()

    def _changed(self) -> None:
        self._changes += 1

    # Facts ---------------------------------------------------------------------------------------

    def _facts(self, faults: Mapping[str, str], now: float) -> Facts:
        gateway = self._gateway
        book, views = gateway.pool.book, desk_views(gateway, now)
        counts, _, egresses = self._census.take(now)
        in_use = [view for view in views if view.state is not DeskState.OFF]
        return Facts(
            models=self._models(now),
            credentials=len(book.accounts) + len(in_use),
            tokens=len(book.accounts) + book.disabled,
            disabled=book.disabled,
            ended=counts[AccountState.INVALID],
            egresses=[egress_facts(egress, now) for egress in egresses],
            lanes=[_lane_facts(view) for view in in_use],
            overloaded_for=book.overload.paused(now).get(None),
            files=faults,
            shared=self.shared(),
        )

    def _models(self, now: float) -> Sequence[ModelFacts]:
        gateway = self._gateway
        table = self._state.models(gateway.lending.names)
        asked = [facts for facts in self._asked.facts(now) if facts.name in table]
        names = {facts.name for facts in asked}
        others = [ModelFacts(name) for name in table if name not in names]
        return [self._judged_by_pool(facts, table[facts.name], now) for facts in asked + others]

    def _judged_by_pool(self, facts: ModelFacts, model: Model, now: float) -> ModelFacts:
        book = self._gateway.pool.book
        few = len(book.accounts) <= COUNTED_AT_ONCE
        return attrs.evolve(
            facts,
            hopeless=self._gateway.lending.hopeless(Need(model), now),
            usable_tokens=book.usable(model, now) if few else None,
        )


def egress_facts(egress: Egress, now: float) -> EgressFacts:
    """An egress, with the outcomes of its last attempts."""
    paused = egress.paused_until > now
    return EgressFacts(
        address=proxy_address(egress.proxy_url),
        attempts=len(egress.outcomes),
        failing=sum(egress.outcomes),
        challenged=egress.challenged.half_open,
        failure=egress.failure if egress.unreached.half_open else "",
        back_in=egress.paused_until - now if paused else None,
    )


def _lane_facts(view: DeskView) -> LaneFacts:
    return LaneFacts(
        view.lane.value,
        view.why,
        faulty=view.state in FAULTY_STATES,
        capped=view.state is DeskState.CAP_REACHED,
        back_in=view.back_in,
    )


# Rows -------------------------------------------------------------------------------------------


def reason_rows(condition: Condition) -> list[dict[str, Any]]:
    """The reasons as JSON values, for the owner."""
    return [_reason_row(reason) for reason in condition.reasons]


def _reason_row(reason: Reason) -> dict[str, Any]:
    return {
        "matter": reason.matter.value,
        "weight": reason.weight.value,
        "subject": reason.subject,
        "words": reason.words,
        "advice": reason.advice,
        "back_in": None if reason.back_in is None else max(0, math.ceil(reason.back_in)),
    }


def model_rows(condition: Condition) -> list[dict[str, Any]]:
    """The models as JSON values, those that were asked for lately first."""
    return [_model_row(facts, state) for facts, state in condition.models]


def _model_row(facts: ModelFacts, state: ModelState) -> dict[str, Any]:
    return {
        "name": facts.name,
        "state": state.value,
        "why": "" if facts.why is None else facts.why.short,
        "asked": facts.asked,
        "failed": facts.failed,
        "usable_tokens": facts.usable_tokens,
    }


def status_word(condition: Condition, *, draining: bool) -> str:
    """The status in one word: ``ok``, ``degraded``, ``down``, or ``draining``."""
    return "draining" if draining else condition.health.value
