"""The beginning of a conversation: the order of frames."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import (
    AntiBotRefusal,
    CredentialsRejected,
    GrokApiError,
    ModeNotIncluded,
    TransportFailure,
    UpstreamFailure,
)
from grokcore.protocol.grok_socket import handshake as handshake_module
from grokcore.protocol.grok_socket.client_frames import (
    Chat,
    Message,
    item_create,
    response_create,
    session_create,
)
from grokcore.protocol.grok_socket.handshake import Asking, Handshake, Stage

from ..strategies import chunked, cut_everywhere
from .frames_of import (
    CONVERSATION_ID,
    OTHER_ID,
    QUIET,
    Frame,
    attached,
    event,
    session_created,
    stream,
)

CHAT = Chat("heavy", temporary=True, memory=False, search=True)
ASKING = Asking(CHAT, Message("Why?", ("f1",)), "u-1", "m-1", 7)

QUESTION = [
    item_create(ASKING.message, conversation_id=CONVERSATION_ID, message_id="m-1", at_ms=7),
    response_create(conversation_id=CONVERSATION_ID, at_ms=7),
]


def greeted(frames: Sequence[object]) -> tuple[Handshake, list[bytes]]:
    handshake = Handshake(ASKING)
    return handshake, handshake.receive(stream(frames))


ACKNOWLEDGED = [
    [session_created(), attached()],
    [attached(), session_created()],
    [*QUIET, session_created(), *QUIET, attached(), *QUIET],
    [session_created(session_id=None), attached()],
    [session_created(), attached(None)],
    [{"event": {"type": "session.created"}}, {"event": attached()["event"]}],
    [5, {}, {"event": 5}, session_created(session_id="x" * 300), attached()],
]


def test_a_session_is_asked_for_first() -> None:
    """Nothing else may be sent before it; and it can be sent again."""
    handshake = Handshake(ASKING)
    for _ in range(2):
        assert handshake.opening() == session_create(CHAT, uuid="u-1")


@pytest.mark.parametrize("frames", ACKNOWLEDGED)
def test_the_question_follows_both_acknowledgements(frames: list[Frame]) -> None:
    """In either order, among other frames; and it is sent once."""
    handshake, sent = greeted(frames)
    assert (handshake.stage, handshake.error) == (Stage.ASKED, None)
    assert handshake.conversation_id == CONVERSATION_ID
    assert sent == QUESTION
    assert handshake.receive(stream(frames)) == []
    handshake.close("too late")
    assert handshake.error is None


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [session_created()],
        [attached()],
        [session_created(session_id=None), attached("") | {"session_id": ""}],
    ],
)
def test_nothing_is_sent_before(frames: list[Frame]) -> None:
    """An item that comes too early is dropped by Grok in silence."""
    handshake, sent = greeted(frames)
    assert (handshake.stage, sent) == (Stage.OPENING, [])
    handshake.close()
    assert handshake.stage is Stage.FAILED
    assert type(handshake.error) is TransportFailure


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_cuts_make_no_difference(data: st.DataObject) -> None:
    """Acknowledgements may come in one message, or in pieces."""
    frames = data.draw(st.permutations([session_created(), attached(), *QUIET[:2]]))
    glue = data.draw(st.sampled_from([b"\n", b""]))
    whole = glue.join(line for line in stream(frames).splitlines())
    handshake = Handshake(ASKING)
    sent = [each for piece in data.draw(chunked(whole)) for each in handshake.receive(piece)]
    sent += handshake.receive(b"\n")
    assert sent == QUESTION


@frozen
class Refused:
    """Frames of a server that does not let the question in, and the error."""

    name: str
    frames: Sequence[object]
    leaf: type[GrokApiError]


REFUSED = [
    Refused("error", [event("error", error={"code": "anti_bot"})], AntiBotRefusal),
    Refused("error without its object", [event("error", message="anti-bot")], AntiBotRefusal),
    Refused("mode", [session_created(), event("error", error={"code": "model_not_available"})], ModeNotIncluded),
    Refused("session ended", [session_created(), event("session.ended")], UpstreamFailure),
    Refused("session ended for a reason", [event("session.ended", reason="token revoked")], CredentialsRejected),
    Refused("another conversation", [session_created(), attached(OTHER_ID)], UpstreamFailure),
    Refused("another session", [session_created(session_id=OTHER_ID), attached()], UpstreamFailure),
    Refused("refused, then acknowledged", [event("error", error={"code": "anti_bot"}), session_created(), attached()], AntiBotRefusal),
    Refused("acknowledged and refused at once", [session_created(), attached(), event("error", error={"code": "anti_bot"})], AntiBotRefusal),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_a_refusal_ends_it(case: Refused) -> None:
    """The question is not sent, and the first error stays."""
    handshake, sent = greeted(case.frames)
    assert (handshake.stage, type(handshake.error), sent) == (Stage.FAILED, case.leaf, [])
    handshake.close("rate limit")
    assert type(handshake.error) is case.leaf


def test_a_close_may_say_why() -> None:
    """Its reason is read like an error."""
    handshake = Handshake(ASKING)
    handshake.close("Session not found")
    assert type(handshake.error) is CredentialsRejected


def test_much_without_an_acknowledgement_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lane keeps what it has read until then."""
    monkeypatch.setattr(handshake_module, "MOST_BYTES", 50)
    handshake, sent = greeted(QUIET)
    assert (type(handshake.error), sent) == (UpstreamFailure, [])


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200))
def test_garbage_is_passed_over(noise: bytes) -> None:
    """Nothing is raised, and a question still follows."""
    handshake = Handshake(ASKING)
    sent = [each for piece in cut_everywhere(noise) for each in handshake.receive(piece)]
    assert sent == []
    assert handshake.receive(b"\n" + stream([session_created(), attached()])) == QUESTION
