"""The sieve: what counts as a call, whatever the model makes of the form, however it is cut."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.emulation.forms import CallForm
from grokcore.protocol.emulation.sieve import MOST_CALLS, Piece, Sieve
from grokcore.protocol.emulation.spellings import FOREIGN, quoted_elements
from grokcore.protocol.emulation.written import MAX_CALL_CHARS, Skipped, WrittenCall

from ..strategies import chunked, cut_everywhere
from .written_answers import ANSWERS, LS, WrittenAnswer, call

TEXTS = st.sampled_from([answer.text for answer in ANSWERS])

FRAGMENTS = [
    '<fn:call name="Bash">', "<fn:call>", "</fn:call>", '<fn:call name="now"/>', "<fn:call",
    '<fn:arg name="command">', "</fn:arg>", "</command>", '<fn:parameter name="p">', "<fn:name>",
    "</fn:name>", "<fn:", "</fn:", "<fn:assistant>", "<fn:outcome", "<", "</", ">", '"', "{", "}",
    '{"name": "now"}', "\n", "\n\n", "```", "```xml\n", "```\n", "~~~\n", "`", "``", " ", "words",
    "a < b", "<b>", '<invoke name="now">', "</invoke>", '<parameter name="k">', "</parameter>",
    "<tool_call>", "</tool_call>", '<xai:function_call name="now">', "</xai:function_call>", "é",
    " " * 70, "x" * 1030,
]  # fmt: skip


def pieces(cut: Iterable[str], *, strict: bool = False) -> list[Piece]:
    """The pieces of a text, with neighbours of a kind joined."""
    sieve = Sieve(CallForm(), strict=strict)
    joined: list[Piece] = []
    for piece in [*(piece for text in cut for piece in sieve.feed(text)), *sieve.close()]:
        match joined[-1:], piece:
            case [str() as last], str():
                joined[-1] = last + piece
            case [Skipped() as last], Skipped():
                joined[-1] = Skipped(last.source + piece.source)
            case _:
                joined.append(piece)
    return joined


def source(given_out: Iterable[Piece]) -> str:
    return "".join(piece if isinstance(piece, str) else piece.source for piece in given_out)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.name)
def test_a_cut_anywhere_makes_no_difference(answer: WrittenAnswer) -> None:
    """Test 27: Grok's tokens end anywhere, and a client must not see a byte of a tag."""
    whole = pieces([answer.text])
    assert pieces(cut_everywhere(answer.text)) == whole
    for at in range(len(answer.text)):
        assert pieces([answer.text[:at], answer.text[at:]]) == whole


@given(st.data(), st.lists(TEXTS | st.sampled_from(FRAGMENTS), max_size=12), st.booleans())
@settings(deadline=None, max_examples=100)
def test_nothing_of_a_text_is_lost(data: st.DataObject, texts: list[str], strict: bool) -> None:
    """Text, calls and skipped pieces are the whole text, up to the place where the sieve is cut. So no
    piece of a tag is shown that is taken away later.
    """
    text = "".join(texts)
    whole = pieces([text], strict=strict)
    assert text.startswith(source(whole))
    assert pieces(data.draw(chunked(text)), strict=strict) == whole


def test_no_answer_is_too_odd() -> None:
    """A model may write anything: the answer ends with a text, calls or a fault; and in time."""
    chance = random.Random(13)
    began = time.process_time()
    for _ in range(10_000):
        text = "".join(chance.choices(FRAGMENTS, k=chance.randrange(1, 8)))
        middle = chance.randrange(len(text) + 1)
        assert text.startswith(source(pieces([text[:middle], text[middle:]])))
    assert time.process_time() - began < 60


EVIL = [
    "<", "`", "\n```", "\n<invoke", "<fn:call ", "\n", " ", "</fn:", "\n<tool_call>{", "```\n<fn:",
    '<fn:call name="a"><fn:arg name="b">', '<fn:call name="a"><fn:arg name="b"></b>', "\n ", "<fn",
    "`~", '<invoke name="a">\n<', "</invoke", '<fn:call name="a"/>', "```\n<fn:call name='a'/>\n```",
]  # fmt: skip


@pytest.mark.parametrize("text", EVIL)
@pytest.mark.parametrize("size", [1, 10**6])
def test_work_is_linear(text: str, size: int) -> None:
    """An answer of megabytes holds up all others if each piece costs as much as all before it."""
    length = 4_000 if size == 1 else 50_000
    text *= length // len(text)
    sieve = Sieve(CallForm())
    began = time.process_time()
    for at in range(0, len(text), size):
        sieve.feed(text[at : at + size])
    sieve.close()
    assert time.process_time() - began < (1000e-6 if size == 1 else 100e-6) * length


