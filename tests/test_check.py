"""``check``: the judgements as tables, and whole runs against a simulated Grok."""

from __future__ import annotations

import base64
import contextlib
import email.utils
import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import trio
import trustme
from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from grokcore import cli
from grokcore.cli import EXIT_CONFIG, main
from grokcore.cli.check import files, findings, journey, looks, network
from grokcore.cli.check.accounts import judge_accounts, ways_of
from grokcore.cli.check.files import FileLook, FolderLook
from grokcore.cli.check.findings import Finding, Status, exit_code, fail, ok, skipped, warn
from grokcore.cli.check.identity import judge_browser, judge_clearance, judge_statsig
from grokcore.cli.check.looks import Look
from grokcore.cli.check.network import Way
from grokcore.cli.permissions import has_secrets, judge_mode
from grokcore.cli.tokens.asking import Checked
from grokcore.config import load_config
from grokcore.config.sections import DEFAULT_STATSIG_ID
from grokcore.errors import (
    AntiBotRefusal,
    Challenge,
    CredentialsRejected,
    GrokApiError,
    TransportFailure,
    UpstreamRefused,
)
from grokcore.protocol.grok_web.identity import Identity
from grokcore.protocol.grok_web.payload import CHAT_PATH
from grokcore.protocol.grok_web.rate_limits import RATE_LIMITS_PATH
from grokcore.protocol.quota import Quota
from grokcore.protocol.token_file.reading import read_tokens
from grokcore.protocol.tokens import TokenEntry, token_id
from grokcore.runtime.attachments.lookups import Lookups
from grokcore.runtime.disk.data_dir import DataDirectory
from grokcore.runtime.transport.curl import browsers_known
from grokcore.simulator import lines
from grokcore.simulator.app import Simulator
from grokcore.simulator.limits import Limit
from grokcore.simulator.scripts import HANG, Script, error, page
from grokcore.simulator.scripts import trace as traced
from grokcore.simulator.serve import serve_simulator
from tests.servers import free_port

ROOT = Path(__file__).parents[1]

Capture: TypeAlias = pytest.CaptureFixture[str]

REAL_STATSIG = base64.b64encode(bytes(range(130, 200))).decode().rstrip("=")
"""Of the form of a browser's: 94 characters, and no text."""

CLEARANCE = "c1eAr4nce" * 5 + "-1790000000-1.2.1.1-" + "x" * 40


# Judgements ---------------------------------------------------------------------------------------------------------


@frozen
class Case:
    """A judgement, and what it should come to.

    :ivar says: a piece of the message, or of the advice.
    """

    name: str
    judge: Callable[[], Finding | list[Finding] | None]
    status: Status | None
    says: str = ""


def permissions(mode: int, *, secret: bool = True, reader: int | None = None) -> Callable[[], Finding | None]:
    access = judge_mode(Path("my tokens"), mode, secret=secret, reader=reader)
    return lambda: files.judge_permissions(access) if access else None


def token_file(text: str | None) -> Callable[[], list[Finding]]:
    return lambda: files.judge_tokens(Path("t") if text is not None else None, read_tokens((text or "{}").encode()))


def folder(**fields: Any) -> Callable[[], Finding]:
    return lambda: files.judge_folder(FolderLook(Path("data"), **fields))


def space(free: int | None, cache_mb: int = 0, cached_mb: int = 0) -> Callable[[], Finding]:
    look = FolderLook(Path("data"), free=None if free is None else free << 20, cached=cached_mb << 20)
    return lambda: files.judge_space(look, cache_mb << 20)


def access(text: str) -> Callable[[], Finding]:
    return lambda: files.judge_access(load_config(text)[0])


def fault(message: str, *, is_folder: bool = False, name: str = "configuration") -> Callable[[], Finding]:
    return lambda: files.judge_fault(name, message, FileLook(Path("f"), is_folder))


R, W = 0o100644, 0o100646
TWICE = '{"sso": {"a": {}, "b": {}}, "ssoSuper": ["a"]}'

FILE_CASES = [
    Case("owner only", permissions(0o100600), Status.OK, "my tokens: not for other users"),
    Case("a group", permissions(0o100640), Status.OK),
    Case("read by others", permissions(R), Status.WARN, "Run: chmod o-rwx 'my tokens'"),
    Case("read by others, and it does not matter", permissions(R, secret=False), Status.OK, "no secret in it"),
    Case("changed by others", permissions(W, secret=False), Status.WARN, "may read and change it (646)"),
    Case("a device", permissions(0o020666), None),
    Case("read by others, of whom this user is one", permissions(R, reader=1000), Status.WARN, "Run: sudo chown 1000 'my tokens' && sudo chmod o-rwx 'my tokens'"),
    Case("a folder", permissions(0o040755), None),
    Case("a folder of everybody's", permissions(0o040777), Status.WARN, "Run: chmod o-w 'my tokens'"),
    Case("a folder like /tmp", permissions(0o041777), None),
    Case("no token file", token_file(None), Status.WARN, "`tokens add`"),
    Case("no tokens", token_file("{}"), Status.WARN, "t: no tokens"),
    Case("all disabled", token_file('[{"token": "a", "disabled": true}]'), Status.WARN, "Enable one"),
    Case("one token", token_file('["a"]'), Status.OK, "t: 1 token"),
    Case("some disabled", token_file('["b", {"token": "a", "disabled": true}]'), Status.OK, "2 tokens, 1 disabled"),
    Case("disabled in one of two places", token_file('["a", {"token": "a", "disabled": true}]'), Status.WARN, "1 token, 1 disabled"),
    Case("twice", token_file(TWICE), Status.WARN, "sso, entry 1 and ssoSuper, entry 1"),
    Case("many twice", token_file("\n".join([*map(str, range(9))] * 2)), Status.WARN, "(and 4 more)"),
    Case("folder", folder(), Status.OK, "data"),
    Case("folder to be made", folder(there=False), Status.OK, "will be made"),
    Case("folder in use", folder(held=True), Status.OK, "in use by a running server"),
    Case("folder at fault", folder(fault="no way"), Status.FAIL, "data: no way"),
    Case("space unknown", space(None), Status.SKIPPED),
    Case("no space", space(0), Status.FAIL, "Make room"),
    Case("little space", space(99), Status.WARN, "99 MB free"),
    Case("space", space(2048), Status.OK, "2.0 GB free"),
    Case("no space for the cache", space(500, 512), Status.WARN, "[grok] cache_mb"),
    Case("the cache is full already", space(500, 512, 512), Status.OK),
    Case("nobody is asked", access(""), Status.OK, "no key is asked for"),
    Case("with a key", access('[server]\nhost = "::"\n[grok]\napi_key = "k"'), Status.OK, "with a key"),
    Case("fault: a folder", fault("f: can't be read: Is a directory", is_folder=True), Status.FAIL, "Containers make a folder"),
    Case("fault: open door", fault("so [grok] api_key must be set"), Status.FAIL, "listen on 127.0.0.1"),
    Case("fault: unreadable", fault("f: can't be read: Permission denied"), Status.FAIL, "this user may read it"),
    Case("fault: tokens", fault("f: is no JSON", name="token file"), Status.FAIL, "tokens.example.json"),
    Case("fault: any", fault("f: [server] port: must be"), Status.FAIL, "config.example.toml"),
]  # fmt: skip

MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
PHONE = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
KNOWN = ("edge101", "chrome120", "chrome133a", "chrome150", "chrome", "chrome131_android", "safari172_ios", "safari180", "firefox144", "tor145")  # fmt: skip


def browser(shown: str, user_agent: str = "") -> Callable[[], Finding]:
    return lambda: judge_browser(shown, KNOWN, user_agent)


def statsig(value: str | dict[str, str]) -> Callable[[], Finding]:
    return lambda: judge_statsig(Identity(value), (CHAT_PATH, RATE_LIMITS_PATH))


def text64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def clearance(value: str, user_agent: str = WINDOWS, days: float = 0) -> Callable[[], Finding]:
    return lambda: judge_clearance(value, user_agent, 1_790_000_000 + days * 86400)


IDENTITY_CASES = [
    Case("its own", browser("chrome150"), Status.OK, "its own User-Agent"),
    Case("the same", browser("chrome150", f"{WINDOWS} Chrome/150.0.0.0 Safari/537.36"), Status.OK, "of Chrome 150"),
    Case("the letter is none of the version", browser("chrome133a", f"{MAC} Chrome/133.0.0.0 Safari/537.36"), Status.OK),
    Case("newer than all", browser("chrome150", f"{MAC} Chrome/152.0.0.0 Safari/537.36"), Status.OK, "chrome150, for the User-Agent of Chrome 152"),
    Case("between two", browser("chrome150", f"{MAC} Chrome/149.0.0.0 Safari/537.36"), Status.WARN, '"chrome133a"'),
    Case("older", browser("chrome150", f"{MAC} Chrome/120.0.0.0 Safari/537.36"), Status.WARN, '"chrome120"'),
    Case("older than all", browser("chrome150", f"{MAC} Chrome/90.0.0.0 Safari/537.36"), Status.WARN, '"edge101"'),
    Case("Edge is Chromium", browser("chrome150", f"{WINDOWS} Chrome/150.0.0.0 Safari/537.36 Edg/150.0.0.0"), Status.OK),
    Case("a phone's", browser("chrome150", f"{PHONE} Chrome/150.0.0.0 Mobile Safari/537.36"), Status.WARN, '"chrome131_android"'),
    Case("a phone's with a phone's", browser("chrome131_android", f"{PHONE} Chrome/131.0.0.0 Mobile Safari/537.36"), Status.OK, "on Android"),
    Case("Firefox", browser("chrome150", FIREFOX), Status.WARN, "says Firefox 144, and the handshake is chrome150's"),
    Case("Firefox with Firefox", browser("firefox144", FIREFOX), Status.OK),
    Case("Tor is a Firefox", browser("tor145", FIREFOX), Status.OK),
    Case("Chrome on iOS is Safari", browser("chrome150", f"{IPHONE} CriOS/150.0 Mobile/15E148 Safari/604.1"), Status.WARN, "Safari 18 on iOS"),
    Case("Safari on iOS", browser("safari172_ios", f"{IPHONE} Version/17.2 Mobile/15E148 Safari/604.1"), Status.OK),
    Case("Safari", browser("safari180", f"{MAC} Version/18.0 Safari/605.1.15"), Status.OK),
    Case("nothing fits", lambda: judge_browser("chrome150", ("chrome150",), FIREFOX), Status.WARN, "desktop Chrome"),
    Case("no browser", browser("chrome150", "curl/8.0"), Status.WARN, "not that of a browser"),
    Case("half a browser", browser("chrome150", "Chrome/150"), Status.WARN, "Copy the whole User-Agent"),
    Case("shipped", statsig(DEFAULT_STATSIG_ID), Status.WARN, "the shipped default, which Grok has refused"),
    Case("an error's text", statsig(text64("e:TypeError: Cannot read properties of null (reading 'children')")), Status.WARN, "made up"),
    Case("another text", statsig(text64("x1:TypeError")), Status.WARN, "made up"),
    Case("no base64", statsig("test-123"), Status.WARN, "these are 8"),
    Case("cut off", statsig(REAL_STATSIG[:-8]), Status.WARN, "94 characters of base64 are expected, and these are 86"),
    Case("plausible", statsig(REAL_STATSIG), Status.OK, "bound to one path"),
    Case("padded", statsig(REAL_STATSIG + "=="), Status.OK),
    Case("by path", statsig({CHAT_PATH: REAL_STATSIG, "*": REAL_STATSIG}), Status.OK, "by path"),
    Case("not for all paths", statsig({CHAT_PATH: REAL_STATSIG}), Status.WARN, f"there is none (for {RATE_LIMITS_PATH})"),
    Case("shipped for others", statsig({CHAT_PATH: REAL_STATSIG, "*": DEFAULT_STATSIG_ID}), Status.WARN, f"(for {RATE_LIMITS_PATH})"),
    Case("none needed", clearance(""), Status.OK, "needed only where"),
    Case("clearance", clearance(CLEARANCE, days=1), Status.OK, "the address they were earned from"),
    Case("no user agent", clearance(CLEARANCE, ""), Status.WARN, "no [grok] user_agent"),
    Case("too much", clearance(f"{CLEARANCE}; other=1"), Status.WARN, "more than the cookie's value"),
    Case("too little", clearance("abc"), Status.WARN, "too short to be one (3 characters)"),
    Case("old", clearance(CLEARANCE, days=9.2), Status.WARN, "9 days old"),
    Case("without a time", clearance("x" * 100, days=9), Status.OK),
]  # fmt: skip

