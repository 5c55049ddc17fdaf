"""A browser's copied request: every shell's quoting, every browser's form, and all that is none."""

from __future__ import annotations

import contextlib

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from grokcore.protocol.browser_copy.cmd_words import cmd_words
from grokcore.protocol.browser_copy.posix_words import posix_words
from grokcore.protocol.browser_copy.powershell import Token, powershell_tokens
from grokcore.protocol.browser_copy.reading import MOST_CHARS, read_copy
from grokcore.protocol.browser_copy.refusal import CopyRefused
from tests.protocol.browser_copy.quoting import (
    BROWSERS,
    Browser,
    for_bash,
    for_bash_in_ascii,
    for_cmd,
    for_cmd_in_quotes,
    for_powershell,
)

URL = "https://grok.com/rest/app-chat/conversations/new?x=%20y"
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
SSO = "eyJhbGciOiJIUzI1NiJ9.eyJzZXNzaW9uX2lkIjoiMSJ9.c2lnbmF0dXJl"
COOKIES = (("i18nextLng", "en"), ("sso", SSO), ("sso-rw", SSO), ("cf_clearance", "Ab.c_1-1.2%7E"))
HEADERS = (("accept", "*/*"), ("user-agent", AGENT), ("x-statsig-id", "Zm9v/+bar=="))

ANY = st.characters(exclude_categories=["Cs"])
CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"))
TEXTS = st.text(CHARACTERS | st.sampled_from("\\\"'`$%^&|!\n\\\"'"))
PRINTABLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)
COOKIE_VALUES = st.text(st.sampled_from("abcXYZ012!#$%&'()*+-./:<=>?@[]^_`{|}~"), min_size=1)
each_browser = pytest.mark.parametrize("browser", BROWSERS, ids=lambda browser: browser.name)


# Shells ------------------------------------------------------------------------------------------


@given(st.lists(st.text(ANY), max_size=4))
def test_words_for_bash_are_read_as_they_were(words: list[str]) -> None:
    """Words may hold control characters too."""
    for quote in (for_bash, for_bash_in_ascii):
        assert posix_words(" \\\n ".join(map(quote, words))) == ([words] if words else [])


@given(st.lists(TEXTS, max_size=4))
def test_words_for_cmd_are_read_as_they_were(words: list[str]) -> None:
    """With carets and backslashes, or in quotes with doubled quotes."""
    for quote in (for_cmd, for_cmd_in_quotes):
        assert cmd_words(" ^\r\n ".join(map(quote, words))) == ([words] if words else [])


@given(st.lists(st.text(ANY), max_size=4))
def test_strings_for_powershell_are_read_as_they_were(words: list[str]) -> None:
    """With backticks and characters by number."""
    text = " `\r\n ".join(map(for_powershell, words))
    assert powershell_tokens(text) == [Token(word, is_string=True) for word in words]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("$'it\\'s \\x41\\u00e9\\101\\t'", ["it's A\u00e9A\t"]),
        ("$'\\ud83d\\ude00'", ["\U0001f600"]),
        ("'a'\\''b'", ["a'b"]),
        ('"a\\"b\\$c\\d"', ['a"b$c\\d']),
        ("a\\ b c\\\r\nd", ["a b", "cd"]),
        ("a'b' \"\" ''", ["ab", "", ""]),
    ],
)
def test_quoting_by_hand_for_bash(text: str, words: list[str]) -> None:
    """As bash itself reads it."""
    assert posix_words(text) == [words]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a^&b "c^&d"', ["a&b", "c^&d"]),
        ('"a\\\\" "b\\"c" "d""e" f\\g', ["a\\", 'b"c', 'd"e', "f\\g"]),
        ('^"50^%^25 ^\\^"x^\\^"^"', ['50%25 "x"']),
    ],
)
def test_quoting_by_hand_for_cmd(text: str, words: list[str]) -> None:
    """As cmd.exe and the C runtime read it."""
    assert cmd_words(text) == [words]


# Browsers ----------------------------------------------------------------------------------------


@each_browser
def test_every_browser_s_copy_is_read(browser: Browser) -> None:
    """The form is recognized, and all four values are taken."""
    copy = read_copy(browser.copy(URL, HEADERS, COOKIES))
    assert (copy.form.value, copy.host, copy.path) == (
        browser.shell,
        "grok.com",
        "/rest/app-chat/conversations/new",
    )
    assert (copy.sso, copy.cf_clearance) == (SSO, "Ab.c_1-1.2%7E")
    assert (copy.user_agent, copy.statsig_id) == (AGENT, "Zm9v/+bar==")


