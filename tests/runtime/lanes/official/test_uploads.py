"""Files that go up to xAI before a question."""

from __future__ import annotations

import math

import pytest
import trio

from grokcore.errors import (
    AttachmentRefused,
    GrokApiError,
    OfficialCredentialRejected,
    UploadFailed,
)
from grokcore.protocol.conversation.attachments import Attachment
from grokcore.runtime.lanes.official.credentials import Credential
from grokcore.runtime.lanes.official.uploads import UPLOAD_S, FileUploads
from grokcore.simulator.scripts import Cut, Script, Send, Wait, error
from tests.scenarios import on_fake_clock

from ...fakes import FakeTransport

KEY = Credential("xai-key")
PDF = Attachment(b"%PDF-1", "application/pdf", "a.pdf", "messages[0].content[1]")
OTHER = Attachment(b"%PDF-2", "application/pdf", "b.pdf", "messages[0].content[2]")
BASE = "https://api.example.com/v1"


def stored(name: str) -> Script:
    return Script((Send(b'{"id": "%b"}' % name.encode()),))


async def bring(uploads: FileUploads, *files: Attachment, key: Credential = KEY) -> dict[str, str]:
    return dict(await uploads.bring(files, key, BASE, ""))


@on_fake_clock
async def test_a_content_goes_up_once_for_a_key() -> None:
    """Under whatever name; another key's team does not have it."""
    transport = FakeTransport([stored("file-1"), stored("file-2"), stored("file-3")])
    uploads = FileUploads(transport)
    assert await bring(uploads, PDF) == {PDF.path: "file-1"}
    again = Attachment(PDF.data, PDF.media_type, "again.pdf", "messages[3]")
    assert await bring(uploads, again) == {"messages[3]": "file-1"}
    assert await bring(uploads, OTHER) == {OTHER.path: "file-2"}
    assert await bring(uploads, PDF, key=Credential("xai-other")) == {PDF.path: "file-3"}
    request = transport.exchanges[0].request
    assert (request.method, request.url) == ("POST", f"{BASE}/files")
    assert dict(request.headers)["Authorization"] == "Bearer xai-key"
    assert not request.impersonated
    assert b"%PDF-1" in request.body
    assert transport.all_closed


@on_fake_clock
async def test_uploads_that_xai_does_not_find_are_forgotten() -> None:
    """They go up again with the next question; other failures change nothing."""
    transport = FakeTransport([stored("file-1"), stored("file-2")])
    uploads = FileUploads(transport)
    await bring(uploads, PDF)
    uploads.failed(KEY.key, UploadFailed("no"))
    uploads.failed("another key", AttachmentRefused("no"))
    assert await bring(uploads, PDF) == {PDF.path: "file-1"}
    uploads.failed(KEY.key, AttachmentRefused("no such file"))
    assert await bring(uploads, PDF) == {PDF.path: "file-2"}


FAILURES = [
    (error(401, {"error": "Invalid credentials"}), OfficialCredentialRejected, None),
    (error(400, {"error": "This kind of file is not taken"}), AttachmentRefused, PDF.path),
    (error(500, {"error": "internal"}), UploadFailed, PDF.path),
    (Script((Cut(),)), UploadFailed, PDF.path),
    (Script((Send(b"{}"),)), UploadFailed, PDF.path),
    (Script((Wait(math.inf),)), UploadFailed, PDF.path),
]


@pytest.mark.parametrize(("script", "leaf", "param"), FAILURES)
@on_fake_clock
async def test_a_failed_upload_names_the_part(
    script: Script, leaf: type[GrokApiError], param: str | None
) -> None:
    """A credential's fault is nobody's file's. Nothing waits for ever."""
    transport = FakeTransport([script])
    began = trio.current_time()
    with pytest.raises(leaf) as caught:
        await bring(FileUploads(transport), PDF)
    assert caught.value.param == param
    assert trio.current_time() - began <= UPLOAD_S
    assert transport.all_closed
