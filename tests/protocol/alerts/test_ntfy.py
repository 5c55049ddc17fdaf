"""The headers of ntfy's messages."""

from __future__ import annotations

from email.header import decode_header, make_header

from grokcore.protocol.alerts.ntfy import ntfy_headers

from .messages import BEGUN, MENDED, told


def test_a_message_has_title_priority_and_a_sign() -> None:
    """A fault rings louder than its end."""
    begun, mended = dict(ntfy_headers(told(BEGUN), "")), dict(ntfy_headers(told(MENDED), ""))
    assert (begun["Priority"], begun["Tags"]) == ("high", "warning")
    assert (mended["Priority"], mended["Tags"]) == ("default", "white_check_mark")
    assert begun["Title"] == told(BEGUN).title
    assert "Authorization" not in begun


def test_the_token_is_a_bearer() -> None:
    """As ntfy's access tokens are sent."""
    assert dict(ntfy_headers(told(), "tk_1"))["Authorization"] == "Bearer tk_1"


def test_a_title_in_any_script_is_ascii_on_the_wire() -> None:
    """Headers are ASCII; ntfy decodes RFC 2047."""
    title = dict(ntfy_headers(told(server="主机" * 30), ""))["Title"]
    assert title.isascii()
    assert "\n" not in title
    assert str(make_header(decode_header(title))) == told(server="主机" * 30).title
