"""The page's chat over a websocket, as a lane. See the package."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable

from attrs import field, frozen

from ....errors import CredentialsRejected, GrokApiError, ModeNotIncluded
from ....protocol.conversation.question import Question
from ....protocol.grok_socket.client_frames import (
    SOCKET_PATH,
    Chat,
    Message,
    ping,
)
from ....protocol.grok_socket.decoder import Decoder
from ....protocol.grok_socket.handshake import Asking, Handshake
from ....protocol.grok_socket.mode_names import mode_of
from ....protocol.grok_web.question_text import WebRendering
from ....protocol.models import LaneName
from ...disk.media_cache import MediaCache
from ...pool.leases import AnyLease, Lease, token_lease
from ...transport.seam import Heartbeat, SocketTransport
from ..grok_web.lane import NET_MARGIN_S, GrokWebLane
from ..grok_web.preparing import Preparer
from ..lane import Asset
from .account_asker import upgrade_request
from .exchange import GrokSocketExchange
from .users import Users

__all__ = ["GrokSocketLane"]

PING_S = 20.0
"""Seconds between two pings; the page sends one every 3 s, other clients every 25 s (2026-08)."""


@frozen(eq=False)
class GrokSocketLane:
    """See :class:`~grokcore.runtime.lanes.lane.Lane`.

    :ivar web: the lane whose settings, uploads and media this one shares.
    :ivar wall: seconds since 1970.
    :ivar path: of the websocket, with a slash before it.
    """

    web: GrokWebLane
    sockets: SocketTransport
    users: Users
    wall: Callable[[], float]
    path: str = SOCKET_PATH

    @property
    def name(self) -> LaneName:
        """The lanes of session tokens share a name."""
        return LaneName.WEB

    def render(self, question: Question) -> SocketRendered:
        """Write the prompt of *question*."""
        return SocketRendered(self, self.web.settings.render(question))

    def failed(self, lease: AnyLease, error: GrokApiError) -> None:
        """Forget the account's uploads if Grok does not find one, its id if its session is
        refused.
        """
        self.web.failed(lease, error)
        if isinstance(error, CredentialsRejected):
            token_lease(lease).learn_user("")

    async def fetch(self, lease: AnyLease, url: str) -> Asset:
        """Fetch a picture."""
        return await self.web.fetch(lease, url)

    async def fetch_file(self, lease: AnyLease, url: str) -> Asset:
        """Fetch a file."""
        return await self.web.fetch_file(lease, url)

    async def save(self, lease: AnyLease, url: str, cache: MediaCache) -> str:
        """Keep a video."""
        return await self.web.save(lease, url, cache)

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return int(self.wall() * 1000)


@frozen(eq=False)
class SocketRendered:
    """See :class:`~grokcore.runtime.lanes.lane.RenderedQuestion`."""

    lane: GrokSocketLane
    rendering: WebRendering

    def prepare_now(self, lease: AnyLease) -> SocketQuestion | None:  # noqa: ARG002
        """None: the account's id and modes may have to be asked for."""
        return None

    async def prepare(self, lease: AnyLease, *, repeated: bool) -> SocketQuestion:
        """Ask for the account's user id, and upload the attachments."""
        web, lent = self.lane.web, token_lease(lease)
        user_id = await self.lane.users.user_id(lent, web.settings)
        await self.lane.users.look_at_modes(lent, web.settings)
        if (mode := mode_of(self.rendering.question.model)) in lent.refused_modes:
            plan = lent.refused_modes[mode]
            named = f" Grok names the plan {plan}." if plan else ""
            raise ModeNotIncluded(
                f"The Grok account's plan does not include the mode {mode}.{named} Ask for another "
                "model, or add a token of an account that has it."
            )
        preparer = Preparer(web.transport, web.uploads, web.settings, lent)
        rendering, files = await preparer.bring(self.rendering, repeated=repeated)
        return SocketQuestion(self.lane, lent, user_id, rendering, tuple(file.id for file in files))


@frozen(eq=False)
class SocketQuestion:
    """See :class:`~grokcore.runtime.lanes.lane.PreparedQuestion`.

    :ivar files: ids of uploads.
    """

    lane: GrokSocketLane
    lease: Lease
    user_id: str
    rendering: WebRendering
    files: tuple[str, ...] = field(factory=tuple)

    @property
    def rendered(self) -> SocketRendered:
        """The question as it is asked."""
        return SocketRendered(self.lane, self.rendering)

    def decoder(self) -> Decoder:
        """A decoder with the configured tags and addresses, for calls of the question's tools."""
        settings, mode = self.lane.web.settings, mode_of(self.rendering.question.model)
        calls = self.rendering.call_reader()
        return Decoder(settings.filtered_tags, settings.assets_url, mode, calls)

    def open(self, *, fresh: bool) -> GrokSocketExchange:
        """Open a websocket, and ask as soon as it lets us."""
        settings = self.lane.web.settings
        request = upgrade_request(
            settings,
            self.lane.path,
            self.user_id,
            sso=self.lease.sso,
            proxy_url=self.lease.proxy_url,
            seconds=self.rendering.question.limits.first_response + NET_MARGIN_S,
            fresh=fresh,
        )
        handshake = Handshake(self._asking())
        heartbeat = Heartbeat(PING_S, functools.partial(self._ping, handshake))
        return GrokSocketExchange(self.lane.sockets.connect(request, heartbeat), handshake)

    def _asking(self) -> Asking:
        settings, question = self.lane.web.settings, self.rendering.question
        chat = Chat(
            mode_of(question.model),
            settings.temporary,
            settings.memory,
            question.may_search,
            question.pictures,
            draw=not question.toolbox.in_play,
        )
        message = Message(self.rendering.message, self.files)
        return Asking(chat, message, str(uuid.uuid4()), str(uuid.uuid4()), self.lane.now_ms())

    def _ping(self, handshake: Handshake) -> bytes:
        return ping(conversation_id=handshake.conversation_id, at_ms=self.lane.now_ms())
