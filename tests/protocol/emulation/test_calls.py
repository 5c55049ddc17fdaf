"""Calls of the client's tools: the tool that is meant, its arguments, and faults."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grokcore.errors import ToolCallFailed
from grokcore.protocol.conversation.events import ToolCall
from grokcore.protocol.conversation.question import Repair
from grokcore.protocol.conversation.tools import Choice, Tool, Toolbox, ToolKind
from grokcore.protocol.emulation.calls import (
    MOST_HELD_CHARS,
    MOST_JSON_CHARS,
    MOST_SAID_CHARS,
    ToolSieve,
)
from grokcore.protocol.emulation.forms import WORDS, CallForm, render_call

from ..strategies import chunked, cut_everywhere, json_values
from .written_answers import ANSWERS, LS, TOOLS, WrittenAnswer, call

AUTO = Toolbox(TOOLS)
REQUIRED = Toolbox(TOOLS, Choice.REQUIRED)
ONLY_BASH = Toolbox(TOOLS, Choice.REQUIRED, only="Bash")
NOW = call("now")


def read(sieve: ToolSieve, cut: Sequence[str], thinking: str = "") -> tuple[str, list[ToolCall]]:
    """The text and the calls of an answer. No text follows a call."""
    taken = [piece for text in cut for piece in sieve.feed(text)] + sieve.close(thinking)
    texts = [piece for piece in taken if isinstance(piece, str)]
    assert taken[: len(texts)] == texts
    return "".join(texts), [piece for piece in taken if isinstance(piece, ToolCall)]


def meaning(called: ToolCall) -> tuple[str, Any]:
    name = f"{called.namespace}.{called.name}" if called.namespace else called.name
    raw = called.kind is ToolKind.CUSTOM
    return name, called.arguments if raw else json.loads(called.arguments)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.name)
@pytest.mark.parametrize("in_pieces", [False, True])
def test_an_answer_is_understood(answer: WrittenAnswer, in_pieces: bool) -> None:
    """An agent goes on only if its model's calls reach it, whole and unchanged, and nothing else
    does.
    """
    sieve = ToolSieve(AUTO, CallForm())
    text, calls = read(sieve, cut_everywhere(answer.text) if in_pieces else [answer.text])
    assert (text, tuple(map(meaning, calls))) == (answer.shown, answer.calls)
    assert [called.index for called in calls] == list(range(len(calls)))
    unusable = sieve.unusable()
    assert (len(unusable.faults) if unusable else 0) == answer.faults


def test_arguments_are_compact_json_in_the_order_of_the_model() -> None:
    """Clients show them, and compare them; Chinese must not grow to escapes."""
    text = call("Bash", "timeout", "5", "command", "ls 世界\ud83d", "extra", "[1, 2]")
    _, calls = read(ToolSieve(AUTO, CallForm()), [text])
    assert calls == [ToolCall(0, "Bash", '{"timeout":5,"command":"ls 世界\ufffd","extra":[1,2]}')]


def test_no_arguments_are_an_empty_object() -> None:
    """Test 38: an empty string is no JSON, and fails in clients."""
    _, calls = read(ToolSieve(AUTO, CallForm()), [NOW])
    assert calls == [ToolCall(0, "now", "{}")]


def test_one_call_is_all_if_the_client_takes_one() -> None:
    """Test 37: parallel_tool_calls false."""
    sieve = ToolSieve(evolve(AUTO, parallel=False), CallForm())
    taken = sieve.feed(f"{LS}\n{NOW}{LS[:30]}")
    assert [type(piece) for piece in taken] == [ToolCall]
    assert sieve.cut
    assert sieve.called
    assert sieve.feed(NOW) == []
    assert sieve.close() == []
    assert sieve.unusable() is None


def test_one_call_is_all_in_a_code_block_too() -> None:
    """Test 37: those calls come at the end, together."""
    sieve = ToolSieve(evolve(AUTO, parallel=False), CallForm())
    _, calls = read(sieve, [f"```\n{LS}\n{NOW}\n```"])
    assert len(calls) == 1


@pytest.mark.parametrize(
    "text",
    [
        '<xai:function_call name="now"></xai:function_call>',
        '<invoke name="now">\n</invoke>\n',
        '<tool_call>{"name": "now", "arguments": {}}</tool_call>',
        f"```\n{NOW}\n```",
    ],
)
def test_an_answer_that_ends_in_kept_calls_has_called(text: str) -> None:
    """Calls that are certain only at the end are calls. An agent that reads the end ``stop`` leaves
    them out, and its task stops there.
    """
    sieve = ToolSieve(AUTO, CallForm())
    _, calls = read(sieve, ["So:\n", text])
    assert len(calls) == 1
    assert sieve.called


WRONG_TYPE = call("Bash", "command", "ls", "timeout", "soon")


def test_arguments_that_break_the_schema_go_to_the_client() -> None:
    """Test 35: agents hand the model an error, and no question is lost."""
    sieve = ToolSieve(AUTO, CallForm())
    assert read(sieve, [WRONG_TYPE])[1] == [
        ToolCall(0, "Bash", '{"command":"ls","timeout":"soon"}')
    ]
    assert sieve.unusable() is None


STRICT = Toolbox(tuple(evolve(tool, strict=True) for tool in TOOLS))


@pytest.mark.parametrize("toolbox", [REQUIRED, ONLY_BASH, STRICT])
def test_a_forced_call_fits_its_schema(toolbox: Toolbox) -> None:
    """Test 35: libraries that force a call parse its arguments without a second look."""
    sieve = ToolSieve(toolbox, CallForm())
    assert read(sieve, [WRONG_TYPE]) == ("", [])
    unusable = sieve.unusable()
    assert unusable is not None
    assert unusable.said == WRONG_TYPE
    assert len(unusable.faults) == 1
    assert unusable.faults[0].startswith("Bash: ")


def test_a_fault_says_what_is_wrong_without_the_call() -> None:
    """Test 34: the error goes to users, the faults beside the answer to Grok."""
    sieve = ToolSieve(AUTO, CallForm())
    assert read(sieve, ["Look: " + call("rm", "secret", "x") + LS[:40]])[1] == []
    unusable = sieve.unusable()
    assert unusable is not None
    assert unusable.faults == (
        "There is no function rm; there are: Bash, Write, Edit, now, agents.spawn_agent, exec.",
        "The element for Bash was cut off before its end.",
    )
    assert isinstance(unusable.error, ToolCallFailed)
    assert "<" not in str(unusable.error)
    assert "secret" not in str(unusable.error)


def test_five_faults_are_enough() -> None:
    """More would only lengthen the question."""
    sieve = ToolSieve(AUTO, CallForm())
    read(sieve, [call("rm") * 9])
    unusable = sieve.unusable()
    assert unusable is not None
    assert len(unusable.faults) == 5


def test_only_the_beginning_of_a_long_answer_is_kept() -> None:
    """The next question holds the answer, and has a longest length too."""
    sieve = ToolSieve(AUTO, CallForm())
    read(sieve, [call("rm", "a", "x" * MOST_SAID_CHARS), "more"])
    unusable = sieve.unusable()
    assert unusable is not None
    assert len(unusable.said) == MOST_SAID_CHARS


@frozen
class Forced:
    """An answer to a question that requires a call."""

    name: str
    text: str
    shown: str = ""
    calls: tuple[str, ...] = ()
    toolbox: Toolbox = ONLY_BASH


ARGUMENTS = '{"command": "ls"}'

FORCED = [
    Forced("a call behind text", f"Look: {LS}", "Look: ", ("Bash",)),
    Forced("test 36: words", "I can't do that."),
    Forced("nothing", " "),
    Forced("a call of another", NOW),
    Forced("the arguments alone", f" {ARGUMENTS}\n", "", ("Bash",)),
    Forced("in a code block", f"```json\n{ARGUMENTS}\n```", "", ("Bash",)),
    Forced("with the name", f'{{"name": "Bash", "arguments": {ARGUMENTS}}}', "", ("Bash",)),
    Forced("with another name", f'{{"name": "rm", "arguments": {ARGUMENTS}}}', "", ("Bash",)),
    Forced("arguments that don't fit", '{"command": 5}'),
    Forced("a list", "```\n[1]\n```"),
    Forced("JSON that is cut", '{"command": "l}'),
    Forced("arguments of several tools", ARGUMENTS, toolbox=REQUIRED),
    Forced(
        "with the name of one of several",
        f'{{"name": "Bash", "arguments": {ARGUMENTS}}}',
        "",
        ("Bash",),
        REQUIRED,
    ),
    Forced("of an unknown one", f'{{"name": "rm", "arguments": {ARGUMENTS}}}', toolbox=REQUIRED),
    Forced("words around", f"So: {ARGUMENTS}"),
    Forced(
        "of a custom tool", '{"input": "ls"}', toolbox=Toolbox(TOOLS, Choice.REQUIRED, only="exec")
    ),
    Forced("long text", "x" * (MOST_HELD_CHARS + 1), "x" * (MOST_HELD_CHARS + 1)),
    Forced("long text and a call", "x" * 9000 + LS, "x" * 9000, ("Bash",)),
    Forced("long JSON", json.dumps({"command": "x" * 9000}), "", ("Bash",)),
    Forced("longest JSON", "{" + "x" * MOST_JSON_CHARS, "{" + "x" * MOST_JSON_CHARS),
    Forced("a list of tools", LS, toolbox=Toolbox(TOOLS, allowed=frozenset({"now"}))),
    Forced("one of the list", NOW, "", ("now",), Toolbox(TOOLS, allowed=frozenset({"now"}))),
]


@pytest.mark.parametrize("case", FORCED, ids=lambda case: case.name)
def test_a_forced_call_is_found_or_missed(case: Forced) -> None:
    """Test 36: a client that forces a call can't use words. They are kept, until a call comes."""
    sieve = ToolSieve(case.toolbox, CallForm())
    text, calls = read(sieve, [case.text[:10], case.text[10:]])
    assert (text, tuple(called.name for called in calls)) == (case.shown, case.calls)
    assert (sieve.unusable() is None) is bool(case.calls)
    assert sieve.called is bool(case.calls)


