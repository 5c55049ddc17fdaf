"""Judgements of the looks at accounts that chat over the websocket. No I/O.

Rules
-----
1. A token has one line of its own: its account, its websocket, its modes, its allowance. A refusal
   that is the token's own makes this line red, or yellow if it passes.
2. All other failures are reported once for each egress, by the name of the look, with the tokens
   that met them.
3. A refusal of the modes or of the allowance is no fault of a token's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from ...errors import (
    Blame,
    CredentialsRejected,
    GrokApiError,
    QuotaExhausted,
    UpstreamFailure,
    UpstreamOverloaded,
    UpstreamRefused,
)
from ...protocol.advice import advice
from ...protocol.grok_socket.modes import Mode, Modes, UserSession
from ...protocol.quota import Quota
from ...protocol.tokens import TokenEntry
from ...runtime.lanes.grok_web.quota_polling import NotForCookies
from ..tokens.quota_check import Checked
from .account_looks import AccountLook
from .accounts import groks_words, hit_by, in_few_words, name_of, with_note
from .findings import Finding, Status, fail, ok, warn
from .network import Way

__all__ = ["judge_looks", "judge_shared_accounts"]

SHOWN_ID_CHARS = 8
"""Characters of a user's id that are shown: enough to tell accounts apart, and not the cookie."""

MODES_NAMED = 10

SIGN_IN = (
    "Sign in at grok.com again in your own browser and add the fresh sso cookie: tokens add, or "
    "Copy as cURL at a request to grok.com and import-curl."
)
BLOCKED = "Look at grok.com with this account in your own browser. Another account may still do."
FROM_YOUR_BROWSER = (
    "Open grok.com in your own browser from this address (or through the same proxy), Copy as cURL "
    "at a request to it, and paste that into import-curl: it takes cf_clearance and User-Agent, "
    "which belong to the address. Another address (proxy_url) can help too."
)
NO_WEBSOCKET = (
    "Something on the way may not let websockets through: try another proxy_url. If the other "
    "looks fail too, Grok is in trouble; try again in a while."
)
MOVED = "Grok may have moved its websocket: see [grok] socket_path, and whether there is an update."
NOT_NOW = "Grok takes no more connections of this account for now. Wait, and try again."
TIER_DECIDES = "It is no fault of the tokens': their tier decides which models are tried with them."
COUNTED_HERE = "It is no fault of the tokens': their questions are counted here."
PASSES = "It passes, as a rule. Try again in a while."

_Judge: TypeAlias = Callable[[str, str, str], Finding]


def judge_looks(way: Way, looks: Sequence[AccountLook]) -> list[Finding]:
    """Findings on the tokens of the egress *way*, in their order, and then on their failures."""
    return [*map(_judge_token, looks), *_shared_failures(way, looks)]


def judge_shared_accounts(looks: Iterable[AccountLook]) -> list[Finding]:
    """A finding for each account that several tokens belong to."""
    by_user: dict[str, list[str]] = {}
    for look in looks:
        if isinstance(look.session, UserSession):
            by_user.setdefault(look.session.user_id, []).append(look.entry.id)
    return [
        warn(
            "accounts",
            f"the tokens {', '.join(ids[:MODES_NAMED])} belong to one account",
            "They share its allowance, which is counted for each of them here. Keep one.",
        )
        for ids in by_user.values()
        if len(ids) > 1
    ]


# A token's line ---------------------------------------------------------------------------------


def _judge_token(look: AccountLook) -> Finding:
    finding = _own_failure(look)
    if finding is None:
        words = "; ".join(_phrases(look)) or "not known, see below"
        finding = ok(name_of(look.entry), words)
        if isinstance(look.session, UserSession) and _differs(look.entry, look.session):
            finding = Finding(
                finding.name,
                Status.WARN,
                f"its user_id in the token file is not that of its session; {words}",
                "Take user_id out of the entry: Grok is asked for it once.",
            )
    return Finding(
        finding.name, finding.status, with_note(look.entry, finding.message), finding.advice
    )


