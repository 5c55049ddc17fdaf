"""Bodies: golden files hold their form, properties hold what makes xAI refuse one."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from grokcore.errors import AttachmentRefused, InvalidRequest
from grokcore.protocol.conversation.bounds import Bounds
from grokcore.protocol.conversation.messages import Call, Message
from grokcore.protocol.conversation.question import Question, Task
from grokcore.protocol.conversation.tools import Tool, Toolbox, ToolKind
from grokcore.protocol.models import SHIPPED, LaneName
from grokcore.protocol.official.requests import (
    OfficialRendering,
    render_question,
    request_body,
)
from tests.protocol.messages import message_of

from ..emulation.tool_lists import AGENTS
from ..strategies import plain_text
from .questions import asked, enclosing, made

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.json") if not path.stem.endswith(".sent"))


@pytest.mark.parametrize("name", NAMES)
def test_the_body_is_stable(name: str) -> None:
    """``<name>.json`` describes a question, ``<name>.sent.json`` holds the body, and the names of
    what is left out.
    """
    spec = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    expected = json.loads((GOLDEN / f"{name}.sent.json").read_text(encoding="utf-8"))
    assert sent(spec) == expected


def sent(spec: dict[str, Any]) -> dict[str, Any]:
    lane = LaneName(spec.get("lane", "api"))
    rendering = render_question(
        made(spec), "grok-4.7", lane=lane, reasons=spec.get("reasons", True)
    )
    return {"ignored": sorted(rendering.ignored), "body": body_of(rendering)}


def body_of(rendering: OfficialRendering) -> dict[str, Any]:
    ids = {one.path: f"file-{one.name}" for one in rendering.needs_upload}
    body: dict[str, Any] = orjson.loads(request_body(rendering, file_ids=ids))
    return body


def test_every_question_has_its_body() -> None:
    """No golden file without its partner."""
    assert sorted(path.stem for path in GOLDEN.glob("*.sent.json")) == [
        f"{name}.sent" for name in NAMES
    ]
    assert len(NAMES) >= 15


# Properties -------------------------------------------------------------------------------------

TOOLS = Toolbox(
    (Tool("read"), Tool("find", namespace="mcp"), Tool("patch", kind=ToolKind.CUSTOM)),
)
_NAMES = st.sampled_from(["read", "mcp.find", "patch", "gone", ""])
_IDS = st.sampled_from(["", "c1", "c2", "call_1", "call_2", "not an id", "c" * 65])
_CALLS = st.lists(
    st.builds(
        Call, _IDS, _NAMES, st.sampled_from(["", "{}", '{"a":1}', "[1]", "raw"]) | plain_text
    ),
    max_size=3,
)
_FILES = st.lists(st.sampled_from(["a.png", "b.png", "c.pdf", "d.txt"]), max_size=3)


@st.composite
def conversations(draw: DrawFn) -> Question:
    """Turns of any kind in any order, with any of their attachments sent."""
    messages = []
    for index in range(draw(st.integers(1, 8))):
        role = draw(st.sampled_from(["system", "developer", "user", "assistant", "tool"]))
        turn = message_of(index, role, draw(plain_text), draw(_FILES))
        if role == "assistant":
            turn = evolve(turn, calls=tuple(draw(_CALLS)))
        if role == "tool":
            turn = evolve(turn, call_id=draw(_IDS), name=draw(_NAMES), failed=draw(st.booleans()))
        messages.append(turn)
    messages.append(Message("user", "End."))
    sent_too = draw(st.sets(st.sampled_from(["a.png", "b.png", "c.pdf", "d.txt"])))
    return asked(*messages, enclosed=enclosing(messages, sent_too), toolbox=TOOLS)


@settings(deadline=None, max_examples=200)
@given(conversations())
def test_any_conversation_gives_a_body_that_xai_can_read(question: Question) -> None:
    """Every result follows its call, every call has one result, and nothing is empty."""
    body = body_of(render_question(question, "grok-4.7", lane=LaneName.API))
    calls: list[str] = []
    results: list[str] = []
    for item in body["input"]:
        if item["type"] == "function_call":
            calls.append(item["call_id"])
            assert isinstance(json.loads(item["arguments"]), dict)
            assert item["name"]
        elif item["type"] == "function_call_output":
            results.append(item["call_id"])
            assert item["call_id"] in calls
            assert item["output"]
        else:
            assert item["content"]
            assert all(part.get("text") != "" for part in item["content"])
    assert len(set(calls)) == len(calls)
    assert sorted(results) == sorted(calls)


@settings(deadline=None, max_examples=200)
@given(conversations())
def test_no_word_and_no_file_is_lost(question: Question) -> None:
    """Texts stand in the order of the conversation; each content that is sent stands there once."""
    rendering = render_question(question, "grok-4.7", lane=LaneName.API)
    body = body_of(rendering)
    parts = [part for item in body["input"] for part in item.get("content", ())]
    words = [
        text
        for item in body["input"]
        for text in (
            item.get("output", ""),
            *(part.get("text", "") for part in item.get("content", ())),
        )
    ]
    for one in question.messages:
        assert not one.text.strip() or any(one.text in text for text in words)
    kinds = [part["type"] for part in parts]
    names = [one.name for one in question.enclosed.attachments]
    assert kinds.count("input_image") == sum(name.endswith("png") for name in names)
    assert kinds.count("input_file") == sum(name.endswith("pdf") for name in names)
    assert sum("(d.txt)" in text for text in words) == names.count("d.txt")


@settings(deadline=None, max_examples=50)
@given(conversations())
def test_a_longer_conversation_begins_in_the_same_way(question: Question) -> None:
    """Else the upstream could use nothing of its cache."""
    before = body_of(render_question(question, "grok-4.7", lane=LaneName.API))
    longer = evolve(question, messages=(*question.messages, Message("user", "More.")))
    after = body_of(render_question(longer, "grok-4.7", lane=LaneName.API))
    assert after["input"][:-1] == before["input"]
    assert after["prompt_cache_key"] == before["prompt_cache_key"]


# Refusals ---------------------------------------------------------------------------------------


def test_pictures_and_videos_are_refused() -> None:
    """In words that say where they are made."""
    for question in (
        asked(task=Task.PICTURES),
        evolve(asked(), model=SHIPPED["grok-imagine-0.9"]),
    ):
        with pytest.raises(InvalidRequest, match=r"a session of grok\.com"):
            render_question(question, "grok-4.7", lane=LaneName.API)


def test_an_empty_conversation_is_refused() -> None:
    """The upstream's refusal would not say which field is at fault."""
    with pytest.raises(InvalidRequest, match="at least one message"):
        render_question(asked(Message("user", " \n")), "grok-4.7", lane=LaneName.API)


