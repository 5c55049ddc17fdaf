"""The messages in Chinese: complete, faithful, and in the words of docs/CONTRIBUTING.md."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from grokcore.languages import chinese, in_language
from grokcore.protocol.languages.negotiate import Language
from grokcore.protocol.languages.table import written_entry

from .chinese_tables import OF_NO_TEMPLATE, english_only, entries, missing, tables
from .words_of_code import templates, texts_of

GLOSSARY = Path(__file__).parents[1] / "docs" / "CONTRIBUTING.md"
CHINESE = r"[\u4e00-\u9fff]"

NAMES = re.compile(
    r"""
      `[^`{]+`                           # code
    | \[\[?[a-z_]+\]?\]                  # a section
    | (?<![\w-])--[a-z-]+                # a flag
    | \b\w+_\w+\b                        # a setting
    | \$[A-Z_]+
    | \b[\w-]+\.(?:toml|json|txt|md|py|com|x\.ai)\b
    | (?<![\w.:/}])/[a-z][\w/-]+         # a path
    | \bHTTP\ \d+\b
    | \b(?:tokens|grok|serve)\ (?:add|check|list|convert|import|login|update|--record)\b
    | \bimport-curl\b
    | (?<![\w.])\d+(?:\.\d+)*(?![\w.]*\w)
    """,
    re.VERBOSE,
)
"""What is the same in both languages."""


COMMANDS = re.compile(r"\b(?:tokens|grok) (?:add|check|list|convert|import|login|update)\b")


def glossary() -> list[tuple[str, list[str]]]:
    rows = re.findall(
        r"^\| ([a-z ]+) \| ([^|]+) \|([^|]*)\|$", GLOSSARY.read_text("utf-8"), re.MULTILINE
    )
    return [
        (term, [word.strip() for word in (first, *more.split(",")) if word.strip()])
        for term, first, more in rows
        if re.search(CHINESE, first) or term == "cookie"
    ]


def shown(faults: list[str]) -> str:
    return "\n".join(faults)


def test_every_message_has_a_chinese_counterpart() -> None:
    """A new message is English for everybody until it is in a table. ``python -m
    tests.chinese_tables`` prints those that are missing, for pasting.
    """
    absent = [f"# {place}\n{written_entry(text, '')}" for text, place in missing().items()]
    assert absent == [], "\n" + shown(absent)


def test_no_counterpart_has_lost_its_message() -> None:
    """A message that was reworded would leave its old counterpart behind."""
    there = templates().keys()
    dead = [
        f"{name}: {english}"
        for name, table in tables().items()
        if name not in OF_NO_TEMPLATE
        for english in table
        if english not in there
    ]
    assert dead + sorted(english_only() - there) == []


def test_no_message_is_in_two_tables() -> None:
    """One of two counterparts would be written for nothing."""
    counts = Counter(english for table in tables().values() for english in table)
    assert [english for english, count in counts.items() if count > 1] == []
    assert english_only() & entries().keys() == set()


def test_each_counterpart_has_the_same_values() -> None:
    """A value that is left out is lost for its reader."""
    wrong = [
        english
        for english, other in entries().items()
        if {int(number) for number in re.findall(r"\{(\d+)!?\}", other)}
        != set(range(english.count("{}")))
    ]
    assert wrong == []


def test_names_and_numbers_are_the_same() -> None:
    """Settings, commands, flags, paths and figures are copied by readers."""
    faults = [
        f"{english}\n  {other}\n  lacks {lost}"
        for english, other in entries().items()
        if (lost := [name for name in NAMES.findall(english) if name not in other])
    ]
    assert faults == [], shown(faults)


@pytest.mark.parametrize(("term", "words"), glossary(), ids=str)
def test_terms_are_those_of_the_glossary(term: str, words: list[str]) -> None:
    """One thing has one name, the name that Chinese operators know."""
    pattern = re.compile(rf"(?<![\w_./`'-]){term}(?:s|es)?(?![\w_=./`'-])(?! \w+ =)")
    faults = [
        f"{english}\n  {other}"
        for english, other in entries().items()
        if pattern.search(COMMANDS.sub("", english)) and not any(word in other for word in words)
    ]
    assert faults == [], shown(faults)


