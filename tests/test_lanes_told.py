"""The owner of a starting server is told which official lanes are on, and what they may cost."""

from __future__ import annotations

import pytest

from grokcore.cli.lanes_told import lane_lines, lanes_that_answer
from grokcore.cli.serve import ready_line
from grokcore.config.loading import load_config
from grokcore.protocol.tokens import ID_DIGITS, TokenEntry, token_key

KEY = "xai-secret"
URL = "http://127.0.0.1:8000"


def lines_of(text: str, environ: dict[str, str]) -> list[str]:
    return list(lane_lines(load_config(text, environ=environ)[0], environ))


def test_a_key_in_the_environment_is_told_with_its_cap() -> None:
    """A variable set for another program turns a paid lane on: its owner must be able to see it."""
    (line,) = lines_of("", {"XAI_API_KEY": KEY})
    assert line.startswith(
        f"paid lane api: key {token_key(KEY)[:ID_DIGITS]} of the variable XAI_API_KEY, "
    )
    assert "at most 1 USD a day" in line
    assert "when no session token can answer" in line
    assert "([api] use)" in line
    assert KEY not in line


@pytest.mark.parametrize(
    ("use", "words"), [("first", "before the session"), ("only", "in place of the session")]
)
def test_each_use_is_told_in_words(use: str, words: str) -> None:
    """With ``first`` and ``only`` each question costs."""
    (line,) = lines_of(f'[api]\nkey_file = "the-key"\ndaily_usd = 0.25\nuse = "{use}"', {})
    assert "the key in the-key, at most 0.25 USD a day" in line
    assert words in line


def test_the_clis_lane_is_told_with_its_file() -> None:
    """It spends the subscription's credits."""
    (line,) = lines_of('[cli]\nauth_file = "/srv/owner/auth.json"', {})
    assert line.startswith("lane cli, on your subscription's credits: /srv/owner/auth.json, ")


def test_a_lane_that_is_off_is_not_told() -> None:
    """It costs nothing."""
    assert lines_of('[api]\nuse = "off"', {"XAI_API_KEY": KEY}) == []
    assert lines_of("", {}) == []


def test_the_ready_line_names_the_lanes() -> None:
    """A server that has a lane needs no session token: it does not ask for one."""
    environ = {"XAI_API_KEY": KEY}
    config = load_config('[cli]\nauth_file = "auth.json"', environ=environ)[0]
    lanes = lanes_that_answer(config, environ)
    assert ready_line(URL, (), {}, lanes=lanes).endswith("(no session tokens, lane cli, lane api)")
    assert ready_line(URL, (TokenEntry("a"),), {}, lanes=lanes).endswith(
        "(1 token, lane cli, lane api)"
    )
    assert "`tokens add`" in ready_line(URL, (), {})
