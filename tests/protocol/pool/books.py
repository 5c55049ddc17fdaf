"""Token books, and what happens to them: attempts, choices, polls of a quota."""

from __future__ import annotations

import copy
import math
from bisect import bisect_left

from grokcore.errors import Challenge, CredentialsRejected, GrokApiError, QuotaExhausted
from grokcore.protocol.models import SHIPPED, Tier
from grokcore.protocol.pool.book import Loan, Need, TokenBook
from grokcore.protocol.quota import Quota
from grokcore.protocol.tokens import TokenEntry

BASIC_MODEL = SHIPPED["grok-3-fast"]
SUPER_MODEL = SHIPPED["grok-4-heavy"]
NEED = Need(BASIC_MODEL)
GROUP = BASIC_MODEL.rate_limit_name
DAY = 86400.0


def book_of(
    *entries: TokenEntry | str, max_in_flight: int = 2, default_proxy: str = ""
) -> TokenBook:
    whole = [TokenEntry(entry) if isinstance(entry, str) else entry for entry in entries]
    return TokenBook(whole, max_in_flight=max_in_flight, default_proxy=default_proxy)


def key(sso: str) -> str:
    return TokenEntry(sso).key


def attempt(book: TokenBook, error: GrokApiError | None, now: float, need: Need = NEED) -> str:
    """One attempt that begins and ends at *now*; returns the token it was made with."""
    loan = book.choose(need, now)
    assert loan is not None
    book.settle(loan, error, now)
    return loan.account.entry.sso


def two_at_once(book: TokenBook) -> tuple[Loan, Loan]:
    """The loans of two requests that are under way together, from the start of the clock."""
    first, second = book.choose(NEED, 0), book.choose(NEED, 0)
    assert first is not None
    assert second is not None
    return first, second


def chosen(book: TokenBook, now: float, need: Need = NEED, count: int = 1) -> list[str | None]:
    """The tokens that *count* requests at once get; all are given back."""
    loans = [book.choose(need, now) for _ in range(count)]
    for loan in loans:
        if loan is not None:
            book.abandon(loan, now)
    return [None if loan is None else loan.account.entry.sso for loan in loans]


def next_poll(book: TokenBook) -> float:
    """Time at which the next poll is really made; infinity if none is planned."""
    book = copy.deepcopy(book)
    while (at := book.polls.next_at()) < math.inf and book.polls.take(at) is None:
        pass
    return at


def poll(book: TokenBook, answer: Quota | GrokApiError | None, now: float) -> bool:
    """Make the polls that are due, each with this outcome. Returns whether there was any."""
    polled = False
    while (due := book.polls.take(now)) is not None:
        book.polled(due, answer, now)
        polled = True
    return polled


def opens_after(book: TokenBook, now: float, need: Need = NEED) -> float:
    """Seconds until a token can be chosen, to the tenth. The book itself is not touched, nor asked
    to go back in time.
    """

    def is_open(tenth: int) -> bool:
        return chosen(copy.deepcopy(book), now + tenth / 10, need) != [None]

    return bisect_left(range(1_000_000), True, key=is_open) / 10


def quota(retry_after: float | None = None) -> QuotaExhausted:
    return QuotaExhausted("used up", retry_after=retry_after)


def refusal() -> CredentialsRejected:
    return CredentialsRejected("refused")


def challenge() -> Challenge:
    return Challenge("challenged")


QUOTA = Quota(left=30, total=40)
A, B, S = TokenEntry("a"), TokenEntry("b"), TokenEntry("s", Tier.SUPER)
DEAR = Need(SHIPPED["grok-4-fast-expert"])  # the same allowance, at four times the cost


def left(book: TokenBook, now: float, need: Need = NEED) -> tuple[int, int] | None:
    """The rest of the allowances for *need*, and their total."""
    left = book.left(need, now)
    return None if left is None else (left.remaining, left.total)


def learned(quota: Quota, need: Need = NEED, *tokens: str) -> TokenBook:
    """A book whose tokens were all polled at time 0, before their first question."""
    book = book_of(*tokens or ("a",))
    for account in book.accounts:
        book.polls.schedule(account, need.model.rate_limit_name, 0)
    assert poll(book, quota, 0)
    return book


def adopted(
    book: TokenBook,
    *entries: TokenEntry,
    default_proxy: str = "",
    max_in_flight: int = 2,
    now: float = 0,
) -> str:
    return str(
        book.adopt(entries, default_proxy=default_proxy, max_in_flight=max_in_flight, now=now)
    )


def spent() -> TokenBook:
    """One question was left, and it was asked."""
    book = learned(Quota(1, 25, 7200))
    attempt(book, None, 10)
    return book
