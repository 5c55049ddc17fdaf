"""The tag filter: Grok's elements go, everything else stays, and the cuts between tokens don't
matter.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import define, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.grok_web import markup
from grokcore.protocol.grok_web.markup import TagFilter, parse_tag_names

from ..strategies import chunked, cut_everywhere, marked_up_text

NAMES = parse_tag_names("xaiartifact,xai:tool_usage_card,grok:render")

CARD = '<grok:render card_id="92b2" card_type="image_card"><argument name="size">"LARGE"</argument></grok:render>'
TOOL = (
    "<xai:tool_usage_card>\n  <xai:tool_name>code_execution</xai:tool_name>\n"
    '  <xai:tool_args><![CDATA[{"code":"print(\'</xai:tool_usage_card>\')"}]]></xai:tool_args>\n</xai:tool_usage_card>'
)


def filtered(pieces: Iterable[str], names: frozenset[str] = NAMES) -> str:
    """What is left of *pieces*."""
    tags = TagFilter(names)
    passed = [tags.feed(piece) for piece in pieces]
    return "".join(passed) + tags.close()


@frozen
class Case:
    """A text, and what is left of it."""

    text: str
    left: str


CASES = [
    Case("", ""),
    Case("plain text", "plain text"),
    Case(f"before {CARD} after", "before  after"),
    Case(f"{CARD}{CARD}", ""),
    Case(f"a{TOOL}b", "ab"),
    # An artefact's tags go, the text in them stays.
    Case('x<xaiArtifact artifact_id="1" title="a > b">code</xaiArtifact>y', "xcodey"),
    Case(f"<xaiArtifact>a{CARD}b</xaiArtifact>", "ab"),
    # Case and white space don't matter.
    Case("a<GROK:RENDER x='1'>inside</Grok:Render >b", "ab"),
    Case("a<grok:render\n  type='x'\n>inside</grok:render>b", "ab"),
    # An element may be empty, or hold others of its kind.
    Case("a<grok:render/>b<grok:render type='x' />c", "abc"),
    Case("a<grok:render>1<grok:render>2</grok:render>3</grok:render>b", "ab"),
    Case("a<grok:render>1<grok:render/>2</grok:render>b", "ab"),
    Case("a<grok:render>1 < 2 <b>3</b> <![CDATA[</grok:render>]]></grok:render>b", "ab"),
    # What only looks like one is text.
    Case("a < b and c > d", "a < b and c > d"),
    Case("<grok:renderer>x</grok:renderer>", "<grok:renderer>x</grok:renderer>"),
    Case("<grok>x</grok>", "<grok>x</grok>"),
    Case("< grok:render>x", "< grok:render>x"),
    Case("<b>bold</b> <![CDATA[x]]>", "<b>bold</b> <![CDATA[x]]>"),
    Case("<<grok:render>x</grok:render>>", "<>"),
    Case("&lt;grok:render&gt;", "&lt;grok:render&gt;"),
    # Not ASCII: U+212A lower-cases to k.
    Case("<gro\u212a:render>x</gro\u212a:render>", "<gro\u212a:render>x</gro\u212a:render>"),
    # What never closes was no markup.
    Case("the end <", "the end <"),
    Case("the end <grok:re", "the end <grok:re"),
    Case("the end <grok:render type='x", "the end <grok:render type='x"),
    Case("a<grok:render>inside <b>and on", "a<grok:render>inside <b>and on"),
    Case(
        "a<grok:render>1<grok:render>2</grok:render>3",
        "a<grok:render>1<grok:render>2</grok:render>3",
    ),
    Case("a<grok:render><![CDATA[</grok:render>", "a<grok:render><![CDATA[</grok:render>"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case.text[:40]))
def test_elements_go_and_text_stays(case: Case) -> None:
    """Whole or character by character, the same text is left."""
    assert filtered([case.text]) == filtered(cut_everywhere(case.text)) == case.left


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_the_cuts_do_not_matter(data: st.DataObject) -> None:
    """Every decision is a function of the characters alone."""
    text = data.draw(marked_up_text)
    assert filtered(data.draw(chunked(text))) == filtered([text]) == filtered(cut_everywhere(text))


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_the_cuts_do_not_matter_at_the_caps_either(data: st.DataObject) -> None:
    """Where an element or a tag is given up is a function of the characters alone, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markup, "MAX_ELEMENT_CHARS", data.draw(st.integers(40, 80)))
        patch.setattr(markup, "MAX_TAG_CHARS", data.draw(st.integers(30, 40)))
        text = data.draw(marked_up_text) + data.draw(marked_up_text)
        assert (
            filtered(data.draw(chunked(text))) == filtered([text]) == filtered(cut_everywhere(text))
        )


