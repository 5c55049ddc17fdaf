"""One token and its egress: what has been learned of them, and what each outcome of an attempt
teaches.

Theory
------
Three things can be wrong on a token's side, and each shuts as little as possible:

* its **credential**: refused once, the token cools for a minute; refused again at least a minute
  after that, it is *invalid* and no question is spent on it until Grok was asked by
  ``rate-limits``, an hour later and then daily;
* an **allowance** (:mod:`grokcore.protocol.pool.allowance`): the other groups of models go on;
* its **egress**, the way to Grok (direct, or a proxy): a challenge page says nothing about a token,
  so it costs none, but asking again at once through the same address would only harden it.

A failure that is nobody's fault shuts nothing. It makes the token *suspect* for a few seconds:
others are preferred, so that a token whose connection breaks at once does not draw all requests to
itself by being free all the time.

Rules
-----
1. One outcome changes at most the token it belongs to, and only if the failure's blame is the
   token; a challenge changes its egress and nothing else.
2. Whatever is shut opens again by itself, an invalid token after an ask.
"""

from __future__ import annotations

import math

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
from ..tokens import TokenEntry
from .allowance import Allowance
from .breaker import Breaker

__all__ = ["Account", "Egress", "State"]

EVIDENCE_APART_S = 60.0
"""A credential is refused for good only after two explicit answers this far apart: single ones have
been wrong.
"""

REFUSED_COOLING_S = (3600.0, 86400.0)
"""A refused token is asked for again after an hour, then daily: accounts do come back."""

EGRESS_PAUSE_S = 5.0
EGRESS_PAUSE_CAP_S = 300.0

UNREACHED_TOLERANCE = 4
UNREACHED_PAUSE_S = 10.0
UNREACHED_CAP_S = 60.0
"""Broken connections in a row that pause an egress (as for Grok's own overload), the first such
pause, and the longest: a network comes back unannounced."""

SUSPECT_S = 1.0
SUSPECT_CAP_S = 8.0
"""Shorter than the queue's patience ([pool] queue_seconds): who waits for a better token in vain
still gets this one.
"""

_SLIPS = (
    UpstreamFailure,
    UpstreamOverloaded,
    EmptyAnswer,
    IncompleteAnswer,
    TimeoutFirstResponse,
    TimeoutChunk,
)
"""Nobody's failures that may follow a token around: its proxy, its region, its session's server."""


@define
class Egress:
    """One way to Grok. *proxy_url* is empty for a direct connection.

    :ivar challenged: opened by each challenge page.
    :ivar unreached: opened by broken connections in a row; those of requests that were under way
        together count once.
    :ivar failure: the last broken connection, in words for the owner and the client.
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
    no_asks_until: float = -math.inf
    asks_challenged: int = 0

    @property
    def paused_until(self) -> float:
        """From when on the next question may go through it."""
        return max(self.challenged.shut_until, self.unreached.shut_until)

    @property
    def challenges(self) -> int:
        """Pauses after challenge pages, in a row."""
        return self.challenged.pauses

    def pass_one(self, now: float) -> None:
        """Let an attempt begin."""
        self.challenged.pass_one(now)
        self.unreached.pass_one(now)

    def fail(self, error: GrokApiError, began: float, now: float) -> None:
        """Count a failed attempt, if the egress is what failed. The error is given the time of the
        next attempt.
        """
        if isinstance(error, Challenge):
            self.challenged.fail(began, now)
        elif isinstance(error, TransportFailure):
            self.failure = error.short
            self.unreached.fail(began, now)
        else:
            return
        if self.paused_until > now:
            error.amend(retry_after=self.paused_until - now)

    def succeed(self, began: float) -> bool:
        """An attempt that began at *began* has reached Grok. Returns whether that ended a pause."""
        ended = (self.challenged.succeed(began), self.unreached.succeed(began))
        return any(ended)

    def pause_asks(self, now: float) -> None:
        """Put asks off after one met a challenge. Questions may go through all the same."""
        if self.no_asks_until <= now:
            self.no_asks_until = now + min(
                EGRESS_PAUSE_S * 2**self.asks_challenged, EGRESS_PAUSE_CAP_S
            )
            self.asks_challenged = min(self.asks_challenged + 1, 16)

    def shift(self, seconds: float) -> None:
        """Move all times to earlier ones: the caller's clock has not counted so many seconds."""
        self.challenged.shift(seconds)
        self.unreached.shift(seconds)
        self.no_asks_until -= seconds

    def forget(self) -> None:
        """What is known of it was of another identity."""
        self.challenged.reset()
        self.unreached.reset()
        self.no_asks_until, self.asks_challenged = -math.inf, 0


class State:
    """Names of what an account can be, as ``/health`` shows them. A disabled one is not in use,
    whatever else it is.
    """

    OK = "ok"
    UNKNOWN = "unknown"
    COOLING = "cooling"
    INVALID = "invalid"
    DISABLED = "disabled"