MANNERS = {
    "a narrow mark": re.compile(rf"{CHINESE}[,;:?!.(]|[,;?!)]{CHINESE}"),
    "no space": re.compile(rf"{CHINESE}[A-Za-z0-9]|[A-Za-z0-9]{CHINESE}"),
    "a space too many": re.compile(
        rf"{CHINESE} {CHINESE}|[，。；：？！（）、] | [，。；：？！）、]"
    ),
    "您": re.compile("您"),
}


@pytest.mark.parametrize("manner", MANNERS)
def test_chinese_is_written_as_in_the_documents(manner: str) -> None:
    """Full-width marks, a space beside Latin words, and 你."""
    faults = [
        f"{english}\n  {other}"
        for english, other in entries().items()
        if MANNERS[manner].search(re.sub(r"`[^`]*`|\"[^\"]*\"|'[^']*'|\\s", "〇", other.rstrip()))
    ]
    assert faults == [], shown(faults)


def test_a_sentence_stays_a_sentence() -> None:
    """A message that others are put behind ends as they expect: with a full stop, or without."""
    faults = [
        f"{english}\n  {other}"
        for english, other in entries().items()
        if english.rstrip().endswith((".", ".{}"))
        != other.endswith(("。", "。{0}", "。{1}", "。{2}", "。{3}"))
        and not english.endswith(("{}", "…"))
    ]
    assert faults == [], shown(faults)


def test_a_message_of_the_sources_is_translated_with_its_values() -> None:
    """The whole way: the files of the package, the catalogue, the values in their places."""
    words = "config.toml: [grok] cache_mb: must be between 0 and 1000000, not 2000000 (line 3, column 2)"
    assert in_language(words, Language.ZH) == (
        "config.toml: [grok] cache_mb：必须在 0 和 1000000 之间，而不是 2000000（第 3 行第 2 列）"
    )
    assert in_language(words, Language.EN) == words


def test_every_template_is_found_by_its_own_message() -> None:
    """A more specific template must not take a message that it did not make."""
    catalogue = chinese()
    wrong = []
    for english, other in entries().items():
        values = [f"value{number}" for number in range(english.count("{}"))]
        message = english.replace("{}", "%s").replace("%%s", "%s") if values else english
        for value in values:
            message = message.replace("%s", value, 1)
        got = catalogue.translate(message)
        lost = [value for value in values if value not in got]
        if lost or (re.search(CHINESE, other) and not re.search(CHINESE, got)):
            wrong.append(f"{message}\n  {got}")
    assert wrong == [], shown(wrong)


SOURCE = '''
"""A docstring of two words."""
_log.warning("a line of the log")
re.compile("no text here")
x: "TypeAlias of something" = 1
if a == "some words": pass
y = f"{a} is {'near' if b else f'far from {c}'}."
z = "two words"
table.add("one")
Column("state")
raise InvalidRequest("a fault of {name} here".format(name=1))
'''


def test_the_reader_of_the_sources_finds_texts_and_nothing_else() -> None:
    """A text that it passes over would stay English, and nobody would know."""
    assert sorted(text for _, text in texts_of(ast.parse(SOURCE))) == [
        "a fault of {} here",
        "state",
        "two words",
        "{} is far from {}.",
        "{} is near.",
    ]
    assert [text for _, text in texts_of(ast.parse(SOURCE), raised_only=True)] == [
        "a fault of {} here"
    ]


ROOT = Path(__file__).parents[1]
SETTING = re.compile(r"^(?:# )?((?:\[+[^\]]+\]+|\w+ = (?:\"[^\"]*\"|[^#\"])*))", re.MULTILINE)


def settings_in(name: str) -> list[str]:
    """The settings of an example, those that are commented out as well."""
    return [found.strip() for found in SETTING.findall((ROOT / name).read_text("utf-8"))]


def test_the_examples_differ_in_their_comments_alone() -> None:
    """Whoever copies from the Chinese one gets the same settings, and all of them."""
    english, chinese = map(settings_in, ("config.example.toml", "config.example.zh-CN.toml"))
    assert len(english) > 70
    assert [line for line in english if line not in chinese] == []
    assert chinese == english
    comments = re.findall(r"#.*", (ROOT / "config.example.zh-CN.toml").read_text("utf-8"))
    assert sum(bool(re.search(CHINESE, comment)) for comment in comments) > 60
