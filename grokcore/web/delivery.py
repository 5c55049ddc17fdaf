"""Delivery of an answer's pictures, videos and files to the client (``[grok] image_mode``).

Grok's own addresses work only in a browser that is signed in to Grok with the account that
answered. So this server can fetch the media during the answer, with that account, and deliver them
itself: as links to its own cache, or within the answer.

Rules
-----
1. A picture never costs the answer: if it can't be fetched or stored, it keeps Grok's address, and
   the log reports it in one line.
2. Events keep their order, and events without media pass unchanged.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

import trio
from attrs import evolve, field, frozen

from ..config import Config, ImageMode
from ..errors import GrokApiError
from ..protocol.conversation.events import Event, File, KeptPicture, Picture, Video
from ..protocol.media_types import extension_of
from ..runtime.disk.cache_use import CacheUse
from ..runtime.disk.media_cache import LargerThanCache, MediaCache
from ..runtime.lanes.lane import Asset
from .edge.public_url import Scope, public_base

if TYPE_CHECKING:
    from ..protocol.dialects.openai_images.request import Made

__all__ = ["Deliveries", "Delivery", "MediaSource"]

MOST_INLINE_BYTES = 8 * 1024 * 1024
"""Largest picture that is delivered within an answer; base64 makes it a third larger."""

AT_ONCE = 4
"""Media of one answer that are fetched at the same time."""

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
        """Store a video in *cache* and return its name there."""


@frozen
class Delivery:
    """Delivery of one answer's media.

    :ivar mode: the form of delivery. Without a cache, ``cache`` means ``url``.
    :ivar cache: the media cache; None if there is none.
    :ivar public_base: this server's address as the client sees it, without a trailing slash.
    """

    mode: ImageMode
    cache: MediaCache | None = field(repr=False)
    public_base: str

    def concerns(self, events: Sequence[Event]) -> bool:
        """Whether *events* contain media that this delivery fetches."""
        for event in events:  # once per token: a generator would cost more
            if isinstance(event, _MEDIA):
                return self._fetches
        return False

    def split(self, events: list[Event]) -> tuple[list[Event], list[Event]]:
        """*events* up to the first media, and the rest, which begins with it."""
        first = next(
            (index for index, event in enumerate(events) if isinstance(event, _MEDIA)), len(events)
        )
        return events[:first], events[first:]

    async def picture(self, source: MediaSource, url: str, formats: Collection[str]) -> Made:
        """A picture for an image route.

        :param url: Grok's address.
        :param formats: the formats that the client wants, of ``b64_json`` (content) and ``url``.
        :raises GrokApiError: if the picture must be fetched and can't be.
        """
        # Late, since a server without image requests does without its memory.
        from ..protocol.dialects.openai_images.request import Made

        wanted = "b64_json" in formats
        if not wanted and self.cache is None:
            return Made(url=url)
        asset = await source.fetch(url)
        address = await self.link(asset, url) if "url" in formats else ""
        return Made(asset.data if wanted else b"", address)

    async def link(self, asset: Asset, url: str) -> str:
        """This server's address of *asset*, or *url* if it can't be stored."""
        if self.cache is None:
            return url
        try:
            name = await self.cache.put(asset.data, extension_of(asset.media_type))
        except (LargerThanCache, OSError) as error:
            _log.warning("a picture keeps its own address: %s", _reason(error))
            return url
        return f"{self.public_base}/media/{name}"

    async def deliver(self, source: MediaSource, events: list[Event]) -> list[Event]:
        """*events* with the addresses for the client."""
        if not self._fetches:
            return events
        delivered, faults = list(events), list[str]()
        places = trio.CapacityLimiter(AT_ONCE)

        async def deliver_one(index: int, event: Picture | Video | File) -> None:
            try:
                async with places:
                    delivered[index] = self._moved(event, await self._address(source, event))
            except (GrokApiError, LargerThanCache, OSError) as error:
                faults.append(_reason(error))

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
        """*event* with another address; a picture in the cache also keeps Grok's address."""
        if isinstance(event, Picture) and url.startswith(f"{self.public_base}/media/"):
            return KeptPicture(url, event.url)
        return evolve(event, url=url)

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
    """A factory of deliveries.

    :ivar cache: the media cache; None if the server has no folder for it.
    """

    cache: MediaCache | None

    def cache_use(self) -> CacheUse:
        """The use of the cache; zeros without one."""
        return CacheUse() if self.cache is None else self.cache.use()

    def of_answer(self, config: Config, scope: Scope) -> Delivery | None:
        """The delivery for one chat answer; None if ``[grok] image_mode`` is ``url``.

        :param scope: the request's ASGI scope.
        """
        return None if config.grok.image_mode is ImageMode.URL else self.of_pictures(config, scope)

    def of_pictures(self, config: Config, scope: Scope) -> Delivery:
        """The delivery for an image route. Clients of those can ask for a picture's content under
        any ``[grok] image_mode``.

        :param scope: the request's ASGI scope.
        """
        mode = config.grok.image_mode
        cache = self.cache if config.grok.cache_mb and mode is not ImageMode.URL else None
        return Delivery(mode, cache, public_base(config.server, scope))


def _reason(error: GrokApiError | LargerThanCache | OSError) -> str:
    if isinstance(error, GrokApiError):
        return f"{error.code}: {error.message}"
    return f"it can't be stored: {error.strerror if isinstance(error, OSError) else error}"
