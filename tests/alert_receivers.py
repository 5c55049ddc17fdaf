"""Places that alerts go to, on loopback: a web server and a mail server that do as a test says."""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, ClassVar

import trio
from attrs import define, field, frozen

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def answering(status: int, body: str = "", **headers: str) -> bytes:
    """A whole response."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} X", f"content-length: {len(body.encode())}", *lines])
    return f"{head}\r\n\r\n{body}".encode()


@frozen
class Posted:
    """A request that came in. Names of headers are in lower case."""

    line: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@define
class WebReceiver:
    """A web server.

    :ivar responses: sent one after the other, the last one for ever; None hangs.
    """

    responses: list[bytes | None] = field(factory=lambda: [OK])
    posted: list[Posted] = field(factory=list)
    port: int = 0
    _news: trio.Event = field(factory=trio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/canary-path?key=canary-key"

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        await trio.serve_listeners(self._answer, listeners, task_status=_ignoring(task_status))

    async def until(self, count: int) -> None:
        """Wait for so many requests."""
        while len(self.posted) < count:
            self._news = trio.Event()
            await self._news.wait()

    async def _answer(self, stream: trio.SocketStream) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += await stream.receive_some(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        line, *rest = head.decode().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)
        }
        while len(body) < int(headers.get("content-length", "0")):
            body += await stream.receive_some(65536)
        self.posted.append(Posted(line, headers, body))
        self._news.set()
        response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        if response is None:
            await trio.sleep_forever()
        else:
            with contextlib.suppress(trio.BrokenResourceError):
                await stream.send_all(response)
        await stream.aclose()


def _ignoring(status: trio.TaskStatus[None]) -> Any:
    class Started:
        def started(self, _: object) -> None:
            status.started()

    return Started()


# E-mail -----------------------------------------------------------------------------------------


@define
class Play:
    """How the mail server behaves.

    :ivar replies: by command (EHLO, AUTH, MAIL, RCPT address, DATA, "." for the text) another
        reply than the usual one. An empty one closes the connection, "hang" says nothing.
    :ivar tls: for STARTTLS, or from the first byte if *at_once*.
    """

    replies: dict[str, str] = field(factory=dict)
    tls: ssl.SSLContext | None = None
    at_once: bool = False
    user: str = ""
    password: str = ""


@define
class MailReceiver:
    """A mail server in a thread.

    :ivar seen: commands, each with "tls" before it if it came over TLS.
    """

    play: Play
    seen: list[str] = field(factory=list)
    mails: queue.Queue[EmailMessage] = field(factory=queue.Queue)
    port: int = 0
    end: threading.Event = field(factory=threading.Event)


@contextlib.contextmanager
def mail_server(play: Play) -> Iterator[MailReceiver]:
    """Run a mail server."""
    receiver = MailReceiver(play)

    class Handler(_Session):
        mine: ClassVar = receiver

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.end.set()
            server.shutdown()
            thread.join()


class _Session(socketserver.BaseRequestHandler):
    mine: ClassVar[MailReceiver]

    def handle(self) -> None:
        self.request.settimeout(20)
        with contextlib.suppress(OSError, EOFError):
            self._talk()
        self.request.close()  # the one over TLS, which the server does not know

    def _talk(self) -> None:
        play = self.mine.play
        self._secure = False
        if play.at_once:
            self._begin_tls()
        self._file = self.request.makefile("rb")
        self._say("greeting", "220 example.com")
        while line := self._file.readline().decode().strip():
            self.mine.seen.append(f"{'tls ' if self._secure else ''}{line}")
            word = line.partition(" ")[0].upper()
            if word == "QUIT":
                self._say(word, "221 bye")
                return
            self._obey(word, line)

    def _obey(self, word: str, line: str) -> None:
        say: Mapping[str, Callable[[], None]] = {
            "STARTTLS": self._start_tls,
            "DATA": self._take,
            "AUTH": lambda: self._log_in(line),
        }
        usual = f"250-example.com\r\n{self._extensions()}250 SIZE" if word == "EHLO" else "250 ok"
        whole = line.lower()  # Pythons differ in the letters of a command
        key = whole if whole in self.mine.play.replies else word
        say.get(word, lambda: self._say(key, usual))()

    def _extensions(self) -> str:
        play = self.mine.play
        offers_tls = play.tls is not None and not self._secure
        return ("250-STARTTLS\r\n" if offers_tls else "") + (
            "250-AUTH PLAIN\r\n" if play.user else ""
        )

    def _say(self, key: str, usual: str) -> bool:
        reply = self.mine.play.replies.get(key, usual)
        if reply == "hang":
            self.mine.end.wait(20)
        if reply in ("", "hang"):
            self.request.shutdown(socket.SHUT_RDWR)
            raise EOFError
        self.request.sendall(f"{reply}\r\n".encode())
        return reply == usual

    def _begin_tls(self) -> None:
        assert self.mine.play.tls is not None
        self.request = self.mine.play.tls.wrap_socket(self.request, server_side=True)
        self._secure = True

    def _start_tls(self) -> None:
        if self._say("STARTTLS", "220 go on"):
            self._begin_tls()
            self._file = self.request.makefile("rb")

    def _log_in(self, line: str) -> None:
        play = self.mine.play
        right = base64.b64encode(f"\0{play.user}\0{play.password}".encode()).decode()
        self._say("AUTH", "235 welcome" if line == f"AUTH PLAIN {right}" else "535 canary-echo no")

    def _take(self) -> None:
        if not self._say("DATA", "354 go on"):
            return
        text = b""
        while (line := self._file.readline()) not in (b".\r\n", b""):
            text += line
        if self._say(".", "250 queued"):
            mail = message_from_bytes(text, policy=default)
            assert isinstance(mail, EmailMessage)
            self.mine.mails.put(mail)
