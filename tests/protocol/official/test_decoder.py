"""The decoder of the official lanes: which events each stream is, however broken it comes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import (
    AnswerTooLong,
    ContentPolicyViolation,
    EmptyAnswer,
    IncompleteAnswer,
    LineTooLong,
    QuotaExhausted,
    ToolCallFailed,
    UpstreamFailure,
)
from grokcore.protocol.conversation.events import (
    Activity,
    Cited,
    End,
    Failed,
    Finished,
    Found,
    Picture,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolUse,
    Used,
)
from grokcore.protocol.conversation.tools import ToolKind
from grokcore.protocol.conversation.usage import Usage
from grokcore.protocol.models import LaneName
from grokcore.protocol.official.answer import MAX_ANSWER_CHARS
from grokcore.protocol.official.calls import MOST_CALLS
from grokcore.protocol.official.decoder import Decoder
from grokcore.protocol.official.sse import MAX_LINE_BYTES

from ..strategies import chunked, cut_everywhere, json_values
from .stream_of import (
    TOOLS,
    completed,
    created,
    decoded,
    delta,
    item,
    message,
    said,
    sent,
    shown,
    thought,
)

USAGE = {
    "input_tokens": 12,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2},
    "cost_in_usd_ticks": 37000,
    "num_server_side_tools_used": 1,
}
REPORTED = Usage(12, 5, 4, 2, 37000, 1)
DONE = {"type": "response.output_text.done", "output_index": 0, "content_index": 0}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "get_weather"}
CUSTOM = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c_1", "name": "patch"}
SEARCH = {"type": "web_search_call", "id": "ws_1"}


def events_of(*events: dict[str, Any]) -> list[Any]:
    return [event for event in decoded(sent(*events)) if type(event) is not Activity]


def failure(*events: dict[str, Any]) -> type[Exception]:
    last = events_of(*events)[-1]
    assert isinstance(last, Failed), last
    return type(last.error)


# Text ----------------------------------------------------------------------------------------------


def test_text_comes_piece_by_piece_with_its_cost_at_the_end() -> None:
    """Beginnings and heartbeats are no events; the model is named."""
    decoder = Decoder(TOOLS)
    stream = sent(
        created(), {"type": "keepalive"}, delta("Good "), delta("day"), delta(""),
        completed(message("Good day"), usage=USAGE),
    )  # fmt: skip
    assert decoder.receive(stream[:20]) == []
    assert not decoder.concluded
    assert decoder.receive(stream[20:]) == [
        Text("Good "),
        Text("day"),
        Used(REPORTED),
        Finished(),
    ]
    assert (decoder.concluded, decoder.stopped, decoder.cut_short) == (True, False, False)
    assert decoder.answered_by == "grok-4.7"
    assert decoder.counters.unknown_keys == {"keepalive": 1}
    assert decoder.close() == []


@pytest.mark.parametrize(
    "events",
    [
        [DONE | {"text": "Good day"}, completed()],
        [{**DONE, "type": "response.content_part.done", "part": message("Good day")["content"][0]},
         completed()],
        [item(message("Good day")), completed()],
        [completed(message("Good day"))],
        [completed(message("Good ", "day"))],
        [delta("Good"), DONE | {"text": "Good day"}, item(message("Good day")),
         completed(message("Good day"))],
        [delta("Good "), delta("day", 0, 1), completed(message("Good ", "day"))],
        [delta("Good "), completed(message("Good day"))],
        [delta("Good day"), DONE | {"text": ""}, completed(message("day"))],
        [delta("Good day"), completed(message("Good\n day[[1]](https://example.com)"))],
        [delta("Good day"), DONE | {"text": "Good day"}, DONE | {"text": "Good day"}, completed()],
    ],
)  # fmt: skip
def test_text_is_given_once_wherever_it_comes(events: list[dict[str, Any]]) -> None:
    """By pieces, parts, items or the whole response: never doubled, never lost."""
    found = events_of(created(), *events)
    assert (said(found), found[-1]) == ("Good day", Finished())


@pytest.mark.parametrize(
    "events",
    [
        [delta("Good day"), DONE | {"text": "Good evening"}, completed()],
        [delta("Good day"), completed(message("Bad day"))],
        [delta("Good "), delta(7), completed()],
        [DONE | {"text": 7}, delta("Good"), completed()],
    ],
)
def test_lost_text_makes_the_answer_fail(events: list[dict[str, Any]]) -> None:
    """A hole in an answer never looks like an answer."""
    assert failure(*events) is IncompleteAnswer


def test_a_damaged_event_is_made_good_by_the_copy_at_the_end() -> None:
    """Only by it: without a copy the answer fails."""
    broken = b'data: {"type":"response.output_text.delta","delta":"da\n\n'
    whole = decoded(sent(delta("Good ")) + broken + sent(completed(message("Good day"))))
    assert (said(whole), whole[-1]) == ("Good day", Finished())
    for end in (completed(), completed(item={}), completed(SEARCH)):
        events = decoded(sent(delta("Good ")) + broken + sent(end))
        assert isinstance(events[-1], Failed)


NAMELESS = {"type": "response.output_text.delta", "delta": "Hello"}
BY_ID = NAMELESS | {"item_id": "msg_0"}


@pytest.mark.parametrize("begun", [NAMELESS, BY_ID])
@pytest.mark.parametrize(
    "copy",
    [
        {"type": "response.output_text.done", "output_index": 0, "text": "Hello you"},
        {"type": "response.output_item.done", "item": message("Hello you")},
        {"type": "response.content_part.done", "item_id": "msg_0", "part": message("Hello you")},
    ],
)
def test_a_part_under_two_names_is_given_once(begun: dict[str, Any], copy: dict[str, Any]) -> None:
    """Some events name an item's place, others its id, and others neither."""
    if "part" in copy:
        copy = copy | {"part": copy["part"]["content"][0]}
    assert said(decoded(sent(begun, copy, completed(message("Hello you"))))) == "Hello you"


