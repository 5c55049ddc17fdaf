"""The token book: which token takes the next request, and what each outcome means for it.

Pure bookkeeping: ``now`` is an argument, nothing waits here. :mod:`grokcore.runtime.pool` puts the queue around it.

Theory
------
A token is free, cooling until a time, or refused (a credential that Grok did not take, twice, at least a minute apart).
Every cooling ends. An *egress* (the way to Grok: direct, or a proxy) can pause as well: a challenge page says nothing
about a token, so it costs none, but asking again at once through the same address would only harden it.

Rules
-----
1. One outcome changes at most the token it belongs to, and only if the failure's blame is the token; a challenge changes
   its egress and nothing else.
2. Choice: able tier (basic before super, so that super stays free for what needs it) → not cooling → below the cap →
   fewest in flight → least recently used.
3. Whatever is leased is given back exactly once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from attrs import define, field, frozen

from ..errors import (
    Blame,
    Challenge,
    CredentialsRejected,
    GrokApiError,
    NoTokens,
    NoValidTokens,
    QuotaExhausted,
    RateLimitExceeded,
)
from .models import Model, Tier
from .tokens import TokenEntry

__all__ = ["Account", "Egress", "Need", "TokenBook"]

QUOTA_COOLING_S = 60.0
"""First cooling after a 429 that named no time; doubles with each further one, up to the cap. Upstream's windows are
2 to 24 hours, but 429 also comes from short bursts, and one call to find out costs nothing."""

QUOTA_COOLING_CAP_S = 3600.0

EVIDENCE_APART_S = 60.0
"""A credential is refused for good only after two explicit answers this far apart: single ones have been wrong."""

REFUSED_COOLING_S = (3600.0, 86400.0)
"""A refused token is tried again after an hour, then daily: accounts do come back."""

EGRESS_PAUSE_S = 5.0
EGRESS_PAUSE_CAP_S = 300.0


@define
class Egress:
    """One way to Grok. *proxy_url* is empty for a direct connection."""

    proxy_url: str = field(repr=False)
    paused_until: float = 0.0
    challenges: int = 0


@define(eq=False)
class Account:
    """One token and what has been learned of it. Times are seconds of the caller's clock."""

    entry: TokenEntry
    egress: Egress
    in_flight: int = 0
    last_used: float = float("-inf")
    has_answered: bool = False
    cooling_until: float = float("-inf")
    quota_strikes: int = 0
    first_refusal_at: float | None = None
    refusals: int = 0
    last_refusal: CredentialsRejected | None = field(default=None, repr=False)

    @property
    def doubted(self) -> bool:
        """Whether the last word on its credential was a refusal."""
        return self.last_refusal is not None


@frozen
class Need:
    """What a request asks of the pool.

    :ivar excluded: ids that must not be taken (they failed this request by their own fault, or twice).
    :ivar avoided: ids that are taken only if no other is free (they failed it by nobody's fault).
    """

    model: Model
    excluded: frozenset[str] = frozenset()
    avoided: frozenset[str] = frozenset()


class TokenBook:
    """All accounts. See the theory.

    :param default_proxy: the egress of tokens that name none.
    :param max_in_flight: requests that one token may have open at once.
    """

    def __init__(self, entries: Iterable[TokenEntry], *, default_proxy: str = "", max_in_flight: int = 2) -> None:
        self._max_in_flight = max_in_flight
        self._egresses: dict[str, Egress] = {}
        self.accounts = [Account(entry, self._egress(entry, default_proxy)) for entry in entries if not entry.disabled]

    def choose(self, need: Need, now: float) -> Account | None:
        """Reserve an account for *need*; None if all that could serve it are busy, or there are none."""
        ready = [
            account
            for account in self._able(need)
            if account.in_flight < self._max_in_flight
            and self._open_at(account) <= now
            and account.entry.id not in need.excluded
        ]
        if not ready:
            return None
        best = min(ready, key=lambda account: self._rank(account, need))
        best.in_flight += 1
        best.last_used = now
        return best

    def hopeless(self, need: Need, now: float) -> GrokApiError | None:
        """Why waiting for a busy token would not help; None if it would."""
        able = self._able(need)
        if any(self._open_at(account) <= now for account in able if account.entry.id not in need.excluded):
            return None
        if not able:
            return self._why_none_able(need)
        shut = [account for account in able if self._open_at(account) > now]
        if not shut:
            return NoValidTokens("Every token that may use this model was tried for this request, and failed.")
        return _why_all_shut(shut, now)

    def next_opening(self, need: Need, now: float) -> float:
        """When the next account that could serve *need* stops cooling or resting; infinity if none is."""
        openings = (self._open_at(account) for account in self._able(need) if account.entry.id not in need.excluded)
        return min((at for at in openings if at > now), default=math.inf)

    def settle(self, account: Account, error: GrokApiError | None, now: float) -> None:
        """Give an account back after an attempt.

        :param error: None for a success; the attempt's failure otherwise.
        """
        account.in_flight -= 1
        if error is None:
            _forgive(account, now)
        elif isinstance(error, Challenge):
            _pause(account.egress, error, now)
        elif isinstance(error, CredentialsRejected):
            _doubt(account, error, now)
        elif isinstance(error, QuotaExhausted):
            _cool(account, error, now)
        else:
            assert error.blame is not Blame.TOKEN, f"no rule for {error!r}"

    def abandon(self, account: Account) -> None:
        """Give an account back after an attempt that nobody waited for: nothing is learned."""
        account.in_flight -= 1

    def counts(self, now: float) -> dict[str, int]:
        """Accounts by state, for ``/health``."""
        states = [_state(account, now) for account in self.accounts]
        return {state: states.count(state) for state in ("ok", "unknown", "cooling", "invalid")}

    def _egress(self, entry: TokenEntry, default_proxy: str) -> Egress:
        proxy = default_proxy if entry.proxy_url is None else entry.proxy_url
        proxy = "" if proxy == "direct" else proxy
        return self._egresses.setdefault(proxy, Egress(proxy))

    def _able(self, need: Need) -> list[Account]:
        return [
            account for account in self.accounts if account.entry.tier is Tier.SUPER or need.model.tier is Tier.BASIC
        ]

    @staticmethod
    def _open_at(account: Account) -> float:
        return max(account.cooling_until, account.egress.paused_until)

    @staticmethod
    def _rank(account: Account, need: Need) -> tuple[bool, bool, int, float]:
        return (
            account.entry.id in need.avoided,
            account.entry.tier is Tier.SUPER,
            account.in_flight,
            account.last_used,
        )

    def _why_none_able(self, need: Need) -> GrokApiError:
        if not self.accounts:
            return NoTokens(
                "No Grok token is configured. Put the sso cookie of your grok.com session into tokens.json (see "
                "tokens.example.json) and start the server again."
            )
        return NoTokens(f"The model {need.model.name} needs a token of a Super account, and none is configured.")