def _own_failure(look: AccountLook) -> Finding | None:
    """The finding on a refusal that is the token's own."""
    name = name_of(look.entry)
    if isinstance(look.session, UserSession) and look.session.blocked:
        return fail(name, "Grok has blocked its account", BLOCKED)
    for what, result in _stages(look):
        if isinstance(result, CredentialsRejected):
            return fail(name, f"{what}: refused. {_said(result)}", SIGN_IN)
    if isinstance(look.upgrade, QuotaExhausted):
        rest = "; ".join(_phrases(look))
        return warn(name, f"websocket: refused for now. {_said(look.upgrade)}; {rest}", NOT_NOW)
    return None


def _differs(entry: TokenEntry, session: UserSession) -> bool:
    return bool(entry.user_id) and entry.user_id != session.user_id


def _phrases(look: AccountLook) -> Iterator[str]:
    if isinstance(look.session, UserSession):
        yield f"signed in as user {_short(look.session.user_id)}"
    if look.upgrade is True:
        yield "the websocket opens"
    if isinstance(look.modes, Modes):
        yield _modes_in_words(look.modes)
    if isinstance(look.left, Quota):
        words = str(Checked(look.entry, look.left)).removeprefix("ok: ")
        yield f"allowance: {words}"
    elif isinstance(look.left, NotForCookies):
        yield "Grok does not report its allowance, which is counted here"


def _short(user_id: str) -> str:
    return f"{user_id[: min(SHOWN_ID_CHARS, len(user_id) // 2)]}…"


def _modes_in_words(modes: Modes) -> str:
    usable = ", ".join(modes.usable[:MODES_NAMED]) or "none"
    refused = [mode for mode in modes.modes if not mode.usable][:MODES_NAMED]
    if not refused:
        return f"modes: {usable}"
    return f"modes: {usable} (not {', '.join(map(_with_plan, refused))})"


def _with_plan(mode: Mode) -> str:
    return f"{mode.id}: {mode.tier}" if mode.tier else mode.id


# Failures of several tokens ---------------------------------------------------------------------


def _stages(look: AccountLook) -> Iterator[tuple[str, object]]:
    yield "session", look.session
    yield "websocket", look.upgrade
    yield "modes", look.modes
    yield "allowance", look.left


def _shared_failures(way: Way, looks: Sequence[AccountLook]) -> Iterator[Finding]:
    failures: dict[tuple[str, str], tuple[GrokApiError, list[TokenEntry]]] = {}
    for look in looks:
        for what, result in _stages(look):
            if isinstance(result, GrokApiError) and not _is_own(what, result):
                hit = failures.setdefault((what, _words(result)), (result, []))[1]
                hit.append(look.entry)
    for (what, words), (error, hit) in failures.items():
        judge, wanted = _verdict(what, error)
        yield judge(what, f"{words} ({hit_by(way, hit)})", wanted)


def _is_own(what: str, error: GrokApiError) -> bool:
    """Whether a failure stands in the token's own line."""
    if isinstance(error, CredentialsRejected | NotForCookies):
        return True
    return what == "websocket" and isinstance(error, QuotaExhausted)


def _said(error: GrokApiError) -> str:
    return groks_words(error).removesuffix(".")


def _words(error: GrokApiError) -> str:
    if error.blame is not Blame.EGRESS:
        return _said(error)
    status = re.search(r"HTTP \d{3}", error.message)
    return in_few_words(error) + (f", {status[0]}" if status else "")


def _verdict(what: str, error: GrokApiError) -> tuple[_Judge, str]:
    if what == "modes":
        return warn, TIER_DECIDES
    if what == "allowance":
        return warn, COUNTED_HERE
    if error.blame is Blame.EGRESS:
        return fail, FROM_YOUR_BROWSER
    if isinstance(error, QuotaExhausted | UpstreamOverloaded):
        return warn, PASSES
    if what == "websocket" and isinstance(error, UpstreamRefused):
        return fail, MOVED
    if what == "websocket" and isinstance(error, UpstreamFailure):
        return fail, NO_WEBSOCKET
    return fail, advice(error.code or "") or PASSES