def test_reasoning_under_two_names_is_given_once() -> None:
    """As text is."""
    begun = {"type": "response.reasoning_text.delta", "item_id": "rs_0", "delta": "Hm"}
    copy = {"type": "response.reasoning_text.done", "output_index": 0, "text": "Hm"}
    events = decoded(sent(begun, copy, delta("Hi", 1), completed(message("Hi"))))
    assert [event for event in events if isinstance(event, Thinking)] == [Thinking("Hm")]


@pytest.mark.parametrize("indent", [None, 1])
def test_a_response_without_a_stream_is_an_answer(indent: int | None) -> None:
    """As JSON on one line or many, cut anywhere; with its counts, and as whole as it says."""
    whole = completed(message("Hello"), usage=USAGE)["response"] | {"object": "response"}
    data = json.dumps(whole, indent=indent).encode()
    for pieces in ([data], cut_everywhere(data)):
        text, used, end = decoded(pieces)
        assert (text, end) == (Text("Hello"), Finished())
        assert isinstance(used, Used)
    del whole["status"]
    assert decoded(json.dumps(whole).encode())[-1] == Finished()
    for status in ("in_progress", "failed"):
        [*_, last] = decoded(json.dumps(whole | {"status": status}, indent=indent).encode())
        assert isinstance(last, Failed)
    [failed] = decoded(json.dumps({"error": {"message": "rate limit"}}, indent=indent).encode())
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, QuotaExhausted)


def test_two_messages_are_divided_by_a_blank_line() -> None:
    """What is said before a search does not run into the answer."""
    assert said(events_of(delta("I'll look."), delta("It rains.", 2), completed())) == (
        "I'll look.\n\nIt rains."
    )
    assert said(events_of(delta("Look:\n"), delta("rain", 2), completed())) == "Look:\nrain"


