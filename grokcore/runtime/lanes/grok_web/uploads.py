"""Uploading pictures and files to Grok, with the token that will then answer: an account sees its
own files only.

Rules
-----
1. A failing upload fails the attempt, with the part's path and the reason: never an answer without
   the picture. Only a spare attachment is left out if Grok refuses it, and that is logged.
2. A file that an account is likely to have still is not uploaded again (by content, not by name).
3. No more than :data:`AT_ONCE` uploads are under way at the same time, of all questions together.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence

import trio
from attrs import evolve, frozen

from ....errors import (
    AntiBotRefusal,
    AttachmentRefused,
    Blame,
    GrokApiError,
    UploadFailed,
    UpstreamRefused,
)
from ....protocol.conversation.attachments import Attachment
from ....protocol.grok_web.identity import Identity
from ....protocol.grok_web.payload import UPLOAD_PATH, UploadedFile, upload_body, uploaded_file
from ...gather import for_all
from ...pool.leases import Lease
from ...threads import in_thread
from ...transport.seam import Transport
from .calls import post_json

__all__ = ["Uploads"]

AT_ONCE = 5
"""Grok's page uploads no more at once (grok-protocol.md §5)."""

UPLOAD_S = 120.0
"""Bound for one upload, in seconds: 20 MB over a slow line."""

KEPT_S = 1800.0
"""Time, in seconds, for which an upload is expected to stay at Grok. It stays for longer; no source
says for how long.
"""

MOST_KEPT = 1000
"""Uploads that are remembered."""

_log = logging.getLogger(__name__)


@frozen
class _Kept:
    file: UploadedFile
    until: float


class Uploads:
    """Uploads files, and remembers those of each account."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._places = trio.CapacityLimiter(AT_ONCE)
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    async def bring(
        self,
        attachments: Sequence[Attachment],
        lease: Lease,
        base_url: str,
        identity: Identity,
        may_lack: Callable[[Attachment, GrokApiError], bool] = lambda *_: False,
    ) -> list[UploadedFile | None]:
        """Upload *attachments*, except those that the account has. Returns them in their order.

        :param may_lack: whether the question can do without an attachment that failed with an
            error; None stands in its place then.
        :raises GrokApiError: if one could not be uploaded; the class says whose fault it was. Of
            several errors one is raised.
        """

        async def bring_one(attachment: Attachment) -> UploadedFile | None:
            try:
                return await self._bring_one(attachment, lease, base_url, identity)
            except GrokApiError as error:
                if not may_lack(attachment, error):
                    raise
                _log.warning(
                    "left out of a question: %s",
                    error.message,
                    extra={"fold": ("left out", error.message)},
                )
                return None

        return await for_all(attachments, bring_one)

    def forget(self, lease_key: str) -> None:
        """Forget an account's uploads: Grok does not find one of them."""
        for key in [key for key in self._kept if key[0] == lease_key]:
            del self._kept[key]

    def shift(self, seconds: float) -> None:
        """Count time that the loop's clock has missed."""
        for place, kept in self._kept.items():
            self._kept[place] = evolve(kept, until=kept.until - seconds)

    async def _bring_one(
        self, attachment: Attachment, lease: Lease, base_url: str, identity: Identity
    ) -> UploadedFile:
        digest = hashlib.sha256(
            attachment.media_type.encode() + b"\0" + attachment.data
        ).hexdigest()
        kept = self._kept.get((lease.key, digest))
        if kept is not None and trio.current_time() < kept.until:
            return kept.file
        async with self._places:
            file = await self._upload(attachment, lease, base_url, identity)
        self._kept[lease.key, digest] = _Kept(file, trio.current_time() + KEPT_S)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return file

    async def _upload(
        self, attachment: Attachment, lease: Lease, base_url: str, identity: Identity
    ) -> UploadedFile:
        make = functools.partial(
            upload_body, attachment.data, attachment.media_type, attachment.name
        )
        body = await in_thread(make)
        try:
            answer = await post_json(
                self._transport,
                base_url + UPLOAD_PATH,
                body,
                sso=lease.sso,
                proxy_url=lease.proxy_url,
                identity=identity,
                seconds=UPLOAD_S,
            )
        except GrokApiError as error:
            raise _upload_error(error, attachment.path) from error
        file = uploaded_file(answer)
        if file is None:
            raise UploadFailed(
                f"{attachment.path}: Grok's answer to the upload names no file.",
                param=attachment.path,
            )
        return file


def _upload_error(error: GrokApiError, path: str) -> GrokApiError:
    """The error to report for an upload that failed with *error*. A token's fault, and that of a
    page of Cloudflare's, stays as it is; any other names the part at *path*.
    """
    if isinstance(error, AntiBotRefusal):
        return AntiBotRefusal(f"{path} could not be uploaded. {error.message}", param=path)
    if error.blame in (Blame.TOKEN, Blame.EGRESS):
        return error
    if isinstance(error, UpstreamRefused):
        return AttachmentRefused(f"{path}: Grok refused the upload. {error.message}", param=path)
    if error.blame is Blame.REQUEST:
        error.amend(param=path)
        return error
    return UploadFailed(f"{path} could not be uploaded. {error.message}", param=path)
