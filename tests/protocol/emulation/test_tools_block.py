"""The instructions for calls."""

from __future__ import annotations

import re

import pytest
from attrs import evolve, frozen

from grokcore.protocol.conversation.tools import Choice, Toolbox
from grokcore.protocol.emulation.forms import WORDS, CallForm
from grokcore.protocol.emulation.tools_block import closing_line, tools_block

from .tool_lists import function

ONE = Toolbox((function("Read", path_={"type": "string"}),))
TWO = Toolbox((*ONE.tools, function("Edit", new_string_={"type": "string"})))
FORM = CallForm("fn2")


@frozen
class Closing:
    """Rules for calls, and the last line of the prompt."""

    name: str
    toolbox: Toolbox
    line: str


CLOSINGS = [
    Closing("free", TWO, "If something must be read, run or changed, end your message with the <fn2:call> element; else just answer."),
    Closing("required", evolve(TWO, choice=Choice.REQUIRED), "End your message with at least one <fn2:call> element."),
    Closing("required, one at a time", evolve(TWO, choice=Choice.REQUIRED, parallel=False), "End your message with exactly one <fn2:call> element."),
    Closing("forced", evolve(TWO, choice=Choice.REQUIRED, only="Edit"), "Answer with exactly one <fn2:call> element for Edit and nothing else."),
    Closing("some allowed", evolve(TWO, choice=Choice.REQUIRED, allowed=frozenset({"Edit"})), "End your message with at least one <fn2:call> element. Of the functions only these can be used now: Edit."),
]  # fmt: skip


@pytest.mark.parametrize("case", CLOSINGS, ids=lambda case: case.name)
def test_the_last_line_says_which_answer_is_wanted(case: Closing) -> None:
    """Models keep best to the end of a prompt."""
    assert closing_line(case.toolbox, FORM) == case.line


def test_the_example_has_the_form_of_the_answer() -> None:
    """With the prefix that is free in the request, and the owner's words."""
    shown = tools_block(TWO, "(the list)", CallForm("fn3", WORDS["function_call"]))
    assert '<fn3:function_call name="Read">\n<fn3:parameter name="path">text</fn3:' in shown
    assert shown.endswith("\n\n(the list)")
    assert "run in parallel" in shown


@pytest.mark.parametrize(
    "toolbox", [evolve(TWO, parallel=False), evolve(TWO, only="Edit"), ONE], ids=str
)
def test_a_single_call_is_shown_alone(toolbox: Toolbox) -> None:
    """Two elements would be two calls."""
    shown = tools_block(toolbox, "", FORM)
    assert shown.count("</fn2:call>") == 1
    assert ("run in parallel" in shown) == (toolbox is ONE)


@pytest.mark.parametrize("toolbox", [case.toolbox for case in CLOSINGS], ids=str)
def test_the_instructions_are_plain_statements(toolbox: Toolbox) -> None:
    """Words that set others aside are taken for an injected prompt. The element of an
    outcome, or another spelling of a call, would be imitated.
    """
    shown = tools_block(toolbox, "", FORM) + closing_line(toolbox, FORM)
    assert not re.search(r"tool result|outcome>|<fn2:outcome|ignore|override", shown, re.IGNORECASE)
    assert set(re.findall(r"</?([\w:]+)", shown)) <= {"fn2:call", "fn2:arg", "brackets"}
