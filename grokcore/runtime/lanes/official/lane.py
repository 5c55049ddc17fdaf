"""An official lane: one HTTP request to xAI's Responses API for an answer, server-sent events back.

Both lanes speak the same protocol. They differ in host, credential and headers, and in the files
that they take.
"""

from __future__ import annotations

import functools
from typing import Protocol

from attrs import field, frozen

from ....errors import GrokApiError, InternalError, OfficialCredentialRejected
from ....protocol.conversation.question import Question
from ....protocol.models import LaneName
from ....protocol.official.decoder import Decoder
from ....protocol.official.headers import Headers, api_headers, cli_headers
from ....protocol.official.refusals import refusal_of_response
from ....protocol.official.requests import OfficialRendering, render_question, request_body
from ....protocol.official.tools import upstream_names
from ...disk.media_cache import MediaCache
from ...pool.leases import AnyLease
from ...threads import in_thread
from ...transport.seam import Exchange, ResponseHead, Transport, UpstreamRequest
from ..http_exchange import HttpExchange
from ..lane import Asset
from .credentials import Credential, CredentialSource
from .uploads import FileUploads

__all__ = ["OfficialLane", "headers_of"]

RESPONSES_PATH = "/responses"

LARGE_BYTES = 512 * 1024
"""Bytes of pictures from which a request is written in a thread: some 2 ms of base64 and JSON."""

NET_MARGIN_S = 15.0
"""The transport's connect timeout exceeds the first-response clock by this much, so that the clock
fires first.
"""


class Names(Protocol):
    """A lane's models."""

    def upstream_name(self, model: str) -> str:
        """The name at xAI of the model that answers for *model*; empty if the lane has none."""

    def reasons(self, model: str) -> bool:
        """Whether *model* (xAI's name) takes parameters for its reasoning."""


@frozen(eq=False)
class OfficialLane:
    """See :class:`~grokcore.runtime.lanes.lane.Lane`.

    :ivar base_url: without a slash at its end.
    """

    name: LaneName
    transport: Transport
    base_url: str
    source: CredentialSource
    names: Names
    uploads: FileUploads

    def render(self, question: Question) -> OfficialRendered:
        """Write the request of *question*."""
        model = self.names.upstream_name(question.model.name)
        reasons = self.names.reasons(model)
        rendering = render_question(question, model, lane=self.name, reasons=reasons)
        return OfficialRendered(self, rendering)

    def failed(self, lease: AnyLease, error: GrokApiError) -> None:
        """Forget uploads that xAI does not find."""
        self.uploads.failed(lease.key, error)

    async def fetch(self, lease: AnyLease, url: str) -> Asset:
        """Fail: answers of this lane have no pictures of its own."""
        raise _no_media(lease, url)

    async def fetch_file(self, lease: AnyLease, url: str) -> Asset:
        """Fail, as :meth:`fetch`."""
        raise _no_media(lease, url)

    async def save(self, lease: AnyLease, url: str, cache: MediaCache) -> str:  # noqa: ARG002
        """Fail, as :meth:`fetch`."""
        raise _no_media(lease, url)

    def credential(self) -> Credential:
        """The credential of the moment.

        :raises OfficialCredentialRejected: if there is none.
        """
        credential = self.source.current
        if credential is None:
            raise OfficialCredentialRejected(self.source.fault)
        return credential


@frozen(eq=False)
class OfficialRendered:
    """See :class:`~grokcore.runtime.lanes.lane.RenderedQuestion`."""

    lane: OfficialLane
    rendering: OfficialRendering

    def prepare_now(self, lease: AnyLease) -> OfficialQuestion | None:  # noqa: ARG002
        """None: files may have to be uploaded."""
        return None

    async def prepare(self, lease: AnyLease, *, repeated: bool) -> OfficialQuestion:  # noqa: ARG002
        """Upload the files that can't stand in the request itself."""
        lane, needed = self.lane, self.rendering.needs_upload
        credential = lane.credential()
        ids = await lane.uploads.bring(needed, credential, lane.base_url, lease.proxy_url)
        write = functools.partial(request_body, self.rendering, file_ids=ids)
        large = sum(len(one.data) for one in self.rendering.attachments) > LARGE_BYTES
        body = await in_thread(write) if large else write()
        return OfficialQuestion(self, lease, credential, body)


@frozen(eq=False)
class OfficialQuestion:
    """See :class:`~grokcore.runtime.lanes.lane.PreparedQuestion`."""

    rendered: OfficialRendered
    lease: AnyLease
    credential: Credential
    body: bytes = field(repr=False)

    def decoder(self) -> Decoder:
        """A decoder for calls of the question's tools."""
        names = upstream_names(self.rendered.rendering.question.toolbox)
        return Decoder(names, lane=self.rendered.lane.name)

    def open(self, *, fresh: bool) -> HttpExchange:
        """Send the request."""
        lane, rendering = self.rendered.lane, self.rendered.rendering
        request = UpstreamRequest(
            "POST",
            lane.base_url + RESPONSES_PATH,
            headers_of(
                lane.name, self.credential, rendering.upstream_model, rendering.conversation_id
            ),
            self.body,
            proxy_url=self.lease.proxy_url,
            fresh=fresh,
            connect_net_s=rendering.question.limits.first_response + NET_MARGIN_S,
            impersonated=False,
            kept=True,
            who="xAI",
        )
        return self._exchange(lane.transport.open(request))

    def _exchange(self, exchange: Exchange) -> HttpExchange:
        name = self.rendered.lane.name
        return HttpExchange(
            exchange,
            lambda status, headers, body: refusal_of_response(status, headers, body, lane=name),
            _is_answer,
        )


def headers_of(
    lane: LaneName, credential: Credential, model: str, conversation_id: str = ""
) -> Headers:
    """The headers of a request of *lane*.

    :raises OfficialCredentialRejected: if the credential can't stand in a header.
    """
    try:
        if lane is LaneName.API:
            return api_headers(credential.secret)
        return cli_headers(
            credential.secret,
            version=credential.version,
            model=model,
            user_id=credential.user_id,
            conversation_id=conversation_id,
        )
    except ValueError as error:
        raise OfficialCredentialRejected(f"The credential can't be sent: {error}.") from None


def _is_answer(head: ResponseHead) -> bool:
    kind = head.headers.get("content-type", "").lower()
    return head.status == 200 and "text/html" not in kind


def _no_media(lease: AnyLease, url: str) -> InternalError:
    return InternalError(f"The lane {lease.lane.value} has no media at {url[:100]}.")
