"""Several servers that share one pool through one table, in virtual time."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field

from grokcore.errors import GrokApiError
from grokcore.protocol.pool.book import Loan, Need, TokenBook
from grokcore.protocol.sharing.ownership import Ownership
from grokcore.protocol.sharing.steps import Reply, Step
from grokcore.protocol.sharing.table import Table
from grokcore.protocol.tokens import TokenEntry
from tests.protocol.pool.books import NEED, book_of, key

TTL_S = 15.0
START = 1_800_000_000.0


def entries(count: int) -> list[TokenEntry]:
    return [TokenEntry(f"sso-{number}") for number in range(count)]


@define(eq=False)
class Member:
    """A server. Its clock starts at *zero* of the world's.

    :ivar waiting: the needs of its requests that wait.
    """

    world: World
    book: TokenBook
    part: Ownership
    zero: float
    loans: list[Loan] = field(factory=list)
    waiting: list[Need] = field(factory=list)
    under_way: tuple[Step, float, Reply | None] | None = None
    alive: bool = True

    @property
    def now(self) -> float:
        return self.world.now - self.zero

    def lease(self, need: Need = NEED) -> Loan | None:
        loan = self.book.choose(need, self.now)
        if loan is not None:
            self.loans.append(loan)
            self.world.lent(self, loan.account.entry.key)
        return loan

    def settle(self, number: int = 0, error: GrokApiError | None = None) -> None:
        self.book.settle(self.loans.pop(number), error, self.now)

    def may_lend(self, token: str) -> bool:
        """Whether it could lend a token at this moment, busy or not."""
        self.part.expire()
        account = self.book.account_of(token)
        return account is not None and self.part.has(token) and not account.withheld

    # A step, in its three parts ------------------------------------------------------------------

    def send(self) -> None:
        if self.under_way is None:
            self.under_way = self.part.next_step(self.now, self.waiting), self.world.now, None

    def arrive(self) -> None:
        if self.under_way is not None and self.under_way[2] is None:
            step, sent_at, _ = self.under_way
            self.under_way = step, sent_at, self.world.table.step(step, self.world.now)

    def receive(self) -> bool:
        step, sent_at, reply = self.under_way or (None, 0.0, None)
        if step is None or reply is None:
            return False
        self.under_way = None
        return self.part.made(step, reply, sent_at, self.now)

    def lose(self) -> None:
        """The step, or its reply, is lost."""
        if self.under_way is not None:
            self.part.failed(self.under_way[0], "the line is dead")
            self.under_way = None

    def step(self) -> bool:
        self.send()
        self.arrive()
        return self.receive()

    def stop(self) -> None:
        self.under_way = self.part.last_step(self.now), self.world.now, None
        self.arrive()
        self.alive = False

    @property
    def keys(self) -> set[str]:
        """The tokens that it may lend."""
        return {token.entry.key for token in self.book.accounts if self.may_lend(token.entry.key)}


@define(eq=False)
class World:
    now: float = START
    table: Table = field(factory=lambda: Table("t0", START - 86400))
    members: list[Member] = field(factory=list)
    started: int = 0
    tables: int = 0

    def start(self, tokens: Sequence[TokenEntry], *, zero: float = 0.0) -> Member:
        self.started += 1
        book = book_of(*tokens)
        part = Ownership(book, f"server-{self.started}", TTL_S, lambda: self.now, 2)
        member = Member(self, book, part, zero)
        self.members.append(member)
        return member

    @property
    def alive(self) -> list[Member]:
        return [member for member in self.members if member.alive]

    def forget(self, *, age_s: float = 0.0) -> None:
        """The table loses all that it knew."""
        self.tables += 1
        self.table = Table(f"t{self.tables}", self.now - age_s)

    def lent(self, by: Member, token: str) -> None:
        """Check that no other server might lend the token at this moment."""
        others = [one.part.server for one in self.alive if one is not by and one.may_lend(token)]
        assert not others, f"{by.part.server} lent a token of {others}"

    def pass_time(
        self, seconds: float, *, every_s: float = 0.4, without: Member | None = None
    ) -> None:
        """Let time pass, with regular steps of all servers but one."""
        end = self.now + seconds
        while self.now < end:
            self.now += every_s
            self.steps(without)

    def steps(self, without: Member | None = None) -> None:
        for member in self.alive:
            for _ in range(3 * (member is not without)):
                if not member.step():
                    break


def shared(*counts_of_tokens: int) -> World:
    """A world of servers with so many of the same tokens each, that have come to rest."""
    world = World()
    for number, count in enumerate(counts_of_tokens):
        world.start(entries(count), zero=START - 1000 * number)
    world.pass_time(3)
    return world


def token(number: int) -> str:
    return key(f"sso-{number}")
