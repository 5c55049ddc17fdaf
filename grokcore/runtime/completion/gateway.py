"""Completions, end to end: lease a token, ask Grok, keep to the clocks, try again where that helps.

Theory
------
A :class:`Completion` has two halves. :meth:`~Completion.start` runs attempts until one of them has
brought its first meaningful event, and raises if none does; only then does a client get its 200.
:meth:`~Completion.next_events` then brings the rest. :meth:`~Completion.aclose` ends it at any
time, in any state.

Rules
-----
1. Every wait for Grok happens under the clocks: within a cancel scope (:class:`~.waiting.Waits`),
   or between events with the gateway's alarm clock, which is cheaper.
2. ``next_events`` may be cancelled at any await and called again; nothing that has arrived is lost.
3. An attempt owns its lease and its exchange, and gives both back whichever way it ends
   (:mod:`.attempt`). A failure is settled before another attempt begins.
4. After :meth:`Completion.commit` (a byte went out) there is no other attempt.
5. Grok is asked at most once to correct an answer (:meth:`Completion.repair`), within the same
   total clock and with a lease of its own. Nothing of the answer to be corrected went out then but
   text and whole calls.
6. Words, wire and session cookies are the lane's business: no module here or above knows them.
7. The lane is that of the lease. A question is put into the words of another lane when a lease of
   that one comes. No attempt goes to an official lane after one that may have been answered unseen:
   it could cost money twice.
"""

from __future__ import annotations

import functools
import logging
import math
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import trio
from attrs import evolve

from ...errors import (
    AttachmentModerated,
    AttachmentRefused,
    Blame,
    GrokApiError,
    InternalError,
    NoTokens,
    TransportFailure,
)
from ...protocol.clocks import Clocks
from ...protocol.conversation.events import Event, ToolCall, Unusable
from ...protocol.conversation.question import Question, Repair
from ...protocol.emulation.repairing import quiet
from ...protocol.emulation.structured import within_bounds
from ...protocol.models import OFFICIAL_LANES, LaneName, WebLane
from ...protocol.pool.attempts import MAX_ATTEMPTS, Attempts
from ...protocol.pool.book import Need
from ...protocol.pool.view import egress_label
from ..disk.media_cache import MediaCache
from ..lanes.lane import Asset, PreparedQuestion, RenderedQuestion, Renderer, rendered
from ..pool.desk import Desk
from ..pool.leases import AnyLease, TokenPool
from .alarm import AlarmClock
from .attempt import Attempt
from .drift import Drift
from .facts import FailedAttempt, Manner, Times
from .lending import Lending
from .waiting import Waits

__all__ = ["Completion", "Gateway"]

CLOSE_S = 2.0
"""Bound for closing a completion, in seconds. An abort takes well under a millisecond, as a rule.
"""

OTHERS_LEFT_S = 1.0
"""``Retry-After``, in seconds, when all attempts met a refused or used-up token and there are
others.
"""

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


