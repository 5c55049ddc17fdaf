"""The values in a browser's "Copy as cURL" or "Copy as PowerShell" that Grok knows its owner by.

Forms: Chrome's and Edge's for bash, cmd.exe and PowerShell, Firefox's for POSIX, Windows and
PowerShell, and Safari's. Which of them a text is shows in its first word and its first quotes.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from attrs import field, frozen

from .cmd_words import cmd_words
from .posix_words import posix_words
from .powershell import powershell_tokens
from .refusal import CopyRefused
from .requests import CopiedRequest, request_of_curl, request_of_powershell

__all__ = ["MOST_CHARS", "BrowserCopy", "CopyRefused", "Form", "read_copy"]

MOST_CHARS = 4 * 1024 * 1024
"""The longest text that is read, in characters. A copied question with a file is some 100 kB."""

GROKS_HOST = "grok.com"
_CURL = re.compile(r"curl(?:\.exe)?(?=[\s^\"'\\]|$)", re.IGNORECASE)
_POWERSHELL = re.compile(r"Invoke-(?:WebRequest|RestMethod)\b|Net\.Cookie\b", re.IGNORECASE)
_FETCH = re.compile(r"(?:await\s+)?fetch\(", re.IGNORECASE)
_PROMPT = re.compile(r"^(?:[$%#>]\s+|PS\s[^\n>]*>\s*|[A-Za-z]:\\[^\n>]*>\s*)")
_HOST = re.compile(r"[a-z0-9.-]{1,253}")
_HINT = 'in the developer tools, under Network, choose "Copy as cURL" at a request to grok.com'


class Form(enum.Enum):
    """The form of a copy, by the name of its shell."""

    BASH = "bash"
    CMD = "cmd"
    POWERSHELL = "PowerShell"


@frozen
class BrowserCopy:
    """The values of a copied request to Grok; one that is missing is empty.

    :ivar path: the request's path, without its query.
    :ivar sso: the session, from the cookie ``sso``, else ``sso-rw``.
    """

    form: Form
    host: str
    path: str
    sso: str = field(repr=False)
    cf_clearance: str = field(repr=False)
    user_agent: str = field(repr=False)
    statsig_id: str = field(repr=False)


def read_copy(text: str) -> BrowserCopy:
    """The copied request in *text*; of several, the first to Grok that has the looked-for cookies.

    :raises CopyRefused: if there is none. Only a host is quoted.
    """
    if len(text) > MOST_CHARS:
        raise CopyRefused("is too long for a copied request")
    text = _PROMPT.sub("", text.strip().removeprefix("\ufeff").strip())
    form = _form_of(text)
    refusal = CopyRefused(f"is a command without a request: {_HINT}")
    for number, request in enumerate(_requests(text, form)):
        try:
            return _copy(form, request)
        except CopyRefused as error:
            refusal = refusal if number else error
    raise refusal


def _form_of(text: str) -> Form:
    if _CURL.match(text):
        # Browsers quote by ' or $' for bash, and by " or ^" for cmd.exe. A person may quote
        # otherwise; a backslash at a line's end is bash's in any case.
        first = re.search("[\"']", text)
        if first is None or first.group() == "'" or re.search(r"\\\r?\n", text):
            return Form.BASH if not re.search(r"\^\r?\n", text[:400]) else Form.CMD
        return Form.CMD
    if _POWERSHELL.search(text):
        return Form.POWERSHELL
    if _FETCH.match(text):
        raise CopyRefused(f'is a "Copy as fetch": {_HINT}')
    if not text:
        raise CopyRefused(f"is empty: {_HINT}")
    raise CopyRefused(f"is not a copied request: {_HINT}")


def _requests(text: str, form: Form) -> Sequence[CopiedRequest]:
    if form is Form.POWERSHELL:
        return [request_of_powershell(powershell_tokens(text))]
    commands = posix_words(text) if form is Form.BASH else cmd_words(text)
    return [request_of_curl(words[1:]) for words in commands if words and _CURL.fullmatch(words[0])]


def _copy(form: Form, request: CopiedRequest) -> BrowserCopy:
    host, path = _host_and_path(request.url)
    if not request.cookies:
        raise CopyRefused(
            "has no cookies: sign in at grok.com, and copy a request that its page sends then"
        )
    sso = _only("sso", request) or _only("sso-rw", request)
    clearance = next((value for name, value in request.cookies if name == "cf_clearance"), "")
    if not sso and not clearance:
        raise CopyRefused(
            "has neither the cookie sso nor cf_clearance: sign in at grok.com, and copy a request "
            "that its page sends then"
        )
    return BrowserCopy(
        form=form,
        host=host,
        path=path,
        sso=sso,
        cf_clearance=clearance,
        user_agent=request.headers.get("user-agent", ""),
        statsig_id=request.headers.get("x-statsig-id", ""),
    )


def _host_and_path(url: str) -> tuple[str, str]:
    """Host and path of a URL to Grok. curl takes a URL without its scheme as well."""
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        raise CopyRefused("has no usable URL") from None
    if not host:
        raise CopyRefused(f"has no URL: {_HINT}")
    if host != GROKS_HOST:
        named = f"to {host}" if _HOST.fullmatch(host) else "to another host"
        raise CopyRefused(f"is a request {named}, not to {GROKS_HOST}: {_HINT}")
    return host, parts.path or "/"


def _only(name: str, request: CopiedRequest) -> str:
    """The value of a cookie; empty if there is none.

    :raises CopyRefused: if there are several, of which one could be another account's.
    """
    values = {value for cookie, value in request.cookies if cookie == name and value}
    if len(values) > 1:
        raise CopyRefused(f"has several values of the cookie {name}: sign in anew, then copy again")
    return next(iter(values), "")
