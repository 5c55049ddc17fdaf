"""The prose rules of docs/CONTRIBUTING.md, as far as a program can see a breach."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import frozen

from tests.prose import faults_of

ROOT = Path(__file__).parents[1]

PLAIN = [".ci", "bench", "deploy", "grokcore", "grok2api.py"]


@pytest.mark.parametrize("place", PLAIN)
def test_the_prose_of_the_sources_is_plain(place: str) -> None:
    """A stranger understands it: first words, named actors, sentences of 25 words at most."""
    path = ROOT / place
    assert path.exists()
    sources = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    assert [
        f"{source.relative_to(ROOT)}:{fault.line}: {fault.rule}: {fault.words}"
        for source in sources
        for fault in faults_of(source.read_text("utf-8"))
    ] == []


@frozen
class Case:
    """A piece of source, and the rules that it breaks."""

    name: str
    source: str
    rules: list[str]


LONG = " ".join(["word"] * 26) + "."

CASES = [
    Case("a plain docstring", 'def f():\n    """The name of a token, in lower case."""', []),
    Case("a first word", 'class A:\n    """What a client wants."""', ["first word"]),
    Case("a word that only begins so", 'class A:\n    """Items of a list."""', []),
    Case("a riddle in a comment", "# Whoever has it closes it.\n", ["riddle: whoever"]),
    Case("a riddle over two lines", "# The owner is\n# told so.\n", ["riddle: told"]),
    Case("a riddle in a message", 'a = "the owner is told of it"', ["riddle: told"]),
    Case("a word of no sentence", 'a = "told"', []),
    Case("a riddle within code", "# The field ``what is`` and `told`.\n", []),
    Case("to tell apart", "# The names tell them apart, and tell keys apart.\n", []),
    Case("a long sentence", f'"""A {LONG}"""', ["27 words"]),
    Case("two sentences", f'"""A thing; {LONG[5:]} B thing."""', []),
    Case("a long message", f'a = "{LONG}"', []),
    Case("a field", f'"""A thing.\n\n:raises KeyError: {LONG[5:]}\n"""', []),
    Case("a long field", f'"""A thing.\n\n:ivar name: {LONG}\n"""', ["26 words"]),
    Case("a list", '"""Rules\n-----\n1. ' + "word " * 20 + "\\n2. " + "word " * 20 + '"""', []),
    Case("a table", '"""A thing.\n\n===  ===\n' + "a   b   " * 30 + '\n"""', []),
    Case("no prose", "a = 1  # noqa: S101\n", []),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_faults_are_seen_and_nothing_else(case: Case) -> None:
    """A false alarm would make people write round the program instead of for people."""
    assert [fault.rule for fault in faults_of(case.source)] == case.rules