DIRECT, PROXIED = Way(), Way("http://u:p@proxy.example.com:1", "through proxy.example.com:1")
TRACE = Look(200, body=traced("UA", "203.0.113.7").body)
PAGE = page()
CHALLENGED = Look(403, {"content-type": "text/html", "cf-mitigated": "challenge"}, PAGE.body)
DEAD = Look(failure="Grok could not be reached: no connection could be made (curl error 7)", curl_code=7)
UNTRUSTED = Look(
    failure="Grok could not be reached: the server's certificate is not trusted (curl error 60)", curl_code=60
)
BROKEN_OFF = Look(failure="Grok could not be reached: the TLS handshake failed (curl error 35)", curl_code=35)
REFUSED = evolve(DEAD, failure="… the proxy refused with HTTP 407 (curl error 7)", proxy_status=407)
NOW = 1_790_000_000.0


def names(**found: Sequence[str] | str) -> Callable[[], list[Finding]]:
    return lambda: network.judge_names({host.replace("_", "."): addresses for host, addresses in found.items()})


def egress(look: Look, way: Way = DIRECT) -> Callable[[], Finding]:
    return lambda: network.judge_egress(way, look)


def tls(*seen: Look, url: str = "https://grok.com", ca_file: str = "") -> Callable[[], Finding]:
    return lambda: network.judge_tls(url, "chrome150", ca_file, [(DIRECT, look) for look in seen])


def clock(off: float) -> Callable[[], Finding]:
    return lambda: network.judge_clock(email.utils.formatdate(NOW - off, usegmt=True), NOW)


def assets(look: Look, way: Way = DIRECT) -> Callable[[], Finding]:
    return lambda: network.judge_assets("https://assets.grok.com", way, look)


NETWORK_CASES = [
    Case("found", names(grok_com=["8.8.8.8"]), Status.OK, "grok.com (8.8.8.8)"),
    Case("not found", names(grok_com="Name or service not known"), Status.FAIL, "grok.com: Name or service not known"),
    Case("no host", names(**{"": "no host is named"}), Status.FAIL, "[grok] base_url or assets_url: no host is named"),
    Case("filtered", names(grok_com=["0.0.0.0", "::"]), Status.WARN, "which is not on the public internet"),
    Case("a mirror at home", names(grok_lan=["192.168.1.5"]), Status.OK),
    Case("seen", egress(TRACE), Status.OK, "directly: Grok sees 203.0.113.7 (XX); Cloudflare's SIM answers"),
    Case("seen through a proxy", egress(TRACE, PROXIED), Status.OK, "through proxy.example.com:1: Grok sees"),
    Case("no trace", egress(Look(404, body=b"{}")), Status.OK, "which address it sees is unknown (HTTP 404)"),
    Case("another page in its place", egress(Look(200, body=b"ip=<b>\nloc=\x1b[1m")), Status.OK, "unknown"),
    Case("challenged at once", egress(CHALLENGED), Status.FAIL, "challenge page"),
    Case("turned away", egress(Look(403, {"content-type": "text/html"}, b"<html>You have been blocked")), Status.FAIL, "challenge"),
    Case("sent elsewhere", egress(Look(302)), Status.WARN, "sign-in page"),
    Case("in trouble", egress(Look(502)), Status.WARN, "HTTP 502"),
    Case("nobody there", egress(DEAD), Status.FAIL, "Where Grok is blocked, set a proxy_url"),
    Case("no proxy there", egress(DEAD, PROXIED), Status.FAIL, "Is the proxy running"),
    Case("the proxy refuses", egress(REFUSED, PROXIED), Status.FAIL, "user, password"),
    Case("the proxy refuses without TLS", egress(Look(407), PROXIED), Status.FAIL, "HTTP 407"),
    Case("SOCKS refuses", egress(evolve(DEAD, curl_code=97), PROXIED), Status.FAIL, "scheme"),
    Case("no such proxy", egress(evolve(DEAD, curl_code=5), PROXIED), Status.FAIL, "host in proxy_url"),
    Case("no handshake, no egress", egress(UNTRUSTED), Status.SKIPPED, "TLS handshake failed"),
    Case("handshake", tls(DEAD, TRACE), Status.OK, "grok.com takes the handshake of chrome150"),
    Case("handshake with a CA of one's own", tls(TRACE, ca_file="ca.pem"), Status.OK, "authorities of ca.pem"),
    Case("nobody to shake hands", tls(DEAD), Status.SKIPPED),
    Case("somebody in between", tls(TRACE, UNTRUSTED), Status.FAIL, "[grok] ca_file"),
    Case("another one in between", tls(UNTRUSTED, ca_file="ca.pem"), Status.FAIL, "not in [grok] ca_file (ca.pem)"),
    Case("broken off", tls(BROKEN_OFF), Status.FAIL, "A firewall or proxy"),
    Case("in clear on this machine", tls(TRACE, url="http://127.0.0.1:9"), Status.OK),
    Case("in clear", tls(TRACE, url="http://grok.example.com"), Status.WARN, "can read your tokens"),
    Case("right", clock(-60), Status.OK, "right"),
    Case("fast", clock(61), Status.WARN, "61 s fast"),
    Case("slow", clock(-300), Status.WARN, "300 s slow"),
    Case("very slow", clock(-301), Status.FAIL, "timedatectl"),
    Case("years fast", clock(3 * 365 * 86400.0), Status.FAIL, "h fast"),
    Case("no date", lambda: network.judge_clock("", NOW), Status.SKIPPED),
    Case("no date in it", lambda: network.judge_clock("soon", NOW), Status.SKIPPED),
    Case("assets", assets(Look(403)), Status.OK, "(HTTP 403 to who is not signed in; no picture was fetched)"),
    Case("an XML page is no challenge", assets(Look(403, body=b"<?xml?><Error><Code>AccessDenied</Code></Error>")), Status.OK),
    Case("assets challenged", assets(CHALLENGED), Status.FAIL, "challenge page"),
    Case("assets down", assets(Look(503)), Status.WARN, "HTTP 503"),
    Case("assets dead", assets(DEAD, PROXIED), Status.FAIL, "Is the proxy running"),
    Case("assets untrusted", assets(UNTRUSTED), Status.FAIL, "[grok] ca_file"),
]  # fmt: skip


