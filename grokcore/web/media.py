"""Files of the media cache over HTTP: whole, in part, or as a 304 for a client that has them.

Quart's helpers for this are not used. They read the file's size in trio's thread, open the file
after the headers were sent, and read 8 kB at a time. They refuse several ranges, where the whole
file would do. Werkzeug's parser of ranges refuses a suffix that is longer than the file, and takes
``bytes=-0`` for the whole file; RFC 9110 has it the other way round.
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
"""Bytes of a file in memory at once, for each client."""

CACHE_CONTROL = "private, max-age=86400, immutable"

FIXED_HEADERS = {
    "accept-ranges": "bytes",
    "cache-control": CACHE_CONTROL,
    "x-content-type-options": "nosniff",
    # For a browser that opens the address itself. Nothing in the file may run, yet the browser's
    # player, a page around the same address, must load it: Chrome and Safari need media-src.
    "content-security-policy": (
        "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"
    ),
}

# One range. Numbers with more digits than any size are not read.
_RANGE = re.compile(
    r"bytes=[ \t]*(?:([0-9]{1,30})-([0-9]{0,30})|-([0-9]{1,30}))[ \t]*", re.IGNORECASE
)


async def media_response(
    cache: MediaCache, name: str, method: str, headers: Headers, lifetime: Lifetime
) -> Response:
    """Answer a GET or HEAD of ``/media/<name>``.

    A single range of bytes is answered by 206, or 416 if it lies behind the end. The answer is the
    whole file for several ranges, for one that can't be parsed, and for an ``If-Range`` other than
    the file's ETag. A match of ``If-None-Match`` is answered by 304.

    :param name: any text; only names that the cache has given out lead to a file.
    :param headers: the request's.
    :param lifetime: the request's. Its end closes the file, whether a response was sent or not.
    :raises UnknownUrl: if there is no such file.
    :raises OSError: if it can't be opened.
    """
    file = await cache.open(name)
    if file is None:
        raise UnknownUrl(
            "There is no such file here. Files that were not requested for a long time are deleted "
            "to make room for newer ones."
        )
    lifetime.on_end(file.aclose)  # nothing may be awaited before this
    size, etag = file.entry.size, _etag(file.entry)
    if parse_etags(_joined(headers, "if-none-match")).contains_weak(_opaque(etag)):
        return not_modified({"etag": etag, "cache-control": CACHE_CONTROL})
    part = _requested_range(headers, file.entry) if method == "GET" and size else None
    if part is None:
        body = range(size if method == "GET" else 0)
        return _response(file, 200, body, {"content-length": str(size)})
    return _partial(file, part) if part else _unsatisfiable(size)


def _etag(entry: Entry) -> str:
    return f'"{entry.name}-{entry.size}"'


def _opaque(etag: str) -> str:
    return etag.strip('"')


def _joined(headers: Headers, name: str) -> str:
    """A header's value; several lines of a header are one list."""
    return ", ".join(headers.getlist(name))


# Ranges -----------------------------------------------------------------------------------------


def _requested_range(headers: Headers, entry: Entry) -> range | None:
    """The bytes of the one range that is requested, maybe none; None means the whole file."""
    if "if-range" in headers and _joined(headers, "if-range") != _etag(entry):
        return None
    match = _RANGE.fullmatch(_joined(headers, "range"))
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix:
        return range(max(0, entry.size - int(suffix)), entry.size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, entry.size) if last else entry.size)


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
    place = f"bytes {part.start}-{part.stop - 1}/{file.entry.size}"
    return _response(file, 206, part, {"content-length": str(len(part)), "content-range": place})


def _unsatisfiable(size: int) -> Response:
    error = InvalidRequest(f"The range lies behind the end of the file, which has {size} bytes.")
    response = json_response(error_body(error), 416)
    response.headers.extend(error.headers())
    response.headers["content-range"] = f"bytes */{size}"
    return response


class _FileBody(SteppedBody):
    """A part of a file, for Quart to iterate over. The request's lifetime closes the file."""

    def __init__(self, file: MediaFile, part: range) -> None:
        self._file = file
        self._at = part.start
        self._end = part.stop

    async def __anext__(self) -> bytes:
        if self._at >= self._end:
            raise StopAsyncIteration
        data = await self._file.read(self._at, min(PIECE_BYTES, self._end - self._at))
        if not data:  # the headers were sent: only a cut connection shows the client
            raise EOFError("a file of the cache became shorter while it was read")
        self._at += len(data)
        return data
