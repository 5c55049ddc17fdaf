"""From the parts of a request to what will be uploaded: decoded, fetched, weighed, and known by their first bytes."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from ..errors import AttachmentRefused, RequestTooLarge
from ..protocol.attachments import (
    MOST_BYTES,
    MOST_BYTES_IN_ALL,
    Attachment,
    AttachmentPart,
    attachment_of,
)
from ..protocol.media import TooLarge, parse_data_url
from .fetch import Fetcher
from .gather import for_all

__all__ = ["load_attachments"]

AT_ONCE = 5
"""Of one request's attachments: they may be 20 MB each, and stand in memory meanwhile."""

LONGEST_SCHEME = 20
"""Characters of a URL, within which its scheme ends."""

MOST_PARTS = 20
"""Attachments of one request. Grok's page takes fewer."""


async def load_attachments(parts: Sequence[AttachmentPart], fetcher: Fetcher) -> tuple[Attachment, ...]:
    """All of *parts*, in their order.

    :raises RequestTooLarge: one of them, or all together, are more than is taken.
    :raises AttachmentRefused: one can't be read, fetched or attached; it is named by its path.
    """
    if len(parts) > MOST_PARTS:
        message = f"At most {MOST_PARTS} pictures and files can be attached."
        raise AttachmentRefused(message, param=parts[MOST_PARTS].path)
    weight = 0

    async def load(part: AttachmentPart) -> Attachment:
        nonlocal weight
        data = await _data_of(part, fetcher)
        weight += len(data)
        if weight > MOST_BYTES_IN_ALL:
            message = f"The attachments are more than {MOST_BYTES_IN_ALL >> 20} MB together."
            raise RequestTooLarge(message, param=part.path)
        return attachment_of(part, data)

    return tuple(await for_all(parts, load, at_once=AT_ONCE))


async def _data_of(part: AttachmentPart, fetcher: Fetcher) -> bytes:
    if part.data or not part.url:
        if len(part.data) > MOST_BYTES:
            raise _too_large(part)
        return part.data
    if part.url[:5].lower() != "data:":
        if ":" not in part.url[:LONGEST_SCHEME]:  # a path of the client's own disk, or damaged base64
            message = f"{part.path} must be a data: or https: URL (data:image/png;base64,…), or base64."
            raise AttachmentRefused(message, param=part.path)
        try:
            return await fetcher.fetch(part.url, most=MOST_BYTES)
        except (AttachmentRefused, RequestTooLarge) as error:
            raise type(error)(f"{part.path}: {error.message}", param=part.path) from error
    try:
        # In a thread: 20 MB of base64 take a third of a second, which all other answers would wait for.
        return await trio.to_thread.run_sync(lambda: parse_data_url(part.url, most=MOST_BYTES))
    except TooLarge:
        raise _too_large(part) from None
    except ValueError as error:
        raise AttachmentRefused(f"{part.path}: {error}", param=part.path) from None


def _too_large(part: AttachmentPart) -> RequestTooLarge:
    return RequestTooLarge(f"{part.path} is more than {MOST_BYTES >> 20} MB.", param=part.path)
