"""Chat requests: what is taken, what is passed over, and where exactly a fault is."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from attrs import frozen
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grokcore.errors import AttachmentRefused, GrokApiError, InvalidRequest
from grokcore.protocol.conversation.bounds import Bounds, TextFormat
from grokcore.protocol.conversation.messages import Call, Message
from grokcore.protocol.conversation.tools import Choice, Tool, Toolbox, ToolKind
from grokcore.protocol.dialects.fields import header_names
from grokcore.protocol.dialects.openai_chat.request import ChatRequest, parse_chat_request

from ...strategies import json_values

HELLO = [{"role": "user", "content": "hello"}]


def parsed(**fields: Any) -> ChatRequest:
    """The request with these fields, the required ones filled in."""
    return parse_chat_request(json.dumps({"model": "m", "messages": HELLO, **fields}).encode())


def test_the_smallest_request() -> None:
    """A model and a message are enough."""
    assert parsed() == ChatRequest(model="m", messages=(Message("user", "hello"),))


def test_null_is_the_same_as_absent() -> None:
    """SDKs send it so."""
    nulls = dict.fromkeys(
        ["stream", "stream_options", "n", "tool_choice", "temperature", "tools", "stop"]
    )
    assert parsed(**nulls) == parsed()
    assert parsed(stream_options={"include_usage": None}) == parsed()


def test_streaming_and_usage_are_read() -> None:
    """Usage is asked for in ``stream_options``; keys there that nobody knows are passed over."""
    request = parsed(
        stream=True, stream_options={"include_usage": True, "continuous_usage_stats": False}, n=1
    )
    assert (request.stream, request.include_usage, request.ignored) == (True, True, ())


def test_what_has_no_effect_is_named() -> None:
    """Sorted, without values, and fit for a header whatever the client calls its keys."""
    request = parsed(
        top_p=1,
        temperature=0.5,
        seed=0,
        logit_bias={"5": 1},
        presence_penalty=0,
        frequency_penalty=0,
        top_k=3,
        reasoning_effort="low",
        verbosity="low",
        prediction={"type": "content", "content": ""},
        service_tier="auto",
        parallel_tool_calls=True,
        tools=[],
        tool_choice="auto",
        stop=[],
        **{"a\r\nb: c": 1, "é": 1, "x" * 99: 1},
    )
    assert request.ignored == (
        "ab c".replace(" ", ""),
        *("frequency_penalty", "logit_bias", "prediction", "presence_penalty"),
        *("seed", "service_tier", "top_k", "verbosity"),
        "x" * 40,
    )
    assert request.extras.names == {"reasoning_effort", "temperature", "top_p"}


def test_no_more_than_forty_names_are_told() -> None:
    """A header has its limits; the last name says that there were more."""
    names = header_names(parsed(**{f"key{number}": 1 for number in range(100)}).ignored)
    assert len(names) == 40
    assert names[-1] == "and-61-more"
    assert header_names(["b", "a"]) == ("a", "b")


FREE: list[Any] = [
    *(None, "auto", "none", "", [], {}, {"type": "none"}, {"type": "auto"}),
    {"type": "auto", "disable_parallel_tool_use": True},
    {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
    {"type": "allowed_tools", "mode": "auto", "tools": []},
]

NOTHING: list[dict[str, Any]] = [
    *({"tool_choice": choice} for choice in FREE),
    *({"function_call": choice} for choice in FREE[:6]),
    *({"n": one} for one in (1.0, "1")),
    *({"stream": no} for no in ("false", "False", 0, "0", "")),
    *(
        {"stream_options": []},
        {"modalities": ["text"]},
        {"modalities": []},
        {"audio": []},
        {"audio": {}},
    ),
    *({"logprobs": False}, {"top_logprobs": 0}),
]


def test_forms_of_the_same_are_the_same() -> None:
    """Absent: null, and an empty list or object where an object is meant. Flags and numbers in any
    clear form.
    """
    for nothing in NOTHING:
        request = parsed(**nothing)
        assert (request.stream, request.include_usage, request.messages) == (
            False,
            False,
            parsed().messages,
        )
    for yes in (True, "true", "True", 1, "1", 1.0):
        request = parsed(stream=yes, stream_options={"include_usage": yes}, search=yes)
        assert (request.stream, request.include_usage, request.search) == (True, True, True)


def test_web_search_options_ask_for_a_search() -> None:
    """By being there, whatever is in them; this server's own field has the last word."""
    assert parsed(web_search_options={}).search is True
    assert parsed(web_search_options=[]).search is True
    assert parsed(web_search_options=None).search is None
    located = parsed(web_search_options={"search_context_size": "low", "user_location": None})
    assert (located.search, located.ignored) == (True, ("web_search_options.search_context_size",))
    off = parsed(web_search_options={}, search=False)
    assert (off.search, off.ignored) == (False, ("web_search_options",))


