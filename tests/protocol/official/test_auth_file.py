"""The session of xAI's CLI, read from its file or from a command's output."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.official.auth_file import (
    API_KEY_KEY,
    CURRENT_KEY,
    LEGACY_KEY,
    CliSession,
    parse_auth_file,
    parse_token_output,
)

from ..strategies import json_values

AT = 1_795_000_000.0
SECRET = "refresh-SECRET"


def entry(token: object = "token-1", **fields: object) -> dict[str, object]:
    return {"key": token, "auth_mode": "oidc", "refresh_token": SECRET, **fields}


def in_file(entries: object) -> bytes:
    return json.dumps(entries).encode()


WHOLE = entry(
    user_id="user-1",
    email="owner@example.com",
    expires_at="2026-11-18T11:06:40Z",
    team_id="team-1",
    coding_data_retention_opt_out=True,
)


def test_a_session_is_read_with_its_owner() -> None:
    """The names go into headers; what is not known is no reason to refuse it."""
    session = parse_auth_file(in_file({CURRENT_KEY + "client": WHOLE, "version": 3}))
    assert session == CliSession("token-1", "user-1", "owner@example.com", AT, "team-1")


def test_a_session_does_not_show_its_secrets() -> None:
    """It may stand in a traceback or a log line."""
    session = parse_auth_file(in_file({CURRENT_KEY + "client": WHOLE}))
    assert "expires_at" in repr(session)
    for private in ("token-1", "user-1", "owner@", "team-1"):
        assert private not in repr(session)


def test_the_refresh_token_is_in_no_object() -> None:
    """Using it would end the session of the owner's own CLI."""
    session = parse_auth_file(in_file({CURRENT_KEY + "client": WHOLE}))
    values = [getattr(session, name) for name in ("token", "user_id", "email", "team_id")]
    assert SECRET not in str(values)
    printed = {"access_token": "t", "refresh_token": SECRET}
    assert parse_token_output(in_file(printed), AT) == CliSession("t")


@pytest.mark.parametrize(
    ("entries", "token"),
    [
        ({CURRENT_KEY + "a": entry("old", expires_at=5), CURRENT_KEY + "b": entry("new", expires_at=9)}, "new"),
        ({CURRENT_KEY + "b": entry("new", expires_at=9), CURRENT_KEY + "a": entry("old", expires_at=5)}, "new"),
        ({CURRENT_KEY + "a": entry("unknown"), CURRENT_KEY + "b": entry("known", expires_at=5)}, "known"),
        ({LEGACY_KEY: entry("legacy", expires_at=9), CURRENT_KEY + "a": entry("oidc", expires_at=5)}, "oidc"),
        ({LEGACY_KEY: entry("legacy"), API_KEY_KEY: entry("xai-key")}, "legacy"),
        ({CURRENT_KEY + "a": entry("two words"), LEGACY_KEY: entry("legacy")}, "legacy"),
        ({CURRENT_KEY + "a": "text", CURRENT_KEY + "b": entry("good")}, "good"),
    ],
)  # fmt: skip
def test_of_several_sessions_the_current_kind_and_the_latest_end_win(
    entries: dict[str, object], token: str
) -> None:
    """An older login that was left behind would be refused."""
    assert parse_auth_file(in_file(entries)).token == token


