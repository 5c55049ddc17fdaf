"""The next step of the simulated model: calls of the client's functions, or words.

It knows a few coding tasks (create, read, rename, run the tests), and goes about them as agents do:
look, change, report. The next step depends on the outcomes that the prompt shows. Other functions
are called if the question has the words of their name and the values that they need.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from .kit import Kit, filled
from .notation import WantedCall
from .prompts import Function, Outcome, Parameter, Reading

__all__ = ["Step", "next_step"]

_FILE = r"[`\"']?(?P<file>[\w./-]*\w\.\w+)[`\"']?"
_CREATE = re.compile(
    rf"(?i)\b(?:create|write|make|add)\b(?: a)?(?: new)?(?: file)?(?: named| called)? {_FILE}"
)
_RENAME = re.compile(
    rf"(?i)\b(?:rename|replace|change) [`\"']?(?P<old>\w+)[`\"']? (?:to|with|by|into) "
    rf"[`\"']?(?P<new>\w+)[`\"']? in {_FILE}"
)
_READ = re.compile(rf"(?i)\b(?:read|open|look at|show(?: me)?|summarize) {_FILE}")
_TESTS = re.compile(r"(?i)\brun (?:all )?(?:the |its |your )?(?:unit )?tests?\b")
_PRINTS = re.compile(
    r"(?i)\b(?:prints?|says?|outputs?|printing) [`\"']?(?P<words>[^`\"'\n]+?)[`\"']?(?:[.\n]|$)"
)
_BLOCK = re.compile(r"```[^\n]*\n(.*?)\n?```", re.DOTALL)
_QUOTED = re.compile(r"```[^\n]*\n(.*?)\n```|`([^`\n]+)`|\"([^\"\n]+)\"", re.DOTALL)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w])")
_FAILURE = re.compile(
    r"(?i)\bexit(?:ed)?(?: with)?(?: code| status)?:? *[1-9]|\"exit_code\": *[1-9]"
)
_COMMON = frozenset(
    (
        "get",
        "set",
        "list",
        "find",
        "search",
        "create",
        "add",
        "send",
        "run",
        "read",
        "write",
        "play",
    )
)
"""Words in names of functions that say little about the function."""

EXCERPT_CHARS = 200


@frozen
class Step:
    """The model's next step: calls, or an answer in words if there are none."""

    calls: tuple[WantedCall, ...] = ()
    words: str = ""


@frozen
class _Stage:
    """A stage of a task: ways to go through it, the best first.

    :ivar may_fail: whether a failure is a result like any other.
    """

    ways: tuple[WantedCall, ...]
    may_fail: bool = False


def next_step(reading: Reading) -> Step | None:
    """The next step towards the answer; None if the question is no task that is known."""
    kit = Kit(reading.functions, reading.folder)
    for task in (_create, _rename, _run_tests, _read):
        step = task(kit, reading)
        if step is not None:
            return step
    return _by_name(reading)


def _create(kit: Kit, reading: Reading) -> Step | None:
    found = _CREATE.search(reading.asked)
    if found is None:
        return None
    path = found["file"]
    ways = kit.write(path, _content(path, reading.asked))
    stages = [_look(kit.shell("ls")), _Stage(ways)]
    return _go_on(stages, reading.outcomes, f"I have created `{path}`.") if ways else None


def _content(path: str, asked: str) -> str:
    block = _BLOCK.search(asked)
    if block is not None:
        return f"{block[1]}\n"
    printed = _PRINTS.search(asked)
    words = printed["words"].strip() if printed else "Hello, world!"
    forms = {"py": f"print({json.dumps(words, ensure_ascii=False)})\n"}
    forms["js"] = f"console.log({json.dumps(words, ensure_ascii=False)});\n"
    forms["sh"] = f"#!/bin/sh\necho '{words}'\n"
    return forms.get(path.rsplit(".", 1)[-1], f"{words}\n")


def _rename(kit: Kit, reading: Reading) -> Step | None:
    found = _RENAME.search(reading.asked)
    if found is None:
        return None
    path, old, new = found["file"], found["old"], found["new"]
    seen = reading.outcomes[:1]
    if seen and not _failed(seen[0]) and not re.search(rf"\b{old}\b", seen[0].text):
        return Step(words=f"`{path}` has no `{old}`, so I changed nothing.")
    ways = kit.replace(path, old, new)
    stages = [_look(kit.read(path)), _Stage(ways)]
    said = f"I have renamed `{old}` to `{new}` in `{path}`."
    return _go_on(stages, reading.outcomes, said) if ways else None


def _run_tests(kit: Kit, reading: Reading) -> Step | None:
    if not _TESTS.search(reading.asked) or kit.shell("ls") is None:
        return None
    seen = reading.outcomes[0].text if reading.outcomes else ""
    run = kit.shell(_test_command(seen))
    assert run is not None
    stages = [_look(kit.shell("ls")), _Stage((run,), may_fail=True)]
    said = "The tests ran."
    if len(reading.outcomes) > 1:
        last = reading.outcomes[-1]
        failed = _failed(last) or "FAILED" in last.text
        said = f"The tests {'failed' if failed else 'ran'}:\n\n```\n{_excerpt(last.text)}\n```"
    return _go_on(stages, reading.outcomes, said)


