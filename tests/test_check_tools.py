"""``check --tools``: exercises in calling tools, to the simulated Grok in its characters."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import frozen

from grokcore.cli import EXIT_CONFIG, main
from grokcore.cli.check.findings import Status
from grokcore.cli.check.tools_report import FORMS, Results, verdict
from grokcore.protocol.emulation.evaluation import Score
from grokcore.protocol.emulation.exercises import Kind
from grokcore.protocol.tokens import token_id
from grokcore.simulator import lines
from grokcore.simulator.agent.model import Agent
from grokcore.simulator.app import Simulator
from grokcore.simulator.limits import Limit
from grokcore.simulator.scripts import error
from tests.check_site import CANARY, SECRETS, Capture, Site, lines_of, place
from tests.terminals import Terminal

__all__ = ["place"]  # a fixture

SOCKET = 'web_lane = "socket"\n'
REST = 'web_lane = "rest"\n'
SIX = ("--yes", "--questions", "6", "--form", "call")


def run(site: Site, place: Path, capsys: Capture, *words: str) -> tuple[int, list[str], str]:
    """The exit code, the lines of the exercises, and stderr. In no case a secret."""
    code = site.run(place, "--tools", *words)
    out, err = capsys.readouterr()
    assert [secret for secret in (*SECRETS, lines.USER_ID) if secret in out + err] == []
    return code, [f"{word}: {rest}" for word, name, rest in lines_of(out) if name == "tools"], err


def questions(simulator: Simulator) -> int:
    return len([call for call in simulator.sockets.calls if call.frames]) + len(simulator.calls)


@frozen
class Case:
    """A model, and pieces of the line on its form."""

    name: str
    agent: Agent
    pieces: Sequence[str]
    questions: int = 6
    grok: str = SOCKET
    word: str = "warn"


def agent(character: str, *, mends: bool = False) -> Agent:
    return Agent(character, mends=mends, pace_s=0.0)


CASES = [
    Case(
        "obedient", agent("obedient"),
        ["6 of 6 exercises solved at once; 5 of 5 with valid calls; 5 with equal values"],
        word="ok",
    ),
    Case("over REST", agent("obedient"), ["6 of 6 exercises solved"], grok=REST, word="ok"),
    Case("inventing", agent("inventing the outcome"), ["6 of 6", "5 went on"], word="ok"),
    Case("inventing over REST", agent("inventing the outcome"), ["5 went on"], 6, REST, "ok"),
    Case(
        "prose", agent("prose only"),
        ["1 of 6", "5 without a call", "1.2 questions each", "not solved: 1 single, 1 choice"], 7,
    ),
    Case("leaks", agent("explaining"), ["1 of 6", "4 leaks"], 7),
    Case(
        "corrected", agent("cut in a value", mends=True),
        ["1 of 6", "5 of 5 with valid calls", "1.8 questions each"], 11,
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_model_is_measured_as_the_server_would_ask_it(
    case: Case, place: Path, capsys: Capture
) -> None:
    """The owner learns how far agents get with the own account, before an agent stumbles."""
    simulator = Simulator(agent=case.agent)
    code, found, err = run(Site(simulator, case.grok), place, capsys, *SIX)
    assert found[0].startswith(f'{case.word}: form "call": ')
    assert [piece for piece in case.pieces if piece not in found[0]] == [], found[0]
    assert 'only the form "call" was tried' in found[1]
    assert questions(simulator) == case.questions
    assert code == 0
    assert "This asks Grok 6 questions (6 exercises with calls written as: call), and up to" in err
    assert token_id(CANARY) in err
    assert [*simulator.sockets.open, *simulator.open_calls] == []


def test_all_forms_are_compared_with_the_model_that_is_named(place: Path, capsys: Capture) -> None:
    """Grok's models differ, and a form that one keeps another may not."""
    simulator = Simulator(agent=agent("obedient"))
    words = ("--yes", "--questions", "1", "--model", "grok-auto")
    _, found, err = run(Site(simulator, SOCKET), place, capsys, *words)
    assert [line.split(":")[1] for line in found[:-1]] == [
        ' form "call"', ' form "function_call"', ' form "json"',
    ]  # fmt: skip
    assert "mode auto" in err
    assert {call.model for call in simulator.sockets.calls if call.frames} == {"auto"}


def test_an_account_that_is_used_up_leaves_the_rest_to_the_others(
    place: Path, capsys: Capture
) -> None:
    """Without another, the scores so far are reported."""
    simulator = Simulator(agent=agent("obedient"))
    simulator.limits[(CANARY, "fast")] = Limit(25, 4)
    _, found, _ = run(Site(simulator, SOCKET), place, capsys, *SIX)
    assert "4 of 4 exercises solved" in found[0]
    assert "1 got no answer" in found[0]
    simulator.limits[(CANARY, "fast")] = Limit(25, 4)
    _, found, _ = run(Site(simulator, SOCKET, [CANARY, "two"]), place, capsys, *SIX)
    assert "6 of 6 exercises solved" in found[0]


