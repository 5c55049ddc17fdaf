"""The table in memory: one owner at a time, and nothing learned is lost. The table in a Redis is
held against it.
"""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.sharing import table as table_module
from grokcore.protocol.sharing.steps import MOST_TASKS, Reply, Step
from grokcore.protocol.sharing.table import Table

START = 1_800_000_000.0
TTL_S = 10.0


def step_of(
    server: str, *, keep: str = "", give: str = "", want: str = "", take: int = 100
) -> Step:
    """A step with tokens of one letter each, of a server that knows the table."""
    return Step(
        server,
        int(TTL_S * 1000),
        "table",
        keep=tuple(keep),
        give=tuple(give),
        want=tuple(want),
        take=take,
    )


@pytest.fixture
def table() -> Table:
    return Table("table", START)


# Ownership --------------------------------------------------------------------------------------


def test_a_token_that_nobody_owns_is_taken(table: Table) -> None:
    """The best that are wanted, and no more than the server takes."""
    assert table.step(step_of("one", want="abc", take=2), START).taken == ("a", "b")
    assert table.step(step_of("two", want="abc"), START).taken == ("c",)


def test_a_token_that_the_server_has_is_taken_once_more(table: Table) -> None:
    """A reply may have been lost: the server does not know what it has."""
    table.step(step_of("one", want="a"), START)
    assert table.step(step_of("one", want="aab"), START).taken == ("a", "b")


def test_nothing_is_taken_from_a_table_that_is_another_one(table: Table) -> None:
    """A server that has just come does not know whether the table may have forgotten."""
    assert table.step(Step("one", 10_000, want=("a",), take=1), START).taken == ()
    assert table.step(Step("one", 10_000, "old", want=("a",), take=1), START).taken == ()


def test_a_token_that_is_given_back_can_be_taken_at_once(table: Table) -> None:
    """By another server; the one that gave it has to ask again."""
    table.step(step_of("one", want="ab"), START)
    assert table.step(step_of("one", keep="b", give="a", want="a"), START).taken == ()
    assert table.step(step_of("two", want="ab"), START).taken == ("a",)


def test_a_token_of_another_server_can_not_be_given_back(table: Table) -> None:
    """A server that has lost it may not know yet."""
    table.step(step_of("one", want="a"), START)
    table.step(step_of("two", give="a"), START)
    assert table.step(step_of("two", keep="a"), START).lost == ("a",)


def test_an_ownership_ends_by_time(table: Table) -> None:
    """A server that has died takes no token with it."""
    table.step(step_of("one", want="a"), START)
    assert table.step(step_of("two", want="a"), START + TTL_S - 0.1).taken == ()
    assert table.step(step_of("two", want="a"), START + TTL_S).taken == ("a",)
    assert table.step(step_of("one", keep="a"), START + TTL_S).lost == ("a",)


def test_a_token_that_nobody_took_meanwhile_is_kept(table: Table) -> None:
    """A server that could not reach the table for long goes on with its own."""
    table.step(step_of("one", want="a"), START)
    assert table.step(step_of("one", keep="a"), START + 100).lost == ()
    assert table.step(step_of("two", want="a"), START + 100).taken == ()


def test_the_tokens_of_a_server_that_has_ended_are_free_at_once(table: Table) -> None:
    """The parent of workers knows when one of them has died."""
    table.step(step_of("one", want="a"), START)
    table.step(step_of("two", want="b"), START)
    table.forget_server("one")
    table.forget_server("nobody")
    reply = table.step(step_of("two", keep="b", want="a"), START)
    assert (reply.taken, reply.lost, reply.servers) == (("a",), (), 1)


SERVERS = st.sampled_from(["one", "two", "three"])
TOKENS = st.lists(st.sampled_from("abcd"), unique=True, max_size=4).map("".join)
ACTS = st.lists(
    st.tuples(SERVERS, TOKENS, TOKENS, TOKENS, st.integers(0, 4), st.floats(0, 6)), max_size=30
)


@settings(deadline=None, max_examples=150)
@given(ACTS)
def test_no_token_has_two_owners_at_any_time(
    acts: list[tuple[str, str, str, str, int, float]],
) -> None:
    """Each server goes by its own replies, for as long as the table has promised."""
    table, now = Table("table", START), START
    until: dict[tuple[str, str], float] = {}
    for server, keep, give, want, take, pause in acts:
        now += pause
        reply = table.step(step_of(server, keep=keep, give=give, want=want, take=take), now)
        assert len(reply.taken) <= take
        for token in (*keep, *reply.taken):
            until[server, token] = now + TTL_S
        for token in (*give, *reply.lost):
            until[server, token] = -1.0
        owners = [token for (_, token), end in until.items() if end > now]
        assert len(owners) == len(set(owners))


@settings(deadline=None, max_examples=50)
@given(ACTS, st.sampled_from("abcd"))
def test_a_token_given_back_is_free_after_any_history(
    acts: list[tuple[str, str, str, str, int, float]], token: str
) -> None:
    """Whatever happened to it before."""
    table, now = Table("table", START), START
    for server, keep, give, want, take, pause in acts:
        now += pause
        table.step(step_of(server, keep=keep, give=give, want=want, take=take), now)
    for server in ("one", "two", "three"):
        table.step(step_of(server, give=token), now)
    assert table.step(step_of("four", want=token), now).taken == (token,)


