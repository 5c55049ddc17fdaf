"""Alerts by e-mail, over the standard library's SMTP client in a worker thread.

Rules
-----
1. Nothing goes out in clear, but to this machine itself: a server without STARTTLS is refused.
2. One thread at most: a server that hangs keeps that thread until its own timeouts end it, and the
   next try waits for it within its bound.
3. The user's name and the password are in no fault.
"""

from __future__ import annotations

import functools
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import trio
from attrs import field, frozen

from ...errors import Overloaded
from ...protocol.alerts.message import Message
from ...protocol.alerts.smtp_url import SmtpServer
from ...protocol.upstream_words import cleaned
from ..threads import in_thread
from .target import Outcome

__all__ = ["EmailTarget", "email_of"]

SEND_S = 60.0
"""Bound for one try, in seconds."""

SOCKET_S = 15.0
"""Bound for each step of it, in seconds."""

OWN_NAME = "[127.0.0.1]"
"""The name of this machine for the server. (Looking up the real one may take seconds, and it is
nobody's business.)
"""


@frozen
class EmailTarget:
    """A mail server, and the addresses that it shall bring alerts to.

    :ivar ca_file: certificates to trust in place of the system's; empty for those.
    """

    server: SmtpServer
    sender: str
    to: Sequence[str]
    password: str = field(default="", repr=False)
    ca_file: str = ""
    name: str = "e-mail"
    _limiter: trio.CapacityLimiter = field(
        factory=lambda: trio.CapacityLimiter(1), init=False, repr=False, eq=False
    )

    @property
    def place(self) -> str:
        """The mail server's host."""
        return self.server.host

    async def send(self, message: Message) -> Outcome:
        """Try once."""
        mail = email_of(message, self.sender, self.to)
        with trio.move_on_after(SEND_S):
            try:
                return await in_thread(
                    functools.partial(self._deliver, mail),
                    limiter=self._limiter,
                    abandon_on_cancel=True,
                )
            except Overloaded as error:
                error.drop_frames()
                return Outcome("there is no thread for it at the moment", again=True)
        return Outcome(f"{self.place} did not take it within {SEND_S:g} s", again=True)

    # In a thread ---------------------------------------------------------------------------------

    def _deliver(self, mail: EmailMessage) -> Outcome:
        try:
            return self._hand_over(mail)
        except smtplib.SMTPRecipientsRefused as error:
            return self._refused(error.recipients, partly=False)
        except smtplib.SMTPAuthenticationError as error:
            words = _words(error)
            return Outcome(f"{self.place} does not take the user or the password: {words}")
        except smtplib.SMTPResponseException as error:
            again = 400 <= error.smtp_code < 500
            return Outcome(f"{self.place} refused it: {_words(error)}", again=again)
        except ssl.SSLCertVerificationError as error:
            return Outcome(f"{self.place}'s certificate is not trusted: {error.verify_message}")
        except smtplib.SMTPServerDisconnected as error:
            if isinstance(error.__context__, TimeoutError):  # smtplib wraps it
                return self._too_slow()
            return Outcome(f"{self.place} closed the connection", again=True)
        except smtplib.SMTPException as error:
            return Outcome(f"{self.place} can't be used: {cleaned(str(error))}")
        except TimeoutError:
            return self._too_slow()
        except OSError as error:
            words = error.strerror or "the connection broke"
            return Outcome(f"{self.place} could not be reached: {words}", again=True)

    def _hand_over(self, mail: EmailMessage) -> Outcome:
        context = ssl.create_default_context(cafile=self.ca_file or None)
        with self._connected(context) as smtp:
            if not self.server.tls:
                smtp.ehlo()
                if smtp.has_extn("starttls"):
                    smtp.starttls(context=context)
                elif self.server.needs_tls:
                    return Outcome(f"{self.place} offers no STARTTLS, and nothing is sent in clear")
            if self.server.user and self.password:
                smtp.login(self.server.user, self.password)
            refused = smtp.send_message(mail, self.sender, list(self.to))
        return self._refused(refused, partly=True) if refused else Outcome()

    def _connected(self, context: ssl.SSLContext) -> smtplib.SMTP:
        host, port = self.server.host, self.server.port
        if self.server.tls:
            return smtplib.SMTP_SSL(host, port, OWN_NAME, timeout=SOCKET_S, context=context)
        return smtplib.SMTP(host, port, OWN_NAME, timeout=SOCKET_S)

    def _too_slow(self) -> Outcome:
        return Outcome(f"{self.place} did not answer within {SOCKET_S:g} s", again=True)

    def _refused(self, refused: Mapping[str, tuple[int, bytes]], *, partly: bool) -> Outcome:
        code, words = next(iter(refused.values()))
        count = f"{len(refused)} of {len(self.to)}"
        fault = f"{self.place} refused {count} recipients: {code} {cleaned(_text(words))}"
        again = not partly and all(400 <= each < 500 for each, _ in refused.values())
        return Outcome(fault, again=again, partly=partly)


def email_of(message: Message, sender: str, to: Sequence[str]) -> EmailMessage:
    """*message* as an e-mail. Programs that answer mails by themselves leave it alone."""
    mail = EmailMessage()
    mail["Subject"] = message.title
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Date"] = formatdate(message.alert.at or None)
    mail["Message-ID"] = make_msgid(domain="grok2api.invalid")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.body)
    return mail


def _words(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code} {cleaned(_text(error.smtp_error))}"


def _text(words: object) -> str:
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
