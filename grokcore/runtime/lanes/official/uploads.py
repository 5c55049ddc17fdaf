"""Files that go up to xAI before a question refers to them (docs.x.ai, Files API, 2026-11).

Rules
-----
1. A failing upload fails the attempt, with the part's path and the reason.
2. A file that the key's team has still is not uploaded again (by content, not by name).
3. No more than :data:`AT_ONCE` uploads are under way at once.
"""

from __future__ import annotations

import functools
import hashlib
import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import trio

from ....errors import AttachmentRefused, Blame, GrokApiError, UploadFailed
from ....protocol.conversation.attachments import Attachment
from ....protocol.models import LaneName
from ....protocol.official.file_form import file_form, file_id
from ....protocol.official.headers import api_headers
from ....protocol.official.refusals import refusal_of_response
from ...gather import for_all
from ...transport.seam import Exchange, Transport, UpstreamRequest
from ...transport.visits import read_at_most, visit
from .credentials import Credential

__all__ = ["FileUploads"]

FILES_PATH = "/files"

AT_ONCE = 5

UPLOAD_S = 120.0
"""Bound for one upload, in seconds: 20 MB over a slow line."""

MOST_KEPT = 1000
"""Uploads that are remembered."""

REPLY_BYTES = 64 * 1024


class FileUploads:
    """Uploads files, and remembers those of each key."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._places = trio.CapacityLimiter(AT_ONCE)
        self._kept: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def bring(
        self,
        attachments: Sequence[Attachment],
        credential: Credential,
        base_url: str,
        proxy_url: str,
    ) -> Mapping[str, str]:
        """Upload *attachments*, except those that are there; return xAI's ids by their paths.

        :raises GrokApiError: if one could not be uploaded.
        """

        async def bring_one(attachment: Attachment) -> str:
            place = credential.key, hashlib.sha256(attachment.data).hexdigest()
            if place in self._kept:
                return self._kept[place]
            async with self._places:
                found = await self._upload(attachment, credential, base_url, proxy_url)
            self._kept[place] = found
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return found

        ids = await for_all(attachments, bring_one)
        return {one.path: id_ for one, id_ in zip(attachments, ids, strict=True)}

    def failed(self, key: str, error: GrokApiError) -> None:
        """Forget a key's uploads if xAI does not find one."""
        if isinstance(error, AttachmentRefused):
            for place in [place for place in self._kept if place[0] == key]:
                del self._kept[place]

    async def _upload(
        self, attachment: Attachment, credential: Credential, base_url: str, proxy_url: str
    ) -> str:
        boundary = uuid.uuid4().hex
        headers = {
            **dict(api_headers(credential.secret)),
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Accept": "application/json",
        }
        request = UpstreamRequest(
            "POST",
            base_url + FILES_PATH,
            tuple(headers.items()),
            file_form(attachment, boundary),
            proxy_url=proxy_url,
            impersonated=False,
            kept=True,
            who="xAI",
        )
        with trio.move_on_after(UPLOAD_S):
            try:
                return await visit(
                    self._transport, request, functools.partial(_take, path=attachment.path)
                )
            except GrokApiError as error:
                raise _upload_error(error, attachment.path) from error
        raise UploadFailed(
            f"{attachment.path} could not be uploaded within {UPLOAD_S:g} s.", param=attachment.path
        )


async def _take(exchange: Exchange, *, path: str) -> str:
    head = await exchange.head()
    body = await read_at_most(exchange, REPLY_BYTES)
    if head.status != 200:
        raise refusal_of_response(head.status, head.headers, body, lane=LaneName.API)
    found = file_id(body)
    if not found:
        raise UploadFailed(f"{path}: xAI's answer to the upload names no file.", param=path)
    return found


def _upload_error(error: GrokApiError, path: str) -> GrokApiError:
    """The error to report: a credential's fault as it is, any other with the part's path."""
    if error.blame in (Blame.TOKEN, Blame.EGRESS):
        return error
    if error.may_repeat or isinstance(error, UploadFailed):
        return UploadFailed(f"{path} could not be uploaded. {error.message}", param=path)
    return AttachmentRefused(f"{path}: xAI refused the upload. {error.message}", param=path)