def test_half_an_emoji_does_not_cost_the_event() -> None:
    """JavaScript's lone surrogates are no JSON for orjson."""
    stream = b'data: {"type":"response.output_text.delta","delta":"a\\ud83d"}\n\n'
    assert said(decoded(stream + sent(completed()))) == "a\ufffd"


# Reasoning -----------------------------------------------------------------------------------------


def test_reasoning_comes_before_the_text_with_its_parts_apart() -> None:
    """Copies add what no piece brought; late reasoning is counted and dropped."""
    decoder = Decoder({})
    stream = sent(
        thought("One"), thought(""), thought("Two", 0, 1),
        {"type": "response.reasoning_summary_text.done", "output_index": 0, "summary_index": 1,
         "text": "Two."},
        {"type": "response.reasoning_text.delta", "output_index": 1, "delta": "Raw"},
        thought(7), delta("A"), thought("late"),
        item({"type": "reasoning", "summary": [{"type": "summary_text", "text": "late"}]}, 3),
        completed(message("A"), {"type": "reasoning", "summary": []}),
    )  # fmt: skip
    events = decoded(stream, decoder)
    assert [event for event in events if type(event) is not Activity] == [
        *(Thinking("One"), Thinking("\n\nTwo"), Thinking("."), Thinking("\n\nRaw")),
        *(Text("A"), Finished()),
    ]
    assert (decoder.counters.late_thoughts, decoder.counters.odd_values) == (1, 1)


def test_reasoning_that_only_the_end_brings_is_shown() -> None:
    """As the text is; parts that are no text are passed over."""
    reasoning = {"type": "reasoning", "id": "rs", "content": [{"text": "Hm"}, 7]}
    assert events_of(
        item({"type": "reasoning"}, done=False), completed(reasoning, message("A"))
    ) == [*(Thinking("Hm"), Text("A"), Finished())]


# Calls ---------------------------------------------------------------------------------------------


