"""Judgements of what Grok's edge sees beside a token: browser, ``x-statsig-id``, ``cf_clearance``.
No I/O.

Theory
------
Only Grok can say whether it accepts such a value. But most refused values look wrong: they are
invented, another browser's, old, or cut off or copied with their surroundings (grok-protocol.md
§1.2).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence

from attrs import frozen

from ...config.sections import DEFAULT_STATSIG_ID
from ...protocol.advice import advice
from ...protocol.grok_web.identity import Identity
from .findings import Finding, ok, warn

__all__ = ["judge_browser", "judge_clearance", "judge_statsig", "statsig_doubt"]


# The browser ------------------------------------------------------------------------------------


@frozen
class _Browser:
    """A browser as its TLS handshake shows it.

    On a desktop the handshake is the same on Windows, macOS and Linux, and all browsers made of
    Chromium shake hands like Chrome. On iOS every browser is Safari.

    :ivar version: the major one; None if there is none to compare.
    """

    family: str
    place: str
    version: int | None

    def __str__(self) -> str:
        where = {"desktop": "", "android": " on Android", "ios": " on iOS"}[self.place]
        return f"{self.family.capitalize()} {self.version or ''}".rstrip() + where


_TARGET = re.compile(r"(chrome|edge|safari|firefox|tor)([\d_]*)[a-z]?(?:_(android|ios)|_macos)?")
"""The form of curl_cffi's names of browsers."""

_FAMILIES = {"edge": "chrome", "tor": "firefox"}


def judge_browser(handshake: str, supported: Sequence[str], user_agent: str) -> Finding:
    """The finding on whether the User-Agent belongs to the browser whose handshake is shown.

    :param handshake: curl_cffi's name of that browser, with its version.
    :param supported: the names of all browsers that could be shown.
    :param user_agent: as configured; empty for the shown browser's own.
    """
    if not user_agent:
        return ok("browser", f"{handshake}, with its own User-Agent")
    claimed, target = _of_user_agent(user_agent), _of_target(handshake)
    if claimed is None or target is None:
        message = (
            "[grok] user_agent is no known browser's, so it can't be compared with the handshake, "
            f"which is {handshake}'s"
        )
        return warn(
            "browser",
            message,
            "Copy the whole User-Agent of your browser; Chrome is the best known.",
        )
    fitting = _nearest(claimed, supported)
    if (target.family, target.place) == (claimed.family, claimed.place) and (
        target.version in (None, claimed.version) or (fitting and _of_target(fitting) == target)
    ):
        return ok("browser", f"{handshake}, for the User-Agent of {claimed}")
    message = f"[grok] user_agent says {claimed}, and the handshake is {handshake}'s"
    if fitting is None:
        return warn("browser", message, "Use the User-Agent and cf_clearance of a desktop Chrome.")
    return warn("browser", message, f'Set [grok] impersonate = "{fitting}", which is the nearest.')


def _nearest(claimed: _Browser, supported: Iterable[str]) -> str | None:
    """The name of the newest browser that is not newer than *claimed*, else of the oldest."""
    fitting: dict[int, str] = {}
    for name in supported:
        target = _of_target(name)
        if (
            target
            and target.version
            and (target.family, target.place) == (claimed.family, claimed.place)
        ):
            fitting.setdefault(target.version, name)
    if not fitting:
        return None
    older = [
        version for version in fitting if claimed.version is None or version <= claimed.version
    ]
    return fitting[max(older) if older else min(fitting)]


def _of_target(name: str) -> _Browser | None:
    match = _TARGET.fullmatch(name)
    if match is None:
        return None
    kind, digits, place = match.groups()
    digits = digits.replace("_", "")
    # safari172 is 17.2. Tor calls itself a Firefox of another number.
    version = digits[:2] if kind == "safari" else "" if kind == "tor" else digits
    return _Browser(
        _FAMILIES.get(kind, kind), place or "desktop", int(version) if version else None
    )


def _of_user_agent(text: str) -> _Browser | None:
    place = "android" if "Android" in text else "desktop"
    if re.search(r"iPhone|iPad", text):
        # Safari may freeze the system's version and update only its own.
        return _Browser(
            "safari", "ios", _number(r"Version/(\d+)", text) or _number(r"OS (\d+)_", text)
        )
    for family, pattern in (
        ("firefox", r"Firefox/(\d+)"),
        ("chrome", r"Chrome/(\d+)"),
        ("safari", r"Version/(\d+)\S* Safari/"),
    ):
        version = _number(pattern, text)
        if version is not None and text.startswith("Mozilla/5.0 ("):
            return _Browser(family, place, version)
    return None


