"""Token files as people write them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from grokcore.protocol.models import Tier
from grokcore.protocol.tokens import TokenEntry

JWT = "eyJ0eXAiOiJKV1QifQ.eyJzZXNzaW9uX2lkIjoiMSJ9.c2lnbmF0dXJl"
OTHER = "eyJhbGciOiJIUzI1NiJ9.eyJzZXNzaW9uX2lkIjoiMiJ9.b3RoZXI"
BASIC, SUPER = TokenEntry(JWT), TokenEntry(OTHER, Tier.SUPER)
ROW = f".grok.com\tTRUE\t/\tTRUE\t1893456000\tsso\t{JWT}"
ENCODINGS = ["utf-8-sig", "utf-16"]

tokens = (
    st.text("abcXYZ019-_.~+/%!#", max_size=30)
    .filter(lambda text: "--" not in text and ".." not in text)
    .map("eyJ{}0".format)
)
"""Whatever could be one; some of these are short, so that some are the same."""

STRAY = ["", " ", "\t", ";", ",", " ;", '"', "'", " ,\t"]
COMMENTS = ["", " # mine", "\t#", " #1 # 'é;"]
NO_LINES = [
    "",
    "  ",
    "# comment",
    " \t# sso=eyJother",
    "#HttpOnly_.grok.com\tTRUE\t/\tTRUE\t0\ttheme\tdark",
    ";",
]


@st.composite
def text_lines(draw: DrawFn, token: str) -> str:
    """*token* as a person might write it on a line."""
    if draw(st.integers(0, 4)) == 0:
        prefix, name = (
            draw(st.sampled_from(["", "#HttpOnly_"])),
            draw(st.sampled_from(["sso", "sso-rw"])),
        )
        return f"{prefix}.grok.com\tTRUE\t/\tFALSE\t0\t{name}\t{token}"
    before, after = draw(st.sampled_from(STRAY)), draw(st.sampled_from(STRAY))
    return before + draw(written(token)) + after + draw(st.sampled_from(COMMENTS))


def written(token: str) -> st.SearchStrategy[str]:
    """*token* in one of the three forms."""
    return st.sampled_from(
        [
            token,
            f"sso={token}",
            f"Cookie: a=b; sso={token}; c=d",
            f"sso-rw={token};sso={token}",
            f"COOKIE:sso-rw={token}",
        ]
    )


@st.composite
def text_files(draw: DrawFn, accounts: list[str]) -> str:
    """A text file with a line for each of *accounts*, and others."""
    lines: list[str] = []
    for token in accounts:
        lines += draw(st.lists(st.sampled_from(NO_LINES), max_size=2))
        lines.append(draw(text_lines(token)))
    text = draw(st.sampled_from(["\n", "\r\n"])).join([*lines, draw(st.sampled_from(["", "#"]))])
    return (
        f"#\n{text}" if text.strip().startswith('"') else text
    )  # alone, a token in quotes would be JSON


@st.composite
def json_files(draw: DrawFn, accounts: list[str]) -> str:
    """A JSON file with an entry for each of *accounts*."""
    items: list[Any] = []
    for token in accounts:
        text = draw(st.sampled_from(STRAY)) + draw(written(token)) + draw(st.sampled_from(STRAY))
        cookie = {
            "domain": ".grok.com",
            "name": draw(st.sampled_from(["sso", "sso-rw"])),
            "value": token,
        }
        items.append(
            draw(st.sampled_from([text, {"token": text}, {"sso": text, "name": "x"}, cookie]))
        )
    section = draw(st.sampled_from(["sso", "ssoNormal", "ssoBasic"]))
    keyed: dict[str, dict[str, str]] = {draw(written(token)): {} for token in accounts}
    value = draw(st.sampled_from([items, {"version": 1, section: items}, {section: keyed}]))
    return json.dumps(
        value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 2]))
    )


def encoded(text: str) -> st.SearchStrategy[bytes]:
    return st.sampled_from([text.encode(encoding) for encoding in ("utf-8", *ENCODINGS)])
