"""The head of a response, and the reasons why libcurl gives a transfer up."""

from __future__ import annotations

from curl_cffi import Curl, CurlECode, CurlError, CurlInfo

from ....errors import TransportFailure
from ..seam import ConnectionDied, ResponseHead

__all__ = ["CurlFailure", "failure_of", "parse_head", "peer_of", "words_for"]


class CurlFailure(TransportFailure):
    """A transfer that libcurl gave up.

    :ivar curl_code: libcurl's number for the reason.
    :ivar proxy_status: the HTTP status with which a proxy refused to connect to Grok; 0 if none
        did.
    """

    def __init__(self, message: str, *, curl_code: int = 0, proxy_status: int = 0) -> None:
        super().__init__(message)
        self.curl_code = curl_code
        self.proxy_status = proxy_status


class CurlConnectionDied(CurlFailure, ConnectionDied):
    """A connection that broke before anything of the response came."""


class ResponseRefused(CurlFailure):
    """A response with too long a head, or a body that expands without end. Another try would meet
    the same.
    """

    again, sdk_may_repeat = False, False


def peer_of(curl: Curl | None) -> str:
    """The address at the other end; empty if there is none yet."""
    found = curl.getinfo(CurlInfo.PRIMARY_IP) if curl is not None else b""
    return found.decode("ascii", "replace") if isinstance(found, bytes) else ""


def parse_head(lines: list[bytes], peer: str) -> ResponseHead:
    """Parse the lines of a head; the status line is the first."""
    status = lines[0].split(None, 2)[1:2] if lines else []
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return ResponseHead(int(status[0]) if status and status[0].isdigit() else 0, headers, peer)


# Descriptions of libcurl's error codes. Any other code is "the connection broke".
_WHAT_FAILED: dict[int, str] = {
    CurlECode.COULDNT_RESOLVE_PROXY: "the proxy's name could not be resolved",
    CurlECode.COULDNT_RESOLVE_HOST: "the host name could not be resolved",
    CurlECode.COULDNT_CONNECT: "no connection could be made",
    CurlECode.OPERATION_TIMEDOUT: "the connection timed out",
    CurlECode.SSL_CONNECT_ERROR: "the TLS handshake failed",
    CurlECode.PEER_FAILED_VERIFICATION: "the server's certificate is not trusted",
    CurlECode.PROXY: "the proxy refused",
    CurlECode.HTTP2: "the HTTP/2 connection failed",
    CurlECode.HTTP2_STREAM: "the HTTP/2 stream was reset",
    CurlECode.PARTIAL_FILE: "the response was cut off",
    CurlECode.ABORTED_BY_CALLBACK: (
        "the connection had been closed, or the request was refused on it"
    ),
    CurlECode.GOT_NOTHING: "the server closed without a response",
    CurlECode.BAD_CONTENT_ENCODING: "its compression is damaged",
    CurlECode.TOO_LARGE: "a few bytes of it expand to many MB",
}


# Errors of a connection that was there when the request went out. The first: it was a kept
# connection, and libcurl wanted to send the request again.
_DIED = {
    CurlECode.ABORTED_BY_CALLBACK,
    CurlECode.HTTP2,
    CurlECode.GOT_NOTHING,
    CurlECode.SEND_ERROR,
    CurlECode.RECV_ERROR,
    CurlECode.HTTP2_STREAM,
}


def failure_of(
    code: int, who: str, curl: Curl | None, objection: str, *, answered: bool
) -> CurlFailure:
    """The failure to report for a transfer that ended with this *code*.

    :param who: the site that was asked, as the message names it.
    :param objection: the reason of a callback that refused data; empty if none did.
    :param answered: whether a response had begun.
    """
    proxy_status = _proxy_status(curl)
    what = objection or _WHAT_FAILED.get(code, "the connection broke")
    # libcurl counts it as "no connection could be made", like a proxy that is not there.
    if proxy_status:
        what = f"the proxy refused with HTTP {proxy_status}"
    outcome = f"{who}'s answer was lost" if answered else f"{who} could not be reached"
    return _leaf(code, objection, answered=answered)(
        f"{outcome}: {what} (curl error {code}).", curl_code=code, proxy_status=proxy_status
    )


def _leaf(code: int, objection: str, *, answered: bool) -> type[CurlFailure]:
    if objection or code == CurlECode.TOO_LARGE:
        return ResponseRefused
    return CurlConnectionDied if code in _DIED and not answered else CurlFailure


def _proxy_status(curl: Curl | None) -> int:
    """The status with which a proxy refused CONNECT; 0 if none did."""
    status = curl.getinfo(CurlInfo.HTTP_CONNECTCODE) if curl is not None else 0
    return status if isinstance(status, int) and status >= 300 else 0


def words_for(error: CurlError) -> str:
    """An error without the value that caused it, which may be a proxy URL with its password."""
    return f"curl error {int(error.code)}"
