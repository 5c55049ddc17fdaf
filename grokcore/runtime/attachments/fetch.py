"""Fetching a picture or file by a URL that a client sent: this server's request on behalf of a
stranger.

Rules
-----
1. Only web servers on the public internet are asked
   (:mod:`grokcore.protocol.urls.public_addresses`), and hosts that the configuration names. *Every*
   address of a name must be public: another address among them is suspicious.
2. A name is resolved once for each request, and the connection goes to the address that was judged.
   A name server that answers otherwise the next time changes nothing.
3. A redirect is a new URL and is judged from the start.
4. Nothing of Grok's goes along: no cookie, no token, no browser's identity, no shared connection.
5. Look-ups of names are bounded in time, and in number for each key
   (:mod:`~grokcore.runtime.attachments.lookups`).
6. Time and bytes are bounded, whatever the other side does. It is asked for the content without
   compression. If a server compresses it all the same, it is decoded piece by piece, and decoded
   bytes count.
7. Messages name the host and the rule; path and query may hold secrets.
"""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Sequence
from urllib.parse import urljoin

import trio
from attrs import field, frozen

from ...errors import AttachmentRefused, RequestTooLarge, TransportFailure
from ...protocol.urls.public_addresses import UserUrl, canonical_address, is_public, split_user_url
from ..transport.seam import Exchange, ResponseHead, Transport, UpstreamRequest
from ..transport.visits import visit
from .lookups import Lookups, Resolve

__all__ = ["Fetcher"]

FETCH_S = 10.0
"""Bound for one attachment with its redirects, in seconds; the client waits meanwhile."""

MOST_REDIRECTS = 3

LONGEST_NUMBER = len(str(2**63))

LONGEST_NAME = 100
"""Characters of a host that a message shows."""

HEADERS = (
    ("User-Agent", "grok2api"),
    ("Accept", "image/*, */*;q=0.8"),
    ("Accept-Encoding", "identity"),
)

