"""What has to be done with a token before its question can be sent: uploads, and a video's post."""

from __future__ import annotations

import logging
import re

from attrs import frozen

from ....errors import Blame, GrokApiError
from ....protocol.conversation.question import Question
from ....protocol.grok_web.identity import ORIGIN
from ....protocol.grok_web.payload import POST_PATH, UploadedFile, chat_body, post_body, post_id, video_body
from ...pool.leases import Lease
from ...transport.seam import Transport
from .calls import post_json
from .settings import GatewaySettings
from .uploads import Uploads

__all__ = ["Prepared", "Preparer"]

POST_S = 30.0
"""Bound for making a post, in seconds (the seed's)."""

_MODE = re.compile(r"\s*--mode=(\S*)")

_log = logging.getLogger(__name__)


@frozen
class Prepared:
    """A question as it is sent: the payload, and the page it seems to come from."""

    body: bytes
    referer: str = f"{ORIGIN}/"


class Preparer:
    """Prepares questions."""

    def __init__(self, transport: Transport) -> None:
        self.uploads = Uploads(transport)
        self._transport = transport

    async def prepare(self, question: Question, settings: GatewaySettings, lease: Lease) -> Prepared:
        """Bring what belongs to the question to the lease's account.

        :raises GrokApiError: it could not be brought.
        """
        files = await self.uploads.bring(question.attachments, lease, settings.base_url, settings.identity)
        if question.model.video:
            return await self._video(question, files, settings, lease)
        return Prepared(
            chat_body(
                question.model,
                question.message,
                temporary=settings.temporary,
                memory=settings.memory,
                files=[file.id for file in files],
                pictures=question.pictures,
                search=question.search,
            )
        )

    async def _video(
        self, question: Question, files: list[UploadedFile], settings: GatewaySettings, lease: Lease
    ) -> Prepared:
        """A video of a picture, or of words alone. Its parent is a post; without one Grok makes it all the same."""
        words, mode = split_mode(question.message)
        picture = files[0] if files else None
        media_url = f"{settings.assets_url}/{picture.uri}" if picture is not None and picture.uri else ""
        post = await self._post(post_body(media_url, words), settings, lease)
        subject = ""
        if picture is not None:
            subject = f"{ORIGIN}/imagine/{post}  " if post else f"{settings.assets_url}/post/{picture.uri}  "
        message = f"{subject}{words} --mode={mode}"
        referer = f"{ORIGIN}/imagine/{post or (picture.id if picture else '')}".rstrip("/")
        ids = [file.id for file in files]
        return Prepared(video_body(message, temporary=settings.temporary, files=ids), referer)

    async def _post(self, body: bytes, settings: GatewaySettings, lease: Lease) -> str:
        try:
            url = settings.base_url + POST_PATH
            answer = await post_json(
                self._transport,
                url,
                body,
                sso=lease.sso,
                proxy_url=lease.proxy_url,
                identity=settings.identity,
                seconds=POST_S,
            )
            return post_id(answer)
        except GrokApiError as error:
            if error.blame in (Blame.TOKEN, Blame.EGRESS):
                raise
            _log.warning("no post could be made for a video, which is tried without: %s: %s", error.code, error.message)
            return ""


def split_mode(text: str) -> tuple[str, str]:
    """The words for a video, and its mode: ``normal`` if they end with that flag, else ``custom``.

    Other modes that Grok's page knows are not passed on.
    """
    modes = _MODE.findall(text)
    return _MODE.sub("", text).strip(), "normal" if modes and modes[-1] == "normal" else "custom"
