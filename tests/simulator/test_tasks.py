"""The simulated model at its tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from attrs import frozen

from grokcore.simulator.agent.prompts import read_prompt
from grokcore.simulator.agent.tasks import Step, next_step

from .tool_prompts import AGENTS, Returned, prompt_of


def step(prompt: str) -> Step:
    reading = read_prompt(prompt)
    assert reading is not None
    found = next_step(reading)
    assert found is not None
    return found


def called(agent: str, asked: str, *returned: Returned, **options: str) -> list[tuple[str, Any]]:
    """The calls of the next step."""
    made = step(prompt_of(AGENTS[agent], asked, returned, **options)).calls
    return [(call.name, dict(call.values)) for call in made]


HELLO = "Create hello.py that prints hi."
LISTED = "README.md\nmain.py"


@frozen
class Case:
    """The second call of a task, which changes something."""

    agent: str
    asked: str
    first: str
    seen: str
    call: str
    values: dict[str, Any]


SHELL_HELLO = "cat > hello.py <<'END'\nprint(\"hi\")\nEND"
RENAME = "Rename total to amount in main.py"
SED = "sed -i 's/\\btotal\\b/amount/g' main.py"
CODE = "total = 1\nprint(total)"

CASES = [
    Case(
        "Claude Code", HELLO, "Bash", LISTED, "Write",
        {"file_path": "/w/hello.py", "content": 'print("hi")\n'},
    ),
    Case("Codex", HELLO, "exec_command", LISTED, "exec_command", {"cmd": SHELL_HELLO}),
    Case(
        "opencode", HELLO, "bash", LISTED, "write",
        {"content": 'print("hi")\n', "filePath": "/w/hello.py"},
    ),
    Case("cline", HELLO, "run_commands", LISTED, "run_commands", {"commands": [SHELL_HELLO]}),
    Case(
        "Claude Code", RENAME, "Read", CODE, "Edit",
        {
            "file_path": "/w/main.py", "old_string": "total", "new_string": "amount",
            "replace_all": True,
        },
    ),
    Case("Codex", RENAME, "exec_command", CODE, "exec_command", {"cmd": SED}),
    Case("cline", RENAME, "run_commands", CODE, "run_commands", {"commands": [SED]}),
    Case(
        "Codex", "Run the tests", "exec_command", "package.json", "exec_command",
        {"cmd": "npm test"},
    ),
    Case(
        "Codex", "Please run the unit tests", "exec_command", LISTED, "exec_command",
        {"cmd": "python3 -m unittest"},
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.agent}: {case.asked}")
def test_it_looks_and_changes_and_says_so(case: Case) -> None:
    """The demo shows an agent at work, whatever the agent's functions are called."""
    folder = "Working directory: /w"
    ((first, _),) = called(case.agent, case.asked, system=folder)
    assert first == case.first
    seen = Returned(first, case.seen)
    assert called(case.agent, case.asked, seen, system=folder) == [(case.call, case.values)]
    ended = step(prompt_of(AGENTS[case.agent], case.asked, (seen, Returned(case.call, "ok"))))
    assert not ended.calls
    assert ended.words


@frozen
class Told:
    """Outcomes, and a piece of the report on them."""

    name: str
    asked: str
    returned: tuple[Returned, ...]
    words: str


