"""Where a stranger's URL may lead."""

from __future__ import annotations

import ipaddress

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from grokcore.protocol.urls.public_addresses import (
    LONGEST_URL,
    canonical_address,
    is_address,
    is_public,
    split_user_url,
)

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
]

NOT_PUBLIC = {
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "private": [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "fc00::1",
        "fd00:ec2::254",
    ],
    "shared by a provider's customers": ["100.64.0.1", "100.100.100.200", "100.127.255.255"],
    "link-local": ["169.254.0.1", "169.254.169.254", "fe80::1", "febf::1"],
    "site-local": ["fec0::1", "feff::1"],
    "a scope": ["fe80::1%eth0", "2606:4700::1111%eth0", "8.8.8.8%eth0"],
    "protocol assignments": ["192.0.0.1", "192.0.0.192", "2001:1::1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "benchmarks": ["198.18.0.1", "198.19.255.255", "2001:2::1"],
    "multicast": ["224.0.0.1", "224.0.1.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.254"],
    "broadcast": ["255.255.255.255"],
    "a cloud's own": ["168.63.129.16"],
    "IPv4 in IPv6": [
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:0",
    ],
    "IPv4, compatible": ["::127.0.0.1", "::8.8.8.8", "::7f00:1"],
    "IPv4, translated": ["::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "64:ff9b:1:ffff::10.0.0.1"],
    "6to4": ["2002:7f00:1::", "2002:808:808::1", "192.88.99.1"],
    "Teredo": ["2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "ORCHID": ["2001:10::1", "2001:20::1"],
    "discard": ["100::1"],
    "not given out": ["4000::1", "5f00::1", "8000::1"],
    "no address": [
        "",
        "localhost",
        "127.1",
        "0177.0.0.1",
        "2130706433",
        "1.2.3.4.5",
        "[::1]",
        "8.8.8.8/32",
        "８.8.8.8",
    ],
}


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_is_public(address: str) -> None:
    """Up to the very edges of reserved ranges."""
    assert is_public(address)


@pytest.mark.parametrize(
    ("kind", "address"),
    [(kind, address) for kind, addresses in NOT_PUBLIC.items() for address in addresses],
)
def test_nothing_else_is(kind: str, address: str) -> None:
    """Every way to a place that only this machine, its network or its cloud can reach."""
    assert not is_public(address)


@given(st.ip_addresses())
def test_python_s_own_opinion_is_never_overruled_to_the_open_side(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """What ipaddress calls private, reserved, multicast and so on is not public."""
    closed = (
        not address.is_global
        or address.is_private
        or address.is_multicast
        or address.is_reserved
        or address.is_loopback
        or address.is_link_local
        or address.is_unspecified
    )
    mapped = isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None
    if closed and not mapped:
        assert not is_public(str(address))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_the_same_in_ipv6_s_clothes(address: ipaddress.IPv4Address) -> None:
    """The inner address is judged and compared; every other way to wrap one is closed."""
    packed = address.packed.hex()
    high, low = packed[:4], packed[4:]
    assert (
        is_public(f"::ffff:{address}")
        == is_public(f"::ffff:{high}:{low}")
        == is_public(str(address))
    )
    assert canonical_address(f"::FFFF:{high}:{low}") == str(address)
    for wrapped in (
        f"64:ff9b::{high}:{low}",
        f"::{high}:{low}",
        f"2002:{high}:{low}::1",
        f"2001:0:{high}:{low}::1",
    ):
        assert not is_public(wrapped)


# URLs -------------------------------------------------------------------------------------------


@frozen
class Good:
    """A URL that is accepted, and the URL that is fetched."""

    said: str
    asked: str
    host: str = "example.com"
    port: int = 80
    address: str = ""


GOOD = [
    Good("http://example.com", "http://example.com/"),
    Good("HTTP://Example.COM/A", "http://example.com/A"),
    Good("https://example.com/a?b=c&d=/e", "https://example.com/a?b=c&d=/e", port=443),
    Good("http://example.com?a", "http://example.com/?a"),
    Good("http://example.com#@127.0.0.1/", "http://example.com/"),
    Good("http://example.com/a?b#c", "http://example.com/a?b"),
    Good("http://example.com:80/", "http://example.com/"),
    Good("http://example.com:/", "http://example.com/"),
    Good("http://example.com:443/", "http://example.com:443/", port=443),
    Good("https://example.com:80/", "https://example.com:80/", port=80),
    Good("http://example.com:00080/", "http://example.com/"),
    Good("http://example.com./", "http://example.com/"),
    Good("http://a_b.example.com/", "http://a_b.example.com/", "a_b.example.com"),
    Good("http://127.example.com/", "http://127.example.com/", "127.example.com"),
    Good(
        "http://bücher.example.com/",
        "http://xn--bcher-kva.example.com/",
        "xn--bcher-kva.example.com",
    ),
    Good("http://例え。example.com/", "http://xn--r8jz45g.example.com/", "xn--r8jz45g.example.com"),
    Good("http://ｅxample.com/", "http://example.com/"),
    Good("http://example.com/图片.png?q=é", "http://example.com/%E5%9B%BE%E7%89%87.png?q=%C3%A9"),
    Good('http://example.com/a"<b>|{c}', "http://example.com/a%22%3Cb%3E%7C%7Bc%7D"),
    Good("http://example.com/%2e%2E/a%20b", "http://example.com/%2e%2E/a%20b"),
    Good("http://example.com/@user:pass", "http://example.com/@user:pass"),
    Good("http://8.8.8.8/", "http://8.8.8.8/", "8.8.8.8", address="8.8.8.8"),
    Good("http://127.0.0.1/", "http://127.0.0.1/", "127.0.0.1", address="127.0.0.1"),
    Good("http://[2001:DB8:0::1]/", "http://[2001:db8::1]/", "2001:db8::1", address="2001:db8::1"),
    Good("http://[::ffff:7f00:1]/", "http://127.0.0.1/", "127.0.0.1", address="127.0.0.1"),
    Good("http://１２７.0.0.1/", "http://127.0.0.1/", "127.0.0.1", address="127.0.0.1"),
]


@pytest.mark.parametrize("good", GOOD, ids=lambda good: good.said)
def test_a_url_is_taken_apart_and_put_together_anew(good: Good) -> None:
    """The URL to fetch has one reading only; addresses are judged elsewhere."""
    found = split_user_url(good.said)
    assert (found.url, found.host, found.port, found.address) == (
        good.asked,
        good.host,
        good.port,
        good.address,
    )
    assert split_user_url(found.url) == found


BAD = {
    "does not begin with http": [
        "",
        "example.com/a.png",
        "//example.com/",
        "http:/example.com/",
        "http:example.com",
        "file:///etc/hostname",
        "ftp://example.com/",
        "dict://example.com/",
        "gopher://example.com/",
        "javascript://example.com/",
        "httpx://example.com/",
        "data:image/png;base64,aGk=",
        "blob:http://example.com/",
    ],
    "white space, a control character or a backslash": [
        " http://example.com/",
        "http://example.com/ ",
        "http://example.com/a b",
        "http://exam\tple.com/",
        "http://example.com/\r\nHost: canary",
        "http://example.com\\@127.0.0.1/",
        "http:\\\\example.com/",
        "http://example.com/\0",
        "http://example.com/\x7f",
        "http://example.com/\x85",
        "http://example.com/\u2028",
        "http://example.com/\ud800",
    ],
    "user name": [
        "http://canary@example.com/",
        "http://canary:secret@example.com/",
        "http://@example.com/",
        "http://a@b@c/",
    ],
    "no host": ["http://", "http:///a", "http://:80/", "http://?a"],
    "neither 80 nor 443": [
        "http://example.com:22/",
        "http://example.com:8080/",
        "https://example.com:6379/",
    ],
    "no such port": ["http://example.com:0/", "http://example.com:99999/"],
    "can't be read": [
        "http://example.com:http/",
        "http://example.com:80:80/",
        "http://::1/",
        "http://[::1/",
        "http://[::1]x/",
        "http://x[::1]/",
        "http://example.com:123456/",
        "http://example.com:-1/",
        "http://example.com:8٠/",
    ],
    "not an IPv6 address": [
        "http://[]/",
        "http://[127.0.0.1]/",
        "http://[v1.a]/",
        "http://[fe80::1%25eth0]/",
        "http://[::1%1]/",
    ],
    "not a name": [
        "http://exa%6dple.com/",
        "http://127%2e0%2e0%2e1/",
        "http://./",
        "http://a..b/",
        "http://.example.com/",
        "http://-a.example.com/",
        "http://exa$mple.com/",
        "http://" + "a" * 64 + ".example.com/",
        "http://" + "a." * 130 + "com/",
        "http://example.com／a/",
        "http://exa℀mple.com/",
    ],
    "not an IPv4 address as four": [
        "http://127.1/",
        "http://127.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://0X7F.0.0.0x1/",
        "http://0/",
        "http://0x/",
        "http://017700000001/",
        "http://0177.0.0.1/",
        "http://127.0.0.01/",
        "http://127.0.0.1.1/",
        "http://256.0.0.1/",
        "http://example.1/",
        "http://2130706433./",
        "http://①②⑦.①/",
    ],
    "longer than": ["http://example.com/" + "a" * LONGEST_URL],
}


@pytest.mark.parametrize(
    ("says", "url"), [(says, url) for says, urls in BAD.items() for url in urls]
)
def test_a_url_that_breaks_a_rule_is_refused_without_being_quoted(says: str, url: str) -> None:
    """The message names the rule; a URL may hold a secret."""
    with pytest.raises(ValueError, match=says) as caught:
        split_user_url(url)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "url", "trusted"),
    [
        ("nas.example.com", "http://nas.example.com/", True),
        ("nas.example.com", "http://NAS.example.com.:8080/", True),
        ("NAS.example.com:8080", "http://nas.example.com:8080/", True),
        ("nas.example.com:8080", "http://nas.example.com/", False),
        ("example.com", "http://nas.example.com/", False),
        ("nas", "http://nas.example.com/", False),
        ("127.0.0.1", "http://127.0.0.1:9000/", True),
        ("::1", "http://[::1]:9000/", True),
        ("[::1]", "http://[::1]:9000/", True),
        ("[::1]:9000", "http://[0:0::1]:9000/", True),
        ("nas.example.com:443", "https://nas.example.com/", True),
    ],
)
def test_a_host_of_the_configuration_is_known_again_and_no_other(
    entry: str, url: str, trusted: bool
) -> None:
    """The whole host, with any port unless the entry has one."""
    assert split_user_url(url, {entry}).trusted is trusted


def test_another_port_is_for_hosts_of_the_configuration_only() -> None:
    """And for the port that is named, if one is."""
    assert split_user_url("http://nas.example.com:9000/", {"nas.example.com"}).port == 9000
    for trusted in ({"nas.example.com:9001"}, {"other.example.com"}, set[str]()):
        with pytest.raises(ValueError, match="neither 80 nor 443"):
            split_user_url("http://nas.example.com:9000/", trusted)


ANY_URL = st.text(max_size=60) | (
    st.text(max_size=40) | st.text("0123456789abcdefx.:[]%@/", max_size=30)
).map("http://{}".format)


@given(ANY_URL)
def test_any_text_is_taken_apart_or_refused(url: str) -> None:
    """Nothing but ValueError; and an accepted URL is the same when it is read again."""
    try:
        found = split_user_url(url)
    except ValueError:
        return
    assert found.url.isascii()
    assert found.url.isprintable()
    assert split_user_url(found.url) == found


@pytest.mark.parametrize(
    ("host", "address"),
    [("192.0.2.1", True), ("2001:db8::1", True), ("[2001:db8::1]", False), ("example.com", False)],
)
def test_an_address_is_told_from_a_name(host: str, address: bool) -> None:
    """No name is looked up to find out."""
    assert is_address(host) is address