def test_a_call_has_a_longest_length() -> None:
    """A call that never ends must not fill the memory; and half a file must not be written."""
    sieve = Sieve(CallForm())
    text = '<fn:call name="Write"><fn:arg name="content">' + "x" * 2 * MAX_CALL_CHARS + "</fn:arg>"
    (written,) = sieve.feed(text)
    assert isinstance(written, WrittenCall)
    assert not written.whole
    assert len(written.source) == MAX_CALL_CHARS
    assert sieve.cut
    assert sieve.feed(LS) == [] == sieve.close()


def test_a_foreign_call_of_that_length_is_text() -> None:
    """Nothing is lost: it may be the file that the user asked for."""
    text = '<invoke name="now"><' + "x" * 2 * MAX_CALL_CHARS
    assert pieces([text]) == [text]


@pytest.mark.parametrize("one", [LS, f"```\n{LS}\n```\n", '<invoke name="now"></invoke>\n'])
def test_an_answer_has_a_most_number_of_calls(one: str) -> None:
    """A model that repeats itself without an end is stopped."""
    sieve = Sieve(CallForm())
    given_out = [*sieve.feed(one * 2 * MOST_CALLS), *sieve.close()]
    assert sum(isinstance(piece, WrittenCall) for piece in given_out) == MOST_CALLS


def test_a_call_that_begins_the_next_one_can_be_the_last() -> None:
    """The cap holds for calls without closing tags too."""
    unclosed = LS.removesuffix("</fn:call>")
    given_out = pieces([unclosed * 2 * MOST_CALLS])
    assert sum(isinstance(piece, WrittenCall) for piece in given_out) == MOST_CALLS


def test_another_prefix_is_text() -> None:
    """Test 29: a file of this project that is quoted holds calls, and is none."""
    quoted = call("Write", "content", LS, prefix="fn2")
    sieve = Sieve(CallForm("fn2"))
    assert sieve.feed(LS) == [LS]
    (written,) = sieve.feed(quoted)
    assert isinstance(written, WrittenCall)
    assert written.arguments == (("content", LS),)


QUOTED = '<xai:function_call name="now"></xai:function_call>'


@pytest.mark.parametrize(
    ("texts", "quoted"),
    [
        (("Call xai:function_call or invoke it.", "<tool_calls>"), set()),
        (("a", f"See {QUOTED}"), {"xai:function_call"}),
        (("&lt;invoke name", "\\u003c tool_call>"), {"invoke", "tool_call"}),
    ],
)
def test_foreign_elements_of_a_question_are_found(texts: tuple[str, ...], quoted: set[str]) -> None:
    """Also as JSON or HTML writes them: the answer may write them plainly."""
    assert quoted_elements(texts) == quoted


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_foreign_element_that_the_question_holds_is_text(size: int) -> None:
    """A page or file must not put a call into the mouth of a model that quotes it."""
    for quoted, calls in (({"invoke"}, 1), ({"xai:function_call"}, 0), (set(FOREIGN), 0)):
        sieve = Sieve(CallForm(quoted=frozenset(quoted)))
        pieces = [QUOTED[at : at + size] for at in range(0, len(QUOTED), size)]
        given = [*(part for piece in pieces for part in sieve.feed(piece)), *sieve.close()]
        assert len([part for part in given if isinstance(part, WrittenCall)]) == calls
        assert calls or "".join(map(str, given)) == QUOTED


def test_the_sieve_says_whether_it_waits() -> None:
    """A call whose end is missing must not look complete, and a complete one not unfinished."""
    sieve = Sieve(CallForm())
    states = []
    for text in ["a", "<", "b", "<fn:", 'call name="Bash">', "</fn:call>", "\n<fn:"]:
        sieve.feed(text)
        states.append((sieve.holding, sieve.inside))
    assert states == [
        (False, False),
        (True, False),
        (False, False),
        (True, True),
        (True, True),
        (True, False),
        (True, True),
    ]


def test_a_piece_of_plain_text_costs_next_to_nothing() -> None:
    """Most answers are words; two microseconds a character would be seconds for a long one."""
    sieve = Sieve(CallForm())
    words = ["some words, ", "and ", "more\n"] * 50_000
    began = time.process_time()
    for word in words:
        sieve.feed(word)
    assert time.process_time() - began < 10e-6 * sum(map(len, words))
