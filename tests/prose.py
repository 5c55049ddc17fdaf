"""The prose of a source file: docstrings, comments and messages, and the faults of it that a
program can see.

The rules are those of docs/CONTRIBUTING.md. Called as a program, it lists the faults in the files
and folders that are named: ``python -m tests.prose grokcore/web``.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

LONGEST_SENTENCE = 25
"""Words."""

FIRST_WORDS = re.compile(
    r"(?:What|It|Its|One|Ones|Whoever|Whatever|Whichever|That|Those|Nobody|Somebody|So|And|Also|But"
    r"|Same)\b"
)
"""A docstring begins with the thing or the act."""

RIDDLES = re.compile(
    r"\b(?:who(?:so)?ever|whomever|somebody|someone|(?:told|tells?|telling)\b(?!(?: \w+){0,2} apart)"
    r"|hears? of|heard of|all in all|without a word"
    r"|what (?:was|is|were|came|comes|has|had|there)\b)",
    re.IGNORECASE,
)
"""Words behind which an actor or a thing hides. To tell things apart is plain."""

CODE = re.compile(r"``.*?``|`.*?`", re.DOTALL)
"""Names and code in prose; the rules are not for them."""


@frozen
class Text:
    """A docstring, a run of comments, or a string that a person may read.

    :ivar line: its first line, from 1.
    """

    line: int
    kind: str
    words: str


@frozen
class Fault:
    """A breach of a rule."""

    line: int
    rule: str
    words: str


def texts_of(source: str) -> Iterator[Text]:
    """Everything that is written for people in a module."""
    tree = ast.parse(source)
    docstrings = {id(node) for node in _docstring_nodes(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) in docstrings:
                yield Text(node.lineno, "docstring", ast.literal_eval(repr(node.value)))
            elif node.value.count(" ") > 2:
                yield Text(node.lineno, "message", node.value)
    yield from _comments(source)


def _docstring_nodes(tree: ast.Module) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                yield statement.value


def _comments(source: str) -> Iterator[Text]:
    first, words, last = 0, "", -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT or re.match(r"#!|# (?:noqa|type:|fmt:)", token.string):
            continue
        line, word = token.start[0], re.sub(r"# (?:noqa|type:).*?(?: - |$)", "", token.string)
        if line == last + 1 and not token.line[: token.start[1]].strip():
            words += "\n" + word.lstrip("# ")
        else:
            if words:
                yield Text(first, "comment", words)
            first, words = line, word.lstrip("# ")
        last = line
    if words:
        yield Text(first, "comment", words)


def faults_of(source: str, *, messages: bool = True) -> Iterator[Fault]:
    """The faults of a module."""
    for text in texts_of(source):
        if text.kind == "message" and not messages:
            continue
        if text.kind == "docstring" and FIRST_WORDS.match(text.words):
            yield Fault(text.line, "first word", text.words.split("\n")[0])
        words = CODE.sub("x", text.words)
        for found in RIDDLES.finditer(words):
            yield Fault(text.line, f"riddle: {found[0].lower()}", _around(words, found))
        if text.kind != "message":
            for sentence in _sentences(text.words):
                count = len(sentence.split())
                if count > LONGEST_SENTENCE:
                    yield Fault(text.line, f"{count} words", sentence)


def _around(words: str, found: re.Match[str]) -> str:
    return " ".join(words[max(0, found.start() - 40) : found.end() + 40].split())


def _sentences(words: str) -> Iterator[str]:
    """Sentences of running text: no tables, lists' marks or fields, no code."""
    words = re.sub(r"(?m)^.+\n[-=]{3,}$", "", words)  # headings
    lines = [line for line in words.split("\n") if not re.match(r"\s*(?:=|-|\||>>>|\.\. )", line)]
    lines = [line for line in lines if not re.search(r"\S {2,}\S", line)]
    blocks = re.split(r"\n\s*\n|\n\s*(?=\* |\d+\. |:\w)|::\s*\n", "\n".join(lines))
    for block in blocks:
        flat = CODE.sub("x", " ".join(block.split()))
        flat = re.sub(r"^:\w+[^:]*: ", "", flat)  # the name of a reST field
        yield from re.split(r"(?<=[.!?:;])\s+", flat)


def main(names: list[str]) -> int:
    """List the faults, as ``file:line: rule: words``; the exit code is 1 if there are any."""
    paths = [
        path
        for name in names
        for path in ([Path(name)] if name.endswith(".py") else sorted(Path(name).rglob("*.py")))
    ]
    faults = [(path, fault) for path in paths for fault in faults_of(path.read_text("utf-8"))]
    for path, fault in faults:
        print(f"{path}:{fault.line}: {fault.rule}: {fault.words[:160]}")
    print(f"{len(faults)} faults")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
