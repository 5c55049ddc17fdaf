"""One server's part of a shared pool, beside others', at one table."""

from __future__ import annotations

import itertools
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import SharedPoolUnreachable
from grokcore.protocol.models import Tier
from grokcore.protocol.pool.book import Need
from grokcore.protocol.pool.owner_actions import Disabled
from grokcore.protocol.quota import Quota
from grokcore.protocol.sharing.kinds import share_of
from grokcore.protocol.sharing.ownership import IDLE_S, TURN_S, margin_of
from grokcore.protocol.tokens import TokenEntry
from tests.protocol.pool.books import GROUP, NEED, SUPER_MODEL, quota, refusal
from tests.protocol.sharing.shared_world import START, TTL_S, Member, World, entries, shared, token

SUPERS = [TokenEntry(f"super-{number}", tier=Tier.SUPER) for number in range(2)]


def owned(world: World) -> list[int]:
    return [len(member.keys) for member in world.alive]


def waits(member: Member) -> None:
    """A request of *member* finds no token, and waits."""
    assert member.lease() is None
    member.waiting = [NEED]


# Shares -----------------------------------------------------------------------------------------


def test_one_server_alone_owns_all() -> None:
    """A server that shares its pool with nobody has all its tokens, after its second step."""
    world = World()
    only = world.start(entries(5), zero=START)
    assert only.lease() is None
    assert only.step()
    only.step()
    assert len(only.keys) == 5
    assert only.lease() is not None


@given(st.integers(1, 5), st.integers(1, 23))
def test_shares_are_fair(servers: int, tokens: int) -> None:
    """Each token has an owner soon, and no server has more than its share, rounded up."""
    world = shared(*[tokens] * servers)
    assert sum(owned(world)) == tokens
    assert max(owned(world)) <= math.ceil(tokens / servers)
    assert not set.intersection(*(member.keys for member in world.alive)) or servers == 1


def test_a_server_that_comes_gets_its_share() -> None:
    """A new server has its share of idle tokens within a second."""
    world = shared(12)
    world.start(entries(12), zero=START)
    world.pass_time(0.9, every_s=0.4)
    assert owned(world) == [6, 6]


def test_a_server_that_stops_gives_all_back_at_once() -> None:
    """The others take over what a stopped server had, without a wait for the end of its time."""
    world = shared(10, 10)
    world.members[0].stop()
    world.pass_time(0.9)
    assert owned(world) == [10]


def test_a_killed_server_loses_its_tokens_by_time() -> None:
    """What a killed server owned is taken up by another one when its time has run out."""
    world = shared(10, 10)
    world.members[0].alive = False
    world.pass_time(TTL_S - 1)
    assert owned(world) == [5]
    world.pass_time(2)
    assert owned(world) == [10]


def test_a_stopping_server_gives_its_idle_tokens_before_its_answers_end() -> None:
    """A long last answer keeps one token, not the others."""
    world = shared(10, 10)
    first = world.members[0]
    assert first.lease() is not None
    first.part.stopping = True
    world.pass_time(2)
    assert owned(world)[1] == 9
    first.settle()
    world.pass_time(2)
    assert owned(world)[1] == 10


def test_different_token_files_share_their_union() -> None:
    """Each token is owned by a server that has it in its file, and those of both by one of them."""
    world = World()
    first, second = entries(10)[:7], entries(10)[3:]
    world.start(first, zero=START)
    world.start(second, zero=START)
    world.pass_time(3)
    one, other = (member.keys for member in world.alive)
    assert not one & other
    assert {entry.key for entry in second} >= other
    assert {entry.key for entry in first} >= one
    assert len(one) == 4
    assert len(other) == 4


def test_a_token_that_leaves_the_file_is_given_back() -> None:
    """A token that no file has any more belongs to nobody; one that another file has goes there."""
    world = shared(4, 4)
    first, second = world.members
    gone = next(iter(first.keys))
    rest = [entry for entry in entries(4) if entry.key != gone]
    first.book.adopt(rest, default_proxy="", max_in_flight=2, now=first.now)
    world.pass_time(3)
    assert gone not in first.keys
    assert gone in second.keys or len(second.keys) == 2
    second.book.adopt(rest, default_proxy="", max_in_flight=2, now=second.now)
    world.pass_time(3)
    assert gone not in first.keys | second.keys
    world.start(entries(4), zero=START)
    world.pass_time(3)
    assert gone in world.members[2].keys