def test_what_of_a_message_is_not_passed_on_is_named() -> None:
    """Once for all messages; what has no content is not worth a word."""
    request = parsed(
        messages=[
            {
                "role": "assistant",
                "content": "a",
                "reasoning_content": "hm",
                "audio": {"id": "1"},
                "tool_calls": ["x"],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm"},
                    {"type": "input_audio", "input_audio": {}},
                ],
            },
            {
                "role": "user",
                "content": [{"type": "text", "text": "a", "cache_control": {}, "mood": "good"}],
                "id": "1",
            },
        ]
    )
    assert request.ignored == (
        *("messages.audio", "messages.reasoning_content", "messages.tool_calls"),
        *("parts.input_audio", "parts.text.mood", "parts.thinking"),
    )
    assert parsed(messages=[{"role": "user", "content": "hi", "name": "Ann"}]).ignored == (
        "messages.name",
    )
    assert parsed(messages=[*HELLO, {"role": "user", "content": "hi", "name": "Ann"}]).ignored == ()


# Messages ---------------------------------------------------------------------------------------


@frozen
class Turn:
    """A message as sent, and as it is understood."""

    sent: dict[str, Any]
    understood: Message


def called(name: object, arguments: object) -> dict[str, Any]:
    return {"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}


TURNS = [
    Turn({"role": "user", "content": "a"}, Message("user", "a")),
    Turn({"role": "system", "content": "a"}, Message("system", "a")),
    Turn({"role": "developer", "content": "a"}, Message("developer", "a")),
    Turn({"role": "assistant", "content": None}, Message("assistant", "")),
    Turn({"role": "assistant"}, Message("assistant", "")),
    Turn({"role": "assistant", "content": ""}, Message("assistant", "")),
    Turn({"role": "tool", "content": "a", "tool_call_id": "1"}, Message("tool", "a", call_id="1")),
    Turn({"role": "function", "content": "a", "name": "f"}, Message("tool", "a", name="f")),
    Turn({"role": "user", "content": []}, Message("user", "")),
    Turn({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": {}}]}, Message("user", "a\nb")),
    Turn({"role": "user", "content": ["a", {"type": "input_text", "text": "b"}]}, Message("user", "a\nb")),
    Turn({"role": "assistant", "content": [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "no"}]}, Message("assistant", "a\nno")),
    Turn({"role": "assistant", "content": None, "tool_calls": [called("f", '{"x": 1}'), called("g", {"y": "é"})]}, Message("assistant", "", calls=(Call("1", "f", '{"x": 1}'), Call("1", "g", '{"y": "é"}')))),
    Turn({"role": "assistant", "content": "a", "tool_calls": [called("f", "")]}, Message("assistant", "a", calls=(Call("1", "f", ""),))),
    Turn({"role": "assistant", "content": "a", "tool_calls": called("f", "")}, Message("assistant", "a", calls=(Call("1", "f", ""),))),
    Turn({"role": "assistant", "content": "a", "tool_calls": [{"type": "custom", "id": "1", "custom": {"name": "f", "input": "x"}}]}, Message("assistant", "a", calls=(Call("1", "f", "x"),))),
    Turn({"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}, Message("assistant", "", calls=(Call("", "f", "{}"),))),
    Turn({"role": "assistant", "content": "a", "tool_calls": [None, {}, {"function": 5}]}, Message("assistant", "a")),
    Turn({"role": "assistant", "content": "a", "tool_calls": 5}, Message("assistant", "a")),
    Turn({"role": "assistant", "content": "a", "tool_calls": [], "function_call": {}, "audio": None}, Message("assistant", "a")),
    Turn({"role": "assistant", "content": None, "refusal": "no"}, Message("assistant", "no")),
    Turn({"role": "user", "content": "a", "name": "Ann", "cache_control": {}}, Message("user", "a", name="Ann")),
    Turn({"role": "user", "content": {"type": "text", "text": "a"}}, Message("user", "a")),
    Turn({"role": "user", "content": {"text": "a"}}, Message("user", "a")),
    Turn({"role": "user", "content": [{"text": "a"}, None, "", {"type": "text", "text": None}, {"type": "text"}]}, Message("user", "a")),
    Turn({"role": "user", "content": [{"type": "text", "text": {"value": "a", "annotations": []}}]}, Message("user", "a")),
    Turn({"role": "user", "parts": [{"text": "a"}]}, Message("user", "a")),
]  # fmt: skip


@pytest.mark.parametrize("case", TURNS, ids=lambda case: json.dumps(case.sent)[:60])
def test_every_form_of_a_message_is_understood(case: Turn) -> None:
    """Text in any of its forms, earlier tool calls readable, keys that nobody knows passed over."""
    assert parsed(messages=[*HELLO, case.sent]).messages == (
        Message("user", "hello"),
        case.understood,
    )


# Tools and bounds -------------------------------------------------------------------------------

FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
LEGACY = {"name": "f", "parameters": {"type": "object"}}
F = Tool("f", "", {"type": "object"})
G = Tool("g", kind=ToolKind.CUSTOM)


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


@frozen
class Tools:
    """Fields of a request, and what they are understood as."""

    fields: dict[str, Any]
    toolbox: Toolbox
    ignored: tuple[str, ...] = ()
    legacy: bool = False


TOOLS = [
    Tools({"tools": [FUNCTION]}, Toolbox((F,))),
    Tools({"tools": [FUNCTION, {"type": "custom", "custom": {"name": "g"}}]}, Toolbox((F, G))),
    Tools({"tools": [{"type": "web_search"}, {"type": "xyz", "a": 1}, FUNCTION]}, Toolbox((F,)), ("tools.xyz",)),
    Tools({"tools": [named("f"), FUNCTION]}, Toolbox((F,))),
    Tools({"tools": [FUNCTION], "tool_choice": "none"}, Toolbox((F,), Choice.NONE)),
    Tools({"tools": [FUNCTION], "tool_choice": "required"}, Toolbox((F,), Choice.REQUIRED)),
    Tools({"tools": [FUNCTION], "tool_choice": named("f")}, Toolbox((F,), Choice.REQUIRED, "f")),
    Tools({"tools": [FUNCTION], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named("f")]}}}, Toolbox((F,), allowed=frozenset({"f"}))),
    Tools({"tools": [FUNCTION], "parallel_tool_calls": False}, Toolbox((F,), parallel=False)),
    Tools({"tools": [FUNCTION], "parallel_tool_calls": None}, Toolbox((F,))),
    Tools({"functions": [LEGACY]}, Toolbox((F,), parallel=False), legacy=True),
    Tools({"functions": [LEGACY], "function_call": "none"}, Toolbox((F,), Choice.NONE, parallel=False), legacy=True),
    Tools({"functions": [LEGACY], "function_call": {"name": "f"}}, Toolbox((F,), Choice.REQUIRED, "f", parallel=False), legacy=True),
    Tools({"functions": [LEGACY], "tool_choice": "required"}, Toolbox((F,), Choice.REQUIRED, parallel=False), legacy=True),
    Tools({"tools": [FUNCTION], "functions": [LEGACY], "function_call": "none"}, Toolbox((F,)), ("function_call", "functions")),
    Tools({"tool_choice": "none", "tools": []}, Toolbox((), Choice.NONE)),
]  # fmt: skip


@pytest.mark.parametrize("case", TOOLS, ids=lambda case: json.dumps(case.fields)[:60])
def test_tools_and_the_rules_for_them_are_read(case: Tools) -> None:
    """The older fields for tools are read as the newer ones; a tool that is not the client's is
    named.
    """
    request = parsed(**case.fields)
    found = (request.toolbox, request.ignored, request.legacy_calls)
    assert found == (case.toolbox, case.ignored, case.legacy)


def test_bounds_are_read() -> None:
    """The smaller of two limits; a format with its schema."""
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    request = parsed(stop="END", max_tokens=9, max_completion_tokens=5, response_format=form, n="3")
    assert request.bounds == Bounds(("END",), 5, TextFormat({"type": "object"}, "n"))
    assert (request.choices, request.ignored) == (3, ())


def test_a_history_of_calls_keeps_ids_names_and_arguments() -> None:
    """Also where the content is null, the result is in parts, or the calls are custom."""
    calls = [
        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
        {"id": "call_2", "type": "custom", "custom": {"name": "g", "input": "x\ny"}},
    ]
    messages = parsed(
        messages=[
            *HELLO,
            {"role": "assistant", "content": None, "tool_calls": calls},
            {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "b"}]},
            {"role": "tool", "tool_call_id": "call_1", "content": ""},
            {"role": "assistant", "content": None, "function_call": {"name": "h", "arguments": ""}},
            {"role": "function", "name": "h", "content": "c"},
        ]
    ).messages
    assert messages[1:] == (
        Message(
            "assistant", "", calls=(Call("call_1", "f", '{"a":1}'), Call("call_2", "g", "x\ny"))
        ),
        Message("tool", "b", name="g", call_id="call_2"),
        Message("tool", "", name="f", call_id="call_1"),
        Message("assistant", "", calls=(Call("", "h", ""),)),
        Message("tool", "c", name="h"),
    )