# Records ----------------------------------------------------------------------------------------


def published(server: str, **records: str) -> Step:
    return Step(server, int(TTL_S * 1000), records=records)


def news(table: Table, since: int = 0) -> Reply:
    return table.step(Step("reader", 1000, since=since), START)


def test_records_survive_their_owner(table: Table) -> None:
    """A token that cools does so at every server."""
    table.step(step_of("one", want="a"), START)
    table.step(published("one", a="1"), START)
    table.step(step_of("one", give="a"), START)
    reply = table.step(step_of("two", want="a"), START + 1000)
    assert reply.news == {"a": "1"}


def test_a_record_of_another_servers_token_is_not_taken(table: Table) -> None:
    """A server that has lost a token knows nothing new about it."""
    table.step(step_of("one", want="a"), START)
    table.step(published("two", a="wrong", b="right"), START)
    assert news(table).news == {"b": "right"}


def test_a_last_owner_reports_until_another_server_knows_better(table: Table) -> None:
    """What it learned while it could not reach the table is not lost, and does not undo more."""
    table.step(published("one", a="1"), START)
    table.step(published("one", a="2"), START)
    assert news(table).news == {"a": "2"}
    late = Step("two", 1000, "table", records={"a": "old"}, since=1)
    table.step(late, START)
    assert news(table).news == {"a": "2"}
    table.step(evolve(late, since=2, table="another"), START)
    assert news(table).news == {"a": "2"}
    table.step(evolve(late, since=2), START)
    assert news(table).news == {"a": "old"}


def test_news_is_what_others_learned_since(table: Table) -> None:
    """Each once, and not a server's own."""
    first = table.step(published("one", a="1", b="1"), START)
    assert first.news == {}
    seen = news(table)
    assert (seen.news, seen.version) == ({"a": "1", "b": "1"}, 2)
    table.step(Step("two", 1000, "table", records={"a": "2"}, since=seen.version), START)
    assert news(table, seen.version).news == {"a": "2"}
    assert news(table, 3).news == {}
    assert table.step(Step("two", 1000), START).news == {"b": "1"}


def test_the_records_that_changed_longest_ago_are_forgotten(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Token files come and go over years."""
    monkeypatch.setattr(table_module, "RECORDS_AT_MOST", 2)
    table.step(published("one", a="1", b="1"), START)
    table.step(published("one", a="2", c="1"), START)
    assert news(table).news == {"a": "2", "c": "1"}


# Actions of the owner ---------------------------------------------------------------------------


def test_an_action_waits_for_the_servers_that_has_the_token(table: Table) -> None:
    """In their order, once, whoever was asked."""
    table.step(step_of("one", want="a"), START)
    for text in ("first", "second"):
        reply = table.step(Step("two", 1000, tasks={"a": text, "b": text}), START)
        assert reply.tasks == {}
    assert table.step(step_of("one", keep="a"), START).tasks == {"a": ("first", "second")}
    assert table.step(step_of("one", keep="a"), START).tasks == {}
    assert table.step(step_of("two", want="b"), START).tasks == {"b": ("first", "second")}


def test_actions_that_nobody_comes_for_are_bounded(table: Table) -> None:
    """A token may have no server for weeks."""
    for number in range(MOST_TASKS + 5):
        table.step(Step("two", 1000, tasks={"a": str(number)}), START)
    expected = tuple(map(str, range(MOST_TASKS)))
    assert table.step(step_of("one", want="a"), START).tasks == {"a": expected}


# Servers ----------------------------------------------------------------------------------------


def short(server: str, **kinds: int) -> Step:
    return Step(server, int(TTL_S * 1000), short=kinds)


def test_what_the_others_lack_is_summed(table: Table) -> None:
    """By kind; a server knows its own."""
    table.step(short("one", chat=2, image=1), START)
    table.step(short("two", chat=3), START)
    reply = table.step(short("three", chat=9), START)
    assert (reply.short, reply.servers) == ({"chat": 5, "image": 1}, 3)


def test_a_server_that_makes_no_step_is_forgotten(table: Table) -> None:
    """With what it lacked: nothing is given back for one that has died."""
    table.step(short("one", chat=2), START)
    reply = table.step(short("two"), START + TTL_S)
    assert (reply.short, reply.servers) == ({}, 1)


def test_a_server_that_stops_is_not_counted(table: Table) -> None:
    """Its share is for those that go on, while its last answers still run."""
    table.step(step_of("one", want="a"), START)
    assert table.step(Step("one", 10_000, keep=("a",), bye=True), START).servers == 0
    reply = table.step(step_of("two", want="a"), START)
    assert (reply.servers, reply.taken) == (1, ())


def test_its_age_and_its_clock_are_in_every_reply(table: Table) -> None:
    """Servers go by one clock, and do not trust a table that may have forgotten."""
    reply = table.step(short("one"), START + 7)
    assert (reply.table, reply.age_s, reply.time) == ("table", 7.0, START + 7)