def test_a_needed_file_is_refused_where_files_can_t_be_sent() -> None:
    """The message names the part, and the lanes that can send it. A picture and a text are no
    such files.
    """
    turn = message_of(0, "user", "Read.", ["a.png", "b.txt", "c.pdf"])
    question = asked(turn, enclosed=enclosing([turn], ["a.png", "b.txt", "c.pdf"]))
    with pytest.raises(AttachmentRefused, match=r"\[api\] key") as refused:
        render_question(question, "grok-4.7", lane=LaneName.CLI)
    assert refused.value.param == "0.2"
    question = asked(turn, enclosed=enclosing([turn], ["a.png", "b.txt"]))
    assert render_question(question, "grok-4.7", lane=LaneName.CLI).needs_upload == ()


# Facts for others -------------------------------------------------------------------------------


def test_only_stop_sequences_are_left_to_this_server() -> None:
    """All other bounds are the upstream's, and a second cut would be made by another count."""
    rendering = render_question(
        asked(bounds=Bounds(("END",), most_tokens=5)), "grok-4.7", lane=LaneName.API
    )
    assert rendering.local_bounds == Bounds(("END",))
    assert rendering.counts
    assert rendering.conversation_id == rendering.body["prompt_cache_key"]
    assert (rendering.upstream_model, rendering.lane) == ("grok-4.7", LaneName.API)


def test_files_to_upload_are_those_that_the_body_names_by_id() -> None:
    """Pictures and texts are in the body."""
    turn = message_of(0, "user", "Read.", ["a.png", "b.txt", "c.pdf"])
    question = asked(turn, enclosed=enclosing([turn], ["a.png", "b.txt", "c.pdf"]))
    rendering = render_question(question, "grok-4.7", lane=LaneName.API)
    assert [one.name for one in rendering.needs_upload] == ["c.pdf"]
    assert rendering.attachments == question.enclosed.attachments
    assert b'"file_id":"file-9"' in request_body(rendering, file_ids={"0.2": "file-9"})


def test_words_and_tools_are_counted_and_pictures_are_not() -> None:
    """Clients shorten a conversation by this count."""

    def count(*messages: Message, **fields: Any) -> int:
        question = asked(*messages, **fields)
        return render_question(question, "grok-4.7", lane=LaneName.API).prompt_tokens

    plain = count(Message("user", "a" * 4000))
    assert 1000 <= plain < 1010
    called = Message("assistant", "", calls=(Call("c1", "read", '{"a":"%s"}' % ("b" * 4000)),))
    assert 2000 <= count(Message("user", "a" * 4000), called) < 2030
    assert count(toolbox=Toolbox((Tool("read", "c" * 4000),))) > 1000
    turn = message_of(0, "user", "a" * 4000, ["a.png"])
    assert count(turn, enclosed=enclosing([turn], ["a.png"])) == plain


def test_a_large_list_of_tools_is_rendered_in_time() -> None:
    """A prompt is rendered on the loop's own thread: 60 kB of declarations."""
    question = asked(toolbox=Toolbox(AGENTS[1].made()))
    times = []
    for _ in range(5):
        began = time.process_time()
        rendering = render_question(question, "grok-4.7", lane=LaneName.API)
        assert len(request_body(rendering, file_ids={})) > 50_000
        times.append(time.process_time() - began)
    assert min(times) < 0.03  # under 1 ms on a free core, more where coverage is measured


def test_a_large_history_is_rendered_in_time() -> None:
    """Ids are looked up, not searched: 5000 calls, each with a result of 200 characters."""
    turns = [Message("user", "Go on.")]
    for number in range(5000):
        turns.append(Message("assistant", "", calls=(Call(f"c{number}", "read", "{}"),)))
        turns.append(Message("tool", "d" * 200, call_id=f"c{number}"))
    began = time.process_time()
    render_question(asked(*turns), "grok-4.7", lane=LaneName.API)
    assert time.process_time() - began < 2
