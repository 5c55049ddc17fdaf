"""One completion, end to end: lease a token, ask Grok, decode the answer, mind the clocks, try again where that helps.

Theory
------
A :class:`Completion` has two halves. :meth:`~Completion.start` runs attempts until one of them has brought its first
meaningful event, and raises if none does; only then does a client get its 200. :meth:`~Completion.next_events` then
brings the rest. :meth:`~Completion.aclose` ends it at any time, in any state.

Rules
-----
1. Every wait for Grok happens under the clocks: in :meth:`Completion._wait` within a cancel scope, between events with the
   gateway's alarm clock, which is cheaper. No cancel scope spans a ``yield``: there is no generator here.
2. ``next_events`` may be cancelled at any await and called again; nothing that has arrived is lost.
3. An attempt owns its lease and its exchange and gives both back whichever way it ends; a failure is settled before another
   attempt begins.
4. After :meth:`Completion.commit` (a byte went out) nothing is tried again.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import random
import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
from attrs import define, frozen

from ...errors import (
    AttachmentModerated,
    AttachmentRefused,
    Blame,
    EmptyAnswer,
    GrokApiError,
    InternalError,
    TransportFailure,
)
from ...protocol.clocks import Clocks
from ...protocol.conversation.events import Event, Failed, Finished
from ...protocol.conversation.question import Question
from ...protocol.grok_web.decoder import Decoder
from ...protocol.grok_web.payload import CHAT_PATH, chat_headers
from ...protocol.grok_web.refusals import REFUSAL_BODY_BYTES, is_html, refusal_of_response
from ...protocol.models import Limits
from ...protocol.pool.attempts import MAX_ATTEMPTS, Attempts
from ...protocol.pool.book import Need
from ..lanes.grok_web.assets import AssetAccess
from ..lanes.grok_web.preparing import Prepared, Preparer
from ..lanes.grok_web.settings import GatewaySettings
from ..pool.leases import Lease, TokenPool
from ..transport.seam import Exchange, ResponseHead, Transport, UpstreamRequest
from .alarm import AlarmClock
from .drift import Drift

__all__ = ["Completion", "FailedAttempt", "Gateway", "Times"]

NET_MARGIN_S = 15.0
"""How far above the first-response clock the transport's own net for connecting hangs, in seconds."""

CLOSE_S = 2.0
"""Bound for closing a completion. An abort takes well under a millisecond; this is for the day it does not."""

DRAIN_S = 0.5
"""How long the end of the response is waited for after a complete answer. The title line comes within some 10 ms."""

OTHERS_LEFT_S = 1.0
"""``Retry-After`` when all attempts met a refused or used-up token and there are others."""

REFUSAL_BODY_S = 5.0
"""How long the body of a refusal is waited for; what has come by then is judged."""

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


@frozen
class FailedAttempt:
    """An attempt that Grok, or the way to it, has failed.

    :ivar token_id: short hash of the token it was made with.
    """

    error: GrokApiError
    model: str
    token_id: str


@define
class Times:
    """Where a completion's time went.

    :ivar queue_s: seconds it waited for tokens.
    :ivar upload_s: seconds its pictures and files took on their way to Grok.
    :ivar first_at: trio's time of the first meaningful event; None before.
    """

    queue_s: float = 0.0
    upload_s: float = 0.0
    first_at: float | None = None


