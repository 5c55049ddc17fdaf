"""The owner's view of an official lane: its state and the reason for it, its models, its money.

Nothing here is secret: the credential is named by its short hash. xAI's words in a reason had the
credential taken out of them when they arrived.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from attrs import field, frozen

from ...errors import GrokApiError, OfficialCredentialRejected, SpendingCapReached
from ..advice import advice_on
from ..models import LaneName, LaneUse

__all__ = ["Budget", "DeskState", "DeskView", "Plan", "Rest", "Stock", "desk_view"]

LONGEST_WHY = 400
"""Characters. Refusals quote xAI, at any length."""

RESTS_AT_MOST = 20


class DeskState(enum.Enum):
    """Whether an official lane may answer, and why not."""

    OK = "ok"
    RESTING = "resting"
    REFUSED = "refused"
    NO_CREDENTIAL = "no_credential"
    NO_MODELS = "no_models"
    CAP_REACHED = "cap_reached"
    OFF = "off"


@frozen
class Stock:
    """A lane's list of models.

    :ivar models: number of names that clients may ask for.
    :ivar age_s: seconds since xAI sent the list; None without one.
    :ivar fault: the reason why the last question brought no list; empty if it did.
    """

    models: int = 0
    age_s: float | None = None
    fault: str = ""


@frozen
class Budget:
    """A day's money, in US dollars.

    :ivar day_ends_in: seconds.
    """

    spent_usd: float
    daily_usd: float
    day_ends_in: float


@frozen
class Plan:
    """The use of a subscription's credits.

    :ivar used_percent: of this period's credits; None if it is unknown.
    :ivar period: ``weekly`` or ``monthly``; empty if none is named.
    :ivar ends_at: the period's end, in seconds since 1970; None if it is unknown.
    """

    used_percent: float | None = None
    period: str = ""
    ends_at: float | None = None


@frozen
class Rest:
    """A pause of one model.

    :ivar model: xAI's name of it.
    :ivar back_in: seconds; None if only the owner ends it.
    """

    model: str
    why: str
    back_in: float | None


@frozen
class DeskView:
    """An official lane. Times are seconds from now.

    :ivar id: beginning of the credential's hash; empty without a credential.
    :ivar why: sentences on the state, with advice; empty if there is nothing to explain.
    :ivar back_in: time at which the lane may answer again; None if it may, or if the owner has to
        act.
    :ivar open: answers under way.
    :ivar budget: None for a lane that costs nothing.
    :ivar plan: None if xAI has reported no credits.
    :ivar rests: models that rest while the lane itself may answer.
    """

    lane: LaneName
    id: str
    state: DeskState
    why: str
    back_in: float | None
    open: int
    stock: Stock = Stock()
    budget: Budget | None = None
    plan: Plan | None = None
    rests: tuple[Rest, ...] = field(default=())

    @property
    def may_answer(self) -> bool:
        """Whether a question could be answered now."""
        return self.state is DeskState.OK


def desk_view(
    lane: LaneName,
    *,
    credential: str,
    use: LaneUse,
    error: GrokApiError | None,
    open_answers: int,
    resting: Mapping[str, GrokApiError],
    stock: Stock,
    budget: Budget | None,
    plan: Plan | None,
) -> DeskView:
    """A lane as its owner sees it.

    :param credential: short hash of the credential; empty without one.
    :param error: the reason why no model can be asked; None if there is none.
    :param resting: the reasons why single models can't be asked, by their names.
    """
    state = _state(credential, use, error, stock)
    shown = None if state is DeskState.OFF else error
    why = _words(shown, lane) if shown is not None else ""
    return DeskView(
        lane=lane,
        id=credential,
        state=state,
        why=_no_models(lane, stock) if state is DeskState.NO_MODELS else why,
        back_in=None if shown is None else shown.retry_after,
        open=open_answers,
        stock=stock,
        budget=budget,
        plan=plan,
        rests=tuple(
            Rest(model, _words(reason, lane), reason.retry_after)
            for model, reason in sorted(resting.items())[:RESTS_AT_MOST]
        ),
    )


def _state(credential: str, use: LaneUse, error: GrokApiError | None, stock: Stock) -> DeskState:
    if use is LaneUse.OFF:
        return DeskState.OFF
    if not credential:
        return DeskState.NO_CREDENTIAL
    match error:
        case None:
            return DeskState.OK if stock.models else DeskState.NO_MODELS
        case OfficialCredentialRejected():
            return DeskState.REFUSED
        case SpendingCapReached():
            return DeskState.CAP_REACHED
        case _:
            return DeskState.RESTING


def _words(error: GrokApiError, lane: LaneName) -> str:
    """The reason, and the advice unless the reason holds it."""
    words = error.short
    if len(words) > LONGEST_WHY:
        words = f"{words[: LONGEST_WHY - 1]}…"
    wanted = advice_on(error, lane)
    return f"{words} {wanted}" if wanted and wanted not in words else words


def _no_models(lane: LaneName, stock: Stock) -> str:
    return stock.fault or (
        f"None of the models that xAI lists may be asked: look at models in [{lane.value}]."
    )
