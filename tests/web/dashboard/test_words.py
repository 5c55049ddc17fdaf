"""The page's own words: each in both languages, none missing and none left over."""

from __future__ import annotations

import importlib.resources
import json
import re
from typing import cast

import pytest

from grokcore.web import dashboard

FOLDER = importlib.resources.files(dashboard.__name__) / "page"


def text_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def catalogue() -> dict[str, list[str]]:
    """The words as JSON."""
    text = text_of("words.js")
    body = text[text.index("= {") + 2 : text.rindex("};") + 1]
    body = re.sub(r"^ *//.*$", "", body, flags=re.MULTILINE)
    body = re.sub(r"^( +)(\w+):", r'\1"\2":', body, flags=re.MULTILINE)
    return cast(dict[str, list[str]], json.loads(re.sub(r",(\s*[\]}])", r"\1", body)))


WORDS = catalogue()

ALIKE = {"part_of", "tier_super"}
"""Words that need no Chinese letters."""

SOURCES = {
    name: text_of(name)
    for name in dashboard.FILES
    if name.endswith((".js", ".html")) and name != "words.js"
}


def placeholders(words: str) -> list[set[str]]:
    """The names in braces, of each form."""
    return [set(re.findall(r"\{(\w+)\}", form)) for form in words.split(" | ")]


@pytest.mark.parametrize("key", WORDS)
def test_each_word_is_there_in_both_languages(key: str) -> None:
    """With the same placeholders; English alone has a form for one thing."""
    english, chinese = WORDS[key]
    assert placeholders(chinese) == placeholders(english)[:1]
    assert len({frozenset(form) for form in placeholders(english)}) == 1
    if re.search(r"[A-Za-z]", re.sub(r"\{\w+\}", "", english)) and key not in ALIKE:
        assert re.search(r"[\u4e00-\u9fff]", chinese)
    assert not re.search(r"[\u4e00-\u9fff]", english)


def test_no_word_is_missing_and_none_is_left_over() -> None:
    """A key that the page asks for and does not have would stop it."""
    text = "\n".join(SOURCES.values())
    asked = {
        *re.findall(r'data-(?:word|label|hint)="(\w+)"', text),
        *re.findall(r'\bword\("(\w+)"', text),
    }
    assert asked - set(WORDS) == set()
    prefixes = {
        *re.findall(r'wordOr\("(\w+)"', text),
        *re.findall(r"`(\w+)_\$\{", text),
        *("sort", "group", "column"),
    }
    quoted = set(re.findall(r'"(\w+)"', text)) | asked
    left = {
        key
        for key in WORDS
        if key not in quoted and not any(key.startswith(f"{prefix}_") for prefix in prefixes)
    }
    assert left == set()


def test_nothing_is_written_in_the_page_itself() -> None:
    """A word in a file other than the catalogue would stay English for everybody."""
    page = re.sub(
        r"<noscript>.*?</noscript>|<title>.*?</title>|<h1>.*?</h1>", "", SOURCES["index.html"]
    )
    assert re.findall(r">\s*([A-Za-z][^<>]*)<", page) == []


def test_every_file_is_served_and_loaded_at_once() -> None:
    """A script that is found only when another one runs costs a journey more."""
    served = {entry.name for entry in FOLDER.iterdir() if entry.is_file()}
    assert served == set(dashboard.FILES)
    page = SOURCES["index.html"]
    linked = set(re.findall(r'(?:href|src)="status/([\w.-]+)"', page))
    assert linked == served - {"index.html"}
