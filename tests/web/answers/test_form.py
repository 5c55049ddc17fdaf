"""Bodies with fields: read whole, whatever they hold and however they are labelled, and refused
when they break off.
"""

from __future__ import annotations

import contextlib

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import InvalidRequest
from grokcore.protocol.dialects.openai_images.sources import FormFile
from grokcore.web.answers.form import MOST_PARTS, read_fields

BOUNDARY_LIKE = st.sampled_from(
    [b"\r\n", b"--", b"\r\n--", b"--x", b"\r\n--x--\r\n", b"\0\xff", b"a"]
)
CONTENTS = st.lists(BOUNDARY_LIKE | st.binary(max_size=20), max_size=8).map(b"".join)


def request(
    files: list[tuple[str, tuple[str, bytes]]], fields: dict[str, str]
) -> tuple[str, bytes]:
    """Content type and body of a form as httpx, and so OpenAI's SDK, writes it."""
    written = httpx.Request("POST", "http://127.0.0.1/", data=fields, files=files)
    return written.headers["content-type"], written.read()


@settings(deadline=None, max_examples=100)
@given(st.lists(CONTENTS, min_size=1, max_size=4), st.text("abcé\r\n-", max_size=20))
def test_a_form_is_read_to_the_byte(contents: list[bytes], text: str) -> None:
    """Also contents that look like a boundary, or are empty."""
    files = [("image[]", (f"{index}.png", data)) for index, data in enumerate(contents)]
    fields = read_fields(*request(files, {"prompt": text}))
    assert fields == (
        ("prompt", text),
        *(("image[]", FormFile(name, data)) for _, (name, data) in files),
    )


def test_a_form_that_breaks_off_is_refused_wherever_it_is_cut() -> None:
    """Never half of it."""
    content_type, body = request([("image", ("a.png", b"0123456789"))], {"prompt": "a", "n": "2"})
    for cut in range(len(body) - 4):
        with pytest.raises(InvalidRequest):
            read_fields(content_type, body[:cut])


@pytest.mark.parametrize(("content_type", "body"), [
    ("multipart/form-data", b"--x--"),
    ("multipart/form-data; boundary=", b"--x--"),
    ("multipart/form-data; boundary=x", b""),
    ("multipart/form-data; boundary=x", b"x=y"),
    ("application/x-www-form-urlencoded", b""),
    ("application/x-www-form-urlencoded", b"&a=b" * (MOST_PARTS + 1)),
    ("application/x-www-form-urlencoded", b"prompt=%ff"),
    ("application/json", b"prompt=a"),
    ("application/json", b"[]"),
    ("", b" "),
    ("", b"null"),
    ("", b"{'prompt': 'a'}"),
    ("", "{}".encode("utf-16")),
    ("multipart/form-data; boundary=x", b'--x\r\ncontent-disposition: form-data; name="prompt"\r\n\r\n\xff\r\n--x--\r\n'),
    *(
        ("multipart/form-data; boundary=x", b'--x\r\ncontent-disposition: form-data; name="prompt"\r\ncontent-type: '
         b'text/plain; charset=' + charset + b"\r\n\r\n\\ud800\r\n--x--\r\n")
        for charset in (b"unicode_escape", b"base64", b"no-such", b"\xff")
    ),
    ("multipart/form-data; boundary=x", b"--x\r\n\r\nabc\r\n--x--\r\n"),
    ("multipart/form-data; boundary=x", b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n\r\n' * (MOST_PARTS + 1) + b"--x--\r\n"),
    ("multipart/form-data; boundary=\u20ac", b"--x--"),
])  # fmt: skip
def test_what_is_no_form_is_refused(content_type: str, body: bytes) -> None:
    """With an error of the family."""
    with pytest.raises(InvalidRequest):
        read_fields(content_type, body)


def multipart(*parts: tuple[str, bytes]) -> bytes:
    """A form of parts, each with its header lines behind ``form-data``."""
    return (
        b"".join(
            b"--x\r\ncontent-disposition: form-data; %s\r\n\r\n%s\r\n" % (head.encode(), data)
            for head, data in parts
        )
        + b"--x--\r\n"
    )


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
HEADER = "multipart/form-data; boundary=x"
URLENCODED = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(("content_type", "body", "fields"), [
    (HEADER, multipart(('name="image"\r\ncontent-type: image/png', PNG)), [("image", FormFile("", PNG))]),
    (HEADER, multipart(('name="image"', PNG)), [("image", FormFile("", PNG))]),
    (HEADER, multipart(('name="image"; filename=""', b"")), [("image", FormFile("", b""))]),
    (HEADER, multipart(('name="image"; filename="a.png"\r\ncontent-transfer-encoding: base64', b"iVBORw0K")), [("image", FormFile("a.png", b"\x89PNG\r\n"))]),
    (HEADER, multipart(('name="image"', b"https://example.com/a")), [("image", "https://example.com/a")]),
    (HEADER, multipart(('name="prompt"\r\ncontent-type: text/plain; charset=gb18030', "猫".encode("gb18030"))), [("prompt", "猫")]),
    (HEADER, multipart(('name="prompt"\r\ncontent-type: application/json', b'"a"')), [("prompt", '"a"')]),
    (HEADER, multipart(('name="n"', b"1"), ('name="n"', b"2")), [("n", "1"), ("n", "2")]),
    (HEADER, b'{"prompt": "a"}', [("prompt", "a")]),
    ("multipart/form-data", multipart(('name="n"', b"1")), [("n", "1")]),
    ("multipart/form-data", multipart(('name="n"', b"1")).replace(b"\r\n", b"\n"), [("n", "1")]),
    ("application/json", multipart(('name="n"', b"1")), [("n", "1")]),
    ("", multipart(('name="n"', b"1")), [("n", "1")]),
    (URLENCODED, b"prompt=a+cat%21&n=1&image=data:image/png;base64,a+b/c=&size=", [
        ("prompt", "a cat!"), ("n", "1"), ("image", "data:image/png;base64,a+b/c="), ("size", ""),
    ]),
    (URLENCODED, b"image%5B0%5D=a%2Bb&flag", [("image[0]", "a+b"), ("flag", "")]),
    (URLENCODED, b' {"prompt": "a"}', [("prompt", "a")]),
    ("text/plain", b'\xef\xbb\xbf{"prompt": "a"}', [("prompt", "a")]),
    ("", b'{"b": 1, "a": [2]}', [("b", 1), ("a", [2])]),
])  # fmt: skip
def test_fields_are_read_as_they_are_meant(
    content_type: str, body: bytes, fields: list[tuple[str, object]]
) -> None:
    """In their order, all of one name, whatever the header says of them."""
    assert list(read_fields(content_type, body)) == fields


@settings(deadline=None, max_examples=500)
@given(
    st.sampled_from(
        [
            HEADER,
            URLENCODED,
            "multipart/form-data",
            "application/json",
            "",
            ";;",
            'multipart/x; boundary="',
        ]
    ),
    st.lists(
        st.sampled_from(
            [
                b"--x\r\n",
                b"--x--\r\n",
                b'content-disposition: form-data; name="image"',
                b"\r\n",
                b"{",
                b"}",
                b'"a":1',
                b"a=b&",
                b"; filename=",
                b"%ff",
                b"\xff",
                b"content-type: image/png",
            ]
        ),
        max_size=12,
    ).map(b"".join),
)
def test_whatever_the_body_is_it_is_read_or_refused(content_type: str, body: bytes) -> None:
    """No other error comes of it."""
    with contextlib.suppress(InvalidRequest):
        read_fields(content_type, body)