def _why_all_shut(able: Sequence[Account], now: float) -> GrokApiError:
    """Why none of *able* can be used: each is cooling, refused, or on a paused egress."""
    usable = [account for account in able if account.cooling_until <= now]
    if usable:
        wait = min(account.egress.paused_until for account in usable) - now
        return Challenge(
            "Grok answered with a challenge page a moment ago, so this address is left alone for now. Open grok.com in "
            "your browser through the same proxy and copy its cf_clearance cookie and User-Agent into the "
            "configuration; the three belong together.",
            retry_after=wait,
        )
    refusals = [account.last_refusal for account in able if account.last_refusal is not None]
    if len(refusals) == len(able):
        return NoValidTokens(f"No configured token is accepted by Grok any more. {refusals[0].message}")
    limited = min(account.cooling_until for account in able if not account.doubted) - now
    message = f"All tokens for this model are used up for now; the first is back in {max(1, round(limited))} s."
    return RateLimitExceeded(message, retry_after=limited)


def _forgive(account: Account, now: float) -> None:
    """A success ends doubts and starts the next cooling and pause from their shortest.

    Not while a cooling or a pause lasts: this attempt then began before what led to it, and proves nothing.
    """
    account.has_answered = True
    if account.cooling_until <= now:
        account.quota_strikes = 0
        _trust(account)
    if account.egress.paused_until <= now:
        account.egress.challenges = 0


def _trust(account: Account) -> None:
    account.refusals = 0
    account.first_refusal_at = account.last_refusal = None


def _pause(egress: Egress, error: Challenge, now: float) -> None:
    """Let an egress rest. Of the requests that were under way together, one challenge counts."""
    if egress.paused_until <= now:
        egress.paused_until = now + min(EGRESS_PAUSE_S * 2**egress.challenges, EGRESS_PAUSE_CAP_S)
        egress.challenges = min(egress.challenges + 1, 16)
    error.retry_after = egress.paused_until - now


def _cool(account: Account, error: GrokApiError, now: float) -> None:
    if account.cooling_until <= now:  # of the requests that were under way together, one counts
        account.quota_strikes = min(account.quota_strikes + 1, 16)
    seconds = min(QUOTA_COOLING_S * 2 ** max(0, account.quota_strikes - 1), QUOTA_COOLING_CAP_S)
    until = now + (error.retry_after or seconds)
    account.cooling_until = max(account.cooling_until, until)
    # Whoever counts an account's answers has accepted its credential.
    _trust(account)


def _doubt(account: Account, error: CredentialsRejected, now: float) -> None:
    account.last_refusal = error
    if account.first_refusal_at is None:
        account.first_refusal_at = now
    confirmed = now - account.first_refusal_at >= EVIDENCE_APART_S
    if not confirmed:
        account.cooling_until = max(account.cooling_until, account.first_refusal_at + EVIDENCE_APART_S)
        return
    again_at = now + REFUSED_COOLING_S[min(account.refusals, len(REFUSED_COOLING_S) - 1)]
    account.cooling_until = max(account.cooling_until, again_at)
    account.refusals += 1


def _state(account: Account, now: float) -> str:
    if account.refusals:
        return "invalid"
    if account.cooling_until > now:
        return "cooling"
    return "ok" if account.has_answered and not account.doubted else "unknown"
