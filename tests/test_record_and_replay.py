"""From an answer to its recording, and back: ``replay`` finds what the client was given."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.cli import main
from grokcore.cli.records import read_record
from grokcore.errors import TransportFailure
from grokcore.protocol.conversation.events import Event
from grokcore.protocol.counters import Counters
from grokcore.protocol.grok_socket.client_frames import (
    Chat,
    Message,
    item_create,
    response_create,
    session_create,
)
from grokcore.protocol.grok_socket.decoder import Decoder as SocketDecoder
from grokcore.protocol.grok_web.decoder import Decoder
from grokcore.protocol.grok_web.markup import parse_tag_names
from grokcore.protocol.grok_web.payload import CHAT_PATH
from grokcore.runtime.transport.seam import SocketClosed, UpstreamRequest
from grokcore.simulator import frames, lines
from grokcore.simulator.page_socket import Close, Glued, Raw, Say, SocketScript
from grokcore.simulator.scripts import CUT, Script, Send, Wait
from tests.cli_place import place
from tests.protocol.grok_socket.frames_of import (
    CONVERSATION_ID,
    Frame,
    attached,
    created,
    message,
    session_created,
)
from tests.protocol.recording.shapes import shape
from tests.protocol.strategies import answers, chunked, stream_bytes
from tests.runtime.transport.socket_recordings import Conversation, read_all, recorded_by
from tests.servers import TOKENS, Site, run_on_site

__all__ = ["place"]  # a fixture

TAGS = parse_tag_names("xaiartifact,xai:tool_usage_card,grok:render")
PROTOCOL = Path(__file__).parent / "protocol"
FRAMES = sorted((PROTOCOL / "grok_socket" / "golden").glob("*.ndjson"))
STREAMS = sorted((PROTOCOL / "grok_web" / "fixtures").iterdir())


def seen(events: Sequence[Event], counters: Counters) -> tuple[object, ...]:
    """Everything of events and counts that redaction keeps."""
    counters.unknown_keys = {"": sum(counters.unknown_keys.values())}
    return [shape(event) for event in events], counters


def replayed(folder: Path) -> tuple[object, ...]:
    (path,) = folder.iterdir()
    return seen(*read_record(path.read_bytes()).decoded(TAGS))


def opening() -> bytes:
    frames: list[Frame] = [session_created(), attached(), created()]
    return b"".join(message(frame) + b"\n" for frame in frames)


_BREAKS = [b"", b"\n", b"{", b'"', b"null", b"\xff", b"\0\n", b"\r"]


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_a_websocket_replays_as_it_was_read(data: st.DataObject) -> None:
    """Whatever came in whatever pieces, between messages of the client's; damaged, cut off, or
    closed for a reason: the same events, in the same order, and the same counts.
    """
    stream = bytearray(data.draw(st.sampled_from(FRAMES)).read_bytes())
    for _ in range(data.draw(st.integers(0, 2))):
        start = data.draw(st.integers(0, len(stream)))
        end = start + data.draw(st.sampled_from([0, 1, 300]))
        stream[start:end] = data.draw(st.sampled_from(_BREAKS))
    stream = stream[: data.draw(st.sampled_from([len(stream), len(stream) // 2]))]
    pieces = [opening(), *data.draw(chunked(bytes(stream)))]
    steps = [step for piece in pieces if piece for step in (Send(piece), Wait(0.01))]
    reason = data.draw(st.sampled_from(["", "token expired", "anti_bot", "overloaded"]))
    closed = bool(reason) or data.draw(st.booleans())
    script = Script((*steps, *([CUT] if closed else [])), 101, ())
    failure = SocketClosed("closed", reason, 1008) if closed else None

    async def talk(conversation: Conversation) -> None:
        socket = conversation.connect()
        chat = Chat("fast", temporary=True, memory=False, search=True)
        socket.send(session_create(chat, uuid="u"))
        await socket.head()
        conversation.heard.append(await socket.read())
        question = Message("Where is Alice?")
        socket.send(item_create(question, conversation_id=CONVERSATION_ID, message_id="m", at_ms=1))
        socket.send(response_create(conversation_id=CONVERSATION_ID, at_ms=1))
        await read_all(conversation, socket)

    with tempfile.TemporaryDirectory() as name:
        conversation = recorded_by(Path(name), script, talk, failure=failure)
        decoder = SocketDecoder(TAGS, mode="fast")
        events = [event for piece in conversation.heard for event in decoder.receive(piece)]
        events += decoder.close(reason)
        assert b"".join(conversation.heard) == b"".join(pieces)
        assert replayed(Path(name)) == seen(events, decoder.counters)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_stream_replays_as_it_was_read(data: st.DataObject) -> None:
    """The same over REST."""
    streams = st.sampled_from(STREAMS).map(Path.read_bytes) | answers().flatmap(stream_bytes)
    stream = data.draw(streams)
    stream = stream[: data.draw(st.sampled_from([len(stream), len(stream) // 2]))]
    steps = [Send(piece) for piece in data.draw(chunked(stream)) if piece]
    script = Script((*steps, *([CUT] if data.draw(st.booleans()) else [])))

    async def talk(conversation: Conversation) -> None:
        request = UpstreamRequest("POST", f"https://grok.com{CHAT_PATH}", (), b"")
        exchange = conversation.recorder.open(request)
        await exchange.head()
        try:
            while await exchange.read():
                await trio.lowlevel.checkpoint()
        except TransportFailure:
            pass
        await exchange.aclose()

    with tempfile.TemporaryDirectory() as name:
        recorded_by(Path(name), script, talk)
        decoder = Decoder(TAGS)
        events = decoder.receive(stream) + decoder.close()
        assert replayed(Path(name)) == seen(events, decoder.counters)


# A whole server, libcurl's websocket, and a simulated Grok ----------------------------------------

OVER_SOCKETS = '[grok]\nweb_lane = "socket"\n'


def recorded_on_site(
    folder: Path, scenario: Callable[[Site], Awaitable[None]], script: SocketScript | None = None
) -> list[Path]:
    """The recordings of a server that asks over the websocket."""

    async def scripted(site: Site) -> None:
        if script is not None:
            site.simulator.sockets.always(script)
        await scenario(site)

    run_on_site(scripted, config=OVER_SOCKETS, record=folder)
    return sorted(folder.iterdir())


def test_an_answer_over_the_websocket_is_recorded_and_replayed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the frames of both sides, and nothing by which account, question or answer are known."""

    async def scenario(site: Site) -> None:
        assert "herring" in (await site.ask("my secret herring")).text

    (path,) = recorded_on_site(place / "records", scenario)
    record = path.read_text("utf-8")
    secrets = (*(entry.sso for entry in TOKENS), lines.USER_ID, lines.CONVERSATION_ID, "herring")
    assert [secret for secret in secrets if secret in record] == []
    assert record.count('"from":"client"') == 3
    assert '"type":"session.create","' in record
    assert main(["replay", str(path)]) == 0
    *events, _, unknown, end = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in events} <= {"thinking", "text", "activity"}
    assert "text" in events[-1]
    assert (unknown, end) == ("unknown keys: none", "finished")


