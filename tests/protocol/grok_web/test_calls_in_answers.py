"""Calls of the client's tools in Grok's answers, on both lanes: which events come, and the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias

import pytest
from attrs import frozen

from grokcore.errors import EmptyAnswer, GrokApiError, IncompleteAnswer, ToolCallFailed
from grokcore.protocol.conversation.events import (
    Activity,
    Cited,
    End,
    Event,
    Failed,
    Finished,
    Text,
    Thinking,
    ToolCall,
    Unusable,
)
from grokcore.protocol.conversation.tools import Choice, Tool, Toolbox
from grokcore.protocol.emulation.calls import ToolSieve
from grokcore.protocol.emulation.forms import CallForm
from grokcore.protocol.emulation.reading import CallReader
from grokcore.protocol.grok_socket.decoder import Decoder as SocketDecoder
from grokcore.protocol.grok_web.decoder import Decoder as WebDecoder
from grokcore.protocol.grok_web.markup import parse_tag_names
from grokcore.simulator import lines
from grokcore.simulator.scripts import answer_lines, wrapped

from ..grok_socket import frames_of as frames
from ..strategies import cut_everywhere

TAGS = parse_tag_names("xaiartifact,xai:tool_usage_card,grok:render")

STRING = {"type": "string"}
TOOLS = (
    Tool("Bash", parameters={"type": "object", "properties": {"command": STRING}}),
    Tool("now"),
)
LS = '<fn:call name="Bash">\n<fn:arg name="command">ls</fn:arg>\n</fn:call>'
CALL_LS = ToolCall(0, "Bash", '{"command":"ls"}')
NOW = '<fn:call name="now">\n</fn:call>'
CALLED = Finished(End.CALLS)


class Reading(Protocol):
    """A decoder, as far as these tests need it."""

    @property
    def stopped(self) -> bool: ...

    @property
    def cut_short(self) -> bool: ...

    @property
    def ended(self) -> bool: ...

    def receive(self, data: bytes) -> list[Event]: ...

    def close(self) -> list[Event]: ...


@frozen
class Lane:
    """A lane: its decoder, and how it brings an answer in pieces.

    :ivar beginning: bytes before an answer.
    :ivar ending: bytes behind a complete one, from its text.
    """

    name: str
    decoder: Callable[[CallReader], Reading]
    beginning: bytes
    thought: Callable[[str], bytes]
    text: Callable[[str], bytes]
    ending: Callable[[str], bytes]


def _web_lines(values: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(lines.line(wrapped(value)) for value in values)


def _web_ending(text: str) -> bytes:
    """The soft stop, and Grok's own copy of the text."""
    return _web_lines([lines.soft_stop(), lines.model_response(text, "grok-4")])


WEB = Lane(
    "web",
    lambda calls: WebDecoder(TAGS, calls=calls),
    b"",
    lambda text: _web_lines([lines.thought(text)]),
    lambda text: _web_lines([lines.token(text)]),
    _web_ending,
)
SOCKET = Lane(
    "socket",
    lambda calls: SocketDecoder(TAGS, calls=calls),
    frames.stream([frames.session_created(), frames.attached(), frames.created()]),
    lambda text: frames.stream([frames.thought(text)]),
    lambda text: frames.stream([frames.text(text)]),
    lambda text: frames.stream([frames.whole(text), frames.done()]),
)

on_both_lanes = pytest.mark.parametrize("lane", [WEB, SOCKET], ids=lambda lane: lane.name)

Shown: TypeAlias = "Event | type[GrokApiError]"


def shown(events: Iterable[Event]) -> list[Shown]:
    """Events without signs of life, neighbouring texts joined; of failures their kind."""
    found: list[Shown] = []
    for event in events:
        match found[-1:], event:
            case _, Activity():
                pass
            case [Text(before)], Text(text):
                found[-1] = Text(before + text)
            case _, Failed(error) | Unusable(error=error):
                found.append(type(error))
            case _:
                found.append(event)
    return found