# Faults -----------------------------------------------------------------------------------------


@frozen
class Fault:
    """Fields that are wrong, and the path that is named."""

    fields: dict[str, Any]
    param: str
    leaf: type[GrokApiError] = InvalidRequest


def said(content: Any) -> dict[str, Any]:
    return {"messages": [*HELLO, {"role": "user", "content": content}]}


FORCING: list[Any] = [
    "required",
    "any",
    {"type": "any"},
    {"type": "required"},
    {"type": "tool", "name": "f"},
    {"type": "function", "function": {"name": "f"}},
    {"type": "custom", "custom": {"name": "f"}},
    {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}},
    {"type": "web_search"},
    {"name": "f"},
]

FAULTS = [
    Fault({"model": None}, "model"),
    Fault({"model": ""}, "model"),
    Fault({"model": None, "messages": None}, "model"),
    Fault({"model": 5}, "model"),
    Fault({"messages": None}, "messages"),
    Fault({"messages": []}, "messages"),
    Fault({"messages": {}}, "messages"),
    Fault({"messages": "hello"}, "messages"),
    Fault({"messages": [{"role": "user", "content": " \n"}]}, "messages"),
    Fault({"messages": ["hello"]}, "messages[0]"),
    Fault({"messages": [{"content": "hello"}]}, "messages[0].role"),
    Fault({"messages": [*HELLO, {"role": "User", "content": "a"}]}, "messages[1].role"),
    Fault({"messages": [{"role": ["user"], "content": "a"}]}, "messages[0].role"),
    Fault(said(5), "messages[1].content"),
    Fault(said({"type": "hologram"}), "messages[1].content"),
    Fault(said(["a", 5]), "messages[1].content[1]"),
    Fault(said([{"text": 5}]), "messages[1].content[0]"),
    Fault(said([{}]), "messages[1].content[0]"),
    Fault(said([{"type": "hologram"}]), "messages[1].content[0]"),
    Fault(said([{"type": "text", "words": "a"}]), "messages[1].content[0]"),
    Fault(said([{"type": "text", "text": ["a", 5]}]), "messages[1].content[0]"),
    Fault(said([{"type": "text", "text": "a", "image_url": {"url": "https://example.com/a.png"}}]), "messages[1].content[0]"),
    Fault(said([{"type": "thinking", "thinking": "a"}]), "messages[1].content[0]", AttachmentRefused),
    Fault(said([{"type": "image", "image": "a picture of a cat!"}]), "messages[1].content[0]", AttachmentRefused),
    Fault({"messages": [{"role": "user", "content": "a", "images": [{"url": ""}]}]}, "messages[0].images[0]", AttachmentRefused),
    Fault({"messages": {"role": "user", "content": "a"}}, "messages"),
    Fault({"messages": None, "input": "a"}, "messages"),
    Fault(said(["a", {"type": "image_url", "image_url": {"detail": "high"}}]), "messages[1].content[1]", AttachmentRefused),
    Fault(said([{"type": "input_audio", "input_audio": {}}]), "messages[1].content[0]", AttachmentRefused),
    Fault(said([{"type": "file", "file": {}}]), "messages[1].content[0]", AttachmentRefused),
    Fault({"stream": "yes"}, "stream"),
    Fault({"stream": 2}, "stream"),
    Fault({"stream": []}, "stream"),
    Fault({"stream_options": [1]}, "stream_options"),
    Fault({"stream_options": True}, "stream_options"),
    Fault({"stream_options": {"include_usage": "maybe"}}, "stream_options.include_usage"),
    Fault({"web_search_options": "yes"}, "web_search_options"),
    Fault({"n": 5}, "n"),
    Fault({"n": 0}, "n"),
    Fault({"n": True}, "n"),
    Fault({"n": "5"}, "n"),
    Fault({"n": 1.5}, "n"),
    *(Fault({"tool_choice": choice}, "tool_choice") for choice in FORCING),
    Fault({"tool_choice": 5}, "tool_choice"),
    Fault({"tool_choice": "sometimes"}, "tool_choice"),
    Fault({"function_call": {"name": "f"}}, "function_call"),
    Fault({"tools": [FUNCTION], "tool_choice": named("g")}, "tool_choice"),
    Fault({"tools": [{"type": "web_search"}], "tool_choice": "required"}, "tool_choice"),
    Fault({"tools": [{"type": "function"}]}, "tools[0].name"),
    Fault({"tools": [FUNCTION, named("a b")]}, "tools[1].function.name"),
    Fault({"tools": {"a": 1}}, "tools"),
    Fault({"tools": [5]}, "tools[0]"),
    Fault({"tools": [FUNCTION], "parallel_tool_calls": 5}, "parallel_tool_calls"),
    Fault({"functions": [{"name": ""}]}, "functions[0].name"),
    Fault({"functions": [LEGACY], "function_call": {"name": "g"}}, "function_call"),
    Fault({"stop": list("abcde")}, "stop"),
    Fault({"stop": 5}, "stop"),
    Fault({"max_tokens": 0}, "max_tokens"),
    Fault({"max_completion_tokens": -1, "max_tokens": 5}, "max_completion_tokens"),
    Fault({"response_format": {"type": "xml"}}, "response_format.type"),
    Fault({"response_format": {"type": "json_schema", "json_schema": {"schema": {"$ref": "#/x"}}}}, "response_format.json_schema.schema"),
    Fault({"modalities": ["text", "audio"]}, "modalities"),
    Fault({"modalities": "audio"}, "modalities"),
    Fault({"audio": {"voice": "x", "format": "wav"}}, "audio"),
    Fault({"logprobs": True}, "logprobs"),
    Fault({"top_logprobs": 2}, "top_logprobs"),
]  # fmt: skip


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: json.dumps(case.fields)[:60])
def test_a_fault_is_named_by_its_path(case: Fault) -> None:
    """400 with the field in ``param``, and in the message too."""
    with pytest.raises(GrokApiError) as caught:
        parsed(**case.fields)
    error = caught.value
    assert (type(error), error.status, error.param) == (case.leaf, 400, case.param)
    assert "schema" in error.message or case.param.split(".")[-1].split("[")[0] in error.message


