"""Multipart forms: read whole, whatever they hold, and refused when they break off."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import InvalidRequest
from grokcore.web.form import MOST_PARTS, Form, FormFile, is_form, parse_form

BOUNDARY_LIKE = st.sampled_from([b"\r\n", b"--", b"\r\n--", b"--x", b"\r\n--x--\r\n", b"\0\xff", b"a"])
CONTENTS = st.lists(BOUNDARY_LIKE | st.binary(max_size=20), max_size=8).map(b"".join)


def request(files: list[tuple[str, tuple[str, bytes]]], fields: dict[str, str]) -> tuple[str, bytes]:
    """Content type and body of a form as httpx, and so OpenAI's SDK, writes it."""
    written = httpx.Request("POST", "http://127.0.0.1/", data=fields, files=files)
    return written.headers["content-type"], written.read()


@settings(deadline=None, max_examples=100)
@given(st.lists(CONTENTS, min_size=1, max_size=4), st.text("abcé\r\n-", max_size=20))
def test_a_form_is_read_to_the_byte(contents: list[bytes], text: str) -> None:
    """Also contents that look like a boundary, or are empty."""
    files = [("image[]", (f"{index}.png", data)) for index, data in enumerate(contents)]
    form = parse_form(*request(files, {"prompt": text}))
    assert form == Form({"prompt": text}, tuple(FormFile("image[]", name, data) for _, (name, data) in files))


def test_a_form_that_breaks_off_is_refused_wherever_it_is_cut() -> None:
    """Never half of it."""
    content_type, body = request([("image", ("a.png", b"0123456789"))], {"prompt": "a", "n": "2"})
    for cut in range(len(body) - 4):
        with pytest.raises(InvalidRequest):
            parse_form(content_type, body[:cut])


@pytest.mark.parametrize(("content_type", "body"), [
    ("multipart/form-data", b"--x--"),
    ("multipart/form-data; boundary=", b"--x--"),
    ("multipart/form-data; boundary=x", b""),
    ("multipart/form-data; boundary=x", b"{}"),
    ("multipart/form-data; boundary=x", b"--x\r\n\r\nabc\r\n--x--\r\n"),
    ("multipart/form-data; boundary=x", b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n\r\n' * (MOST_PARTS + 1) + b"--x--\r\n"),
    ("multipart/form-data; boundary=\u20ac", b"--x--"),
])  # fmt: skip
def test_what_is_no_form_is_refused(content_type: str, body: bytes) -> None:
    """With an error of the family."""
    with pytest.raises(InvalidRequest):
        parse_form(content_type, body)


def test_a_field_that_is_no_file_is_short() -> None:
    """A megabyte is more than any prompt."""
    with pytest.raises(InvalidRequest) as caught:
        parse_form(*request([("image", ("a", b"x"))], {"prompt": "x" * 1_048_577}))
    assert caught.value.param == "prompt"


def test_forms_are_known_by_their_content_type() -> None:
    """Whatever the case."""
    assert is_form("Multipart/Form-Data; boundary=x")
    assert not is_form("application/json")
    assert not is_form("")