def events_of(
    lane: Lane,
    pieces: Sequence[str],
    *,
    thinking: str = "",
    toolbox: Toolbox | None = None,
    complete: bool = True,
) -> list[Shown]:
    decoder = lane.decoder(ToolSieve(toolbox or Toolbox(TOOLS), CallForm()))
    data = [lane.beginning, lane.thought(thinking) if thinking else b"", *map(lane.text, pieces)]
    if complete:
        data.append(lane.ending("".join(pieces)))
    events = [event for each in data for event in decoder.receive(each)]
    return shown(events + decoder.close())


@frozen
class Answer:
    """A complete answer, and its events."""

    name: str
    text: str
    events: tuple[Shown, ...]
    thinking: str = ""
    toolbox: Toolbox | None = None


ANSWERS = [
    Answer("words", "Hello.", (Text("Hello."), Finished())),
    Answer("a call", LS, (CALL_LS, CALLED)),
    Answer("words and a call", f"Look:\n{LS}\n", (Text("Look:\n"), CALL_LS, CALLED)),
    Answer("thoughts", LS, (Thinking("Hm."), CALL_LS, CALLED), "Hm."),
    Answer("two calls", f"{LS}\n{NOW}", (CALL_LS, ToolCall(1, "now", "{}"), CALLED)),
    Answer("in a code block", f"So:\n```\n{LS}\n```", (Text("So:\n"), CALL_LS, CALLED)),
    Answer(
        "test 28: an invented outcome",
        f"Look: {LS}\n<fn:outcome>a b</fn:outcome>",
        (Text("Look: "), CALL_LS, CALLED),
    ),
    Answer(
        "test 33: markup in a value",
        LS.replace(">ls<", "><user> <grok:render card_id='1'/></parameter>.<"),
        (
            ToolCall(0, "Bash", '{"command":"<user> <grok:render card_id=\'1\'/></parameter>."}'),
            CALLED,
        ),
    ),
    Answer(
        "the beginning of an element before a call",
        f"a <grok:ren{LS}",
        (Text("a <grok:ren"), CALL_LS, CALLED),
    ),
    Answer(
        "a call in thoughts", "", (Thinking(f"Hm.\n{LS}"), CALL_LS, CALLED), thinking=f"Hm.\n{LS}"
    ),
    Answer("test 34: cut in a value", f"Look: {LS[:40]}", (Text("Look: "), ToolCallFailed)),
    Answer("a broken call alone", LS[:40], (ToolCallFailed,)),
    Answer(
        "test 36: words for a call",
        "No.",
        (ToolCallFailed,),
        toolbox=Toolbox(TOOLS, Choice.REQUIRED),
    ),
    Answer(
        "test 37: one of two",
        f"{LS}\n{NOW}",
        (CALL_LS, CALLED),
        toolbox=Toolbox(TOOLS, parallel=False),
    ),
    Answer("an invented question alone", "<fn:user>rm</fn:user>", (EmptyAnswer,)),
    Answer("nothing but a stray tag", "</fn:call>", (EmptyAnswer,)),
]


@on_both_lanes
@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.name)
def test_calls_come_whole_behind_the_text(lane: Lane, answer: Answer) -> None:
    """Tests 27 and 28: every dialect is written from these events, however Grok cut its tokens."""
    for pieces in ([answer.text], cut_everywhere(answer.text)):
        thinking, toolbox = answer.thinking, answer.toolbox
        found = events_of(lane, [p for p in pieces if p], thinking=thinking, toolbox=toolbox)
        assert tuple(found) == answer.events


@on_both_lanes
@pytest.mark.parametrize("end", ["", "\n", "\n<"])
def test_a_whole_call_needs_no_end_of_the_answer(lane: Lane, end: str) -> None:
    """Grok's connection often breaks in the silence behind a call; the call is whole."""
    assert events_of(lane, [f"Look: {LS}{end}"], complete=False) == [
        Text("Look: "),
        CALL_LS,
        CALLED,
    ]


@on_both_lanes
@pytest.mark.parametrize("end", ["\n<fn:", f"\n{LS[:40]}"])
def test_a_call_that_breaks_off_is_no_end(lane: Lane, end: str) -> None:
    """The agent must not go on as if its model had wanted one call less."""
    assert events_of(lane, [f"{LS}{end}"], complete=False) == [CALL_LS, IncompleteAnswer]


