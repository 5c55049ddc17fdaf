"""Proxy URLs as people write them: the form for libcurl, the form for messages, and no piece of a
password elsewhere.
"""

from __future__ import annotations

import base64
import socket
import threading
from urllib.parse import quote, unquote, urlsplit

import pytest
from attrs import frozen
from curl_cffi import Curl, CurlOpt
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.urls.proxy_url import parse_proxy_url


@frozen
class Written:
    """A proxy as it is written, and the URL that libcurl gets."""

    text: str
    url: str


WRITTEN = [
    Written("http://proxy.example:8080", "http://proxy.example:8080"),
    Written("HTTP://Proxy.Example:8080/", "http://proxy.example:8080"),
    Written(" https://proxy.example ", "https://proxy.example"),
    Written("socks://a:1", "socks5h://a:1"),
    Written("socks5://a:1", "socks5h://a:1"),
    Written("SOCKS5H://a:1/", "socks5h://a:1"),
    Written("http://[::1]:8080", "http://[::1]:8080"),
    Written("http://u:p@[2001:DB8::1]:8080/", "http://u:p@[2001:db8::1]:8080"),
    Written("http://my_proxy-1:80", "http://my_proxy-1:80"),
    Written("http://bücher.example:1", "http://xn--bcher-kva.example:1"),
    Written("http://user@a:1", "http://user@a:1"),
    Written("http://user:@a:1", "http://user:@a:1"),
    Written("http://u:p@ss@a:1", "http://u:p%40ss@a:1"),
    Written("http://u:p#s/s?w:d@a:1", "http://u:p%23s%2Fs%3Fw%3Ad@a:1"),
    Written("http://me@mail.example:pw@a:1", "http://me%40mail.example:pw@a:1"),
    Written("http://u:p%40ss@a:1", "http://u:p%40ss@a:1"),
    Written("http://u:100%@a:1", "http://u:100%25@a:1"),
    Written("http://u:a b\u00e9@a:1", "http://u:a%20b%C3%A9@a:1"),
    Written("socks5://a.example:1080:user:pa#ss", "socks5h://user:pa%23ss@a.example:1080"),
    Written("http://10.0.0.1:80:user:100%41", "http://user:100%2541@10.0.0.1:80"),
]


@pytest.mark.parametrize("case", WRITTEN, ids=lambda case: case.text)
def test_a_proxy_is_understood_as_people_write_it(case: Written) -> None:
    """The result is understood as the same URL again."""
    assert parse_proxy_url(case.text) == case.url
    assert parse_proxy_url(case.url) == case.url


REFUSED = [
    *(
        "",
        "a:1",
        "user:s3cret@a:1",
        "a:1:user:s3cret",
        "socks4://a:1",
        "ftp://a:1",
        "http://",
        "http:///",
        "http://:8080",
    ),
    *(
        "http://u:s3cret@",
        "http://u:s3cret@:80",
        "http://u:s3@cret",
        "http://user:s3@cret.example",
        "http://a:0",
        "http://a:65536",
    ),
    *(
        "http://u:s3cret@a:1/path",
        "http://u:s3cret@a:1?x",
        "http://u:s3cret@a:1#x",
        "http://::1:80",
        "http://[::1",
        "http://[x]:1",
    ),
    *(
        "http://http://a:1",
        "http://a b:1",
        "http://u:s3cret@a b:1",
        "http://a:1:user:s3@cret:1",
        "http://u:s3\ncret@a:1",
    ),
    *(
        "http://u:s3%00cret@a:1",
        "http://u:s3\udcffcret@a:1",
        "http://-a:1",
        "http://a..b:1",
        "http://u:s3cret@a:port",
    ),
]


@pytest.mark.parametrize("text", REFUSED, ids=ascii)
def test_what_could_be_read_in_two_ways_is_refused(text: str) -> None:
    """With how to write it, and nothing quoted."""
    with pytest.raises(ValueError, match=r"^must be a proxy URL: ") as caught:
        parse_proxy_url(text)
    assert "s3" not in str(caught.value)
    assert "cret" not in str(caught.value)


PASSWORDS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("@#/?%:[] "),
    min_size=1,
    max_size=20,
)
USERS = PASSWORDS.filter(lambda text: ":" not in text and text.strip() == text)


@settings(deadline=None, max_examples=300)
@given(USERS, PASSWORDS, st.sampled_from(["http", "https", "socks5", "socks5h"]), st.booleans())
def test_whatever_the_password_libcurl_gets_exactly_it_and_the_host(
    user: str, password: str, scheme: str, escaped: bool
) -> None:
    """Pasted as it is (with %25 for a percent sign) or percent-encoded. Of the URL only host and
    port are shown.
    """
    written = [
        quote(part, safe="") if escaped else part.replace("%", "%25") for part in (user, password)
    ]
    text = f"{scheme}://{written[0]}:{written[1]}@proxy.example:8080"
    try:
        parts = urlsplit(parse_proxy_url(text))
    except ValueError:
        # host:port:user:password, and something with an @ behind it: it could be either.
        assert not escaped
        assert user.replace("-", "").replace(".", "").replace("_", "").isalnum()
        return
    assert (parts.hostname, parts.port) == ("proxy.example", 8080)
    assert (unquote(parts.username or ""), unquote(parts.password or "")) == (user, password)
    assert parts.netloc.rpartition("@")[2] == "proxy.example:8080"


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=30) | st.text("htps5:/@#?%ab1.[]", max_size=30).map("http://{}".format))
def test_any_text_is_a_proxy_or_a_fault(text: str) -> None:
    """Never another exception; what passes is plain ASCII with one @ at the most, and stays as it
    is when read again.
    """
    try:
        url = parse_proxy_url(text)
    except ValueError:
        return
    assert url.isascii()
    assert url.isprintable()
    assert url.count("@") <= 1
    assert parse_proxy_url(url) == url


def test_libcurl_sends_the_password_that_was_written() -> None:
    """Seen from the proxy, over a real socket."""
    password = "p@s#s/w?r:d%25 é"
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(5)
        thread = threading.Thread(target=_answer_one, args=(proxy, seen))
        thread.start()
        curl = Curl()
        try:
            curl.setopt(CurlOpt.URL, b"http://grok.example/")
            curl.setopt(
                CurlOpt.PROXY,
                parse_proxy_url(
                    f"http://user:{password}@127.0.0.1:{proxy.getsockname()[1]}"
                ).encode(),
            )
            curl.setopt(CurlOpt.TIMEOUT_MS, 5000)
            curl.perform()
        finally:
            curl.close()
            thread.join()
    line = next(
        line for line in seen[0].split(b"\r\n") if line.lower().startswith(b"proxy-authorization:")
    )
    assert base64.b64decode(line.split()[-1]).decode() == f"user:{password.replace('%25', '%')}"


def _answer_one(proxy: socket.socket, seen: list[bytes]) -> None:
    connection, _ = proxy.accept()
    with connection:
        seen.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
