"""One request in the hands of libcurl: how its handle is set up, and what came of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import TypeAlias

from curl_cffi import Curl, CurlECode, CurlError, CurlInfo, CurlOpt
from curl_cffi._wrapper import ffi, lib

from ...errors import TransportFailure
from ..transport import ResponseHead, UpstreamRequest

__all__ = ["CurlFailure", "configure", "failure_of", "new_handle", "parse_head", "peer_of", "words_for"]

UPLOAD_BUFFER_BYTES = 16 * 1024
"""libcurl keeps its upload buffer, 64 kB unless told otherwise, for as long as the answer lasts. A question is a few kB."""

TRANSFER_NET_S = 24 * 3600
"""Bound for a whole transfer. No answer may take that long, but a slow client may: while it is slow, no clock runs."""

_CURL_HTTP_VERSION_1_1 = 2

BROWSER_OPTIONS = ((CurlOpt.ACCEPT_ENCODING, "gzip, deflate, br, zstd"),)
"""The encodings that browsers name, and libcurl decodes."""

# Nothing that belongs to Grok's connections may be used for a plain client's request, nor the other way round. Without
# ACCEPT_ENCODING nothing is decoded: a few kB from a stranger stay a few kB.
PLAIN_OPTIONS = (
    (CurlOpt.FRESH_CONNECT, 1),
    (CurlOpt.FORBID_REUSE, 1),
    (CurlOpt.SSL_SESSIONID_CACHE, 0),
    # Others' requests could join an HTTP/2 connection while it lasts.
    (CurlOpt.HTTP_VERSION, _CURL_HTTP_VERSION_1_1),
)

Callback: TypeAlias = Callable[[bytes], int]


class CurlFailure(TransportFailure):
    """A transfer that libcurl gave up.

    :ivar curl_code: libcurl's number for why.
    :ivar proxy_status: the HTTP status with which a proxy refused to connect to Grok; 0 if none did.
    """

    def __init__(self, message: str, *, curl_code: int = 0, proxy_status: int = 0) -> None:
        super().__init__(message)
        self.curl_code = curl_code
        self.proxy_status = proxy_status


class ResponseRefused(CurlFailure):
    """A response with too long a head, or one that expands without end. Another try would meet the same."""

    again, sdk_may_repeat = False, False


# Before ---------------------------------------------------------------------------------------------------------------


def new_handle() -> Curl:
    """One that nothing was done with yet."""
    curl = Curl()
    curl._ws_recv_buffer = None  # 128 kB that only websockets need; nothing else notices
    return curl


def configure(
    curl: Curl, request: UpstreamRequest, browser: str, ca_file: str, on_header: Callback, on_data: Callback
) -> object:
    """Set a handle up for one request. Returns what libcurl points to: it has to live as long as the transfer.

    :param on_header: is given each line of the head; *on_data*: each piece of the body.
    :raises CurlError: an option was not taken.
    """
    if request.impersonated:
        curl.impersonate(browser)
    kept = (
        _set_way(curl, request),
        _set_callback(curl, CurlOpt.HEADERFUNCTION, CurlOpt.HEADERDATA, on_header),
        _set_callback(curl, CurlOpt.WRITEFUNCTION, CurlOpt.WRITEDATA, on_data),
    )
    for option, value in (
        (CurlOpt.URL, request.url),
        (CurlOpt.CUSTOMREQUEST, request.method),
        (CurlOpt.NOSIGNAL, 1),
        (CurlOpt.QUICK_EXIT, 1),
        (CurlOpt.PROTOCOLS_STR, "http,https"),
        (CurlOpt.FOLLOWLOCATION, 0),
        # Set even when empty: libcurl would otherwise take a proxy from the environment.
        (CurlOpt.PROXY, request.proxy_url),
        (CurlOpt.SUPPRESS_CONNECT_HEADERS, 1),
        (CurlOpt.UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES),
        (CurlOpt.CONNECTTIMEOUT_MS, int(request.connect_net_s * 1000)),
        (CurlOpt.TIMEOUT_MS, TRANSFER_NET_S * 1000),
        (CurlOpt.PIPEWAIT, 1),
        (CurlOpt.FRESH_CONNECT, int(request.fresh)),
        (CurlOpt.HTTPHEADER, [_header_line(name, value) for name, value in request.headers] + [b"Expect:"]),
        *(BROWSER_OPTIONS if request.impersonated else PLAIN_OPTIONS),
    ):
        curl.setopt(option, value)
    if request.body:
        curl.setopt(CurlOpt.POSTFIELDS, request.body)
        curl.setopt(CurlOpt.POSTFIELDSIZE_LARGE, len(request.body))
    if request.impersonated and request.url.startswith("http:"):
        # Without TLS the impersonated browser's HTTP/2 would become an "Upgrade: h2c", which no browser sends.
        curl.setopt(CurlOpt.HTTP_VERSION, _CURL_HTTP_VERSION_1_1)
    if ca_file:
        curl.setopt(CurlOpt.CAINFO, ca_file)
        curl.setopt(CurlOpt.PROXY_CAINFO, ca_file)
    curl._ensure_cacert()
    return kept


class _Context:
    """A callback as curl_cffi's C code looks it up."""

    __slots__ = ("callback", "exception")

    def __init__(self, callback: object) -> None:
        self.callback = callback
        self.exception: BaseException | None = None


