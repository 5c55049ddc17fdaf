"""Hosts that lead a fetch astray, and what they answer."""

from __future__ import annotations

PUBLIC, OTHER_PUBLIC = "93.184.215.14", "2606:4700:4700::1111"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def page(
    body: bytes = PICTURE,
    *,
    status: str = "200 OK",
    length: int | str | None = None,
    **headers: str,
) -> bytes:
    """A response of HTTP/1.1."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(location: str, status: int = 302) -> bytes:
    return page(b"moved", status=f"{status} Moved", location=location, set_cookie="seen=1; Path=/")


LOOPBACK_URLS = [
    "file:///etc/hostname",
    "FILE://localhost/etc/hostname",
    "ftp://127.0.0.1:{port}/a.png",
    "dict://127.0.0.1:{port}/info",
    "gopher://127.0.0.1:{port}/_GET%20/",
    "ws://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/a.png",
    "http://127.0.0.53:{port}/a.png",
    "http://127.1:{port}/a.png",
    "http://2130706433:{port}/a.png",
    "http://0x7f.1:{port}/a.png",
    "http://0x7f000001:{port}/a.png",
    "http://017700000001:{port}/a.png",
    "http://0177.0.0.1:{port}/a.png",
    "http://0:{port}/a.png",
    "http://0.0.0.0:{port}/a.png",
    "http://１２７.0.0.1:{port}/a.png",
    "http://127。0。0。1:{port}/a.png",
    "http://[::1]:{port}/a.png",
    "http://[::]:{port}/a.png",
    "http://[::ffff:127.0.0.1]:{port}/a.png",
    "http://[::ffff:7f00:1]:{port}/a.png",
    "http://[0:0:0:0:0:ffff:7f00:0001]:{port}/a.png",
    "http://[::127.0.0.1]:{port}/a.png",
    "http://[64:ff9b::7f00:1]:{port}/a.png",
    "http://[2002:7f00:1::]:{port}/a.png",
    "http://[fe80::1%25lo]:{port}/a.png",
    "http://localhost:{port}/a.png",
    "http://LOCALHOST.:{port}/a.png",
    "http://ⓛocalhost:{port}/a.png",
    "http://user:pass@127.0.0.1:{port}/a.png",
    "http://example.com@127.0.0.1:{port}/a.png",
    "http://127.0.0.1:{port}#@example.com/a.png",
    "http://127.0.0.1:{port}\\@example.com/a.png",
    "http://127.0.0.1:{port}/\r\nHost: example.com",
    "http://127.0.0.1:{port} /a.png",
]

PRIVATE_ANSWERS = {
    "loopback": ["127.0.0.1"],
    "loopback, IPv6": ["::1"],
    "this network": ["0.0.0.0"],
    "private": ["10.1.2.3"],
    "private, IPv6": ["fd00::1"],
    "metadata": ["169.254.169.254"],
    "link-local": ["fe80::1"],
    "link-local with its card": ["fe80::1%2"],
    "a provider's": ["100.100.100.200"],
    "mapped": ["::ffff:127.0.0.1"],
    "NAT64": ["64:ff9b::7f00:1"],
    "NAT64 of one's own": ["64:ff9b:1::7f00:1"],
    "6to4": ["2002:7f00:1::1"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "multicast": ["224.0.0.251"],
    "public and private": [PUBLIC, "127.0.0.1"],
    "private and public": ["127.0.0.1", OTHER_PUBLIC],
    "no address": ["localhost"],
}