def test_calls_are_whole_mapped_back_and_last() -> None:
    """In order, behind all text, under the client's names."""
    events = events_of(
        item(CALL, 0, done=False),
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{"},
        {"type": "response.function_call_arguments.done", "output_index": 0,
         "item_id": "fc_1", "arguments": '{"city":"Rome"}'},
        item(CALL | {"arguments": '{"city":"Rome"}', "status": "completed"}, 0),
        item(CUSTOM | {"input": "*** patch"}, 1),
        item(CALL | {"id": "fc_2", "call_id": "c2", "name": "mcp__box__open", "arguments": ""}, 2),
        item(CALL | {"id": "fc_3", "call_id": "c3", "name": "unheard_of", "arguments": "{}"}, 3),
        delta("Wait.", 4),
        completed(message("Wait."), CALL | {"arguments": '{"city":"Rome"}'}, usage=USAGE),
    )  # fmt: skip
    assert events == [
        Text("Wait."),
        ToolCall(0, "get_weather", '{"city":"Rome"}'),
        ToolCall(1, "patch", "*** patch", kind=ToolKind.CUSTOM),
        ToolCall(2, "open", "{}", "box"),
        ToolCall(3, "unheard_of", "{}"),
        Used(REPORTED),
        Finished(End.CALLS),
    ]


def test_calls_that_only_the_end_brings_are_given() -> None:
    """Once each, also those of one tool."""
    calls = [CALL | {"id": f"fc_{n}", "call_id": f"c{n}", "arguments": "{}"} for n in range(2)]
    assert events_of(completed(*calls)) == [
        *(ToolCall(0, "get_weather", "{}"), ToolCall(1, "get_weather", "{}")),
        Finished(End.CALLS),
    ]


def test_a_call_without_ids_is_known_by_its_place() -> None:
    """Its name may come later than its opening."""
    bare = {"type": "function_call", "name": "get_weather", "arguments": "{}"}
    opened = {"type": "function_call"}
    assert events_of(item(opened, 1, done=False), item(bare, 1), completed()) == [
        ToolCall(0, "get_weather", "{}"),
        Finished(End.CALLS),
    ]


@pytest.mark.parametrize("arguments", ["[]", "{", "7", '{"a":' * 3000, '{"a":1e999}'])
def test_arguments_that_are_no_object_fail(arguments: str) -> None:
    """The client's tool is never run with something else."""
    assert failure(completed(CALL | {"arguments": arguments})) is ToolCallFailed


def test_nearly_valid_arguments_are_mended() -> None:
    """A lone surrogate does not cost the call."""
    call = CALL | {"arguments": '{"a": "\\ud83d"}'}
    assert events_of(completed(call))[0] == ToolCall(0, "get_weather", '{"a":"\ufffd"}')


@pytest.mark.parametrize(
    ("arguments", "text"),
    [('{"input":"*** Begin"}', "*** Begin"), ("{}", "{}"), ("*** Begin", "*** Begin")],
)
def test_a_function_call_of_a_custom_tool_has_its_one_text(arguments: str, text: str) -> None:
    """xAI takes custom tools as functions only; the client gets the kind that it declared."""
    events = events_of(completed(CALL | {"name": "patch", "arguments": arguments}))
    assert [event for event in events if isinstance(event, ToolCall)] == [
        ToolCall(0, "patch", text, kind=ToolKind.CUSTOM)
    ]


@pytest.mark.parametrize(
    "events",
    [
        [item(CALL, done=False), completed()],
        [item(CALL | {"arguments": "{", "status": "incomplete"}), completed()],
        [item(CALL | {"arguments": None}), completed()],
        [item(CALL | {"name": "", "arguments": "{}"}), completed()],
    ],
)
def test_an_unfinished_call_never_shows(events: list[dict[str, Any]]) -> None:
    """And the answer is not complete."""
    assert [type(event) for event in events_of(*events)] == [Failed]
    assert failure(*events) is IncompleteAnswer


def test_calls_are_bounded() -> None:
    """An upstream that never stops calling fails."""
    calls = [
        CALL | {"id": f"f{n}", "call_id": f"c{n}", "arguments": "{}"} for n in range(MOST_CALLS + 1)
    ]
    assert failure(completed(*calls)) is ToolCallFailed


def test_arguments_of_a_call_that_was_not_opened_are_passed_over() -> None:
    """They have no name."""
    stray = {"type": "response.function_call_arguments.done", "item_id": "x", "arguments": "{}"}
    assert events_of(stray, delta("A"), completed()) == [Text("A"), Finished()]


# xAI's own tools, pictures, sources ----------------------------------------------------------------


def test_xais_own_tools_are_told_once_each() -> None:
    """With their task, as soon as it is known; a name that a client declared is the client's."""
    asked = SEARCH | {"action": {"type": "search", "query": " weather \n Rome "}}
    x_search = {"type": "custom_tool_call", "id": "x", "name": "x_keyword_search"}
    events = events_of(
        item(SEARCH | {"action": {"query": ""}}, done=False),
        {"type": "response.web_search_call.searching", "output_index": 0},
        item(asked), item(asked),
        item(x_search | {"input": '{"query":"from:xai"}'}, 1),
        item({"type": "code_interpreter_call", "id": "ci", "code": "x" * 300}, 2),
        item({"type": "file_search_call", "queries": ["a", "b"]}, 3),
        item({"type": "mcp_call", "id": "m", "server_label": "box", "name": "open",
              "arguments": "{no"}, 4),
        item({"type": "mcp_call", "id": "n", "name": "open"}, 5),
        item({"type": "unheard_of"}, 6), item("junk", 7),
        delta("A", 8), completed(asked, message("A")),
    )  # fmt: skip
    assert events == [
        ToolUse("web_search", "weather Rome"),
        ToolUse("x_keyword_search", "from:xai"),
        ToolUse("code_interpreter", "x" * 200 + "…"),
        ToolUse("file_search", "a"),
        ToolUse("box.open"),
        ToolUse("open"),
        Text("A"),
        Finished(),
    ]


def test_a_function_call_is_xais_own_if_the_client_has_no_tools() -> None:
    """Nobody could answer it."""
    stream = sent(item(CALL | {"arguments": '{"query":"x"}'}), delta("A", 1), completed())
    events = [e for e in decoded(stream, Decoder({})) if type(e) is not Activity]
    assert events == [ToolUse("get_weather", "x"), Text("A"), Finished()]


@pytest.mark.parametrize(
    ("result", "url"),
    [
        ("https://example.com/a.png", "https://example.com/a.png"),
        ("iVBORw0KGgo=", "data:image/png;base64,iVBORw0KGgo="),
        ("/9j/4A==", "data:image/jpeg;base64,/9j/4A=="),
    ],
)
def test_a_picture_is_shown_once_and_is_an_answer(result: str, url: str) -> None:
    """An address, or the content."""
    made = {"type": "image_generation_call", "id": "ig", "result": result}
    assert events_of(item(made), completed(made)) == [
        *(ToolUse("image_generation"), Picture(url), Finished())
    ]


@pytest.mark.parametrize("result", ["", "AAAA", 7, None])
def test_what_is_no_picture_is_not_shown(result: object) -> None:
    """A picture of an unknown kind would break the client's page."""
    assert failure(completed({"type": "image_generation_call", "result": result})) is EmptyAnswer


def test_citations_stand_in_the_text_and_the_rest_is_found() -> None:
    """A page of a search is found once; an annotation that no place cites comes at the end."""
    note = {"type": "url_citation", "url": "https://example.com/a", "title": "A page"}
    events = events_of(
        item(SEARCH | {"action": {"query": "q", "sources": [{"url": "https://example.com/b"}]}}),
        {"type": "response.output_text.annotation.added", "annotation": note},
        delta("Rain[["), delta("7]](https://exam"), delta("ple.com/a)."),
        completed(
            message("Rain[[7]](https://example.com/a).", annotations=[note]),
            citations=["https://example.com/b", "https://example.com/c", 7],
        ),
    )  # fmt: skip
    assert events == [
        ToolUse("web_search", "q"),
        Found((Source("https://example.com/b"),)),
        Text("Rain"),
        Cited(1, Source("https://example.com/a", "A page")),
        Text("."),
        Found((Source("https://example.com/c"),)),
        Finished(),
    ]


def test_text_that_was_held_back_is_given_before_the_end() -> None:
    """Also before a failure, and before the next message."""
    assert said(events_of(delta("a[["), completed())) == "a[["
    assert said(events_of(delta("a["))) == "a["
    assert said(events_of(delta("a["), {"type": "error", "message": "no"})) == "a["
    assert said(events_of(delta("a["), delta("b", 1), completed())) == "a[\n\nb"


# Ends ----------------------------------------------------------------------------------------------


def test_a_limit_of_tokens_is_a_length() -> None:
    """Also if the reasoning took them all; calls that are whole are given."""
    cut: dict[str, Any] = {
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
    }
    assert events_of(delta("A"), completed(**cut)) == [Text("A"), Finished(End.LENGTH)]
    assert events_of(completed(**cut, usage=USAGE)) == [Used(REPORTED), Finished(End.LENGTH)]
    assert events_of(
        item(CALL | {"arguments": "{}"}), item(CUSTOM, 1, done=False), completed(**cut)
    ) == [*(ToolCall(0, "get_weather", "{}"), Finished(End.LENGTH))]


def test_moderation_is_a_refusal_behind_text_and_an_error_without() -> None:
    """Nothing to show is no answer."""
    cut: dict[str, Any] = {
        "status": "incomplete",
        "incomplete_details": {"reason": "content_filter"},
    }
    assert events_of(delta("A"), completed(**cut))[-1] == (
        Finished(End.REFUSAL, "xAI's moderation cut the answer.")
    )
    assert failure(completed(**cut)) is ContentPolicyViolation
    for details in ({"reason": "else"}, None, "else"):
        assert (
            failure(completed(status="incomplete", incomplete_details=details)) is IncompleteAnswer
        )


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "response.refusal.delta", "output_index": 0, "delta": "I "},
         {"type": "response.refusal.delta", "output_index": 0, "delta": "won't."},
         {"type": "response.refusal.done", "output_index": 0, "refusal": "I won't."}],
        [{"type": "response.refusal.done", "refusal": "I won't."}],
        [{"type": "response.refusal.done"}, {"type": "response.content_part.done",
          "part": {"type": "refusal", "refusal": "I won't."}}],
        [],
    ],
)  # fmt: skip
def test_a_refusal_is_text_and_the_reason_of_the_end(events: list[dict[str, Any]]) -> None:
    """Clients without a field for the reason show it too."""
    whole = {
        "type": "message",
        "content": [{"type": "refusal", "refusal": "I won't."}, 7, {"type": []}],
    }
    found = events_of(*events, completed(whole))
    assert (said(found), found[-1]) == ("I won't.", Finished(End.REFUSAL, "I won't."))


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (completed(status="failed", error={"code": "rate_limit_exceeded"}), QuotaExhausted),
        (completed(status="failed"), UpstreamFailure),
        (completed(status="cancelled"), IncompleteAnswer),
        (completed(), EmptyAnswer),
        ({"type": "error", "code": "server_error", "message": "no"}, UpstreamFailure),
        ({"error": {"message": "rate limit"}}, QuotaExhausted),
        ({"type": "response.completed"}, IncompleteAnswer),
        ({"no": "type"}, IncompleteAnswer),
        ({}, IncompleteAnswer),
        (completed(message("A"), status="completed", id="resp_2"), IncompleteAnswer),
        (completed(message(" \n")), EmptyAnswer),
    ],
)
def test_other_ends_are_failures(last: dict[str, Any], error: type[Exception]) -> None:
    """Each with its own error."""
    assert failure(created(), last) is error


