"""Contents of xAI's videos: fetched without the key, from the address that xAI gave."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar
from urllib.parse import urlsplit

import trio

from ....errors import TimeoutTotal, UpstreamFailure, VideoNotFound
from ....protocol.conversation.media import is_video, sniff
from ...transport.seam import Exchange, Transport, UpstreamRequest
from ...transport.visits import CLOSE_S

__all__ = ["VIDEO_S", "VideoBytes", "content_request", "open_video", "within"]

VIDEO_S = 300.0
"""Bound for a video's content, in seconds."""

MOST_VIDEO_BYTES = 512 * 1024 * 1024

TYPE_BYTES = 64
"""Bytes of a file that are enough to know a video."""

_PLAIN = (("Accept", "video/*, */*;q=0.8"), ("Accept-Encoding", "identity"))

_T = TypeVar("_T")


class VideoBytes:
    """The content of a video that is being received.

    :ivar media_type: by its first bytes.
    """

    def __init__(self, exchange: Exchange, beginning: bytes, media_type: str) -> None:
        self.media_type = media_type
        self._exchange = exchange
        self._beginning = beginning
        self._size = 0

    async def read(self) -> bytes:
        """More of it; empty at the end.

        :raises UpstreamFailure: if it is larger than 512 MiB.
        :raises TransportFailure: if the connection broke.
        """
        piece, self._beginning = self._beginning or await self._exchange.read(), b""
        self._size += len(piece)
        if self._size > MOST_VIDEO_BYTES:
            raise UpstreamFailure(f"The video is larger than {MOST_VIDEO_BYTES >> 20} MiB.")
        return piece

    async def aclose(self) -> None:
        """Abort the request if it is still under way. Safe to repeat."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
            await self._exchange.aclose()


def content_request(url: str, base_url: str, proxy_url: str) -> UpstreamRequest:
    """The request for the content at *url*: over https, or at the host of *base_url*.

    :raises UpstreamFailure: if it is another kind of address.
    """
    try:
        place, own = urlsplit(url), urlsplit(base_url)
        known = place.scheme == "https" or place[:2] == own[:2]
        usable = known and place.hostname and "@" not in place.netloc
    except ValueError:
        usable = False
    if not usable:
        raise UpstreamFailure("xAI gave an address of the video that is not taken.")
    return UpstreamRequest(
        "GET",
        url,
        _PLAIN,
        b"",
        proxy_url=proxy_url,
        connect_net_s=VIDEO_S,
        impersonated=False,
        who="the site of xAI's videos",
    )


async def open_video(transport: Transport, request: UpstreamRequest) -> VideoBytes:
    """Begin to receive a content. The caller must close it.

    :raises GrokApiError: if it can't be fetched, or is no video.
    """
    exchange = transport.open(request)
    try:
        return await _opened(exchange)
    except BaseException:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
            await exchange.aclose()
        raise


async def within(seconds: float, work: Awaitable[_T]) -> _T:
    """The result of *work*.

    :raises TimeoutTotal: if it is not there within *seconds*.
    """
    with trio.move_on_after(seconds):
        return await work
    raise TimeoutTotal(f"xAI did not answer within {seconds:g} s.")


async def _opened(exchange: Exchange) -> VideoBytes:
    """A video's content, as soon as its first bytes have come."""
    head = await exchange.head()
    if head.status in (403, 404, 410):
        raise VideoNotFound("The video's address at xAI is not valid any more.")
    if head.status != 200:
        raise UpstreamFailure(f"The site of xAI's videos answered {head.status}.")
    beginning = b""
    while len(beginning) < TYPE_BYTES and (piece := await exchange.read()):
        beginning += piece
    media_type = sniff(beginning)
    if media_type is None or not is_video(media_type):
        raise UpstreamFailure("The site of xAI's videos sent something else than a video.")
    return VideoBytes(exchange, beginning, media_type)
