"""Characters of the simulated model, as they write two calls."""

from __future__ import annotations

import pytest

from grokcore.simulator.agent.characters import CHARACTERS, OBEDIENT
from grokcore.simulator.agent.model import Agent
from grokcore.simulator.agent.notation import Notation, WantedCall
from grokcore.simulator.agent.pieces import Break, Thought, Words

from .tool_prompts import AGENTS, prompt_of

CALLS = (
    WantedCall("Write", (("path", "a.py"), ("content", "if a < b and c:\n    pass"), ("mode", 7))),
    WantedCall("Now"),
)

WRITE = """\
<fn:call name="Write">
<fn:arg name="path">a.py</fn:arg>
<fn:arg name="content">
if a < b and c:
    pass
</fn:arg>
<fn:arg name="mode">7</fn:arg>
</fn:call>"""
NOW = '<fn:call name="Now">\n</fn:call>'

ENDINGS = {
    OBEDIENT: f"{WRITE}\n{NOW}",
    "fenced": f"```xml\n{WRITE}\n{NOW}\n```\n",
    "explaining": f"{NOW}\n```\n\nShall I?",
    "chatty after the call": f"{NOW}\n\nI have called it. Please wait.",
    "inventing the outcome": f"{WRITE}\n\nDone: everything is as you asked, and the tests pass.",
    "entity escaper": WRITE.replace("a < b", "a &lt; b") + f"\n{NOW}",
    "wrong closers": '<fn:arg name="mode">7</mode>\n</fn:call">\n<fn:call name="Now">\n</fn:call">',
    "native markup": '<xai:function_call name="Now">\n</xai:function_call>',
    "JSON body": '"mode": 7}\n</fn:call>\n<fn:call name="Now">\n{}\n</fn:call>',
    "prose only": "Done: everything is as you asked, and the tests pass.",
    "thinking only": "",
    "cut in a value": '<fn:arg name="content">\nif a < b and',
    "broken off in a value": '<fn:arg name="content">\nif a < b and',
    "two of three broken": '<fn:call name="no_such_Now">\n</fn:call>\n<fn:call name="Now',
}


def test_the_table_of_endings_is_whole() -> None:
    """A character without a row would never be looked at."""
    assert set(ENDINGS) == set(CHARACTERS)


@pytest.mark.parametrize("name", CHARACTERS)
def test_a_character_deviates_in_its_one_way(name: str) -> None:
    """A second deviation would hide that the first is not understood."""
    pieces = CHARACTERS[name](Notation(), CALLS)
    text = "".join(piece.text for piece in pieces if isinstance(piece, Words))
    assert text.endswith(ENDINGS[name])
    thought = "".join(piece.text for piece in pieces if isinstance(piece, Thought))
    assert (NOW in thought) == (name == "thinking only")
    assert isinstance(pieces[-1], Break) == (name == "broken off in a value")


REPAIR = (
    "The last answer can't be used:\n- No function was called.\n\n"
    "Send only the corrected element, and nothing else."
)


@pytest.mark.parametrize("mends", [False, True])
def test_a_model_that_mends_obeys_once_it_is_asked_to(mends: bool) -> None:
    """A repair question has to have a way to succeed, and one to fail."""
    asked = prompt_of(AGENTS["Codex"], "Create a.txt")
    repair = prompt_of(AGENTS["Codex"], "Create a.txt", last=REPAIR)
    agent = Agent("prose only", mends=mends)
    first, second = agent.answer(asked), agent.answer(repair)
    assert first is not None
    assert second is not None
    assert (second == first) == (not mends)


def test_the_notation_is_the_prompts() -> None:
    """Prefix and words of the elements differ from one request to another."""
    asked = prompt_of(AGENTS["Codex"], "Create a.txt", prefix="fn3", call="function_call")
    pieces = Agent().answer(asked)
    assert pieces is not None
    assert pieces[-1] == Words(
        "I'll take the next step.\n\n"
        '<fn3:function_call name="exec_command">\n<fn3:parameter name="cmd">ls</fn3:parameter>\n'
        "</fn3:function_call>"
    )


def test_hermes_calls_are_json() -> None:
    """The third notation that models are asked for in the field."""
    assert Notation(hermes=True).written(CALLS[1]) == (
        '<tool_call>\n{"name": "Now", "arguments": {}}\n</tool_call>'
    )


def test_a_plain_prompt_is_none_of_its_business() -> None:
    """A chat without functions stays an echo."""
    assert Agent().answer("Create hello.py that prints hi") is None


def test_a_question_without_a_task_is_said_back() -> None:
    """The end of the prompt would be no answer: it holds an element of a call."""
    answer = Agent().answer(prompt_of(AGENTS["Codex"], "How are you?"))
    assert answer == (Words("This is a simulated Grok. You said: How are you?"),)
