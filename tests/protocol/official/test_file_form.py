"""The form that uploads a file."""

from __future__ import annotations

import email
import email.policy

import pytest

from grokcore.protocol.conversation.attachments import Attachment
from grokcore.protocol.official.file_form import file_form, file_id

BOUNDARY = "0123456789abcdef"


@pytest.mark.parametrize(
    "name", ["report.pdf", 'a "quoted" name.pdf', "back\\slash.pdf", "Grüße.pdf"]
)
def test_a_file_goes_up_as_it_is(name: str) -> None:
    """The other side reads the purpose, the name, the type, and every byte."""
    data = bytes(range(256)) + b"\r\n--" + BOUNDARY[:-1].encode()
    body = file_form(Attachment(data, "application/pdf", name, "messages[0]"), BOUNDARY)
    head = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n".encode()
    form = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    purpose, file = form.iter_parts()
    assert purpose.get_param("name", header="content-disposition") == "purpose"
    assert purpose.get_content().strip() == "assistants"
    assert file.get_content_type() == "application/pdf"
    assert file.get_filename() == name.replace("\\", "_").replace('"', "_")
    assert file.get_payload(decode=True) == data


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"id": "file-1", "object": "file"}', "file-1"),
        (b'{"file_id": "file-2"}', "file-2"),
        (b'{"id": 5}', ""),
        (b"[]", ""),
        (b"{}", ""),
        (b"<html>", ""),
    ],
)
def test_the_id_is_read_or_nothing(body: bytes, found: str) -> None:
    """Another answer than a file's is none."""
    assert file_id(body) == found