def test_a_file_that_is_emptied_gives_all_back() -> None:
    """Also the tokens that nobody remembers, since too many were removed at once."""
    world = World()
    member = world.start(entries(1100), zero=START)
    world.pass_time(2)
    assert member.part.owned == 1100
    member.book.adopt([], default_proxy="", max_in_flight=2, now=member.now)
    world.pass_time(1)
    assert member.part.owned == 0
    other = world.start(entries(1100), zero=START)
    world.pass_time(2)
    assert other.part.owned == 550  # its share: the other server is still there


def test_a_token_whose_giving_is_lost_is_nobodys_for_a_while() -> None:
    """The server that gave it does not lend it: another one may have it by now."""
    world = shared(2)
    member = world.members[0]
    gone = token(0)
    member.book.adopt(entries(2)[1:], default_proxy="", max_in_flight=2, now=member.now)
    member.send()
    member.lose()
    member.book.adopt(entries(2), default_proxy="", max_in_flight=2, now=member.now)
    assert member.keys == {token(1)}
    world.pass_time(1)
    assert gone in member.keys


def test_tokens_of_a_tier_are_shared_apart() -> None:
    """Each of two servers gets one of two Super tokens, however many basic ones there are."""
    world = World()
    for _ in range(2):
        world.start([*entries(5), *SUPERS], zero=START)
    world.pass_time(3)
    for member in world.alive:
        assert member.lease(Need(SUPER_MODEL)) is not None


# Shortness --------------------------------------------------------------------------------------


def test_a_short_server_gets_idle_tokens_within_a_second() -> None:
    """A server whose clients wait gets idle tokens of others, below their shares too."""
    world = shared(8, 8)
    busy = world.members[0]
    while busy.lease() is not None:
        pass
    waits(busy)
    began = world.now
    while busy.lease() is None:
        world.pass_time(0.4)
    assert world.now - began <= 1.0


def test_a_server_that_gave_does_without_its_share() -> None:
    """Tokens that a server did not need do not go to and fro."""
    world = shared(2, 2)
    busy, idle = world.members
    while busy.lease() is not None:
        pass
    waits(busy)
    world.pass_time(2)
    assert owned(world) == [2, 0]
    busy.waiting.clear()
    world.pass_time(20)
    assert owned(world) == [2, 0]
    waits(idle)
    for _ in range(2):
        busy.settle()
    world.pass_time(1)
    assert idle.lease() is not None


def test_a_token_that_is_never_idle_goes_round() -> None:
    """One token for two servers whose clients both wait: none of them has it for long."""
    world = shared(1, 1)
    had = []
    for member in world.alive:
        member.waiting = [NEED] * 3
    for _ in range(60):
        for member in world.alive:
            while member.lease() is not None:
                had.append(member.part.server)
        world.pass_time(0.4)
        for member in world.alive:
            while member.loans:
                member.settle()
    assert 20 <= had.count("server-1") <= len(had) - 20
    changes = sum(before != after for before, after in itertools.pairwise(had))
    assert changes <= 60 * 0.4 / TURN_S + 1


def test_what_is_idle_above_the_share_is_given_back() -> None:
    """A server gives back what it took for a rush, when it has not used it for a minute."""
    world = shared(8, 8)
    busy, other = world.members
    while busy.lease() is not None:
        pass
    busy.waiting = [NEED] * 4
    world.pass_time(2)
    while busy.lease() is not None:
        pass
    busy.waiting.clear()
    assert owned(world)[0] > 4
    while busy.loans:
        busy.settle()
    world.pass_time(IDLE_S + 2)
    assert len(busy.keys) == 4
    world.pass_time(IDLE_S)
    assert len(other.keys) == 4