class Gateway:
    """Makes completions, and keeps a list of the open ones.

    :param desks: those of the official lanes, the CLI's first.
    :ivar lane: the lane of later questions for session tokens; open completions keep theirs.
    :ivar official: the same for the official lanes.
    :ivar lending: the credentials of all lanes.
    :ivar drift: counts of input that was not understood.
    :ivar alarm: wakes completions when one of their clocks is due; its ``run`` has to be running.
    :ivar on_failed_attempt: listeners, called with each failed attempt. They must not wait.
    :ivar jitter: returns random numbers from 0 to 1, for the pauses between attempts.
    """

    def __init__(
        self,
        lane: Renderer,
        pool: TokenPool,
        jitter: Callable[[], float] = random.random,
        *,
        desks: tuple[Desk, ...] = (),
        official: Mapping[LaneName, Renderer] | None = None,
    ) -> None:
        self.pool = pool
        self.lending = Lending(pool, desks)
        self.official = dict(official or {})
        self.jitter = jitter
        self.drift = Drift()
        self.alarm = AlarmClock()
        self.lane = lane
        self.on_failed_attempt: list[Callable[[FailedAttempt], None]] = []
        self._open: set[Completion] = set()

    @property
    def open_count(self) -> int:
        """Completions between :meth:`completion` and their ``aclose``."""
        return len(self._open)

    def renderer(self, name: LaneName) -> Renderer:
        """The lane of this name, with the settings of the moment."""
        return self.official.get(name, self.lane)

    async def rendered(self, question: Question) -> RenderedQuestion:
        """*question* in the words of the lane that is offered it first.

        :raises GrokApiError: as :func:`grokcore.runtime.lanes.lane.rendered`.
        """
        need = Need(question.model, asker=question.asker, lanes=question.lanes)
        return await rendered(self.renderer(self.lending.first(need)), question)

    def completion(
        self, asked: RenderedQuestion, accepted: float, request_id: str = ""
    ) -> Completion:
        """A completion that has not begun. The caller must ``aclose`` it.

        :param asked: the question, as :meth:`rendered` gives it.
        :param accepted: trio's time when the request was accepted; the total clock runs from there.
        :param request_id: its name in the log.
        """
        completion = Completion(self, asked, accepted, request_id)
        self._open.add(completion)
        return completion

    def interrupt_all(self, error: GrokApiError) -> None:
        """End all open completions with *error*."""
        for completion in list(self._open):
            completion.interrupt(error)

    # For Completion ------------------------------------------------------------------------------

    def forget(self, completion: Completion) -> None:
        """Take a closed completion off the list."""
        self._open.discard(completion)


