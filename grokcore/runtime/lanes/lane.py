"""The seam to an upstream: a few methods, so that completions know no wire.

Theory
------
A lane is one way to ask Grok. It says a question in its own words, and brings the attachments to
the lease's account. It opens one exchange for each attempt, decodes the answer into events, and
turns a refusal into an error. Leases, clocks and retries are the completion's. The real lane is
:class:`grokcore.runtime.lanes.grok_web.lane.GrokWebLane`; the smallest one is in
``tests/runtime/echo_lane.py``.

Rules
-----
1. One exchange is one answer, whatever carries it: the body of an HTTP response, or the frames of a
   websocket.
2. A lane does not know the request's clocks: the completion cancels its waits.
3. The settings of a lane never change. Other settings make another lane, which shares the knowledge
   of accounts. A completion keeps the lane that it began with.
4. Clients are informed of a question's treatment by its
   :class:`~grokcore.protocol.conversation.question.Rendering`: nobody above a lane knows its words.
"""

from __future__ import annotations

from typing import Protocol

from attrs import field, frozen

from ...errors import GrokApiError
from ...protocol.conversation.decoder import AnswerDecoder
from ...protocol.conversation.question import Question, Rendering
from ...protocol.models import LaneName
from ..disk.media_cache import MediaCache
from ..pool.leases import AnyLease
from ..threads import in_thread

__all__ = [
    "AnswerDecoder",
    "AnswerExchange",
    "Asset",
    "Lane",
    "PreparedQuestion",
    "RenderedQuestion",
    "Renderer",
    "rendered",
]


@frozen
class Asset:
    """A picture or file, whole. *media_type* is what its content says."""

    data: bytes = field(repr=False)
    media_type: str


class AnswerExchange(Protocol):
    """An answer under way.

    Every wait may be cancelled at any time. ``read`` may then be called again: nothing is lost.
    """

    async def accepted(self) -> None:
        """Wait until the upstream has taken the question, by a response's head or a websocket's
        acknowledgements.

        :raises GrokApiError: if it refused, or there was no connection.
        """

    async def read(self) -> bytes:
        """Wait for more of the answer; ``b""`` once its exchange has ended in good order.

        :raises TransportFailure: if the connection broke, after everything that had arrived was
            read.
        """

    def read_nowait(self) -> bytes | None:
        """More of the answer, if it has arrived; None if nothing has; ``b""`` as in :meth:`read`.

        :raises TransportFailure: as in :meth:`read`.
        """

    async def wait(self) -> None:
        """Wait until there is news of any kind, or :meth:`wake` is called. It may also return
        without either.
        """

    def wake(self) -> None:
        """Make :meth:`wait` return."""

    async def drain(self) -> None:
        """After a whole answer, read what still follows, if the connection can then be used again.
        Bounded in time.
        """

    async def aclose(self) -> None:
        """Abort the exchange if it is still under way. Safe to repeat."""


class PreparedQuestion(Protocol):
    """A question that is ready to be sent, with the lease that it was prepared for."""

    @property
    def rendered(self) -> RenderedQuestion:
        """The question as it is sent: without the spare attachments that could not be brought."""

    def decoder(self) -> AnswerDecoder:
        """A decoder for one answer to it."""

    def open(self, *, fresh: bool) -> AnswerExchange:
        """Send the question. Nothing is waited for.

        :param fresh: make a connection of its own instead of reusing one.
        """


class RenderedQuestion(Protocol):
    """A question in the words of a lane, for any account."""

    @property
    def lane(self) -> Lane:
        """The lane that will send it."""

    @property
    def rendering(self) -> Rendering:
        """The question, and facts about the lane's words for it."""

    def prepare_now(self, lease: AnyLease) -> PreparedQuestion | None:
        """As :meth:`prepare`, if there is nothing to wait for; None if there may be."""

    async def prepare(self, lease: AnyLease, *, repeated: bool) -> PreparedQuestion:
        """Bring the attachments to the lease's account.

        :param repeated: whether an attempt has failed already; spare attachments are then left out
            also if their upload fails, and not only if Grok refuses them.
        :raises GrokApiError: if an attachment could not be brought.
        """


class Renderer(Protocol):
    """A lane, or a choice among several."""

    def render(self, question: Question) -> RenderedQuestion:
        """Say *question* in the words of a lane. Pure, and safe in any thread.

        :raises GrokApiError: if the lane can't say it.
        """


class Lane(Renderer, Protocol):
    """A way to ask Grok, with the settings of one moment. It is given leases of its own only."""

    @property
    def name(self) -> LaneName:
        """The lane's name, by the credential that it needs."""

    def failed(self, lease: AnyLease, error: GrokApiError) -> None:
        """Forget beliefs about the lease's account that the failure of an attempt proves wrong."""

    async def fetch(self, lease: AnyLease, url: str) -> Asset:
        """Fetch a picture that was made with *lease*, of 64 MiB at most.

        :param url: as in an event.
        :raises GrokApiError: if it can't be fetched, or is no picture.
        """

    async def fetch_file(self, lease: AnyLease, url: str) -> Asset:
        """Fetch a file of any known type; bounds and errors are those of :meth:`fetch`."""

    async def save(self, lease: AnyLease, url: str, cache: MediaCache) -> str:
        """Keep a video that was made with *lease*, of 512 MiB at most, in *cache*; return its name
        there.

        :raises GrokApiError: as for :meth:`fetch`.
        :raises LargerThanCache: if it is.
        :raises OSError: if it can't be written.
        """


async def rendered(lane: Renderer, question: Question) -> RenderedQuestion:
    """*question* in the words of *lane*; a long one is rendered in a worker thread.

    :raises GrokApiError: as :meth:`Renderer.render`; or there is no thread to be had.
    """
    if question.is_long:
        return await in_thread(lambda: lane.render(question))
    return lane.render(question)
