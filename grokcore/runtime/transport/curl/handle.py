"""The set-up of libcurl's handle for one request."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import TypeAlias

from attrs import frozen
from curl_cffi import Curl, CurlOpt
from curl_cffi._wrapper import ffi, lib

from ..seam import UpstreamRequest

__all__ = ["HTTP", "WEBSOCKET", "HandleSetup", "ProtocolOptions", "configure", "new_handle"]

UPLOAD_BUFFER_BYTES = 16 * 1024
"""Size of libcurl's upload buffer. It is kept for as long as the answer lasts; the default is 64
kB, and a question is a few kB.
"""

TRANSFER_NET_S = 24 * 3600
"""Bound for a whole transfer. No answer may take that long, but a slow client may: while it is
slow, no clock runs.
"""

_CURL_HTTP_VERSION_1_1 = 2

_FRAMES_BY_HAND = 2
"""libcurl's transfer is done once the upgrade is through; frames are read and written by the
caller."""

_Options: TypeAlias = tuple[tuple[CurlOpt, str | int], ...]


@frozen
class ProtocolOptions:
    """The options of libcurl that a protocol needs.

    :ivar options: of every request.
    :ivar browser_options: of a request that looks like a browser's, besides.
    """

    options: _Options
    browser_options: _Options = ()


HTTP = ProtocolOptions(
    ((CurlOpt.PROTOCOLS_STR, "http,https"),),
    # The encodings that browsers name, and libcurl decodes.
    ((CurlOpt.ACCEPT_ENCODING, "gzip, deflate, br, zstd"),),
)

WEBSOCKET = ProtocolOptions(
    (
        (CurlOpt.CONNECT_ONLY, _FRAMES_BY_HAND),
        (CurlOpt.PROTOCOLS_STR, "ws,wss"),
        (CurlOpt.HTTP_VERSION, _CURL_HTTP_VERSION_1_1),  # as browsers do for a new connection
    )
)

# Nothing that belongs to Grok's connections may be used for a plain client's request, nor the other
# way round. Without ACCEPT_ENCODING nothing is decoded: a few kB from a stranger stay a few kB.
PLAIN_OPTIONS: _Options = (
    (CurlOpt.FRESH_CONNECT, 1),
    (CurlOpt.FORBID_REUSE, 1),
    (CurlOpt.SSL_SESSIONID_CACHE, 0),
    # Others' requests could join an HTTP/2 connection while it lasts.
    (CurlOpt.HTTP_VERSION, _CURL_HTTP_VERSION_1_1),
)

_CONSTANT = (
    (CurlOpt.NOSIGNAL, 1),
    (CurlOpt.QUICK_EXIT, 1),
    (CurlOpt.FOLLOWLOCATION, 0),
    (CurlOpt.SUPPRESS_CONNECT_HEADERS, 1),
    (CurlOpt.UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES),
    (CurlOpt.TIMEOUT_MS, TRANSFER_NET_S * 1000),
    (CurlOpt.PIPEWAIT, 1),
)

Callback: TypeAlias = Callable[[bytes], int]


class HandleSetup:
    """The settings of all handles, and the options that don't depend on the request, as C values.
    Made by curl_cffi anew, each option would cost some 3 µs.

    :param browser: the browser to look like.
    :param ca_file: authorities to trust; empty for curl_cffi's own.
    """

    def __init__(self, browser: str, ca_file: str) -> None:
        self.browser = browser
        self.ca_file = ca_file
        self._prepared: dict[_Options, tuple[tuple[int, object], ...]] = {}

    def set_constants(
        self, curl: Curl, request: UpstreamRequest, protocol: ProtocolOptions
    ) -> None:
        """Set the options that all requests of this kind share.

        :raises CurlError: if an option was not taken.
        """
        options = _client_options(request, protocol) + protocol.options
        prepared = self._prepared.get(options)
        if prepared is None:
            prepared = self._prepared[options] = tuple(
                (int(option), _c_value(value)) for option, value in _CONSTANT + options
            )
        for option, value in prepared:
            _set(curl, option, value)


def _c_value(value: str | int) -> object:
    return value.encode() if isinstance(value, str) else ffi.new("long*", value)


def _set(curl: Curl, option: int, value: object) -> None:
    """Set an option to a C value.

    :raises CurlError: if it was not taken.
    """
    code = lib._curl_easy_setopt(curl._curl, option, value)
    if code:
        curl._check_error(code, "setopt", option)


def new_handle() -> Curl:
    """A handle without any option set."""
    curl = Curl()
    curl._ws_recv_buffer = None  # 128 kB that only websockets need; nothing else notices
    return curl


def configure(
    curl: Curl,
    request: UpstreamRequest,
    protocol: ProtocolOptions,
    setup: HandleSetup,
    on_header: Callback,
    on_data: Callback,
) -> object:
    """Set a handle up for one request. Returns the objects that libcurl points to: the caller must
    keep them as long as the transfer.

    :param on_header: is given each line of the head; *on_data*: each piece of the body.
    :raises CurlError: if an option was not taken.
    """
    if request.impersonated:
        curl._check_error(curl.impersonate(setup.browser), "impersonate")
    kept = (
        _set_target(curl, request),
        _send_once(curl),
        _set_callback(curl, CurlOpt.HEADERFUNCTION, CurlOpt.HEADERDATA, on_header),
        _set_callback(curl, CurlOpt.WRITEFUNCTION, CurlOpt.WRITEDATA, on_data),
    )
    for option, value in (
        (CurlOpt.URL, request.url),
        (CurlOpt.CUSTOMREQUEST, request.method),
        # Set even when empty: libcurl would otherwise take a proxy from the environment.
        (CurlOpt.PROXY, request.proxy_url),
        (CurlOpt.CONNECTTIMEOUT_MS, int(request.connect_net_s * 1000)),
        (CurlOpt.FRESH_CONNECT, int(request.fresh)),
    ):
        _set(curl, option, _c_value(value))
    # After those of the request: a plain client's connection is always fresh.
    setup.set_constants(curl, request, protocol)
    headers = [_header_line(name, value) for name, value in request.headers]
    curl.setopt(CurlOpt.HTTPHEADER, [*headers, b"Expect:"])
    if request.body:
        curl.setopt(CurlOpt.POSTFIELDS, request.body)
        curl.setopt(CurlOpt.POSTFIELDSIZE_LARGE, len(request.body))
    if request.impersonated and request.url.startswith("http:"):
        # Without TLS the impersonated browser's HTTP/2 would become an "Upgrade: h2c", which no
        # browser sends.
        curl.setopt(CurlOpt.HTTP_VERSION, _CURL_HTTP_VERSION_1_1)
    if setup.ca_file:
        curl.setopt(CurlOpt.CAINFO, setup.ca_file)
        curl.setopt(CurlOpt.PROXY_CAINFO, setup.ca_file)
    curl._ensure_cacert()
    return kept


def _client_options(request: UpstreamRequest, protocol: ProtocolOptions) -> _Options:
    if request.impersonated:
        return protocol.browser_options
    return () if request.kept else PLAIN_OPTIONS


class _Context:
    """A callback as curl_cffi's C code looks it up."""

    __slots__ = ("callback", "exception")

    def __init__(self, callback: object) -> None:
        self.callback = callback
        self.exception: BaseException | None = None


