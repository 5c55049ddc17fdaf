"""What ``check`` makes of each thing that it looks at."""

from __future__ import annotations

import base64
import email.utils
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from grokcore.cli import EXIT_CONFIG
from grokcore.cli.check import files, findings, network
from grokcore.cli.check.files import FileLook, FolderLook
from grokcore.cli.check.findings import Finding, Status, exit_code, fail, ok, skipped, warn
from grokcore.cli.check.identity import judge_browser, judge_clearance, judge_statsig
from grokcore.cli.check.looks import Look
from grokcore.cli.check.network import Way
from grokcore.cli.permissions import has_secrets, judge_mode
from grokcore.cli.setup import OpenDoor, Unreadable
from grokcore.config import load_config
from grokcore.config.sections import DEFAULT_STATSIG_ID
from grokcore.errors import ConfigError
from grokcore.protocol.grok_web.identity import Identity
from grokcore.protocol.grok_web.payload import CHAT_PATH
from grokcore.protocol.grok_web.rate_limits import RATE_LIMITS_PATH
from grokcore.protocol.token_file.reading import read_tokens
from grokcore.runtime.transport.curl import browsers_known
from grokcore.simulator.scripts import page
from grokcore.simulator.scripts import trace as traced
from tests.check_cases import CLEARANCE, REAL_STATSIG, WINDOWS
from tests.check_site import place

__all__ = ["place"]  # a fixture

# Judgements -------------------------------------------------------------------------------------


@frozen
class Case:
    """A judgement, and what it should come to.

    :ivar says: a piece of the message, or of the advice.
    """

    name: str
    judge: Callable[[], Finding | list[Finding] | None]
    status: Status | None
    says: str = ""


def permissions(
    mode: int, *, secret: bool = True, reader: int | None = None
) -> Callable[[], Finding | None]:
    access = judge_mode(Path("my tokens"), mode, secret=secret, reader=reader)
    return lambda: files.judge_permissions(access) if access else None


def token_file(text: str | None) -> Callable[[], list[Finding]]:
    return lambda: files.judge_tokens(
        Path("t") if text is not None else None, read_tokens((text or "{}").encode())
    )


def folder(**fields: Any) -> Callable[[], Finding]:
    return lambda: files.judge_folder(FolderLook(Path("data"), **fields))


def space(free: int | None, cache_mb: int = 0, cached_mb: int = 0) -> Callable[[], Finding]:
    look = FolderLook(
        Path("data"), free=None if free is None else free << 20, cached=cached_mb << 20
    )
    return lambda: files.judge_space(look, cache_mb << 20)


def access(text: str) -> Callable[[], Finding]:
    return lambda: files.judge_access(load_config(text)[0])


def fault(
    message: str,
    *,
    kind: type[ConfigError] = ConfigError,
    is_folder: bool = False,
    name: str = "configuration",
) -> Callable[[], Finding]:
    return lambda: files.judge_fault(name, kind(message), FileLook(Path("f"), is_folder))


R, W = 0o100644, 0o100646
EXAMPLE_TOKENS = (Path(__file__).parents[1] / "tokens.example.json").read_text("utf-8")
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
    Case("folder to be made", folder(there=False), Status.OK, "will be created"),
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
    Case("fault: a folder", fault("f: can't be read: Is a directory", kind=Unreadable, is_folder=True), Status.FAIL, "Container engines create a folder"),
    Case("fault: open door", fault("so [grok] api_key must be set", kind=OpenDoor), Status.FAIL, "listen on 127.0.0.1"),
    Case("fault: unreadable", fault("f: can't be read: Permission denied", kind=Unreadable), Status.FAIL, "this user may read it"),
    Case("fault: tokens", fault("f: is no JSON", name="token file"), Status.FAIL, "tokens.example.json"),
    Case("fault: words of another fault", fault("f: [[keys]] so [grok] api_key must be set can't be read"), Status.FAIL, "Correct it; config.example"),
    Case("placeholders only", token_file(EXAMPLE_TOKENS), Status.WARN, "t: 2 placeholders of tokens.example.json, and no token yet"),
    Case("a placeholder beside a token", token_file('["a", "paste-your-token-here"]'), Status.WARN, "t: 1 passed over: a placeholder"),
    Case("fault: any", fault("f: [server] port: must be"), Status.FAIL, "config.example.toml"),
]  # fmt: skip

MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)"
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
    Case("no browser", browser("chrome150", "curl/8.0"), Status.WARN, "no known browser's"),
    Case("half a browser", browser("chrome150", "Chrome/150"), Status.WARN, "Copy the whole User-Agent"),
    Case("shipped", statsig(DEFAULT_STATSIG_ID), Status.WARN, "the shipped default, which Grok has refused"),
    Case("an error's text", statsig(text64("e:TypeError: Cannot read properties of null (reading 'children')")), Status.WARN, "invented"),
    Case("another text", statsig(text64("x1:TypeError")), Status.WARN, "invented"),
    Case("no base64", statsig("test-123"), Status.WARN, "these are 8"),
    Case("cut off", statsig(REAL_STATSIG[:-8]), Status.WARN, "94 characters of base64 are expected, and these are 86"),
    Case("plausible", statsig(REAL_STATSIG), Status.OK, "bound to one path"),
    Case("padded", statsig(REAL_STATSIG + "=="), Status.OK),
    Case("by path", statsig({CHAT_PATH: REAL_STATSIG, "*": REAL_STATSIG}), Status.OK, "by path"),
    Case("not for all paths", statsig({CHAT_PATH: REAL_STATSIG}), Status.WARN, f"there is none (for {RATE_LIMITS_PATH})"),
    Case("shipped for others", statsig({CHAT_PATH: REAL_STATSIG, "*": DEFAULT_STATSIG_ID}), Status.WARN, f"(for {RATE_LIMITS_PATH})"),
    Case("none needed", clearance(""), Status.OK, "needed only where"),
    Case("clearance", clearance(CLEARANCE, days=1), Status.OK, "the address at which the browser got it"),
    Case("no user agent", clearance(CLEARANCE, ""), Status.WARN, "[grok] user_agent is not"),
    Case("too much", clearance(f"{CLEARANCE}; other=1"), Status.WARN, "more than the cookie's value"),
    Case("too little", clearance("abc"), Status.WARN, "too short to be one (3 characters)"),
    Case("old", clearance(CLEARANCE, days=9.2), Status.WARN, "9 days old"),
    Case("without a time", clearance("x" * 100, days=9), Status.OK),
]  # fmt: skip

DIRECT, PROXIED = Way(), Way("http://u:p@proxy.example.com:1", "through proxy.example.com:1")
TRACE = Look(200, body=traced("UA", "203.0.113.7").body)
PAGE = page()
CHALLENGED = Look(403, {"content-type": "text/html", "cf-mitigated": "challenge"}, PAGE.body)
DEAD = Look(
    failure="Grok could not be reached: no connection could be made (curl error 7)", curl_code=7
)

UNTRUSTED = Look(
    failure="Grok could not be reached: the server's certificate is not trusted (curl error 60)",
    curl_code=60,
)

BROKEN_OFF = Look(
    failure="Grok could not be reached: the TLS handshake failed (curl error 35)", curl_code=35
)
REFUSED = evolve(DEAD, failure="… the proxy refused with HTTP 407 (curl error 7)", proxy_status=407)
NOW = 1_790_000_000.0


def names(**found: Sequence[str] | str) -> Callable[[], list[Finding]]:
    return lambda: network.judge_names(
        {host.replace("_", "."): addresses for host, addresses in found.items()}
    )


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
    Case("assets", assets(Look(403)), Status.OK, "(HTTP 403 without an account; no picture was fetched)"),
    Case("an XML page is no challenge", assets(Look(403, body=b"<?xml?><Error><Code>AccessDenied</Code></Error>")), Status.OK),
    Case("assets challenged", assets(CHALLENGED), Status.FAIL, "challenge page"),
    Case("assets down", assets(Look(503)), Status.WARN, "HTTP 503"),
    Case("assets dead", assets(DEAD, PROXIED), Status.FAIL, "Is the proxy running"),
    Case("assets untrusted", assets(UNTRUSTED), Status.FAIL, "[grok] ca_file"),
]  # fmt: skip


@pytest.mark.parametrize(
    "case", [*FILE_CASES, *IDENTITY_CASES, *NETWORK_CASES], ids=lambda case: case.name
)
def test_each_look_comes_to_this(case: Case) -> None:
    """A finding that is not green has advice in whole sentences; a green one has none."""
    found = case.judge()
    told = found if isinstance(found, list) else [] if found is None else [found]
    worst = (
        max((finding.status for finding in told), key=list(Status)[:3].index)
        if len(told) > 1
        else None
    )
    assert (worst or (told[0].status if told else None)) is case.status
    assert (
        any(case.says in f"{finding.message} {finding.advice}" for finding in told)
        or not case.status
    )
    for finding in told:
        assert bool(finding.advice) == (finding.status in (Status.WARN, Status.FAIL))
        assert not finding.message.endswith(".")
        assert (
            finding.advice.endswith((".", ")"))
            or not finding.advice
            or finding.advice.startswith("Run: ")
        )
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
    """Warnings are no failure; what keeps the server from starting has the code of a start that
    fails.
    """
    assert exit_code(told) == code
    assert findings.EXIT_UNUSABLE == EXIT_CONFIG


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("", False),
        (
            '[grok]\nproxy_url = "http://127.0.0.1:1"\n[[keys]]\nname = "a"\nsha256 = "'
            + "0" * 64
            + '"',
            False,
        ),
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
    """From Grok or from the configuration: nothing is raised, and every finding can be shown in a
    line.
    """
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
        assert judge_browser(name, browsers_known(), FIREFOX).message.startswith(
            ("[grok] user_agent says", name)
        )
