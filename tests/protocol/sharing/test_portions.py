"""A step in portions: all of it, in its order, and no more than so many tokens at once."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.sharing.portions import Portions
from grokcore.protocol.sharing.steps import Reply, Step
from grokcore.protocol.sharing.table import Table

TOKENS = st.integers(0, 40).map(str)
LISTS = st.lists(TOKENS, unique=True, max_size=12).map(tuple)
RECORDS = st.dictionaries(TOKENS, st.text(max_size=3), max_size=12)


@st.composite
def steps(draw: st.DrawFn, server: str) -> Step:
    """A step in which no token is both kept and given back or wanted."""
    keep = draw(LISTS)
    return Step(
        server,
        1000,
        "table",
        keep=keep,
        give=tuple(token for token in draw(LISTS) if token not in keep),
        want=tuple(token for token in draw(LISTS) if token not in keep),
        take=draw(st.integers(0, 12)),
        short={"chat": draw(st.integers(0, 3))},
        records=draw(RECORDS),
        tasks=draw(RECORDS),
        since=draw(st.integers(0, 20)),
        bye=draw(st.booleans()),
    )


def in_portions(table: Table, step: Step, size: int) -> tuple[Reply, list[Step]]:
    """The reply of *table* to the portions of *step*, which are returned as well."""
    portions, made = Portions(step, size), []
    while portion := portions.next():
        made.append(portion)
        reply = table.step(portion, 0.0)
        portions.receive(reply if portions.is_last else evolve(reply, news={}), more_news=False)
    return portions.reply(), made


@settings(deadline=None, max_examples=100)
@given(steps("other"), steps("one"), st.integers(1, 13))
def test_portions_do_what_the_step_does(before: Step, step: Step, size: int) -> None:
    """In a table of the same state they end in the same one, with the same reply."""
    whole, parts = Table("table", 0.0), Table("table", 0.0)
    whole.step(before, 0.0)
    parts.step(before, 0.0)
    expected = whole.step(step, 0.0)
    reply, made = in_portions(parts, step, size)
    assert reply == expected
    assert parts == whole
    for portion in made:
        lists = (portion.keep, portion.give, portion.want, portion.records)
        assert all(len(tokens) <= size for tokens in lists)
        assert portion.since == step.since


def test_a_small_step_is_one_portion() -> None:
    """One answer is waited for, as most servers have few tokens."""
    step = Step("one", 1000, keep=("a",), give=("b",), want=("c",), take=1, records={"d": ""})
    portions = Portions(step, 1)
    assert portions.next() == step
    portions.receive(Reply("table", 0.0, 0.0), more_news=False)
    assert portions.next() is None


def test_nothing_more_is_wanted_when_enough_was_taken() -> None:
    """A server that needs one of a thousand tokens asks once."""
    step = Step("one", 1000, "table", want=tuple("abcdef"), take=2)
    table = Table("table", 0.0)
    reply, made = in_portions(table, step, 2)
    assert reply.taken == ("a", "b")
    assert [(portion.want, portion.take) for portion in made] == [(("a", "b"), 2), ((), 0)]


def test_the_rest_of_the_news_is_asked_for_from_where_it_was_cut() -> None:
    """A token is lent with all that was learned of it."""
    step = Step("one", 1000, "table", keep=("a",), short={"chat": 1}, since=3)
    portions = Portions(step, 1)
    assert portions.next() == step
    first = Reply("table", 0.0, 0.0, lost=("a",), news={"a": "1", "b": "2"}, version=5)
    portions.receive(first, more_news=True)
    assert portions.next() == evolve(step, keep=(), since=5)
    portions.receive(evolve(first, lost=(), news={"b": "3"}, version=6), more_news=False)
    assert portions.next() is None
    assert portions.reply() == evolve(first, news={"a": "1", "b": "3"}, version=6)
