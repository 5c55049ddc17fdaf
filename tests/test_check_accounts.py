"""Judgements of tokens by Grok's answers, and of their egresses."""

from __future__ import annotations

import pytest

from grokcore.cli.check.accounts import judge_accounts, ways_of
from grokcore.cli.check.findings import Finding, Status
from grokcore.cli.check.network import Way
from grokcore.cli.tokens.quota_check import Checked
from grokcore.errors import (
    AntiBotRefusal,
    Challenge,
    CredentialsRejected,
    GrokApiError,
    TransportFailure,
    UpstreamRefused,
)
from grokcore.protocol.grok_web.rate_limits import RATE_LIMITS_PATH
from grokcore.protocol.quota import Quota
from grokcore.protocol.tokens import TokenEntry, token_id

DIRECT = Way()
ENTRIES = tuple(TokenEntry(f"token-{number}") for number in range(8))


def test_ways_are_told_apart_and_named_without_passwords() -> None:
    """By the proxy's host; if two have the same, by a token that takes it."""
    entries = [
        TokenEntry("a"),
        TokenEntry("b", proxy_url="direct"),
        TokenEntry("c", proxy_url="http://u1:pw@proxy.example.com:1"),
        TokenEntry("d", proxy_url="http://u2:pw@proxy.example.com:1"),
        TokenEntry("e", proxy_url="http://u1:pw@proxy.example.com:1"),
    ]
    ways = ways_of(entries, "socks5h://u:pw@127.0.0.1:2")
    assert [(way.words, [entry.sso for entry in takers]) for way, takers in ways.items()] == [
        ("through 127.0.0.1:2", ["a"]),
        ("directly", ["b"]),
        (f"through proxy.example.com:1 (of token {token_id('c')})", ["c", "e"]),
        (f"through proxy.example.com:1 (of token {token_id('d')})", ["d"]),
    ]
    assert "pw" not in repr(ways)
    assert [way.words for way in ways_of([], "http://127.0.0.1:2")] == ["through 127.0.0.1:2"]


def accounts(*outcomes: Quota | GrokApiError, one_statsig: bool = False) -> list[Finding]:
    checked = [Checked(entry, outcome) for entry, outcome in zip(ENTRIES, outcomes, strict=False)]
    return judge_accounts(DIRECT, checked, one_statsig=one_statsig)


def test_what_concerns_a_token_is_told_of_it_and_all_else_once() -> None:
    """A used-up token is a good one; a challenge is not the tokens' fault, nor is a connection that
    breaks.
    """
    gone = CredentialsRejected('Sign in again. Grok said (HTTP 401): "no such session"')
    told = accounts(
        Quota(3, 40),
        Quota(0, 25, wait_s=60.0),
        gone,
        gone,
        TransportFailure("Lost."),
        TransportFailure("Lost."),
    )
    ids = [entry.id for entry in ENTRIES]
    assert [(one.name, one.status, one.message) for one in told] == [
        (f"token {ids[0]}", Status.OK, "ok: 3 of 40"),
        (f"token {ids[1]}", Status.OK, "used up: 0 of 25, back in 60 s"),
        (f"token {ids[2]}", Status.FAIL, 'refused. Grok said (HTTP 401): "no such session"'),
        (f"token {ids[3]}", Status.FAIL, 'refused. Grok said (HTTP 401): "no such session"'),
        ("tokens", Status.FAIL, f"Lost (2 tokens, directly: {ids[4]}, {ids[5]})"),
    ]


@pytest.mark.parametrize(
    ("error_", "status"),
    [
        (Challenge("c"), Status.FAIL),
        (AntiBotRefusal("a"), Status.FAIL),
        (UpstreamRefused("Grok: no"), Status.WARN),
    ],
)
def test_a_failure_of_all_is_one_line(error_: GrokApiError, status: Status) -> None:
    """It names some of them."""
    (told,) = accounts(*[error_] * 8)
    assert told.status is status
    assert told.advice
    assert f"(8 tokens, directly: {ENTRIES[0].id}, " in told.message
    assert ", …)" in told.message


def test_a_good_statsig_value_may_be_that_of_another_path() -> None:
    """Chats may work all the same."""
    (told,) = accounts(AntiBotRefusal("a"), one_statsig=True)
    assert RATE_LIMITS_PATH in told.advice
    (told,) = accounts(AntiBotRefusal("a"))
    assert RATE_LIMITS_PATH not in told.advice
