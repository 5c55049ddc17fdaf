"""Characters of the simulated model: obedience, and the ways in which models write calls wrongly.

Each was seen in logs of agents over text-only models (opencode#2291, openclaw#35173,
openclaw#90260, ds2api#265, ds2api#327, chenyme/grok2api#557, langchain#20704).
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from .notation import Notation, WantedCall, as_text
from .pieces import Answer, Break, Thought, Words

__all__ = ["CHARACTERS", "OBEDIENT", "Character"]

Character: TypeAlias = Callable[[Notation, Sequence[WantedCall]], Answer]
"""A pure function from the prompt's notation and the calls wanted (at least one) to an answer."""

INTRODUCTION = "I'll take the next step.\n\n"
CLAIM = "Done: everything is as you asked, and the tests pass."


def _all(notation: Notation, calls: Sequence[WantedCall]) -> str:
    return "\n".join(map(notation.written, calls))


def _obedient(notation: Notation, calls: Sequence[WantedCall]) -> Answer:
    return Thought("I need a function for this."), Words(INTRODUCTION + _all(notation, calls))


def _fenced(notation: Notation, calls: Sequence[WantedCall]) -> Answer:
    return (Words(f"{INTRODUCTION}```xml\n{_all(notation, calls)}\n```\n"),)


def _explaining(notation: Notation, calls: Sequence[WantedCall]) -> Answer:
    """An example in a fence, amid prose: it is no call."""
    example = _all(notation, calls)
    return (Words(f"One would write:\n\n```xml\n# an example\n{example}\n```\n\nShall I?"),)


def _chatty(notation: Notation, calls: Sequence[WantedCall]) -> Answer:
    return (Words(f"{INTRODUCTION}{_all(notation, calls)}\n\nI have called it. Please wait."),)


def _inventing(notation: Notation, calls: Sequence[WantedCall]) -> Answer:
    tag, first = notation.tag("outcome"), calls[0]
    outcome = f'<{tag} of="1" name="{first.name}">\nIt went well.\n</{tag}>'
    again = notation.written(first)
    return (Words(f"{INTRODUCTION}{_all(notation, calls)}\n{outcome}\n\n{again}\n\n{CLAIM}"),)


def _escaping(notation: Notation, calls: Sequence[WantedCall]) -> Answer:
    return (Words(INTRODUCTION + "\n".join(_escaped(notation, call) for call in calls)),)


def _escaped(notation: Notation, call: WantedCall) -> str:
    written = [notation.argument(key, html.escape(as_text(value))) for key, value in call.values]
    return "\n".join((notation.opener(call), *written, notation.closer))


def _wrong_closers(notation: Notation, calls: Sequence[WantedCall]) -> Answer:
    return (Words(INTRODUCTION + "\n".join(_wrongly_closed(notation, call) for call in calls)),)


def _wrongly_closed(notation: Notation, call: WantedCall) -> str:
    """The key as an argument's end tag, then ``parameter``; the call's with a stray quote."""
    written = [
        notation.argument(key, as_text(value), f"</{'parameter' if index % 2 else key}>")
        for index, (key, value) in enumerate(call.values)
    ]
    closer = notation.closer.replace(">", '">')
    return "\n".join((notation.opener(call), *written, closer))


def _native(_: Notation, calls: Sequence[WantedCall]) -> Answer:
    """The markup of Grok's own tools."""
    own = Notation(prefix="", call="xai:function_call", arg="parameter")
    return (Words(INTRODUCTION + _all(own, calls)),)


def _json_body(notation: Notation, calls: Sequence[WantedCall]) -> Answer:
    bodies = [
        f"{notation.opener(call)}\n{json.dumps(dict(call.values))}\n{notation.closer}"
        for call in calls
    ]
    return (Words(INTRODUCTION + "\n".join(bodies)),)


def _prose(_: Notation, __: Sequence[WantedCall]) -> Answer:
    return (Words(CLAIM),)


def _thinking(notation: Notation, calls: Sequence[WantedCall]) -> Answer:
    return (Thought(f"I need a function for this.\n{_all(notation, calls)}"),)


def _cut(notation: Notation, calls: Sequence[WantedCall]) -> Answer:
    return (Words(INTRODUCTION + _cut_off(notation, calls[0])),)


def _cut_off(notation: Notation, call: WantedCall) -> str:
    """A call that ends in the middle of its longest value, or of its opener."""
    whole = notation.written(call)
    if notation.hermes:
        return whole[: len(whole) // 2]
    if not call.values:
        return notation.opener(call)[:-2]
    longest = max((as_text(value) for _, value in call.values), key=len)
    begin = whole.index(longest, len(notation.opener(call)))
    return whole[: begin + (len(longest) + 1) // 2]


def _broken_off(notation: Notation, calls: Sequence[WantedCall]) -> Answer:
    return (*_cut(notation, calls), Break())


def _two_of_three_broken(notation: Notation, calls: Sequence[WantedCall]) -> Answer:
    """The first call is right, the second has no declared name, and the third is cut."""
    first, second, third = (*calls, calls[-1], calls[-1])[:3]
    unknown = WantedCall(f"no_such_{second.name}", second.values)
    text = f"{_all(notation, (first, unknown))}\n{_cut_off(notation, third)}"
    return (Words(INTRODUCTION + text),)


OBEDIENT = "obedient"

CHARACTERS: Mapping[str, Character] = {
    OBEDIENT: _obedient,
    "fenced": _fenced,
    "explaining": _explaining,
    "chatty after the call": _chatty,
    "inventing the outcome": _inventing,
    "entity escaper": _escaping,
    "wrong closers": _wrong_closers,
    "native markup": _native,
    "JSON body": _json_body,
    "prose only": _prose,
    "thinking only": _thinking,
    "cut in a value": _cut,
    "broken off in a value": _broken_off,
    "two of three broken": _two_of_three_broken,
}
"""All characters, by name."""