def test_kept_text_is_held() -> None:
    """The client's writer shows a sign of life meanwhile."""
    sieve = ToolSieve(ONLY_BASH, CallForm())
    assert not sieve.holding
    assert sieve.feed("Look: ") == []
    assert sieve.holding
    assert not sieve.called


def test_a_missing_call_is_a_fault_that_names_tools() -> None:
    """Test 36: Grok is asked once more."""
    sieve = ToolSieve(ONLY_BASH, CallForm())
    read(sieve, ["No."])
    unusable = sieve.unusable()
    assert unusable is not None
    assert unusable.said == "No."
    assert unusable.faults == ("The answer has to be a call of a function (Bash), and holds none.",)
    assert isinstance(unusable.error, ToolCallFailed)


@frozen
class Thought:
    """An answer that has reasoning."""

    name: str
    thinking: str
    text: str = ""
    calls: tuple[str, ...] = ()
    toolbox: Toolbox = AUTO


THOUGHTS = [
    Thought("a call alone", LS, "", ("Bash",)),
    Thought("behind thoughts, without text", f"I look.\n{LS}\n{NOW}\n", "\n", ("Bash", "now")),
    Thought("only one", LS + NOW, "", ("Bash",), evolve(AUTO, parallel=False)),
    Thought("with a text", LS, "Done."),
    Thought("thoughts behind it", f"{LS}\nNo, better not."),
    Thought("another one behind it", f"{LS}\nNo, better:\n{NOW}", "", ("now",)),
    Thought("not whole", LS[:40]),
    Thought("unknown", call("rm")),
    Thought("in a code block", f"```\n{LS}\n```"),
    Thought("foreign", '<invoke name="now"></invoke>'),
    Thought("none", "I think."),
]


