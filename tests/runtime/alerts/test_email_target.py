"""Alerts by e-mail, against a mail server."""

from __future__ import annotations

import ssl
from pathlib import Path

import attrs
import pytest
from attrs import frozen

import grokcore.runtime.alerts.email_target as subject
from grokcore.errors import Overloaded
from grokcore.protocol.alerts.smtp_url import SmtpServer
from grokcore.runtime.alerts.email_target import EmailTarget
from grokcore.runtime.alerts.target import Outcome
from tests.alert_receivers import MailReceiver, Play, mail_server
from tests.certificates import issue
from tests.protocol.alerts.messages import MENDED, told
from tests.scenarios import run_on_real_clock

PASSWORD = "canary-password"


def target_of(receiver: MailReceiver, **more: object) -> EmailTarget:
    fields: dict[str, object] = {"tls": False, "user": "", "to": ("me@example.com",), **more}
    server = SmtpServer(
        "127.0.0.1", receiver.port, bool(fields.pop("tls")), str(fields.pop("user"))
    )
    return EmailTarget(server, "it@example.com", **fields)  # type: ignore[arg-type]


def send(target: EmailTarget) -> Outcome:
    found: list[Outcome] = []

    async def scenario() -> None:
        found.append(await target.send(told()))

    run_on_real_clock(scenario)
    return found[0]