def _test_command(listing: str) -> str:
    """The command that fits the files of a folder."""
    commands = {
        "package.json": "npm test",
        "Cargo.toml": "cargo test",
        "go.mod": "go test ./...",
        "Makefile": "make test",
    }
    return next(
        (command for name, command in commands.items() if name in listing),
        "python3 -m unittest",
    )


def _read(kit: Kit, reading: Reading) -> Step | None:
    found = _READ.search(reading.asked)
    call = kit.read(found["file"]) if found else None
    if found is None or call is None:
        return None
    text = reading.outcomes[0].text if reading.outcomes else ""
    count = len(text.splitlines())
    said = f"`{found['file']}` has {count} line{'' if count == 1 else 's'}:\n\n{_excerpt(text)}"
    return _go_on([_Stage((call,))], reading.outcomes, said)


def _look(call: WantedCall | None) -> _Stage:
    return _Stage((call,) if call else (), may_fail=True)


def _go_on(stages: Sequence[_Stage], outcomes: Sequence[Outcome], done: str) -> Step:
    """The first stage that no outcome has ended, by the first way that has not failed."""
    left = list(outcomes)
    for stage in stages:
        for way in stage.ways:
            if not left:
                return Step((way,))
            outcome = left.pop(0)
            if stage.may_fail or not _failed(outcome):
                break
        else:
            if stage.ways:
                return Step(words=f"That did not work:\n\n{_excerpt(outcome.text)}")
    return Step(words=done)


def _failed(outcome: Outcome) -> bool:
    return outcome.failed or bool(_FAILURE.search(outcome.text))


def _excerpt(text: str) -> str:
    return text if len(text) <= EXCERPT_CHARS else f"{text[:EXCERPT_CHARS]}…"


# Any function ------------------------------------------------------------------------------------


def _by_name(reading: Reading) -> Step | None:
    """Calls of the function that the question speaks of: one, or one for each value."""
    if reading.outcomes:
        returned = "\n".join(_excerpt(outcome.text) for outcome in reading.outcomes)
        return Step(words=f"The functions returned:\n\n{returned}")
    function = _meant(reading)
    if function is None:
        return None
    calls = _calls(function, reading.asked, forced=bool(reading.forced))
    return Step(calls) if calls else None


def _meant(reading: Reading) -> Function | None:
    if reading.forced:
        return next((one for one in reading.functions if one.name == reading.forced), None)
    asked = {_stem(word) for word in re.findall(r"[a-z]+", _QUOTED.sub("", reading.asked).lower())}
    fitting = [
        (len(words & asked), one) for one, words in _named(reading.functions) if words <= asked
    ]
    best = max((count for count, _ in fitting), default=0)
    chosen = [one for count, one in fitting if count == best and best]
    return chosen[0] if len(chosen) == 1 else None


def _named(functions: Sequence[Function]) -> list[tuple[Function, frozenset[str]]]:
    """Each function, and the stems of the words of its name that mean something."""
    named = []
    for function in functions:
        spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", function.name)
        words = set(re.findall(r"[a-z]+", spaced.lower())) - _COMMON
        named.append((function, frozenset(map(_stem, words))))
    return named


def _stem(word: str) -> str:
    return word.removesuffix("s")


def _calls(function: Function, asked: str, *, forced: bool) -> tuple[WantedCall, ...]:
    quoted = ["".join(groups) for groups in _QUOTED.findall(asked)]
    numbers = [json.loads(number) for number in _NUMBER.findall(_QUOTED.sub("", asked))]
    required = [one for one in function.parameters if one.required]
    texts = [one for one in required if _is_text(one)]
    if len(required) == 1 and texts and len(quoted) > 1:
        return tuple(filled(function, {required[0].name: value}) for value in quoted)
    if len(quoted) < len(texts) and not forced:
        return ()
    given = _given(required, quoted, numbers, asked)
    return (filled(function, given),)


def _is_text(parameter: Parameter) -> bool:
    return parameter.kind in {"string", "text"}


def _given(
    required: Sequence[Parameter], quoted: list[str], numbers: list[Any], asked: str
) -> dict[str, Any]:
    """Values of the question for the required parameters, each in its order."""
    given: dict[str, Any] = {}
    for one in required:
        if one.kind.startswith('"'):
            choices = re.findall(r'"([^"]*)"', one.kind)
            said = [choice for choice in choices if re.search(rf"\b{re.escape(choice)}\b", asked)]
            given[one.name] = (said or choices)[0]
        elif one.kind.endswith("[]"):
            given[one.name] = list(quoted)
            quoted = []
        elif one.kind in {"integer", "number"} and numbers:
            given[one.name] = numbers.pop(0)
        elif _is_text(one):
            given[one.name] = quoted.pop(0) if quoted else asked
        elif one.kind == "boolean":
            given[one.name] = True
    return given