class Completion:
    """An answer, with all attempts at it. See the theory of the module.

    :ivar model: the model that is asked.
    :ivar prompt_tokens: the estimate for the question.
    :ivar manner: how the question was put, by the last attempt.
    :ivar ignored: names of parts of the question that were not passed on, attachments that were
        left out among them.
    :ivar request_id: its name in the log.
    :ivar token_id: short hash of the token in use, or last used; empty before the first attempt.
    :ivar times: shares of its time so far.
    :ivar failed: the failed attempts, each as ``cause@token``.
    :ivar corrections: number of corrections that Grok was asked for: 0 or 1.
    """

    def __init__(
        self, gateway: Gateway, asked: RenderedQuestion, accepted: float, request_id: str
    ) -> None:
        question = asked.rendering.question
        self.model = question.model
        self.prompt_tokens = asked.rendering.prompt_tokens
        self.manner = Manner.of(asked.lane.name, asked.rendering)
        self._cost: int | None = None
        self.ignored = asked.rendering.ignored
        self.request_id = request_id
        self.token_id = ""
        self.times = Times()
        self.failed: list[str] = []
        self.corrections = 0
        self._gateway = gateway
        self._asker = question.asker
        self._lanes = question.lanes
        self._accepted = accepted
        self._asked: RenderedQuestion | None = asked
        self._lane = asked.lane
        self._ticket = gateway.pool.ticket()
        self._clocks = Clocks(question.limits, accepted)
        self._waits = Waits(self._clocks)
        self._attempts = Attempts()
        self._attempt: Attempt | None = None
        self._ready: list[Event] = []
        self._committed = False
        self._repairable = question.toolbox.in_play or question.bounds.text_format is not None
        self._calls = 0

    @property
    def attempts(self) -> int:
        """Number of requests that Grok has got for it so far."""
        return self._attempts.made

    @property
    def cost(self) -> int | None:
        """Ticks that it has cost so far; None if nothing is charged."""
        under_way = None if self._attempt is None else self._attempt.lease.cost
        return self._cost if under_way is None else (self._cost or 0) + under_way

    async def fetch(self, url: str) -> Asset:
        """Fetch a picture of this answer, with the token and the egress that it was made with.

        :raises GrokApiError: if it can't be fetched, or is no picture; or if the completion is not
            under way.
        """
        return await self._lane.fetch(self._under_way.lease, url)

    async def fetch_file(self, url: str) -> Asset:
        """Fetch a file of this answer, of any known type; errors are those of :meth:`fetch`."""
        return await self._lane.fetch_file(self._under_way.lease, url)

    async def save(self, url: str, cache: MediaCache) -> str:
        """Keep a video of this answer in *cache*, and return its name there.

        :raises GrokApiError: as for :meth:`fetch`.
        :raises LargerThanCache: if it is.
        :raises OSError: if it can't be written.
        """
        return await self._lane.save(self._under_way.lease, url, cache)

    def commit(self) -> None:
        """Make the next failure final: a byte is about to go out to the client."""
        self._committed = True

    def client_was_slow(self, seconds: float) -> None:
        """Leave time out of the clocks in which the caller waited for the client. The total clock
        does so within a bound.
        """
        self._clocks.client_was_slow(seconds)

    async def aside(self, fn: Callable[[], Awaitable[_T]]) -> _T:
        """Await *fn* with all clocks stopped: it is our work, not Grok's.

        :raises GrokApiError: if the completion was interrupted.
        """
        return await self._waits.aside(fn)

    def interrupt(self, error: GrokApiError) -> None:
        """End the completion with *error*: now if it waits, else at its next wait."""
        self._waits.interrupt(error)
        if self._attempt is not None:
            self._attempt.wake()

    async def start(self) -> None:
        """Make attempts until one has brought its first meaningful event.

        :raises GrokApiError: if none did; its class says why.
        """
        error: GrokApiError | None = None
        while True:
            lease = await self._lease(error)
            try:
                await self._attempt_with(lease, fresh=isinstance(error, TransportFailure))
                if not self._repairable:
                    self._asked = None  # its contents are large, and the answer may last
                return
            except GrokApiError as failure:
                error = failure
            self._clocks.end_attempt()
            again = self._attempts.may_go_on(lease.key, error)
            if self._committed or not (again or self._may_spare(error)):
                raise self._final(error)
            if again:
                await self._space(error)
            else:
                await self._leave_spare_out()

    async def next_events(self, until: float = math.inf) -> list[Event]:
        """The events that have arrived, at least one; none if nothing came until *until* (trio's
        time).

        The last event of an answer is :class:`~grokcore.protocol.conversation.events.Finished`;
        don't call again after it. An :class:`~grokcore.protocol.conversation.events.Unusable`
        comes alone, and :meth:`repair` has to be called behind it.

        :raises GrokApiError: if the answer broke off.
        """
        if self._ready:
            events, self._ready = self._ready, []
            return self._counted(events)
        attempt = self._under_way
        try:
            return self._counted(await attempt.more_events(until))
        except GrokApiError as error:
            await self._end_attempt(attempt, error)
            raise self._final(error) from None

    async def repair(self, unusable: Unusable) -> None:
        """Ask Grok to correct its answer: attempts until one has brought its first event.

        :raises GrokApiError: if none did, or if this was the correction already.
        """
        attempt, asked = self._under_way, self._asked
        if self.corrections or asked is None:
            raise unusable.error
        self.corrections, self._committed = 1, False
        self._lanes -= OFFICIAL_LANES  # they have nothing to correct, and may cost money
        await attempt.abandon()
        self._forget_attempt(attempt, None)
        self._clocks.end_attempt()
        question = evolve(
            asked.rendering.question,
            repair=Repair(unusable.said, unusable.faults, calls=self._calls),
        )
        _log.info("%s: Grok is asked to correct its answer", self.request_id)
        await self._waits.under_clocks(functools.partial(self._ask_anew, question))
        await self.start()

    async def aclose(self) -> None:
        """Abort the attempt under way and give everything back; bounded in time. Safe to repeat."""
        attempt = self._attempt
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
            if attempt is not None:
                await attempt.abandon()
                self._forget_attempt(attempt, None)
        self._gateway.forget(self)

    # Attempts ------------------------------------------------------------------------------------

    @property
    def _under_way(self) -> Attempt:
        """The attempt that answers: it is there from the first events until the end."""
        if self._attempt is None:
            raise InternalError("This completion is not under way.")
        return self._attempt

    @property
    def _need(self) -> Need:
        attempts = self._attempts
        return evolve(
            self._any_need, excluded=frozenset(attempts.excluded), avoided=attempts.avoided
        )

    @property
    def _any_need(self) -> Need:
        """The need of a request that has not failed."""
        return Need(self.model, asker=self._asker, lanes=self._lanes)

    @property
    def _to_ask(self) -> RenderedQuestion:
        """The question; it is there until the first events."""
        assert self._asked is not None, "attempts end with the first events"
        return self._asked

    def _ask(self, asked: RenderedQuestion) -> None:
        """Make *asked*, of another lane or with fewer attachments, the question."""
        self._asked, self._lane = asked, asked.lane
        self.ignored = asked.rendering.ignored
        self.manner = Manner.of(asked.lane.name, asked.rendering)

    def _counted(self, events: list[Event]) -> list[Event]:
        self._calls += sum(isinstance(event, ToolCall) for event in events)
        if len(events) > 1 and isinstance(events[-1], Unusable):
            self._ready = [events.pop()]
        return quiet(events) if self.corrections else events

    async def _ask_anew(self, question: Question) -> None:
        """Make *question*, of which most has been asked already, the question."""
        self._ask(await rendered(self._lane, question))

    async def _leave_spare_out(self) -> None:
        question = self._to_ask.rendering.question
        fewer = question.without(question.enclosed.spare)
        await self._waits.under_clocks(functools.partial(self._ask_anew, fewer))

    def _may_spare(self, error: GrokApiError) -> bool:
        """Whether the answer failed for attachments that Grok does not name, and the question can
        do without some.
        """
        about_some = (
            isinstance(error, AttachmentRefused | AttachmentModerated) and error.param is None
        )
        spare = self._to_ask.rendering.question.enclosed.spare
        return about_some and bool(spare) and self._attempts.made < MAX_ATTEMPTS

    async def _space(self, error: GrokApiError) -> None:
        """Wait before the next attempt, unless no token is left for it.

        :raises GrokApiError: *error* itself, if the total clock leaves no time for another attempt.
        """
        now = trio.current_time()
        seconds = self._attempts.spacing(error, self._gateway.jitter())
        if not seconds or self._gateway.lending.hopeless(self._need, now) is not None:
            return
        if now + seconds >= self._clocks.total_at:
            raise self._final(error)
        await self._waits.under_clocks(functools.partial(trio.sleep, seconds))

    async def _lease(self, previous: GrokApiError | None) -> AnyLease:
        began = trio.current_time()
        try:
            need = self._need_after(previous)
            if self._waits.interruption is None:
                lease = self._gateway.lending.lease_unqueued(need)
                if lease is not None:
                    return lease
            queue = functools.partial(self._gateway.lending.lease, need, self._ticket)
            return await self._waits.under_clocks(queue)
        except GrokApiError as error:
            # No token is left. If the last failure was a token's fault, report the pool's state;
            # otherwise report that failure: it says more.
            unexplained = type(error) is NoTokens
            if previous is not None and (previous.blame is not Blame.TOKEN or unexplained):
                previous.amend(retry_after=previous.retry_after or error.retry_after)
                raise previous from None
            raise
        finally:
            self.times.queue_s += trio.current_time() - began

    def _need_after(self, previous: GrokApiError | None) -> Need:
        """The need of the next attempt. The last one is left to an official lane, if one is open
        and the tokens before failed by a fault of their own: others may be used up as well.
        """
        need = self._need
        last = self._attempts.made == MAX_ATTEMPTS - 1
        if previous is None or previous.blame is not Blame.TOKEN or not last:
            return need
        official = evolve(need, lanes=need.lanes & OFFICIAL_LANES)
        shut = self._gateway.lending.hopeless(official, trio.current_time())
        return official if shut is None else need

    def _final(self, error: GrokApiError) -> GrokApiError:
        """The error to report to the client for the last attempt's failure.

        A token's own failure says nothing of the other tokens. If they are all out too, report the
        pool's state; if not, the next request may well be answered.
        """
        if error.blame is Blame.TOKEN:
            pool_says = self._gateway.lending.hopeless(self._any_need, trio.current_time())
            if pool_says is not None:
                return pool_says
            error.amend(retry_after=OTHERS_LEFT_S)
        return error

    async def _attempt_with(self, lease: AnyLease, *, fresh: bool) -> None:
        """Make an attempt, up to its first events.

        :raises GrokApiError: if it failed; it has been settled then.
        """
        self.token_id = lease.token_id
        self._attempts.begin(lease.key)
        prepared = await self._prepared(lease)
        self._ask(prepared.rendered)
        attempt = self._begin(lease, prepared, fresh=fresh)
        try:
            self._ready = await attempt.first_events()
            self.times.first_at = self.times.first_at or trio.current_time()
        except GrokApiError as failure:
            await self._end_attempt(attempt, failure)
            raise

    async def _prepared(self, lease: AnyLease) -> PreparedQuestion:
        """Prepare the question for the lease's account, in the words of its lane."""
        began = trio.current_time()
        try:
            if lease.lane is self._to_ask.lane.name and self._waits.interruption is None:
                prepared = self._to_ask.prepare_now(lease)
                if prepared is not None:
                    return prepared
            return await self._waits.under_clocks(functools.partial(self._prepare, lease))
        except GrokApiError as error:
            lease.settle(error)
            uploading = bool(self._to_ask.rendering.attachments)
            self._report(error, lease, uploading=uploading)
            raise
        except BaseException:
            lease.return_unused()
            raise
        finally:
            if self._to_ask.rendering.attachments:
                self.times.upload_s += trio.current_time() - began

    async def _prepare(self, lease: AnyLease) -> PreparedQuestion:
        if lease.lane is not self._to_ask.lane.name:
            other = self._gateway.renderer(lease.lane)
            self._ask(await rendered(other, self._to_ask.rendering.question))
        return await self._to_ask.prepare(lease, repeated=self._attempts.made > 1)

    def _begin(self, lease: AnyLease, prepared: PreparedQuestion, *, fresh: bool) -> Attempt:
        self._clocks.begin_attempt(trio.current_time())
        try:
            bounds = prepared.rendered.rendering.local_bounds
            decoder = within_bounds(prepared.decoder(), bounds)
            exchange = prepared.open(fresh=fresh)
        except BaseException:
            lease.return_unused()
            raise
        self._attempt = Attempt(
            self._lane,
            lease,
            exchange,
            decoder,
            self._waits,
            self._gateway.alarm,
        )
        return self._attempt

    async def _end_attempt(self, attempt: Attempt, error: GrokApiError) -> None:
        await attempt.end(error)
        if attempt.doubtful:
            self._lanes -= OFFICIAL_LANES
        if error is not self._waits.interruption:  # that is caused by this server, not by Grok
            self._report(error, attempt.lease)
        self._forget_attempt(attempt, error)

    def _forget_attempt(self, attempt: Attempt, error: GrokApiError | None) -> None:
        if self._attempt is attempt:
            self._cost = self.cost
            # The official API is documented: its refusals are no sign that a wire has changed.
            noted = error if attempt.lease.lane is LaneName.WEB else None
            self._gateway.drift.note(self.model.name, attempt.decoder.counters, noted)
            self._attempt = None

    def _report(self, error: GrokApiError, lease: AnyLease, *, uploading: bool = False) -> None:
        web = WebLane.REST if uploading else self.model.web_lane
        lane = web if lease.lane is LaneName.WEB else None
        cause = error.attempt_label
        self.failed.append(f"{cause}@{self.token_id}")
        fields = {
            "id": self.request_id,
            "number": self.attempts,
            "token": self.token_id,
            "code": cause,
        }
        words, values = "%s: attempt %d, token %s: %s: %s", (*fields.values(), error.message)
        extra = {"fold": (cause, error.message), "fields": {"attempt": fields}}
        _log.warning(words, *values, extra=extra)
        egress = egress_label(lease.proxy_url)
        failed = FailedAttempt(
            error, self.model.name, self.token_id, egress, lane, self._accepted, lease.lane
        )
        for listener in self._gateway.on_failed_attempt:
            listener(failed)