@on_both_lanes
def test_text_behind_a_call_ends_the_answer_at_once(lane: Lane) -> None:
    """Test 28: the transfer is given up, so that nobody waits for words that are thrown away."""
    decoder = lane.decoder(ToolSieve(Toolbox(TOOLS), CallForm()))
    assert shown(decoder.receive(lane.beginning + lane.text(LS))) == [CALL_LS]
    assert (decoder.stopped, decoder.cut_short, decoder.ended) == (True, False, False)
    assert decoder.receive(lane.text("\nThat lists")) == [CALLED]
    assert (decoder.cut_short, decoder.ended) == (True, True)
    assert shown(decoder.receive(lane.text(" files.")) + decoder.close()) == []


@on_both_lanes
def test_an_open_call_is_a_sign_of_life(lane: Lane) -> None:
    """A file of minutes is written into a value; the clocks and the client see Grok at work."""
    decoder = lane.decoder(ToolSieve(Toolbox(TOOLS), CallForm()))
    decoder.receive(lane.beginning + lane.text(LS[:45]))
    assert decoder.receive(lane.text("more")) == [Activity()]


@on_both_lanes
def test_text_that_only_groks_copy_has_is_read_for_calls(lane: Lane) -> None:
    """Grok sends some answers without tokens, and some tails in its own copy alone."""
    decoder = lane.decoder(ToolSieve(Toolbox(TOOLS), CallForm()))
    text = f"Look: {LS}\nThat lists"
    data = lane.beginning + lane.text(text[:9]) + lane.ending(text)
    assert shown(decoder.receive(data) + decoder.close()) == [Text("Look: "), CALL_LS, CALLED]


@on_both_lanes
def test_a_broken_call_leads_to_what_grok_said(lane: Lane) -> None:
    """Test 34: the next question shows Grok its answer and the faults."""
    decoder = lane.decoder(ToolSieve(Toolbox(TOOLS), CallForm()))
    data = lane.beginning + lane.text("a ") + lane.text(LS[:40]) + lane.ending(f"a {LS[:40]}")
    last = (decoder.receive(data) + decoder.close())[-1]
    assert isinstance(last, Unusable)
    assert last.said == f"a {LS[:40]}"
    assert last.faults == ("The element for Bash was cut off before its end.",)


def test_a_citation_or_picture_behind_a_call_is_not_shown() -> None:
    """Writers make text of them, and no text may follow a call."""
    decoder = SocketDecoder(TAGS, calls=ToolSieve(Toolbox(TOOLS), CallForm()))
    cited = frames.stream([frames.citation("https://example.com/")])
    before = decoder.receive(SOCKET.beginning + SOCKET.text("a ") + cited + SOCKET.text(LS))
    assert [type(event) for event in before] == [Text, Cited, ToolCall]
    assert decoder.receive(cited) == [Activity()]
    assert shown(decoder.receive(SOCKET.ending(f"a {LS}"))) == [CALLED]
    image = {"original": "https://example.com/p.png"}
    found = {"id": "c1", "cardType": "image_card", "image": image}
    web = WebDecoder(TAGS, calls=ToolSieve(Toolbox(TOOLS), CallForm()))
    shown_later = lines.picture("c1")
    data = _web_lines([lines.token(shown_later), lines.token(LS), lines.card(found)])
    assert shown(web.receive(data) + web.close()) == [CALL_LS, CALLED]


def test_an_answer_without_calls_is_unchanged() -> None:
    """Tools in a request must not change the words of an answer that uses none."""
    answer = b"".join(map(lines.line, answer_lines(["Plain **words**, ", "`code` and a < b.\n"])))
    plain, with_tools = WebDecoder(TAGS), WEB.decoder(ToolSieve(Toolbox(TOOLS), CallForm()))
    assert shown(with_tools.receive(answer) + with_tools.close()) == shown(
        plain.receive(answer) + plain.close()
    )