@pytest.mark.parametrize("case", THOUGHTS, ids=lambda case: case.name)
def test_calls_in_thoughts_count_if_they_are_all_there_is(case: Thought) -> None:
    """Some models end their reasoning with the call, and say nothing. A call that they only
    consider must not be made.
    """
    _, calls = read(ToolSieve(case.toolbox, CallForm()), [case.text], case.thinking)
    assert tuple(called.name for called in calls) == case.calls


def repairing(toolbox: Toolbox = AUTO) -> ToolSieve:
    return ToolSieve(toolbox, CallForm(), Repair("said", ("fault",), calls=2))


def test_a_correction_goes_on_behind_the_calls_before() -> None:
    """The client has the words of the first answer already, and its calls."""
    sieve = repairing()
    assert read(sieve, [f"Sorry. {LS}"]) == ("", [ToolCall(2, "Bash", '{"command":"ls"}')])
    assert sieve.unusable() is None


@pytest.mark.parametrize("text", ["Sorry.", call("rm"), LS[:-12]])
def test_a_correction_without_a_call_is_unusable(text: str) -> None:
    """Test 34: the second failure ends the request."""
    sieve = repairing()
    assert read(sieve, [text]) == ("", [])
    assert sieve.unusable() is not None


def test_a_correction_may_be_the_arguments_alone() -> None:
    """The one tool that may be called is meant."""
    sieve = repairing(Toolbox(TOOLS[:1]))
    assert read(sieve, [ARGUMENTS])[1] == [ToolCall(2, "Bash", '{"command":"ls"}')]


def correcting_a_form(calls: int = 0, toolbox: Toolbox = AUTO) -> ToolSieve:
    repair = Repair("said", ("fault",), calls)
    return ToolSieve(toolbox, CallForm(), repair, text_in_form=True)


