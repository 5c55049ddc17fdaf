"""Fetching the pictures and videos that Grok made, with the token and the egress that they were
made with.

Rules
-----
1. The place of an asset is judged before it is asked, and so is whether the session's cookies go
   along (:mod:`grokcore.protocol.grok_web.asset_requests`). A redirect is not followed, as it would
   evade that.
2. The type of a file is that of its first bytes. A page or an error in its place is a failure,
   whatever its status and content type.
3. Time and bytes are bounded, and the exchange is closed whichever way it ends.
4. A failure is not held against token or egress: the answer has been given already.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import TypeVar

from attrs import field, frozen

from ....errors import GrokApiError, UpstreamFailure
from ....protocol.conversation.media import (
    is_picture,
    is_video,
    parse_data_url,
    sniff,
)
from ....protocol.grok_web.asset_requests import AssetKind, asset_headers, asset_place
from ....protocol.grok_web.identity import Identity
from ....protocol.grok_web.refusals import REFUSAL_BODY_BYTES, is_html, refusal_of_response
from ....protocol.media_types import extension_of
from ....protocol.upstream_words import cleaned
from ...disk.media_cache import MediaCache
from ...transport.seam import Exchange, ResponseHead, Transport, UpstreamRequest
from ...transport.visits import read_at_most
from ..lane import Asset
from .calls import call

__all__ = ["AssetAccess", "AssetFetcher"]

PICTURE_S = 30.0
"""Bound for a picture or file, in seconds; the client waits meanwhile."""

VIDEO_S = 120.0
"""Bound for a video, in seconds."""

MOST_BYTES = 64 * 1024 * 1024
"""Of a picture or file, which is held in memory. Grok's pictures are a few hundred kB."""

MOST_VIDEO_BYTES = 512 * 1024 * 1024

SHOWN_WORDS = 200
"""Bytes that are shown of a text in a picture's place."""

TYPE_BYTES = 1024
"""Bytes of a file that are enough to know its type."""

_T = TypeVar("_T")


@frozen
class AssetAccess:
    """The token and the egress that an asset was made with."""

    sso: str = field(repr=False)
    proxy_url: str = field(default="", repr=False)


@frozen
class AssetFetcher:
    """Fetches assets: pictures, files and videos that Grok made.

    :ivar transport: the transport that talks to Grok.
    :ivar assets_url: the address below which relative paths are; no slash at its end.
    """

    transport: Transport
    assets_url: str
    identity: Identity

    async def fetch(self, access: AssetAccess, url: str) -> Asset:
        """Fetch a picture, of 64 MiB at most.

        :param url: as Grok sent it: a path below *assets_url*, absolute and on one of Grok's hosts,
            or a ``data:`` URL.
        :raises GrokApiError: if it could not be fetched, or is no picture; the class says why.
        """
        if url.startswith("data:"):
            return _inline(url)
        return await self._visit(
            access, url, "image", PICTURE_S, functools.partial(_whole, _picture_type)
        )

    async def fetch_file(self, access: AssetAccess, url: str) -> Asset:
        """Fetch a file of any known type; bounds, *url* and errors are those of :meth:`fetch`."""
        return await self._visit(
            access, url, "image", PICTURE_S, functools.partial(_whole, _type_of)
        )

    async def save(self, access: AssetAccess, url: str, cache: MediaCache) -> str:
        """Keep a video, of 512 MiB at most, in *cache*; no more than a piece of it is in memory.

        :param url: as for :meth:`fetch`.
        :returns: its name there, with an extension that fits its content.
        :raises GrokApiError: as for :meth:`fetch`.
        :raises LargerThanCache: if it is.
        :raises OSError: if it could not be written.
        """
        return await self._visit(access, url, "video", VIDEO_S, functools.partial(_kept, cache))

    async def _visit(
        self,
        access: AssetAccess,
        url: str,
        kind: AssetKind,
        seconds: float,
        take: Callable[[Exchange], Awaitable[_T]],
    ) -> _T:
        request = self._request(access, url, kind, seconds)
        late = f"Grok did not send the whole file within {seconds:g} s."
        return await call(self.transport, request, take, sso=access.sso, seconds=seconds, late=late)

    def _request(
        self, access: AssetAccess, url: str, kind: AssetKind, seconds: float
    ) -> UpstreamRequest:
        try:
            place = asset_place(url, self.assets_url)
        except ValueError as error:
            raise UpstreamFailure(
                f"What Grok gave as the file's address is not taken: {error}."
            ) from None
        headers = asset_headers(self.identity, kind, sso=access.sso if place.own else "")
        return UpstreamRequest(
            "GET", place.url, tuple(headers), b"", access.proxy_url, connect_net_s=seconds
        )