class Gateway:
    """Makes completions and knows those that are open.

    :ivar settings: those of completions that begin from now on; the others keep what they began with.
    :ivar drift: what of Grok's answers was not understood so far.
    :ivar alarm: wakes completions when one of their clocks is due; its ``run`` has to be running.
    :ivar on_failed_attempt: called with each failed attempt; must not wait.
    :ivar jitter: gives random numbers from 0 to 1, for the time between attempts.
    """

    def __init__(
        self,
        transport: Transport,
        pool: TokenPool,
        settings: GatewaySettings,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.pool = pool
        self.jitter = jitter
        self.drift = Drift()
        self.alarm = AlarmClock()
        self.settings = settings
        self.preparer = Preparer(transport)
        self.on_failed_attempt: list[Callable[[FailedAttempt], None]] = []
        self._transport = transport
        self._open: set[Completion] = set()

    @property
    def open_count(self) -> int:
        """Completions between :meth:`completion` and their ``aclose``."""
        return len(self._open)

    def completion(self, question: Question, accepted: float, request_id: str = "") -> Completion:
        """A completion that has not begun. Whoever gets it must ``aclose`` it.

        :param accepted: trio's time when the request was accepted; the total clock runs from there.
        :param request_id: what the log calls it.
        """
        completion = Completion(self, question, accepted, request_id)
        self._open.add(completion)
        return completion

    def interrupt_all(self, error: GrokApiError) -> None:
        """End all open completions with *error*."""
        for completion in list(self._open):
            completion.interrupt(error)

    # For Completion ------------------------------------------------------------------------------------------------

    def send(
        self, prepared: Prepared, limits: Limits, settings: GatewaySettings, lease: Lease, *, fresh: bool
    ) -> Exchange:
        """Begin one request to Grok."""
        url = settings.base_url + CHAT_PATH
        headers = chat_headers(
            settings.identity, url=url, sso=lease.sso, request_id=str(uuid.uuid4()), referer=prepared.referer
        )
        request = UpstreamRequest(
            "POST",
            url,
            tuple(headers),
            prepared.body,
            proxy_url=lease.proxy_url,
            fresh=fresh,
            connect_net_s=limits.first_response + NET_MARGIN_S,
        )
        return self._transport.open(request)

    def forget(self, completion: Completion) -> None:
        """*completion* is closed."""
        self._open.discard(completion)


@define(eq=False)
class _Attempt:
    """One request to Grok and what belongs to it."""

    lease: Lease
    exchange: Exchange
    decoder: Decoder


class Completion:
    """One answer. See the theory of the module.

    :ivar question: what was asked; without the attachments that were left out.
    :ivar request_id: what the log calls it.
    :ivar token_id: short hash of the token in use, or last used; empty before the first attempt.
    :ivar times: where its time went so far.
    :ivar failures: how many attempts have failed.
    """

    def __init__(self, gateway: Gateway, question: Question, accepted: float, request_id: str) -> None:
        self.question = question
        self.request_id = request_id
        self.token_id = ""
        self.times = Times()
        self.failures = 0
        self._gateway = gateway
        self._settings = gateway.settings
        self._ticket = gateway.pool.ticket()
        self._clocks = Clocks(question.limits, accepted)
        self._attempts = Attempts()
        self._attempt: _Attempt | None = None
        self._ready: list[Event] = []
        self._failure: GrokApiError | None = None
        self._interruption: GrokApiError | None = None
        self._waiting: trio.CancelScope | None = None
        self._committed = False
        self._finished = False

    @property
    def attempts(self) -> int:
        """How many requests Grok has seen for it so far."""
        return self._attempts.made

    @property
    def asset_access(self) -> AssetAccess:
        """What the pictures in the events that came last can be had with."""
        assert self._attempt is not None, "it is there from the first events until the end"
        return AssetAccess(self._attempt.lease.sso, self._attempt.lease.proxy_url)

    def commit(self) -> None:
        """A byte is about to go out to the client: from now on a failure is final."""
        self._committed = True

    def client_was_slow(self, seconds: float) -> None:
        """The caller was busy with the client for that long; the clocks leave it out (the total not without bound)."""
        self._clocks.client_was_slow(seconds)

    async def aside(self, fn: Callable[[], Awaitable[_T]]) -> _T:
        """Wait for *fn*, which is not Grok's answer: no clock counts the time.

        :raises GrokApiError: the completion was interrupted.
        """
        if self._interruption is None:
            began = trio.current_time()
            try:
                with trio.CancelScope() as self._waiting:
                    return await fn()
            finally:
                self._clocks.exclude(trio.current_time() - began)
        assert self._interruption is not None
        raise self._interruption

    def interrupt(self, error: GrokApiError) -> None:
        """End it with *error*: now if it waits, else at its next wait."""
        self._interruption = error
        if self._waiting is not None:
            self._waiting.cancel()
        if self._attempt is not None:
            self._attempt.exchange.wake()

    async def start(self) -> None:
        """Make attempts until one has brought its first meaningful event.

        :raises GrokApiError: none did; the leaf says why.
        """
        error: GrokApiError | None = None
        while True:
            lease = await self._lease(error)
            try:
                await self._attempt_with(lease, fresh=isinstance(error, TransportFailure))
                self.question = self.question.asked()
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
                self.question = self.question.leave_out(self.question.spare)

    async def next_events(self, until: float = math.inf) -> list[Event]:
        """The events that have arrived, at least one; none if nothing came until *until* (trio's time).

        The last event of an answer is :class:`Finished`; don't call again after it.

        :raises GrokApiError: the answer broke off.
        """
        if self._ready:
            events, self._ready = self._ready, []
            return events
        attempt = self._attempt
        if attempt is None:
            raise InternalError("This completion is not under way.")
        try:
            if self._failure is not None:
                raise self._failure
            return await self._more_events(attempt, until)
        except GrokApiError as error:
            await self._end_attempt(attempt, error)
            raise self._final(error) from None

    async def aclose(self) -> None:
        """Abort what is under way and give everything back; bounded in time. Safe to repeat."""
        attempt = self._attempt
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
            if attempt is not None:
                if self._failure is not None:
                    attempt.lease.settle(self._failure)  # nobody is left to hear of it, but it has been learned
                attempt.lease.abandon()
                if self._finished:
                    await _drain(attempt.exchange)
                await self._end_attempt(attempt, None)
        self._gateway.forget(self)

    # Attempts ------------------------------------------------------------------------------------------------------

    @property
    def _need(self) -> Need:
        question, attempts = self.question, self._attempts
        return Need(question.model, frozenset(attempts.excluded), attempts.avoided, question.asker)

    def _may_spare(self, error: GrokApiError) -> bool:
        """Whether the answer failed for attachments, which Grok does not name, and some can be done without."""
        about_some = isinstance(error, AttachmentRefused | AttachmentModerated) and error.param is None
        return about_some and bool(self.question.spare) and self._attempts.made < MAX_ATTEMPTS

    async def _space(self, error: GrokApiError) -> None:
        """Wait before the next attempt, unless there is no token left for one.

        :raises GrokApiError: *error* itself, if the total clock leaves no time for another attempt.
        """
        now = trio.current_time()
        seconds = self._attempts.spacing(error, self._gateway.jitter())
        if not seconds or self._gateway.pool.book.hopeless(self._need, now) is not None:
            return
        if now + seconds >= self._clocks.total_at:
            raise self._final(error)
        await self._wait(functools.partial(trio.sleep, seconds))

    async def _lease(self, previous: GrokApiError | None) -> Lease:
        began = trio.current_time()
        try:
            return await self._wait(functools.partial(self._gateway.pool.lease, self._need, self._ticket))
        except GrokApiError as error:
            # No token is left. If the last failure was a token's fault, report the pool's state; otherwise report that
            # failure: it says more.
            if previous is not None and previous.blame is not Blame.TOKEN:
                previous.retry_after = previous.retry_after or error.retry_after
                raise previous from None
            raise
        finally:
            self.times.queue_s += trio.current_time() - began

    def _final(self, error: GrokApiError) -> GrokApiError:
        """What the client hears of the last attempt's failure.

        A token's own failure says nothing of the others: if they are all out too, the pool's word on them is the better
        one, and if not, the next request may well be answered.
        """
        if error.blame is Blame.TOKEN:
            pool_says = self._gateway.pool.book.hopeless(
                Need(self.question.model, asker=self.question.asker), trio.current_time()
            )
            if pool_says is not None:
                return pool_says
            error.retry_after = OTHERS_LEFT_S
        return error

    async def _attempt_with(self, lease: Lease, *, fresh: bool) -> None:
        """One attempt, up to its first events.

        :raises GrokApiError: it failed; it has been settled then.
        """
        self.token_id = lease.token_id
        self._attempts.begin(lease.key)
        self._failure = None
        prepared = await self._prepared(lease)
        self.question = prepared.question
        attempt = self._begin(lease, prepared, fresh=fresh)
        try:
            self._ready = await self._first_events(attempt)
            lease.answering()
            self.times.first_at = self.times.first_at or trio.current_time()
        except GrokApiError as failure:
            await self._end_attempt(attempt, failure)
            raise

    async def _prepared(self, lease: Lease) -> Prepared:
        """The question, with all that belongs to it at the lease's account."""
        repeated = self._attempts.made > 1
        prepare = functools.partial(
            self._gateway.preparer.prepare, self.question, self._settings, lease, repeated=repeated
        )
        began = trio.current_time()
        try:
            return await self._wait(prepare)
        except GrokApiError as error:
            lease.settle(error)
            self._tell(error)
            raise
        except BaseException:
            lease.return_unused()
            raise
        finally:
            if self.question.attachments:
                self.times.upload_s += trio.current_time() - began

    def _begin(self, lease: Lease, prepared: Prepared, *, fresh: bool) -> _Attempt:
        self._clocks.begin_attempt(trio.current_time())
        try:
            exchange = self._gateway.send(prepared, self.question.limits, self._settings, lease, fresh=fresh)
        except BaseException:
            lease.return_unused()
            raise
        self._attempt = _Attempt(lease, exchange, Decoder(self._settings.filtered_tags))
        return self._attempt

    async def _end_attempt(self, attempt: _Attempt, error: GrokApiError | None) -> None:
        if error is not None:
            error.redact(attempt.lease.sso)
            if isinstance(error, AttachmentRefused):
                self._gateway.preparer.uploads.forget(attempt.lease.key)
        attempt.lease.settle(error)
        self._gateway.alarm.clear(attempt.exchange)
        await attempt.exchange.aclose()
        if error is not None and error is not self._interruption:  # which nobody but this server has caused
            self._tell(error)
        if self._attempt is attempt:
            self._gateway.drift.note(self.question.model.name, attempt.decoder.counters, error)
            self._attempt = None

    def _tell(self, error: GrokApiError) -> None:
        self.failures += 1
        told = (self.request_id, self.attempts, self.token_id, error.code, error.message)
        _log.warning("%s: attempt %d, token %s: %s: %s", *told, extra={"fold": (error.code, error.message)})
        failed = FailedAttempt(error, self.question.model.name, self.token_id)
        for listener in self._gateway.on_failed_attempt:
            listener(failed)

    # Events --------------------------------------------------------------------------------------------------------

    async def _first_events(self, attempt: _Attempt) -> list[Event]:
        head = await self._wait(attempt.exchange.head)
        if head.status != 200 or is_html(head.headers, b""):
            raise await self._refusal(attempt.exchange, head)
        while True:
            events = self._decode(attempt, await self._wait(attempt.exchange.read))
            if events:
                return events

    async def _refusal(self, exchange: Exchange, head: ResponseHead) -> GrokApiError:
        body = b""
        with trio.move_on_after(REFUSAL_BODY_S), contextlib.suppress(TransportFailure):
            while len(body) < REFUSAL_BODY_BYTES and (data := await self._wait(exchange.read)):
                body += data
        return refusal_of_response(head.status, head.headers, body[:REFUSAL_BODY_BYTES])

    async def _more_events(self, attempt: _Attempt, until: float) -> list[Event]:
        while True:
            if self._interruption is not None:
                raise self._interruption
            now = trio.current_time()
            if now >= self._clocks.total_at and not attempt.decoder.concluded:
                raise self._clocks.out_of_time()  # also of an upstream that never pauses
            data = self._arrived(attempt, now)
            if data is not None:
                events = self._decode(attempt, data)
                if events:
                    return events
            elif now < until:
                self._gateway.alarm.set(attempt.exchange, min(self._clocks.deadline, until))
                await attempt.exchange.wait()
            else:
                return []

    def _arrived(self, attempt: _Attempt, now: float) -> bytes | None:
        """What there is to decode: a piece of the body, ``b""`` for its end, None for nothing yet.

        :raises GrokApiError: a clock is due, or the connection broke.
        """
        try:
            data = attempt.exchange.read_nowait()
        except TransportFailure:
            if not (attempt.decoder.stopped or attempt.decoder.concluded):
                raise
            return b""  # Grok's last word was that the answer is complete
        if data is None and now >= self._clocks.deadline:
            error = self._clocks.expired()
            if error is not None:
                raise error
            return b""  # the whole answer is here, and the end of the stream did not come in time
        return data

    def _decode(self, attempt: _Attempt, data: bytes) -> list[Event]:
        """Events of *data* (``b""`` is the end). A failure behind other events is kept for the next call.

        :raises GrokApiError: the failure is all there is.
        """
        events = attempt.decoder.receive(data) if data else attempt.decoder.close()
        now = trio.current_time()
        if events:
            self._clocks.heard(now)
        if attempt.decoder.stopped:
            self._clocks.stopped(now)
        elif attempt.decoder.concluded:
            self._clocks.concluded(now)
        if not events:
            return events
        last = events[-1]
        if isinstance(last, Finished):
            self._finished = True
            attempt.lease.settle(None)
        elif isinstance(last, Failed):
            self._failure = last.error
            del events[-1]
            if not events:
                raise self._failure
        return events

    async def _wait(self, fn: Callable[[], Awaitable[_T]]) -> _T:
        """Wait for *fn* under the clocks.

        :raises GrokApiError: a clock was due, or the completion was interrupted.
        """
        if self._interruption is not None:
            raise self._interruption
        with trio.CancelScope(deadline=self._clocks.deadline) as self._waiting:
            return await fn()
        raise self._interruption or self._clocks.expired() or EmptyAnswer("Grok's answer has nothing in it.")


async def _drain(exchange: Exchange) -> None:
    """Read the few lines after the answer: a response that was read to its end leaves the connection usable."""
    with trio.move_on_after(DRAIN_S), contextlib.suppress(TransportFailure):
        while await exchange.read():
            pass
