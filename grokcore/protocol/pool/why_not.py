"""Why nobody in the pool can take a question, in the words that help most, with an honest time."""

from __future__ import annotations

import math
from collections.abc import Sequence

from attrs import frozen

from ...errors import (
    Challenge,
    GrokApiError,
    NoTokens,
    NoValidTokens,
    RateLimitExceeded,
    TransportFailure,
)
from ..models import Model, Tier
from .account import Account, Egress

__all__ = ["Verdict", "judge"]

NOBODY = (
    "No Grok token is configured. Add the sso cookie of your grok.com session with the command "
    "`tokens add`, or write it "
    "into the token file; the running server takes it over within seconds."
)
ALL_DISABLED = "All tokens that may use this model are disabled, {where}."
ALL_TRIED = "Every token that may use this model was tried for this request, and failed."
RESTING = (
    "Grok answered with a challenge page a moment ago, so this address is left alone for now. Open "
    "grok.com in your "
    "browser through the same proxy and copy its cf_clearance cookie and User-Agent into the "
    "configuration; the three "
    "belong together."
)
UNREACHED = "{failure} The same happened several times in a row; it is tried again in {seconds} s."
USED_UP = (
    "All tokens for this model are used up for now; the first is back in {seconds} s.{disabled}"
)
REFUSED_ONCE = (
    "Grok has refused every token for this model; they are tried again in {seconds} "
    "s.{disabled} {refusal}"
)
REFUSED = "No configured token is accepted by Grok any more.{disabled} {refusal}"


@frozen
class Verdict:
    """A reason, apart from the time at which it is told.

    :ivar opens_at: when it ends; None if that is not known.
    """

    leaf: type[GrokApiError]
    message: str
    opens_at: float | None = None

    def error(self, now: float) -> GrokApiError:
        """The reason as an error, told now."""
        wait = None if self.opens_at is None else max(0.0, self.opens_at - now)
        in_seconds = "" if wait is None else str(max(1, math.ceil(wait)))
        return self.leaf(self.message.replace("{seconds}", in_seconds), retry_after=wait)


def judge(
    accounts: Sequence[Account], aside: Sequence[Account], model: Model, now: float
) -> Verdict:
    """Look at every account: why is none of them open for a question to *model*? (Or if some are:
    they were tried.)

    :param aside: accounts that are disabled.
    """
    able, disabled = _able(accounts, model), _able(aside, model)
    if not able and disabled:
        return Verdict(NoTokens, ALL_DISABLED.replace("{where}", _where(disabled)))
    if not able:
        only_basic = (
            f"The model {model.name} needs a token of a Super account, and none is configured."
        )
        return Verdict(NoTokens, only_basic if accounts or aside else NOBODY)
    opens = {account: account.open_at(model.rate_limit_name, model.cost) for account in able}
    shut = [account for account in able if max(opens[account], account.egress.paused_until) > now]
    if not shut:
        return Verdict(NoValidTokens, ALL_TRIED)
    resting = [account.egress for account in shut if opens[account] <= now]
    if resting:
        return _of_resting(resting, now)
    return _of_shut(shut, opens, _besides(disabled))


def _able(accounts: Sequence[Account], model: Model) -> list[Account]:
    return [
        account
        for account in accounts
        if model.tier is Tier.BASIC or account.entry.tier is Tier.SUPER
    ]


def _where(disabled: Sequence[Account]) -> str:
    in_file, here = (
        any(one.entry.disabled for one in disabled),
        any(not one.entry.disabled for one in disabled),
    )
    if in_file and here:
        return "in the token file or switched off on this server"
    return "in the token file" if in_file else "switched off on this server"


def _besides(disabled: Sequence[Account]) -> str:
    """A further sentence on those that would be able; empty if there are none."""
    if not disabled:
        return ""
    return (
        " One more is disabled." if len(disabled) == 1 else f" {len(disabled)} more are disabled."
    )


def _of_resting(resting: Sequence[Egress], now: float) -> Verdict:
    """Able accounts are there, and each of their egresses pauses."""
    opens_at = min(egress.paused_until for egress in resting)
    challenged = any(egress.challenged.shut_until > now for egress in resting)
    if challenged:
        return Verdict(Challenge, RESTING, opens_at)
    return Verdict(TransportFailure, UNREACHED.replace("{failure}", resting[0].failure), opens_at)


def _of_shut(shut: Sequence[Account], opens: dict[Account, float], besides: str) -> Verdict:
    """Each of them is cooling or invalid."""
    back = [opens[account] for account in shut if not account.invalid]
    refusals = [account.refusal for account in shut if account.refusal]
    if not back:
        told = REFUSED.replace("{disabled}", besides)
        return Verdict(NoValidTokens, told.replace("{refusal}", refusals[0] if refusals else ""))
    if len(refusals) == len(shut):
        told = REFUSED_ONCE.replace("{disabled}", besides)
        return Verdict(NoValidTokens, told.replace("{refusal}", refusals[0]), min(back))
    return Verdict(RateLimitExceeded, USED_UP.replace("{disabled}", besides), min(back))
