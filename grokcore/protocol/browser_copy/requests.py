"""From the words of a command to the request that it sends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from attrs import field, frozen

from ..urls.groks_hosts import is_groks_host
from .powershell import Token

__all__ = ["CopiedRequest", "request_of_curl", "request_of_powershell"]

_SHORT_WITH_VALUE = frozenset("HbAXdeuxmoTFUKcCDEhPQrtwYyz") - {"h"}
_LONG_WITH_VALUE = frozenset(
    {
        *("header", "cookie", "user-agent", "request", "url", "referer", "user", "proxy"),
        *("data", "data-raw", "data-binary", "data-ascii", "data-urlencode", "json", "form"),
        *("max-time", "connect-timeout", "output", "cacert", "cert", "key", "resolve"),
        *("upload-file", "cookie-jar", "write-out", "interface", "proxy-user", "retry"),
    }
)
_NAMES = {"H": "header", "b": "cookie", "A": "user-agent"}
_URL = re.compile(r"(?:https?|wss?)://", re.IGNORECASE)
_SESSION_AGENT = re.compile(r"\$\w+\.UserAgent", re.IGNORECASE)

MOST_BEHIND = 9
"""Tokens that belong to a word of PowerShell: a cookie has four texts, three commas, a bracket."""


@frozen
class CopiedRequest:
    """A request as its browser sends it.

    :ivar headers: by names in lower case, without cookies.
    :ivar cookies: name and value, in the order of the copy; a name may stand there twice.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    cookies: Sequence[tuple[str, str]] = field(repr=False)


def request_of_curl(words: Sequence[str]) -> CopiedRequest:
    """The request that curl sends.

    :param words: those of the command behind ``curl``.
    """
    urls: list[str] = []
    headers: dict[str, str] = {}
    cookies: list[tuple[str, str]] = []
    for name, value in _options(words):
        if name == "url":
            urls.append(value)
        elif name == "cookie":
            cookies += _cookies(value)
        elif name == "user-agent":
            headers[name] = value
        elif name == "header":
            header, _, content = value.partition(":")
            if header.strip().lower() == "cookie":
                cookies += _cookies(content)
            else:
                headers[header.strip().lower()] = content.strip()
    url = next(filter(_URL.match, urls), next(iter(urls), ""))
    return CopiedRequest(url, headers, cookies)


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Names and values of the options; arguments are named ``url``, as curl takes them."""
    rest = iter(words)
    for word in rest:
        if word.startswith("--"):
            name, has_value, value = word[2:].partition("=")
            if name in _LONG_WITH_VALUE:
                yield name, value if has_value else next(rest, "")
        elif word.startswith("-") and len(word) > 1:
            flags = word[1:]
            at = next((at for at, flag in enumerate(flags) if flag in _SHORT_WITH_VALUE), None)
            if at is not None:
                yield _NAMES.get(flags[at], flags[at]), flags[at + 1 :] or next(rest, "")
        else:
            yield "url", word


def _cookies(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(";"):
        name, equals, value = part.strip().partition("=")
        if equals:
            yield name.strip(), value.strip()


def request_of_powershell(tokens: Sequence[Token]) -> CopiedRequest:
    """The request of ``Invoke-WebRequest``, with its session's cookies and User-Agent.

    Cookies of other sites are left out.
    """
    url = ""
    headers: dict[str, str] = {}
    cookies: list[tuple[str, str]] = []
    for at, token in enumerate(tokens):
        if token.is_string:
            continue
        word, behind = token.text.lower(), tokens[at + 1 : at + 1 + MOST_BEHIND]
        if word == "-uri" and behind:
            url = behind[0].text
        elif word == "-useragent" and behind:
            headers["user-agent"] = behind[0].text
        elif _SESSION_AGENT.fullmatch(token.text) and _is_assignment(behind):
            headers["user-agent"] = behind[1].text
        elif word.endswith("net.cookie"):
            cookies += _session_cookie(behind)
        elif word == "-headers" and behind and behind[0].text == "@{":
            for name, value in _table(tokens, at + 2):
                if name == "cookie":
                    cookies += _cookies(value)
                else:
                    headers[name] = value
    return CopiedRequest(url, headers, cookies)


def _is_assignment(tokens: Sequence[Token]) -> bool:
    return len(tokens) > 1 and tokens[0] == Token("=") and tokens[1].is_string


def _session_cookie(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """The cookie of ``System.Net.Cookie(name, value, path, domain)``, given what follows it."""
    strings = []
    for token in tokens:
        if token == Token(")"):
            break
        if token.is_string:
            strings.append(token.text)
    if len(strings) > 1:
        domain = strings[3].lower().removeprefix(".") if len(strings) > 3 else ""
        if not domain or is_groks_host(domain):
            yield strings[0], strings[1]


def _table(tokens: Sequence[Token], at: int) -> Iterator[tuple[str, str]]:
    """Names in lower case and values of a table ``@{ "name" = "value" … }``.

    :param at: the number of the token behind its beginning.
    """
    while at < len(tokens) and tokens[at] not in (Token("}"), Token("@{")):
        if at + 2 < len(tokens) and tokens[at + 1] == Token("="):
            yield tokens[at].text.lower(), tokens[at + 2].text.strip()
            at += 2
        at += 1