def test_a_token_of_another_server_is_worth_waiting_for() -> None:
    """A request is not refused while another server's token is open; it is when none is."""
    world = shared(2, 2)
    first, second = world.members
    own = first.lease()
    assert own is not None
    first.settle(error=quota(600))
    assert first.book.hopeless(NEED, first.now) is None
    assert second.lease() is not None
    second.settle(error=quota(300))
    world.pass_time(1)
    error = first.book.hopeless(NEED, first.now)
    assert error is not None
    assert error.retry_after is not None
    assert 290 < error.retry_after <= 300
    need = Need(NEED.model, excluded=frozenset(second.keys))
    assert first.book.hopeless(need, first.now) is not None


# What is learned --------------------------------------------------------------------------------


def test_what_was_learned_goes_with_a_token() -> None:
    """The next owner knows the rest of an allowance, and the end of a cooling, as the last one did,
    by its own clock.
    """
    world = shared(1)
    first = world.members[0]
    assert first.lease() is not None
    poll = first.book.polls.take(first.now + 60)
    assert poll is not None
    first.book.polled(poll, Quota(20, 25, 7200.0), first.now)
    first.settle()
    assert first.lease() is not None
    first.settle()
    first.stop()
    second = world.start(entries(1), zero=START - 77)
    world.pass_time(1)
    left = second.book.left(NEED, second.now)
    assert left is not None
    assert left.remaining == 19
    assert second.lease() is not None
    second.settle(error=quota(100))
    second.stop()
    third = world.start(entries(1), zero=START + 5)
    world.pass_time(2)
    assert third.lease() is None
    opening = third.book.next_opening(NEED, third.now)
    assert 95 < opening - third.now < 100


def test_a_killed_servers_knowledge_is_not_lost() -> None:
    """What a server has learned is told with its next step, not only when it gives a token back."""
    world = shared(1, 1)
    (first,) = (member for member in world.alive if member.keys)
    assert first.lease() is not None
    first.settle(error=quota(600))
    world.pass_time(0.4)
    first.alive = False
    world.pass_time(TTL_S + 1)
    (second,) = world.alive
    assert second.keys
    assert second.lease() is None


def learned_while_cut_off() -> tuple[World, Member, Member]:
    """A world whose first server can't reach the table, and learns that its token is used up; and
    the second, which has none.
    """
    world = shared(1, 1)
    (first,) = (member for member in world.alive if member.keys)
    (second,) = (member for member in world.alive if member is not first)
    first.send()
    first.lose()
    assert first.lease() is not None
    first.settle(error=quota(600))
    return world, first, second


def test_what_is_learned_without_the_table_is_not_lost() -> None:
    """A server whose ownership ended while the table was gone reports what it has learned until then,
    also to a table that has forgotten; unless another server has reported since.
    """
    for loss in (World.steps, World.forget):
        world, first, second = learned_while_cut_off()
        world.now += 10
        loss(world)
        world.pass_time(2 * TTL_S)
        for member in (first, second):
            assert member.lease() is None
    world, first, second = learned_while_cut_off()
    second.waiting = [NEED]
    world.pass_time(TTL_S + 1, without=first)
    assert second.lease() is not None
    second.settle()
    world.pass_time(1, without=first)
    world.pass_time(6)
    assert second.book.polls.take(second.now) is not None, "Grok is asked what the first has used"
    second.stop()
    world.pass_time(2)
    assert first.lease() is not None


def test_much_that_was_learned_without_the_table_is_reported_in_turns() -> None:
    """More records than one step holds; Grok need not be asked."""
    world = shared(250)
    member = world.members[0]
    member.send()
    member.lose()
    for _ in range(250):
        assert member.lease() is not None
    for _ in range(250):
        member.settle()
    world.now += TTL_S
    assert member.lease() is None
    world.pass_time(5)
    other = world.start(entries(250), zero=START)
    world.pass_time(5)
    assert all(account.has_history for account in other.book.accounts)
    assert not member.part._knowledge._doubtful


