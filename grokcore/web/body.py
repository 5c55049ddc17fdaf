"""Responses whose body is not made at once, or that have none."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping
from types import TracebackType

from quart import Response
from quart.wrappers.response import ResponseBody

__all__ = ["SteppedBody", "not_modified", "stepped_response"]


class SteppedBody(ResponseBody):
    """A body that Quart steps through. An object, since in a generator a scope or a nursery could
    span two steps.
    """

    async def __aenter__(self) -> AsyncIterator[bytes]:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """What belongs to the body ends with the request's lifetime, not here."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    @abstractmethod
    async def __anext__(self) -> bytes:
        """The next piece; StopAsyncIteration at the end."""


def stepped_response(body: ResponseBody, headers: Mapping[str, str]) -> Response:
    """A response with this *body*, whose length nobody knows yet."""
    response = Response(b"", headers=dict(headers))
    del response.headers["content-length"]  # that of the empty body it was made with
    response.response = body
    return response


def not_modified(headers: Mapping[str, str]) -> Response:
    """What is answered to a client that has the content already (RFC 9110 §15.4.5)."""
    response = Response(b"", status=304, headers=dict(headers))
    for name in ("content-length", "content-type"):  # of the empty body that it was made with
        del response.headers[name]
    return response
