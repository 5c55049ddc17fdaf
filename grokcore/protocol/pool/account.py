"""The state of one token and of its egress, and how each outcome of an attempt changes them.

Theory
------
Three things can be wrong on a token's side, and each shuts as little as possible:

* its **credential**. Refused once, the token cools for a minute. Refused again at least a minute
  after that, it is *invalid*: no question is spent on it until a poll of ``rate-limits`` succeeds,
  an hour later and then daily;
* an **allowance** (:mod:`grokcore.protocol.pool.allowance`): the other groups of models go on;
* its **egress**, the way to Grok (direct, or a proxy). A challenge page is no evidence against a
  token, so it costs none. Asking again at once through the same address would only harden it.

A failure that we blame on nothing of the above shuts nothing. It makes the token *suspect* for a
few seconds: others are preferred. Otherwise a token whose connection breaks at once would draw all
requests to itself by being free all the time.

Rules
-----
1. One outcome changes at most the token it belongs to, and only if the failure's blame is the
   token; a challenge changes its egress and nothing else.
2. Everything that is shut opens again by itself, an invalid token after a poll.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from collections.abc import Mapping

from attrs import define, field

from ...errors import (
    Blame,
    Challenge,
    CredentialsRejected,
    EmptyAnswer,
    GrokApiError,
    IncompleteAnswer,
    LineTooLong,
    QuotaExhausted,
    TimeoutChunk,
    TimeoutFirstResponse,
    TransportFailure,
    UpstreamFailure,
    UpstreamOverloaded,
)
from ..models import Model, Tier
from ..tokens import TokenEntry
from .allowance import Allowance
from .breaker import Breaker

__all__ = ["Account", "AccountState", "Egress"]

EVIDENCE_APART_S = 60.0
"""A credential is refused for good only after two explicit answers this far apart: single ones have
been wrong.
"""

REFUSED_COOLING_S = (3600.0, 86400.0)
"""A refused token is polled again after an hour, then daily: accounts do come back."""

EGRESS_PAUSE_S = 5.0
EGRESS_PAUSE_CAP_S = 300.0

UNREACHED_TOLERANCE = 4
UNREACHED_PAUSE_S = 10.0
UNREACHED_CAP_S = 60.0
"""Broken connections in a row that pause an egress (as for Grok's own overload), the first such
pause, and the longest: a network comes back unannounced."""

OUTCOMES = 30
"""Attempts by an egress whose outcomes are remembered."""

SUSPECT_S = 1.0
SUSPECT_CAP_S = 8.0
"""Shorter than [pool] queue_seconds, so a request that waits for a better token in vain still gets
this one.
"""

_SLIPS = (
    UpstreamFailure,
    UpstreamOverloaded,
    EmptyAnswer,
    IncompleteAnswer,
    TimeoutFirstResponse,
    TimeoutChunk,
)
"""Failures that we don't blame on the token but that may recur with it, because of its proxy, its
region or its session's server.
"""


@define
class Egress:
    """A way to Grok. *proxy_url* is empty for a direct connection.

    :ivar challenged: breaker that each challenge page opens.
    :ivar unreached: breaker that broken connections in a row open; those of requests that were
        under way together count once.
    :ivar failure: the last broken connection, in words for the owner and the client.
    :ivar no_polls_until: end of the pause of polls after one met a challenge.
    :ivar polls_challenged: such pauses in a row.
    :ivar outcomes: of the last attempts, oldest first: True for those that failed by its fault.
    """

    proxy_url: str = field(repr=False)
    challenged: Breaker = field(
        factory=lambda: Breaker(1, EGRESS_PAUSE_S, EGRESS_PAUSE_CAP_S, math.inf)
    )
    unreached: Breaker = field(
        factory=lambda: Breaker(
            UNREACHED_TOLERANCE, UNREACHED_PAUSE_S, UNREACHED_CAP_S, rounds=True
        )
    )
    failure: str = ""
    no_polls_until: float = -math.inf
    polls_challenged: int = 0
    outcomes: deque[bool] = field(factory=lambda: deque(maxlen=OUTCOMES))

    @property
    def paused_until(self) -> float:
        """Time from which the next question may go through it."""
        challenged, unreached = self.challenged.shut_until, self.unreached.shut_until
        return challenged if challenged > unreached else unreached  # noqa: FURB136 - as in Breaker

    @property
    def challenges(self) -> int:
        """Pauses after challenge pages, in a row."""
        return self.challenged.pauses

    def pass_one(self, now: float) -> None:
        """Count an attempt that begins."""
        self.challenged.pass_one(now)
        self.unreached.pass_one(now)

    def fail(self, error: GrokApiError, began: float, now: float) -> None:
        """Count a failed attempt if the egress failed, and set the error's ``retry_after``."""
        if isinstance(error, Challenge):
            self.challenged.fail(began, now)
        elif isinstance(error, TransportFailure):
            self.failure = error.short
            self.unreached.fail(began, now)
        else:
            return
        self.outcomes.append(True)
        if self.paused_until > now:
            error.amend(retry_after=self.paused_until - now)

    def succeed(self, began: float) -> bool:
        """Count an attempt that began at *began* and has reached Grok.

        :returns: whether that ended a pause.
        """
        ended = (self.challenged.succeed(began), self.unreached.succeed(began))
        return any(ended)

    def pause_polls(self, now: float) -> None:
        """Put polls off after one met a challenge. Questions may go through all the same."""
        if self.no_polls_until <= now:
            self.no_polls_until = now + min(
                EGRESS_PAUSE_S * 2**self.polls_challenged, EGRESS_PAUSE_CAP_S
            )
            self.polls_challenged = min(self.polls_challenged + 1, 16)

    def shift(self, seconds: float) -> None:
        """Move all times earlier by *seconds* that the caller's clock has missed."""
        self.challenged.shift(seconds)
        self.unreached.shift(seconds)
        self.no_polls_until -= seconds

    def forget(self) -> None:
        """Forget all failures: they were those of another identity."""
        self.challenged.reset()
        self.unreached.reset()
        self.no_polls_until, self.polls_challenged = -math.inf, 0
        self.outcomes.clear()


class AccountState(enum.StrEnum):
    """States of an account, by the names that ``/health`` shows. ``disabled`` overrides the
    others.
    """

    OK = "ok"
    UNKNOWN = "unknown"
    COOLING = "cooling"
    INVALID = "invalid"
    DISABLED = "disabled"


@define(eq=False)
class Account:
    """A token with its state. Times are seconds of the caller's clock.

    :ivar answered: whether the last question that was evidence for or against it was answered.
    :ivar cooling_until: end of a cooling of the whole token; of an invalid one, time of its poll.
    :ivar first_refusal_at: time of the first refusal since the credential was last accepted.
    :ivar refusals: refusals of its credential that count; an account with some is invalid.
    :ivar refusal: Grok's message, if the credential was refused last; empty otherwise.
    :ivar refused_question: whether a question met a refusal, and not only a poll.
    :ivar on_trial: whether it is invalid, but the next question may find out if it still is.
    :ivar suspect_until: time until which others are preferred.
    :ivar slips: failures in a row that we don't blame on it.
    :ivar switched_off: whether its owner disabled it on this server, apart from the token file.
    :ivar learned_user_id: id of its user as Grok gave it (private); empty until Grok was asked.
    :ivar refused_modes: ids of modes that Grok does not let it use, each with Grok's name of the
        smallest plan that has it, or an empty text.
    :ivar modes_due_at: time from which Grok may be asked again for its modes.
    :ivar retired: whether it is not in use: switched off, disabled in the token file or no longer
        there. Loans of it are still given back.
    :ivar withheld: whether it is not lent since another server of a shared pool owns it, or may
        take it. Its state is then the last one that its owner has reported.
    """

    entry: TokenEntry
    egress: Egress
    in_flight: int = 0
    last_used: float = -math.inf
    answered: bool = False
    cooling_until: float = -math.inf
    first_refusal_at: float | None = None
    refusals: int = 0
    refusal: str = field(default="", repr=False)
    refused_question: bool = False
    on_trial: bool = False
    suspect_until: float = -math.inf
    slips: int = 0
    allowances: dict[str, Allowance] = field(factory=dict)
    switched_off: bool = False
    learned_user_id: str = field(default="", repr=False)
    refused_modes: Mapping[str, str] = field(factory=dict)
    modes_due_at: float = -math.inf
    retired: bool = False
    withheld: bool = False

    @property
    def idle(self) -> bool:
        """Whether it is neither lent nor polled on this server."""
        return self.retired or self.withheld

    @property
    def invalid(self) -> bool:
        """Whether Grok refused its credential twice."""
        return self.refusals > 0

    def may_use(self, model: Model) -> bool:
        """Whether its tier has *model*, and Grok has not said otherwise of the model's mode."""
        in_tier = model.tier is Tier.BASIC or self.entry.tier is Tier.SUPER
        return in_tier and model.socket_mode not in self.refused_modes

    @property
    def user_id(self) -> str:
        """The id of its user at Grok: that of the token file, else Grok's; empty if unknown."""
        return self.entry.user_id or self.learned_user_id

    @property
    def has_history(self) -> bool:
        """Whether there is anything to save of it."""
        shut = max(self.last_used, self.cooling_until) > -math.inf
        return bool(
            shut or self.allowances or self.refusal or self.switched_off or self.learned_user_id
        )

    @property
    def disabled(self) -> bool:
        """Whether its owner disabled it: in the token file, or on this server."""
        return self.switched_off or self.entry.disabled

    def allowance(self, group: str) -> Allowance:
        """The allowance for a group of models."""
        allowance = self.allowances.get(group)
        if allowance is None:
            allowance = self.allowances[group] = Allowance()
        return allowance

    def open_at(self, group: str, cost: int) -> float:
        """Time from which it can take a question of this group and cost, its egress apart."""
        own = math.inf if self.refusals and not self.on_trial else self.cooling_until
        allowance = self.allowances.get(group)
        return own if allowance is None else max(own, allowance.open_at(cost))

    def is_open(self, model: Model, now: float) -> bool:
        """Whether it could take a question to *model* now, if it is not busy."""
        opens_at = max(self.open_at(model.rate_limit_name, model.cost), self.egress.paused_until)
        return self.may_use(model) and opens_at <= now

    def state(self, now: float) -> AccountState:
        """The state, disabled apart. An account cools while any group of models is shut."""
        if self.invalid:
            return AccountState.INVALID
        if self.cooling_until > now:
            return AccountState.COOLING
        for allowance in self.allowances.values():
            # Short for open_at(1) > now, since whole pools are counted.
            quota = allowance.quota
            if allowance.cooling_until > now or (
                quota is not None and not quota.left and allowance.open_at(1) > now
            ):
                return AccountState.COOLING
        return AccountState.OK if self.answered else AccountState.UNKNOWN

    def shift(self, seconds: float) -> None:
        """Move all times earlier by *seconds* that the caller's clock has missed."""
        self.last_used -= seconds
        self.cooling_until -= seconds
        self.suspect_until -= seconds
        self.modes_due_at -= seconds
        if self.first_refusal_at is not None:
            self.first_refusal_at -= seconds
        for allowance in self.allowances.values():
            allowance.shift(seconds)

    # Outcomes ------------------------------------------------------------------------------------

    def succeed(self, group: str, now: float) -> None:
        """Count an answered question.

        A success ends doubts, and the next cooling is again the shortest. While a cooling lasts it
        does neither: the question was then sent before the failure that led to the cooling. (But an
        answer outweighs the refusal of a mere poll.)
        """
        self.slips, self.suspect_until = 0, -math.inf
        self.allowance(group).forgive(now)
        if self.refusal and not self.refused_question:
            self.cooling_until = -math.inf
        if self.cooling_until <= now or not self.refusal:
            self.answered = True
            self._trust()

    def fail(self, group: str, error: GrokApiError, now: float) -> None:
        """Count a question that failed with *error*."""
        if isinstance(error, CredentialsRejected):
            self.refused_question = True
            self.doubt(error.message, now)
        elif isinstance(error, QuotaExhausted):
            self.allowance(group).cool(error.retry_after, now)
            self._trust()  # Grok counts answers only of accounts whose credential it accepts
        else:
            assert error.blame is not Blame.TOKEN, f"no rule for {error!r}"
            if isinstance(error, _SLIPS) and not isinstance(error, LineTooLong):
                self._slip(now)

    def doubt(self, refusal: str, now: float) -> None:
        """Count a refusal of the credential, with Grok's message."""
        if self.invalid and now < self.cooling_until:
            return  # an answer to a request that was under way: nothing new
        self.refusal, self.answered, self.on_trial = refusal, False, False
        if self.first_refusal_at is None:
            self.first_refusal_at = now
        if now - self.first_refusal_at < EVIDENCE_APART_S:
            self.cooling_until = max(self.cooling_until, self.first_refusal_at + EVIDENCE_APART_S)
            return
        again_at = now + REFUSED_COOLING_S[min(self.refusals, len(REFUSED_COOLING_S) - 1)]
        self.cooling_until = max(self.cooling_until, again_at)
        self.refusals += 1

    def reprieve(self, now: float) -> None:
        """Count a poll that Grok did not refuse: if the cooling is over, an invalid account goes on
        trial.
        """
        self.on_trial = self.invalid and self.cooling_until <= now

    def readmit(self, now: float) -> None:
        """End the cooling: Grok has answered a poll that the owner demanded early."""
        if self.invalid:
            self.cooling_until = min(self.cooling_until, now)

    def clear(self) -> None:
        """Forget the coolings and failures that are held against it, apart from its allowances.

        A credential that was refused once is trusted. An invalid one goes on trial with the next
        question: one more refusal puts it back where it was.
        """
        self.cooling_until = self.suspect_until = -math.inf
        self.slips = 0
        if self.invalid:
            self.on_trial = True
        else:
            self._trust()

    def _trust(self) -> None:
        self.refusals, self.refusal = 0, ""
        self.first_refusal_at = None
        self.refused_question = self.on_trial = False

    def _slip(self, now: float) -> None:
        """Prefer others for a while, the longer the more failures there were. Failures that come
        together count one by one.
        """
        self.slips = min(self.slips + 1, 16)
        self.suspect_until = now + min(SUSPECT_S * 2 ** (self.slips - 1), SUSPECT_CAP_S)