UNHASHABLE = {"role": "user", "content": [{"type": ["text"], "text": "a"}]}


def test_a_part_with_a_type_that_is_no_string_is_a_fault() -> None:
    """A list or an object there is the request's fault, not ours."""
    with pytest.raises(InvalidRequest) as caught:
        parsed(messages=[UNHASHABLE])
    assert caught.value.param == "messages[0].content[0]"


@pytest.mark.parametrize("body", [b"", b"{", b"model=m", b"{}{}"])
def test_what_is_no_json_says_so(body: bytes) -> None:
    """Nothing is guessed from it."""
    with pytest.raises(InvalidRequest, match="not valid JSON"):
        parse_chat_request(body)


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"x"'])
def test_what_is_no_object_says_so(body: bytes) -> None:
    """A list of messages is no request."""
    with pytest.raises(InvalidRequest, match="JSON object"):
        parse_chat_request(body)


def test_half_an_emoji_does_not_lose_the_message() -> None:
    """JavaScript clients cut strings between surrogates."""
    request = parse_chat_request(b'{"model":"m","messages":[{"role":"user","content":"a\\ud83d"}]}')
    assert request.messages == (Message("user", "a\ufffd"),)


@settings(deadline=None, max_examples=80)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                *("model", "messages", "stream", "stream_options", "n", "tool_choice", "x"),
                *("tools", "functions", "function_call", "stop", "max_tokens", "response_format"),
            ]
        ),
        json_values,
    )
)
def test_any_json_is_a_request_or_a_fault_of_it(fields: dict[str, Any]) -> None:
    """Never another exception, and what is taken can be encoded."""
    try:
        request = parsed(**fields)
    except (InvalidRequest, AttachmentRefused):
        return
    assert request.messages
    assert all(message.text.encode() is not None for message in request.messages)
    assert all(name.isascii() for name in request.ignored)


