"""How the pictures and videos of an answer reach the client (``[grok] image_mode``).

Grok's own addresses are good only for who is signed in at Grok with the account that was asked. So what Grok made can be
fetched while that is certain, and given on from here: as a link to this server, or within the answer itself.

Rules
-----
1. An answer is never lost over its picture: what can't be fetched or kept keeps its address, and one line of the log says
   so.
2. Events keep their order, and those that are no media pass as they are.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Sequence

import trio
from attrs import evolve, field, frozen

from ..config import Config, ImageMode
from ..errors import GrokApiError
from ..protocol.conversation.events import Event, File, KeptPicture, Picture, Video
from ..protocol.conversation.media import extension_of
from ..runtime.disk.media_cache import LargerThanCache, MediaCache
from ..runtime.lanes.grok_web.assets import AssetAccess, AssetFetcher
from .public_url import Scope, public_base

__all__ = ["Deliveries", "Delivery"]

MOST_INLINE_BYTES = 8 * 1024 * 1024
"""Of one picture within an answer; it is a third larger there, and in one piece."""

AT_ONCE = 4
"""Pictures of one answer that are fetched at once."""

_MEDIA = (Picture, Video, File)

_log = logging.getLogger(__name__)


@frozen
class Delivery:
    """How the media of one answer is delivered.

    :ivar mode: what becomes of it. Without a cache, ``cache`` is ``url``.
    :ivar cache: where it can be kept; None if nowhere.
    :ivar public_base: this server's address as the client sees it, without a slash at its end.
    """

    mode: ImageMode
    fetcher: AssetFetcher = field(repr=False)
    cache: MediaCache | None = field(repr=False)
    public_base: str

    def concerns(self, events: Sequence[Event]) -> bool:
        """Whether any of *events* is media that is to be fetched."""
        for event in events:  # once per token: a generator would cost more
            if isinstance(event, _MEDIA):
                return self._fetches
        return False

    def split(self, events: list[Event]) -> tuple[list[Event], list[Event]]:
        """What of *events* can be shown at once, and the rest, which begins with the first media."""
        first = next((index for index, event in enumerate(events) if isinstance(event, _MEDIA)), len(events))
        return events[:first], events[first:]

    async def deliver(self, access: AssetAccess, events: list[Event]) -> list[Event]:
        """*events*, with the addresses that the client shall see.

        :param access: what Grok's own addresses are fetched with.
        """
        if not self._fetches:
            return events
        delivered, faults = list(events), list[str]()
        places = trio.CapacityLimiter(AT_ONCE)

        async def deliver_one(index: int, event: Picture | Video | File) -> None:
            try:
                async with places:
                    delivered[index] = self._moved(event, await self._address(access, event))
            except (GrokApiError, LargerThanCache, OSError) as error:
                faults.append(_told(error))

        async with trio.open_nursery() as nursery:
            for index, event in enumerate(events):
                if isinstance(event, _MEDIA):
                    nursery.start_soon(deliver_one, index, event)
        if faults:
            _log.warning("%d of an answer's pictures or videos keep Grok's address: %s", len(faults), faults[0])
        return delivered

    @property
    def _fetches(self) -> bool:
        return self.mode is ImageMode.BASE64 or (self.mode is ImageMode.CACHE and self.cache is not None)

    def _moved(self, event: Picture | Video | File, url: str) -> Event:
        """*event* at another address; a picture that is kept here keeps Grok's address beside it."""
        if isinstance(event, Picture) and url.startswith(f"{self.public_base}/media/"):
            return KeptPicture(url, event.url)
        return evolve(event, url=url)

    async def _address(self, access: AssetAccess, event: Picture | Video | File) -> str:
        if event.url.startswith("data:"):
            return event.url
        if isinstance(event, Video):
            name = await self.fetcher.save(access, event.url, self.cache) if self.cache else ""
        else:
            fetch = self.fetcher.fetch if isinstance(event, Picture) else self.fetcher.fetch_file
            asset = await fetch(access, event.url)
            if self.mode is ImageMode.BASE64 and len(asset.data) <= MOST_INLINE_BYTES:
                return f"data:{asset.media_type};base64,{base64.b64encode(asset.data).decode('ascii')}"
            name = await self.cache.put(asset.data, extension_of(asset.media_type)) if self.cache else ""
        return f"{self.public_base}/media/{name}" if name else event.url


@frozen
class Deliveries:
    """What is needed to deliver the media of any answer.

    :ivar fetcher: gives the way to fetch as it is configured at the moment.
    :ivar cache: None if there is no folder for one.
    """

    fetcher: Callable[[], AssetFetcher]
    cache: MediaCache | None

    def of_answer(self, config: Config, scope: Scope) -> Delivery | None:
        """The delivery for one answer, as configured; None if Grok's own addresses are what is wanted.

        :param scope: of the answer's request.
        """
        if config.grok.image_mode is ImageMode.URL:
            return None
        cache = self.cache if config.grok.cache_mb else None
        return Delivery(config.grok.image_mode, self.fetcher(), cache, public_base(config.server, scope))


def _told(error: GrokApiError | LargerThanCache | OSError) -> str:
    if isinstance(error, GrokApiError):
        return f"{error.code}: {error.message}"
    return f"it can't be kept: {error.strerror if isinstance(error, OSError) else error}"
