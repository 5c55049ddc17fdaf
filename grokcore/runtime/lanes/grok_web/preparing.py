"""Preparing a question for Grok's web chat with the lease's token: uploads, a video's post, the
payload.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Collection, Sequence

from attrs import field, frozen

from ....errors import Blame, GrokApiError, UploadFailed
from ....protocol.conversation.attachments import Attachment
from ....protocol.grok_web.identity import ORIGIN
from ....protocol.grok_web.payload import (
    POST_PATH,
    UploadedFile,
    chat_body,
    post_body,
    post_id,
    video_body,
)
from ....protocol.grok_web.question_text import WebRendering
from ....protocol.grok_web.video import VideoWords, picture_address, split_mode
from ...pool.leases import Lease
from ...threads import in_thread
from ...transport.seam import Transport
from .calls import post_json
from .settings import GrokWebSettings
from .uploads import Uploads

__all__ = ["Payload", "Preparer"]

POST_S = 30.0
"""Bound for making a post, in seconds."""

_log = logging.getLogger(__name__)


@frozen
class Payload:
    """A question as the JSON that is sent.

    :ivar body: JSON.
    :ivar rendering: the question, without the spare attachments that could not be brought.
    :ivar referer: the page that it seems to come from.
    """

    body: bytes = field(repr=False)
    rendering: WebRendering
    referer: str = f"{ORIGIN}/"


@frozen
class Preparer:
    """Prepares questions for one lease."""

    transport: Transport
    uploads: Uploads
    settings: GrokWebSettings
    lease: Lease

    async def prepare(self, rendering: WebRendering, *, repeated: bool = False) -> Payload:
        """Bring the attachments to the lease's account, and write the payload.

        :param repeated: as for :meth:`grokcore.runtime.lanes.lane.RenderedQuestion.prepare`.
        :raises GrokApiError: if one can't be brought.
        """
        rendering, files = await self.bring(rendering, repeated=repeated)
        if rendering.question.model.video:
            return await self._video(rendering, files)
        return self.write(rendering, files)

    def write(self, rendering: WebRendering, files: Sequence[UploadedFile]) -> Payload:
        """The payload of a question that asks for no video, with its *files*."""
        question = rendering.question
        return Payload(
            chat_body(
                question.model,
                rendering.message,
                temporary=self.settings.temporary,
                memory=self.settings.memory,
                files=[file.id for file in files],
                pictures=question.pictures,
                search=question.may_search,
                draw=not question.toolbox.in_play,
            ),
            rendering,
        )

    async def bring(
        self, rendering: WebRendering, *, repeated: bool
    ) -> tuple[WebRendering, list[UploadedFile]]:
        """Upload the attachments; return the question as it can be asked, and its files.

        A question that is rendered anew may have another transcript to upload.

        :raises GrokApiError: if one can't be brought that the question needs.
        """
        while True:
            may_lack = functools.partial(_may_lack, rendering, repeated=repeated)
            attachments = rendering.attachments
            uploaded = await self.uploads.bring(
                attachments, self.lease, self.settings.base_url, self.settings.identity, may_lack
            )
            files = [file for file in uploaded if file is not None]
            if len(files) == len(uploaded):
                return rendering, files
            lacking = [
                item.path for item, file in zip(attachments, uploaded, strict=True) if file is None
            ]
            rendering = await self._rendered_without(rendering, lacking)

    async def _rendered_without(
        self, rendering: WebRendering, paths: Collection[str]
    ) -> WebRendering:
        question = rendering.question.without(paths)
        render = functools.partial(self.settings.render, question)
        return await in_thread(render) if question.is_long else render()

    async def _video(self, rendering: WebRendering, files: list[UploadedFile]) -> Payload:
        """The payload for a video of a picture, or of words alone. Its parent is a post; Grok also
        makes it without a post.
        """
        settings = self.settings
        text, mode = split_mode(rendering.message)
        picture = files[0] if files else None
        post = await self._post(post_body(picture_address(picture, settings.assets_url), text))
        words = VideoWords(text, mode, picture, post, settings.assets_url)
        ids = [file.id for file in files]
        body = video_body(words.message, temporary=settings.temporary, files=ids)
        return Payload(body, rendering, words.referer)

    async def _post(self, body: bytes) -> str:
        try:
            answer = await post_json(
                self.transport,
                self.settings.base_url + POST_PATH,
                body,
                sso=self.lease.sso,
                proxy_url=self.lease.proxy_url,
                identity=self.settings.identity,
                seconds=POST_S,
            )
            return post_id(answer)
        except GrokApiError as error:
            if error.blame in (Blame.TOKEN, Blame.EGRESS):
                raise
            _log.warning(
                "no post could be made for a video, which is tried without: %s: %s",
                error.code,
                error.message,
            )
            return ""


def _may_lack(
    rendering: WebRendering, attachment: Attachment, error: GrokApiError, *, repeated: bool
) -> bool:
    """Whether the question is asked without an attachment whose upload failed with *error*."""
    its_fault = error.blame is Blame.REQUEST or (repeated and isinstance(error, UploadFailed))
    return its_fault and attachment.path in rendering.question.enclosed.spare