@each_browser
@given(agent=PRINTABLE, statsig=PRINTABLE, clearance=COOKIE_VALUES)
def test_any_value_is_taken_as_it_is(
    browser: Browser, agent: str, statsig: str, clearance: str
) -> None:
    """With everything that the browser's shell has a meaning for."""
    headers = (("x-statsig-id", statsig), ("user-agent", agent))
    if browser.name == "older browsers, cmd" and "\\" in agent + statsig:
        return  # their doubled quotes and backslashes are ambiguous
    copy = read_copy(browser.copy(URL, headers, (("sso", SSO), ("cf_clearance", clearance))))
    assert (copy.user_agent, copy.statsig_id) == (agent, statsig)
    assert (copy.cf_clearance, copy.sso) == (clearance, SSO)


@frozen
class Sample:
    """A copy, and its path and values: session, clearance, User-Agent, statsig."""

    name: str
    text: str
    path: str
    values: tuple[str, str, str, str]


SAMPLES = (
    Sample("the websocket", f"curl 'wss://grok.com/ws/mgw' \\\n  -H 'Upgrade: websocket' \\\n  -b 'sso={SSO}'", "/ws/mgw", (SSO, "", "", "")),
    Sample("long options", f"curl --location --request POST --url https://grok.com/a --cookie 'sso={SSO}' --user-agent=x -sSLk", "/a", (SSO, "", "x", "")),
    Sample("attached values", f"curl -XPOST -H'cookie: sso={SSO}; cf_clearance=c' -A'x y' https://grok.com", "/", (SSO, "c", "x y", "")),
    Sample("double quotes for bash", f'curl "https://grok.com/" \\\n -H "cookie: sso={SSO}"', "/", (SSO, "", "", "")),
    Sample("with a prompt", f"$ curl 'https://grok.com/' -b 'sso={SSO}'", "/", (SSO, "", "", "")),
    Sample("curl.exe", f'curl.exe "https://grok.com/" -b "sso={SSO}"', "/", (SSO, "", "", "")),
    Sample("without a scheme", f"curl grok.com/x -b sso={SSO}", "/x", (SSO, "", "", "")),
    Sample("only sso-rw", f"curl 'https://grok.com/' -b 'sso-rw={SSO}'", "/", (SSO, "", "", "")),
    Sample("only a clearance", "curl 'https://grok.com/' -b 'a=b; cf_clearance=c=='", "/", ("", "c==", "", "")),
    Sample("all as cURL", f"curl 'https://cdn.example.com/x.js' -b 'a=b' ;\ncurl 'https://grok.com/y' -b 'sso={SSO}'", "/y", (SSO, "", "", "")),
    Sample("all as cURL, cmd", f'curl ^"https://cdn.example.com/^" &\r\ncurl ^"https://grok.com/y^" -b ^"sso={SSO}^"', "/y", (SSO, "", "", "")),
    Sample("PowerShell with a cookie header", f"Invoke-WebRequest -Uri 'https://grok.com/p' -UserAgent 'it''s' -Headers @{{'Cookie' = 'sso={SSO}'; 'X-Statsig-Id'='s'}}", "/p", (SSO, "", "it's", "s")),
    Sample("PowerShell with other sites' cookies", f'$s.Cookies.Add((New-Object System.Net.Cookie("sso", "other", "/", ".example.com")))\n$s.Cookies.Add((New-Object System.Net.Cookie("sso","{SSO}","/","grok.com")))\nInvoke-WebRequest -Uri "https://grok.com/"', "/", (SSO, "", "", "")),
)  # fmt: skip


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_less_usual_forms(sample: Sample) -> None:
    """Written by hand, by other tools, or by a choice beside the usual one."""
    copy = read_copy(sample.text)
    assert copy.path == sample.path
    assert (copy.sso, copy.cf_clearance, copy.user_agent, copy.statsig_id) == sample.values


# Refusals ----------------------------------------------------------------------------------------

