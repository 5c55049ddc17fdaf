"""Grok's web chat as a lane: uploads and a payload over HTTP, lines of JSON back."""

from __future__ import annotations

import uuid

from attrs import Factory, field, frozen

from ....errors import AttachmentRefused, GrokApiError
from ....protocol.conversation.question import Question
from ....protocol.grok_web.decoder import Decoder
from ....protocol.grok_web.payload import CHAT_PATH, chat_headers
from ....protocol.grok_web.question_text import WebRendering
from ....protocol.models import LaneName
from ...disk.media_cache import MediaCache
from ...pool.leases import AnyLease, Lease, token_lease
from ...transport.seam import Transport, UpstreamRequest
from ..lane import Asset
from .assets import AssetAccess, AssetFetcher
from .exchange import GrokWebExchange
from .preparing import Payload, Preparer
from .settings import GrokWebSettings
from .uploads import Uploads

__all__ = ["GrokWebLane", "GrokWebQuestion", "GrokWebRendered"]

NET_MARGIN_S = 15.0
"""The transport's connect timeout exceeds the first-response clock by this much, so that the clock
fires first.
"""


def _uploads(lane: GrokWebLane) -> Uploads:
    return Uploads(lane.transport)


@frozen(eq=False)
class GrokWebLane:
    """See :class:`~grokcore.runtime.lanes.lane.Lane`.

    For other settings use ``attrs.evolve(lane, settings=…)``: it keeps the uploads.

    :ivar uploads: the files that accounts have already.
    """

    transport: Transport
    settings: GrokWebSettings
    uploads: Uploads = field(default=Factory(_uploads, takes_self=True))

    @property
    def name(self) -> LaneName:
        """The lanes of session tokens share a name."""
        return LaneName.WEB

    def render(self, question: Question) -> GrokWebRendered:
        """Write the prompt of *question*."""
        return GrokWebRendered(self, self.settings.render(question))

    def failed(self, lease: AnyLease, error: GrokApiError) -> None:
        """Forget the account's uploads if Grok does not find one."""
        if isinstance(error, AttachmentRefused):
            self.uploads.forget(lease.key)

    async def fetch(self, lease: AnyLease, url: str) -> Asset:
        """Fetch a picture."""
        return await self._fetcher.fetch(_access(lease), url)

    async def fetch_file(self, lease: AnyLease, url: str) -> Asset:
        """Fetch a file."""
        return await self._fetcher.fetch_file(_access(lease), url)

    async def save(self, lease: AnyLease, url: str, cache: MediaCache) -> str:
        """Keep a video."""
        return await self._fetcher.save(_access(lease), url, cache)

    @property
    def _fetcher(self) -> AssetFetcher:
        return AssetFetcher(self.transport, self.settings.assets_url, self.settings.identity)


def _access(lease: AnyLease) -> AssetAccess:
    return AssetAccess(token_lease(lease).sso, lease.proxy_url)


@frozen(eq=False)
class GrokWebRendered:
    """See :class:`~grokcore.runtime.lanes.lane.RenderedQuestion`."""

    lane: GrokWebLane
    rendering: WebRendering

    def prepare_now(self, lease: AnyLease) -> GrokWebQuestion | None:
        """Write the payload, if it is all."""
        if self.rendering.attachments or self.rendering.question.model.video:
            return None
        lent = token_lease(lease)
        payload = self._preparer(lent).write(self.rendering, [])
        return GrokWebQuestion(self.lane, lent, payload)

    async def prepare(self, lease: AnyLease, *, repeated: bool) -> GrokWebQuestion:
        """Upload the attachments, and write the payload."""
        lent = token_lease(lease)
        payload = await self._preparer(lent).prepare(self.rendering, repeated=repeated)
        return GrokWebQuestion(self.lane, lent, payload)

    def _preparer(self, lease: Lease) -> Preparer:
        lane = self.lane
        return Preparer(lane.transport, lane.uploads, lane.settings, lease)


@frozen(eq=False)
class GrokWebQuestion:
    """See :class:`~grokcore.runtime.lanes.lane.PreparedQuestion`."""

    lane: GrokWebLane
    lease: Lease
    payload: Payload

    @property
    def rendered(self) -> GrokWebRendered:
        """The question that the payload asks."""
        return GrokWebRendered(self.lane, self.payload.rendering)

    def decoder(self) -> Decoder:
        """A decoder with the configured tags and addresses."""
        settings, calls = self.lane.settings, self.payload.rendering.call_reader()
        return Decoder(settings.filtered_tags, settings.assets_url, calls)

    def open(self, *, fresh: bool) -> GrokWebExchange:
        """Send the payload, with headers of its own."""
        settings, lease, payload = self.lane.settings, self.lease, self.payload
        url = settings.base_url + CHAT_PATH
        headers = chat_headers(
            settings.identity,
            url=url,
            sso=lease.sso,
            request_id=str(uuid.uuid4()),
            referer=payload.referer,
        )
        request = UpstreamRequest(
            "POST",
            url,
            tuple(headers),
            payload.body,
            proxy_url=lease.proxy_url,
            fresh=fresh,
            connect_net_s=payload.rendering.question.limits.first_response + NET_MARGIN_S,
        )
        return GrokWebExchange(self.lane.transport.open(request))
