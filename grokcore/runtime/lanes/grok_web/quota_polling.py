"""Polls: requests to Grok for the rest of an account's allowance, which the token book plans.

A poll is best effort: no client's request fails or waits for it.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable

import trio
from attrs import frozen

from ....errors import AntiBotRefusal, Challenge, CredentialsRejected, GrokApiError, UpstreamFailure
from ....protocol.grok_web.identity import Identity, without_statsig
from ....protocol.grok_web.rate_limits import RATE_LIMITS_PATH, parse_quota, rate_limits_body
from ....protocol.pool.quota_polls import Poll
from ....protocol.quota import Quota
from ...pool.leases import TokenPool
from ...transport.seam import Transport
from .calls import post_json

__all__ = ["NotForCookies", "QuotaAsker", "QuotaKeeper"]

ASK_S = 15.0
"""Bound for one poll, in seconds. It must stay below the pause between two polls of an allowance,
so that these don't overlap.
"""

AT_ONCE = 8
"""Polls under way at once. Thousands of tokens whose cooling ends together must not become a storm.
"""

_NOT_FOR_COOKIES = (
    "Grok does not report this mode's allowance without an x-statsig-id. Its refusals "
    "of questions count instead."
)

_log = logging.getLogger(__name__)


class NotForCookies(UpstreamFailure):
    """Grok does not report the allowance of a mode to a request without ``x-statsig-id``."""


@frozen
class QuotaAsker:
    """Makes polls, with the identity of a question.

    :ivar modes: groups that are modes of the page. They are polled with the cookies alone. A
        challenge in answer to that says nothing of the egress, whose questions go without
        ``x-statsig-id`` too.
    """

    transport: Transport
    base_url: str
    identity: Identity
    modes: frozenset[str] = frozenset()

    async def ask(self, sso: str, proxy_url: str, group: str) -> Quota:
        """Ask for the rest of an account's allowance for *group*. No generation is spent.

        :raises GrokApiError: if there was no answer, or none with a number; the class says why.
        """
        if group not in self.modes:
            answer = await self._post(sso, proxy_url, group, self.identity)
        else:
            try:
                answer = await self._post(sso, proxy_url, group, without_statsig(self.identity))
            except (Challenge, AntiBotRefusal) as error:
                raise NotForCookies(_NOT_FOR_COOKIES) from error
        quota = parse_quota(answer)
        if quota is None:
            raise UpstreamFailure("Grok's answer does not hold the rest of the allowance.")
        return quota

    async def _post(self, sso: str, proxy_url: str, group: str, identity: Identity) -> bytes:
        return await post_json(
            self.transport,
            self.base_url + RATE_LIMITS_PATH,
            rate_limits_body(group),
            sso=sso,
            proxy_url=proxy_url,
            identity=identity,
            seconds=ASK_S,
        )


class QuotaKeeper:
    """Makes the polls that the book plans. :meth:`run` has to be running.

    :param asker: returns an asker with the settings of the moment.
    """

    def __init__(self, pool: TokenPool, asker: Callable[[], QuotaAsker]) -> None:
        self._pool = pool
        self._asker = asker
        self._places = trio.CapacityLimiter(AT_ONCE)
        self._sooner = trio.Event()
        self._sleeps_until = -math.inf
        self._unanswered: set[str] = set()
        pool.on_change.append(self._look)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Make polls until cancelled."""
        task_status.started()
        async with trio.open_nursery() as nursery:
            while True:
                await self._sleep()
                await self._places.acquire_on_behalf_of(place := object())
                ask = self._pool.book.polls.take(trio.current_time())
                if ask is None:
                    self._places.release_on_behalf_of(place)
                else:
                    nursery.start_soon(functools.partial(self._make, ask, place))

    async def _sleep(self) -> None:
        """Sleep until the next poll is due."""
        while (due := self._pool.book.polls.next_at()) > trio.current_time():
            self._sooner = trio.Event()
            self._sleeps_until = due
            with trio.CancelScope(deadline=due):
                await self._sooner.wait()
            self._sleeps_until = -math.inf

    def _look(self) -> None:
        if self._pool.book.polls.next_at() < self._sleeps_until:
            self._sooner.set()

    async def _make(self, ask: Poll, place: object) -> None:
        answer: Quota | GrokApiError | None = None
        account = ask.account
        try:
            answer = await self._asker().ask(account.entry.sso, account.egress.proxy_url, ask.group)
        except GrokApiError as error:
            answer = error
        except Exception:  # boundary: a bug in a poll must not end the server
            _log.exception("a bug ended a poll of an allowance")
        finally:
            self._places.release_on_behalf_of(place)
            self._tell(ask, answer)
            self._pool.book.polled(ask, answer, trio.current_time())
            self._pool.changed()

    def _tell(self, ask: Poll, answer: Quota | GrokApiError | None) -> None:
        """Log the first failure of a group, the end of its failures, and each refused token."""
        names = (ask.group, ask.account.entry.id)
        if isinstance(answer, Quota):
            total = "an unknown number" if answer.total is None else answer.total
            _log.debug("allowance for %s of token %s: %d of %s left", *names, answer.left, total)
            if ask.group in self._unanswered:
                self._unanswered.remove(ask.group)
                _log.info("Grok reports the allowance for %s again", ask.group)
        elif isinstance(answer, CredentialsRejected):
            _log.warning(
                "token %s, in a poll of its allowance: %s", ask.account.entry.id, answer.message
            )
        elif isinstance(answer, GrokApiError) and ask.group not in self._unanswered:
            self._unanswered.add(ask.group)
            _log.warning(
                "Grok did not report the allowance for %s, with token %s (questions are answered "
                "all the same; further failures are not logged until it works again): %s: %s",
                *(*names, answer.code, answer.message),
            )