def test_a_correction_may_be_a_text_in_the_clients_form() -> None:
    """A client that declares tools and a schema gets either; the schema is checked elsewhere. JSON
    that happens to look like arguments is no call.
    """
    for text in (ARGUMENTS, "{}"):
        sieve = correcting_a_form(toolbox=Toolbox(TOOLS[:1]))
        assert read(sieve, [text]) == (text, [])
        assert sieve.unusable() is None
    sieve = correcting_a_form()
    assert [type(piece) for piece in read(sieve, [LS])[1]] == [ToolCall]


def test_a_correction_behind_calls_is_no_text() -> None:
    """Text behind calls is no part of any answer."""
    for sieve in (correcting_a_form(1), correcting_a_form(0, ONLY_BASH)):
        assert read(sieve, ["It is done."]) == ("", [])
        assert sieve.unusable() is not None


@frozen
class Named:
    """A name in a call, and the full name of the tool that is meant; empty if none is."""

    written: str
    meant: str


SERVERS = Toolbox(
    (
        Tool("read", namespace="disk"),
        Tool("read", namespace="web"),
        Tool("mcp__git__log"),
        Tool("Log"),
        Tool("write"),
        Tool("write", namespace="disk"),
        Tool("fetch", namespace="web"),
    )
)

NAMES = [
    Named("disk.read", "disk.read"),
    Named("web__read", "web.read"),
    Named("read", ""),
    Named("READ", ""),
    Named("write", "write"),
    Named("fetch", "web.fetch"),
    Named("functions.web.fetch", "web.fetch"),
    Named("mcp.git.log", "mcp__git__log"),
    Named("log", "Log"),
    Named("other.read", ""),
    Named("other.fetch", "web.fetch"),
]


@pytest.mark.parametrize("case", NAMES, ids=lambda case: case.written)
def test_a_name_means_one_tool(case: Named) -> None:
    """The wrong tool must not run because its name is like the right one's."""
    _, calls = read(ToolSieve(SERVERS, CallForm()), [call(case.written)])
    assert [meaning(called)[0] for called in calls] == ([case.meant] if case.meant else [])


# The round trip -------------------------------------------------------------------------------

TRICKY = [
    "\n", "\r\n", "\r", "\t", "'", '"', "<", ">", "&", "&amp;", "世", "]]>", "</div>", " && ",
    "cat <<'EOF'\n", "</a>", "</fn2:arg>", '<fn2:call name="x">', "x", "<xaiArtifact>",
]  # fmt: skip
STRINGS = st.lists(st.sampled_from(TRICKY) | st.text(max_size=3), max_size=6).map("".join)


@given(st.data(), st.dictionaries(st.sampled_from("abc"), STRINGS), st.sampled_from(sorted(WORDS)))
@example(None, {"a": "a &amp;\n b", "b": "</arg>", "c": "\r"}, "call")
@settings(deadline=None, max_examples=100)
def test_texts_come_back_as_they_were_written(
    data: st.DataObject | None, arguments: dict[str, str], words: str
) -> None:
    """Edits of files fail if one character of them is another; so prompts show texts as they are
    read.
    """
    schema = {"properties": {key: {"type": "string"} for key in "abc"}}
    form = CallForm(words=WORDS[words])
    text = render_call(form, "t", arguments)
    cut = [text] if data is None else data.draw(chunked(text))
    _, (called,) = read(ToolSieve(Toolbox((Tool("t", parameters=schema),)), form), cut)
    assert json.loads(called.arguments) == arguments


@given(STRINGS)
@settings(deadline=None, max_examples=100)
def test_the_text_of_a_custom_tool_comes_back(text: str) -> None:
    """Test 6: Codex runs it as a program."""
    written = render_call(CallForm(), "exec", text)
    _, (called,) = read(ToolSieve(AUTO, CallForm()), [written])
    assert called.arguments == text


@given(json_values.filter(lambda value: not isinstance(value, str)))
@settings(deadline=None, max_examples=100)
def test_values_come_back(value: Any) -> None:
    """Lists and objects in arguments are JSON."""
    kind = {dict: "object", list: "array", bool: "boolean", int: "integer", float: "number"}
    schema = {"properties": {"a": {"type": kind.get(type(value), "null")}}}
    written = render_call(CallForm(), "t", {"a": value})
    _, (called,) = read(ToolSieve(Toolbox((Tool("t", parameters=schema),)), CallForm()), [written])
    assert json.loads(called.arguments) == {"a": value}


def test_an_answer_of_foreign_calls_ends_in_calls() -> None:
    """They are given out at the end only; a client that read "stop" there would run none."""
    sieve = ToolSieve(ONLY_BASH, CallForm())
    native = LS.replace("fn:call", "xai:function_call").replace("fn:arg", "parameter")
    assert sieve.feed(native) == []
    (call,) = sieve.close()
    assert isinstance(call, ToolCall)
    assert sieve.called