_PART = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["text", "refusal", "image_url"]) | json_values,
        "text": json_values,
    },
)
_MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["user", "assistant", "function"]) | json_values,
        "content": json_values | st.lists(_PART, max_size=2),
        "tool_calls": json_values | st.lists(st.fixed_dictionaries({"function": json_values | st.fixed_dictionaries({"name": json_values, "arguments": json_values})}), max_size=2),
    },
)  # fmt: skip


@settings(deadline=None, max_examples=80)
@given(st.lists(_MESSAGE, max_size=3))
@example([UNHASHABLE])
def test_any_messages_are_messages_or_a_fault_with_its_path(messages: list[Any]) -> None:
    """The path always begins at ``messages``."""
    param: str | None = "messages"
    try:
        assert len(parsed(messages=messages).messages) >= len(messages)
    except (InvalidRequest, AttachmentRefused) as error:
        param = error.param
    assert (param or "").startswith("messages")


def test_deeply_nested_arguments_are_no_exception_of_another_family() -> None:
    """What orjson reads (1024 levels) must be written again, or be the request's fault."""
    deep = b"[" * 1015 + b"]" * 1015
    call = b'{"function":{"name":"f","arguments":' + deep + b"}}"
    body = b'{"model":"m","messages":[{"role":"user","content":"a","tool_calls":[' + call + b"]}]}"
    with contextlib.suppress(InvalidRequest):
        parse_chat_request(body)