def test_the_id_of_a_user_is_not_told() -> None:
    """No record holds the id of an account's user, which is private."""
    world = shared(1)
    member = world.members[0]
    account = member.book.accounts[0]
    member.book.learn_user(account, "8f14e45f-ceea-467f-8f3b-94ab8e9f7a2c")
    assert member.lease() is not None
    step = member.part.next_step(member.now)
    assert token(0) in step.records
    assert "8f14e45f" not in step.records[token(0)]
    second = world.start(entries(1), zero=START)
    second.book.learn_user(second.book.accounts[0], "8f14e45f-ceea-467f-8f3b-94ab8e9f7a2c")
    world.pass_time(1)
    assert second.book.accounts[0].learned_user_id


def test_news_that_cannot_be_read_changes_nothing() -> None:
    """Neither do those of a token that this server has by now, or that no file has."""
    world = shared(1)
    member = world.members[0]
    assert member.lease() is not None
    step = member.part.next_step(member.now)
    reply = world.table.step(step, world.now)
    other = world.start(entries(2), zero=START)
    record = member.part._knowledge.record(member.book.accounts[0], member.now)
    for mine, news in (
        (member, {token(0): record}),
        (other, {token(1): "{", token(0): "[]", token(99): record}),
    ):
        object.__setattr__(reply, "news", news)
        mine.part.made(step, reply, world.now, mine.now)
    assert member.book.accounts[0].in_flight == 1
    assert not other.book.accounts[0].has_history


# The table is gone ------------------------------------------------------------------------------


def test_without_its_table_a_server_goes_on_until_its_ownership_ends() -> None:
    """A server lends what it owns while the table can't be reached, and stops a margin before
    another server may have it. Then it says why it has nothing.
    """
    world = shared(2)
    member = world.members[0]
    sent_at = world.now
    assert member.step() is False
    while world.now < sent_at + TTL_S - margin_of(TTL_S):
        assert member.lease() is not None
        member.settle()
        assert member.book.hopeless(NEED, member.now) is None
        member.send()
        member.lose()
        world.now += 0.5
    assert member.lease() is None
    error = member.book.hopeless(NEED, member.now)
    assert isinstance(error, SharedPoolUnreachable)
    assert "the line is dead" in error.message
    assert member.part.gone_since > 0
    world.pass_time(1)
    assert member.lease() is not None


def test_a_table_that_has_forgotten_gives_only_what_is_still_owned() -> None:
    """After a loss each server has its own tokens again at once, and no other's before all
    ownerships have ended.
    """
    world = shared(4, 4)
    first, second = world.members
    mine, others = first.keys, second.keys
    world.forget()
    world.pass_time(0.4)
    assert (first.keys, second.keys) == (mine, others)
    second.alive = False
    world.forget()
    world.pass_time(TTL_S - 1)
    assert first.keys == mine
    world.pass_time(2)
    assert first.keys == mine | others


def test_a_young_table_is_not_trusted_by_a_new_server() -> None:
    """A server that starts beside a table that has just begun takes nothing before each ownership
    that the table may have forgotten has ended, and says so.
    """
    world = World()
    world.forget(age_s=5)
    member = world.start(entries(2), zero=START)
    world.pass_time(2)
    error = member.book.hopeless(NEED, member.now)
    assert isinstance(error, SharedPoolUnreachable)
    assert error.retry_after == member.part.young_for
    assert 7 < error.retry_after < 9
    world.pass_time(9)
    assert member.lease() is not None


def test_a_token_that_another_server_has_is_lost() -> None:
    """A server whose token another one owns, for whatever reason, stops lending it."""
    world = shared(1)
    member = world.members[0]
    world.table.forget_server(member.part.server)
    other = world.start(entries(1), zero=START)
    other.step()
    other.step()
    member.step()
    assert not member.keys
    assert other.keys == {token(0)}


def test_missed_time_counts() -> None:
    """A machine that has slept does not lend what it owned before, until the table says that it
    still owns it.
    """
    world = shared(2)
    member = world.members[0]
    member.book.shift(60)
    member.part.shift(60)
    assert member.lease() is None
    assert not member.keys
    member.step()
    assert len(member.keys) == 2


