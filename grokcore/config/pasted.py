"""Values as people paste them: with names, in whole headers, in quotes.

The text around a value is never sent: a cookie header pasted for the sake of cf_clearance holds an
account's session, which must not travel with another account's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ..protocol.token_file.text import is_jwt, tidied

__all__ = ["taken_out"]

_QUOTES = {
    '"': '"',
    "'": "'",
    "`": "`",
    "\u201c": "\u201d",
    "\u2018": "\u2019",
    "\u201e": "\u201c",
    "\xab": "\xbb",
}
_CLEARANCE = re.compile(r"(?<![\w-])cf_clearance\s*[=:]\s*[\"']?([^;,\s\"'^]*)")
_SESSION = re.compile(r"eyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]{4,}")
_OTHER_COOKIE = re.compile(r"[\w-]+=|;")
_KEY_NAME = re.compile(
    r"^(?:(?:authorization|x-api-key|api[_-]?key)\s*[:=]\s*)?(?:bearer\s+)?", re.IGNORECASE
)
_WITH_NAME = "was pasted with its name or more; only the value is used"


def taken_out(key: str, value: Any) -> tuple[Any, str]:
    """The value in a setting's text, and a warning if the text has more than the value.

    :param key: the setting's key, without its section.
    :param value: of any type; only texts, and texts in a table or list, are examined.
    :raises ValueError: if it holds no such value; the message quotes nothing.
    """
    if isinstance(value, dict):
        pairs = {name: taken_out(key, inner) for name, inner in value.items()}
        return {name: pair[0] for name, pair in pairs.items()}, _first(
            pair[1] for pair in pairs.values()
        )
    if isinstance(value, list):
        items = [taken_out("", item) for item in value]
        return [item for item, _ in items], _first(words for _, words in items)
    if not isinstance(value, str):
        return value, ""
    text = tidied(value).strip()
    if key in ("api_key", "key"):
        return _api_key(text)
    bare = _unquoted(text)
    taken = _TAKERS.get(key, _as_it_is)(bare)
    if bare.rstrip("; ") not in (taken, f"cf_clearance={taken}"):
        return taken, _WITH_NAME
    return (
        taken,
        "stands in quotes that are no part of it; they are left out" if bare != text else "",
    )


def _first(words: Any) -> str:
    return next(filter(None, words), "")


def _unquoted(text: str) -> str:
    while len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    return text


def _api_key(text: str) -> tuple[str, str]:
    """A key without the beginning of a header. Quotes stay: clients may have been given them as
    well.
    """
    bare = _KEY_NAME.sub("", text, count=1)
    if bare and bare != text:
        return bare, _WITH_NAME
    if _unquoted(text) != text:
        return (
            text,
            (
                "stands in quotes, which are part of the key here: take them out unless clients "
                "send "
                "them too"
            ),
        )
    return text, ""


def _clearance(text: str) -> str:
    """The value of the cookie, out of a header, a command or the bare value."""
    match = list(dict.fromkeys(filter(None, _CLEARANCE.findall(text))))
    value = _unquoted(
        match[0] if match else re.sub(r"^cookie:\s*", "", text, flags=re.IGNORECASE).rstrip("; ")
    )
    if _CLEARANCE.search(text) and not match and text.strip("; ") != "cf_clearance=":
        raise ValueError("holds cookies, but no value of cf_clearance")
    if is_jwt(value) or _SESSION.search(value):
        raise ValueError(
            "is a session token, which belongs into the token file; the cookie's name here is "
            "cf_clearance"
        )
    if not match and (_OTHER_COOKIE.search(value) or re.search(r"\s", value)):
        raise ValueError(
            "must be the value of the cookie cf_clearance, and there is no such cookie in it"
        )
    return "" if value == "cf_clearance=" else value


def _header(name: str) -> Callable[[str], str]:
    """Takes the value of the header *name* out of one header or several."""
    pattern = re.compile(
        rf"(?:^|\n|-H\s*\$?\^?[\"'])\s*[\"']?{name}\^?[\"']?\s*[:=]?\s*\n?\s*(.*)", re.IGNORECASE
    )

    def take(text: str) -> str:
        found = pattern.search(text.replace("\r\n", "\n").replace("\r", "\n"))
        if found and (found.group(1) or found.start() > 0):
            return _unquoted(found.group(1).strip().rstrip(",").rstrip("^\\ ").strip("\"'^ "))
        return text

    return take


def _user_agent(text: str) -> str:
    taken = _header("user-agent")(text)
    if re.search(r"(?<![\w-])(?:sso|sso-rw|cf_clearance)=", taken):
        raise ValueError("holds cookies: it must be the browser's User-Agent alone")
    return taken


def _as_it_is(text: str) -> str:
    return text


_TAKERS: Mapping[str, Callable[[str], str]] = {
    "cf_clearance": _clearance,
    "user_agent": _user_agent,
    "x_statsig_id": _header("x-statsig-id"),
}
