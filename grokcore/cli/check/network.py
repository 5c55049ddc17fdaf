"""Judgements of the way to Grok: names, egress, TLS, the clock, the assets host. No I/O.

Rules
-----
1. An egress is named by the proxy's host; a proxy's user and password are in no message.
2. Something that can't be found out is no failure.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from attrs import field, frozen

from ...config import is_loopback
from ...protocol.advice import advice
from ...protocol.grok_web.refusals import is_challenge, turns_away
from ...protocol.urls.groks_hosts import is_groks_host
from ...protocol.urls.public_addresses import is_address, is_public
from .findings import Finding, fail, ok, skipped, warn
from .looks import Look

__all__ = [
    "Way",
    "hosts_of",
    "judge_assets",
    "judge_clock",
    "judge_egress",
    "judge_names",
    "judge_tls",
]

TLS_CODES = frozenset({35, 51, 53, 54, 58, 59, 60, 64, 66, 77, 80, 82, 83, 90, 91})
"""libcurl's error codes of a TLS handshake."""

CERTIFICATE_CODES = frozenset({51, 60, 77, 82, 83, 90, 91})
"""libcurl's error codes about the certificate of the other side."""

NO_PROXY_NAME, PROXY_SAYS_NO = 5, 97
"""libcurl's error codes: the proxy's name could not be resolved; a SOCKS proxy refused, or is none.
"""

CLOCK_WARN_S, CLOCK_FAIL_S = 60, 300
"""Seconds by which the clock may be off. Values of ``x-statsig-id`` live for minutes, and
certificates are judged by the clock.
"""


@frozen
class Way:
    """An egress: a way to Grok.

    :ivar proxy_url: empty for none.
    :ivar words: its name in messages: "directly", "through proxy.example.com:8080".
    """

    proxy_url: str = field(default="", repr=False)
    words: str = "directly"


# Names ------------------------------------------------------------------------------------------


def hosts_of(way: Way, base_url: str, assets_url: str) -> list[str]:
    """The hosts whose names this machine looks up: a proxy looks up Grok's itself."""
    urls = [way.proxy_url] if way.proxy_url else [base_url, assets_url]
    return list(dict.fromkeys(urlsplit(url).hostname or "" for url in urls))


def judge_names(results: Mapping[str, Sequence[str] | str]) -> list[Finding]:
    """Findings on the look-ups of hosts.

    :param results: for each host its addresses, or in words why there are none.
    """
    findings, good = [], []
    for host, addresses in results.items():
        if isinstance(addresses, str):
            wanted = "Check the name, this machine's network, and its name server."
            findings.append(
                fail("names", f"{host or '[grok] base_url or assets_url'}: {addresses}", wanted)
            )
        elif is_groks_host(host) and not any(map(_is_public, addresses)):
            message = f"{host} leads to {', '.join(addresses)}, which is not on the public internet"
            wanted = (
                "A filter in this network, or a line in the hosts file, answers in the place of "
                "the real name server."
            )
            findings.append(warn("names", message, wanted))
        else:
            good.append(host if is_address(host) or not addresses else f"{host} ({addresses[0]})")
    if good:
        findings.insert(0, ok("names", ", ".join(good)))
    return findings


def _is_public(address: str) -> bool:
    return is_public(address.partition("%")[0])


# The way ----------------------------------------------------------------------------------------


def judge_egress(way: Way, look: Look) -> Finding:
    """The finding on an egress: the address that Grok's edge sees."""
    if look.curl_code in TLS_CODES:
        return skipped("egress", f"{way.words}: not known, since the TLS handshake failed")
    if look.failure:
        return fail("egress", f"{way.words}: {look.failure}", _way_advice(way, look))
    if look.status == 407:
        return fail(
            "egress", f"{way.words}: the proxy refused with HTTP 407", _way_advice(way, look)
        )
    if turns_away(look.status, look.headers, look.body):
        message = f"{way.words}: a challenge page came instead of an answer (HTTP {look.status})"
        return fail("egress", message, advice("upstream_challenge"))
    if look.status >= 500:
        message = f"{way.words}: HTTP {look.status}"
        return warn(
            "egress", message, "Grok, or a proxy before it, is in trouble. Try again in a while."
        )
    if 300 <= look.status < 400:
        message = f"{way.words}: sent elsewhere (HTTP {look.status}), which Grok does not do"
        return warn(
            "egress",
            message,
            ("Another server answers in its place: a network's sign-in page, or a wrong base_url."),
        )
    seen = _traced(look)
    if "ip" not in seen:
        message = (
            f"{way.words}: Grok answers; which address it sees is unknown (HTTP {look.status})"
        )
        return ok("egress", message)
    place = f" ({seen['loc']})" if "loc" in seen else ""
    answering = f"; Cloudflare's {seen['colo']} answers" if "colo" in seen else ""
    return ok("egress", f"{way.words}: Grok sees {seen['ip']}{place}{answering}")