def _set_callback(curl: Curl, function: CurlOpt, data: CurlOpt, callback: Callback) -> object:
    """Have libcurl call *callback*. Set anew on every use: the objects of the transfer before have
    been freed.

    curl_cffi itself does not look at the return code of the first option. Without that option, the
    C library's ``fwrite`` would be given a pointer to something that is no file.

    :raises CurlError: if an option was not taken.
    """
    return _set_function(curl, function, lib.write_callback, data, _Context(callback))


def _set_function(
    curl: Curl, function: CurlOpt, entry: object, data: CurlOpt, context: _Context
) -> object:
    handle = ffi.new_handle(context)
    _set(curl, function, entry)
    _set(curl, data, handle)
    return handle


class _Once:
    """Allows one request to be sent.

    libcurl repeats a request by itself, up to five times: if a kept connection turns out to be
    dead, or if the server refuses an HTTP/2 stream. To Grok each of these may be a question that
    costs. So libcurl asks here before each time it sends (``PREREQFUNCTION``).

    curl_cffi has no entry of its own for that callback, so its entry for seeking is used. That
    calls ``seek``, and returns a number other than 0 to the C side if ``seek`` raises OSError. The
    two callbacks differ in the arguments behind the first, which are not looked at. Each of them is
    a register or a word on the stack, in every calling convention that curl_cffi is built for.

    (A body that can't be rewound stops repetitions as well, but only of requests with a body. A
    callback made by cffi at run time needs memory that is writable and executable, which the
    systemd unit forbids.)
    """

    def __init__(self) -> None:
        self._sent = False

    def seek(self, _: int, __: int) -> None:
        """Note that the request is about to be sent.

        :raises OSError: if it has been sent before.
        """
        if self._sent:
            raise OSError
        self._sent = True


def _send_once(curl: Curl) -> object:
    """Keep libcurl from sending the request again.

    :raises CurlError: if an option was not taken.
    """
    once = _Context(_Once())
    return _set_function(
        curl, CurlOpt.PREREQFUNCTION, lib.seek_buffer_callback, CurlOpt.PREREQDATA, once
    )


def _set_target(curl: Curl, request: UpstreamRequest) -> object:
    """Set the address that the connection goes to. Always, so that no address of the handle's
    previous request is left.

    libcurl does not copy the list. Python owns it: it is returned, and the caller must keep it as
    long as the transfer.
    """
    kept: object = None
    target = ffi.NULL
    if request.connect_to:
        text = ffi.new("char[]", _target(request.connect_to))
        target = ffi.new("struct curl_slist *", {"data": text, "next": ffi.NULL})
        kept = (target, text)
    curl._check_error(
        lib._curl_easy_setopt(curl._curl, CurlOpt.CONNECT_TO, target), "set the address"
    )
    return kept


def _target(address: str) -> bytes:
    """``HOST:PORT:ADDRESS:PORT`` with an empty host and ports: any host at this address, at the
    URL's port.
    """
    shown = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    return f"::{shown}:".encode()


def _header_line(name: str, value: str) -> bytes:
    """``Name: value``; ``Name:`` takes the header out."""
    return f"{name}: {value}".encode() if value else f"{name}:".encode()