REFUSALS = (
    ("", "is empty"),
    ("hello", "is not a copied request"),
    (SSO, "is not a copied request"),
    (f"cookie: sso={SSO}", "is not a copied request"),
    (f'await fetch("https://grok.com", {{"headers": {{"cookie": "sso={SSO}"}}}})', 'is a "Copy as'),
    ("curl", "has no URL"),
    (f"curl -b 'sso={SSO}'", "has no URL"),
    (f"curl 'https://example.com/' -b 'sso={SSO}'", "is a request to example.com, not to grok.com"),
    (f"curl 'https://grok.com.example.com/{SSO}'", "is a request to grok.com.example.com, not"),
    (f"curl 'https://u:{SSO}@x_y/' -b 'sso={SSO}'", "is a request to another host"),
    (f"curl 'https://[{SSO}' -b 'a=b'", "has no usable URL"),
    ("curl 'https://grok.com/' -H 'accept: */*'", "has no cookies"),
    ("curl 'https://grok.com/' -b 'a=b'", "has neither the cookie sso nor cf_clearance"),
    (f"curl 'https://grok.com/' -b 'sso={SSO}; sso=other'", "has several values of the cookie sso"),
    ("x" * (MOST_CHARS + 1), "is too long"),
    ("# Invoke-WebRequest", "has no URL"),
    (f"curl 'https://grok.com/' -b 'sso={SSO}", "ends within a quotation"),
    (f'curl "https://grok.com/" -b "sso={SSO}', "ends within a quotation"),
    (f'Invoke-WebRequest -Headers @{{"cookie"="sso={SSO}', "ends within a quotation"),
)


@pytest.mark.parametrize(("text", "message"), REFUSALS, ids=[message for _, message in REFUSALS])
def test_a_text_that_is_no_use_is_refused_in_words(text: str, message: str) -> None:
    """The message has advice, and of the text the host only."""
    with pytest.raises(CopyRefused) as caught:
        read_copy(text)
    assert str(caught.value).startswith(message)
    assert SSO.lower() not in str(caught.value).lower()


PIECES = st.sampled_from(
    [
        *("curl ", "curl 'https://grok.com/' ", "-H ", "-b ", "sso=", "cookie: ", "\\", "^", "`"),
        *("'", '"', "$'", '^"', "\n", "\r\n", "\\u", "\\ud83d", "\\U00ffffff", "$([char]99999999)"),
        *("Invoke-WebRequest ", "-Uri ", "-Headers @{", "}", "=", "Net.Cookie(", "$s.UserAgent", ")"),
        *("`u{110000}", "https://[", "://", ";", "&", "\ud800", "\0", "%", "\\c", "\\777"),
    ]
)  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=3)).map("".join))
def test_garbage_is_refused_by_the_reader_s_own_error(text: str) -> None:
    """Nothing else leaves the reader."""
    with contextlib.suppress(CopyRefused):
        read_copy(text)


@each_browser
@given(data=st.data())
def test_a_copy_that_was_cut_off_is_read_or_refused(browser: Browser, data: st.DataObject) -> None:
    """Wherever it ends, a value is whole or not taken."""
    whole = browser.copy(URL, HEADERS, COOKIES)
    try:
        copy = read_copy(whole[: data.draw(st.integers(0, len(whole)))])
    except CopyRefused:
        return
    assert copy.sso in ("", SSO)
    assert copy.user_agent in ("", AGENT)
    assert copy.statsig_id in ("", "Zm9v/+bar==")
    assert copy.cf_clearance in ("", "Ab.c_1-1.2%7E")


@pytest.mark.large
@pytest.mark.parametrize(
    "text",
    [
        *("curl '$'", "curl $'\\'", 'curl ^"^\\', 'curl "\\\\', "curl -H a -b '", "curl \\'\\\""),
        *("Net.Cookie -Headers @{ a = ", 'Net.Cookie("', "Net.Cookie `", "Net.Cookie -Uri $("),
    ],
)
def test_a_long_text_takes_no_longer_than_its_length(text: str) -> None:
    """A text of one pattern many times is through in a moment, where squares would take hours."""
    start, _, rest = text.partition(" ")
    with contextlib.suppress(CopyRefused):
        read_copy(f"{start} {rest * (MOST_CHARS // 8 // max(1, len(rest)))}")


def test_control_characters_of_bash_are_read() -> None:
    """``$'\\cA'`` is what Ctrl-A types."""
    assert posix_words("a $'\\cA\\x41\\101\\n\\q'") == [["a", "\x01AA\n\\q"]]


def test_a_part_of_a_cookie_header_without_a_value_is_passed_over() -> None:
    """Browsers never write one; people's notes do."""
    copy = read_copy("curl 'https://grok.com/' -b 'note; sso=eyJhbGciOiJub25lIn0.e30.c2ln'")
    assert copy.sso == "eyJhbGciOiJub25lIn0.e30.c2ln"
