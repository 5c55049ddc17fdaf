"""From the parts of a request to its attachments: decoded, fetched, weighed, and identified by
their first bytes.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Sequence

import trio

from ...errors import AttachmentRefused, RequestTooLarge
from ...protocol.conversation.attachment_part import AttachmentPart
from ...protocol.conversation.attachments import (
    MOST_BYTES,
    MOST_BYTES_IN_ALL,
    Attachment,
    attachment_of,
)
from ...protocol.conversation.enclosures import Enclosed, Enclosure, Use
from ...protocol.conversation.media import TooLarge, parse_data_url
from ..gather import for_all
from ..threads import in_thread
from .fetch import Fetcher

__all__ = ["load_attachments", "load_enclosures"]

AT_ONCE = 5
"""Attachments of a request that are loaded at the same time: each may take 20 MB of memory."""

HISTORY_FETCH_S = 10.0
"""Bound for all fetches of spare attachments together, in seconds. A client sends its history with
each question, and would wait each time for every server in it that has gone."""

LONGEST_SCHEME = 20
"""Characters of a URL within which its scheme ends."""

IN_A_THREAD_BYTES = 256 * 1024
"""Size above which an attachment is identified in a thread: a text is read from end to end."""

MOST_PARTS = 20
"""Attachments of one request. Grok's page takes fewer."""


async def load_attachments(
    parts: Sequence[AttachmentPart], fetcher: Fetcher
) -> tuple[Attachment, ...]:
    """Load all of *parts*; the attachments are in their order.

    :raises RequestTooLarge: if one of them, or all together, are larger than a bound.
    :raises AttachmentRefused: if one can't be read, fetched or attached; the message names its
        path.
    """
    if len(parts) > MOST_PARTS:
        message = f"At most {MOST_PARTS} pictures and files can be attached."
        raise AttachmentRefused(message, param=parts[MOST_PARTS].path)
    loader = _Loader(fetcher)
    return tuple(await for_all(parts, loader.load, at_once=AT_ONCE))


async def load_enclosures(
    enclosures: Sequence[Enclosure], fetcher: Fetcher, *, earlier: int
) -> Enclosed:
    """Load the needed *enclosures*, and others as far as they can be loaded and there is room.

    :param earlier: most pictures of earlier turns, the latest first.
    :raises GrokApiError: if a needed one can't be loaded, as :func:`load_attachments`.
    """
    parts = {use: [item.part for item in enclosures if item.use is use] for use in Use}
    loader = _Loader(fetcher)
    if len(parts[Use.NEEDED]) > MOST_PARTS:
        await load_attachments(parts[Use.NEEDED], fetcher)
    needed = await for_all(parts[Use.NEEDED], loader.load, at_once=AT_ONCE)
    loaded: dict[str, Attachment] = dict(
        zip((part.path for part in parts[Use.NEEDED]), needed, strict=True)
    )
    wanted = parts[Use.WANTED][-(MOST_PARTS - len(loaded)) :] if len(loaded) < MOST_PARTS else []
    loaded.update(await loader.load_possible(wanted))
    room = min(earlier, MOST_PARTS - len(loaded))
    same = await _add_earlier(loaded, parts[Use.EARLIER], loader, room)
    order = [item.part.path for item in enclosures]
    spare = loaded.keys() - {part.path for part in parts[Use.NEEDED]}
    carriers = {**same, **{path: path for path in loaded}}
    return Enclosed(
        tuple(loaded[path] for path in order if path in loaded), carriers, frozenset(spare)
    )


async def _add_earlier(
    loaded: dict[str, Attachment], parts: Sequence[AttachmentPart], loader: _Loader, room: int
) -> dict[str, str]:
    """Add to *loaded* up to *room* of *parts*, the latest first, each content once.

    Returns, for parts whose content is there already, their path -> the path of that content.
    """
    same: dict[str, str] = {}
    rest = list(reversed(parts))[:MOST_PARTS] if room > 0 else []
    while rest and room > 0:
        batch, rest = rest[:room], rest[room:]
        for path, attachment in (await loader.load_possible(batch)).items():
            carrier = next(
                (other for other, it in loaded.items() if it.data == attachment.data), None
            )
            if carrier is not None:
                same[path] = carrier
            else:
                loaded[path] = attachment
                room -= 1
    return same


class _Loader:
    """Loads attachments of one request, and weighs them together."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._weight = 0
        self._history_until = trio.current_time() + HISTORY_FETCH_S

    async def load(self, part: AttachmentPart) -> Attachment:
        """Load *part*.

        :raises GrokApiError: if it can't be loaded, or is too large.
        """
        data = await _data_of(part, self._fetcher)
        if self._weight + len(data) > MOST_BYTES_IN_ALL:
            message = f"The attachments are more than {MOST_BYTES_IN_ALL >> 20} MB together."
            raise RequestTooLarge(message, param=part.path)
        self._weight += len(data)
        identify = functools.partial(attachment_of, part, data)
        try:
            return await in_thread(identify) if len(data) > IN_A_THREAD_BYTES else identify()
        except BaseException:
            self._weight -= len(data)
            raise

    async def load_possible(self, parts: Sequence[AttachmentPart]) -> dict[str, Attachment]:
        """Load *parts* as far as possible; attachments by path. Equal addresses are fetched once.

        All fetches of a request together have :data:`HISTORY_FETCH_S`.
        """
        first = {part.url: part for part in reversed(parts)}

        async def try_one(part: AttachmentPart) -> Attachment | None:
            until = self._history_until if part.url and not _is_data_url(part) else math.inf
            with (
                trio.CancelScope(deadline=until),
                contextlib.suppress(AttachmentRefused, RequestTooLarge),
            ):
                return await self.load(part)
            return None

        loaded = dict(
            zip(first, await for_all([*first.values()], try_one, at_once=AT_ONCE), strict=True)
        )
        return {part.path: found for part in parts if (found := loaded[part.url]) is not None}


async def _data_of(part: AttachmentPart, fetcher: Fetcher) -> bytes:
    if part.data or not part.url:
        if len(part.data) > MOST_BYTES:
            raise _too_large(part)
        return part.data
    if not _is_data_url(part):
        if ":" not in part.url[:LONGEST_SCHEME]:  # a path of the client's disk, or damaged base64
            message = (
                f"{part.path} must be a data: or https: URL (data:image/png;base64,…), or base64."
            )
            raise AttachmentRefused(message, param=part.path)
        try:
            return await fetcher.fetch(part.url, most=MOST_BYTES)
        except (AttachmentRefused, RequestTooLarge) as error:
            raise type(error)(f"{part.path}: {error.message}", param=part.path) from error
    try:
        # In a thread: 20 MB of base64 take a third of a second, which all other answers would wait
        # for.
        return await in_thread(lambda: parse_data_url(part.url, most=MOST_BYTES))
    except TooLarge:
        raise _too_large(part) from None
    except ValueError as error:
        raise AttachmentRefused(f"{part.path}: {error}", param=part.path) from None


def _is_data_url(part: AttachmentPart) -> bool:
    return part.url[:5].lower() == "data:"


def _too_large(part: AttachmentPart) -> RequestTooLarge:
    return RequestTooLarge(f"{part.path} is more than {MOST_BYTES >> 20} MB.", param=part.path)