def _set_callback(curl: Curl, function: CurlOpt, data: CurlOpt, callback: Callback) -> object:
    """Have libcurl call *callback*. Set anew on every use: what belonged to the transfer before has been freed.

    curl_cffi's own way does not look at the return code of the first option, without which the C library's ``fwrite``
    would be given a pointer to something that is no file.

    :raises CurlError: an option was not taken.
    """
    context = ffi.new_handle(_Context(callback))
    curl._check_error(lib._curl_easy_setopt(curl._curl, function, lib.write_callback), "set a callback")
    curl._check_error(lib._curl_easy_setopt(curl._curl, data, context), "set a callback")
    return context


def _set_way(curl: Curl, request: UpstreamRequest) -> object:
    """Set where the connection goes. Always, so that no address is left over from the handle's request before.

    libcurl takes no copy of the list. This one is Python's own: it is returned, and must live as long as the transfer.
    """
    kept: object = None
    way = ffi.NULL
    if request.connect_to:
        text = ffi.new("char[]", _way(request.connect_to))
        way = ffi.new("struct curl_slist *", {"data": text, "next": ffi.NULL})
        kept = (way, text)
    curl._check_error(lib._curl_easy_setopt(curl._curl, CurlOpt.CONNECT_TO, way), "set the way")
    return kept


def _way(address: str) -> bytes:
    """``HOST:PORT:ADDRESS:PORT`` with an empty host and ports: any host at this address, and at the URL's port."""
    shown = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    return f"::{shown}:".encode()


def _header_line(name: str, value: str) -> bytes:
    """``Name: value``; ``Name:`` takes the header out."""
    return f"{name}: {value}".encode() if value else f"{name}:".encode()


# After ----------------------------------------------------------------------------------------------------------------


def peer_of(curl: Curl | None) -> str:
    """The address at the other end; empty if there is none yet."""
    found = curl.getinfo(CurlInfo.PRIMARY_IP) if curl is not None else b""
    return found.decode("ascii", "replace") if isinstance(found, bytes) else ""


def parse_head(lines: list[bytes], peer: str) -> ResponseHead:
    """The lines of a head, the one with the status first, as what they say."""
    status = lines[0].split(None, 2)[1:2] if lines else []
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return ResponseHead(int(status[0]) if status and status[0].isdigit() else 0, headers, peer)


# What a failed transfer is called (libcurl error codes). Anything else is "the connection broke".
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
    CurlECode.GOT_NOTHING: "the server closed without a response",
    CurlECode.BAD_CONTENT_ENCODING: "its compression is damaged",
    CurlECode.TOO_LARGE: "a few bytes of it expand to many MB",
}


def failure_of(code: int, who: str, curl: Curl | None, objection: str, *, answered: bool) -> CurlFailure:
    """The failure to report for a transfer that ended with this *code*.

    :param who: whom the request was for, as the message calls it.
    :param objection: why a callback refused what had come; empty if none did.
    :param answered: whether a response had begun.
    """
    proxy_status = _proxy_status(curl)
    what = objection or _WHAT_FAILED.get(code, "the connection broke")
    if proxy_status:  # libcurl counts it as "no connection could be made", like a proxy that is not there
        what = f"the proxy refused with HTTP {proxy_status}"
    outcome = f"{who}'s answer was lost" if answered else f"{who} could not be reached"
    leaf = ResponseRefused if objection or code == CurlECode.TOO_LARGE else CurlFailure
    return leaf(f"{outcome}: {what} (curl error {code}).", curl_code=code, proxy_status=proxy_status)


def _proxy_status(curl: Curl | None) -> int:
    """What a proxy answered to CONNECT, unless that was a yes."""
    status = curl.getinfo(CurlInfo.HTTP_CONNECTCODE) if curl is not None else 0
    return status if isinstance(status, int) and status >= 300 else 0


def words_for(error: CurlError) -> str:
    """An error without the value that caused it: that may be a proxy URL with its password."""
    return f"curl error {int(error.code)}"