def _inline(url: str) -> Asset:
    try:
        data = parse_data_url(url, most=MOST_BYTES)
    except ValueError as error:
        raise UpstreamFailure(
            f"What Grok gave as the file's address is not taken: {error}."
        ) from None
    return Asset(data, _picture_type(data))


async def _whole(type_of: Callable[[bytes], str], exchange: Exchange) -> Asset:
    pieces, size = [], 0
    piece = await _beginning(exchange)
    while piece:
        size = _sized(size + len(piece), MOST_BYTES)
        pieces.append(piece)
        piece = await exchange.read()
    data = b"".join(pieces)
    return Asset(data, type_of(data))


async def _kept(cache: MediaCache, exchange: Exchange) -> str:
    piece, size = await _beginning(exchange), 0
    async with cache.writer(extension_of(_video_type(piece))) as writer:
        while piece:
            size = _sized(size + len(piece), MOST_VIDEO_BYTES)
            await writer.write(piece)
            piece = await exchange.read()
        return await writer.keep()


async def _beginning(exchange: Exchange) -> bytes:
    """The first :data:`TYPE_BYTES` of a file, or all of it.

    :raises GrokApiError: if there is no file, or something else in its place.
    """
    head = await exchange.head()
    if head.status != 200:
        raise await _refusal(exchange, head, b"")
    beginning = b""
    while len(beginning) < TYPE_BYTES and (piece := await exchange.read()):
        beginning += piece
    if not beginning:
        raise UpstreamFailure("Grok sent an empty file.")
    if is_html(head.headers, beginning) or beginning.lstrip()[:1] == b"{":
        raise await _refusal(exchange, head, beginning)
    return beginning


async def _refusal(exchange: Exchange, head: ResponseHead, body: bytes) -> GrokApiError:
    body += await read_at_most(exchange, max(0, REFUSAL_BODY_BYTES - len(body)))
    return refusal_of_response(head.status, head.headers, body[:REFUSAL_BODY_BYTES])


def _sized(size: int, most: int) -> int:
    if size > most:
        raise UpstreamFailure(f"What Grok sends is larger than the {most >> 20} MB that are taken.")
    return size


def _type_of(data: bytes) -> str:
    media_type = sniff(data)
    if media_type is None:
        raise UpstreamFailure(
            "What Grok sent is no picture, video or other file that is known here."
        )
    return media_type


def _picture_type(data: bytes) -> str:
    media_type = _type_of(data)
    if not is_picture(media_type):
        raise UpstreamFailure(
            f"What Grok sent in the picture's place is no picture, but {media_type}{_words(data)}."
        )
    return media_type


def _video_type(data: bytes) -> str:
    media_type = _type_of(data)
    if not is_video(media_type):
        raise UpstreamFailure(
            f"What Grok sent in the video's place is no video, but {media_type}{_words(data)}."
        )
    return media_type


def _words(data: bytes) -> str:
    """The first words of a text, which often give the reason; empty for anything else."""
    words = (
        cleaned(data[:SHOWN_WORDS].decode("utf-8", "replace"))
        if sniff(data[:SHOWN_WORDS]) == "text/plain"
        else ""
    )
    return f': "{words}"' if words else ""
