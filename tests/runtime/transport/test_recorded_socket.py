"""Recorded websockets: both sides' messages are on the disk, redacted, and no reader notices."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import frozen

from grokcore.errors import TransportFailure
from grokcore.protocol.grok_socket.client_frames import (
    Message,
    item_create,
    ping,
    response_create,
    socket_url,
    upgrade_headers,
)
from grokcore.protocol.grok_web.identity import Identity
from grokcore.runtime.transport import recorded_files, recorded_socket
from grokcore.runtime.transport import recording as record
from grokcore.runtime.transport.seam import (
    Heartbeat,
    SocketClosed,
    SocketExchange,
    UpstreamRequest,
)
from grokcore.simulator.scripts import CUT, HANG, Script, Send, Wait
from tests.disks import disks

from .socket_recordings import Conversation, read_all, recorded_by


def read(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """Header, messages and last line of the only file."""
    (path,) = folder.iterdir()
    header, *messages, last = map(json.loads, path.read_bytes().splitlines())
    return header, messages, last


def upgraded(*steps: Any, status: int = 101, **headers: str) -> Script:
    return Script(steps, status, tuple(headers.items()))


HELLO = Send(b'{"a":1}\n')


# What is recorded -------------------------------------------------------------------------------


def test_the_messages_of_both_sides_become_a_file_for_its_owner_only(tmp_path: Path) -> None:
    """With their times and kinds, in their order; then how it ended."""
    script = upgraded(
        Wait(0.1),
        Send(b'{"a":1}\n{"b"'),
        Wait(0.1),
        Send(b":2}\nhello\n"),
        Wait(0.1),
        Send(b'{"c'),
    )

    async def talk(conversation: Conversation) -> None:
        socket = conversation.connect()
        socket.send(b'{"open":1}')
        await socket.head()
        assert await socket.read()
        socket.send(b'{"ask":1}')
        await read_all(conversation, socket)

    folder = tmp_path / "a" / "b"
    conversation = recorded_by(folder, script, talk)
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    header, messages, last = read(folder)
    assert header == {
        "grok2api_record": 1,
        "status": 101,
        "content_type": "",
        "path": "/ws/mgw/",
        "lane": "socket",
        "request": ["origin"],
        "cookies": [],
        "response": {},
    }
    assert messages == [
        {"at_ms": 0, "from": "client", "frame": {"open": 1}},
        {"at_ms": 100, "from": "grok", "frame": {"a": 1}},
        {"at_ms": 100, "from": "client", "frame": {"ask": 1}},
        {"at_ms": 200, "from": "grok", "frame": {"b": 2}},
        {"at_ms": 200, "from": "grok", "text": "xxxxx"},
        {"at_ms": 300, "from": "grok", "text": '{"x'},
    ]
    assert last == {"grok2api_record": 1, "end": "whole", "at_ms": 300, "code": 1000}
    assert conversation.sockets[0].sent == [b'{"open":1}', b'{"ask":1}']


@frozen
class End:
    """A websocket, and what the last line of its record says."""

    name: str
    script: Script
    last: dict[str, Any]
    failure: TransportFailure | None = None
    messages: int = 1


ENDS = [
    End("in good order", upgraded(HELLO), {"end": "whole", "at_ms": 0, "code": 1000}),
    End("without a message", upgraded(), {"end": "whole", "at_ms": 0, "code": 1000}, messages=0),
    End("closed", upgraded(HELLO, Wait(1), CUT), {"end": "closed", "at_ms": 1000, "code": 1008, "reason": "token expired: xxxxx"}, SocketClosed("closed", "token expired: Alice", 1008)),
    End("closed without a code", upgraded(HELLO, CUT), {"end": "closed", "at_ms": 0, "code": None, "reason": ""}, SocketClosed("closed")),
    End("closed for a long reason", upgraded(HELLO, CUT), {"end": "closed", "at_ms": 0, "code": 1000, "reason": "x" * 200}, SocketClosed("closed", "b" * 500, 1000)),
    End("broken", upgraded(HELLO, CUT), {"end": "broken", "at_ms": 0}),
    End("given up by us", upgraded(HELLO, HANG), {"end": "abandoned", "at_ms": 60000}),
    End("refused", Script((), 403, (("content-type", "text/html"), ("cf-mitigated", "challenge"), ("set-cookie", "a"))), {"end": "whole", "at_ms": 0}, messages=0),
]  # fmt: skip


@pytest.mark.parametrize("case", ENDS, ids=lambda case: case.name)
def test_a_record_says_how_the_websocket_ended(case: End, tmp_path: Path) -> None:
    """Code and reason of a close, the redacted words of it; else who ended it."""
    recorded_by(tmp_path, case.script, failure=case.failure)
    _, messages, last = read(tmp_path)
    assert last == {"grok2api_record": 1, **case.last}
    assert len(messages) == case.messages


def test_a_refused_upgrade_shows_why(tmp_path: Path) -> None:
    """Status, type, and the values of headers that say it."""
    headers = (("content-type", "text/html"), ("cf-mitigated", "challenge"), ("set-cookie", "a"))
    recorded_by(tmp_path, Script((), 403, headers))
    header, _, _ = read(tmp_path)
    assert (header["status"], header["content_type"]) == (403, "text/html")
    assert header["response"] == {
        "content-type": "",
        "cf-mitigated": "challenge",
        "set-cookie": "",
    }


def test_an_upgrade_without_a_response_has_no_file(tmp_path: Path) -> None:
    """As a request without one."""

    async def talk(conversation: Conversation) -> None:
        socket = conversation.connect()
        socket.send(b"open")
        with pytest.raises(TransportFailure):
            await socket.head()
        await socket.aclose()

    recorded_by(tmp_path, upgraded(CUT), talk)
    assert list(tmp_path.iterdir()) == []


def test_heartbeats_are_recorded_where_they_were_sent(tmp_path: Path) -> None:
    """The transport's own thread asks for them, so they are taken in with the next news."""

    async def talk(conversation: Conversation) -> None:
        socket = conversation.connect(Heartbeat(20, lambda: b'{"ping":1}'))
        (inner,) = conversation.sockets
        assert inner.heartbeat is not None
        assert inner.heartbeat.every_s == 20
        await socket.head()
        await trio.sleep(3)
        assert inner.heartbeat.message() == b'{"ping":1}'
        await read_all(conversation, socket)
        inner.heartbeat.message()  # nothing is taken in behind the end

    recorded_by(tmp_path, upgraded(HELLO, Wait(5), HELLO), talk)
    _, messages, _ = read(tmp_path)
    assert [(message["at_ms"], message["from"]) for message in messages] == [
        (3000, "client"),
        (3000, "grok"),
        (5000, "grok"),
    ]


