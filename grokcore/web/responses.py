"""Forms of responses: JSON, a body that is produced step by step, or no body."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any

import orjson
from quart import Response
from quart.wrappers.response import ResponseBody

from ..protocol.dialects.one_line import on_one_line

__all__ = ["SteppedBody", "json_response", "not_modified", "stepped_response"]


class SteppedBody(ResponseBody):
    """A response body that Quart iterates over. An object and no generator: in a generator, a
    cancel scope could span two steps.
    """

    async def __aenter__(self) -> AsyncIterator[bytes]:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Do nothing: the request's lifetime closes the body's resources."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    @abstractmethod
    async def __anext__(self) -> bytes:
        """The next piece.

        :raises StopAsyncIteration: at the end.
        """


def stepped_response(body: ResponseBody, headers: Mapping[str, str]) -> Response:
    """A response with this *body*, of unknown length."""
    response = Response(b"", headers=dict(headers))
    del response.headers["content-length"]  # that of the empty body above
    response.response = body
    return response


def not_modified(headers: Mapping[str, str]) -> Response:
    """The response to a client that has the content already (RFC 9110 §15.4.5)."""
    response = Response(b"", status=304, headers=dict(headers))
    for name in ("content-length", "content-type"):  # those of the empty body above
        del response.headers[name]
    return response


def json_response(value: Any, status: int = 200) -> Response:
    """A response with *value* as JSON; bytes are JSON already."""
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    return Response(on_one_line(body), status=status, content_type="application/json")
