"""The cost of choosing one of many tokens: the token book alone, with all kinds of outcomes."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator

from attrs import frozen

from grokcore.errors import CredentialsRejected, GrokApiError, QuotaExhausted, TransportFailure
from grokcore.protocol.models import SHIPPED, Tier
from grokcore.protocol.pool.book import Loan, Need, TokenBook
from grokcore.protocol.quota import Quota
from grokcore.protocol.tokens import TokenEntry

from .figures import Figure

__all__ = ["leases"]

SIZES = (10, 1_000, 10_000)
LEASES = 20_000
LEASE_BUDGET_US = 100.0


@frozen
class _Cost:
    """The cost of one operation, in microseconds."""

    lease_mean: float
    lease_p99: float
    settle_mean: float


def leases() -> list[Figure]:
    """Choose and settle, 20 000 times, over all models; every tenth token is a Super one."""
    costs = {size: _measured(size) for size in SIZES}
    largest = costs[SIZES[-1]]
    growth = largest.lease_mean / costs[SIZES[1]].lease_mean
    return [
        Figure(
            f"choosing one of {SIZES[-1]:_} tokens, mean / p99".replace("_", " "),
            f"< {LEASE_BUDGET_US:g} µs",
            f"{largest.lease_mean:.0f} / {largest.lease_p99:.0f} µs",
            largest.lease_mean < LEASE_BUDGET_US,
        ),
        Figure(
            "  the same of 10 and of 1 000",
            "",
            " and ".join(f"{costs[n].lease_mean:.0f}" for n in SIZES[:2]) + " µs",
        ),
        Figure("  10 000 : 1 000", "", f"{growth:.2f}"),
        Figure("  giving it back (10 000)", "", f"{largest.settle_mean:.0f} µs"),
    ]


def _measured(size: int) -> _Cost:
    entries = [
        TokenEntry(f"t{number}", Tier.BASIC if number % 10 else Tier.SUPER)
        for number in range(size)
    ]
    book = TokenBook(entries)
    needs = [Need(model) for model in SHIPPED.values()]
    for need in needs:  # the first of each kind looks at every token once
        _give_back(book, book.choose(need, 0.0), None, 0.0)
    lease_s: list[float] = []
    settle_s: list[float] = []
    for now, need, outcome in _history(needs):
        began = time.perf_counter()
        loan = book.choose(need, now)
        lease_s.append(time.perf_counter() - began)
        began = time.perf_counter()
        _give_back(book, loan, outcome, now)
        settle_s.append(time.perf_counter() - began)
        while (poll := book.polls.take(now)) is not None:
            book.polled(poll, Quota(30, 40), now)
    return _Cost(
        statistics.mean(lease_s) * 1e6,
        statistics.quantiles(lease_s, n=100)[98] * 1e6,
        statistics.mean(settle_s) * 1e6,
    )


def _give_back(
    book: TokenBook, loan: Loan | None, outcome: GrokApiError | None, now: float
) -> None:
    if loan is not None:
        book.settle(loan, outcome, now)


def _history(needs: list[Need]) -> Iterator[tuple[float, Need, GrokApiError | None]]:
    """A thousand requests a second, a fifth of which fail in one way or another; the same in every
    run.
    """
    chance = random.Random(1)
    failures = (
        TransportFailure("lost"),
        TransportFailure("lost"),
        QuotaExhausted("429"),
        CredentialsRejected("401"),
    )
    for number in range(LEASES):
        failed = chance.random() < 0.2
        yield 1 + number / 1000, chance.choice(needs), chance.choice(failures) if failed else None