def tls(folder: Path) -> tuple[ssl.SSLContext, str]:
    """A server's context, and the file of its authority."""
    chain, key, ca = issue(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context, ca


def test_a_relay_on_this_machine_gets_the_mail() -> None:
    """A whole one, which no auto-responder answers."""
    with mail_server(Play()) as receiver:
        assert send(target_of(receiver, to=("me@example.com", "you@example.com"))) == Outcome()
        mail = receiver.mails.get(timeout=5)
    assert mail["subject"] == told().title
    assert (mail["from"], mail["to"]) == ("it@example.com", "me@example.com, you@example.com")
    assert mail["auto-submitted"] == "auto-generated"
    assert mail.get_content().splitlines() == told().body.splitlines()
    assert receiver.seen[0] == "ehlo [127.0.0.1]"


@pytest.mark.parametrize("at_once", [False, True], ids=["STARTTLS", "SMTPS"])
def test_user_and_password_go_over_tls(tmp_path: Path, at_once: bool) -> None:
    """Begun by STARTTLS or with the connection, with the owner's authority."""
    context, ca = tls(tmp_path)
    play = Play(tls=context, at_once=at_once, user="me", password=PASSWORD)
    with mail_server(play) as receiver:
        target = target_of(receiver, tls=at_once, user="me", password=PASSWORD, ca_file=ca)
        assert send(target) == Outcome()
        assert receiver.mails.get(timeout=5)["subject"] == told().title
    clear = [line for line in receiver.seen if not line.startswith("tls")]
    assert clear == ([] if at_once else ["ehlo [127.0.0.1]", "STARTTLS"])
    assert any(line.startswith("tls AUTH") for line in receiver.seen)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    """Nothing but the greeting has gone out."""
    context, _ = tls(tmp_path)
    with mail_server(Play(tls=context, user="me", password=PASSWORD)) as receiver:
        outcome = send(target_of(receiver, user="me", password=PASSWORD))
    assert outcome.fault.startswith("127.0.0.1's certificate is not trusted: ")
    assert not outcome.again
    assert not any("AUTH" in line for line in receiver.seen)


def test_another_machine_s_server_without_starttls_gets_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody on the way may have taken the offer out."""
    monkeypatch.setattr(SmtpServer, "needs_tls", True)
    with mail_server(Play()) as receiver:
        outcome = send(target_of(receiver, user="me", password=PASSWORD))
    assert outcome == Outcome("127.0.0.1 offers no STARTTLS, and nothing is sent in clear")
    assert not any(line.startswith(("AUTH", "mail")) for line in receiver.seen)


@frozen
class Refusal:
    """A reply of the server's, and the outcome."""

    command: str
    reply: str
    fault: str
    again: bool = False


REFUSALS = [
    Refusal("greeting", "554 go away", "127.0.0.1 refused it: 554 go away"),
    Refusal("greeting", "", "127.0.0.1 closed the connection", again=True),
    Refusal("mail", "451 busy", "127.0.0.1 refused it: 451 busy", again=True),
    Refusal("mail", "553 not you", "127.0.0.1 refused it: 553 not you"),
    Refusal("rcpt", "550 unknown", "127.0.0.1 refused 1 of 1 recipients: 550 unknown"),
    Refusal(
        "rcpt", "450 greylisted", "127.0.0.1 refused 1 of 1 recipients: 450 greylisted", again=True
    ),
    Refusal("DATA", "554 no", "127.0.0.1 refused it: 554 no"),
    Refusal(".", "552 too much", "127.0.0.1 refused it: 552 too much"),
    Refusal(".", "", "127.0.0.1 closed the connection", again=True),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: f"{case.command} {case.reply}")
def test_each_refusal_has_its_outcome(case: Refusal) -> None:
    """What passes by itself is tried again; with the server's own words."""
    with mail_server(
        Play(
            replies={
                case.command.upper()
                if case.command in ("mail", "rcpt")
                else case.command: case.reply
            }
        )
    ) as receiver:
        assert send(target_of(receiver)) == Outcome(case.fault, again=case.again)


def test_a_recipient_who_is_refused_keeps_no_other_from_the_mail() -> None:
    """The alert counts as delivered, and its fault is reported."""
    replies = {"rcpt to:<x@example.com>": "550 unknown"}
    with mail_server(Play(replies=replies)) as receiver:
        outcome = send(target_of(receiver, to=("me@example.com", "x@example.com")))
    assert outcome == Outcome("127.0.0.1 refused 1 of 2 recipients: 550 unknown", partly=True)
    assert outcome.delivered


def test_a_wrong_password_is_reported_without_it(tmp_path: Path) -> None:
    """And not tried again: servers lock accounts."""
    context, ca = tls(tmp_path)
    with mail_server(Play(tls=context, user="me", password="another")) as receiver:
        outcome = send(target_of(receiver, user="me", password=PASSWORD, ca_file=ca))
    assert outcome.fault.startswith("127.0.0.1 does not take the user or the password: 535")
    assert not outcome.again
    assert PASSWORD not in outcome.fault


def test_a_server_without_log_in_is_reported() -> None:
    """The owner has given a user that it does not know what to do with."""
    with mail_server(Play()) as receiver:
        outcome = send(target_of(receiver, user="me", password=PASSWORD))
    assert outcome.fault.startswith("127.0.0.1 can't be used: ")


@pytest.mark.parametrize("command", ["greeting", "EHLO", "."])
def test_a_server_that_hangs_is_left_after_a_step(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the socket's own bound, in the thread."""
    monkeypatch.setattr(subject, "SOCKET_S", 0.2)
    with mail_server(Play(replies={command: "hang"})) as receiver:
        outcome = send(target_of(receiver))
    assert outcome == Outcome("127.0.0.1 did not answer within 0.2 s", again=True)


def test_a_server_that_goes_on_for_ever_is_left_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next try waits for the thread of the one before, within its bound."""
    monkeypatch.setattr(subject, "SEND_S", 0.2)
    with mail_server(Play(replies={"greeting": "hang"})) as receiver:
        target = target_of(receiver)
        for _ in range(2):
            assert send(target) == Outcome("127.0.0.1 did not take it within 0.2 s", again=True)


def test_a_host_that_nobody_serves_is_reported() -> None:
    """With the system's reason."""
    outcome = send(
        EmailTarget(SmtpServer("127.0.0.1", 9, False), "it@example.com", ("me@example.com",))
    )
    assert outcome == Outcome("127.0.0.1 could not be reached: Connection refused", again=True)


def test_a_machine_without_a_thread_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As requests do."""

    async def none_left(*_: object, **__: object) -> None:
        raise Overloaded("no thread")

    monkeypatch.setattr(subject, "in_thread", none_left)
    target = EmailTarget(SmtpServer("127.0.0.1", 9, False), "it@example.com", ("me@example.com",))
    assert send(target) == Outcome("there is no thread for it at the moment", again=True)


def test_the_password_is_in_no_repr() -> None:
    """A target turns up in tracebacks."""
    server = SmtpServer("127.0.0.1", 9, False, "me")
    target = EmailTarget(server, "it@example.com", ("me@example.com",), PASSWORD)
    assert PASSWORD not in repr(target)
    assert (
        subject.email_of(told(MENDED), "a@example.com", ()).get_content().strip()
        == told(MENDED).title
    )
    assert attrs.evolve(Outcome("x"), partly=True).delivered
