"""What Grok says of each token, judged; and the ways that tokens take. Nothing here does I/O.

Rules
-----
1. Only Grok's word on a session is told of a token. What concerns its way, or Grok, is told once
   for all that it hit.
2. A token that is used up is a good one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from ...errors import (
    AntiBotRefusal,
    Blame,
    Challenge,
    CredentialsRejected,
    GrokApiError,
    QuotaExhausted,
    UpstreamOverloaded,
    UpstreamRefused,
)
from ...protocol.advice import advice
from ...protocol.grok_web.rate_limits import RATE_LIMITS_PATH
from ...protocol.quota import Quota
from ...protocol.tokens import TokenEntry
from ..tokens.quota_check import Checked, way_of
from .findings import Finding, fail, ok, warn
from .network import Way

__all__ = ["judge_accounts", "ways_of"]

IDS_NAMED = 5
"""How many tokens a message names at most."""


def ways_of(entries: Sequence[TokenEntry], default_proxy: str) -> dict[Way, list[TokenEntry]]:
    """The ways that *entries* take, in their order, each with those that take it; the configured
    one if there are none.
    """
    takers: dict[str, list[TokenEntry]] = {}
    for entry in entries:
        takers.setdefault(way_of(entry, default_proxy), []).append(entry)
    takers = takers or {default_proxy: []}
    places = [_place(proxy) for proxy in takers]
    return {
        Way(
            proxy,
            _words(proxy, first=tokens[0] if tokens and places.count(_place(proxy)) > 1 else None),
        ): tokens
        for proxy, tokens in takers.items()
    }


def _place(proxy_url: str) -> str:
    return urlsplit(proxy_url).netloc.rpartition("@")[2]


def _words(proxy_url: str, *, first: TokenEntry | None) -> str:
    """*first*: the first token that takes it, if the host alone does not tell it from another (with
    another user).
    """
    if not proxy_url:
        return "directly"
    whose = f" (of token {first.id})" if first else ""
    return f"through {_place(proxy_url)}{whose}"


def judge_accounts(way: Way, checked: Iterable[Checked], *, one_statsig: bool) -> list[Finding]:
    """What came of the tokens that take *way*.

    :param one_statsig: one value of ``x-statsig-id`` is sent for all paths, and looks like a
        browser's.
    """
    findings: list[Finding] = []
    shared: dict[str, list[Checked]] = {}
    for one in checked:
        if isinstance(one.outcome, Quota):
            findings.append(ok(_name(one.entry), _with_note(one, str(one))))
        elif isinstance(one.outcome, CredentialsRejected):
            told = _with_note(one, f"refused. {_said(one.outcome)}".removesuffix("."))
            findings.append(fail(_name(one.entry), told, advice("no_valid_tokens")))
        else:
            shared.setdefault(_told(one.outcome), []).append(one)
    return findings + [
        _shared(way, told, hit, one_statsig=one_statsig) for told, hit in shared.items()
    ]


def _name(entry: TokenEntry) -> str:
    return f"token {entry.id}"


def _with_note(checked: Checked, told: str) -> str:
    return f"{told} ({checked.entry.note})" if checked.entry.note else told


def _shared(way: Way, told: str, hit: Sequence[Checked], *, one_statsig: bool) -> Finding:
    """One failure of all that it hit."""
    error = hit[0].outcome
    assert isinstance(error, GrokApiError)
    ids = ", ".join(one.entry.id for one in hit[:IDS_NAMED]) + (
        ", …" if len(hit) > IDS_NAMED else ""
    )
    number = f"{len(hit)} tokens" if len(hit) > 1 else "1 token"
    wanted = advice(error.code or "") or "Try again in a while."
    if isinstance(error, AntiBotRefusal) and one_statsig:
        wanted = (
            f"The value of x_statsig_id may be that of another path: give {RATE_LIMITS_PATH} its "
            "own (README), or ask in a "
            f"chat. If that is refused too: {wanted}"
        )
    passing = isinstance(error, QuotaExhausted | UpstreamOverloaded | UpstreamRefused)
    return (warn if passing else fail)("tokens", f"{told} ({number}, {way.words}: {ids})", wanted)


_SHORT: Mapping[type[GrokApiError], str] = {
    Challenge: "a challenge page came instead of an answer",
    AntiBotRefusal: "Grok's anti-bot rules refused the request",
}


def _told(error: GrokApiError) -> str:
    if error.blame is Blame.EGRESS:
        return _SHORT[type(error)]
    return error.message.removesuffix(".")


def _said(error: GrokApiError) -> str:
    """Grok's own words, without what is advised before them."""
    _, marker, words = error.message.partition("Grok said")
    return marker + words if marker else error.message