@frozen
class Reading:
    """A script, and the failure at its cut."""

    name: str
    script: Script
    failure: TransportFailure | None = None


READINGS = [
    Reading("to its end", upgraded(Send(b"one\n"), Wait(1), Send(b"tw"), Wait(1), Send(b"o\n"))),
    Reading("broken", upgraded(Send(b"one\n"), CUT)),
    Reading("closed", upgraded(Send(b"one\n"), CUT), SocketClosed("closed", "r", 1008)),
    Reading("silent", upgraded(Send(b"one"), HANG)),
    Reading("refused", Script((), 401)),
]


@pytest.mark.parametrize("case", READINGS, ids=lambda case: case.name)
def test_pieces_and_failures_go_through_untouched_and_at_once(
    case: Reading, tmp_path: Path
) -> None:
    """The same bytes at the same time, with and without a wait."""

    async def heard(socket: SocketExchange) -> list[object]:
        began, found = trio.current_time(), [(await socket.head()).status]
        log: list[object] = [*found]
        with trio.move_on_after(5):
            try:
                while log[-1:] != [b""]:
                    log += [socket.read_nowait(), trio.current_time() - began, await socket.read()]
            except TransportFailure as failure:
                log.append(failure.args)
        socket.wake()
        await socket.aclose()
        return log

    async def talk(conversation: Conversation) -> None:
        plain = await heard(conversation.inner.connect(conversation.request, None))
        assert await heard(conversation.connect()) == plain

    recorded_by(tmp_path, case.script, talk, failure=case.failure)
    assert len(list(tmp_path.iterdir())) == 1


# Secrets ----------------------------------------------------------------------------------------


def test_a_record_can_be_passed_on(tmp_path: Path) -> None:
    """Neither a cookie's value, nor the account's id, in whatever place, nor a word of question or
    answer.
    """
    sso, user, clearance = "SSOTOKEN4711", "5e0c2a10-1234-4000-8000-0000000000aa", "CLEAR4711"
    identity = Identity("STATSIG4711", cf_clearance=clearance, user_agent="Agent4711/1")
    conversation_id = "5e0c2a10-1234-4000-8000-0000000000bb"
    request = UpstreamRequest(
        "GET",
        socket_url("https://grok.com", user),
        tuple(upgrade_headers(identity, sso=sso, user_id=user)),
        b"",
        proxy_url="http://user:PROXY4711@proxy.example.com",
    )
    frames = (
        {"session_id": conversation_id, "event": {"type": "session.created", "user": {"id": user, "name": "Herring"}, "cookie": f"sso={sso}"}},
        {"session_id": conversation_id, "event": {"type": "response.chunk", "chunk": {"text": {"text": f"Herring {sso} {user}"}}}},
        {"session_id": conversation_id, "event": {"type": "error", "error": {"message": f"Herring {user} {sso}"}}},
    )  # fmt: skip
    lines = b"".join(json.dumps(frame).encode() + b"\n" for frame in frames)
    broken = f'Herring {sso} {{"{user}": {clearance}\n'.encode()
    script = Script(
        (Send(lines + broken), CUT),
        101,
        (("set-cookie", f"x-userid={user}"), ("x-user", user), ("location", f"https://{sso}/")),
    )

    async def talk(conversation: Conversation) -> None:
        socket = conversation.connect(Heartbeat(20, lambda: b""))
        question = Message(f"Herring {sso}", (f"file-{user}",))
        socket.send(
            item_create(question, conversation_id=conversation_id, message_id=user, at_ms=1)
        )
        socket.send(response_create(conversation_id=conversation_id, at_ms=1))
        socket.send(ping(conversation_id=conversation_id, at_ms=1))
        await read_all(conversation, socket)

    closed = SocketClosed("closed", f"Herring {user} {sso}", 1008)
    recorded_by(tmp_path, script, talk, failure=closed, request=request)
    (path,) = tmp_path.iterdir()
    found = path.read_text("utf-8").lower()
    secrets = (sso, user, clearance, "STATSIG4711", "Agent4711", "PROXY4711", conversation_id)
    for secret in (*secrets, "Herring", "4711", "5e0c2a10", "0000000000aa"):
        assert secret.lower() not in found
    assert path.read_bytes().count(b"\n") == 1 + 3 + 4


