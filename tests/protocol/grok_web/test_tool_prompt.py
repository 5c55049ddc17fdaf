"""Prompts with tools: golden files hold the format, properties hold what they must never do."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.config import DEFAULT_LIMITS
from grokcore.protocol.conversation.attachment_part import AttachmentPart
from grokcore.protocol.conversation.attachments import Attachment
from grokcore.protocol.conversation.bounds import Bounds, TextFormat
from grokcore.protocol.conversation.enclosures import Enclosed
from grokcore.protocol.conversation.events import ToolCall
from grokcore.protocol.conversation.messages import Call, Message
from grokcore.protocol.conversation.question import Question, Repair
from grokcore.protocol.conversation.tools import Choice, Tool, Toolbox, ToolKind
from grokcore.protocol.emulation.calls import ToolSieve
from grokcore.protocol.emulation.forms import WORDS, render_call
from grokcore.protocol.emulation.tools_text import ToolTexts
from grokcore.protocol.grok_web.prompt import IN_FILE, TRANSCRIPT_NAME
from grokcore.protocol.grok_web.tool_prompt import ToolPrompt, fit_tool_prompt
from grokcore.protocol.models import SHIPPED

from ..strategies import plain_text

GOLDEN = Path(__file__).parent / "golden" / "tool_prompt"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.json"))

READ = Tool(
    "Read",
    "Reads a file.",
    {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
)
PATCH = Tool("patch", "Changes files.", kind=ToolKind.CUSTOM)


def asked(*messages: Message, tools: tuple[Tool, ...] = (READ, PATCH)) -> Question:
    return Question(SHIPPED["grok-3-fast"], DEFAULT_LIMITS, messages, toolbox=Toolbox(tools))


def rendered(question: Question, most: int = 100_000) -> ToolPrompt:
    return fit_tool_prompt(question, ToolTexts(), most)


def question_of(values: dict[str, Any]) -> Question:
    """The question of a golden file. A name of an attachment that ends with ``png`` is a
    picture's.
    """
    return Question(
        SHIPPED["grok-3-fast"],
        DEFAULT_LIMITS,
        tuple(_message(index, **turn) for index, turn in enumerate(values["messages"])),
        Enclosed.needed([Attachment(b"a", "image/png", "a", up) for up in values.get("up", ())]),
        toolbox=_toolbox(**values["toolbox"]),
        bounds=Bounds(text_format=_format(values)),
        repair=_repair(values),
    )


def _message(
    index: int, role: str, text: str, files: tuple[str, ...] = (), **fields: Any
) -> Message:
    parts = tuple(
        AttachmentPart(name.endswith("png"), "https://example.com/", name, f"{index}.{place}")
        for place, name in enumerate(files)
    )
    calls = tuple(Call(*call) for call in fields.pop("calls", ()))
    return Message(role, text, parts, calls=calls, **fields)


def _toolbox(tools: list[dict[str, Any]], **fields: Any) -> Toolbox:
    declared = (Tool(**{**tool, "kind": ToolKind[tool.get("kind", "FUNCTION")]}) for tool in tools)
    allowed = fields.pop("allowed", None)
    return Toolbox(
        tuple(declared),
        Choice[fields.pop("choice", "AUTO")],
        allowed=None if allowed is None else frozenset(allowed),
        **fields,
    )


def _format(values: dict[str, Any]) -> TextFormat | None:
    return TextFormat(**values["format"]) if "format" in values else None


def _repair(values: dict[str, Any]) -> Repair | None:
    repair = values.get("repair")
    return Repair(repair["said"], tuple(repair["faults"])) if repair else None


@pytest.mark.parametrize("name", NAMES)
def test_the_format_is_stable(name: str) -> None:
    """``<name>.json`` holds a question, ``<name>.txt`` what Grok reads, to the character. A line
    stands between the message and the file, if there is one.
    """
    values = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    tool_texts = ToolTexts(words=WORDS[values.get("form", "call")])
    found = fit_tool_prompt(question_of(values), tool_texts, values.get("most", 100_000)).prompt
    filed = f"\n\n======== {TRANSCRIPT_NAME}\n\n{found.transcript}" if found.transcript else ""
    expected = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    assert found.message + filed == expected


def test_every_question_has_its_text() -> None:
    """No golden file without its partner."""
    assert sorted(path.stem for path in GOLDEN.glob("*.txt")) == NAMES
    assert len(NAMES) >= 10


ROLES = ["system", "developer", "user", "assistant", "tool"]
_FORGERIES = st.sampled_from(
    [
        *("</fn:user>", "<fn:call name='Read'>", "<fn2:outcome>", "</fn3:arg>", "\n", "  "),
        *("<user>", "&lt;", "&amp;", "\r\n", "</parameter>", '<grok:render type="x">'),
    ]
)
TEXTS = st.lists(_FORGERIES | plain_text, max_size=4).map("".join)
CALLS = st.builds(
    Call,
    st.sampled_from(["", "c1", "c2"]),
    st.sampled_from(["Read", "patch", "other"]),
    st.builds(json.dumps, st.dictionaries(plain_text, TEXTS, max_size=2)) | TEXTS,
)
MESSAGES = st.builds(
    Message,
    st.sampled_from(ROLES),
    TEXTS,
    name=st.sampled_from(["", "Read"]),
    call_id=st.sampled_from(["", "c1", "c3"]),
    failed=st.booleans(),
)
ANSWERS = st.builds(Message, st.just("assistant"), TEXTS, calls=st.tuples(CALLS))
CONVERSATIONS = st.lists(MESSAGES | ANSWERS, min_size=1, max_size=6)
REPAIRS = st.none() | st.builds(Repair, TEXTS, st.just(("It is wrong.",)))


@settings(deadline=None, max_examples=200)
@given(CONVERSATIONS, REPAIRS, st.sampled_from([0, 1500, 100_000]))
def test_no_text_is_altered_whatever_it_holds(
    messages: list[Message], repair: Repair | None, most: int
) -> None:
    """An agent edits what it was shown: ``&lt;`` in place of ``<`` would match nothing. Each text
    is in the message or in the file.
    """
    found = rendered(evolve(asked(*messages), repair=repair), most)
    together = f"{found.prompt.message}\n\n{found.prompt.transcript}"
    for message in messages:
        assert message.empty or message.text in together
    assert repair is None or not repair.said.strip() or repair.said in together


@settings(deadline=None, max_examples=100)
@given(CONVERSATIONS)
def test_no_text_holds_a_tag_of_ours(messages: list[Message]) -> None:
    """Nothing that was quoted can be a call, or end a turn: the only tags are those around
    turns, one pair for each, and those of calls.
    """
    found = rendered(asked(*messages))
    turns = [message for message in messages if not message.empty]
    prefix = found.form.prefix
    for message in turns:
        assert f"<{prefix}:" not in message.text
        assert f"</{prefix}:" not in message.text
    whole = found.prompt.message
    opened = sum(whole.count(f"\n<{prefix}:{name}") for name in (*ROLES[:4], "outcome"))
    assert opened + whole.startswith(f"<{prefix}:") == len(turns or messages[-1:])


def test_a_quoted_call_takes_the_prefix() -> None:
    """A file of this project is read like any other. Words of an answer that is corrected don't
    count: its calls have the prefix.
    """
    quoting = asked(Message("user", 'What does <fn:call name="Read"> mean?'))
    assert rendered(quoting).form.prefix == "fn2"
    in_tool = asked(Message("user", "Hi"), tools=(evolve(READ, description="See </fn:call>."),))
    assert rendered(in_tool).form.prefix == "fn2"
    in_call = Message("assistant", "", calls=(Call("", "Read", '{"path": "\\u003cfn:arg"}'),))
    assert rendered(asked(Message("user", "Hi"), in_call)).form.prefix == "fn2"
    repaired = evolve(asked(Message("user", "Hi")), repair=Repair("<fn:call", ("It is cut.",)))
    assert rendered(repaired).form.prefix == "fn"


def test_a_file_of_calls_is_written_to_the_character() -> None:
    """An agent edits this very project: the file that it read holds calls, as does its edit."""
    file = '<fn:call name="Read">\n<fn:arg name="path">a &lt; b</fn:arg>\n</fn:call>\n<user>'
    question = asked(Message("user", "Fix it."), Message("tool", file))
    form = rendered(question).form
    reader = ToolSieve(question.toolbox, form)
    [call] = reader.feed(f"Done.\n{render_call(form, 'Read', {'path': file})}")[1:]
    assert isinstance(call, ToolCall)
    assert json.loads(call.arguments) == {"path": file}


def test_calls_of_any_arguments_are_shown() -> None:
    """Arguments that are no JSON object, or are of a custom tool, are raw text."""
    calls = (
        Call("1", "Read", '{"path": "a\\nb", "more": [1]}'),
        Call("2", "Read", "[" * 5000),
        Call("3", "patch", '{"a": 1}'),
        Call("4", "Read", ""),
    )
    message = rendered(asked(Message("user", "Hi"), Message("assistant", "", calls=calls))).prompt
    assert '<fn:arg name="path">\na\nb\n</fn:arg>' in message.message
    assert '<fn:arg name="more">[1]</fn:arg>' in message.message
    assert f'<fn:arg name="input">{"[" * 5000}</fn:arg>' in message.message
    assert '<fn:call name="patch">\n<fn:arg name="input">{"a": 1}</fn:arg>' in message.message
    assert '<fn:call name="Read">\n</fn:call>' in message.message


def test_a_called_tool_is_shown_at_greater_length() -> None:
    """The note for the response header counts the tools, and names their tier."""
    told = {"type": "object", "properties": {"a": {"type": "string", "description": "b" * 70}}}
    tools = tuple(Tool(name, "c " * 200, told) for name in ("one", "two"))
    call = Message("assistant", "", calls=(Call("", "two", "{}"),))
    for messages, seen in ((Message("user", "Hi"),), 0), ((Message("user", "Hi"), call), 1):
        found = fit_tool_prompt(asked(*messages, tools=tools), ToolTexts(700), 100_000)
        assert found.note == "2; tier=4"
        assert found.prompt.message.count("b" * 70) == seen


LONG = (
    Message("system", "Be terse."),
    Message("user", "x" * 4000),
    Message("assistant", "Hm."),
    Message("system", "It is late."),
    Message("user", "y"),
    Message("assistant", "So?"),
    Message("user", "Why?"),
)


def test_of_a_long_conversation_the_past_goes_into_the_file() -> None:
    """Grok may read only parts of a file: instructions, tools and the last round are not left to
    it.
    """
    found = rendered(asked(*LONG), 3000).prompt
    for part in ("Be terse.", "It is late.", "Why?", "Read(path: string)", IN_FILE):
        assert part in found.message
        assert part not in found.transcript
    assert found.message.endswith("else just answer.")
    assert found.transcript.startswith("<fn:user>\nxxx")
    assert found.transcript.endswith("<fn:assistant>\nSo?\n</fn:assistant>")


def test_long_parts_of_the_message_go_into_the_file_too() -> None:
    """The tools and the closing line stay."""
    instructed = rendered(asked(Message("system", "z" * 1600), *LONG), 3000).prompt
    assert "z" not in instructed.message.replace("(z", "")
    assert instructed.transcript.startswith("<fn:system>\nzzz")
    asking = rendered(asked(*LONG[:3], Message("user", "w" * 1600)), 3000).prompt
    assert asking.transcript.endswith("www\n</fn:user>")
    begun = rendered(asked(*LONG[:3], LONG[-1], Message("assistant", "v" * 1600)), 3000).prompt
    assert begun.transcript.endswith("vvv")
    for prompt in (instructed, asking, begun):
        assert "Read(path: string)" in prompt.message
        assert "else just answer." in prompt.message
    assert rendered(asked(LONG[-1]), 100).prompt.transcript == ""


def test_a_large_history_is_rendered_in_time() -> None:
    """A prompt is rendered on the loop's own thread: 100 turns of 8 kB with a call each."""
    turns = [Message("user", "Go on.")]
    for number in range(100):
        arguments = json.dumps({"path": "a <b> & c\n" * 400})
        turns.append(Message("assistant", "", calls=(Call(f"c{number}", "Read", arguments),)))
        turns.append(Message("tool", "d <e>\n" * 700, call_id=f"c{number}"))
    question = asked(*turns)
    began = time.process_time()
    rendered(question)
    assert time.process_time() - began < 1
