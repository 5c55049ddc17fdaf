"""Items of ``input`` as turns."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import GrokApiError
from grokcore.protocol.conversation.messages import Call, Message
from grokcore.protocol.dialects.openai_responses.input_items import (
    Transcript,
    is_reference,
    parse_input,
    tools_in,
)

from ...strategies import json_objects

PIXEL = "data:image/png;base64,iVBORw0KGgo="


@frozen
class Case:
    """Items, the turns that they are, and the names of what was dropped."""

    name: str
    items: list[dict[str, Any]]
    turns: list[Message]
    dropped: frozenset[str] = frozenset()


def call(**fields: Any) -> dict[str, Any]:
    """A function call."""
    return {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", **fields}


CASES = [
    Case(
        "messages without a type keep their order",
        [
            {"role": "developer", "content": "A"},
            {"role": "user", "content": [{"type": "input_text", "text": "B"}]},
            {
                "role": "assistant",
                "id": "msg_1",
                "content": [{"type": "output_text", "text": "C", "annotations": []}],
            },
            {"role": "system", "content": [{"type": "text", "text": "D"}]},
        ],
        [
            Message("developer", "A"),
            Message("user", "B"),
            Message("assistant", "C"),
            Message("system", "D"),
        ],
    ),
    Case(
        "a refusal is the assistant's text",
        [{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
        [Message("assistant", "No.")],
    ),
    Case(
        "parallel calls are one turn, and results have their names",
        [
            {"role": "assistant", "content": "Let me see."},
            call(),
            call(call_id="c2", name="g", namespace="ns", arguments='{"a":1}'),
            {"type": "function_call_output", "call_id": "c2", "output": "two"},
            {"type": "function_call_output", "call_id": "c1", "output": "one"},
        ],
        [
            Message(
                "assistant",
                "Let me see.",
                calls=(Call("c1", "f", "{}"), Call("c2", "ns.g", '{"a":1}')),
            ),
            Message("tool", "two", name="ns.g", call_id="c2"),
            Message("tool", "one", name="f", call_id="c1"),
        ],
    ),
    Case(
        "a call's arguments that are no JSON stay as they are",
        [
            {"type": "custom_tool_call", "call_id": "c1", "name": "exec", "input": 'a "b"\n'},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "ok"},
        ],
        [
            Message("assistant", "", calls=(Call("c1", "exec", 'a "b"\n'),)),
            Message("tool", "ok", name="exec", call_id="c1"),
        ],
    ),
    Case(
        "a result of an unknown call, and an empty one",
        [
            {"type": "function_call_output", "call_id": "c9", "output": "x"},
            {"type": "function_call_output", "output": None},
        ],
        [Message("tool", "x", call_id="c9"), Message("tool", "")],
    ),
    Case(
        "keys of a call that are not read",
        [call(extra="x", status="completed", id="fc_1")],
        [Message("assistant", "", calls=(Call("c1", "f", "{}"),))],
        frozenset({"input.function_call.extra"}),
    ),
    Case(
        "calls and results in the form of chat completions",
        [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": "{}"}}, 5],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
        ],
        [
            Message("assistant", "", calls=(Call("c1", "f", "{}"),)),
            Message("tool", "one", name="f", call_id="c1"),
        ],
    ),
    Case(
        "OpenAI's own tools are lines of text",
        [
            {"type": "local_shell_call", "call_id": "s1", "action": {"command": ["ls"]}},
            {"type": "local_shell_call_output", "call_id": "s1", "output": "a.py"},
            {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "x"}},
            call(),
            {"type": "image_generation_call", "id": "ig_1", "result": "iVBORw0KGgo="},
        ],
        [
            Message("assistant", '[called local_shell (s1) with {"action": {"command": ["ls"]}}]'),
            Message("tool", "a.py", name="local_shell", call_id="s1"),
            Message(
                "assistant",
                '[called web_search with {"action": {"type": "search", "query": "x"}}]',
                calls=(Call("c1", "f", "{}"),),
            ),
            Message("assistant", "[called image_generation with {}]"),
        ],
    ),
    Case(
        "unknown items, reasoning and references leave no turn",
        [
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
            {"type": "compaction", "encrypted_content": "x"},
            {"type": "program_result"},
            {"type": "item_reference", "id": "msg_1"},
            {"id": "msg_2"},
            {"type": "additional_tools", "role": "developer", "tools": []},
        ],
        [],
        frozenset({"input.reasoning", "input.compaction", "input.program_result"}),
    ),
    Case(
        "parts that stand as items are the user's",
        [{"type": "input_text", "text": "hi"}],
        [Message("user", "hi")],
    ),
    Case(
        "parts of a result: nested results, calls and unknown types",
        [
            {
                "type": "function_call_output",
                "call_id": "c1",
                "output": [
                    {"type": "input_text", "text": "a"},
                    {"type": "tool_result", "content": "b"},
                    {"type": "tool_use", "id": "t", "name": "g", "input": {}},
                    {"type": "reasoning_text", "text": "c"},
                ],
            }
        ],
        [Message("tool", "a\nb\n[called g (t) with {}]", call_id="c1")],
        frozenset({"parts.reasoning_text"}),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_items_are_turns(case: Case) -> None:
    """Grok sees the conversation as it was."""
    assert parse_input(case.items) == Transcript(tuple(case.turns), case.dropped)


def test_pictures_of_a_result_are_attachments() -> None:
    """Codex shows pictures so (its tool view_image), and the model has to see them."""
    parts = [{"type": "input_text", "text": "seen"}, {"type": "input_image", "image_url": PIXEL}]
    item = {"type": "function_call_output", "call_id": "c1", "output": parts}
    [turn] = parse_input([call(), item]).messages[1:]
    [picture] = turn.attachments
    assert (turn.text, picture.picture, picture.url) == ("seen", True, PIXEL)
    assert picture.path == "input[1].output[1]"


def test_pictures_within_nested_results_are_attachments_too() -> None:
    """Whatever depth a client has them in."""
    inner = {"type": "tool_result", "content": [{"type": "input_image", "image_url": PIXEL}]}
    item = {"type": "function_call_output", "call_id": "c1", "output": [inner]}
    [turn] = parse_input([item]).messages
    assert [picture.url for picture in turn.attachments] == [PIXEL]


def test_only_the_last_message_of_the_user_is_read_strictly() -> None:
    """Clients send their history again with every request: a refusal would end the conversation."""
    bad = {"role": "user", "content": [{"type": "input_image", "file_id": "file_1"}]}
    good = {"role": "user", "content": "hi"}
    result = {"type": "function_call_output", "call_id": "c1", "output": [bad["content"]]}
    assert len(parse_input([bad, good, result]).messages) == 3
    with pytest.raises(GrokApiError):
        parse_input([good, bad, result])


def test_earlier_items_precede_and_have_paths_of_their_own() -> None:
    """Pictures are told apart by their paths."""
    picture = {"role": "user", "content": [{"type": "input_image", "image_url": PIXEL}]}
    turns = parse_input([picture], [picture]).messages
    paths = [turn.attachments[0].path for turn in turns]
    assert paths == ["previous[0].content[0]", "input[0].content[0]"]


def test_tools_among_the_items_are_found() -> None:
    """Codex declares them so for models that it knows by name."""
    tool = {"type": "function", "name": "f"}
    items: list[dict[str, Any]] = [
        {"role": "user", "content": "hi"},
        {"type": "additional_tools", "role": "developer", "tools": [tool]},
        {"type": "additional_tools"},
    ]
    assert list(tools_in(items)) == [("input[1].tools[0]", tool)]


@pytest.mark.parametrize(
    ("item", "reference"),
    [
        ({"type": "item_reference", "id": "msg_1"}, True),
        ({"type": None, "id": "msg_1"}, True),
        ({"id": "msg_1"}, True),
        ({"id": "msg_1", "role": "user"}, False),
        ({"id": "msg_1", "content": "x", "status": "y"}, False),
        ({"type": "message", "id": "msg_1"}, False),
    ],
)
def test_references_are_told_from_messages(item: dict[str, Any], reference: bool) -> None:
    """A type is optional for both."""
    assert is_reference(item) is reference


@given(
    st.lists(json_objects | st.sampled_from([call(), call(name=5), CASES[7].items[0]]), max_size=3)
)
@settings(deadline=None, max_examples=100)
def test_any_items_are_read_or_refused(items: list[dict[str, Any]]) -> None:
    """A bug in the reader would be a 500."""
    with contextlib.suppress(GrokApiError):
        parse_input([*items, {"role": "user", "content": items}])
