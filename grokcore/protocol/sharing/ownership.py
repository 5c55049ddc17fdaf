"""The part of one server in a shared pool: the tokens that it owns, gives back and asks for.

Rules
-----
1. A token is lent only while it is owned, and ownership ends here before the table's time for it
   has run out: by :data:`MOST_MARGIN_S`, or a fifth of the time. So two servers would both own a
   token only if their clocks' speeds differed by more than that within one ownership.
2. A token that is given back is withheld first. One with answers under way is given back when they
   have ended; it is kept until then.
3. A server's share of a tier is the number of its tokens by the number of servers, rounded up. It
   takes free tokens up to its share, and asks the others for what it lacks. They give what they
   have above their own shares.
4. A server whose clients wait asks for tokens that could serve them. Others give idle ones, even
   below their own shares, and do without them for :data:`CONTENT_S`. Scarce tokens that are never
   idle go round, :data:`TURN_S` each.
5. What a server has above its share and does not use for :data:`IDLE_S` it gives back.
6. While the table can't be reached, nothing is taken. If it is another table than before, or a
   young one, it may have forgotten who owns what. Then nothing new is taken before each ownership
   of the former table has ended.
7. Actions of the owner on a token are done by the server that has it. One that nobody has is taken
   for that.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from attrs import define, field

from ...errors import GrokApiError, SharedPoolUnreachable
from ..models import Tier
from ..pool.account import Account
from ..pool.book import Need, TokenBook, UnknownToken
from .kinds import Kind, kind_of, read_kind, share_of
from .knowledge import Knowledge, read_object
from .steps import Reply, Step

__all__ = ["Ownership", "margin_of"]

MOST_MARGIN_S = 2.0
"""Seconds by which a server's ownership ends earlier than the table's, at most."""

RESTED_S = 0.05
"""Seconds that a token was not used, before it counts as idle for another server."""

IDLE_S = 60.0
"""Seconds after which an idle token above the share is given back."""

CONTENT_S = 60.0
"""How long a server does without its share, after it has given away tokens that it did not use."""

TURN_S = 3.0
"""How long a token that is never idle stays with a server while another one's clients wait."""

KEPT_EACH_TIME = 500
"""Tokens that are renewed in each step; of more, those that are due."""

RENEWED_AT_ONCE = 2000
"""Tokens that one step renews, and candidates that it names, at most."""

MOST_LACKING = 1000
"""Bound of a shortness."""


def margin_of(ttl_s: float) -> float:
    """Seconds by which a server's ownership ends earlier than the table's."""
    return min(MOST_MARGIN_S, ttl_s / 5)