@pytest.mark.parametrize("case", [*FILE_CASES, *IDENTITY_CASES, *NETWORK_CASES], ids=lambda case: case.name)
def test_each_look_comes_to_this(case: Case) -> None:
    """What is not green says what to do, in whole sentences; what is green has nothing to do."""
    found = case.judge()
    told = found if isinstance(found, list) else [] if found is None else [found]
    worst = max((finding.status for finding in told), key=list(Status)[:3].index) if len(told) > 1 else None
    assert (worst or (told[0].status if told else None)) is case.status
    assert any(case.says in f"{finding.message} {finding.advice}" for finding in told) or not case.status
    for finding in told:
        assert bool(finding.advice) == (finding.status in (Status.WARN, Status.FAIL))
        assert not finding.message.endswith(".")
        assert finding.advice.endswith((".", ")")) or not finding.advice or finding.advice.startswith("Run: ")
        assert "\n" not in finding.message


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ([], 0),
        ([ok("a", ""), warn("configuration", "", ""), skipped("b", "")], 0),
        ([ok("a", ""), fail("tls", "", "")], 1),
        ([fail("tls", "", ""), fail("configuration", "", "")], EXIT_CONFIG),
        ([fail("token file", "", "")], EXIT_CONFIG),
    ],
)
def test_the_exit_code_is_for_scripts(told: list[Finding], code: int) -> None:
    """Warnings are no failure; what keeps the server from starting has the code of a start that fails."""
    assert exit_code(told) == code
    assert findings.EXIT_UNUSABLE == EXIT_CONFIG


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("", False),
        ('[grok]\nproxy_url = "http://127.0.0.1:1"\n[[keys]]\nname = "a"\nsha256 = "' + "0" * 64 + '"', False),
        ('[grok]\napi_key = "k"', True),
        ('[grok]\ncf_clearance = "c"', True),
        ('[grok]\nproxy_url = "http://u:p@127.0.0.1:1"', True),
        (f'[grok]\nx_statsig_id = "{REAL_STATSIG}"', True),
        ('[[keys]]\nname = "a"\nkey = "k"', True),
    ],
)
def test_a_configuration_has_secrets_or_not(text: str, secret: bool) -> None:
    """One without may be read by anybody."""
    assert has_secrets(load_config(text)[0]) is secret


@given(st.text(), st.binary(max_size=300), st.text(max_size=200))
def test_whatever_comes_is_judged(text: str, body: bytes, value: str) -> None:
    """From Grok or from the configuration: nothing is raised, and every finding can be shown in a line."""
    told = [
        network.judge_clock(text, NOW),
        network.judge_egress(DIRECT, Look(200, body=body)),
        network.judge_egress(DIRECT, Look(200, body=b"ip=1.1.1.1\nloc=" + body)),
        judge_browser("chrome150", KNOWN, text),
        judge_statsig(Identity(value), (CHAT_PATH,)),
        judge_clearance(value, text, NOW),
    ]
    assert all(finding.message.isprintable() for finding in told)


def test_every_browser_that_can_be_shown_fits_itself() -> None:
    """The names are curl_cffi's own; a new kind of name would be noticed here."""
    shown = [name for name in browsers_known() if re.search(r"\d", name)]
    assert len(shown) > 20
    for name in shown:
        assert judge_browser(name, browsers_known(), FIREFOX).message.startswith(("[grok] user_agent says", name))


