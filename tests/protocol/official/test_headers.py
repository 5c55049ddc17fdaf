"""Headers of requests to official hosts: who we say we are, and what we never say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokcore import __version__
from grokcore.protocol.official.headers import api_headers, cli_headers


def test_a_request_with_a_key_has_four_headers() -> None:
    """Nothing of grok.com's, and nothing of a browser's."""
    assert api_headers("xai-key") == (
        ("Authorization", "Bearer xai-key"),
        ("Content-Type", "application/json"),
        ("Accept", "text/event-stream"),
        ("User-Agent", f"grok2api/{__version__}"),
    )


def test_a_request_with_a_session_names_its_kind_model_and_version() -> None:
    """Without them the host refuses it, or answers with another model."""
    headers = dict(
        cli_headers(
            "token", version="1.0.6", model="grok-4.7", user_id="u-1", conversation_id="c-1"
        )
    )
    assert headers["Authorization"] == "Bearer token"
    assert headers["X-XAI-Token-Auth"] == "xai-grok-cli"
    assert headers["x-grok-model-override"] == "grok-4.7"
    assert headers["x-grok-client-version"] == "1.0.6"
    assert headers["x-userid"] == "u-1"
    assert headers["x-grok-conv-id"] == "c-1"


def test_nothing_unknown_is_made_up() -> None:
    """Neither the CLI's version nor a user; and no request claims to come from the CLI."""
    headers = {name.lower(): value for name, value in cli_headers("t", version="", model="m")}
    assert "x-grok-model-override" not in dict(cli_headers("t", version="", model=""))
    assert not headers.keys() & {"x-grok-client-version", "x-userid", "x-email", "x-grok-conv-id"}
    assert "x-grok-client-identifier" not in headers
    assert headers["user-agent"] == f"grok2api/{__version__}"


@given(st.text(max_size=20), st.sampled_from(["\r", "\n", "\0", "é", " ", "\x7f"]), st.text())
def test_a_value_that_can_t_stand_in_a_header_is_refused(before: str, bad: str, after: str) -> None:
    """A line break in a key would begin another header. The message never shows the key."""
    with pytest.raises(ValueError, match="the API key is empty, or has") as refused:
        api_headers(before + bad + after)
    assert str(refused.value).isascii()
    with pytest.raises(ValueError, match="x-grok-model-override"):
        cli_headers("t", version="", model=bad)
    for name in ("version", "user_id", "conversation_id"):
        values = {"version": "", "user_id": "", "conversation_id": "", name: bad}
        with pytest.raises(ValueError, match="x-"):
            cli_headers("t", model="m", **values)


def test_an_empty_key_is_refused() -> None:
    """It would be sent as an empty credential."""
    with pytest.raises(ValueError, match="the API key is empty"):
        api_headers("")