@settings(deadline=None, max_examples=100)
@given(marked_up_text)
def test_a_filter_without_names_changes_nothing(text: str) -> None:
    """No name, no markup."""
    tags = TagFilter(frozenset())
    assert [tags.feed(char) for char in text] == list(text)
    assert tags.close() == ""


@settings(deadline=None, max_examples=100)
@given(marked_up_text)
def test_nothing_is_invented(text: str) -> None:
    """What is left is what came, in its order, with pieces taken out."""
    rest = iter(text)
    assert all(char in rest for char in filtered([text]))


@pytest.mark.parametrize(
    ("fed", "passed"),
    [
        ("text", "text"),
        ("a < b", "a < b"),
        ("a <", "a "),
        ("a <grok:r", "a "),
        ("a <grok:rx", "a <grok:rx"),
        ("a </xaiArt", "a "),
        ("a <b", "a <b"),
    ],
)
def test_only_what_may_still_become_a_tag_is_held_back(fed: str, passed: str) -> None:
    """Text is shown as soon as it is certain to be text."""
    assert TagFilter(NAMES).feed(fed) == passed


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<grok:render>" + "x" * 13 + "</grok:render>.", "."),
        (
            "<grok:render>" + "x" * 14 + "</grok:render>.",
            "<grok:render>" + "x" * 14 + "</grok:render>.",
        ),
        ("<grok:render>" + "x" * 90, "<grok:render>" + "x" * 90),
    ],
)
def test_an_element_longer_than_its_cap_was_no_markup(
    monkeypatch: pytest.MonkeyPatch, text: str, left: str
) -> None:
    """Memory is bounded; text may be late, but what was held is given back as it came."""
    monkeypatch.setattr(markup, "MAX_ELEMENT_CHARS", 40)
    assert filtered([text]) == filtered(cut_everywhere(text)) == left


def test_a_tag_longer_than_its_cap_was_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quote that never closes does not hold the answer back for ever."""
    monkeypatch.setattr(markup, "MAX_TAG_CHARS", 40)
    tags = TagFilter(NAMES)
    text = '<grok:render title="' + "x" * 60
    assert "".join(tags.feed(char) for char in text) == text


def test_a_tag_longer_than_its_cap_does_not_keep_an_element_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Inside an element it was no markup either."""
    monkeypatch.setattr(markup, "MAX_TAG_CHARS", 40)
    text = 'a<grok:render>1<grok:render title="' + "x" * 60 + "</grok:render>b"
    assert filtered([text]) == filtered(cut_everywhere(text)) == "ab"


def test_no_more_than_the_cap_is_held() -> None:
    """A hostile answer of any length costs one element's cap."""
    tags = TagFilter(NAMES)
    text = "<grok:render>" + "x" * markup.MAX_ELEMENT_CHARS
    assert tags.feed(text[:-13]) == ""
    assert tags.feed(text[-13:]) == text


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("xaiartifact,xai:tool_usage_card", {"xaiartifact", "xai:tool_usage_card"}),
        (" XaiArtifact , ,grok:render ", {"xaiartifact", "grok:render"}),
        (["Grok:Render", " ", "a"], {"grok:render", "a"}),
        ("", set()),
        ([], set()),
    ],
)
def test_names_are_taken_in_either_form(value: str | list[str], names: set[str]) -> None:
    """A comma-separated string (the original's form) or a list; case and spaces don't matter."""
    assert parse_tag_names(value) == names


