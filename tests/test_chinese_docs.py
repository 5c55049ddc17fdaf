"""Chinese pages have all that the English ones have, in good Chinese typography.

``python -m tests.chinese_docs`` lists all differences at once.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import frozen

from .chinese_docs import CHINESE, ROOT, Page, differences, faults_of_style, pages, terms

EACH_PAGE = pytest.mark.parametrize("page", pages(), ids=str)
CLIENTS = Page(ROOT / "docs/clients.md", CHINESE / "clients.md")


def test_every_page_for_users_has_a_chinese_one() -> None:
    """Nobody who reads Chinese is left with half of the documents."""
    assert [str(page) for page in pages() if not page.chinese.is_file()] == []


def test_no_chinese_page_outlives_its_english_one() -> None:
    """A page that is renamed or removed goes in both languages."""
    assert {page.chinese for page in pages()} >= {*CHINESE.rglob("*.md")}


@EACH_PAGE
def test_a_chinese_page_has_what_the_english_one_has(page: Page) -> None:
    """Headings, code, rows, spans of code, numbers and links, block by block."""
    found = differences(page, page.chinese.read_text("utf-8"))

    assert not found, "\n".join(found)


@EACH_PAGE
def test_a_chinese_page_keeps_the_rules_of_its_script(page: Page) -> None:
    """Punctuation, spaces between scripts, emphasis that is shown, words of the glossary."""
    found = faults_of_style(page.chinese.read_text("utf-8"), terms(CHINESE / "CONTRIBUTING.md"))

    assert not found, "\n".join([page.chinese.name, *found])


@EACH_PAGE
def test_a_page_and_its_counterpart_link_to_each_other(page: Page) -> None:
    """A reader who came to the wrong language leaves it at the top."""
    for here, there in ((page.english, page.chinese), (page.chinese, page.english)):
        links = [
            (here.parent / line.partition("](")[2].removesuffix(")")).resolve()
            for line in here.read_text("utf-8").splitlines()[:10]
            if line.startswith(("[中文", "[English"))
        ]
        assert links == [there]


@frozen
class Fault:
    """A fault that a translator may make, and its report."""

    name: str
    change: Callable[[str], str]
    report: str


FAULTS = [
    Fault(
        "a span", lambda it: it.replace("`grok-4.1-thinking` 先", "它先"), "lacks the code `grok-4"
    ),
    Fault(
        "a number",
        lambda it: it.replace("只有 30 个。**", "只有 300 个。**"),
        "lacks the number 30",
    ),
    Fault("a heading's level", lambda it: it.replace("## Codex", "### Codex"), "heading 2 «Codex»"),
    Fault("code", lambda it: it.replace('"grok-expert"\n', '"grok"\n', 1), "line 2 of the code"),
    Fault(
        "a line of code",
        lambda it: it.replace("stream_max_retries = 1\n", ""),
        "line 12 of the code",
    ),
    Fault(
        "a link",
        lambda it: it.replace("reference.md#工具", "reference.md#路由"),
        "link to reference",
    ),
    Fault(
        "a row", lambda it: it.replace("| `audio` | 400 |\n", ""), "this row «| `audio` | 400 |»"
    ),
    Fault(
        "a cell", lambda it: it.replace("| `audio` | 400 |", "| 400 | `audio` |"), "cell 1 is «400»"
    ),
    Fault("an item", lambda it: it.replace("\n* 再添加", "\n\n再添加"), "this item «Add another"),
    Fault("emphasis", lambda it: it.replace("**密钥**", "密钥"), "lacks the emphasis"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_translation_is_found_where_it_is(fault: Fault) -> None:
    """The comparison is not blind, and says what to mend."""
    text = CLIENTS.chinese.read_text("utf-8")
    changed = fault.change(text)
    assert changed != text

    found = differences(CLIENTS, changed)

    assert any(fault.report in line for line in found), found


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("你好,世界", "half-width punctuation"),
        ("完成.", "full stop"),
        ("见(这里)", "parentheses"),
        ('写"值"', "straight quotes"),
        ("用curl访问", "no space"),
        ("值为`x`时", "no space"),
        ("好， 行", "a space beside"),
        ("１２", "full-width digit"),
        ("**好。**行", "emphasis"),
        ("在**`x`**中", "emphasis"),
        ("第一行\n第二行", "broken into lines"),
        ("请联系站长", "for which we write «管理员»"),
        ("| 键 | 用curl |", "no space"),
    ],
)
def test_a_fault_of_style_is_found(text: str, fault: str) -> None:
    """Each rule finds its breach."""
    found = faults_of_style(text, terms(CHINESE / "CONTRIBUTING.md"))

    assert any(fault in line for line in found), found


@pytest.mark.parametrize(
    "text",
    [
        "运行 `check`（见下文），等待 30 秒。",
        "**单个文件。** 用 `pip` 安装。",
        "| `x`、`y` | 你的*浏览器*，见[这里](a.md#b) |",
        "```sh\n运行,curl\n```",
    ],
)
def test_good_style_has_no_fault(text: str) -> None:
    """A rule that cries wolf is switched off by the first who meets it."""
    assert faults_of_style(text, terms(CHINESE / "CONTRIBUTING.md")) == []
