"""What the cache of pictures and videos holds, over HTTP: whole, in part, or not again for a client
that has it.

Quart has helpers for this, which are not used: they ask for the file's size on trio's thread, open
it after the headers have gone out, read 8 kB at a time, and refuse several ranges where the whole
file would do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from quart import Response
from werkzeug.datastructures import Headers
from werkzeug.http import parse_etags

from ..errors import InvalidRequest, UnknownUrl
from ..protocol.dialects.openai_errors import error_body
from ..runtime.disk.media_cache import Entry, MediaCache, MediaFile
from .edge.lifetime import Lifetime
from .responses import SteppedBody, json_response, not_modified

__all__ = ["media_response"]

PIECE_BYTES = 64 * 1024
"""How much of a file is in memory at once, for each client."""

CACHE_CONTROL = "private, max-age=86400, immutable"

FIXED_HEADERS = {
    "accept-ranges": "bytes",
    "cache-control": CACHE_CONTROL,
    "x-content-type-options": "nosniff",
    # For whoever opens the address itself: nothing in the file may act there, yet the browser's
    # player, which is a page around the same address, has to be able to load it (without media-src
    # Chrome and Safari never begin to play).
    "content-security-policy": (
        "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"
    ),
}

# One range. More digits than any size has are not a number worth reading.
_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,30})-([0-9]{0,30})[ \t]*", re.IGNORECASE)


async def media_response(
    cache: MediaCache, name: str, method: str, headers: Headers, lifetime: Lifetime
) -> Response:
    """What to answer to a GET or HEAD of ``/media/<name>``.

    One range of bytes is given by itself (206, or 416 where there is nothing); several, or what is
    not understood, make it the whole file, and so does an ``If-Range`` that is not this file's
    ETag. ``If-None-Match`` may make it a 304.

    :param name: anything: only names that the cache has given out lead to a file.
    :param headers: the request's.
    :param lifetime: the request's; the file is open as long as it lasts, whatever becomes of the
        response.
    :raises UnknownUrl: there is no such file.
    :raises OSError: there is, and it can't be opened.
    """
    file = await cache.open(name)
    if file is None:
        raise UnknownUrl(
            "There is no such file here; those that were not asked for in a long time make room "
            "for others."
        )
    lifetime.on_end(file.aclose)  # nothing may be awaited before this
    size, etag = file.entry.size, _etag(file.entry)
    if parse_etags(_joined(headers, "if-none-match")).contains_weak(_opaque(etag)):
        return not_modified({"etag": etag, "cache-control": CACHE_CONTROL})
    asked = _asked_range(headers, etag) if method == "GET" and size else None
    if asked is None:
        body = range(size if method == "GET" else 0)
        return _response(file, 200, body, {"content-length": str(size)})
    part = _part(asked, size)
    return _partial(file, part) if part else _unsatisfiable(size)


def _etag(entry: Entry) -> str:
    return f'"{entry.name}-{entry.size}"'


def _opaque(etag: str) -> str:
    return etag.strip('"')


def _joined(headers: Headers, name: str) -> str:
    """A header's value; several lines of it are one list."""
    return ", ".join(headers.getlist(name))


# Ranges -----------------------------------------------------------------------------------------


def _asked_range(headers: Headers, etag: str) -> tuple[str, str] | None:
    """First and last byte of the range that is asked for, as written and one of them maybe empty;
    None is the whole.
    """
    if "if-range" in headers and _joined(headers, "if-range") != etag:
        return None
    found = _RANGE.fullmatch(_joined(headers, "range"))
    if found is None:
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if first and last and int(last) < int(first):
        return None
    return first, last


def _part(asked: tuple[str, str], size: int) -> range:
    """The bytes that there are of a range that is asked for; maybe none."""
    first, last = asked
    if not first:
        return range(max(0, size - int(last)), size)
    return range(int(first), min(int(last) + 1, size) if last else size)


# Responses --------------------------------------------------------------------------------------


def _response(file: MediaFile, status: int, body: range, headers: Mapping[str, str]) -> Response:
    entry = file.entry
    own = {
        "content-type": entry.media_type,
        "content-disposition": f'inline; filename="{entry.name}"',
        "etag": _etag(entry),
    }
    return Response(
        _FileBody(file, body), status=status, headers={**FIXED_HEADERS, **own, **headers}
    )


def _partial(file: MediaFile, part: range) -> Response:
    told = f"bytes {part.start}-{part.stop - 1}/{file.entry.size}"
    return _response(file, 206, part, {"content-length": str(len(part)), "content-range": told})


def _unsatisfiable(size: int) -> Response:
    error = InvalidRequest(f"The range lies behind the end of the file, which has {size} bytes.")
    response = json_response(error_body(error), 416)
    response.headers.extend(error.headers())
    response.headers["content-range"] = f"bytes */{size}"
    return response


class _FileBody(SteppedBody):
    """A part of a file, for Quart to iterate over. The file is closed by the request's lifetime,
    not here.
    """

    def __init__(self, file: MediaFile, part: range) -> None:
        self._file = file
        self._at = part.start
        self._end = part.stop

    async def __anext__(self) -> bytes:
        if self._at >= self._end:
            raise StopAsyncIteration
        data = await self._file.read(self._at, min(PIECE_BYTES, self._end - self._at))
        if not data:  # the headers are out: only a connection that is cut tells the client
            raise EOFError("a file of the cache became shorter while it was read")
        self._at += len(data)
        return data