ZLIB_OR_GZIP = zlib.MAX_WBITS | 32
"""Makes zlib recognise the format by the first bytes."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})


@frozen
class Fetcher:
    """Fetches contents that clients refer to.

    :ivar transport: makes the requests. It should not be the transport that talks to Grok.
    :ivar allow_hosts: private hosts that may be asked as well, each as ``host`` or ``host:port``,
        in ASCII.
    :ivar proxy_url: the egress. A proxy resolves names itself, so that no address can be judged:
        only ``allow_hosts`` are fetched then.
    :ivar resolve: the resolver of names, for one request.
    """

    transport: Transport
    allow_hosts: frozenset[str]
    proxy_url: str = field(default="", repr=False)
    resolve: Resolve = field(factory=Lookups, repr=False)

    async def fetch(self, url: str, *, most: int) -> bytes:
        """Fetch the content at *url*: of any type, never empty.

        :param most: the bound of its size, in bytes.
        :raises AttachmentRefused: if it may not be fetched, or could not be; the message says
            which.
        :raises RequestTooLarge: if it is larger than *most*.
        """
        with trio.move_on_after(FETCH_S):
            return await self._follow(url, most)
        raise AttachmentRefused(f"The attachment could not be fetched within {FETCH_S:g} s.")

    async def _follow(self, url: str, most: int) -> bytes:
        target = self._judge(url, "The attachment's URL is not taken")
        for _ in range(MOST_REDIRECTS + 1):
            found = await self._visit(target, most)
            if isinstance(found, bytes):
                return found
            target = self._judge(
                _joined(target.url, found), f"{_shown(target)} redirects to a URL that is not taken"
            )
        raise AttachmentRefused(
            f"The attachment is more than {MOST_REDIRECTS} redirects away from its URL."
        )

    def _judge(self, url: str, lead: str) -> UserUrl:
        try:
            return split_user_url(url, self.allow_hosts)
        except ValueError as error:
            raise AttachmentRefused(f"{lead}: {error}.") from None

    async def _visit(self, target: UserUrl, most: int) -> bytes | str:
        """The content, or the URL that the server redirects to."""
        request = UpstreamRequest(
            "GET",
            target.url,
            HEADERS,
            b"",
            proxy_url=self.proxy_url,
            connect_net_s=FETCH_S,
            connect_to=await self._address(target),
            impersonated=False,
            who=_shown(target),
        )
        take = functools.partial(_content_or_location, request, most)
        try:
            return await visit(self.transport, request, take)
        except TransportFailure as failure:
            raise AttachmentRefused(
                f"The attachment could not be fetched. {failure.message}"
            ) from failure

    async def _address(self, target: UserUrl) -> str:
        """The address to connect to, judged; empty if the proxy finds it."""
        if self.proxy_url:
            if target.trusted:
                return ""
            raise AttachmentRefused(
                f"{_shown(target)} is not fetched: a proxy is configured, which resolves names "
                "itself, so that only hosts "
                "named in [fetch] allow_hosts are. Send the attachment as a data: URL."
            )
        addresses = [target.address] if target.address else await self._look_up(target)
        if not target.trusted and not all(map(is_public, addresses)):
            raise AttachmentRefused(
                f"{_shown(target)} is not fetched: it is not, or not only, on the public internet. "
                "Private hosts have to "
                "be named in [fetch] allow_hosts."
            )
        return canonical_address(addresses[0])

    async def _look_up(self, target: UserUrl) -> Sequence[str]:
        try:
            # A private host may have an address that is bound to a network card, among others. It
            # can't be connected to without the card's name.
            addresses = [
                a
                for a in await self.resolve(target.host, target.port)
                if not (target.trusted and "%" in a)
            ]
        except OSError:
            addresses = []
        if not addresses:
            raise AttachmentRefused(
                f"The attachment could not be fetched: {_shown(target)} could not be resolved."
            )
        return addresses


async def _content_or_location(
    request: UpstreamRequest, most: int, exchange: Exchange
) -> bytes | str:
    head = await exchange.head()
    if request.connect_to and head.peer and canonical_address(head.peer) != request.connect_to:
        raise AttachmentRefused(f"{request.who} is not fetched: the connection led elsewhere.")
    if head.status in REDIRECTS:
        return _location(head, request.who)
    if head.status != 200:
        raise AttachmentRefused(
            f"The attachment could not be fetched: {request.who} answered {head.status}."
        )
    if _announced(head) > most:
        raise _too_large(request.who, most)
    return await _content(exchange, head, request.who, most)


async def _content(exchange: Exchange, head: ResponseHead, who: str, most: int) -> bytes:
    content = _Content(_unpacker(head, who), most)
    try:
        while piece := await exchange.read():
            content.add(piece)
        data = content.whole()
    except zlib.error:
        raise AttachmentRefused(
            f"The attachment could not be fetched: what {who} sent is damaged."
        ) from None
    except _TooMuch:
        raise _too_large(who, most) from None
    if not data:
        raise AttachmentRefused(f"The attachment could not be fetched: {who} sent nothing.")
    return data


def _unpacker(head: ResponseHead, who: str) -> zlib._Decompress | None:
    """A decoder for a compressed body; None if it is not compressed.

    :raises AttachmentRefused: if its encoding is not one that every HTTP client knows.
    """
    encoding = head.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(ZLIB_OR_GZIP)
    raise AttachmentRefused(
        f"The attachment could not be fetched: {who} sends it compressed, in a way that it was not "
        "asked for. "
        "Send it as a data: URL."
    )


class _TooMuch(Exception):
    """The content is larger than its bound."""


class _Content:
    """A body that is being received, never more than *most* bytes of it."""

    def __init__(self, unpacker: zlib._Decompress | None, most: int) -> None:
        self._unpacker = unpacker
        self._most = most
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        """Take a piece as the server sent it.

        :raises _TooMuch: if the content is larger than its bound.
        :raises zlib.error: if it can't be decoded.
        """
        if self._unpacker is not None:
            piece = self._unpacker.decompress(piece, self._most - self._size + 1)
        self._size += len(piece)
        if self._size > self._most:
            raise _TooMuch
        self._pieces.append(piece)

    def whole(self) -> bytes:
        """The whole content.

        :raises zlib.error: if its end is missing.
        """
        if self._unpacker is not None and not self._unpacker.eof:
            raise zlib.error
        return b"".join(self._pieces)


def _announced(head: ResponseHead) -> float:
    """The announced size of the body, in bytes; 0 without one. libcurl ignores a length that is no
    number, or too large.
    """
    length = head.headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()):
        return 0
    return int(length) if len(length) <= LONGEST_NUMBER else math.inf


def _location(head: ResponseHead, who: str) -> str:
    location = head.headers.get("location", "")
    if not location:
        raise AttachmentRefused(f"The attachment could not be fetched: {who} redirects to nowhere.")
    # Headers are read as Latin-1; a URL with other letters in it is UTF-8.
    return location.encode("latin-1").decode("utf-8", "replace")


def _joined(base: str, location: str) -> str:
    """The target of a redirect. A target that can't be parsed is refused when it is judged."""
    try:
        return urljoin(base, location)
    except ValueError:
        return location


def _shown(target: UserUrl) -> str:
    return target.host if len(target.host) <= LONGEST_NAME else target.host[:LONGEST_NAME] + "…"


def _too_large(who: str, most: int) -> RequestTooLarge:
    return RequestTooLarge(f"What {who} sends is larger than the {most} bytes that are taken.")