def test_a_refused_egress_is_asked_no_more(place: Path, capsys: Capture) -> None:
    """Each further question would harden the refusal."""
    simulator = Simulator()
    simulator.always(error(403, lines.ERROR_403_ANTIBOT))
    code, found, _ = run(Site(simulator, REST), place, capsys, *SIX)
    assert code == 1
    assert found[0].startswith('skip: form "call": no exercise was answered (')
    assert found[1] == "FAIL: no exercise was answered. See the findings above."
    assert questions(simulator) == 1


@pytest.mark.parametrize("typed", ["y\n", "\n"])
def test_nothing_is_asked_before_the_owner_agrees(
    typed: str, place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A free account has some thirty questions a day."""
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    simulator = Simulator(agent=agent("obedient"))
    _, found, err = run(Site(simulator, SOCKET), place, capsys, *SIX[1:])
    assert err.endswith("Ask? [y/N] ")
    assert questions(simulator) == (6 if typed == "y\n" else 0)
    assert ("skip: not asked: you did not agree" in found) == (typed == "\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--tools"], "there is no terminal to ask you at; add --yes"),
        (["--questions", "3"], "--questions: belongs to --tools"),
        (["--form", "json"], "--form: belongs to --tools"),
        (["--tools", "--ask", "--yes"], "--tools: can't be combined with --ask"),
        (["--tools", "--yes", "--questions", "0"], "--questions: must be 1 or more"),
    ],
)
def test_exercises_without_consent_are_refused_before_anything_is_looked_at(
    words: list[str], says: str, place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that forgot the flag must not spend questions, nor wait for a person."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main(["check", *words]) == EXIT_CONFIG
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err


def test_a_model_that_does_not_chat_is_refused(place: Path, capsys: Capture) -> None:
    """A typo would otherwise measure another model."""
    site = Site(Simulator(), SOCKET)
    assert site.run(place, "--tools", "--yes", "--model", "grok-9") == EXIT_CONFIG
    assert "--model: 'grok-9' is no model that chats" in capsys.readouterr().err


def test_without_a_token_nothing_can_be_measured(place: Path, capsys: Capture) -> None:
    """The findings before have named the reason."""
    _, found, err = run(Site(Simulator(), SOCKET, []), place, capsys, *SIX)
    assert found == ["skip: no token can be asked"]
    assert "This asks" not in err


@frozen
class Comparison:
    """Scores of forms, out of ten, and the verdict."""

    solved: dict[str, int]
    status: Status
    words: str
    set_form: str = "call"


COMPARISONS = [
    Comparison({}, Status.FAIL, "no exercise was answered"),
    Comparison({"call": 9, "function_call": 9}, Status.OK, '"call" is set'),
    Comparison(
        {"call": 9, "function_call": 9}, Status.OK, '"function_call" is set', "function_call"
    ),
    Comparison({"call": 8, "function_call": 9}, Status.WARN, 'form "function_call" best'),
    Comparison({"call": 9}, Status.OK, 'only the form "call" was tried'),
    Comparison({"function_call": 9}, Status.OK, 'was tried; [grok] tool_form = "call" is set'),
    Comparison(
        {"function_call": 9, "json": 9}, Status.OK, 'tool_form = "function_call" chooses it'
    ),
    Comparison({"json": 10}, Status.OK, "that no setting chooses"),
    Comparison({"call": 1, "json": 10}, Status.OK, '"call" is set'),
]


@pytest.mark.parametrize("case", COMPARISONS, ids=lambda case: str(case.solved))
def test_the_verdict_names_the_best_form_and_its_setting(case: Comparison) -> None:
    """Of equal forms the one that is set is kept: a change has to be worth it."""
    results = [
        Results(form, 10, [(Kind.SINGLE, Score(1, 1, int(place < solved))) for place in range(10)])
        for form, solved in case.solved.items()
    ]
    found = verdict(results, case.set_form)
    assert found.status is case.status
    assert case.words in found.message


@pytest.mark.parametrize("form", FORMS)
def test_every_form_can_be_asked_for_alone(form: str, place: Path, capsys: Capture) -> None:
    """The flag's choices are written out, since a server has no use for the table behind them."""
    assert main(["check", "--form", form]) == EXIT_CONFIG
    assert "--form: belongs to --tools" in capsys.readouterr().err
