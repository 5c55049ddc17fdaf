"""The rounds over all tokens, lane by lane, and the tokens that questions may be put with then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from ...config import Config
from ...errors import CredentialsRejected
from ...protocol.grok_socket.modes import UserSession
from ...protocol.models import Tier, WebLane
from ...protocol.tokens import TokenEntry
from ...runtime.transport.curl import CurlTransport
from ..assembly import lane_settings, quota_asker
from ..progress import progress
from ..tokens.quota_check import Checked, Round, model_asked_for
from .account_judgements import judge_looks, judge_shared_accounts
from .account_looks import AccountLook, AccountRound
from .accounts import judge_accounts
from .findings import Finding, OnFinding
from .identity import statsig_doubt
from .lanes_in_use import LANE_WORDS, cheapest_model, lanes_in_use
from .looks import LOOK_S
from .network import Way

__all__ = ["Candidate", "TokenRounds"]


@frozen
class Candidate:
    """A token that a question could be put with.

    :ivar entry: with the id of its user, if that is known.
    :ivar why_not: why that would be in vain; empty if nothing speaks against it.
    """

    entry: TokenEntry
    lane: WebLane
    why_not: str = ""


@frozen
class TokenRounds:
    """The looks at tokens whose egresses reach Grok.

    :ivar demo: whether Grok is simulated. Its accounts are made up, and all the same one.
    """

    config: Config
    transport: CurlTransport
    report: OnFinding
    demo: bool

    async def go(self, tokens: Mapping[Way, Sequence[TokenEntry]]) -> list[Candidate]:
        """Look at *tokens*, by their egresses; report the findings."""
        lanes = lanes_in_use(self.config)
        candidates: list[Candidate] = []
        dead: frozenset[str] = frozenset()
        if WebLane.SOCKET in lanes:
            looks = await self._over_socket(tokens)
            dead = frozenset(look.entry.key for look in looks if look.dead)
            candidates += map(_over_socket, looks)
        if WebLane.REST in lanes:
            alive = {
                way: [entry for entry in entries if entry.key not in dead]
                for way, entries in tokens.items()
            }
            checked = await self._over_rest(alive, named=len(lanes) > 1)
            candidates += map(_over_rest, checked)
        return candidates

    async def _over_socket(self, tokens: Mapping[Way, Sequence[TokenEntry]]) -> list[AccountLook]:
        config, entries = self.config, _all(tokens)
        round_ = AccountRound(
            self.transport,
            lane_settings(config),
            config.grok.socket_path,
            config.grok.proxy_url,
            self._allowances(WebLane.SOCKET),
        )
        with progress("looking at accounts", len(entries)) as advance:
            looks = await round_.look_at_all(entries, advance)
        by_key = {look.entry.key: look for look in looks}
        for way, its_own in tokens.items():
            self._report_all(judge_looks(way, [by_key[entry.key] for entry in its_own]))
        if not self.demo:
            self._report_all(judge_shared_accounts(looks))
        return looks

    async def _over_rest(
        self, tokens: Mapping[Way, Sequence[TokenEntry]], *, named: bool
    ) -> list[Checked]:
        entries = _all(tokens)
        with progress("asking Grok", len(entries)) as advance:
            checked = await self._allowances(WebLane.REST).ask_all(entries, advance)
        by_key = {one.entry.key: one for one in checked}
        for way, its_own in tokens.items():
            results = [by_key[entry.key] for entry in its_own]
            findings = judge_accounts(way, results, one_statsig=self._has_one_statsig())
            prefix = f"{LANE_WORDS[WebLane.REST]}: " if named else ""
            self._report_all([evolve(one, message=prefix + one.message) for one in findings])
        return checked

    def _allowances(self, lane: WebLane) -> Round:
        model = cheapest_model(self.config, lane, Tier.SUPER) or model_asked_for(self.config)
        asker = quota_asker(self.config, self.transport)
        return Round(asker, self.config.grok.proxy_url, model.rate_limit_name, seconds=LOOK_S)

    def _has_one_statsig(self) -> bool:
        value = self.config.grok.x_statsig_id
        return isinstance(value, str) and not statsig_doubt(value)

    def _report_all(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            self.report(finding)


def _all(tokens: Mapping[Way, Sequence[TokenEntry]]) -> list[TokenEntry]:
    return [entry for its_own in tokens.values() for entry in its_own]


def _over_socket(look: AccountLook) -> Candidate:
    if look.dead:
        why_not = "its session is refused"
    else:
        why_not = "" if look.upgrade is True else "its websocket does not open"
    named = look.session.user_id if isinstance(look.session, UserSession) else ""
    entry = evolve(look.entry, user_id=look.entry.user_id or named)
    return Candidate(entry, WebLane.SOCKET, why_not)


def _over_rest(checked: Checked) -> Candidate:
    refused = isinstance(checked.outcome, CredentialsRejected)
    return Candidate(checked.entry, WebLane.REST, "its session is refused" if refused else "")