def test_a_server_whose_clock_stood_still_counts_the_time() -> None:
    """Ownership ends by a clock that counts the time in which the process was stopped."""
    world = shared(1)
    member = world.members[0]
    stood_s = TTL_S
    world.now += stood_s
    member.zero += stood_s
    assert member.lease() is None


def test_a_reply_that_comes_late_is_no_ownership() -> None:
    """A server that stood still while the table's reply was on its way does not lend what another
    server has taken since.
    """
    world = shared(1)
    late = world.members[0]
    other = world.start(entries(1), zero=START)
    late.send()
    late.arrive()
    world.pass_time(TTL_S + 1, without=late)
    assert other.keys
    late.receive()
    assert late.lease() is None


# Actions of the owner ---------------------------------------------------------------------------


def test_an_action_reaches_the_server_that_has_the_token() -> None:
    """An owner may act on a token at any server."""
    world = shared(2, 2)
    first, second = world.members
    (theirs,) = second.keys
    assert not first.part.has(theirs)
    assert first.book.disable(theirs) is Disabled.IDLE
    first.part.pass_on(theirs, "disable")
    world.pass_time(1)
    assert second.book.view(theirs, second.now).switched_off
    assert first.book.view(theirs, first.now).switched_off
    assert not second.keys
    first.book.enable(theirs, first.now)
    first.part.pass_on(theirs, "enable")
    world.pass_time(1)
    assert not second.book.view(theirs, second.now).switched_off
    assert len(first.keys | second.keys) == 2


def test_actions_are_done_in_their_order() -> None:
    """Several actions on one token within one step all reach its server."""
    world = shared(2, 2)
    first, second = world.members
    (theirs,) = second.keys
    for action in ("disable", "clear", "enable", "disable"):
        first.part.pass_on(theirs, action)
    world.pass_time(3)
    assert second.book.view(theirs, second.now).switched_off
    assert first.book.view(theirs, first.now).switched_off


def test_a_disabled_token_is_acted_on_too() -> None:
    """A token that nobody has is taken for an action, and given back."""
    world = shared(1, 1)
    first, second = world.members
    first.book.disable(token(0))
    first.part.pass_on(token(0), "disable")
    world.pass_time(2)
    assert first.keys | second.keys == set()
    second.part.pass_on(token(0), "clear")
    world.pass_time(2)
    assert not first.part.owned
    assert not second.part.owned


def test_a_poll_that_was_asked_for_goes_with_a_token() -> None:
    """An owner's wish to ask Grok is not lost when the token changes hands."""
    world = shared(1)
    first = world.members[0]
    assert first.lease() is not None
    first.settle()
    first.book.recheck(token(0), first.now)
    first.stop()
    second = world.start(entries(1), zero=START)
    world.pass_time(1)
    poll = second.book.polls.take(second.now)
    assert poll is not None
    assert poll.account.entry.key == token(0)


def test_clearing_and_rechecking_pass_too() -> None:
    """A token that cools at another server is open after a clearing; one is polled there."""
    world = shared(2, 2)
    first, second = world.members
    (theirs,) = second.keys
    assert second.lease() is not None
    second.settle(error=quota(600))
    first.part.pass_on(theirs, "clear")
    world.pass_time(1)
    assert second.lease() is not None
    second.settle(error=refusal())
    first.part.pass_on(theirs, "recheck", GROUP)
    first.part.pass_on(token(99), "clear")
    world.pass_time(1)
    assert second.book.polls.next_at() <= second.now + 60


def test_an_action_of_a_newer_version_is_passed_over() -> None:
    """A task that this version does not know, or can't read, changes nothing."""
    world = shared(1)
    member = world.members[0]
    for task in ('{"do": "dance"}', "[]", "{", '"x"'):
        member.part._tasks[token(0)] = (task,)
        world.pass_time(0.4)
    assert member.keys == {token(0)}


# Any history ------------------------------------------------------------------------------------