# Work -------------------------------------------------------------------------------------------


@define
class Work:
    """Characters that were looked at."""

    chars: int = 0


class MeasuredText(str):
    """Text that counts how much of it is searched."""

    __slots__ = ("work",)
    work: Work

    def find(self, what: str, at: Any = 0, stop: Any = None) -> int:
        return self._count(super().find(what, at, stop), at, stop)

    def rfind(self, what: str, at: Any = 0, stop: Any = None) -> int:
        self.work.chars += len(self) - at
        return super().rfind(what, at, stop)

    def __radd__(self, held: str) -> MeasuredText:
        return measured(str.__add__(held, self), self.work)

    def _count(self, found: int, at: int, stop: int | None) -> int:
        self.work.chars += (found if found >= 0 else len(self) if stop is None else stop) - at
        return found


def measured(text: str, work: Work) -> MeasuredText:
    made = MeasuredText(text)
    made.work = work
    return made


@frozen
class MeasuredPattern:
    """A pattern that counts how much it searches."""

    pattern: re.Pattern[str]
    work: Work

    def search(self, text: str, at: int = 0, stop: int = sys.maxsize) -> re.Match[str] | None:
        return self._count(self.pattern.search(text, at, stop), at, min(stop, len(text)))

    def match(self, text: str) -> re.Match[str] | None:
        return self._count(self.pattern.match(text), 0, 1)

    def _count(self, found: re.Match[str] | None, at: int, stop: int) -> re.Match[str] | None:
        self.work.chars += (found.end() if found else stop) - at
        return found


HOSTILE = {
    "an element without end": "<grok:render>" + "x" * 600_000,
    "CDATA without end": "<grok:render><![CDATA[" + "]" * 600_000,
    "a tag without end": "<grok:render a='" + ">" * 600_000,
    "tags without end": "<grok:render " * 50_000,
    "nothing but beginnings": "<" * 600_000,
    "names that are none": "<grok:rende" * 50_000,
    "empty elements": "a<grok:render/>" * 30_000,
    "elements within elements": "<grok:render>" * 50_000,
    "quotes within elements": "<grok:render>" + "<grok:render '" * 40_000,
    "closing tags": "</grok:render>" * 40_000,
    "half closing tags": "<grok:render>" + "</grok:rende" * 40_000,
}


@pytest.mark.large
@pytest.mark.parametrize("size", [1, 7, 64, 600_000])
@pytest.mark.parametrize("name", HOSTILE)
def test_each_character_is_looked_at_a_few_times(
    monkeypatch: pytest.MonkeyPatch, name: str, size: int
) -> None:
    """However hostile the text, and however it is cut; a quadratic filter would look at it a
    thousand times as often.
    """
    work = Work()
    compile_pattern = re.compile
    here = SimpleNamespace(
        compile=lambda *args: MeasuredPattern(compile_pattern(*args), work), escape=re.escape
    )
    monkeypatch.setattr(markup, "re", here)
    monkeypatch.setattr(markup, "_TELLING", MeasuredPattern(markup._TELLING, work))
    text = HOSTILE[name][: size * 60_000]
    tags = TagFilter(NAMES)
    for at in range(0, len(text), size):
        tags.split(measured(text[at : at + size], work))
    tags.close()

    assert work.chars <= 40 * len(text)


def test_an_element_of_many_pieces_is_given_back_whole() -> None:
    """Its pieces are joined now and then, so that they take no memory of their own."""
    tags = TagFilter(frozenset({"xai:tool_usage_card"}))
    text = "<xai:tool_usage_card>" + "ab" * (markup.JOINED_PIECES + 5)
    assert "".join(tags.feed(char) for char in text) + tags.close() == text
