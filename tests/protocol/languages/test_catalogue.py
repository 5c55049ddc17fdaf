"""Finished messages in another language."""

from __future__ import annotations

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.languages import catalogue as module
from grokcore.protocol.languages.catalogue import Catalogue
from grokcore.protocol.languages.templates import Template, joined

ENTRIES = {
    "The server is stopping.": "服务正在停止。",
    "the file": "文件",
    "Wait until it is back.": "请等它恢复。",
    "Does it work?": "可用吗？",
    "tokens": "令牌",
    "{} failed: {}.": "{0} 失败：{1}。",
    "{} failed: the disk is full.": "{0} 失败：磁盘已满。",
    "all tokens are used up": "所有令牌已用尽",
    "The model {} has {} of {} tokens.": "{2} 个令牌中，模型 {0} 有 {1} 个。",
    'Grok said ({}): "{}"': 'Grok 说（{0}）："{1}"',
    "{} It said: {}": "{0} 它说：{1!}",
    "must be between {} and {}, not {}": "必须在 {0} 和 {1} 之间，而不是 {2}",
    " (line {})": "（第 {0} 行）",
    "{} added{}": "添加 {0} 个{1}",
    "{} added{}{}{}": "添加 {0} 个{1}{2}{3}",
    ", {} refused": "，拒绝 {0} 个",
    ", {} left": "，剩 {0} 个",
    ", unchanged": "，没有改动",
    "{} h {} min": "{0} 小时 {1} 分钟",
    "{} min": "{0} 分钟",
    "back in {}": "{0}后恢复",
    "{} and {}": "{0}和{1}",
    "{} of {}": "{0} / {1}",
    "line {}: a comma. Take it out": "第 {0} 行：有逗号。请去掉",
}
CATALOGUE = Catalogue(ENTRIES)


@frozen
class Case:
    """A message, and its Chinese."""

    name: str
    english: str
    chinese: str


CASES = [
    Case("a whole entry", "The server is stopping.", "服务正在停止。"),
    Case("an unknown text", "Nothing of ours here.", "Nothing of ours here."),
    Case(
        "values in another order", "The model m has 1 of 3 tokens.", "3 个令牌中，模型 m 有 1 个。"
    ),
    Case("the most specific one wins", "x failed: the disk is full.", "x 失败：磁盘已满。"),
    Case(
        "a value that is a message", "x failed: all tokens are used up.", "x 失败：所有令牌已用尽。"
    ),
    Case("two sentences", "Does it work? The server is stopping.", "可用吗？服务正在停止。"),
    Case("lines", "The server is stopping.\n  Does it work?", "服务正在停止。\n  可用吗？"),
    Case(
        "a sentence of others between",
        "The server is stopping. Hm. Does it work?",
        "服务正在停止。Hm. 可用吗？",
    ),
    Case(
        "a place before",
        "a.toml: [x] y: must be between 1 and 5, not 9",
        "a.toml: [x] y：必须在 1 和 5 之间，而不是 9",
    ),
    Case(
        "a fragment behind",
        "must be between 1 and 5, not 9 (line 3)",
        "必须在 1 和 5 之间，而不是 9（第 3 行）",
    ),
    Case(
        "quoted words of others",
        'Grok said (HTTP 401): "The server is stopping." Wait until it is back.',
        'Grok 说（HTTP 401）："The server is stopping." 请等它恢复。',
    ),
    Case(
        "words of others by their mark",
        "The server is stopping. It said: the file",
        "服务正在停止。它说：the file",
    ),
    Case("values side by side, none", "3 added", "添加 3 个"),
    Case("values side by side, unknown", "3 added, odd", "添加 3 个, odd"),
    Case("values side by side, one", "3 added, 2 left", "添加 3 个，剩 2 个"),
    Case(
        "values side by side, two",
        "3 added, 1 refused, unchanged",
        "添加 3 个，拒绝 1 个，没有改动",
    ),
    Case("a value within a value", "back in 2 h 3 min", "2 小时 3 分钟后恢复"),
    Case("a clause of a list", "odd; all tokens are used up; odd", "odd；所有令牌已用尽；odd"),
    Case(
        "no full stop in the table",
        "all tokens are used up. Wait until it is back.",
        "所有令牌已用尽。请等它恢复。",
    ),
    Case("a full stop at the end", "Odd: all tokens are used up.", "Odd：所有令牌已用尽。"),
    Case("a capital letter", "All tokens are used up. Hm", "所有令牌已用尽。Hm"),
    Case(
        "a message of two sentences within a text",
        "a.json: line 3: a comma. Take it out",
        "a.json：第 3 行：有逗号。请去掉",
    ),
    Case("one word of a list is a name", "odd, tokens", "odd, tokens"),
    Case("nearly nothing but values", "rock it and roll", "rock it and roll"),
    Case("names in a row", "back in grok-4 and grok-3", "grok-4 和 grok-3 后恢复"),
    Case("nothing", "", ""),
    Case("a value that ends with a comma", "auto, fast, 3 min", "auto, fast, 3 min"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_message_is_translated(case: Case) -> None:
    """With its values, in as many pieces as it has; what is not ours stays as it is."""
    assert CATALOGUE.translate(case.english) == case.chinese
    assert CATALOGUE.translate(case.english) == case.chinese  # known by now


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(codec="utf-8", exclude_characters='"'), max_size=60))
def test_another_s_text_in_quotes_is_never_changed(text: str) -> None:
    """A client's or an upstream's words are quoted, and must be found as they were."""
    assert CATALOGUE.translate(f'Grok said (x): "{text}"') == f'Grok 说（x）："{text}"'


