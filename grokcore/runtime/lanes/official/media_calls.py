"""Pictures and videos of xAI's API: requests that are no questions.

Theory
------
Each of them is paid. A lease of the lane's desk is taken before, and given back with the cost. That
of pictures comes with them. That of a video is known when it is made, minutes later, and maybe
nobody asks by then. So a video is counted at its beginning, at the highest price that it can have,
and that is corrected once xAI reports the cost.

Rules
-----
1. A paid request is sent once. A question how a video stands may be sent twice.
2. The key goes to the base URL alone. A redirect is an answer like any other, and is a failure.
3. Contents are fetched without the key, through a transport of other sites, from the address that
   xAI gave. They are bounded in time and bytes, and are a video by their first bytes.
4. A cost is counted once. Videos that a former process began were counted by it.
"""

from __future__ import annotations

import functools
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeVar

from attrs import define, field

from ....errors import (
    GrokApiError,
    OfficialCredentialRejected,
    UpstreamFailure,
    VideoNotFound,
)
from ....protocol.conversation.made_media import Drawing, VideoStage, VideoState
from ....protocol.conversation.usage import Usage
from ....protocol.media_types import extension_of
from ....protocol.models import LaneName, LaneUse
from ....protocol.official.headers import api_headers
from ....protocol.official.media_answers import parse_begun_video, parse_drawing, parse_video
from ....protocol.official.refusals import refusal_of_response
from ...disk.media_cache import MediaCache
from ...pool.desk import Desk, OfficialLease
from ...transport.seam import Exchange, ResponseHead, Transport, UpstreamRequest
from ...transport.visits import read_at_most, visit, visit_again
from .video_contents import VIDEO_S, VideoBytes, content_request, open_video, within

__all__ = ["PICTURE_MODELS", "VIDEO_MODELS", "OfficialMedia"]

PICTURE_MODELS = (
    "grok-imagine-image",
    "grok-imagine-image-quality",
    "grok-imagine-image-2.0",
)
VIDEO_MODELS = ("grok-imagine-video", "grok-imagine-video-1.5", "grok-imagine-video-1.5-lite")
"""xAI's models, the usual one first (docs.x.ai, models, 2026-11), while its list is not known."""

WHO = "xAI"

DRAW_S = 300.0
"""Bound for pictures, in seconds. One takes some 10 s."""

BEGIN_S = 60.0
"""Bound for the beginning of a video, in seconds; its pictures may have to go up."""

LOOK_S = 20.0

MOST_ANSWER_BYTES = 128 * 1024 * 1024
"""Of pictures in base64, which are held in memory."""

REFUSAL_BODY_BYTES = 64 * 1024

REMEMBERED = 10_000
"""Videos whose counted cost is remembered, and whose names in the cache are."""

PAID_ALL_THE_SAME = "permission_denied"
"""The fault of a video that xAI's moderation stopped, which is charged."""

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