# Bounds -----------------------------------------------------------------------------------------


def test_a_long_conversation_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a whole message; the messages themselves go on, of both sides."""
    for module in (record, recorded_files):
        monkeypatch.setattr(module, "MAX_FILE_BYTES", 2000)

    async def talk(conversation: Conversation) -> None:
        socket = conversation.connect()
        await socket.head()
        assert await socket.read()
        socket.send(b"x" * 3000)
        await read_all(conversation, socket)

    conversation = recorded_by(tmp_path, upgraded(HELLO, Wait(1), HELLO), talk)
    _, messages, last = read(tmp_path)
    assert [message["from"] for message in messages] == ["grok"]
    assert last["end"] == "cut"
    assert conversation.heard == [HELLO.data]


def test_many_small_messages_make_no_longer_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a line, with more than itself in it."""
    for module in (record, recorded_files):
        monkeypatch.setattr(module, "MAX_FILE_BYTES", 2000)
    recorded_by(tmp_path, upgraded(Send(b"{}\n" * 300)))
    (path,) = tmp_path.iterdir()
    assert path.stat().st_size <= 2000 + 100
    assert read(tmp_path)[2]["end"] == "cut"


def test_memory_is_given_back_when_a_record_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the client's messages, too."""
    monkeypatch.setattr(record, "MAX_HELD_BYTES", 1000)

    async def talk(conversation: Conversation) -> None:
        for _ in range(3):
            socket = conversation.connect()
            socket.send(b'{"a":"%s"}' % (b"x" * 500))
            await read_all(conversation, socket)
            await trio.sleep(1)
            assert conversation.recorder._held_bytes == 0

    recorded_by(tmp_path, upgraded(HELLO), talk)
    lines = [path.read_bytes().count(b"\n") for path in tmp_path.iterdir()]
    assert lines == [3, 3, 3]


def test_only_so_many_are_recorded_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a further one nothing is kept; its messages go through."""
    monkeypatch.setattr(record, "MAX_AT_ONCE", 2)

    async def talk(conversation: Conversation) -> None:
        sockets = [conversation.connect(Heartbeat(20, lambda: b"beat")) for _ in range(4)]
        for socket in sockets:
            await socket.head()
            assert await socket.head()
            socket.send(b"hello")
            assert await socket.read() == HELLO.data
        last = sockets[-1]
        assert isinstance(last, recorded_socket.RecordedSocket)
        assert not last._sent
        for socket in sockets:
            await socket.aclose()

    conversation = recorded_by(tmp_path, upgraded(HELLO, HANG), talk)
    assert len(list(tmp_path.iterdir())) == 2
    assert [socket.sent for socket in conversation.sockets] == [[b"hello"]] * 4
    said = [entry.getMessage() for entry in caplog.records]
    assert said == [f"{tmp_path}: answers can't be recorded: there are more than 2 at once."]


# Disks that fail --------------------------------------------------------------------------------


def test_a_disk_that_fails_loses_the_record_and_not_the_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever step fails, a full disk or another: a file is there whole or not at all."""

    async def twice(conversation: Conversation) -> None:
        await read_all(conversation)
        await read_all(conversation)

    for disk in disks():
        caplog.clear()
        folder = tmp_path / str(disk.fails_at)
        with disk.in_use():
            conversation = recorded_by(folder, upgraded(HELLO), twice)
        assert conversation.heard == [HELLO.data] * 2
        files = list(folder.iterdir()) if folder.is_dir() else []
        assert len(files) in {2 - disk.failed, 2}  # 2 if only the folder's flush failed
        for path in files:
            assert path.read_bytes().endswith(b'"code":1000}')


def test_a_bug_ends_a_record_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the log; and what could not be redacted is not on the disk."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(recorded_files, "RedactedFrames", broken)
    with caplog.at_level(logging.ERROR):
        conversation = recorded_by(tmp_path, upgraded(HELLO))
    assert conversation.heard == [HELLO.data]
    said = [entry.getMessage() for entry in caplog.records]
    assert said == ["a bug kept an answer from being recorded"]
    assert list(tmp_path.iterdir()) == []