@pytest.mark.parametrize(
    "value", ["", "é", "two words", "line\nbreak", "x" * 20_000, 5, None, "\x7f"]
)
def test_names_that_no_header_can_carry_are_left_out(value: object) -> None:
    """They are not needed; the session is."""
    session = parse_auth_file(in_file({LEGACY_KEY: entry(user_id=value, email=value)}))
    assert session == CliSession("token-1")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b'{"https://auth.x.ai::a": {"key": "SEC', "not JSON"),
        (b"[1]", "no JSON object"),
        (b"{}", "no session: run `grok login`"),
        (in_file({"other": entry("SECRET")}), "no session"),
        (in_file({API_KEY_KEY: entry("SECRET")}), "an API key of xAI and no session"),
        (in_file({CURRENT_KEY + "a": entry("SECRET\r\nX: 1")}), "no token that can be sent"),
        (in_file({LEGACY_KEY: entry("SECRET é")}), "no token that can be sent"),
        (in_file({LEGACY_KEY: ["SECRET"]}), "no token that can be sent"),
    ],
)
def test_a_file_without_a_session_is_explained_and_not_quoted(data: bytes, words: str) -> None:
    """The owner learns what to do; the log learns no token."""
    with pytest.raises(ValueError, match=words) as caught:
        parse_auth_file(data)
    assert "SEC" not in str(caught.value)


@pytest.mark.parametrize(
    ("printed", "session"),
    [
        (b"token-1\n", CliSession("token-1")),
        (b"  token-1\r\n\n", CliSession("token-1")),
        (b'"token-1"\n', CliSession("token-1")),
        (b'{"access_token": "token-1"}', CliSession("token-1")),
        (b'{"access_token": "token-1", "expires_in": 3600, "issuer": "x"}', CliSession("token-1", expires_at=AT + 3600)),
        (b'{"access_token": "token-1", "expires_in": "60"}\n', CliSession("token-1", expires_at=AT + 60)),
        (b'{"access_token": "token-1", "expires_in": "soon"}\n', CliSession("token-1")),
    ],
)  # fmt: skip
def test_a_command_prints_a_token_alone_or_json(printed: bytes, session: CliSession) -> None:
    """The contract is that of xAI's CLI, so the owner's script serves both."""
    assert parse_token_output(printed, AT) == session


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        (b"", "printed nothing"),
        (b" \n", "printed nothing"),
        (b"SECRET\nand more\n", "several lines"),
        (b"Your SECRET is 5", "no token"),
        (b"\x00SECRET", "no token"),
        (b"\xff\xfeSECRET", "no token"),
        (b'{"access_token": "SECRET', "broken JSON"),
        (b'{"token": "SECRET"}', "no token"),
        (b'{"access_token": ["SECRET"]}', "no token"),
    ],
)
def test_other_output_is_explained_and_not_quoted(printed: bytes, words: str) -> None:
    """It may hold a token in a form that is not known."""
    with pytest.raises(ValueError, match=words) as caught:
        parse_token_output(printed, AT)
    assert "SECRET" not in str(caught.value)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from([CURRENT_KEY, CURRENT_KEY + "a", LEGACY_KEY, "x"]), json_values | st.fixed_dictionaries({"key": json_values, "expires_at": json_values})))  # fmt: skip
def test_any_json_is_a_session_or_a_value_error(entries: dict[str, Any]) -> None:
    """No content of the file can end the server."""
    try:
        session = parse_auth_file(in_file(entries))
    except ValueError:
        return
    assert session.token.isascii()
    assert session.token.isprintable()


def test_a_file_that_is_cut_anywhere_is_no_session() -> None:
    """The CLI may be rewriting it; half a token is refused and would end the session."""
    whole = in_file({CURRENT_KEY + "client": WHOLE})
    for end in range(len(whole)):
        with pytest.raises(ValueError, match="not JSON"):
            parse_auth_file(whole[:end])


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=60))
def test_any_output_is_a_token_or_a_value_error(printed: bytes) -> None:
    """A token that is taken can stand in a header."""
    try:
        session = parse_token_output(printed, AT)
    except ValueError:
        return
    assert session.token.isascii()
    assert session.token.isprintable()
    assert " " not in session.token


def test_a_mark_of_byte_order_is_passed_over() -> None:
    """Some editors write one."""
    mark = b"\xef\xbb\xbf"
    assert parse_auth_file(mark + in_file({CURRENT_KEY + "client": WHOLE})).token == "token-1"
    assert parse_token_output(mark + b"token-1\r\n", AT).token == "token-1"
