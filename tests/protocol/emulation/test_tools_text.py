"""Lists of tools: their tiers, their choice, and the time for them."""

from __future__ import annotations

import json
import time

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.conversation.tools import Choice, Tool, Toolbox, ToolKind
from grokcore.protocol.emulation.tools_text import KEPT, ToolTexts

from ..strategies import plain_text
from .tool_lists import AGENTS, Agent, function

SIZES = (100_000, 24_000, 12_000, 6_000)


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_the_lists_of_coding_agents_fit(agent: Agent) -> None:
    """Each in the first tier that fits, each tool with its parameters."""
    tools = agent.made()
    size = sum(len(json.dumps(tool.parameters)) + len(tool.description) for tool in tools)
    assert 0.8 < size / agent.chars < 1.2
    for most in SIZES:
        listed = ToolTexts(most).listed(Toolbox(tools))
        assert len(listed.text) <= most
        assert listed.note.startswith(f"{agent.tools}; tier=")
        assert listed.text.count("(key_0?: string") == agent.tools
    whole = len(ToolTexts(100_000).listed(Toolbox(tools)).text)
    assert ToolTexts(whole).listed(Toolbox(tools)).note.endswith("tier=1")
    assert ToolTexts(whole - 1).listed(Toolbox(tools)).note.endswith("tier=2")


@pytest.mark.parametrize("most", SIZES)
def test_a_long_list_takes_milliseconds(most: int) -> None:
    """A prompt is rendered on the loop's own thread; the second time its list is kept already."""
    toolbox = Toolbox(AGENTS[1].made())
    first: list[float] = []
    again: list[float] = []
    for _ in range(7):
        texts = ToolTexts(most)
        for times in (first, again):
            began = time.process_time()
            texts.listed(toolbox)
            times.append(time.process_time() - began)
    assert min(first) < 0.1  # 2 ms on a free core, more where coverage is measured
    assert min(again) < min(first)


def test_each_tier_shows_less() -> None:
    """Everything; then shorter words; then the signature with the beginning of the description."""
    comment = "A comment of some length. " * 10
    tool = function("f", "One sentence.\n" * 100, a={"type": "string", "description": comment})
    heads, descriptions, lines = [], [], []
    for most in (2000, 1500, 500, 200):
        listed = ToolTexts(most).listed(Toolbox((tool,)))
        head, *told = listed.text.split("\n")
        heads.append(head)
        lines.append([len(line) - len("  - a: ") for line in told if line.startswith("  - a")])
        descriptions.append(sum(len(line) for line in told if not line.startswith("  - a")))
    assert set(heads) == {"f(a?: string)"}
    assert descriptions == sorted(descriptions, reverse=True)
    assert lines == [[len(comment.strip())], [157], [79], []]


CUTS = [
    ("Short.", "Short."),
    (
        "One sentence of words. " * 3 + "And then some more words follow here.",
        "words. One sentence of words. One sentence of words. …",
    ),
    ("w" * 150, "w" * 98 + "…"),
    ("word " * 40, "word word…"),
]


@pytest.mark.parametrize(
    ("description", "end"), CUTS, ids=["short", "sentences", "a word", "words"]
)
def test_descriptions_end_with_a_sentence_or_a_word(description: str, end: str) -> None:
    """A half sentence says half of what it means."""
    listed = ToolTexts(1).listed(Toolbox((Tool("f", description),)))
    assert listed.text.endswith(end)


def told(name: str, *required: str) -> Tool:
    return function(
        name,
        "Words. " * 50,
        **{f"{key}_": {"type": "string", "description": f"About {key}."} for key in required},
    )


def test_some_tools_keep_a_tier_more() -> None:
    """Called ones, and those that are hard to guess."""
    toolbox = Toolbox((told("plain", "a"), told("called", "b"), told("wide", "c", "d", "e")))
    listed = ToolTexts(900).listed(toolbox, {"called", "gone"})
    assert listed.note == "3; tier=4"
    assert "About a." not in listed.text
    assert "About b." in listed.text
    assert "About c." in listed.text
    tight = ToolTexts(700).listed(toolbox, {"called"})
    assert "About b." in tight.text
    assert "About c." not in tight.text
    assert tight.text.count("(") >= 3


def test_the_choice_decides_what_is_shown() -> None:
    """A forced tool stands alone; those that may not be called are shown in short."""
    tools = (told("one", "a"), told("two", "b"))
    forced = ToolTexts().listed(Toolbox(tools, Choice.REQUIRED, only="two"))
    assert forced.note == "1; tier=1"
    assert forced.text.startswith("two(b: string)\n  Words.")
    allowed = ToolTexts().listed(Toolbox(tools, allowed=frozenset({"two"})))
    assert allowed.note == "2; tier=1"
    assert "About a." not in allowed.text
    assert "About b." in allowed.text


def test_custom_tools_show_their_grammar() -> None:
    """Up to 2 kB of it, in any tier."""
    tool = Tool("patch", "Changes files.", kind=ToolKind.CUSTOM, grammar="start: a\n\na: b\n" * 300)
    text = ToolTexts(1).listed(Toolbox((evolve(tool, namespace="files"),))).text
    assert text.startswith("files.patch(input: text)\n  Changes files.\n  Its text follows")
    assert "  start: a\n\n  a: b" in text
    assert 1900 < len(text) < 3000


def test_only_the_last_lists_are_kept() -> None:
    """A list is found by its content, and the memory is bounded."""
    texts = ToolTexts()
    first = texts.listed(Toolbox((told("f0", "a"),)))
    assert texts.listed(Toolbox((told("f0", "a"),))) is first
    assert texts.listed(Toolbox((told("f0", "a"),)), {"other"}) is first
    assert texts.listed(Toolbox((told("f0", "b"),))) is not first
    assert texts.listed(Toolbox((told("f0", "a"),)), {"f0"}) is not first
    for number in range(1, KEPT + 1):
        texts.listed(Toolbox((told(f"f{number}", "a"),)))
    assert texts.listed(Toolbox((told("f0", "a"),))) is not first
    assert texts.listed(Toolbox((told("f0", "a"),))) == first


DESCRIPTIONS = st.lists(plain_text, max_size=40).map(" ".join)


@settings(deadline=None, max_examples=100)
@given(st.lists(DESCRIPTIONS, min_size=1, max_size=4), st.integers(1, 3000))
def test_no_tool_is_ever_left_out(descriptions: list[str], most: int) -> None:
    """Names with their parameters are there, whatever the room; the last tier may exceed it."""
    tools = tuple(
        function(f"f{number}", description, a_={"type": "string"})
        for number, description in enumerate(descriptions)
    )
    listed = ToolTexts(most).listed(Toolbox(tools))
    assert all(f"f{number}(a: string)" in listed.text for number in range(len(tools)))
    assert len(listed.text) <= most or listed.note.endswith("tier=4")