def test_a_close_is_recorded_with_its_code_and_reason(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what came before it, understood or not; the command says why the answer failed."""
    script = SocketScript(
        (
            Say(frames.response_created("fast")),
            Glued((frames.text("Hello, "), {"type": "response.novelty"})),
            Raw("no frame"),
            Say(frames.text("Alice")),
            Close(1008, "token expired: Alice"),
        )
    )

    async def scenario(site: Site) -> None:
        assert (await site.ask()).status_code != 200

    path, *_ = recorded_on_site(place / "records", scenario, script)
    last = path.read_text("utf-8").splitlines()[-1]
    assert '"end":"closed"' in last
    assert '"code":1008,"reason":"token expired: xxxxx"' in last
    assert main(["replay", str(path)]) == 1
    *events, counts, unknown, whole, end = capsys.readouterr().out.splitlines()
    assert events == ['text          "xxxxx, "', 'text          "xxxxx"']
    assert counts.startswith("passed over: junk_lines 1,")
    assert unknown == 'unknown keys: "response.novelty" 1'
    assert whole == 'the record is not whole: "closed"'
    assert end.startswith("failed: no_valid_tokens: ")


def test_a_refused_upgrade_is_recorded_and_replayed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is half of all reports."""
    script = SocketScript((), 403, (("content-type", "text/html"), ("cf-mitigated", "challenge")))

    async def scenario(site: Site) -> None:
        assert (await site.ask()).json()["error"]["code"] == "upstream_challenge"

    path, *_ = recorded_on_site(place / "records", scenario, script)
    assert main(["replay", str(path)]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("failed: upstream_challenge: ")