def test_a_failed_response_in_the_clothes_of_a_whole_one_is_failed() -> None:
    """Its own status goes before the event's name."""
    event = completed(message("A")) | {"type": "response.done"}
    assert events_of(event)[-1] == Finished()
    event["response"]["status"] = "failed"
    event["response"]["usage"] = USAGE
    assert [type(event) for event in events_of(event)] == [Text, Used, Failed]


def test_a_stream_that_is_no_stream_is_a_failure_of_xais() -> None:
    """Junk at the beginning is told from an answer that broke off."""
    for junk, error in ((b"{no\n", UpstreamFailure), (b"", IncompleteAnswer)):
        last = decoded(junk)[-1]
        assert isinstance(last, Failed)
        assert type(last.error) is error


def test_what_follows_the_end_or_is_anothers_is_ignored() -> None:
    """And counted."""
    decoder = Decoder({}, lane=LaneName.CLI)
    other = delta("x") | {"response_id": "resp_2"}
    own = delta("A") | {"response_id": "resp_1"}
    stream = sent(own, other, created("resp_2"), completed(message("A")), delta("late"))
    assert said(decoded(stream, decoder)) == "A"
    assert decoder.counters.other_side == 3


def test_a_long_line_and_a_long_answer_end_it() -> None:
    """Memory is bounded, whatever xAI sends."""
    decoder = Decoder({})
    events = decoder.receive(b"data: " + b"a" * (MAX_LINE_BYTES + 1))
    assert [type(e.error) for e in events if isinstance(e, Failed)] == [LineTooLong]
    for last in (delta("b"), completed(message("a" * MAX_ANSWER_CHARS + "b"))):
        events = decoded(sent(delta("a" * MAX_ANSWER_CHARS), last))
        assert [type(e.error) for e in events if isinstance(e, Failed)] == [AnswerTooLong]


