"""A session token, extracted from a text that a person pastes.

Theory
------
The token goes to Grok in a cookie, so nothing else may be taken for it: an account list has mail
address, password and token on one line. Hence two rules.

*By name*: the value of the cookie sso (or sso-rw, which holds the same) is taken wherever the
cookie stands: in a header, or in a command of a browser's "Copy as cURL".

*Bare*: a text is a token only if it is one JWT, or consists of characters of a cookie's value,
without characters that separate fields.

Of a line with several fields the one JWT among them is taken if there is exactly one. All else is
refused, and nothing of it is quoted.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import unicodedata

from ..urls.groks_hosts import is_groks_host

__all__ = [
    "COOKIE_NAMES",
    "NOT_GROKS",
    "NotGroks",
    "Placeholder",
    "is_groks_site",
    "is_jwt",
    "looks_like_command",
    "tidied",
    "token_in",
]

COOKIE_NAMES = ("sso", "sso-rw")
"""Both cookies hold the same token."""

NOT_GROKS = "a cookie of another site"
_NO_TOKEN = "is not a token: expected the value of the sso cookie, sso=…, or a cookie header"  # noqa: S105
_SEVERAL = "holds several session tokens: write each in a place of its own"
_FIELDS = (
    "is not a token alone: leave only the session token, without mail address, password "
    "or other fields"
)
_API_KEY = (
    "is an API key, which is something else: expected the value of the cookie sso from grok.com"
)
_PLACEHOLDER = "is a placeholder: put the value of your own sso cookie there"

LONGEST_CHARS = 16_384
"""The longest text that is examined, in characters; a token has some 150."""

_QUOTES = (
    "\"'`\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f"
    "\xab\xbb\u2039\u203a\u300c\u300d\uff02\uff07"
)
_STRAY = re.compile(rf"^[\s;,{_QUOTES}\uff0c\uff1b]+|[\s;,{_QUOTES}\uff0c\uff1b]+$")
"""Characters that copying leaves at the ends of a text."""

_TOKEN = re.compile(r"(?!.*--)[!#-&(-+\-./0-9=?A-Z_a-z~]{1,4096}")
"""RFC 6265's cookie-octet without characters that separate fields, enclose, or quote."""

_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_SIGNATURES = frozenset({43, 64, 86, 342, 512, 683})
"""Characters of a whole signature, by algorithm: HS256 (Grok's), HS384, HS512 and ES256, RSA of
three sizes.
"""

_OTHER_COOKIE = re.compile(r"[\w-]+=[^=.]")
"""The beginning of another cookie, ``cf_clearance=…``. Base64 has its = at the end, or before the
dot of a JWT.
"""

_KEY = re.compile(r"(?:xai|sk)-|gsk_|AIza|gh[op]_")
"""Beginnings of keys of xAI, OpenAI, Anthropic, Groq, Google and GitHub. A key is another service's
secret.
"""

_COOKIES = [
    re.compile(rf"(?<![\w.%/?&-]){name}=[{_QUOTES}]?([^;\s,{_QUOTES}^\\]*)")
    for name in COOKIE_NAMES
]
_DOMAIN = re.compile(r";\s*domain=([^;\s]*)", re.IGNORECASE)
_COMMAND = re.compile(
    r"(?:curl|wget|https?)(?:\.exe)?\s|(?:await\s+)?fetch\(|Invoke-(?:WebRequest|RestMethod)\b|\$\w+\s*[.=]",
    re.IGNORECASE,
)
_HOST = re.compile(r"https?:\^?/\^?/([^/\s'\"^:?#]+)", re.IGNORECASE)
_NET_COOKIE = re.compile(
    r"Net\.Cookie\(\s*\"([^\"]*)\",\s*\"([^\"]*)\"(?:,\s*\"[^\"]*\",\s*\"([^\"]*)\")?"
)
"""PowerShell's form of a cookie: name, value, path, domain."""

_ENCLOSED = re.compile(r"<[^<>!/]*>|\{.*\}|\[.*\]|\$\{?\w+\}?|%\w+%|(.)\1*")
_WORDS = frozenset(
    {
        "your",
        "paste",
        "placeholder",
        "here",
        "example",
        "insert",
        "replace",
        "changeme",
        "todo",
        "sample",
    }
)
_ALONE = frozenset({"jwt", "sso-token", "sso_token"})
_NOTHING = frozenset(
    {"none", "null", "undefined", "nil", "true", "false", "xxx", "placeholder", "changeme"}
)


class NotGroks(ValueError):
    """A cookie of another site, or a line of a command without a cookie. Neither is a fault."""


class Placeholder(ValueError):
    """A placeholder, where the owner should put a token."""

    def __init__(self) -> None:
        super().__init__(_PLACEHOLDER)


def token_in(text: str) -> str:
    """The token in *text*: bare, as ``sso=…``, in a cookie header, or in a command that sends one.

    :raises Placeholder: if *text* is a placeholder.
    :raises NotGroks: if it is a cookie of another site.
    :raises ValueError: if there is no token, or more than one. No message quotes the text.
    """
    text = _STRAY.sub("", tidied(text))
    if looks_like_command(text):
        return _in_command(text)
    named = _named(text)
    if named is not None:
        _refuse_other_site(_DOMAIN.findall(text))
        if ("..." in text or "\u2026" in text) and not is_jwt(named):
            raise Placeholder
        return _checked(named)
    return _checked(re.sub(r"^(?:set-)?cookie:", "", text, flags=re.IGNORECASE))


