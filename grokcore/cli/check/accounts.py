"""Judgements of Grok's answers for each token, and the egresses of tokens. No I/O.

Rules
-----
1. Only a refusal of a session is reported for a token alone. A failure of an egress or of Grok is
   reported once, with all tokens that met it.
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

__all__ = [
    "groks_words",
    "hit_by",
    "in_few_words",
    "judge_accounts",
    "name_of",
    "ways_of",
    "with_note",
]

IDS_NAMED = 5
"""The most tokens that one message names."""


def ways_of(entries: Sequence[TokenEntry], default_proxy: str) -> dict[Way, list[TokenEntry]]:
    """The egresses of *entries*, in their order, each with its tokens; the configured one if there
    are none.
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
    """The words for an egress.

    :param first: its first token, if the host alone does not distinguish it from an egress with
        another user; else None.
    """
    if not proxy_url:
        return "directly"
    whose = f" (of token {first.id})" if first else ""
    return f"through {_place(proxy_url)}{whose}"


def judge_accounts(way: Way, checked: Iterable[Checked], *, one_statsig: bool) -> list[Finding]:
    """Findings for the tokens of the egress *way*.

    :param one_statsig: one value of ``x-statsig-id`` is sent for all paths, and looks like a
        browser's.
    """
    findings: list[Finding] = []
    shared: dict[str, list[Checked]] = {}
    for result in checked:
        if isinstance(result.outcome, Quota):
            findings.append(ok(name_of(result.entry), with_note(result.entry, str(result))))
        elif isinstance(result.outcome, CredentialsRejected):
            message = with_note(
                result.entry, f"refused. {groks_words(result.outcome)}".removesuffix(".")
            )
            findings.append(fail(name_of(result.entry), message, advice("no_valid_tokens")))
        else:
            shared.setdefault(in_few_words(result.outcome), []).append(result)
    return findings + [
        _shared(way, message, hit, one_statsig=one_statsig) for message, hit in shared.items()
    ]


def name_of(entry: TokenEntry) -> str:
    """The name of findings on one token."""
    return f"token {entry.id}"


def with_note(entry: TokenEntry, message: str) -> str:
    """*message* with the owner's note on the token."""
    return f"{message} ({entry.note})" if entry.note else message


def _shared(way: Way, message: str, hit: Sequence[Checked], *, one_statsig: bool) -> Finding:
    """The finding for a failure that several tokens share."""
    error = hit[0].outcome
    assert isinstance(error, GrokApiError)
    wanted = advice(error.code or "") or "Try again in a while."
    if isinstance(error, AntiBotRefusal) and one_statsig:
        wanted = (
            f"The value of x_statsig_id may be that of another path: give {RATE_LIMITS_PATH} its "
            "own (README), or ask in a "
            f"chat. If that is refused too: {wanted}"
        )
    passing = isinstance(error, QuotaExhausted | UpstreamOverloaded | UpstreamRefused)
    return (warn if passing else fail)(
        "tokens", f"{message} ({hit_by(way, [one.entry for one in hit])})", wanted
    )


def hit_by(way: Way, entries: Sequence[TokenEntry]) -> str:
    """The tokens that a failure concerns, and their egress; some of them by name."""
    ids = ", ".join(entry.id for entry in entries[:IDS_NAMED])
    more = ", …" if len(entries) > IDS_NAMED else ""
    number = f"{len(entries)} tokens" if len(entries) > 1 else "1 token"
    return f"{number}, {way.words}: {ids}{more}"


_SHORT: Mapping[type[GrokApiError], str] = {
    Challenge: "a challenge page came instead of an answer",
    AntiBotRefusal: "Grok's anti-bot rules refused the request",
}


def in_few_words(error: GrokApiError) -> str:
    """*error* without the advice that is for clients."""
    if error.blame is Blame.EGRESS:
        return _SHORT[type(error)]
    return error.message.removesuffix(".")


def groks_words(error: GrokApiError) -> str:
    """Grok's own words, without the advice before them."""
    _, marker, words = error.message.partition("Grok said")
    return marker + words if marker else error.message
