"""A prompt with functions in it, as the simulated model understands it.

A prompt is one text: elements with a prefix of its own mark the turns, and a block shows the
functions and how to call them. A prompt without that prefix shows no functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import field, frozen

from .notation import Notation

__all__ = ["Function", "Outcome", "Parameter", "Reading", "read_prompt"]

_EXAMPLE = re.compile(
    r"^To use .*end your message with .*:\n\n<(?:(fn\d*):)?(\w+)(?: name=|>)", re.MULTILINE
)
"""The first example of a call."""

_LIST = re.compile(r"^The functions \(.*\):$", re.MULTILINE)
_SIGNATURE = re.compile(r"^([A-Za-z_][\w.\-]*)\((.*)\)$", re.MULTILINE)
_TURN = re.compile(r"^<fn\d*:user\b", re.MULTILINE)
_PARAMETER = re.compile(r"\s*([\w.\-$]+)(\?)?\s*:\s*")
_FORCED = re.compile(r"exactly one <[^>]*> element for ([\w.\-]*\w) and nothing else")
_REPAIR = re.compile(r"^The last answer can't be used:$", re.MULTILINE)
_FOLDER = re.compile(
    r"(?i)(?:<cwd>|(?:working|current) directory(?: is)?:? +`?|\bcwd: *`?)(/[^\s<`]+)"
)
_ASIDE = re.compile(
    r"^<((?!user_(?:input|message|query|request)\b)[a-z]+[-_][\w-]+)\b[^>]*>.*?</\1>",
    re.DOTALL | re.MULTILINE,
)
"""An element that a client puts beside the user's words, such as ``<system-reminder>``."""


@frozen
class Parameter:
    """A parameter of a function; *kind* is its type as the prompt writes it."""

    name: str
    kind: str = "string"
    required: bool = True


@frozen
class Function:
    """A function that the prompt shows."""

    name: str
    parameters: tuple[Parameter, ...] = ()


@frozen
class Outcome:
    """The text that a function returned."""

    name: str
    text: str
    failed: bool = False


@frozen
class Reading:
    """A prompt, as far as it matters for the next step.

    :ivar asked: the last words of the user.
    :ivar outcomes: of the calls since then, in order.
    :ivar forced: the name of the function that has to be called; empty if the model may choose.
    :ivar repairs: whether the last answer is to be corrected.
    :ivar folder: the client's working directory; empty if the prompt does not say it.
    """

    notation: Notation = field(factory=Notation)
    functions: tuple[Function, ...] = ()
    asked: str = ""
    outcomes: tuple[Outcome, ...] = ()
    forced: str = ""
    repairs: bool = False
    folder: str = ""


@frozen
class _Turn:
    role: str
    marks: str
    text: str


def read_prompt(text: str) -> Reading | None:
    """The functions, the question and the outcomes in a prompt; None if it shows no functions."""
    example = _EXAMPLE.search(text)
    functions = tuple(_functions(text)) if example else ()
    if example is None or not functions:
        return None
    prefix, call = example[1] or "fn", example[2]
    end = text[-2000:]
    forced, repairs = _FORCED.search(end), bool(_REPAIR.search(end))
    # A correction of a forced call shows its function alone.
    only = functions[0].name if repairs and len(functions) == 1 else ""
    asked, outcomes = _last_round(list(_turns(text, prefix)))
    return Reading(
        Notation(prefix, call, "arg" if call == "call" else "parameter", call == "tool_call"),
        functions,
        asked,
        outcomes,
        forced[1] if forced else only,
        repairs,
        _folder(text),
    )


def _turns(text: str, prefix: str) -> Iterator[_Turn]:
    element = re.compile(
        rf"^<{prefix}:(user|assistant|outcome)\b([^>\n]*)>\n?(.*?)\n?</{prefix}:\1>",
        re.DOTALL | re.MULTILINE,
    )
    for found in element.finditer(text):
        yield _Turn(found[1], found[2], found[3])


def _last_round(turns: list[_Turn]) -> tuple[str, tuple[Outcome, ...]]:
    asked, outcomes = "", list[Outcome]()
    for turn in turns:
        if turn.role == "outcome":
            outcomes.append(_outcome(turn))
        elif turn.role == "user" and (words := _ASIDE.sub("", turn.text).strip()):
            asked, outcomes = words, []
    return asked, tuple(outcomes)


def _outcome(turn: _Turn) -> Outcome:
    name = re.search(r'name="([^"]*)"', turn.marks)
    failed = bool(re.search(r"\b(?:error|failed)\b", re.sub(r'"[^"]*"', "", turn.marks)))
    return Outcome(name[1] if name else "", turn.text, failed)


def _functions(text: str) -> Iterator[Function]:
    """The functions of the list, whose end is the first turn."""
    heading = _LIST.search(text)
    if heading is None:
        return
    turn = _TURN.search(text, heading.end())
    for found in _SIGNATURE.finditer(text, heading.end(), turn.start() if turn else len(text)):
        yield Function(found[1], tuple(_parameters(found[2])))


def _parameters(signature: str) -> Iterator[Parameter]:
    for part in _at_commas(signature):
        found = _PARAMETER.match(part)
        if found:
            yield Parameter(found[1], part[found.end() :].strip(), not found[2])


def _at_commas(signature: str) -> Iterator[str]:
    """The parts between commas that stand in no bracket and in no quotes."""
    depth, quoted, part = 0, False, ""
    for char in signature:
        quoted ^= char == '"'
        if not quoted:
            depth += (char in "([{") - (char in ")]}")
        if char == "," and not depth and not quoted:
            yield part
            part = ""
        else:
            part += char
    yield part


def _folder(text: str) -> str:
    found = _FOLDER.search(text)
    return found[1].rstrip(".") if found else ""
