"""Why no account can take a question: the error that helps most, with the time of its end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from attrs import frozen

from ...errors import (
    Challenge,
    GrokApiError,
    NoTokens,
    NoValidTokens,
    RateLimitExceeded,
    TransportFailure,
)
from ..advice import advice
from ..models import Model
from .account import Account, Egress
from .choice import Need
from .roster import Roster

__all__ = ["Reason", "Reasons", "judge"]

NOBODY = (
    "No Grok token is configured. Add the sso cookie of your grok.com session with the command "
    "`tokens add`, or write it into the token file; the running server takes it over within "
    "seconds."
)
ALL_DISABLED = "All tokens that may use the model {model} are disabled, {where}."
ALL_TRIED = "Every token that may use this model was tried for this request, and failed."
RESTING = (
    "Grok answered with a challenge page a moment ago, so this address is left alone for now. "
    + advice("upstream_challenge")
)
UNREACHED = "{failure} The same happened several times in a row; it is tried again in {seconds} s."
USED_UP = (
    "All tokens for this model are used up for now; the first is back in {seconds} s.{disabled}"
)
REFUSED_ONCE = (
    "Grok has refused every token for this model; they are tried again in {seconds} "
    "s.{disabled} {refusal}"
)
REFUSED = "Grok accepts no token that may use the model {model} any more.{disabled} {refusal}"


@frozen
class Reason:
    """A reason why no account is open.

    :ivar leaf: class of the error.
    :ivar message: text of the error, in which ``{seconds}`` stands for the wait.
    :ivar opens_at: time at which the reason ends; None if that is not known.
    """

    leaf: type[GrokApiError]
    message: str
    opens_at: float | None = None

    def error(self, now: float) -> GrokApiError:
        """The error to answer a request with at this moment."""
        wait = None if self.opens_at is None else max(0.0, self.opens_at - now)
        in_seconds = "" if wait is None else str(max(1, math.ceil(wait)))
        return self.leaf(self.message.replace("{seconds}", in_seconds), retry_after=wait)


class Reasons:
    """Reasons by model, remembered until something changes: to find one is to look at every
    account.
    """

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._by_group: dict[str, dict[Model, Reason]] = {}

    def find(self, need: Need, now: float) -> Reason:
        """The reason why no account is open for *need*.

        That of a request which has failed is not remembered: for others the accounts that it must
        not take may be open, and their egresses pause without a change here.
        """
        model = need.model
        if need.excluded or need.avoided:
            return self._judged(model, now)
        reasons = self._by_group.setdefault(model.rate_limit_name, {})
        reason = reasons.get(model)
        if reason is None or now >= (reason.opens_at or math.inf):
            reason = reasons[model] = self._judged(model, now)
        return reason

    def _judged(self, model: Model, now: float) -> Reason:
        return judge(self._roster.accounts, self._roster.aside, model, now)

    def forget(self, group: str) -> None:
        """Forget the reasons for a group of models: an account's allowance for it has changed."""
        self._by_group.pop(group, None)

    def forget_all(self) -> None:
        """Forget all reasons: an account or an egress has changed."""
        self._by_group.clear()


def judge(
    accounts: Sequence[Account], aside: Sequence[Account], model: Model, now: float
) -> Reason:
    """The reason why none of *accounts* can take a question to *model*. (If some are open, the
    caller has tried them.)

    :param aside: accounts that are disabled.
    """
    able, disabled = _able(accounts, model), _able(aside, model)
    if not able and disabled:
        message = ALL_DISABLED.replace("{model}", model.name)
        return Reason(NoTokens, message.replace("{where}", _where(disabled)))
    plans = {
        plan
        for account in accounts
        if (plan := account.refused_modes.get(model.socket_mode)) is not None
    }
    if not able and plans:
        return Reason(NoTokens, _not_included(model, plans))
    if not able:
        only_basic = (
            f"The model {model.name} needs a token of a Super account, and none is configured."
        )
        return Reason(NoTokens, only_basic if accounts or aside else NOBODY)
    opens = {account: account.open_at(model.rate_limit_name, model.cost) for account in able}
    shut = [account for account in able if max(opens[account], account.egress.paused_until) > now]
    if not shut:
        return Reason(NoValidTokens, ALL_TRIED)
    resting = [account.egress for account in shut if opens[account] <= now]
    if resting:
        return _of_resting(resting, now)
    return _of_shut(shut, opens, _besides(disabled), model)


def _not_included(model: Model, plans: AbstractSet[str]) -> str:
    named = ", ".join(sorted(filter(None, plans)))
    needs = f" Grok names the plan {named}." if named else ""
    return (
        f"Grok does not let any configured token use the model {model.name} (mode "
        f"{model.socket_mode}).{needs} Ask for another model, or add a token of an account that "
        "has it."
    )


def _able(accounts: Sequence[Account], model: Model) -> list[Account]:
    return [account for account in accounts if account.may_use(model)]


def _where(disabled: Sequence[Account]) -> str:
    in_file, here = (
        any(account.entry.disabled for account in disabled),
        any(not account.entry.disabled for account in disabled),
    )
    if in_file and here:
        return "in the token file or switched off on this server"
    return "in the token file" if in_file else "switched off on this server"


def _besides(disabled: Sequence[Account]) -> str:
    """A sentence on disabled accounts that could serve the model; empty if there are none."""
    if not disabled:
        return ""
    return (
        " One more is disabled." if len(disabled) == 1 else f" {len(disabled)} more are disabled."
    )


def _of_resting(resting: Sequence[Egress], now: float) -> Reason:
    """The reason while accounts are open but each of their egresses pauses."""
    opens_at = min(egress.paused_until for egress in resting)
    challenged = any(egress.challenged.shut_until > now for egress in resting)
    if challenged:
        return Reason(Challenge, RESTING, opens_at)
    return Reason(TransportFailure, UNREACHED.replace("{failure}", resting[0].failure), opens_at)


def _of_shut(
    shut: Sequence[Account], opens: dict[Account, float], besides: str, model: Model
) -> Reason:
    """The reason while each account is cooling or invalid."""
    back = [opens[account] for account in shut if not account.invalid]
    refusals = [account.refusal for account in shut if account.refusal]
    if not back:
        message = REFUSED.replace("{model}", model.name).replace("{disabled}", besides)
        return Reason(NoValidTokens, message.replace("{refusal}", refusals[0] if refusals else ""))
    if len(refusals) == len(shut):
        message = REFUSED_ONCE.replace("{disabled}", besides)
        return Reason(NoValidTokens, message.replace("{refusal}", refusals[0]), min(back))
    return Reason(RateLimitExceeded, USED_UP.replace("{disabled}", besides), min(back))
