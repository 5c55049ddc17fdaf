"""A question as the body of a request to xAI's Responses API.

Rules
-----
1. Each request holds the whole conversation, and xAI keeps nothing of it (``store`` is false).
2. Pictures are part of the body. Other files are uploaded first, and the body names their ids. The
   CLI's host takes no uploads (lanes that do: the API's, grok.com's).
3. A rendering keeps references to the conversation's texts; the bytes are made when it is sent.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import orjson
from attrs import field, frozen

from ...errors import AttachmentRefused, InvalidRequest
from ..conversation.attachments import Attachment
from ..conversation.bounds import Bounds
from ..conversation.enclosures import left_behind
from ..conversation.question import Question, Rendering, Task
from ..conversation.usage import TokenEstimate
from ..models import LaneName
from .parameters import conversation_id, passed_parameters
from .tools import declare_tools
from .turns import input_items

__all__ = ["OfficialRendering", "render_question", "request_body"]


@frozen
class OfficialRendering(Rendering):
    """A question in the words of xAI's Responses API.

    :ivar upstream_model: xAI's name of the model.
    :ivar lane: the lane that it is for; not the web's.
    :ivar body: the request's fields. An :class:`Attachment` stands among them for its part.
    """

    upstream_model: str = ""
    lane: LaneName = LaneName.API
    body: Mapping[str, Any] = field(factory=dict, repr=False)

    @property
    def local_bounds(self) -> Bounds:
        """The stop sequences: xAI's Responses API knows none."""
        return Bounds(stop=self.question.bounds.stop)

    @property
    def needs_upload(self) -> tuple[Attachment, ...]:
        """Files that the body can only name, so that they are uploaded before."""
        return tuple(one for one in self.attachments if _by_id(one))

    @property
    def conversation_id(self) -> str:
        """An id for headers that stays the same throughout a conversation."""
        return conversation_id(self.body["prompt_cache_key"])


def render_question(
    question: Question, upstream_model: str, *, lane: LaneName, reasons: bool = True
) -> OfficialRendering:
    """The words of *question* for an official lane.

    :param reasons: whether the model takes ``reasoning``.
    :raises InvalidRequest: if it asks for pictures or a video, has too many tools, or says nothing.
    :raises AttachmentRefused: if it needs a file that this lane can't send.
    """
    _check(question)
    question = _without_files(question) if lane is LaneName.CLI else question
    tools = declare_tools(question, lane)
    items = input_items(question.messages, question.enclosed, tools)
    if not items:
        raise InvalidRequest("The conversation is empty: at least one message must say something.")
    fields, unknown = passed_parameters(question, lane, reasons=reasons)
    body = {
        "model": upstream_model,
        "stream": True,
        "store": False,
        "input": items,
        **tools.fields,
        **fields,
    }
    return OfficialRendering(
        question,
        question.enclosed.attachments,
        left_behind(question.messages, question.enclosed.paths) | tools.ignored | unknown,
        prompt_tokens=_tokens(body),
        counts=True,
        upstream_model=upstream_model,
        lane=lane,
        body=body,
    )


def request_body(rendering: OfficialRendering, *, file_ids: Mapping[str, str]) -> bytes:
    """The body as JSON in UTF-8.

    :param file_ids: by the path of each attachment of ``needs_upload``, its id at xAI.
    """

    def encoded(attachment: Attachment) -> dict[str, str]:
        if _by_id(attachment):
            return {"type": "input_file", "file_id": file_ids[attachment.path]}
        content = base64.b64encode(attachment.data).decode("ascii")
        url = f"data:{attachment.media_type};base64,{content}"
        return {"type": "input_image", "image_url": url, "detail": "auto"}

    # A copy, because orjson's own bytes keep the larger block that they were built in.
    return b"%b" % orjson.dumps(rendering.body, default=encoded)


def _by_id(attachment: Attachment) -> bool:
    kind = attachment.media_type
    return kind != "text/plain" and not kind.startswith("image/")


def _check(question: Question) -> None:
    if question.task is Task.PICTURES or question.model.video:
        raise InvalidRequest(
            "xAI's official lanes answer in words here. Pictures and videos need a session of "
            "grok.com.",
            param="model",
        )


def _without_files(question: Question) -> Question:
    """*question* without the spare files that the CLI's host can't take.

    :raises AttachmentRefused: if one of them is not spare.
    """
    files = {one.path for one in question.enclosed.attachments if _by_id(one)}
    needed = sorted(files - question.enclosed.spare)
    if needed:
        raise AttachmentRefused(
            f"{needed[0]} is a file that the session of xAI's CLI can't send. A key of xAI's API "
            "([api] key) or sessions of grok.com can send it.",
            param=needed[0],
        )
    return question.without(files) if files else question


def _tokens(body: Mapping[str, Any]) -> int:
    """An estimate of all words in *body*; pictures and files are not counted."""
    count = TokenEstimate()
    for item in body["input"]:
        for key in ("name", "arguments", "output"):
            count.add(item.get(key, ""))
        for part in item.get("content", ()):
            if not isinstance(part, Attachment):
                count.add(part["text"])
    count.add(orjson.dumps(body.get("tools", [])).decode())
    return count.tokens