@settings(deadline=None, max_examples=200)
@given(st.text('abc ,.;:()"\n{}', max_size=60))
def test_a_text_without_our_words_comes_back(text: str) -> None:
    """Whatever its marks are."""
    assert (
        Catalogue({"The server is stopping.": "停", "Lost {} of ours.": "丢 {0}。"}).translate(text)
        == text
    )


def test_a_text_beyond_the_limit_stays_as_it_is() -> None:
    """No text costs more than a fraction of a second."""
    long = "The server is stopping. " * 500
    assert CATALOGUE.translate(long) == long


def test_values_within_values_have_an_end() -> None:
    """A text that nests templates deeper than any of ours is not followed for ever."""
    nested = "x failed: " * 12 + "x"
    assert "失败" in CATALOGUE.translate(nested + ".")


def test_known_texts_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages with ever new values must not fill the memory."""
    monkeypatch.setattr(module, "MOST_KNOWN", 3)
    catalogue = Catalogue(ENTRIES)
    assert [catalogue.translate(f"back in {n}") for n in range(9)] == [
        f"{n} 后恢复" for n in range(9)
    ]
    long = "odd " * 200
    assert catalogue.translate(long) == long


@pytest.mark.parametrize(
    ("one", "other", "row"),
    [
        ("", "a", "a"),
        ("令牌", "ab", "令牌 ab"),
        ("ab", "令牌", "ab 令牌"),
        ("令牌", "，", "令牌，"),
        ("ab", "，令", "ab，令"),
        ("令 ", "牌", "令牌"),
        ("令", " 牌", "令牌"),
        ("令", " ab", "令 ab"),
        ("令", " ", "令 "),
        ("a ", "令", "a 令"),
        ("。", "ab", "。ab"),
        (" ", "令", " 令"),
        ("a", "b", "ab"),
    ],
)
def test_pieces_join_as_chinese_is_written(one: str, other: str, row: str) -> None:
    """A space between Chinese and Latin words, and none within Chinese."""
    assert joined(one, other) == row


@pytest.mark.parametrize(
    ("template", "message", "values"),
    [
        ("{} of {}", "1 of 2", ["1", "2"]),
        ("{} of {}", "of", None),
        ("a {} b {} c", "a 1 b 2 c", ["1", "2"]),
        ("a {} b {} c", "a 1 c", None),
        ("a {} b {} c", "a 1 b 2 d", None),
        ("ab{}bc", "abc", None),
        ("{}x", " 1x", None),
        ("{}x", "1, x", None),
        ("{}x", "1 x", None),
        ("{} x", "1  x", ["1 "]),
        ("a: {}", "a:  b", None),
    ],
)
def test_a_template_knows_its_messages(
    template: str, message: str, values: list[str] | None
) -> None:
    """A value never begins or ends in the middle of a sentence."""
    assert Template(template, "").values(message) == values
