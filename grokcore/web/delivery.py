"""How the pictures and videos of an answer reach the client (``[grok] image_mode``).

Grok's own addresses are good only for who is signed in at Grok with the account that was asked. So
what Grok made can be fetched while that is certain, and given on from here: as a link to this
server, or within the answer itself.

Rules
-----
1. An answer is never lost over its picture: what can't be fetched or kept keeps its address, and
   one line of the log says so.
2. Events keep their order, and those that are no media pass as they are.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Collection, Sequence
from typing import Protocol

import trio
from attrs import evolve, field, frozen

from ..config import Config, ImageMode
from ..errors import GrokApiError
from ..protocol.conversation.events import Event, File, KeptPicture, Picture, Video
from ..protocol.dialects.openai_images.request import Made
from ..protocol.media_types import extension_of
from ..runtime.disk.media_cache import LargerThanCache, MediaCache
from ..runtime.lanes.lane import Asset
from .public_url import Scope, public_base

__all__ = ["Deliveries", "Delivery", "MediaSource"]

MOST_INLINE_BYTES = 8 * 1024 * 1024
"""Of one picture within an answer; it is a third larger there, and in one piece."""

AT_ONCE = 4
"""Pictures of one answer that are fetched at once."""

_MEDIA = (Picture, Video, File)

_log = logging.getLogger(__name__)


class MediaSource(Protocol):
    """An answer whose media can be fetched: a
    :class:`~grokcore.runtime.completion.gateway.Completion` under way.
    """

    async def fetch(self, url: str) -> Asset:
        """Fetch a picture."""

    async def fetch_file(self, url: str) -> Asset:
        """Fetch a file."""

    async def save(self, url: str, cache: MediaCache) -> str:
        """Keep a video in *cache* and return its name there."""


@frozen
class Delivery:
    """How the media of one answer is delivered.

    :ivar mode: what becomes of it. Without a cache, ``cache`` is ``url``.
    :ivar cache: where it can be kept; None if nowhere.
    :ivar public_base: this server's address as the client sees it, without a slash at its end.
    """

    mode: ImageMode
    cache: MediaCache | None = field(repr=False)
    public_base: str

    def concerns(self, events: Sequence[Event]) -> bool:
        """Whether any of *events* is media that is to be fetched."""
        for event in events:  # once per token: a generator would cost more
            if isinstance(event, _MEDIA):
                return self._fetches
        return False

    def split(self, events: list[Event]) -> tuple[list[Event], list[Event]]:
        """What of *events* can be shown at once, and the rest, which begins with the first
        media.
        """
        first = next(
            (index for index, event in enumerate(events) if isinstance(event, _MEDIA)), len(events)
        )
        return events[:first], events[first:]

    async def picture(self, source: MediaSource, url: str, formats: Collection[str]) -> Made:
        """A picture on an image route.

        :param url: Grok's address.
        :param formats: of ``b64_json`` (content) and ``url``, those that the client wants.
        :raises GrokApiError: if it could not be fetched though its content is wanted or kept.
        """
        wanted = "b64_json" in formats
        if not wanted and self.cache is None:
            return Made(url=url)
        asset = await source.fetch(url)
        address = await self._link(asset, url) if "url" in formats else ""
        return Made(asset.data if wanted else b"", address)

    async def deliver(self, source: MediaSource, events: list[Event]) -> list[Event]:
        """*events*, with the addresses that the client shall see."""
        if not self._fetches:
            return events
        delivered, faults = list(events), list[str]()
        places = trio.CapacityLimiter(AT_ONCE)

        async def deliver_one(index: int, event: Picture | Video | File) -> None:
            try:
                async with places:
                    delivered[index] = self._moved(event, await self._address(source, event))
            except (GrokApiError, LargerThanCache, OSError) as error:
                faults.append(_told(error))

        async with trio.open_nursery() as nursery:
            for index, event in enumerate(events):
                if isinstance(event, _MEDIA):
                    nursery.start_soon(deliver_one, index, event)
        if faults:
            _log.warning(
                "%d of an answer's pictures or videos keep Grok's address: %s",
                len(faults),
                faults[0],
            )
        return delivered

    @property
    def _fetches(self) -> bool:
        return self.mode is ImageMode.BASE64 or (
            self.mode is ImageMode.CACHE and self.cache is not None
        )

    def _moved(self, event: Picture | Video | File, url: str) -> Event:
        """*event* at another address; a picture that is kept here keeps Grok's address beside
        it.
        """
        if isinstance(event, Picture) and url.startswith(f"{self.public_base}/media/"):
            return KeptPicture(url, event.url)
        return evolve(event, url=url)

    async def _link(self, asset: Asset, url: str) -> str:
        """This server's address of *asset*, or Grok's own if it can't be kept."""
        if self.cache is None:
            return url
        try:
            name = await self.cache.put(asset.data, extension_of(asset.media_type))
        except (LargerThanCache, OSError) as error:
            _log.warning("a picture could not be kept, and has Grok's address: %s", error)
            return url
        return f"{self.public_base}/media/{name}"

    async def _address(self, source: MediaSource, event: Picture | Video | File) -> str:
        if event.url.startswith("data:"):
            return event.url
        if isinstance(event, Video):
            name = await source.save(event.url, self.cache) if self.cache else ""
        else:
            fetch = source.fetch if isinstance(event, Picture) else source.fetch_file
            asset = await fetch(event.url)
            if self.mode is ImageMode.BASE64 and len(asset.data) <= MOST_INLINE_BYTES:
                return (
                    f"data:{asset.media_type};base64,{base64.b64encode(asset.data).decode('ascii')}"
                )
            name = (
                await self.cache.put(asset.data, extension_of(asset.media_type))
                if self.cache
                else ""
            )
        return f"{self.public_base}/media/{name}" if name else event.url


@frozen
class Deliveries:
    """What is needed to deliver the media of any answer.

    :ivar cache: None if there is no folder for one.
    """

    cache: MediaCache | None

    def of_answer(self, config: Config, scope: Scope) -> Delivery | None:
        """The delivery for one answer, as configured; None if Grok's own addresses are what is
        wanted.

        :param scope: of the answer's request.
        """
        return None if config.grok.image_mode is ImageMode.URL else self.of_pictures(config, scope)

    def of_pictures(self, config: Config, scope: Scope) -> Delivery:
        """The delivery for the pictures of an image route, which may be wanted whatever ``[grok]
        image_mode`` is.
        """
        mode = config.grok.image_mode
        cache = self.cache if config.grok.cache_mb and mode is not ImageMode.URL else None
        return Delivery(mode, cache, public_base(config.server, scope))


def _told(error: GrokApiError | LargerThanCache | OSError) -> str:
    if isinstance(error, GrokApiError):
        return f"{error.code}: {error.message}"
    return f"it can't be kept: {error.strerror if isinstance(error, OSError) else error}"
