"""The simulated Grok that LangChain's tests ask: a table of what a model would say to them."""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import frozen

from grokcore.protocol.emulation.forms import CallForm, render_call
from grokcore.simulator.app import Call
from grokcore.simulator.scripts import Script, answer

__all__ = ["answer_langchain"]

JOKE = {"setup": "Why did the cat sit on the keyboard?", "punchline": "To watch the mouse."}
JOKE_TEXT = '{"setup": "Why did the cat sit on the keyboard?", "punchline": "To watch the mouse."}'
_CUSTOMER = re.compile(r"customer named '([^']+)'")
_JOKE_TOOL = re.compile(r"\b(Joke\w*)\(")


def _call(name: str, **arguments: object) -> str:
    return render_call(CallForm(), name, arguments)


def _customer(prompt: str) -> str:
    names = _CUSTOMER.findall(prompt)
    return _call("unicode_customer", customer_name=names[-1], description="a company")


def _joke(prompt: str) -> str:
    tool = _JOKE_TOOL.search(prompt)
    return _call(tool[1], **JOKE) if tool else JOKE_TEXT


@frozen
class Rule:
    """What is said to a prompt that holds all of *words*."""

    words: tuple[str, ...]
    say: Callable[[str], str]


RULES = (
    Rule(("What is 3 + 4",), lambda _: _call("my_adder_tool", a=3, b=4)),
    Rule(("<fn:outcome",), lambda _: "It is as the function says."),
    Rule(("magic_function_no_args()? Use",), lambda _: _call("magic_function_no_args")),
    Rule(("magic_function(3)? Use",), lambda _: _call("magic_function", input=3)),
    Rule(("Pirate greeting",), lambda _: _call("greeting_generator", answer_style="pirate")),
    Rule(("Hello!", "magic_function"), lambda _: _call("magic_function", input=3)),
    Rule(("customer named",), _customer),
    Rule(("weather in San Francisco",), lambda _: _call("get_weather", location="San Francisco")),
    Rule(("joke",), _joke),
    Rule(("haikus",), lambda _: "Old pond, and a frog\n\nThe sound of water, once more"),
)
"""The first that fits is taken."""


def answer_langchain(call: Call) -> Script:
    """The answer to a chat."""
    question = str(call.body["message"])
    for rule in RULES:
        if all(words in question for words in rule.words):
            return answer(rule.say(question))
    return answer("Hello! How can I help you today?")