# Hostile streams -----------------------------------------------------------------------------------

_WHOLE = [
    created(),
    thought("Hm"),
    item(SEARCH | {"action": {"query": "q", "sources": [{"url": "https://example.com/"}]}}),
    delta("Good [[1]](https://example.com/) ", 1),
    delta("day", 1),
    item(CALL, 2, done=False),
    item(CALL | {"arguments": "{}"}, 2),
    completed(
        message("Good [[1]](https://example.com/) day", index=1),
        CALL | {"arguments": "{}"},
        usage=USAGE,
    ),
]
_KEYS = ["type", "delta", "output_index", "content_index", "item", "response", "part", "error"]


@st.composite
def _hostile(draw: st.DrawFn) -> bytes:
    """Events left out, doubled, out of order, with values of any type; junk between them."""
    events = draw(st.lists(st.sampled_from(_WHOLE), max_size=10))
    pieces = []
    for event in events:
        changed = dict(event)
        for key in draw(st.lists(st.sampled_from(_KEYS), max_size=2)):
            changed[key] = draw(json_values)
        if isinstance(inner := changed.get(draw(st.sampled_from(["item", "response"]))), dict):
            key = draw(st.sampled_from([*inner, "x"]))
            changed["item" if "item" in changed else "response"] = inner | {key: draw(json_values)}
        pieces.append(f"data: {json.dumps(changed)}\n\n".encode())
        pieces.append(
            draw(st.sampled_from([b"", b"", b"data: [", b"[" * 500, b'{"a":' * 300, b"\xff\n\n"]))
        )
    return b"".join(pieces)


