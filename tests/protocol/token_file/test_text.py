"""One token out of what people paste: which texts are one, which hold one, and that nothing else is
ever taken.
"""

from __future__ import annotations

import re

import pytest
from attrs import frozen
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grokcore.protocol.token_file.text import NotGroks, Placeholder, is_jwt, token_in
from tests.protocol.token_file.pasted import CURL, JWT, OTHER, jwt, pieces

WHOLE = jwt("3", "ab--cdefghijklmnopqrstuvwxyz0123456789--EFG")
"""With a signature of 43 characters, in which two dashes may stand."""
PASSWORD = "h0rse-Battery"


@frozen
class Pasted:
    """A text, and the token in it."""

    name: str
    text: str
    token: str = JWT


PASTED = [
    Pasted("a JWT", JWT),
    Pasted("a JWT with dashes", WHOLE, WHOLE),
    Pasted("another token", "demo-basic-1", "demo-basic-1"),
    Pasted("base64 with its end", "abcd/+==", "abcd/+=="),
    Pasted("smart quotes", f"\u201c{JWT}\u201d"),
    Pasted("guillemets and a comma", f"\xab{JWT}\xbb,"),
    Pasted("backticks", f"`{JWT}`"),
    Pasted("zero-width ends", f"\ufeff\u200b{JWT}\u200d\u2060"),
    Pasted("a zero-width space within", JWT[:9] + "\u200b" + JWT[9:]),
    Pasted("a soft hyphen and marks of direction", f"\u202a{JWT[:30]}\xad{JWT[30:]}\u202c\u200f"),
    Pasted("hard spaces", f"\xa0{JWT}\u202f\u3000"),
    Pasted("a cookie", f"sso={JWT}"),
    Pasted("a quoted cookie", f'sso="{JWT}"; Path=/'),
    Pasted("the other name", f"sso-rw={JWT}"),
    Pasted("a header", f"Cookie: _ga=GA1.1; sso={JWT}; sso-rw={JWT}; cf_clearance=x"),
    Pasted("a header of JSON", f'"cookie": "_ga=GA1.1; sso={JWT}",'),
    Pasted("Set-Cookie", f"Set-Cookie: sso={JWT}; Domain=.grok.com; Path=/; HttpOnly; Secure"),
    Pasted("Set-Cookie of accounts.x.ai", f"set-cookie: sso={JWT}; domain=accounts.x.ai; path=/"),
    Pasted("bash", CURL),
    Pasted("bash with continuations", CURL.replace(" -", " \\\n  -")),
    Pasted("bash with $''", CURL.replace("'i18n", "$'a=\\u0021; i18n")),
    Pasted("cmd.exe", CURL.replace("'", '^"').replace(" -", " ^\n  -").replace("{", "^{")),
    Pasted(
        "fetch", f'fetch("https://grok.com/rest/x", {{"headers": {{"cookie": "sso={JWT}; x=y"}}}});'
    ),
    Pasted(
        "PowerShell",
        f'$session.Cookies.Add((New-Object System.Net.Cookie("sso", "{JWT}", "/", ".grok.com")))',
    ),
    Pasted("an account's line", f"me@example.com----{PASSWORD}----{JWT}"),
    Pasted("an account's line, no mail", f"user----{PASSWORD}----{JWT}"),
    Pasted("an account's line, the other way round", f"{JWT}----me@example.com----{PASSWORD}"),
    Pasted("an account's line with a cookie", f"me@example.com:{PASSWORD}:sso={JWT}"),
    Pasted("an account's line with bars", f"me@example.com|{PASSWORD}|{JWT}"),
    Pasted("a row of a table", f"me@example.com,{PASSWORD},{JWT}"),
    Pasted("a row with tabs", f"me@example.com\t{PASSWORD}\t{JWT}"),
    Pasted("a cookie and a password behind it", f"sso={JWT}----{PASSWORD}"),
    Pasted("a JWT with dashes in a line", f"me@example.com|{PASSWORD}|{WHOLE}", WHOLE),
]


@pytest.mark.parametrize("case", PASTED, ids=lambda case: case.name)
def test_the_token_is_found_and_nothing_beside_it(case: Pasted) -> None:
    """Bare, by its cookie's name, or as the only JWT of a line."""
    assert token_in(case.text) == case.token


