"""The owner's view of a token."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
from attrs import asdict, evolve, frozen

from grokcore.errors import (
    Challenge,
    CredentialsRejected,
    GrokApiError,
    QuotaExhausted,
    TransportFailure,
)
from grokcore.protocol.models import SHIPPED, Tier
from grokcore.protocol.pool.book import Need, TokenBook
from grokcore.protocol.pool.owner_actions import (
    ActionResult,
    Cleared,
    Disabled,
    Enabled,
    Rechecked,
)
from grokcore.protocol.pool.view import (
    GroupView,
    TokenView,
    egress_label,
    egress_name,
    in_words,
    left_by_group,
)
from grokcore.protocol.quota import Quota
from grokcore.protocol.tokens import TokenEntry

A = TokenEntry("secret-a", note="mine", proxy_url="http://user:secret-p@proxy.example.com:1")
DAY = 86400.0


def need(model: str = "grok-3-fast") -> Need:
    return Need(SHIPPED[model])


def used(*outcomes: tuple[float, GrokApiError | None], model: str = "grok-3-fast") -> TokenBook:
    """A book with one token, after attempts at these times."""
    book = TokenBook([A])
    attempt(book, *outcomes, model=model)
    return book


def attempt(
    book: TokenBook, *outcomes: tuple[float, GrokApiError | None], model: str = "grok-3-fast"
) -> None:
    for now, error in outcomes:
        loan = book.choose(need(model), now)
        assert loan is not None
        book.settle(loan, error, now)


def learned(quota: Quota, *, at: float = 0, model: str = "grok-3-fast") -> TokenBook:
    """A book with one token that Grok was asked for at this time."""
    book = TokenBook([A])
    learn(book, quota, at=at, model=model)
    return book


def learn(book: TokenBook, quota: Quota, *, at: float, model: str = "grok-3-fast") -> None:
    book.polls.demand(book.accounts[0], SHIPPED[model].rate_limit_name, at)
    due = book.polls.take(at)
    assert due is not None
    book.polled(due, quota, at)


def refusal(words: str = "Session not found.") -> CredentialsRejected:
    return CredentialsRejected(words)


def acted(book: TokenBook, *acts: str, now: float = 10) -> TokenBook:
    for act in acts:
        getattr(book, act)(A.id, *([] if act == "disable" else [now]))
    return book


def two_cooling() -> TokenBook:
    book = used((0, QuotaExhausted("x", retry_after=40)))
    attempt(book, (0, QuotaExhausted("x", retry_after=900)), model="grok-4-expert")
    learn(book, Quota(0, 20, 7200, wait_s=500), at=0, model="grok-4.1")
    return book


def spent() -> TokenBook:
    book = learned(Quota(1, 20, 7200))
    attempt(book, (1, None))
    return book


def paused_and_used_up() -> TokenBook:
    book = learned(Quota(0, 20, 7200, wait_s=500))
    attempt(book, (8, Challenge("x")), model="grok-4-expert")
    return book


REFUSED = ((0, refusal()), (60, refusal()))
NAME = egress_name(A.proxy_url or "")


@frozen
class Sight:
    """A token's history, and the owner's view of its state at *now*."""

    name: str
    history: Callable[[], TokenBook]
    state: str
    why: str
    back_in: float | None = None
    now: float = 10


SIGHTS = [
    Sight("never used", lambda: TokenBook([A]), "unknown", "It has not answered yet."),
    Sight("fine", lambda: used((9, None)), "ok", ""),
    Sight("fine, and asked", lambda: learned(Quota(5, 20, 7200)), "unknown", "It has not answered yet."),
    Sight("after a 429", lambda: used((0, QuotaExhausted("x"))), "cooling", "Resting after a 429 for grok-3.", 50),
    Sight("after the cooling", lambda: used((0, None), (0, QuotaExhausted("x"))), "ok", "", now=61),
    Sight("several groups", two_cooling, "cooling", "Resting after a 429 for grok-3 and grok-4. Used up for grok-4-1-non-thinking-w-tool.", 890),
    Sight("used up", lambda: learned(Quota(0, 20, 7200, wait_s=500)), "cooling", "Used up for grok-3.", 490),
    Sight("used up by our counting", spent, "ok", "Used up for grok-3 by our own counting: others go first."),
    Sight("a slip", lambda: used((9.5, TransportFailure("x"))), "unknown", "Its last request failed for an outside reason; other tokens are preferred for a few seconds."),
    Sight("refused once", lambda: used((0, refusal())), "cooling", "Refused once: Session not found.", 50),
    Sight("refused once, long ago", lambda: used((0, refusal())), "unknown", "It has not answered yet.", now=61),
    Sight("refused twice", lambda: used(*REFUSED), "invalid", "Session not found.", 3560, now=100),
    Sight("refused twice, and due", lambda: used(*REFUSED), "invalid", "Session not found.", now=4000),
    Sight("refused, and cleared", lambda: acted(used(*REFUSED), "clear", now=90), "invalid", "On trial: its next question decides. Session not found.", now=100),
    Sight("a refusal in many lines", lambda: used((0, refusal("Not\n  found."))), "cooling", "Refused once: Not found.", 50),
    Sight("a refusal without end", lambda: used((0, refusal("x" * 900))), "cooling", f"Refused once: {'x' * 285}…", 50),
    Sight("a refusal, then a 429", lambda: used((0, refusal()), (60, QuotaExhausted("x"))), "cooling", "Resting after a 429 for grok-3.", 50, now=70),
    Sight("its egress pauses", lambda: used((8, Challenge("x"))), "unknown", "Its way to Grok rests after a challenge page.", 3),
    Sight("its egress failed", lambda: used(*((at, TransportFailure("No route to host.")) for at in (5, 6, 7, 8))), "unknown", "Its way to Grok failed several times in a row. No route to host.", 8),
    Sight("its egress pauses, used up", paused_and_used_up, "cooling", "Used up for grok-3. Its way to Grok rests after a challenge page.", 490),
    Sight("switched off", lambda: acted(used((9, None)), "disable"), "disabled", "Switched off here."),
    Sight("switched off, invalid", lambda: acted(used(*REFUSED), "disable"), "disabled", "Switched off here.", now=100),
    Sight("switched on again", lambda: acted(used((9, None)), "disable", "enable"), "ok", ""),
    Sight("cleared", lambda: acted(used((0, QuotaExhausted("x"))), "clear"), "unknown", "It has not answered yet."),
    Sight("disabled in the file", lambda: TokenBook([evolve(A, disabled=True)]), "disabled", "Disabled in the token file."),
    Sight("by both", lambda: acted(TokenBook([evolve(A, disabled=True)]), "disable"), "disabled", "Disabled in the token file, and switched off here."),
]  # fmt: skip


@pytest.mark.parametrize("case", SIGHTS, ids=lambda case: case.name)
def test_a_token_says_what_is_wrong_with_it_and_until_when(case: Sight) -> None:
    """In words for a person, of at most some 300 characters, on one line; and nothing if nothing is
    wrong.
    """
    seen = case.history().view(A.id, case.now)
    assert (seen.state, seen.why) == (case.state, case.why)
    assert seen.back_in == (None if case.back_in is None else pytest.approx(case.back_in))
    assert (seen.id, seen.key, seen.tier, seen.note, seen.egress) == (
        A.id,
        A.key,
        "basic",
        "mine",
        NAME,
    )
    assert (seen.switched_off, seen.disabled_in_file) == (
        "witched off" in seen.why,
        "isabled in" in seen.why,
    )
    assert "secret" not in str(asdict(seen))


@frozen
class Group:
    """A token's history in one group, and the owner's view of it at time 10."""

    name: str
    history: Callable[[], TokenBook]
    seen: GroupView


def asked_after_429(quota: Quota) -> TokenBook:
    book = used((0, QuotaExhausted("x", retry_after=900)))
    learn(book, quota, at=5)
    return book


GROUPS = [
    Group("used, and nothing known", lambda: used((9, None)), GroupView("grok-3")),
    Group("plenty", lambda: learned(Quota(5, 20, 7200)), GroupView("grok-3", 5, 20, reset_in=7190)),
    Group("a budget", lambda: learned(Quota(80, 140, 7200, flat=False)), GroupView("grok-3", 80, 140, flat=False, reset_in=7190)),
    Group("of how many is not known", lambda: learned(Quota(5, None, 300)), GroupView("grok-3", 5, reset_in=290)),
    Group("out of date", lambda: learned(Quota(5, 20, 9)), GroupView("grok-3")),
    Group("spent", spent, GroupView("grok-3", 0, 20, reset_in=7190, spent=True)),
    Group("used up", lambda: learned(Quota(0, 20, 7200, wait_s=500)), GroupView("grok-3", 0, 20, reset_in=490, used_up=True, spent=True)),
    Group("a 429", lambda: used((0, QuotaExhausted("x"))), GroupView("grok-3", cooling_for=50)),
    Group("a 429, and plenty by the counter", lambda: asked_after_429(Quota(5, 20, 7200)), GroupView("grok-3", 5, 20, reset_in=7195, cooling_for=890)),
]  # fmt: skip


@pytest.mark.parametrize("case", GROUPS, ids=lambda case: case.name)
def test_a_group_shows_what_is_left_and_when_it_is_renewed(case: Group) -> None:
    """An unknown number is None, and no zero."""
    assert case.history().view(A.id, 10).groups == (case.seen,)


def test_groups_are_in_order_and_use_is_told() -> None:
    """By name; how many questions are open, and when the last one began."""
    book = used((3, None), model="grok-4-expert")
    assert (book.view(A.id, 10).used_ago, book.view(A.id, 10).in_flight) == (7, 0)
    assert book.choose(need(), 9) is not None
    seen = book.view(A.id, 10)
    assert (seen.used_ago, seen.in_flight, [group.group for group in seen.groups]) == (
        1,
        1,
        ["grok-3", "grok-4"],
    )
    assert TokenBook([A]).view(A.id, 10).used_ago is None
    for act in ("disable", "enable"):  # requests under way are shown for a token out of use too
        assert acted(book, act).view(A.id, 10).in_flight == 1


def test_the_rest_of_all_tokens_is_summed_by_group() -> None:
    """Groups whose counters are unknown, or out of date, are left out."""
    book = TokenBook([A, TokenEntry("b")])
    for account in book.accounts:
        book.polls.demand(account, "grok-3", 0)
        book.polls.demand(account, "grok-4", 0)
    while (due := book.polls.take(0)) is not None:
        answer = Quota(5, 20) if due.group == "grok-3" else Quota(9, 20, 5)
        book.polled(due, answer, 0)
    book.accounts[0].allowance("grok-5")
    assert left_by_group(book.accounts, 1) == {"grok-3": 10, "grok-4": 18}
    assert left_by_group(book.accounts, 10) == {"grok-3": 10}


def test_an_invalid_token_is_not_waited_for() -> None:
    """It is polled, but nobody knows whether it comes back: the next reset is that of others."""
    book = used(*REFUSED)
    assert book.next_reset(61) is None


def test_a_proxy_has_a_label_that_gives_nothing_away() -> None:
    """For everybody, and for files: its hash; two proxies have two labels."""
    label = egress_label("http://u:secret@default.example.com:1")
    assert label.startswith("proxy ")
    assert len(label) == len("proxy 12345678")
    assert label != egress_label("http://default.example.com:1")
    assert egress_label("") == "direct"


def test_usable_tokens_are_those_that_could_take_a_question_now() -> None:
    """One whose egress rests, or whose allowance is used up, is none."""
    book = TokenBook([TokenEntry("a"), TokenEntry("b", proxy_url="http://p.example.com:1")])
    model = SHIPPED["grok-4.1"]
    assert book.usable(model, 0) == 2
    book.egresses()[0].fail(Challenge("x"), 0, 0)
    assert book.usable(model, 0) == 1
    assert book.usable(SHIPPED["grok-4-heavy"], 0) == 0


def test_a_way_to_grok_is_named_by_host_and_port() -> None:
    """``direct``, the configuration's or the token's own, without user and password."""
    entries = [
        TokenEntry("a"),
        TokenEntry("b", proxy_url="direct"),
        A,
        TokenEntry("c", disabled=True),
    ]
    book = TokenBook(entries, default_proxy="http://u:secret@default.example.com:1")
    seen = [book.view(entry.id, 0).egress for entry in entries]
    assert seen == [seen[0], "direct", NAME, seen[0]]
    assert seen[0] == "proxy default.example.com:1" != NAME


# Many -------------------------------------------------------------------------------------------


def mixed() -> tuple[TokenBook, Sequence[str]]:
    """Tokens of every state, two of each, and the states in the order in which they are to be
    seen.
    """
    book = TokenBook(
        [TokenEntry(f"t{number}", Tier.SUPER, disabled=number > 9) for number in range(12)]
    )
    outcomes: list[GrokApiError | None] = [
        refusal(),
        refusal(),
        QuotaExhausted("x", retry_after=DAY),
        refusal(),
        None,
        None,
    ]
    for number, error in enumerate(outcomes):
        others = frozenset(
            account.entry.key for account in book.accounts if account.entry.sso != f"t{number}"
        )
        for now in (0, 60) if number < 2 else (60,):
            loan = book.choose(Need(SHIPPED["grok-3-fast"], others), now)
            assert loan is not None
            book.settle(loan, error, now)
    for number in (6, 7):
        book.disable(TokenEntry(f"t{number}").id)
    return book, ["invalid", "cooling", "disabled", "unknown", "ok", "disabled"]


@pytest.mark.parametrize("most", [0, 1, 5, 12, 200])
def test_those_with_trouble_come_first_and_then_by_id(most: int) -> None:
    """Of thousands only the first are shown, with the number of all."""
    book, order = mixed()
    seen = book.views(61, most=most)
    assert seen.total == 12
    assert [view.state for view in seen.shown] == [state for state in order for _ in range(2)][
        :most
    ]
    pairs = zip(seen.shown[::2], seen.shown[1::2], strict=False)
    assert all(one.id <= other.id for one, other in pairs)
    assert [view.disabled_in_file for view in seen.shown[10:]] == [True, True][: max(0, most - 10)]
    assert all(view == book.view(view.key, 61) for view in seen.shown)


SENTENCES: list[tuple[ActionResult, str]] = [
    (Cleared.USABLE, "It may be used again."),
    (Cleared.ON_TRIAL, "Its next question will show whether Grok accepts it again."),
    (Cleared.DISABLED, "Nothing is held against it any more, but it is disabled."),
    (Disabled.IDLE, "It is switched off."),
    (Disabled.BUSY, "It is switched off; requests under way finish."),
    (Disabled.ALREADY, "It is switched off already."),
    (Enabled.ENABLED, "It is switched on."),
    (Enabled.DISABLED_IN_FILE, "It is disabled in the token file."),
    (Rechecked(), "It is disabled, so Grok is not asked for it."),
    (Rechecked(("a",)), "Grok is asked how much is left for a."),
    (Rechecked(("a", "b"), 0.1), "Grok is asked how much is left for a and b, within 1 s."),
    (Rechecked(("a", "b", "c"), 5), "Grok is asked how much is left for a, b and c, within 5 s."),
]


def test_the_owner_reads_a_sentence_on_each_result_of_an_action() -> None:
    """Every result has its own, so that a click never goes without an answer."""
    for result, sentence in SENTENCES:
        assert in_words(result) == sentence
    results = {result for result, _ in SENTENCES}
    assert {*Cleared, *Disabled, *Enabled} <= results


def test_a_look_changes_nothing() -> None:
    """However often an owner looks."""
    book, _ = mixed()
    book.take_unsaved()
    before = repr(book.accounts), book.polls.next_at()
    for now in (61, math.nextafter(61, 62), 1e9):
        assert all(isinstance(view, TokenView) for view in book.views(now).shown)
    assert (repr(book.accounts), book.polls.next_at(), book.take_unsaved()) == (*before, set())