@define(eq=False)
class Account:
    """One token and what has been learned of it. Times are seconds of the caller's clock.

    :ivar answered: whether the last question that told something of it was answered.
    :ivar cooling_until: the end of a cooling of the whole token; of an invalid one, when it is to
        be asked for.
    :ivar refusals: refusals of its credential that count; an account with some is invalid.
    :ivar refusal: Grok's last refusal in words; empty if its last word was another.
    :ivar refused_question: whether a question met a refusal, and not only an ask.
    :ivar on_trial: invalid, and the next question may find out whether it still is.
    :ivar switched_off: its owner wants it to be left alone by this server; the token file does not
        say so.
    :ivar retired: not in use: switched off, disabled in the token file or no longer there. What is
        leased of it is still given back.
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
    retired: bool = False

    @property
    def invalid(self) -> bool:
        """Whether Grok refused its credential twice."""
        return self.refusals > 0

    @property
    def told_of(self) -> bool:
        """Whether there is anything to remember of it."""
        shut = max(self.last_used, self.cooling_until) > -math.inf
        return bool(shut or self.allowances or self.refusal or self.switched_off)

    @property
    def disabled(self) -> bool:
        """Whether it must not be used, by either word of its owner."""
        return self.switched_off or self.entry.disabled

    def allowance(self, group: str) -> Allowance:
        """What is known of its allowance for a group of models."""
        found = self.allowances.get(group)
        if found is None:
            found = self.allowances[group] = Allowance()
        return found

    def open_at(self, group: str, cost: int) -> float:
        """From when on it may be asked a question of this group and cost, its egress apart."""
        own = math.inf if self.refusals and not self.on_trial else self.cooling_until
        allowance = self.allowances.get(group)
        return own if allowance is None else max(own, allowance.open_at(cost))

    def state(self, now: float) -> str:
        """One of :class:`State` but the last. An account is cooling while any group of models is
        shut.
        """
        if self.invalid:
            return State.INVALID
        if self.cooling_until > now:
            return State.COOLING
        for allowance in self.allowances.values():
            # open_at(1) > now, and most of it here: whole pools are counted.
            quota = allowance.quota
            if allowance.cooling_until > now or (
                quota is not None and not quota.left and allowance.open_at(1) > now
            ):
                return State.COOLING
        return State.OK if self.answered else State.UNKNOWN

    def shift(self, seconds: float) -> None:
        """So much time has passed that the caller's clock has not counted: all that was, or will
        be, is earlier by it.
        """
        self.last_used -= seconds
        self.cooling_until -= seconds
        self.suspect_until -= seconds
        if self.first_refusal_at is not None:
            self.first_refusal_at -= seconds
        for allowance in self.allowances.values():
            allowance.shift(seconds)

    # What happened -------------------------------------------------------------------------------

    def succeed(self, group: str, now: float) -> None:
        """A question was answered.

        A success ends doubts and starts the next cooling from its shortest. Not while a cooling
        lasts: this question was then asked before what led to it, and proves nothing. (It outweighs
        a mere ask.)
        """
        self.slips, self.suspect_until = 0, -math.inf
        self.allowance(group).forgive(now)
        if self.refusal and not self.refused_question:
            self.cooling_until = -math.inf
        if self.cooling_until <= now or not self.refusal:
            self.answered = True
            self._trust()

    def fail(self, group: str, error: GrokApiError, now: float) -> None:
        """A question failed with *error*."""
        if isinstance(error, CredentialsRejected):
            self.refused_question = True
            self.doubt(error.message, now)
        elif isinstance(error, QuotaExhausted):
            self.allowance(group).cool(error.retry_after, now)
            self._trust()  # whoever counts an account's answers has accepted its credential
        else:
            assert error.blame is not Blame.TOKEN, f"no rule for {error!r}"
            if isinstance(error, _SLIPS) and not isinstance(error, LineTooLong):
                self._slip(now)

    def doubt(self, refusal: str, now: float) -> None:
        """Grok has refused the credential, in these words."""
        if self.invalid and now < self.cooling_until:
            return  # an answer to something that was under way: nothing new
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
        """It was asked for, and Grok did not refuse it again: if its time has come, the next
        question will tell.
        """
        self.on_trial = self.invalid and self.cooling_until <= now

    def readmit(self, now: float) -> None:
        """Its owner had it asked for before its time, and Grok has answered: its time has come."""
        if self.invalid:
            self.cooling_until = min(self.cooling_until, now)

    def clear(self) -> None:
        """Its owner says that what is held against it does not hold (allowances apart).

        A credential that was refused once is trusted. An invalid one goes on trial: the next
        question will tell, and one more refusal puts it back where it was.
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
        """Of the failures that come together, each counts: the more, the sooner others are
        preferred for longer.
        """
        self.slips = min(self.slips + 1, 16)
        self.suspect_until = now + min(SUSPECT_S * 2 ** (self.slips - 1), SUSPECT_CAP_S)
