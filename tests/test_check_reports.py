"""The reports of ``check``: JSON for programs, lines and colours for people, a clean end."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grokcore import cli
from grokcore.cli import EXIT_CONFIG, main
from grokcore.cli.check.findings import Status
from grokcore.cli.redaction import without_secrets
from grokcore.protocol.tokens import token_id
from grokcore.simulator.app import Simulator
from grokcore.simulator.scripts import HANG, Script
from tests.check_interrupted import interrupted
from tests.check_site import (
    CANARY,
    ROOT,
    RUNS,
    SECRETS,
    Capture,
    Run,
    Site,
    check,
    lines_of,
    place,
)

__all__ = ["place"]  # a fixture


@pytest.mark.parametrize("run", [RUNS[0], RUNS[3], RUNS[-4]], ids=lambda run: run.name)
def test_for_programs_there_is_one_json_object(run: Run, place: Path, capsys: Capture) -> None:
    """The same findings, a summary, and nothing else on stdout."""
    _, told = check(run.site(), place, capsys)
    site = run.site()
    code = site.run(place, "--json")
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (code, err, found["summary"]["exit_code"]) == (run.code, "", run.code)
    assert [one["name"] for one in found["checks"]] == [name for _, name, _ in told]
    assert {frozenset(one) for one in found["checks"]} == {
        frozenset({"name", "status", "message", "advice"})
    }
    assert {one["status"] for one in found["checks"]} <= {"ok", "warn", "fail", "skipped"}
    assert sum(found["summary"][status.value] for status in Status) == len(told)
    assert [secret for secret in SECRETS if secret in out] == []


def test_a_token_that_was_typed_for_a_file_is_not_told(place: Path, capsys: Capture) -> None:
    """Neither in a line nor in JSON."""
    for words in ([], ["--json"]):
        assert (
            main(["check", "--config", f"sso={CANARY}", "--tokens", CANARY, *words]) == EXIT_CONFIG
        )
        out, err = capsys.readouterr()
        assert CANARY[:20] not in out + err


def test_the_demo_can_be_looked_at_too(place: Path, capsys: Capture) -> None:
    """Without any file, and without leaving this machine."""
    assert main(["check", "--demo"]) == 0
    told = lines_of(capsys.readouterr().out)
    assert sum(name.startswith("token ") and name != "token file" for _, name, _ in told) == 6
    assert list(place.iterdir()) == []


class Screen:
    """A terminal of 80 columns."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_it_is_coloured_and_fits(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The advice stands below the message, and ids are whole."""
    screen = Screen()
    for name, value in {"COLUMNS": "80", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", screen)
    assert Site(Simulator(dead={CANARY}), grok="").run(place) == 1
    plain = re.sub(r"\x1b\[[\d;]*m", "", screen.text)
    assert max(map(len, plain.splitlines())) <= 80
    assert f"FAIL  token {token_id(CANARY)}  refused. Grok said (HTTP 401)" in plain
    assert re.search(r"^ {22}Sign in at grok\.com again", plain, re.MULTILINE)
    assert all(
        f"\x1b[{colour}m{word}" in screen.text
        for colour, word in (("32", "ok"), ("33", "warn"), ("1;31", "FAIL"))
    )


def test_ctrl_c_ends_it_cleanly(place: Path) -> None:
    """Whatever it is waiting for: one word, no traceback, and the code that shells know."""
    site = Site(Simulator(trace_script=Script((HANG,), before=60)))
    simulator = site.simulator
    end = interrupted(site, place, when=lambda: simulator.until(lambda: bool(simulator.traces)))
    assert (end.code, end.err) == (130, "interrupted\n")
    assert "ok    names" in end.out


def test_a_server_does_not_load_what_only_people_need() -> None:
    """Nor the doctor: the start has a budget."""
    program = "import sys, grokcore.cli; print([name for name in sys.modules if name.split('.')[0] == 'rich' or 'check.' in name])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() in ("[]", "['grokcore.cli.tokens.check']"), cli.__file__


def test_a_reader_who_leaves_early_is_no_bug(place: Path) -> None:
    """``check | head -1``: also in the middle of the network's looks there is no traceback."""
    command = [sys.executable, "-m", "grokcore", "check", "--demo"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=place, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 1


def test_our_own_words_are_no_secrets() -> None:
    """Advice that shows how a value is written stays readable: only values of people are masked."""
    said = [
        text
        for path in (ROOT / "grokcore").rglob("*.py")
        if without_secrets(source := path.read_text("utf-8")) != source
        for text in messages_in(source)
        if without_secrets(text) != text
    ]
    assert said == []


def messages_in(source: str) -> Iterator[str]:
    """Strings of a few words, with a letter for each value in them; no docstrings."""
    tree = ast.parse(source)
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        said = [part.value if isinstance(part, ast.Constant) else "X" for part in parts]
        if (
            isinstance(node, (ast.JoinedStr, ast.Constant))
            and id(node) not in alone
            and all(isinstance(part, str) for part in said)
        ):
            text = "".join(map(str, said))
            if len(re.findall(r"[a-z]+ [a-z]+", text)) > 1:
                yield text