@define(eq=False)
class Ownership:
    """The part of a server in a pool.

    The caller makes each step of :meth:`next_step` at the table, and hands the outcome to
    :meth:`made` or :meth:`failed`.

    :ivar server: name of this run of the server.
    :ivar ttl_s: the time of an ownership at the table. All servers of a pool have the same.
    :ivar clock: reads a clock in seconds that counts all time, that of a process which is stopped
        too. (The caller's ``now`` may leave such time out.) Ownerships end by it.
    :ivar max_in_flight: requests that a token may have open.
    :ivar ends_at: time at which the next ownership ends here, by *clock*.
    :ivar servers: number of servers in the pool, as far as is known; 0 before the first reply.
    :ivar gone: why the table can't be reached; empty if it can.
    :ivar gone_since: time of the first step that failed, by *clock*.
    :ivar stopping: whether the server stops: it needs no share any more.
    """

    book: TokenBook
    server: str
    ttl_s: float
    clock: Callable[[], float]
    max_in_flight: int = 1
    ends_at: float = math.inf
    servers: int = 0
    gone: str = "no step was made yet"
    gone_since: float = -math.inf
    stopping: bool = False
    _ends: dict[str, float] = field(factory=dict)
    _taken_at: dict[str, float] = field(factory=dict)
    _leaving: set[str] = field(factory=set)
    _knowledge: Knowledge = field(init=False)
    _table: str = ""
    _open_at: float = -math.inf
    _since: int = 0
    _tasks: dict[str, tuple[str, ...]] = field(factory=dict)
    _asked_since: dict[str, float] = field(factory=dict)
    _content_until: float = -math.inf
    _turn: int = 0

    def __attrs_post_init__(self) -> None:
        self._knowledge = Knowledge(self.book)
        self.book.share(self)

    @property
    def owned(self) -> int:
        """Number of tokens that this server owns."""
        return len(self._ends)

    @property
    def young_for(self) -> float:
        """Seconds until tokens may be taken from a table that may have forgotten their owners."""
        return max(0.0, self._open_at - self.clock())

    # A book's view -------------------------------------------------------------------------------

    def expire(self) -> None:
        """Withhold the tokens whose ownership has ended."""
        now = self.clock()
        if now < self.ends_at:
            return
        for key in [key for key, end in self._ends.items() if end <= now]:
            self._knowledge.ended(key)
            self._disown(key)
        self._find_end()

    def refusal(self) -> GrokApiError | None:
        """The error while no token can be had of other servers; None if it is worth waiting."""
        if self.gone:
            return SharedPoolUnreachable(
                f"The tokens of the pool can't be shared out among its servers: {self.gone}.",
                retry_after=self.ttl_s / 3,
            )
        wait = self.young_for
        if not wait or self._ends:
            return None
        return SharedPoolUnreachable(
            "The table of the shared pool may have forgotten which server has which token. Tokens "
            f"are taken again in {math.ceil(wait)} s.",
            retry_after=wait,
        )

    def shift(self, seconds: float) -> None:
        """Move all times earlier by *seconds* that the caller's clock has missed.

        All ownerships end, until the next step has confirmed them: a virtual machine that was
        paused has no clock that counts its pause.
        """
        self._taken_at = {key: at - seconds for key, at in self._taken_at.items()}
        self._asked_since = {kind: at - seconds for kind, at in self._asked_since.items()}
        self._content_until -= seconds
        self._knowledge.offset += seconds
        for key in [*self._ends]:
            self._disown(key)
        self._find_end()

    # Steps ---------------------------------------------------------------------------------------

    def next_step(self, now: float, needs: Iterable[Need] = ()) -> Step:
        """The step to make now.

        :param needs: those of requests that wait for a token.
        """
        self.expire()
        lacking = self._lacking(now, needs)
        self._leave_surplus(now)
        give = [key for key in self._leaving if not self._in_flight(key)]
        keep = [key for key in self._due() if key not in set(give)]
        may_take = self.servers > 0 and self.clock() >= self._open_at and not self.stopping
        want, take = self._wanted(now, lacking) if may_take else ((), 0)
        return Step(
            self.server,
            round(self.ttl_s * 1000),
            self._table,
            tuple(keep),
            tuple(give),
            tuple(want),
            take,
            {kind.name: count for kind, count in lacking.items()},
            self._knowledge.take(now),
            {key: texts[0] for key, texts in self._tasks.items()},
            self._since,
            bye=self.stopping,
        )

    def last_step(self, now: float) -> Step:
        """The step of a server that has ended its answers: all tokens are given back."""
        self.expire()
        for key in self._ends:
            self._leave(key)
        records = self._knowledge.take(now, all_of_them=True)
        give = tuple(self._ends)
        return Step(
            self.server, 1, self._table, give=give, records=records, since=self._since, bye=True
        )

    def made(self, step: Step, reply: Reply, sent_at: float, now: float) -> bool:
        """Take over the table's reply.

        :param sent_at: time before the step was sent, by *clock*.
        :returns: whether the next step should be made at once.
        """
        self.gone = ""
        first = self.servers == 0
        knows_news = self._meet(reply)
        self._knowledge.offset = reply.time + (self.clock() - sent_at) / 2 - now
        self.servers = reply.servers
        end = sent_at + self.ttl_s - margin_of(self.ttl_s)
        self._knowledge.given((*step.give, *reply.lost))
        for key in (*step.give, *reply.lost):
            self._disown(key)
        for key in step.keep:
            if key in self._ends:
                self._ends[key] = end
        for key in self._knowledge.arrived(reply.news, self._ends, now):
            self.pass_on(key, "recheck")
        self._since = reply.version if knows_news else 0
        for key in reply.taken:
            self._own(key, end, now)
        for key in step.tasks:
            self._passed_on(key)
        self._do(reply.tasks, now)
        self._find_end()
        left_before = len(self._leaving)
        self._give_to_others(reply.short, now)
        return first or not knows_news or len(self._leaving) > left_before

    def failed(self, step: Step, reason: str) -> None:
        """Note that a step has failed, or that its reply was lost."""
        if not self.gone or self.gone_since == -math.inf:
            self.gone_since = self.clock()
        self.gone = reason
        self._knowledge.lost()
        self._knowledge.given(step.give)
        for key in step.give:
            self._disown(key)  # it may be another server's by now
        self._find_end()

    def _meet(self, reply: Reply) -> bool:
        """Note the table's name; see rule 6 for one that may have forgotten who owns what.

        :returns: whether the reply has all news: the versions of another table are others.
        """
        if reply.table == self._table:
            return True
        wait = self.ttl_s if self._table else self.ttl_s - reply.age_s
        if self._table:  # it may have forgotten what this server has reported
            self._knowledge.forgotten()
        is_first, self._table = not self._table, reply.table
        self._open_at = self.clock() + max(0.0, wait)
        return is_first

    # Ownership -----------------------------------------------------------------------------------

    def _in_flight(self, key: str) -> int:
        account = self.book.account_of(key)  # None for one that left the file long ago
        return 0 if account is None else account.in_flight

    def _own(self, key: str, end: float, now: float) -> None:
        account = self.book.account_of(key)
        if account is None:
            return
        self._ends[key], self._taken_at[key] = end, now
        self._leaving.discard(key)
        self._knowledge.owned(account)
        self.book.use(account, now)

    def _disown(self, key: str) -> None:
        self._leaving.discard(key)
        self._taken_at.pop(key, None)
        account = self.book.account_of(key)
        if self._ends.pop(key, None) is not None and account is not None:
            self.book.withhold(account)

    def _find_end(self) -> None:
        self.ends_at = min(self._ends.values(), default=math.inf)

    def _due(self) -> list[str]:
        """The tokens to renew."""
        if len(self._ends) <= KEPT_EACH_TIME:
            return list(self._ends)
        soon = self.clock() + self.ttl_s - margin_of(self.ttl_s) - self.ttl_s / 3
        due = sorted((end, key) for key, end in self._ends.items() if end <= soon)
        return [key for _, key in due[:RENEWED_AT_ONCE]]

    # Shares --------------------------------------------------------------------------------------

    def _lacking(self, now: float, needs: Iterable[Need]) -> dict[Kind, int]:
        """Numbers of the tokens that this server lacks, by kind."""
        if self.servers == 0:
            return {}
        waiting = Counter(kind_of(need.model) for need in needs)
        lacking = {
            kind: min(MOST_LACKING, math.ceil(count / self.max_in_flight))
            for kind, count in waiting.items()
        }
        if waiting:
            self._content_until = -math.inf
        if not self.stopping and now >= self._content_until:
            for tier in Tier:
                missing = self._share(tier) - len(self._owned_of(tier))
                if missing > 0:
                    lacking[share_of(tier)] = min(MOST_LACKING, missing)
        return lacking

    def _share(self, tier: Tier) -> int:
        if self.stopping:
            return 0
        listed = sum(account.entry.tier is tier for account in self.book.accounts)
        return math.ceil(listed / max(1, self.servers))

    def _owned_of(self, tier: Tier) -> list[Account]:
        """The tokens of a tier that are owned, and are not about to be given back."""
        keys = (key for key in self._ends if key not in self._leaving)
        accounts = filter(None, map(self.book.account_of, keys))
        return [account for account in accounts if account.entry.tier is tier]

    def _wanted(self, now: float, lacking: Mapping[Kind, int]) -> tuple[Sequence[str], int]:
        """The tokens to take if they are free, the best first, and how many of them."""
        tasked = [key for key in self._tasks if key not in self._ends]
        if not lacking:
            return tasked, len(tasked)
        kinds = sorted(lacking, key=lambda kind: not kind.group)  # what clients wait for goes first
        wanted = dict.fromkeys(tasked)
        for kind in kinds:
            wanted.update(dict.fromkeys(self._candidates(kind, now)))
        return list(wanted), len(tasked) + sum(lacking.values())

    def _candidates(self, kind: Kind, now: float) -> Iterator[str]:
        """The tokens that others may own, from another one on each time if they are many."""
        accounts = self.book.accounts
        self._turn = (self._turn + RENEWED_AT_ONCE) % max(1, len(accounts))
        turned = accounts[self._turn :] + accounts[: self._turn]
        for account in turned[:RENEWED_AT_ONCE]:
            if account.entry.key not in self._ends and kind.fits(account, now):
                yield account.entry.key

    def _leave_surplus(self, now: float) -> None:
        """Give back tokens that may not be used any more, and those above the share that rest."""
        usable = {account.entry.key for account in self.book.accounts}
        for key in [*self._ends]:
            if key not in usable and key not in self._tasks:
                self._leave(key)
        for tier in Tier:
            owned = self._owned_of(tier)
            surplus = len(owned) - self._share(tier)
            rest_s = RESTED_S if self.stopping else IDLE_S
            for account in [one for one in owned if self._idle_for(one, now) >= rest_s]:
                if surplus > 0:
                    self._leave(account.entry.key)
                    surplus -= 1

    def _idle_for(self, account: Account, now: float) -> float:
        if account.in_flight:
            return -math.inf
        return now - max(account.last_used, self._taken_at.get(account.entry.key, -math.inf))

    def _leave(self, key: str) -> None:
        """Withhold a token, and give it back when no request is under way with it."""
        self._leaving.add(key)
        account = self.book.account_of(key)
        if account is not None:
            self.book.withhold(account)

    def _give_to_others(self, short: Mapping[str, int], now: float) -> None:
        """Choose what to give to servers that are short."""
        kinds = {name: kind for name in short if (kind := read_kind(name)) is not None}
        self._asked_since = {name: self._asked_since.get(name, now) for name in kinds}
        for name, kind in kinds.items():
            count = short[name]
            for account in self._given_of_surplus(kind, now)[:count]:
                self._leave(account.entry.key)
                count -= 1
            if kind.group:
                for account in self._given_of_need(kind, now, name)[:count]:
                    self._leave(account.entry.key)
                    self._content_until = now + CONTENT_S

    def _given_of_surplus(self, kind: Kind, now: float) -> list[Account]:
        """Tokens above the share that ease a shortness; idle ones first."""
        given = []
        for tier in Tier:
            owned = self._owned_of(tier)
            fitting = [account for account in owned if kind.fits(account, now)]
            fitting.sort(key=lambda account: (account.in_flight, account.entry.key))
            given += fitting[: max(0, len(owned) - self._share(tier))]
        return given

    def _given_of_need(self, kind: Kind, now: float, name: str) -> list[Account]:
        """Tokens of the share that another server's clients wait for."""
        owned = [
            account for tier in Tier for account in self._owned_of(tier) if kind.fits(account, now)
        ]
        idle = [account for account in owned if self._idle_for(account, now) >= RESTED_S]
        if idle or now - self._asked_since[name] < TURN_S:
            return idle if len(owned) == 1 else idle[1:]  # its own next question shall not wait
        held = [one for one in owned if now - self._taken_at[one.entry.key] >= TURN_S]
        return sorted(held, key=lambda account: account.in_flight)[:1]

    # Actions of the owner ------------------------------------------------------------------------

    def has(self, key: str) -> bool:
        """Whether this server owns a token, so that an action on it needs no other server."""
        return key in self._ends

    def pass_on(self, key: str, action: str, group: str = "") -> None:
        """Have an action done by the server that has the token."""
        task = json.dumps({"do": action, "group": group})
        self._tasks[key] = (*self._tasks.get(key, ()), task)

    def _passed_on(self, key: str) -> None:
        """Forget the first of a token's tasks: the table has it."""
        others = self._tasks.pop(key)[1:]
        if others:
            self._tasks[key] = others

    def _do(self, tasks: Mapping[str, Sequence[str]], now: float) -> None:
        for key, texts in tasks.items():
            for text in texts:
                with contextlib.suppress(UnknownToken):  # it has left the file meanwhile
                    self._do_one(key, read_object(text), now)
            self._knowledge.changed(key)

    def _do_one(self, key: str, task: Mapping[str, object], now: float) -> None:
        match task.get("do"):
            case "clear":
                self.book.clear(key, now)
            case "recheck":
                self.book.recheck(key, now, group=str(task.get("group", "")))
            case "disable":
                self.book.disable(key)
            case "enable":
                self.book.enable(key, now)
            case _:
                pass  # of a newer version
