"""Lines of a recorded websocket: messages in their order, with time, side and kind."""

from __future__ import annotations

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.recording import socket_lines
from grokcore.protocol.recording.socket_lines import (
    LONGEST_SENT_BYTES,
    Message,
    MessageLog,
    Sender,
    line_of,
    message_in,
)


def heard(at_ms: int, data: bytes) -> Message:
    return Message(at_ms, Sender.GROK, data)


def sent(at_ms: int, data: bytes) -> Message:
    return Message(at_ms, Sender.CLIENT, data, len(data))


def test_messages_of_both_sides_stand_in_the_order_in_which_they_were_seen() -> None:
    """A message of Grok's has the time of its last piece; the client's stand where they were sent,
    also within a piece that came later.
    """
    log = MessageLog()
    log.note_sent(b"open", 0, 0)
    log.note_heard(5, 10)  # a message, and the first byte of the next
    log.note_sent(b"ask", 5, 20)
    log.note_heard(10, 30)
    log.note_sent(b"ping", 10, 40)
    log.note_heard(11, 50)
    log.note_sent(b"ping", 11, 60)
    expected = [
        *(sent(0, b"open"), heard(10, b"one"), sent(20, b"ask"), heard(30, b"two")),
        *(heard(30, b"4"), sent(40, b"ping"), heard(50, b"5"), sent(60, b"ping")),
    ]
    assert list(log.messages(b"one\ntwo\n4\n5")) == expected


def test_a_connection_without_messages_has_those_of_the_client() -> None:
    """Grok may say nothing at all."""
    log = MessageLog()
    assert list(log.messages(b"")) == []
    log.note_sent(b"open", 0, 1)
    assert list(log.messages(b"")) == [sent(1, b"open")]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.binary(min_size=1, max_size=4), max_size=8))
def test_however_the_bytes_were_cut_the_messages_are_the_same(pieces: list[bytes]) -> None:
    """Cuts decide over times only; blank messages are messages too."""
    log, position = MessageLog(), 0
    for number, piece in enumerate(pieces):
        position += len(piece)
        log.note_heard(position, number)
    data = b"".join(pieces)
    messages = list(log.messages(data))
    *lines, last = data.split(b"\n")
    assert [message.data for message in messages] == [*lines, *([last] if last else [])]
    times = [message.at_ms for message in messages]
    assert times == sorted(times)


def test_a_long_message_of_the_client_is_kept_as_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prompt may have megabytes, and is masked anyway; Grok's answer is what a report is about."""
    monkeypatch.setattr(socket_lines, "LONGEST_SENT_BYTES", 4)
    log = MessageLog()
    log.note_sent(b"1234", 0, 1)
    log.note_sent(b"12345", 0, 2)
    first, second = log.messages(b"")
    assert (first.data, second.data, second.size) == (b"1234", None, 5)
    assert line_of(second, b"") == b'{"at_ms":2,"from":"client","bytes":5}\n'
    assert LONGEST_SENT_BYTES > 4


@frozen
class Line:
    """A message, redacted, and its line."""

    message: Message
    redacted: bytes
    line: bytes


LINES = [
    Line(sent(0, b'{"a":1}'), b'{"a":1}', b'{"at_ms":0,"from":"client","frame":{"a":1}}'),
    Line(heard(7, b'{"a":1} '), b'{"a":1} ', b'{"at_ms":7,"from":"grok","frame":{"a":1}}'),
    Line(heard(7, b"hello"), b"xxxxx", b'{"at_ms":7,"from":"grok","text":"xxxxx"}'),
    Line(heard(7, b"[1]"), b"[1]", b'{"at_ms":7,"from":"grok","text":"[1]"}'),
    Line(heard(7, b"{}{}"), b"{}{}", b'{"at_ms":7,"from":"grok","text":"{}{}"}'),
    Line(heard(7, b""), b"", b'{"at_ms":7,"from":"grok","text":""}'),
]


@pytest.mark.parametrize("case", LINES, ids=lambda case: repr(case.line))
def test_a_message_is_a_line_of_its_kind(case: Line) -> None:
    """The line has what was redacted, and is read back as that."""
    assert line_of(case.message, case.redacted) == case.line + b"\n"
    found = message_in(case.line)
    assert (found.at_ms, found.sender) == (case.message.at_ms, case.message.sender)
    assert found.data == case.redacted.strip()


def test_a_message_that_was_not_kept_is_read_back_without_content() -> None:
    """Only its size is known."""
    line = b'{"at_ms":2,"from":"client","bytes":5}'
    assert message_in(line) == Message(2, Sender.CLIENT, None, 5)


def test_a_message_can_not_hold_a_line_break() -> None:
    """Else an edited file could have messages that were none."""
    assert message_in(b'{"at_ms":2,"from":"grok","text":"a\\nb"}').data == b"a b"


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"x", b"[]", b"5", b'{"a":1}', b'{"at_ms":1,"from":"grok"', b'{"at_ms":1,"from":"grok"}'),
        *(b'{"at_ms":"1","from":"grok","text":""}', b'{"at_ms":1,"from":"bob","text":""}'),
        *(b'{"at_ms":1,"from":"grok","text":5}', b'{"at_ms":1,"from":"grok","frame":[]}'),
        b'{"at_ms":1,"from":"grok","binary":false}',
    ],
)  # fmt: skip
def test_another_line_is_refused(line: bytes) -> None:
    """A damaged file is called so, and not replayed as half an answer."""
    with pytest.raises(ValueError, match=r"."):
        message_in(line)
