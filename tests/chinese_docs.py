"""Chinese pages held against the English ones, block by block, for a test and for translators.

``python -m tests.chinese_docs`` lists the differences, and also the blocks of English pages whose
words have changed since the last commit of their Chinese page.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

from attrs import evolve, frozen

from .markdown import Block, blocks, slugs

__all__ = ["ROOT", "Page", "differences", "faults_of_style", "pages", "terms", "words_changed"]

ROOT = Path(__file__).parent.parent
CHINESE = ROOT / "docs" / "zh-CN"
ADDED = {"CONTRIBUTING.md": "中文文档"}
"""Headings of last sections that only the Chinese page has."""

ANY = "*"
"""The anchor of a target while the headings of its page differ."""

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]

_SPAN = re.compile(r"`[^`]+`")
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_OTHER_LANGUAGE = re.compile(r" ?\(\[中文\]\([^)]*\)\)|^\[(?:中文|中文说明|English)\]\([^)]*\)$")
_COMMENT = re.compile(r"(?:(?<=\s)|^)#+ .*$", re.MULTILINE)
_WITH_COMMENTS = ("sh", "toml", "ini", "yaml", "nginx", "python", "promql", "caddyfile")


@frozen
class Page:
    """An English page and its Chinese counterpart, which may be missing."""

    english: Path
    chinese: Path

    def __str__(self) -> str:
        return self.english.relative_to(ROOT).as_posix()


def pages() -> list[Page]:
    """All pages that have, or should have, a counterpart: README, ``docs``, and those for
    developers that are translated.
    """
    docs = ROOT / "docs"
    translated = sorted(CHINESE.glob("developers/*.md"))
    english = [*sorted(docs.glob("*.md")), *(docs / "developers" / it.name for it in translated)]
    return [
        Page(ROOT / "README.md", ROOT / "README.zh-CN.md"),
        *(Page(path, CHINESE / path.relative_to(docs)) for path in english),
    ]


# Blocks -----------------------------------------------------------------------------------------


def content(path: Path, text: str) -> list[Block]:
    """The blocks of a page, without links to the other language and sections of its own."""
    found = []
    for block in blocks(text):
        if path.is_relative_to(CHINESE) and block.text == ADDED.get(path.name):
            break
        if words := _OTHER_LANGUAGE.sub("", block.text):
            found.append(evolve(block, text=words))
    return found


def spans(text: str) -> Counter[str]:
    return Counter(_SPAN.findall(text))


def numbers(text: str) -> Counter[str]:
    """Numbers outside code and targets of links; a month before its year is one, and
    millions are counted in 万 or 亿."""
    bare = _LINK.sub(r"\1", _SPAN.sub(" ", text))
    for number, month in enumerate(MONTHS, 1):
        bare = re.sub(rf"\b{month} (?=(?:to \w+ )?\d{{4}})", f"{number} ", bare)
    bare = re.sub(r"(\d+) million", _million, bare)
    return Counter(_NUMBER.findall(bare))


def _million(match: re.Match[str]) -> str:
    """In 万, or in 亿 if it is a whole number of them."""
    millions = int(match[1])
    return str(millions // 100 if millions % 100 == 0 else millions * 100)


def bold(text: str) -> Counter[str]:
    return Counter({"**bold**": _SPAN.sub("", text).count("**") // 2})


def cells(text: str) -> list[str]:
    outside = re.sub(r"`[^`]*`", lambda span: span[0].replace("|", "\0"), text)
    return [cell.replace("\0", "|").strip() for cell in outside.strip("|").split("|")]


def bare_code(text: str) -> str:
    """Code with each comment replaced by a mark, where the language has comments."""
    language = text.partition("\n")[0].strip("` ")
    return _COMMENT.sub("#", text) if language in _WITH_COMMENTS else text


def fingerprint(block: Block) -> tuple[object, ...]:
    """What a block has in both languages."""
    if block.kind == "code":
        return (block.kind, bare_code(block.text))
    return (block.kind, frozenset(spans(block.text).items()), _shown(numbers(block.text)))


def _shown(found: Counter[str]) -> str:
    return ", ".join(sorted(found.elements()))


# Links ------------------------------------------------------------------------------------------


def counterpart(path: Path) -> Path:
    """The Chinese page of a page, or the page itself where there is none."""
    if path == ROOT / "README.md":
        return ROOT / "README.zh-CN.md"
    docs = ROOT / "docs"
    if path.is_relative_to(docs) and (CHINESE / path.relative_to(docs)).is_file():
        return CHINESE / path.relative_to(docs)
    return path


@cache
def headings(path: Path) -> list[str]:
    """The levels of the headings."""
    return [block.kind for block in blocks(path.read_text("utf-8")) if "heading" in block.kind]


@cache
def anchors(english: Path, chinese: Path) -> dict[str, str]:
    """By an anchor of the English page, that of the Chinese one; empty while headings differ."""
    levels = headings(english)
    if headings(chinese)[: len(levels)] != levels:
        return {}
    texts = (path.read_text("utf-8") for path in (english, chinese))
    return dict(zip(*map(slugs, texts), strict=False))


def expected_target(page: Page, target: str) -> str:
    """The target that the Chinese page should have for one of the English page."""
    if re.match(r"[a-z]+:", target):
        return target
    file, _, anchor = target.partition("#")
    there = (page.english.parent / file).resolve() if file else page.english
    goal = counterpart(there)
    if anchor and goal != there:
        anchor = anchors(there, goal).get(anchor, ANY)
    name = "" if goal == page.chinese else os.path.relpath(goal, page.chinese.parent)
    return f"{name}#{anchor}" if anchor else name


def links_compared(page: Page, there: Block, here: Block) -> Iterator[str]:
    """Targets that are missing or too many; any anchor will do in a page whose headings differ."""
    wanted = [expected_target(page, target) for target in targets(there.text)]
    free = {target.partition("#")[0] for target in wanted if target.endswith(f"#{ANY}")}
    found = [
        f"{file}#{ANY}" if mark and file in free else target
        for target in targets(here.text)
        for file, mark, _ in [target.partition("#")]
    ]
    yield from _counted("link to", Counter(wanted), Counter(found))


def targets(text: str) -> Iterator[str]:
    """Targets of links. The example configuration may be linked in either language."""
    for _, target in _LINK.findall(_SPAN.sub("", text)):
        yield target.removesuffix("/").replace("config.example.zh-CN.toml", "config.example.toml")


# Comparison -------------------------------------------------------------------------------------


def differences(page: Page, text: str) -> list[str]:
    """Sentences, each with the line of the Chinese page and that of the English one.

    :param text: of the Chinese page.
    """
    english = content(page.english, page.english.read_text("utf-8"))
    chinese = content(page.chinese, text)
    matcher = SequenceMatcher(
        None,
        [fingerprint(block) for block in english],
        [fingerprint(block) for block in chinese],
        autojunk=False,
    )
    return list(_differences(page, english, chinese, matcher))


def _differences(
    page: Page,
    english: list[Block],
    chinese: list[Block],
    matcher: SequenceMatcher[tuple[object, ...]],
) -> Iterator[str]:
    for _, begin, end, other_begin, other_end in matcher.get_opcodes():
        theirs, ours = english[begin:end], chinese[other_begin:other_end]
        if [block.kind for block in theirs] == [block.kind for block in ours]:
            for there, here in zip(theirs, ours, strict=True):
                yield from (
                    f"{_where(page, there, here)}: {it}" for it in _compared(page, there, here)
                )
            continue
        at = chinese[other_begin].line if other_begin < len(chinese) else "its end"
        for there in theirs:
            yield f"{_name(page.english)}:{there.line}: this {_seen(there)} has no counterpart near {_name(page.chinese)}:{at}"
        for here in ours:
            yield f"{_name(page.chinese)}:{here.line}: this {_seen(here)} has no English counterpart"


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _where(page: Page, there: Block, here: Block) -> str:
    return f"{_name(page.chinese)}:{here.line} ({_name(page.english)}:{there.line}), {here.kind}"


def _seen(block: Block) -> str:
    words = " ".join(block.text.removeprefix("```").split())
    return f"{block.kind} «{words[:60]}»"


def _compared(page: Page, there: Block, here: Block) -> Iterator[str]:
    if there.kind == "code":
        yield from _compared_code(bare_code(there.text), bare_code(here.text))
        return
    yield from _counted("code", spans(there.text), spans(here.text))
    yield from _counted("number", numbers(there.text), numbers(here.text))
    yield from _counted("emphasis", bold(there.text), bold(here.text))
    yield from links_compared(page, there, here)
    if there.kind == "row":
        yield from _compared_rows(cells(there.text), cells(here.text))


def _counted(what: str, wanted: Counter[str], found: Counter[str]) -> Iterator[str]:
    yield from (f"lacks the {what} {it}" for it in (wanted - found).elements())
    yield from (f"has the {what} {it} too many" for it in (found - wanted).elements())


def _compared_rows(there: list[str], here: list[str]) -> Iterator[str]:
    if len(there) != len(here):
        yield f"has {len(here)} cells for {len(there)}"
        return
    for column, (left, right) in enumerate(zip(there, here, strict=True), 1):
        if spans(left) != spans(right) or bool(left) != bool(right):
            yield f"cell {column} is «{right}» for «{left}»"


def _compared_code(there: str, here: str) -> Iterator[str]:
    left, right = there.splitlines(), here.splitlines()
    for number, (line, other) in enumerate(zip(left, right, strict=False), 1):
        if line != other:
            yield f"line {number} of the code is «{other}» for «{line}»"
            return
    if len(left) != len(right):
        yield f"the code has {len(right)} lines for {len(left)}"


# Style ------------------------------------------------------------------------------------------

_HAN = "\u4e00-\u9fff"
_FULL = "，。；：、？！（）“”《》"
RULES = (
    (rf"[{_HAN}{_FULL}][,;:!?]|[,;!?][{_HAN}]", "half-width punctuation beside Chinese"),
    (rf"[{_HAN}]\.(?=\s|$)", "a half-width full stop after Chinese"),
    (
        rf"\([^)]*[{_HAN}]|[{_HAN}][()]|[()][{_HAN}]",
        "half-width parentheses around or beside Chinese",
    ),
    (rf"\"[{_HAN}]|[{_HAN}]\"", "straight quotes beside Chinese"),
    (rf"[{_HAN}][A-Za-z0-9`]|[A-Za-z0-9`%][{_HAN}]", "no space between Chinese and Latin"),
    (rf"[{_FULL}] (?=\S)|\S [，。；：、？！）”]", "a space beside full-width punctuation"),
    (r"[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u3000]", "a full-width digit, letter or space"),
)
"""Patterns of faults in a text without emphasis and targets of links, and their names."""

_EMPHASIS = re.compile(r"(\*\*?)(?=\S)((?:(?!\1).)+)(?<=\S)\1")


def terms(path: Path) -> dict[str, str]:
    """The glossary of a page: by each word that is not used, the word that is."""
    rows = [cells(block.text) for block in blocks(path.read_text("utf-8")) if block.kind == "row"]
    heading = ["英文", "中文", "不用"]
    return {word: row[1] for row in rows[rows.index(heading) + 1 :] for word in row[2].split("、")}


def faults_of_style(text: str, glossary: dict[str, str]) -> list[str]:
    """Breaches of the rules for Chinese text, each with its line."""
    return [
        f"line {block.line}: {fault}"
        for block in blocks(text)
        if block.kind != "code"
        for fault in _faults_of_block(block, glossary)
    ]


def _faults_of_block(block: Block, glossary: dict[str, str]) -> Iterator[str]:
    if block.lines > 1:
        yield f"«{block.text[:30]}» is broken into lines; a break is shown as a space"
    linked = _LINK.sub(r"\1", _SPAN.sub("`x`", block.text))
    yield from _lost_emphasis(linked)
    for cell in cells(linked) if block.kind == "row" else [linked]:
        for pattern, name in RULES:
            plain = cell if " " in pattern else cell.replace("*", "")
            for match in re.finditer(pattern, plain):
                around = plain[max(0, match.start() - 8) : match.end() + 8]
                yield f"{name}: «{around}»"
    if cells(linked)[-1].split("、")[0] not in {*glossary, "不用"}:
        yield from (
            f"«{word}», for which we write «{ours}»"
            for word, ours in glossary.items()
            if word in linked
        )


def _lost_emphasis(text: str) -> Iterator[str]:
    """Emphasis that CommonMark does not see: punctuation within it, and a letter outside."""
    for match in _EMPHASIS.finditer(text):
        before, after = text[: match.start()][-1:], text[match.end() :][:1]
        inner = match[2].replace("`", "，")
        if (before.isalnum() and not inner[0].isalnum()) or (
            after.isalnum() and not inner[-1].isalnum()
        ):
            yield f"emphasis that is not shown, for want of a space: «{match[0][:30]}»"


# Words that have changed ------------------------------------------------------------------------


def _git(*arguments: str) -> str:
    return subprocess.run(
        ("git", *arguments), cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout


def words_changed(page: Page) -> list[str]:
    """Blocks of the English page that its last translation has not seen, by the history of git."""
    commit = _git("log", "-1", "--format=%H", "--", _name(page.chinese)).strip()
    if not commit:
        return []
    before = {block.text for block in blocks(_git("show", f"{commit}:{_name(page.english)}"))}
    return [
        f"{_name(page.english)}:{block.line}: {_seen(block)}"
        for block in blocks(page.english.read_text("utf-8"))
        if block.text not in before
    ]


def _report(title: str, lines: Iterable[str]) -> None:
    print(f"\n{title}\n", *lines, sep="\n")


if __name__ == "__main__":
    there = [page for page in pages() if page.chinese.is_file()]
    _report("Missing", [_name(page.chinese) for page in pages() if page not in there])
    _report(
        "Differences",
        [it for page in there for it in differences(page, page.chinese.read_text("utf-8"))],
    )
    _report("Changed since the translation", [it for page in there for it in words_changed(page)])
