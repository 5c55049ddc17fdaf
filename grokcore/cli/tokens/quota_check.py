"""A round of questions to Grok, one for each token: its remaining allowance, and whether it is
accepted.

No generation is spent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import trio
from attrs import define, field, frozen

from ...config import Config
from ...errors import Blame, CredentialsRejected, GrokApiError, TransportFailure
from ...protocol.models import Model, Tier
from ...protocol.quota import Quota
from ...protocol.tokens import TokenEntry
from ...runtime.gather import for_all
from ...runtime.lanes.grok_web.quota_polling import AT_ONCE, NotForCookies, QuotaAsker
from .states import duration, quota_in_words

__all__ = ["Checked", "Round", "Unreported", "model_asked_for", "way_of"]


@frozen
class Unreported:
    """The session is accepted, and its allowance is for the page alone to know."""


@frozen
class Checked:
    """The result for one token."""

    entry: TokenEntry
    outcome: Quota | Unreported | GrokApiError

    @property
    def good(self) -> bool:
        """Whether Grok accepted it; a token that is used up is a good one."""
        return not isinstance(self.outcome, GrokApiError)

    def __str__(self) -> str:
        if isinstance(self.outcome, Unreported):
            return "ok: signed in; the allowance is reported to Grok's own page alone"
        if isinstance(self.outcome, Quota):
            wait = "" if self.outcome.left else f", back in {duration(self.outcome.wait_for(1))}"
            return (
                f"{'ok' if self.outcome.left else 'used up'}: {quota_in_words(self.outcome)}{wait}"
            )
        verdict = "refused" if isinstance(self.outcome, CredentialsRejected) else "no answer"
        return f"{verdict} ({self.outcome.code}): {self.outcome.message}"


def model_asked_for(config: Config) -> Model:
    """The model whose allowance is asked for by default: every account may use it."""
    return next(model for model in config.models.values() if model.tier is Tier.BASIC)


def way_of(entry: TokenEntry, default_proxy: str) -> str:
    """The proxy that a token's requests go through; empty for none."""
    proxy = default_proxy if entry.proxy_url is None else entry.proxy_url
    return "" if proxy == "direct" else proxy


@define
class Round:
    """A round over all tokens, each once.

    After a refusal that concerns an egress, no other token asks through it: more requests would
    only harden the refusal.

    :ivar group: the group of models whose allowance is asked for.
    :ivar seconds: the timeout of one question; None leaves it to the asker.
    :ivar confirm: asks whether a session is accepted, with its egress, where Grok does not report
        the allowance to cookies alone; None leaves that a failure.
    """

    asker: QuotaAsker
    default_proxy: str = field(repr=False)
    group: str
    seconds: float | None = None
    confirm: Callable[[str, str], Awaitable[object]] | None = None
    _refused_ways: dict[str, GrokApiError] = field(factory=dict, repr=False)

    async def ask_all(
        self, entries: Sequence[TokenEntry], advance: Callable[[], None]
    ) -> list[Checked]:
        """Ask about *entries*, a few at a time. *advance* is called after each."""

        async def ask(entry: TokenEntry) -> Checked:
            outcome: Quota | Unreported | GrokApiError = await self.ask_one(entry)
            if isinstance(outcome, NotForCookies) and self.confirm is not None:
                outcome = await self._confirmed(entry)
            advance()
            return Checked(entry, outcome)

        return await for_all(entries, ask, at_once=AT_ONCE)

    async def ask_one(self, entry: TokenEntry) -> Quota | GrokApiError:
        """The allowance of a token, or the failure to learn it."""
        way = way_of(entry, self.default_proxy)
        if way in self._refused_ways:
            return self._refused_ways[way]
        try:
            return await self._ask(entry, way)
        except GrokApiError as error:
            if error.blame is Blame.EGRESS or isinstance(error, NotForCookies):
                self._refused_ways[way] = error
            return error

    async def _confirmed(self, entry: TokenEntry) -> Unreported | GrokApiError:
        """Whether Grok accepts a token whose allowance it does not report."""
        assert self.confirm is not None
        try:
            await self.confirm(entry.sso, way_of(entry, self.default_proxy))
        except GrokApiError as error:
            return error
        return Unreported()

    async def _ask(self, entry: TokenEntry, way: str) -> Quota:
        if self.seconds is None:
            return await self.asker.ask(entry.sso, way, self.group)
        with trio.move_on_after(self.seconds):
            return await self.asker.ask(entry.sso, way, self.group)
        raise TransportFailure(f"Grok did not answer within {self.seconds:g} s.")