_STEP_ACTS = ("send", "arrive", "receive", "lose", "step")
_USES = ("lease", "settle", "fail", "wait", "disable")
_LIVES = ("kill", "stop", "start", "forget", "pause", "rest", "stall", "late")
_ACTS = st.lists(
    st.tuples(
        st.sampled_from((*_STEP_ACTS, *_USES, "lease", *_LIVES)),
        st.integers(0, 3),
        st.integers(0, 5),
    ),
    min_size=20,
    max_size=120,
)


@settings(deadline=None)
@given(_ACTS, st.integers(1, 4))
def test_no_token_is_lent_by_two_servers(acts: list[tuple[str, int, int]], tokens: int) -> None:
    """In any history of steps that come late, are lost or answered in vain, of servers that start,
    stop, are killed or stand still, and of tables that forget: when a server lends a token, no other
    one could.
    """
    world = World()
    for number in range(2):
        world.start(entries(tokens), zero=START - 50 * number)
    world.pass_time(1)
    for act, who, number in acts:
        if act == "start" and len(world.alive) < 4:
            world.start(entries(tokens)[: number + 1], zero=START + number)
        elif act == "forget":
            world.forget()
        elif act == "pause":
            world.now += number * 4.0
        elif act == "rest":
            world.pass_time(number, every_s=1.0)
        elif act in ("stall", "late") and world.alive:
            _stand_still(world.alive[who % len(world.alive)], number * 4.0, act)
        elif world.alive:
            _do(world.alive[who % len(world.alive)], act, number)
        for member in world.alive:
            if member.lease() is not None:
                member.settle(-1)


def _stand_still(member: Member, seconds: float, act: str) -> None:
    if act == "late":
        member.send()
        member.arrive()
    member.world.pass_time(seconds, every_s=1.0, without=member)
    if act == "late":
        member.receive()


def _do(member: Member, act: str, number: int) -> None:
    match act:
        case "lease":
            member.lease()
        case "settle" if member.loans:
            member.settle(number % len(member.loans))
        case "fail" if member.loans:
            member.settle(number % len(member.loans), quota(number * 10))
        case "wait":
            member.waiting = [NEED] * number
        case "kill":
            member.alive = False
        case "disable":
            member.book.disable(member.book.accounts[0].entry.key) if member.book.accounts else None
        case "stop" if not member.loans:
            member.stop()
        case _ if act in _STEP_ACTS:
            getattr(member, act)()
        case _:
            pass


@settings(deadline=None)
@given(_ACTS)
def test_without_faults_no_two_servers_use_a_token_at_once(
    acts: list[tuple[str, int, int]],
) -> None:
    """While the table is there, no token has requests of two servers under way."""
    world = shared(3, 3, 3)
    for act, who, number in acts:
        if act in ("lease", "settle", "fail", "wait"):
            _do(world.alive[who % 3], act, number)
        else:
            world.pass_time(number * 0.5, every_s=0.5)
        users: dict[str, set[str]] = {}
        for member in world.alive:
            for loan in member.loans:
                users.setdefault(loan.account.entry.key, set()).add(member.part.server)
        assert all(len(servers) == 1 for servers in users.values())


def test_many_tokens_are_renewed_in_turns() -> None:
    """A server of thousands of tokens renews each in time, and not all with each step."""
    world = World()
    member = world.start(entries(3000), zero=START)
    world.pass_time(4)
    assert len(member.keys) == 3000
    most = 0
    for _ in range(60):
        world.now += 0.5
        member.send()
        assert member.under_way is not None
        most = max(most, len(member.under_way[0].keep))
        member.arrive()
        member.receive()
    assert most <= 2000
    assert len(member.keys) == 3000


def test_a_shortness_that_cannot_be_read_is_passed_over() -> None:
    """A kind of a newer version frightens nobody."""
    world = shared(1)
    member = world.members[0]
    step = member.part.next_step(member.now)
    reply = world.table.step(step, world.now)
    for name in ("x", "[1, 2]", '["basic", 1, 1, ""]', "{}"):
        object.__setattr__(reply, "short", {name: 5})
        member.part.made(step, reply, world.now, member.now)
    assert member.keys
    object.__setattr__(reply, "short", {share_of(Tier.SUPER).name: 5})
    member.part.made(step, reply, world.now, member.now)
    assert member.keys