# Accounts -----------------------------------------------------------------------------------------------------------

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
    """A used-up token is a good one; a challenge is not the tokens' fault, nor is a connection that breaks."""
    gone = CredentialsRejected('Sign in again. Grok said (HTTP 401): "no such session"')
    told = accounts(
        Quota(3, 40), Quota(0, 25, wait_s=60.0), gone, gone, TransportFailure("Lost."), TransportFailure("Lost.")
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
    [(Challenge("c"), Status.FAIL), (AntiBotRefusal("a"), Status.FAIL), (UpstreamRefused("Grok: no"), Status.WARN)],
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


# Whole runs ---------------------------------------------------------------------------------------------------------

CANARY = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzZXNzaW9uX2lkIjoiY2FuYXJ5In0.c4n4ry-c4n4ry-c4n4ry-c4n4ry"
SECRETS = (CANARY, CLEARANCE, REAL_STATSIG, "canary-password", "canary-key")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start in, and an environment without our variables."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("GROK2API_") or name == "STATE_DIRECTORY"]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """Files: certificate chain, its key, and the authority that vouches for it."""
    where, authority = tmp_path_factory.mktemp("tls"), trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    (where / "chain.pem").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(where / "key.pem")
    authority.cert_pem.write_to_path(where / "ca.pem")
    return str(where / "chain.pem"), str(where / "key.pem"), str(where / "ca.pem")


Proxy: TypeAlias = Callable[[trio.SocketStream], Awaitable[None]]


async def refusing(stream: trio.SocketStream) -> None:
    """A proxy that asks for another password."""
    await stream.receive_some(65536)
    await stream.send_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
    await stream.aclose()


@frozen
class Site:
    """What ``check`` finds.

    :ivar grok: settings of ``[grok]`` beside the URLs.
    :ivar tokens: the content of the token file; None is no file.
    :ivar files: further files, or others than there would be.
    :ivar mode: of all of them.
    """

    simulator: Simulator = field(factory=Simulator)
    grok: str = f'x_statsig_id = "{REAL_STATSIG}"\n'
    tokens: Any = field(factory=lambda: [CANARY])
    files: Mapping[str, str] = field(factory=dict)
    url: str = ""
    certificate: tuple[str, str] | None = None
    proxy: Proxy | None = None
    mode: int = 0o600

    def run(self, place: Path, *words: str) -> int:
        """The exit code of ``check``."""

        async def scenario() -> int:
            with trio.fail_after(30):
                async with trio.open_nursery() as nursery:
                    serve = functools.partial(serve_simulator, self.simulator, certificate=self.certificate)
                    url = self.url or await nursery.start(serve)
                    port = await self._proxy_port(nursery)
                    self._lay_out(place, url, port)
                    code = await trio.to_thread.run_sync(main, ["check", *words])
                    nursery.cancel_scope.cancel()
            return code

        return trio.run(scenario)

    async def _proxy_port(self, nursery: trio.Nursery) -> int:
        if self.proxy is None:
            return 9
        listeners = await nursery.start(functools.partial(trio.serve_tcp, self.proxy, 0, host="127.0.0.1"))
        return int(listeners[0].socket.getsockname()[1])

    def _lay_out(self, place: Path, url: str, proxy_port: int) -> None:
        grok = self.grok.replace("PROXY", f"http://user:canary-password@127.0.0.1:{proxy_port}")
        laid = {"config.toml": f'[grok]\nbase_url = "{url}"\nassets_url = "{url}"\n{grok}'}
        if self.tokens is not None:
            laid["tokens.json"] = json.dumps(self.tokens).replace(
                "PROXY", f"http://a:canary-password@127.0.0.1:{proxy_port}"
            )
        for name, text in {**laid, **self.files}.items():
            (place / name).write_text(text)
            (place / name).chmod(self.mode)


Line: TypeAlias = tuple[str, str, str]


def lines_of(out: str) -> list[Line]:
    """Word, name and all the rest of each line, without the last one."""
    *told, _ = out.splitlines()
    return [(line[:4].strip(), line[6:20].strip(), line[22:]) for line in told]


def check(site: Site, place: Path, capsys: Capture, *words: str) -> tuple[int, list[Line]]:
    """The exit code and what was told. In no case a secret, nothing on stderr, and nothing is left behind."""
    code = site.run(place, *words)
    out, err = capsys.readouterr()
    assert [secret for secret in SECRETS if secret in out + err] == []
    assert err == ""
    return code, lines_of(out)


def scripted(*scripts: Script, tokens: Sequence[str] = (CANARY,)) -> Simulator:
    simulator = Simulator()
    for token in tokens:
        simulator.script_asks(token, *scripts)
    return simulator


THREE = ["one", "two", CANARY]


@frozen
class Run:
    """A site, and what of its lines matters: ``(word, name, piece of the rest)``; *asks* are those that Grok sees."""

    name: str
    site: Callable[[], Site]
    expects: Sequence[Line]
    code: int = 0
    asks: int = 1


RUNS = [
    Run("all is well", Site, [("ok", f"token {token_id(CANARY)}", "ok: 40 of 40"), ("ok", "egress", "Grok sees 127.0.0.1"), ("ok", "clock", "right"), ("ok", "assets", "HTTP 403"), ("ok", "data directory", "data, which will be made")]),
    Run("as shipped", lambda: Site(grok=""), [("warn", "statsig", "the shipped default")]),
    Run("no tokens", lambda: Site(tokens=None), [("warn", "token file", "there is none"), ("skip", "tokens", "there is none"), ("ok", "egress", "")], asks=0),
    Run("challenge", lambda: Site(scripted(page(), tokens=THREE), tokens=THREE), [("FAIL", "tokens", "a challenge page came instead of an answer (3 tokens, directly: ")], 1, asks=3),
    Run("challenge at the door", lambda: Site(Simulator(trace_script=page())), [("FAIL", "egress", "challenge page"), ("skip", "tokens", "1 not asked"), ("skip", "assets", "")], 1, asks=0),
    Run("antibot", lambda: Site(scripted(error(403, lines.ERROR_403_ANTIBOT), tokens=THREE), tokens=THREE), [("FAIL", "tokens", "anti-bot rules refused the request (3 tokens")], 1, asks=3),
    Run("an invalid token", lambda: Site(Simulator(dead={CANARY}), tokens=THREE), [("FAIL", f"token {token_id(CANARY)}", "refused. Grok said (HTTP 401)"), ("ok", f"token {token_id('one')}", "")], 1, asks=3),
    Run("a used-up token", lambda: Site(Simulator(limits={(CANARY, "grok-3"): Limit(25, 0, wait_s=60)})), [("ok", f"token {token_id(CANARY)}", "used up: 0 of 25, back in 60 s")]),
    Run("an echo", lambda: Site(scripted(error(400, {"code": 3, "message": f"no {CANARY}; cf_clearance={CLEARANCE}"}))), [("warn", "tokens", "(1 token, directly")]),
    Run("no trace", lambda: Site(Simulator(trace_script=error(404, {}))), [("ok", "egress", "unknown (HTTP 404)")]),
    Run("dead upstream", lambda: Site(url=f"http://127.0.0.1:{free_port()}"), [("FAIL", "egress", "no connection could be made"), ("skip", "clock", ""), ("skip", "tokens", "1 not asked for, since their way"), ("skip", "assets", "")], 1, asks=0),
    Run("slow clock", lambda: Site(Simulator(date=email.utils.formatdate(time.time() + 120))), [("warn", "clock", "s slow")]),
    Run("wrong clock", lambda: Site(Simulator(date=email.utils.formatdate(time.time() - 4000))), [("FAIL", "clock", "67 min fast")], 1),
    Run("proxy that refuses", lambda: Site(grok='proxy_url = "PROXY"', proxy=refusing), [("FAIL", "egress", "through 127.0.0.1:"), ("FAIL", "egress", "HTTP 407"), ("FAIL", "egress", "user, password")], 1, asks=0),
    Run("tokens of several ways", lambda: Site(proxy=refusing, tokens=[{"token": CANARY, "proxy_url": "PROXY"}, {"token": "two", "note": "mine"}, {"token": "three", "proxy_url": "direct"}]), [("FAIL", "egress", "through 127.0.0.1:"), ("ok", "egress", "directly: Grok sees"), ("ok", f"token {token_id('two')}", "(mine)"), ("skip", "tokens", "1 not asked for")], 1, asks=2),
    Run("clearance without user agent", lambda: Site(grok=f'x_statsig_id = "{REAL_STATSIG}"\ncf_clearance = "{CLEARANCE}"'), [("warn", "clearance", "")]),
    Run("a warning", lambda: Site(grok="api_kee = 1\n"), [("warn", "configuration", "did you mean api_key?")]),
    Run("a disabled token", lambda: Site(tokens=["one", {"token": CANARY, "disabled": True}]), [("ok", "token file", "2 tokens, 1 disabled")]),
    Run("a broken configuration", lambda: Site(files={"config.toml": f"[grok]\napi_key = '{CANARY}"}), [("FAIL", "configuration", "config.toml: is not valid TOML"), ("ok", "token file", "1 token"), ("skip", "the rest", "11 more looks need a configuration"), ("ok", "permissions", "config.toml")], EXIT_CONFIG, asks=0),
    Run("an open door", lambda: Site(files={"config.toml": '[server]\nhost = "::"'}), [("FAIL", "configuration", "is reachable from other machines")], EXIT_CONFIG, asks=0),
    Run("a broken token file", lambda: Site(files={"tokens.json": f'["{CANARY}'}), [("FAIL", "token file", "tokens.json: is not valid JSON"), ("ok", "egress", ""), ("skip", "tokens", "needs a token file")], EXIT_CONFIG, asks=0),
    Run("a browser that nobody knows", lambda: Site(grok='impersonate = "netscape"'), [("FAIL", "configuration", "[grok] impersonate")], EXIT_CONFIG, asks=0),
]  # fmt: skip


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_a_run_tells_what_is_and_what_to_do(run: Run, place: Path, capsys: Capture) -> None:
    """One line each, in a pipe; nothing costs a generation, nothing is written, no secret is told."""
    site = run.site()
    code, told = check(site, place, capsys)
    assert code == run.code, told
    for word, name, piece in run.expects:
        assert [line for line in told if line[:2] == (word, name) and piece in line[2]], (word, name, piece, told)
    assert all(
        name == "configuration" or word in ("ok", "skip") or len(rest.split(". ")) > 1 for word, name, rest in told
    )
    assert (site.simulator.calls, len(site.simulator.asks)) == ([], run.asks)
    assert {path.name for path in place.iterdir()} <= {"config.toml", "tokens.json"}


def test_when_all_is_well_everything_is_green(place: Path, capsys: Capture) -> None:
    """Each look is there, once, in the order of the way."""
    code, told = check(Site(), place, capsys)
    assert code == 0
    assert [(word, name) for word, name, _ in told] == [
        ("ok", name)
        for name in (
            *("configuration", "access", "token file", "permissions", "permissions", "data directory", "free space"),
            *(
                "browser",
                "statsig",
                "clearance",
                "names",
                "egress",
                "tls",
                "clock",
                f"token {token_id(CANARY)}",
                "assets",
            ),
        )
    ]


def test_who_asks_is_the_browser_and_nobody_s_session(place: Path, capsys: Capture) -> None:
    """Only the question for what is left has the token; the others have User-Agent and cf_clearance."""
    agent = f"{WINDOWS} Chrome/150.0.0.0 Safari/537.36"
    site = Site(grok=f'user_agent = "{agent}"\ncf_clearance = "{CLEARANCE}"\n')
    check(site, place, capsys)
    (trace,), (fetch,), (ask,) = site.simulator.traces, site.simulator.fetches, site.simulator.asks
    assert {call.headers["user-agent"] for call in (trace, fetch, ask)} == {agent}
    assert trace.headers["cookie"] == fetch.headers["cookie"] == f"cf_clearance={CLEARANCE}"
    assert ask.sso == CANARY


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_is_judged_and_the_setting_named(
    trusted: bool, certificate: tuple[str, str, str], place: Path, capsys: Capture
) -> None:
    """An authority that nobody knows is what a proxy that breaks TLS open looks like."""
    grok = f'ca_file = "{certificate[2]}"\n' if trusted else ""
    code, told = check(Site(grok=grok, certificate=certificate[:2]), place, capsys)
    (tls_line,) = [line for line in told if line[1] == "tls"]
    assert (code, tls_line[0]) == ((0, "ok") if trusted else (1, "FAIL"))
    assert ("[grok] ca_file" in tls_line[2]) is not trusted
    assert [line[0] for line in told if line[1] == "egress"] == ["ok" if trusted else "skip"]


def test_a_name_that_is_not_found_ends_the_way(place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nobody is asked; a token with a proxy goes on."""

    async def look_up(_: Lookups, host: str, port: int) -> list[str]:
        if host == "slow.example.com":
            await trio.sleep_forever()
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(Lookups, "__call__", look_up)
    monkeypatch.setattr(looks, "LOOK_S", 0.1)
    for host, why in (
        ("grok.example.com", "Name or service not known"),
        ("slow.example.com", "no answer within 0.1 s"),
    ):
        site = Site(url=f"http://{host}", tokens=["one", {"token": CANARY, "proxy_url": "PROXY"}], proxy=refusing)
        code, told = check(site, place, capsys)
        assert code == 1
        assert [(word, name) for word, name, _ in told if name in ("names", "egress", "tokens", "assets")] == [
            *(("ok", "names"), ("FAIL", "names")),
            *(("skip", "egress"), ("FAIL", "egress"), ("skip", "tokens"), ("skip", "assets")),
        ]
        assert any(host in rest and why in rest for _, name, rest in told if name == "names")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_is_told_from_one_that_is_not_there(
    scheme: str, certificate: tuple[str, str, str], place: Path, capsys: Capture
) -> None:
    """With TLS it refuses to connect, without it answers itself."""
    of_grok = certificate[:2] if scheme == "https" else None
    site = Site(grok='proxy_url = "PROXY"\n', certificate=of_grok, proxy=refusing)
    code, told = check(site, place, capsys)
    (line,) = [line for line in told if line[1] == "egress"]
    assert (code, line[0]) == (1, "FAIL")
    assert re.search(r"the proxy refused with HTTP 407.*user, password", line[2])
    (gone,) = [line for line in check(evolve(site, proxy=None), place, capsys)[1] if line[1] == "egress"]
    assert "Is the proxy running" in gone[2]


@pytest.mark.parametrize("error_", [OSError(30, "Read-only file system"), PermissionError(13, "Permission denied")])
@pytest.mark.parametrize("there", [True, False])
def test_a_data_directory_that_can_t_be_written_is_red(
    error_: OSError, there: bool, place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it is not there yet and could not be made."""

    def refuse(**_: object) -> None:
        raise error_

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    if there:
        (place / "data").mkdir()
    code, told = check(Site(), place, capsys)
    (line,) = [line for line in told if line[1] == "data directory"]
    assert (code, line[0]) == (1, "FAIL")
    assert str(error_.strerror) in line[2]


def test_what_is_no_folder_is_no_data_directory(place: Path) -> None:
    """A file in its place, or above it, or a link that leads nowhere."""
    (place / "file").write_text("")
    (place / "link").symlink_to("nowhere")
    for path in ("file", "file/data", "link"):
        assert files.look_at_folder(place / path).fault.endswith("is not a folder"), path


def test_a_running_server_is_not_disturbed(place: Path, capsys: Capture) -> None:
    """It keeps its data directory, and everything in it is as it was."""
    (place / "data" / "media").mkdir(parents=True)
    (place / "data" / "state.jsonl").write_text("not to be touched")
    (place / "data" / "media" / "a.png").write_bytes(b"12345")
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    with DataDirectory.hold(place / "data"):
        code, told = check(Site(), place, capsys)
    assert code == 0
    assert ("ok", "data directory", "data, in use by a running server") in told
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert files.look_at_folder(place / "data").cached == 5
    DataDirectory.hold(place / "data").release()


def test_a_folder_in_the_place_of_the_token_file_is_explained(place: Path, capsys: Capture) -> None:
    """That is what a container makes of a file that is not there."""
    (place / "tokens.json").mkdir()
    code, told = check(Site(tokens=None), place, capsys)
    assert code == EXIT_CONFIG
    assert any(line[:2] == ("FAIL", "token file") and "Containers make a folder" in line[2] for line in told)


def test_files_that_others_may_read_are_told_with_the_command(place: Path, capsys: Capture) -> None:
    """A warning each; the configuration only if there is a secret in it."""
    for text, number in (("", 1), ('[grok]\nbase_url = "http://127.0.0.1:9"\napi_key = "canary-key"', 2)):
        site = Site(files={"config.toml": text or '[grok]\nbase_url = "http://127.0.0.1:9"'}, mode=0o644)
        _, told = check(site, place, capsys)
        warned = [rest for word, name, rest in told if (word, name) == ("warn", "permissions")]
        assert len(warned) == number
        assert warned[-1].endswith("tokens.json: other users may read it (644). Run: chmod o-rwx tokens.json")


def test_nothing_is_waited_for_longer_than_its_clock(
    place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for the way, nor for a token, nor for the assets host."""
    for module in (looks, journey):
        monkeypatch.setattr(module, "LOOK_S", 0.2)
    silent = Script((HANG,), before=60)
    code, told = check(Site(Simulator(trace_script=silent)), place, capsys)
    assert code == 1
    assert any("there was no answer within 0.2 s" in rest for _, name, rest in told if name == "egress")
    site = Site(scripted(silent))
    site.simulator.asset_scripts["/users/"] = silent
    code, told = check(site, place, capsys)
    assert code == 1
    assert any("Grok did not answer within 0.2 s" in rest for _, name, rest in told if name == "tokens")
    assert any("there was no answer within 0.2 s" in rest for _, name, rest in told if name == "assets")


def test_many_ways_that_work_are_one_line(place: Path, capsys: Capture) -> None:
    """With a proxy each; those that don't work are named."""
    site = Site()

    async def serve_with_itself_as_proxy() -> int:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                url = await nursery.start(functools.partial(serve_simulator, site.simulator))
                tokens = [
                    {"token": f"t{n}", "proxy_url": url.replace("//", f"//u{n}:canary-password@")} for n in range(9)
                ]
                evolve(site, tokens=[*tokens, {"token": "dead", "proxy_url": "http://127.0.0.1:9"}])._lay_out(
                    place, url, 9
                )
                code = await trio.to_thread.run_sync(main, ["check"])
                nursery.cancel_scope.cancel()
        return code

    assert trio.run(serve_with_itself_as_proxy) == 1
    out = capsys.readouterr().out
    told = lines_of(out)
    assert next(line for line in told if line[1] == "egress") == ("ok", "egress", "9 ways lead to Grok")
    assert [line[2][:21] for line in told if line[:2] == ("FAIL", "egress")] == ["through 127.0.0.1:9: "]
    assert (
        len([line for line in told if line[1].startswith("token ") and line[0] == "ok" and line[1] != "token file"])
        == 9
    )
    assert all(call.proxied for call in site.simulator.traces + site.simulator.asks + site.simulator.fetches)
    assert "canary-password" not in out


# For programs, and for people ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", [RUNS[0], RUNS[3], RUNS[-4]], ids=lambda run: run.name)
def test_for_programs_there_is_one_json_object(run: Run, place: Path, capsys: Capture) -> None:
    """The same findings, a summary, and nothing else on stdout."""
    _, told = check(run.site(), place, capsys)
    site = run.site()
    code = site.run(place, "--json")
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (code, err, found["summary"]["exit_code"]) == (run.code, "", run.code)
    assert [one["name"] for one in found["checks"]] == [name for _, name, _ in told]
    assert {frozenset(one) for one in found["checks"]} == {frozenset({"name", "status", "message", "advice"})}
    assert {one["status"] for one in found["checks"]} <= {"ok", "warn", "fail", "skipped"}
    assert sum(found["summary"][status.value] for status in Status) == len(told)
    assert [secret for secret in SECRETS if secret in out] == []


def test_a_token_that_was_typed_for_a_file_is_not_told(place: Path, capsys: Capture) -> None:
    """Neither in a line nor in JSON."""
    for words in ([], ["--json"]):
        assert main(["check", "--config", f"sso={CANARY}", "--tokens", CANARY, *words]) == EXIT_CONFIG
        out, err = capsys.readouterr()
        assert CANARY[:20] not in out + err


def test_the_demo_can_be_looked_at_too(place: Path, capsys: Capture) -> None:
    """Without any file, and without leaving this machine."""
    assert main(["check", "--demo"]) == 0
    told = lines_of(capsys.readouterr().out)
    assert sum(name.startswith("token ") and name != "token file" for _, name, _ in told) == 6
    assert list(place.iterdir()) == []


class Screen:
    """A terminal of 80 columns."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_it_is_coloured_and_fits(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to do stands below what was found, and ids are whole."""
    screen = Screen()
    for name, value in {"COLUMNS": "80", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", screen)
    assert Site(Simulator(dead={CANARY}), grok="").run(place) == 1
    plain = re.sub(r"\x1b\[[\d;]*m", "", screen.text)
    assert max(map(len, plain.splitlines())) <= 80
    assert f"FAIL  token {token_id(CANARY)}  refused. Grok said (HTTP 401)" in plain
    assert re.search(r"^ {22}Sign in at grok\.com again", plain, re.MULTILINE)
    assert all(
        f"\x1b[{colour}m{word}" in screen.text for colour, word in (("32", "ok"), ("33", "warn"), ("1;31", "FAIL"))
    )


@contextlib.contextmanager
def killed_in_the_end(process: subprocess.Popen[str]) -> Iterator[None]:
    watchdog = threading.Timer(20, process.kill)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def test_ctrl_c_ends_it_cleanly(place: Path) -> None:
    """Whatever it is waiting for: one word, no traceback, and the code that shells know."""
    site = Site(Simulator(trace_script=Script((HANG,), before=60)))
    # Whoever runs tests in the background may have had SIGINT ignored, which is inherited.
    program = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program += "runpy.run_module('grokcore', run_name='__main__')"
    command = [sys.executable, "-c", program, "check"]
    start = functools.partial(
        subprocess.Popen,
        command,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

    async def scenario() -> None:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                url = await nursery.start(functools.partial(serve_simulator, site.simulator))
                site._lay_out(place, url, 9)
                process = await trio.to_thread.run_sync(start)
                with killed_in_the_end(process):
                    await site.simulator.until(lambda: bool(site.simulator.traces))
                    process.send_signal(signal.SIGINT)
                    out, err = await trio.to_thread.run_sync(process.communicate)
                    assert (process.returncode, err) == (130, "interrupted\n")
                    assert "ok    names" in out
                nursery.cancel_scope.cancel()

    trio.run(scenario)


def test_a_server_does_not_load_what_only_people_need() -> None:
    """Nor the doctor: the start has a budget."""
    program = "import sys, grokcore.cli; print([name for name in sys.modules if name.split('.')[0] == 'rich' or 'check.' in name])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("[]", "['grokcore.cli.tokens.check']"), cli.__file__
