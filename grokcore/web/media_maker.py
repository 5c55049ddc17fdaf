"""The seam to pictures and videos that xAI's API makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ..protocol.conversation.made_media import Drawing, VideoState
from ..protocol.models import LaneUse
from ..runtime.disk.media_cache import MediaCache

__all__ = ["MediaContent", "MediaMaker"]


class MediaContent(Protocol):
    """A video's content that is being received."""

    @property
    def media_type(self) -> str:
        """By its first bytes."""

    async def read(self) -> bytes:
        """More of it; empty at the end.

        :raises GrokApiError: if it breaks off, or is too large.
        """

    async def aclose(self) -> None:
        """Abort the request if it is still under way."""


class MediaMaker(Protocol):
    """See :class:`~grokcore.runtime.lanes.official.media_calls.OfficialMedia`."""

    @property
    def secret(self) -> Callable[[], str]:
        """Returns the key of xAI's API; empty if there is none."""

    @property
    def use(self) -> LaneUse:
        """When the lane answers."""

    @property
    def picture_models(self) -> Sequence[str]:
        """Names at xAI of models that draw, the usual one first."""

    @property
    def video_models(self) -> Sequence[str]:
        """Names at xAI of models that make videos, the usual one first."""

    async def draw(self, model: str, body: bytes, *, editing: bool, until: float) -> Drawing:
        """Have pictures drawn.

        :raises GrokApiError: if it can't be done.
        """

    async def begin_video(
        self, task: str, model: str, body: bytes, *, likely_ticks: int, until: float
    ) -> str:
        """Have a video begun; return xAI's id of it.

        :raises GrokApiError: if it can't be done.
        """

    async def look(self, request_id: str) -> VideoState:
        """Ask how a video stands.

        :raises GrokApiError: if xAI does not have it, or can't be asked.
        """

    def settle(self, request_id: str, state: VideoState) -> None:
        """Count what a video has cost in the end, if it was begun here."""

    async def save(self, request_id: str, url: str, cache: MediaCache) -> str:
        """Keep a video's content in *cache*, and return its name there.

        :raises GrokApiError: if it can't be fetched.
        :raises LargerThanCache: if it is.
        :raises OSError: if it can't be written.
        """

    async def open(self, url: str) -> MediaContent:
        """Begin to receive a video's content. The caller must close it.

        :raises GrokApiError: if it can't be fetched.
        """