def _traced(look: Look) -> dict[str, str]:
    """The useful lines of Cloudflare's answer; empty if the answer is another's."""
    if look.status != 200:
        return {}
    lines = [line.partition("=") for line in look.body.decode("utf-8", "replace").splitlines()]
    fields = {name: value for name, _, value in lines}
    if not is_address(fields.get("ip", "")):
        return {}
    return {
        name: fields[name]
        for name in ("ip", "loc", "colo")
        if re.fullmatch(r"[\w.:]{1,45}", fields.get(name, ""))
    }


def _way_advice(way: Way, look: Look) -> str:
    if not way.proxy_url:
        return (
            "Is this machine online, and may it connect to that host and port? Where Grok "
            "is blocked, set a proxy_url."
        )
    if look.proxy_status or look.status == 407 or look.curl_code == PROXY_SAYS_NO:
        return "Check the user, password, port and scheme (http, https, socks5h) in proxy_url."
    if look.curl_code == NO_PROXY_NAME:
        return "Check the host in proxy_url."
    return "Is the proxy running, and is the port in proxy_url right? Try it with another program."


# TLS --------------------------------------------------------------------------------------------


def judge_tls(
    base_url: str, browser: str, ca_file: str, looks: Sequence[tuple[Way, Look]]
) -> Finding:
    """The finding on the TLS handshake.

    :param browser: the browser that the handshake looks like.
    :param looks: the result of a request to *base_url* through each egress.
    """
    parts = urlsplit(base_url)
    if parts.scheme == "http":
        if is_loopback(parts.hostname or ""):
            return ok("tls", "none: [grok] base_url is http://, on this machine")
        message = "none: [grok] base_url is http://, so anyone on the network can read your tokens"
        return warn("tls", message, "Use an https:// address.")
    for way, look in looks:
        if look.curl_code in CERTIFICATE_CODES:
            return fail("tls", f"{way.words}: {look.failure}", _certificate_advice(ca_file))
        if look.curl_code in TLS_CODES:
            wanted = (
                "A firewall or proxy in between breaks the handshake off. Try another proxy_url."
            )
            return fail("tls", f"{way.words}: {look.failure}", wanted)
    if any(look.status for _, look in looks):
        trusted = f", with the authorities of {ca_file}" if ca_file else ""
        return ok("tls", f"{parts.hostname} takes the handshake of {browser}{trusted}")
    return skipped("tls", "no connection was made")


def _certificate_advice(ca_file: str) -> str:
    clock = "A wrong clock has the same effect."
    if ca_file:
        return (
            f"Its authority is not in [grok] ca_file ({ca_file}): put it there, or leave "
            f"the setting empty. {clock}"
        )
    return (
        "Another machine between here and Grok answers in its name. If that is your own proxy or "
        f"virus scanner, name its authority (a PEM file) in [grok] ca_file. {clock}"
    )


# The clock --------------------------------------------------------------------------------------


def judge_clock(date: str, at: float) -> Finding:
    """The finding on this machine's clock.

    :param date: the ``Date`` header of a response; empty if there was none.
    :param at: the time of that response by this machine's clock: seconds since 1970.
    """
    try:
        theirs = email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return skipped("clock", "no response of Grok's has a date to compare with")
    off = at - theirs
    if abs(off) <= CLOCK_WARN_S:
        return ok("clock", "right")
    message = f"{_time(abs(off))} {'fast' if off > 0 else 'slow'}"
    wanted = "Set the clock, and switch on time synchronisation (timedatectl set-ntp true)."
    return (fail if abs(off) > CLOCK_FAIL_S else warn)("clock", message, wanted)


def _time(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


# The assets host --------------------------------------------------------------------------------


def judge_assets(assets_url: str, way: Way, look: Look) -> Finding:
    """The finding on whether pictures can be fetched, as far as a request without one can show.

    A refusal is expected: no account is signed in, and no picture is named.
    """
    host = urlsplit(assets_url).hostname
    if look.failure:
        wanted = (
            _certificate_advice("")
            if look.curl_code in CERTIFICATE_CODES
            else _way_advice(way, look)
        )
        return fail("assets", f"{host} {way.words}: {look.failure}", wanted)
    if look.status >= 400 and is_challenge(look.headers, look.body):
        message = (
            f"{host} {way.words}: a challenge page came instead of an answer (HTTP {look.status})"
        )
        return fail("assets", message, advice("upstream_challenge"))
    if look.status in {407, 429} or look.status >= 500:
        message = f"{host} {way.words}: HTTP {look.status}"
        return warn(
            "assets",
            message,
            (
                "The server may be unable to fetch pictures. If this stays, check [grok] "
                "assets_url and the proxy."
            ),
        )
    message = (
        f"{host} answers {way.words} (HTTP {look.status} without an account; no picture was "
        "fetched)"
    )
    return ok("assets", message)
