"""Token files that other tools write: understood, or named and counted; nothing is lost without a
word.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import ConfigError
from grokcore.protocol.models import Tier
from grokcore.protocol.token_file.places import tier_named
from grokcore.protocol.token_file.reading import notes_on, read_tokens
from grokcore.protocol.tokens import TokenEntry
from tests.protocol.token_file.pasted import CURL, JWT, OTHER, jwt, pieces

from ..strategies import json_values

THIRD = jwt("3")
OUT = "disabled, as its status in the file says"
OTHER_NAME = "a cookie of another name"
OTHER_SITE = "a cookie of another site"
LINE = "a line of a request that holds no cookies"


@frozen
class Export:
    """A file, the tokens in it (disabled ones begin with an exclamation mark here), and notes on
    the rest.
    """

    name: str
    content: Any
    tokens: list[str]
    notes: list[str] = field(factory=list)

    @property
    def data(self) -> bytes:
        return (
            self.content if isinstance(self.content, str) else json.dumps(self.content)
        ).encode()


def cookie(name: str, value: str, domain: str = ".grok.com") -> dict[str, Any]:
    """As extensions of browsers and automation tools write it."""
    return {
        "domain": domain,
        "expirationDate": 1.9e9,
        "hostOnly": False,
        "httpOnly": True,
        "name": name,
        "path": "/",
        "value": value,
    }


def row(name: str, value: str, domain: str = ".grok.com") -> str:
    return f"{domain}\tTRUE\t/\tTRUE\t1893456000\t{name}\t{value}"


POWERSHELL = f"""$session = New-Object Microsoft.PowerShell.Commands.WebRequestSession
$session.UserAgent = "Mozilla/5.0"
$session.Cookies.Add((New-Object System.Net.Cookie("sso", "{JWT}", "/", ".grok.com")))
$session.Cookies.Add((New-Object System.Net.Cookie("theme", "dark", "/", ".grok.com")))
"""

EXPORTS = [
    Export("four pools", {"ssoBasic": [JWT], "ssoSuper": [{"token": OTHER, "status": "active"}], "ssoHeavy": [{"token": THIRD, "quota": {"heavy": {}}}], "ssoLite": []}, [JWT, "+" + OTHER, "+" + THIRD]),
    Export("a pool of no known name", {"ssoUltra": [JWT], "sso": []}, [JWT], ["1 taken: its pool is not known here, so it counts as basic (ssoUltra, entry 1)"]),
    Export("pools by their short names", {"basic": [JWT], "super": [OTHER], "heavy": {THIRD: {}}}, [JWT, "+" + OTHER, "+" + THIRD]),
    Export("a list with pools", {"tokens": [{"token": JWT, "pool": "basic", "status": "active"}, {"token": OTHER, "pool": "ssoHeavy"}, {"token": THIRD, "tier": "gold"}]}, [JWT, "+" + OTHER, THIRD], ["1 taken: its tier is not known here, so it counts as basic (tokens, entry 3)"]),
    Export("wrapped twice", {"success": True, "data": {"accounts": [{"sso_token": JWT, "tier": "SuperGrok"}]}}, ["+" + JWT]),
    Export("statuses", [{"token": jwt(status), "status": status} for status in ("active", "cooling", "disabled", "Expired", "banned", "invalid")], [jwt("active"), jwt("cooling"), *("!" + jwt(status) for status in ("disabled", "Expired", "banned", "invalid"))], [f"4 taken: {OUT} (entry 3; entry 4; entry 5; and 1 more)"]),
    Export("switches", [{"token": JWT, "enabled": False}, {"token": OTHER, "enabled": 1}, {"token": THIRD, "disabled": "true"}], ["!" + JWT, OTHER, "!" + THIRD], [f"1 taken: {OUT} (entry 1)"]),
    Export("rows of a database", [{"type": "table", "name": "accounts", "data": [{"id": "1", "token": JWT, "pool": "super", "status": "active", "deleted_at": None}, {"id": "2", "token": OTHER, "deleted_at": 17}]}], ["+" + JWT, "!" + OTHER], [f"1 taken: {OUT} (entry 1, data, entry 2)"]),
    Export("an unknown status", [{"token": JWT, "status": "on holiday"}], [JWT], ["1 taken: its status is not known here, and it is used (entry 1)"]),
    Export("storage state", {"cookies": [cookie("sso", JWT), cookie("sso-rw", JWT), cookie("sso", OTHER, ".example.com"), cookie("theme", "x")], "origins": [{"origin": "https://grok.com", "localStorage": []}]}, [JWT], [f"1 passed over: {OTHER_SITE} (cookies, entry 3)", f"1 passed over: {OTHER_NAME}"]),
    Export("cookies as an object", {"sso": JWT, "sso-rw": JWT}, [JWT]),
    Export("cookies as an object, wrapped", {"cookies": {"sso": JWT, "sso-rw": JWT, "theme": "dark"}}, [JWT], [f"1 passed over: {OTHER_NAME}"]),
    Export("an account with cookies", [{"email": "me@example.com", "password": "h0rse", "cookies": [cookie("theme", "x"), cookie("sso", JWT)]}, {"cookies": {"sso-rw": OTHER}}, {"cookie": f"a=b; sso={THIRD}"}], [JWT, OTHER, THIRD]),
    Export("a cookie manager", [{"Host raw": "https://.grok.com/", "Name raw": "sso", "Content raw": JWT}, {"Host raw": "https://.example.com/", "Name raw": "sso", "Content raw": OTHER}], [JWT], [f"1 passed over: {OTHER_SITE} (entry 2)"]),
    Export("keyed by token", {JWT: {"note": "a"}, OTHER: {"disabled": True}}, [JWT, "!" + OTHER]),
    Export("a HAR archive", {"log": {"entries": [{"request": {"url": "https://grok.com/rest/x", "cookies": [{"name": "sso", "value": JWT}], "headers": []}}, {"request": {"url": "https://example.com/", "cookies": [{"name": "sso", "value": OTHER}]}}, {"request": {"url": "https://grok.com/", "headers": [{"name": "Cookie", "value": f"a=b; sso={JWT}"}]}}]}}, [JWT], ["1 passed over: a request without Grok's session cookie (log, entry 2)"]),
    Export("parts that nobody knows", {"sso": [JWT], "other": {"a": [OTHER]}, "access_token": OTHER, "version": 3, "quota": {}}, [JWT], ["2 passed over: a part of the file that is not known here (part 2; part 3)"]),
    Export("placeholders", {"sso": {"<jwt>": {}, JWT: {}, "your-sso-token-here": {}}}, [JWT], ["2 passed over: a placeholder, where your own token belongs (sso, entry 1; sso, entry 3)"]),
    Export("JSON lines", f'{{"token": "{JWT}"}}\n{{"token": "{OTHER}", "pool": "super"}}\n', [JWT, "+" + OTHER]),
    Export("accounts, a line each", f"me@example.com----h0rse----{JWT}\nyou@example.com----h0rse----{OTHER}", [JWT, OTHER]),
    Export("invisible marks", f"\u200b{JWT}\u200b\r\n\u202a{OTHER}\u202c", [JWT, OTHER]),
    Export("an invisible mark before JSON", f'\u200b["{JWT}"]', [JWT]),
    Export("cookies.txt", f"# Netscape HTTP Cookie File\n{row('theme', 'x')}\n#HttpOnly_{row('sso', JWT)}\n{row('sso', OTHER, 'example.com')}\n", [JWT], [f"1 passed over: {OTHER_NAME}", f"1 passed over: {OTHER_SITE} (line 4)"]),
    Export("cookies.txt with more fields", row("sso", JWT) + "\tTRUE\tFALSE\tLax\tMedium\n", [JWT]),
    Export("developer tools", f"sso\t{JWT}\t.grok.com\t/\t2027-01-01T00:00:00.000Z\t159\t✓\t✓\ntheme\tdark\tgrok.com\t/\tSession\n", [JWT], [f"1 passed over: {OTHER_NAME}"]),
    Export("Set-Cookie", f"Set-Cookie: sso={JWT}; Path=/; Domain=grok.com\nset-cookie: sso={OTHER}; Domain=example.com\n", [JWT], [f"1 passed over: {OTHER_SITE} (line 2)"]),
    Export("a request", f"GET /rest/x HTTP/2\nHost: grok.com\nUser-Agent: Mozilla/5.0 (X11)\nCookie: a=b; sso={JWT}\n", [JWT], [f"3 passed over: {LINE} (line 1; line 2; line 3)"]),
    Export("cURL over several lines", CURL.replace(" -", " \\\n  -") + "\n" + OTHER + "\n", [JWT, OTHER]),
    Export("cURL of cmd.exe", CURL.replace("'", '^"').replace(" -", " ^\r\n  -") + "\r\n" + OTHER + "\r\n", [JWT, OTHER]),
    Export("PowerShell", POWERSHELL + OTHER, [JWT, OTHER], ["1 passed over: another cookie (line 4)", "2 passed over: another line of a command (line 1; line 2)"]),
    Export("Node", f'await fetch("https://grok.com/rest/x", {{\n  "headers": {{\n    "cookie": "a=b; sso={JWT}"\n  }},\n  "method": "POST"\n}});\n{OTHER}\n', [JWT, OTHER]),
]  # fmt: skip


@pytest.mark.parametrize("case", EXPORTS, ids=lambda case: case.name)
def test_what_other_tools_write_is_understood_or_named(case: Export) -> None:
    """Tokens with their tier, disabled ones stay so; all else is counted with its reason."""
    readings = read_tokens(case.data)
    assert [reading.refusal for reading in readings if reading.refusal] == []
    found = [_shown(reading.entry) for reading in readings if reading.entry is not None]
    assert list(dict.fromkeys(found)) == case.tokens
    assert sorted(note.text for note in notes_on(readings)) == sorted(case.notes)


def _shown(entry: TokenEntry) -> str:
    return "!" * entry.disabled + "+" * (entry.tier is Tier.SUPER) + entry.sso


@pytest.mark.parametrize(
    "name", ["basic", "ssoBasic", "normal", "free", "", "lite", "ssoLite", "SuperGrok Lite", "auto"]
)
def test_names_of_basic_tiers(name: str) -> None:
    """SuperGrok Lite has no heavy models."""
    assert tier_named(name) is Tier.BASIC


@pytest.mark.parametrize(
    "name",
    ["super", "ssoSuper", "SuperGrok", "heavy", "ssoHeavy", "super_grok_heavy", "Premium+", "pro"],
)
def test_names_of_super_tiers(name: str) -> None:
    """Whatever may use the heavy models."""
    assert tier_named(name) is Tier.SUPER


ITEMS = st.sampled_from([JWT, OTHER, "<jwt>", "no token", 5, {"token": JWT, "status": "banned"}, {"token": OTHER, "pool": "?"}, cookie("sso", JWT),
                         cookie("x", "y"), cookie("sso", OTHER, "example.com"), {"a": 1}, None, "me@example.com----h0rse"])  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(
    st.lists(ITEMS, max_size=6),
    st.sampled_from(["", "sso", "ssoHeavy", "ssoOther", "tokens", "data", "cookies"]),
    st.booleans(),
)
def test_each_entry_is_taken_refused_or_passed_over(
    items: list[Any], name: str, wrapped: bool
) -> None:
    """The number taken and the number named are the number of entries."""
    value: Any = {name: items} if name else items
    readings = read_tokens(json.dumps({"data": value} if wrapped else value).encode())
    assert len(readings) == len(items)
    assert all(bool(one.entry) + bool(one.refusal) + bool(one.passed) == 1 for one in readings)
    noted = sum(int(note.text.split()[0]) for note in notes_on(readings))
    assert noted == sum(bool(one.passed) + len(one.remarks) for one in readings)


LINES = st.sampled_from([JWT, f"sso={OTHER}", "me@example.com----h0rse", "<jwt>", row("x", "y"), row("sso", JWT), "Host: grok.com", "no token", f"# {JWT}", "", CURL,
                         f'{{"token": "{JWT}"}}', f"a@b.c|pw|{OTHER}"])  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(st.lists(LINES, min_size=1, max_size=6))
def test_each_line_is_taken_refused_or_passed_over(lines: list[str]) -> None:
    """Comments and blank lines are no entries."""
    readings = read_tokens("\n".join(["#", *lines]).encode())
    assert len(readings) == sum(bool(line) and not line.startswith("#") for line in lines)
    assert all(bool(one.entry) + bool(one.refusal) + bool(one.passed) == 1 for one in readings)


SECRET = "Xq91hhTTg20aPPq7zLm"


@settings(deadline=None, max_examples=200)
@given(
    json_values.map(json.dumps)
    | st.lists(
        st.sampled_from(
            [
                SECRET,
                JWT,
                '"',
                "{",
                "}",
                "[",
                "]",
                ":",
                ",",
                "\n",
                "sso",
                "token",
                "data",
                "@",
                "----",
                " ",
            ]
        ),
        max_size=14,
    ).map("".join)
)
def test_whatever_is_in_a_file_no_piece_of_it_is_quoted(text: str) -> None:
    """In no fault, place, reason or note."""
    try:
        readings = read_tokens(text.encode())
        said = "\n".join(
            [
                *(note.text for note in notes_on(readings)),
                *(one.where + one.refusal + one.passed for one in readings),
            ]
        )
    except ConfigError as error:
        said = str(error)
    assert not pieces(said) & (pieces(SECRET) | pieces(JWT))