def tidied(text: str) -> str:
    """*text* without invisible characters: zero-width, soft hyphens, direction marks, byte order
    marks.
    """
    if text.isascii():
        return text
    return "".join(
        char
        for char in text
        if unicodedata.category(char) != "Cf" and not "\ufe00" <= char <= "\ufe0f"
    )


def is_groks_site(domain: object) -> bool:
    """Whether a cookie's domain is one of Grok's. An export may leave it out, or have a URL in its
    place.
    """
    host = domain.strip().lower() if isinstance(domain, str) else ""
    host = re.sub(r"^[a-z]+://", "", host).partition("/")[0].partition(":")[0].removeprefix(".")
    return not host or is_groks_host(host)


def is_jwt(text: str) -> bool:
    """Whether *text* is one JSON Web Token: three parts in base64url, of which the first is a JSON
    object.

    A token with two dashes in a row must have a whole signature: the dashes may separate it from
    another field.
    """
    if not _JWT.fullmatch(text) or len(text) > 4096:
        return False
    head, _, signature = text.split(".")
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return False
    return isinstance(header, dict) and ("--" not in text or len(signature) in _SIGNATURES)


def looks_like_command(text: str) -> bool:
    """Whether *text* is a command in which browsers copy a request, for a shell or a script."""
    return _COMMAND.match(text.lstrip()) is not None


def _in_command(text: str) -> str:
    text = re.sub(r"\^(\^|[^\w\s])", r"\1", text)  # cmd.exe's quoting
    match = _NET_COOKIE.search(text)
    if match:
        name, value, domain = match.groups()
        if name not in COOKIE_NAMES:
            raise NotGroks("is another cookie")
        _refuse_other_site([domain or ""])
        return _checked(value)
    host = _HOST.search(text)
    _refuse_other_site([host.group(1)] if host else [])
    named = _named(text)
    if named is None and text.lstrip().startswith("$"):  # PowerShell's command has several lines
        raise NotGroks("is another line of a command")
    if named is None:
        raise ValueError(
            "is a command without the cookie sso: copy a request that Grok's page sends while "
            "signed in"
        )
    return _checked(named)


def _named(text: str) -> str | None:
    """The value of the cookie sso, else of sso-rw; None if there is neither.

    :raises ValueError: if one of them is there with different values.
    """
    for pattern in _COOKIES:
        values = dict.fromkeys(_STRAY.sub("", value) for value in pattern.findall(text))
        if len(values) > 1:
            raise ValueError(_SEVERAL)
        if values:
            return next(iter(values))
    return None


def _refuse_other_site(domains: list[str]) -> None:
    if not all(map(is_groks_site, domains)):
        raise NotGroks(f"is {NOT_GROKS}")


def _checked(text: str) -> str:
    """*text* as a token, checked."""
    text = _STRAY.sub("", text)
    if len(text) > LONGEST_CHARS:
        raise ValueError(_NO_TOKEN)
    if _is_placeholder(text):
        raise Placeholder
    if is_jwt(text):
        return text
    if ".eyJ" in text or re.search(r"[@|:\s]|--", text):  # a JWT among other text; several fields
        return _one_field(text)
    if not _TOKEN.fullmatch(text) or _OTHER_COOKIE.match(text):
        raise ValueError(_NO_TOKEN)
    if _KEY.match(text):
        raise ValueError(_API_KEY)
    return text


def _one_field(text: str) -> str:
    """The one JWT among several fields. A longer row of dashes may belong to the token, so it
    separates nothing.
    """
    fields = [] if re.search("-{5}", text) else re.split(r"----|[|:,;\s]+", text)
    tokens = list(dict.fromkeys(field for field in fields if is_jwt(field)))
    if len(tokens) > 1:
        raise ValueError(_SEVERAL)
    if not tokens:
        raise ValueError(_FIELDS if _looks_like_fields(text) else _NO_TOKEN)
    return tokens[0]


def _looks_like_fields(text: str) -> bool:
    return re.search(r"--|[@|:]|eyJ", text) is not None


def _is_placeholder(text: str) -> bool:
    """Whether *text* is a placeholder: ``<jwt>``, ``your-sso-token-here``, ``xxx``, ``eyJ...``."""
    if not text:
        return False
    if "..." in text or "\u2026" in text or (len(text) > 1 and _ENCLOSED.fullmatch(text)):
        return True
    if _JWT.fullmatch(text) and text.startswith("eyJ"):
        return any(re.fullmatch(r"([xX*0_-])\1{2,}", part) for part in text.split("."))
    words = re.split(r"[-_.\s]+", text.lower())
    made_up = (
        len(words) > 1 and not _WORDS.isdisjoint(words) and not re.search(r"[0-9@|:]|--", text)
    )
    return made_up or text.lower() in _ALONE | _NOTHING or words[0] in _NOTHING or _is_chinese(text)


def _is_chinese(text: str) -> bool:
    return re.fullmatch(r"[\w\s.()（）<>-]*[\u4e00-\u9fff][\w\s.()（）<>-]*", text) is not None
