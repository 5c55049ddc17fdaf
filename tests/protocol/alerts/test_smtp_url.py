"""Addresses of mail servers."""

from __future__ import annotations

import pytest

from grokcore.protocol.alerts.smtp_url import SmtpServer, parse_smtp_url

URLS = [
    ("smtps://me@smtp.example.com:465", SmtpServer("smtp.example.com", 465, True, "me")),
    (
        "smtps://me@example.com@smtp.example.com",
        SmtpServer("smtp.example.com", 465, True, "me@example.com"),
    ),
    (
        "smtps://me%40example.com@smtp.example.com",
        SmtpServer("smtp.example.com", 465, True, "me@example.com"),
    ),
    ("smtp://smtp.example.com", SmtpServer("smtp.example.com", 587, False)),
    ("smtp://[::1]:25/", SmtpServer("::1", 25, False)),
]


@pytest.mark.parametrize(("url", "server"), URLS)
def test_a_server_is_read_from_its_url(url: str, server: SmtpServer) -> None:
    """With the usual port, and a user's name that is an address."""
    assert parse_smtp_url(url) == server


FAULTS = [
    ("https://smtp.example.com", "must start with smtps:// or smtp://"),
    ("smtp.example.com", "must start with smtps:// or smtp://"),
    ("smtp://me:canary@smtp.example.com", "must be without the password"),
    ("smtp://smtp.example.com:canary", "is no URL with a host and a port"),
    ("smtp://[::1", "is no URL with a host and a port"),
    ("smtp://me@:25", "must be like smtps://"),
    ("smtp://smtp.example.com/canary", "must be like smtps://"),
    ("smtp://smtp.example.com?canary", "must be like smtps://"),
    ("smtp://smtp.example.com#canary", "must be like smtps://"),
]


@pytest.mark.parametrize(("url", "fault"), FAULTS)
def test_another_text_is_refused_without_being_quoted(url: str, fault: str) -> None:
    """A password may stand in it."""
    with pytest.raises(ValueError, match=fault) as caught:
        parse_smtp_url(url)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "needs"),
    [
        ("localhost", False),
        ("127.0.0.2", False),
        ("::1", False),
        ("192.168.1.2", True),
        ("smtp.example.com", True),
    ],
)
def test_mail_goes_out_in_clear_to_this_machine_only(host: str, needs: bool) -> None:
    """Who strips STARTTLS from a connection gets neither the password nor the alert."""
    assert SmtpServer(host, 25, tls=False).needs_tls is needs