@define(eq=False)
class OfficialMedia:
    """Makes pictures and videos with xAI's API.

    :ivar transport: for requests with the key.
    :ivar outside: for contents, which other sites hold.
    :ivar base_url: of the API, without a slash at its end.
    :ivar desk: lends the lane's credential, within the daily cap.
    :ivar secret: returns the key; empty if there is none.
    :ivar listed_pictures: returns the names of models that draw; *listed_videos*: that make videos.
    """

    transport: Transport
    outside: Transport
    base_url: str
    desk: Desk
    secret: Callable[[], str] = field(repr=False)
    listed_pictures: Callable[[], Sequence[str]] = lambda: PICTURE_MODELS
    listed_videos: Callable[[], Sequence[str]] = lambda: VIDEO_MODELS
    _counted: OrderedDict[str, int] = field(init=False, factory=OrderedDict)
    _kept: OrderedDict[str, str] = field(init=False, factory=OrderedDict)

    @property
    def use(self) -> LaneUse:
        """When the lane answers."""
        return self.desk.use

    @property
    def picture_models(self) -> Sequence[str]:
        """Names at xAI of models that draw, the usual one first."""
        return self.listed_pictures()

    @property
    def video_models(self) -> Sequence[str]:
        """Names at xAI of models that make videos, the usual one first."""
        return self.listed_videos()

    # Paid requests -------------------------------------------------------------------------------

    async def draw(self, model: str, body: bytes, *, editing: bool, until: float) -> Drawing:
        """Have pictures drawn.

        :param model: xAI's name, which is in *body*, too.
        :param until: trio's time until which it waits for room under the cap.
        :raises GrokApiError: if it can't be done.
        """
        path = "/images/edits" if editing else "/images/generations"
        lease = await self.desk.borrow(model, until=until)
        drawing, _ = await self._paid(
            lease, path, body, DRAW_S, parse_drawing, lambda found: found.cost_ticks
        )
        return drawing

    async def begin_video(
        self, task: str, model: str, body: bytes, *, likely_ticks: int, until: float
    ) -> str:
        """Have a video begun; return xAI's id of it. Parameters and errors are those of
        :meth:`draw`.

        :param task: the end of xAI's path.
        :param likely_ticks: what it costs at most, in 1e-10 USD.
        """
        lease = await self.desk.borrow(model, until=until)
        request_id, cost = await self._paid(
            lease, f"/videos/{task}", body, BEGIN_S, parse_begun_video, lambda _: likely_ticks
        )
        _remember(self._counted, request_id, cost or 0)
        return request_id

    async def _paid(
        self,
        lease: OfficialLease,
        path: str,
        body: bytes,
        seconds: float,
        parse: Callable[[bytes], _T],
        cost_of: Callable[[_T], int | None],
    ) -> tuple[_T, int | None]:
        """The parsed answer, and the cost that was counted."""
        take = functools.partial(self._answer, lease.answering)
        try:
            request = self._request("POST", path, body, seconds)
            found = parse(await within(seconds, visit(self.transport, request, take)))
            cost = cost_of(found)
            if cost is not None:
                lease.used(Usage(0, 0, cost_ticks=cost))
            lease.settle(None)
        except GrokApiError as error:
            for secret in lease.secrets:
                error.redact(secret)
            lease.settle(error)
            raise
        finally:
            lease.abandon()
        return found, lease.cost

    # Videos that were begun ----------------------------------------------------------------------

    async def look(self, request_id: str) -> VideoState:
        """Ask how a video stands.

        :param request_id: xAI's.
        :raises VideoNotFound: if xAI does not have it.
        :raises GrokApiError: if xAI can't be asked.
        """
        await self.desk.refresh()
        request = self._request("GET", f"/videos/{request_id}", b"", LOOK_S)
        take = functools.partial(self._state, request_id)
        try:
            state = await within(LOOK_S, visit_again(self.transport, request, take))
        except GrokApiError as error:
            error.redact(self.secret())
            raise
        self.settle(request_id, state)
        return state

    async def _state(self, request_id: str, exchange: Exchange) -> VideoState:
        head = await exchange.head()
        if head.status == 404:
            raise VideoNotFound(f"xAI does not have the video {request_id[:100]} (any more).")
        if head.status not in (200, 202):
            raise await _refusal(exchange, head)
        body = await _whole(exchange)
        if head.status == 202 and not body.strip():
            return VideoState(VideoStage.PENDING)
        return parse_video(body)

    def settle(self, request_id: str, state: VideoState) -> None:
        """Count what a video has cost in the end, if it was begun here."""
        if state.stage is VideoStage.PENDING or request_id not in self._counted:
            return
        counted = self._counted.pop(request_id)
        cost = state.cost_ticks
        if cost is None and state.stage is not VideoStage.DONE:
            cost = counted if state.fault == PAID_ALL_THE_SAME else 0
        if cost is not None:
            self.desk.correct(counted, cost)

    # Contents ------------------------------------------------------------------------------------

    async def save(self, request_id: str, url: str, cache: MediaCache) -> str:
        """Keep a video's content in *cache*, and return its name there. A further call finds it.

        :param url: xAI's address of it.
        :raises GrokApiError: if it can't be fetched.
        :raises LargerThanCache: if it is.
        :raises OSError: if it can't be written.
        """
        name = self._kept.get(request_id, "")
        if name and await cache.find(name) is not None:
            return name
        name = await within(VIDEO_S, self._save(url, cache))
        _remember(self._kept, request_id, name)
        return name

    async def _save(self, url: str, cache: MediaCache) -> str:
        content = await self.open(url)
        try:
            async with cache.writer(extension_of(content.media_type)) as writer:
                while piece := await content.read():
                    await writer.write(piece)
                return await writer.keep()
        finally:
            await content.aclose()

    async def open(self, url: str) -> VideoBytes:
        """Begin to receive a video's content. The caller must close it.

        :raises GrokApiError: if it can't be fetched, or is no video.
        """
        request = content_request(url, self.base_url, self.desk.proxy_url)
        return await within(LOOK_S, open_video(self.outside, request))

    # Requests ------------------------------------------------------------------------------------

    def _request(self, method: str, path: str, body: bytes, seconds: float) -> UpstreamRequest:
        try:
            headers = api_headers(self.secret())
        except ValueError:
            fault = self.desk.holder.fault or "The API key of xAI can't stand in a header."
            raise OfficialCredentialRejected(fault) from None
        own = [pair for pair in headers if pair[0] != "Accept" and (body or pair[0] != _TYPE)]
        sent = (*own, ("Accept", "application/json"), ("Accept-Encoding", "identity"))
        return self._plain(method, self.base_url + path, sent, body, seconds, WHO)

    def _plain(
        self,
        method: str,
        url: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes,
        seconds: float,
        who: str,
    ) -> UpstreamRequest:
        return UpstreamRequest(
            method,
            url,
            headers,
            body,
            proxy_url=self.desk.proxy_url,
            connect_net_s=seconds,
            impersonated=False,
            who=who,
        )

    async def _answer(self, answering: Callable[[], None], exchange: Exchange) -> bytes:
        head = await exchange.head()
        if head.status not in (200, 202):
            raise await _refusal(exchange, head)
        answering()
        return await _whole(exchange)


_TYPE = "Content-Type"


async def _whole(exchange: Exchange) -> bytes:
    pieces, size = [], 0
    while piece := await exchange.read():
        pieces.append(piece)
        size += len(piece)
        if size > MOST_ANSWER_BYTES:
            raise UpstreamFailure(f"xAI's answer is larger than {MOST_ANSWER_BYTES >> 20} MiB.")
    return b"".join(pieces)


async def _refusal(exchange: Exchange, head: ResponseHead) -> GrokApiError:
    body = await read_at_most(exchange, REFUSAL_BODY_BYTES, seconds=LOOK_S)
    return refusal_of_response(head.status, head.headers, body, lane=LaneName.API)


def _remember(table: OrderedDict[str, _T], key: str, value: _T) -> None:
    table[key] = value
    while len(table) > REMEMBERED:
        table.popitem(last=False)