REFUSED = [
    f"me@example.com----{PASSWORD}",
    f"me@example.com----{PASSWORD}----not-a-jwt",
    f"user----{PASSWORD}----a.b.c",
    f"user--{PASSWORD}",
    f"user:{PASSWORD}",
    f"user|{PASSWORD}",
    f"me@example.com {PASSWORD}",
    f"{JWT}----{OTHER}",
    f"{JWT},{OTHER}",
    f"sso={JWT}; sso={OTHER}",
    f"{JWT}---{PASSWORD}",
    f"{PASSWORD}---{JWT}",
    f"{JWT}-----{PASSWORD}",
    f"{JWT}.{PASSWORD}",
    f"{PASSWORD}/{JWT}",
    f"sso={PASSWORD}@x",
    f"sso=user----{PASSWORD}",
    f"x-sso={JWT}",
    f"https://example.com/?sso={JWT}",
    "https://grok.com",
    "csso=x",
    "cf_clearance=x; theme=dark",
    "Cookie: sso=; x=y",
    "curl 'https://grok.com/' -H 'cookie: a=b'",
    "",
    "\u200b",
    "é",
    f"{JWT}\u2014",
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_may_hold_something_else_is_refused(text: str) -> None:
    """A password would go to Grok in a cookie. The message quotes nothing."""
    with pytest.raises(ValueError, match=r"^(is|holds) ") as caught:
        token_in(text)
    assert not pieces(f"{PASSWORD} {JWT} {OTHER}") & pieces(str(caught.value))


@pytest.mark.parametrize(
    "text",
    ["xai-A1b2C3d4", "sk-proj-A1b2C3d4", "sso=sk-ant-A1b2C3d4", "AIzaA1b2C3d4", "ghp_A1b2C3d4"],
)
def test_a_key_of_another_service_is_no_token(text: str) -> None:
    """It would go to Grok in a cookie; the message says which value is wanted."""
    with pytest.raises(ValueError, match=r"^is an API key, .* the cookie sso") as caught:
        token_in(text)
    assert "A1b2C3d4" not in str(caught.value)


PLACEHOLDERS = ["<jwt>", "<your token>", "your-sso-token-here", "YOUR_TOKEN", "xxx", "XXXXXXXX", "eyJ...", "eyJhbGci…", "sso=eyJ…", "{{token}}",
                "${SSO}", "%SSO%", "[token]", "paste-the-value-of-your-sso-cookie-here", "sso=a-whole-cookie-header-works-too; sso-rw=…", "eyJhbGciOiJIUzI1NiJ9.eyJz.xxxxx",
                "null", "None", "******", "你的token", "jwt", "placeholder", "sso=<value>"]  # fmt: skip


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_a_placeholder_is_named_as_one(text: str) -> None:
    """So that its owner knows what to do, and it is never asked for at Grok."""
    with pytest.raises(Placeholder, match="is a placeholder"):
        token_in(text)


FOREIGN = [
    f"Set-Cookie: sso={JWT}; Domain=example.com",
    f"curl 'https://example.com/?u=https://grok.com' -b 'sso={JWT}'",
    f'curl ^"https://notgrok.com/^" ^\n -b ^"sso={JWT}^"',
    f'$s.Cookies.Add((New-Object System.Net.Cookie("sso", "{JWT}", "/", ".example.com")))',
    f'$s.Cookies.Add((New-Object System.Net.Cookie("theme", "{JWT}", "/", ".grok.com")))',
    f'fetch("https://grok.com.example.com/", {{"headers": {{"cookie": "sso={JWT}"}}}})',
]


@pytest.mark.parametrize("text", FOREIGN)
def test_a_cookie_of_another_site_is_not_for_grok(text: str) -> None:
    """Others have one of that name."""
    with pytest.raises(NotGroks):
        token_in(text)


SECRETS = st.text(
    "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789!#$%&*+._~-@:/?|",
    min_size=6,
    max_size=24,
)
SEPARATORS = st.sampled_from(
    ["----", "---", "--", "-----", ":", "|", ",", ";", " ", "\t", "/", ".", "@"]
)


@settings(deadline=None, max_examples=400)
@example(fields=[JWT, "000000", "00000000", "00000000"], separator="---")
@given(
    st.lists(SECRETS | st.sampled_from([JWT, WHOLE, f"sso={JWT}"]), min_size=2, max_size=4),
    SEPARATORS,
)
def test_of_any_line_of_fields_nothing_but_the_token_is_taken(
    fields: list[str], separator: str
) -> None:
    """Without a separator and without a JWT the whole line is taken: it looks like a token."""
    text = separator.join(fields)
    try:
        taken, said = token_in(text), ""
    except ValueError as error:
        taken, said = JWT, str(error)
    assert not pieces(text) & pieces(said)
    plain = (
        re.fullmatch(r"[\w.~/%!#$&*+?=-]+", text.strip(",;"))
        and "--" not in text
        and ".eyJ" not in text
    )
    # Dashes are characters of a signature, too: one of a usual length may have two in a row.
    usual = len(taken.rpartition(".")[2]) in {43, 64, 86, 342, 512, 683}
    assert taken in (JWT, WHOLE) or plain or usual


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=40))
def test_any_text_is_a_token_or_a_fault(text: str) -> None:
    """Never another exception, and a token is fit for a header."""
    try:
        token = token_in(text)
    except ValueError:
        return
    assert token.isascii()
    assert token.isprintable()
    assert not set(token) & set(' ",;\\@:|<>')


@pytest.mark.large
def test_a_long_text_is_judged_quickly() -> None:
    """Each look is linear: a file of a stranger's making must not hold up the start."""
    for text in (
        "eyJ" * 100_000,
        "-" * 300_000,
        "sso=" * 80_000,
        "a." * 150_000,
        "curl " + "^" * 300_000,
    ):
        with pytest.raises(ValueError, match=r"^(is|holds) "):
            token_in(text)


@pytest.mark.parametrize(
    "text", ["a.b.c", "eyJ.a.b", "eyJh.eyJ", "..", f"{JWT}.x", f"{JWT}--x", "W10.a.b"]
)
def test_only_a_jwt_is_one(text: str) -> None:
    """Its first part is a JSON object."""
    assert not is_jwt(text)