@settings(deadline=None, max_examples=400)
@given(_hostile(), st.data())
def test_no_stream_raises_and_each_has_one_end(stream: bytes, data: st.DataObject) -> None:
    """And its cuts make no difference; text never follows a call, nor reasoning the text."""
    events = decoded(stream)
    ends = [isinstance(event, Finished | Failed) for event in events]
    assert ends == [False] * (len(events) - 1) + [True]
    assert all(event.text for event in events if isinstance(event, Text | Thinking))
    kinds = [type(event) for event in events]
    if Text in kinds:
        assert Thinking not in kinds[kinds.index(Text) :]
    if ToolCall in kinds:
        assert Text not in kinds[kinds.index(ToolCall) :]
    assert shown(decoded(data.draw(chunked(stream)))) == shown(events)


@settings(deadline=None, max_examples=200)
@given(st.integers(0, len(sent(*_WHOLE)) - 3))
def test_an_answer_that_broke_off_never_looks_complete(cut: int) -> None:
    """Until the terminal event is there to its last byte."""
    assert isinstance(decoded(sent(*_WHOLE)[:cut])[-1], Failed)


def test_the_whole_stream_byte_by_byte() -> None:
    """The stream that the hostile ones are made of is a good one."""
    whole = sent(*_WHOLE)
    assert decoded(whole)[-1] == Finished(End.CALLS)
    assert decoded(cut_everywhere(whole)) == decoded(whole)


def test_ids_and_models_that_are_none_change_nothing() -> None:
    """An answer without an id is the answer, and a model without a name answers unnamed."""
    nameless = {**created(), "response": {"id": "", "model": ""}}
    decoder = Decoder(TOOLS)
    events = decoder.receive(sent(nameless, {**delta("Hi"), "response_id": ""}))
    assert decoder.answered_by == ""
    assert said([*events, *decoder.receive(sent(completed()))]) == "Hi"


def test_a_part_without_text_adds_nothing() -> None:
    """A kind of part that is not known yet leaves the answer as it is."""
    part = {"type": "response.content_part.done", "output_index": 0, "part": {"type": "sound"}}
    assert said(decoded(sent(delta("Hi"), part, completed()))) == "Hi"