def _number(pattern: str, text: str) -> int | None:
    match = re.search(pattern, text)
    digits = next(filter(None, match.groups()), "") if match else ""
    return int(digits) if digits and len(digits) < 6 else None


# x-statsig-id -----------------------------------------------------------------------------------

STATSIG_BYTES = 70
"""Bytes of real values of ``x-statsig-id``: 94 characters of base64."""


def judge_statsig(identity: Identity, paths: Sequence[str], *, for_chats: bool = True) -> Finding:
    """The finding on whether the values look like a browser's.

    :param paths: the paths of the requests that need one.
    :param for_chats: whether chats are among these requests. Over the websocket they need none.
    """
    doubts: dict[str, list[str]] = {}
    for path in paths:
        doubt = statsig_doubt(identity.statsig_for(path))
        if doubt:
            doubts.setdefault(doubt, []).append(path)
    if doubts:
        for_some = any(len(where) < len(paths) for where in doubts.values())
        message = "; ".join(
            doubt + (f" (for {', '.join(where)})" if for_some else "")
            for doubt, where in doubts.items()
        )
        if not for_chats:
            return ok(
                "statsig", f"{message}; chats over the websocket need none, uploads and videos do"
            )
        return warn("statsig", message, advice("upstream_antibot"))
    if isinstance(identity.statsig_id, str):
        return ok(
            "statsig", "looks like a browser's; such a value is bound to one path and expires"
        )
    return ok("statsig", "look like a browser's, by path; they expire")


def statsig_doubt(value: str) -> str:
    """The reason to doubt a value; empty if there is none. The value is not quoted."""
    if not value:
        return "there is none"
    if value == DEFAULT_STATSIG_ID:
        return "the shipped default, which Grok has refused since June 2026"
    decoded = _decoded(value)
    if decoded and decoded.isascii() and decoded.decode("ascii").isprintable():
        return "invented: a text in base64, such as Grok has refused since June 2026"
    if decoded is None or len(decoded) != STATSIG_BYTES:
        return (
            "not as browsers make it: 94 characters of base64 are expected, and these are "
            f"{len(value)}"
        )
    return ""


def _decoded(value: str) -> bytes | None:
    bare = value.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except ValueError:  # binascii.Error, or UnicodeEncodeError for a text beyond ASCII
        return None


# cf_clearance -----------------------------------------------------------------------------------

CLEARANCE_DAYS = 2
"""The longest life of a ``cf_clearance``, in days (§1.2: hours to some two days)."""

SHORT_CLEARANCE = 40
"""The least length in characters; real values have more than a hundred."""

_ISSUED = re.compile(r"-(1\d{9}|2\d{9})-")
"""Cloudflare writes the time of issue, in seconds since 1970, into the value."""


def judge_clearance(clearance: str, user_agent: str, now: float) -> Finding:
    """The finding on whether ``cf_clearance`` can be of use.

    :param now: seconds since 1970.
    """
    if not clearance:
        return ok("clearance", "none; it is needed only where Grok answers with a challenge page")
    doubt = _clearance_doubt(clearance, now)
    if not user_agent:
        doubt = doubt or (
            "set, but [grok] user_agent is not: it works only with the User-Agent of the browser "
            "that it comes from"
        )
    if doubt:
        return warn("clearance", doubt, advice("upstream_challenge"))
    return ok(
        "clearance",
        "set, with a User-Agent; it works only from the address at which the browser got it",
    )


def _clearance_doubt(clearance: str, now: float) -> str:
    if re.search(r"[;\s]", clearance):
        return "more than the cookie's value"
    if len(clearance) < SHORT_CLEARANCE:
        return f"too short to be one ({len(clearance)} characters)"
    issued = _ISSUED.search(clearance)
    days = (now - int(issued.group(1))) / 86400 if issued else 0
    return (
        f"{days:.0f} days old; it lasts {CLEARANCE_DAYS} at the most"
        if days > CLEARANCE_DAYS
        else ""
    )