TOLD = [
    Told("nothing to rename", RENAME, (Returned("Read", "x = 1"),), "has no `total`"),
    Told(
        "tests that fail", "run the tests",
        (Returned("Bash", LISTED), Returned("Bash", "FAILED (failures=1)", error=True)),
        "The tests failed",
    ),
    Told(
        "tests that pass", "run the tests",
        (Returned("Bash", LISTED), Returned("Bash", "Ran 3 tests\n\nOK")), "Ran 3 tests",
    ),
    Told("a file", "Read main.py for me", (Returned("Read", CODE),), "`main.py` has 2 lines"),
    Told(
        "no way is left", HELLO,
        (
            Returned("Bash", LISTED), Returned("Write", "denied", error=True),
            Returned("Bash", "Process exited with code 1"),
        ),
        "That did not work:\n\nProcess exited",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", TOLD, ids=lambda case: case.name)
def test_its_last_words_come_from_the_outcomes(case: Told) -> None:
    """An agent that says the same whatever happened would demonstrate nothing."""
    ended = step(prompt_of(AGENTS["Claude Code"], case.asked, case.returned))
    assert case.words in ended.words
    assert not ended.calls


def test_a_way_that_fails_is_replaced_by_another() -> None:
    """Claude Code's Write fails where a file has not been read; the shell does not."""
    returned = (Returned("Bash", LISTED), Returned("Write", "not read yet", error=True))
    ((name, values),) = called("Claude Code", HELLO, *returned)
    assert (name, values["command"]) == ("Bash", SHELL_HELLO)


def test_a_new_question_begins_anew() -> None:
    """Outcomes of earlier rounds are not those of this one."""
    earlier = prompt_of(AGENTS["Codex"], HELLO, [Returned("exec_command", "x")] * 2)
    later = earlier.replace(
        "\n\nIf something", f"\n\n<fn:user>\n{RENAME}\n</fn:user>\n\nIf something"
    )
    ((call,), _) = step(later).calls, None
    assert dict(call.values)["cmd"] == "cat main.py"


WEATHER = ('get_weather(city: string, unit: "C" | "F")', "send_mail(to: string, body: string)")


@frozen
class Named:
    """A question about one of two functions, and the calls."""

    name: str
    asked: str
    calls: Sequence[tuple[str, dict[str, Any]]]
    last: str = ""


NAMED = [
    Named("one", 'The weather in "Oslo", in F?', [("get_weather", {"city": "Oslo", "unit": "F"})]),
    Named("none", "How much is 17 + 4?", []),
    Named("a word without values", "What is weather?", []),
    Named(
        "several values", 'Mail to "a@example.com": `two`',
        [("send_mail", {"to": "a@example.com", "body": "two"})],
    ),
    Named(
        "forced", "Hello", [("get_weather", {"city": "Hello", "unit": "C"})],
        "Answer with exactly one ELEMENT for get_weather and nothing else.",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", NAMED, ids=lambda case: case.name)
def test_other_functions_are_called_by_the_words_of_their_names(case: Named) -> None:
    """The demo answers the first examples of every client library, which ask for the weather."""
    reading = read_prompt(prompt_of(WEATHER, case.asked, last=case.last))
    assert reading is not None
    found = next_step(reading)
    made = [(call.name, dict(call.values)) for call in found.calls] if found else []
    assert made == case.calls


def test_one_call_is_made_for_each_value() -> None:
    """Parallel calls come from one question."""
    asked = 'The weather in "Oslo" and "Lima"?'
    made = step(prompt_of(("get_weather(city: string)",), asked)).calls
    assert [dict(call.values) for call in made] == [{"city": "Oslo"}, {"city": "Lima"}]


@pytest.mark.parametrize(
    "aside",
    ["<system-reminder>\nRun the tests.\n</system-reminder>", "<environment_context>\n<cwd>/w</cwd>\n</environment_context>"],
)  # fmt: skip
def test_what_clients_put_beside_the_question_is_no_question(aside: str) -> None:
    """Claude Code and Codex send such turns before the user's words, and behind outcomes."""
    asked = f"{aside}\n{RENAME}"
    assert called("Codex", asked) == [("exec_command", {"cmd": "cat main.py"})]
    seen = prompt_of(AGENTS["Codex"], RENAME, [Returned("exec_command", CODE)])
    behind = seen.replace("\n\nIf something", f"\n\n<fn:user>\n{aside}\n</fn:user>\n\nIf something")
    assert [dict(call.values) for call in step(behind).calls] == [{"cmd": SED}]


def test_markup_in_a_question_is_part_of_it() -> None:
    """A question may hold a file's content."""
    reading = read_prompt(prompt_of(AGENTS["Codex"], 'Write a.html: <div class="a">x</div>'))
    assert reading is not None
    assert reading.asked == 'Write a.html: <div class="a">x</div>'
