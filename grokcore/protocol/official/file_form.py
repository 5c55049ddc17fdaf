"""A file as a form of several parts (RFC 7578), and xAI's answer to it."""

from __future__ import annotations

import orjson

from ..conversation.attachments import Attachment

__all__ = ["file_form", "file_id"]


def file_form(attachment: Attachment, boundary: str) -> bytes:
    """The body that uploads *attachment* for use in conversations.

    :param boundary: occurs nowhere in the content.
    """
    name = attachment.name.replace("\\", "_").replace('"', "_")
    head = (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: {attachment.media_type}\r\n\r\n"
    )
    return b"".join((head.encode(), attachment.data, f"\r\n--{boundary}--\r\n".encode()))


def file_id(body: bytes) -> str:
    """The id of the uploaded file; empty if *body* has none."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    found = answer.get("id") or answer.get("file_id") if isinstance(answer, dict) else None
    return found if isinstance(found, str) else ""
