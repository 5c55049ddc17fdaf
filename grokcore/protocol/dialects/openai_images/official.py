"""OpenAI's image requests for xAI's API, and its answers for OpenAI's clients.

xAI's routes have nearly OpenAI's form. They take JSON only, pictures as ``{"url": …}``, and an
aspect ratio in place of a size (docs.x.ai, REST reference of images, 2026-11).

Rules
-----
1. xAI's parameters are passed on as they are; xAI judges their values.
2. A size is not passed on for an edit of a single picture, which keeps its own shape.
3. A quality is passed on only to a model that the client named by xAI's name: OpenAI's words mean
   something else.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import orjson
from attrs import field, frozen

from ...conversation.attachments import Attachment
from ...conversation.made_media import Drawing
from ..picture_shapes import PICTURE_RATIOS, nearest_ratio, sides_of
from .request import ImageRequest, Made, images_body

__all__ = ["OfficialDrawing", "data_url", "drawing_answer", "drawing_request"]

LARGE_PIXELS = 2000
"""The longer side from which a size asks for xAI's larger resolution."""


@frozen
class OfficialDrawing:
    """A request to xAI's API.

    :ivar unused: names of the client's parameters that are not in it.
    """

    body: bytes = field(repr=False)
    unused: tuple[str, ...]


def drawing_request(
    asked: ImageRequest, model: str, pictures: Sequence[Attachment], *, inline: bool
) -> OfficialDrawing:
    """The request for *asked*.

    :param model: xAI's name.
    :param pictures: those of ``asked.sources``, loaded.
    :param inline: whether xAI is to send contents, not addresses.
    """
    shape, unused = _shape(asked, alone=len(pictures) == 1)
    given = asked.official
    if "quality" in given and asked.model == model:
        shape["quality"] = given["quality"]
    elif "quality" in given:
        unused = (*unused, "quality")
    body: dict[str, Any] = {
        "model": model,
        "prompt": asked.prompt,
        "n": asked.n,
        "response_format": "b64_json" if inline else "url",
        **shape,
        **({"user": given["user"]} if "user" in given else {}),
    }
    urls = [{"url": data_url(picture)} for picture in pictures]
    if urls:
        body |= {"images": urls} if len(urls) > 1 else {"image": urls[0]}
    return OfficialDrawing(orjson.dumps(body), unused)


def data_url(attachment: Attachment) -> str:
    """A picture as a ``data:`` URL."""
    content = base64.b64encode(attachment.data).decode("ascii")
    return f"data:{attachment.media_type};base64,{content}"


def drawing_answer(
    drawing: Drawing, made: Sequence[Made], created: int, tokens: int
) -> dict[str, Any]:
    """OpenAI's answer, with xAI's cost and its revised prompts.

    :param made: the pictures of *drawing* as the client gets them.
    :param created: seconds since 1970.
    :param tokens: the estimate for the prompt.
    """
    body = images_body(made, created, tokens)
    for item, picture in zip(body["data"], drawing.pictures, strict=True):
        if picture.prompt:
            item["revised_prompt"] = picture.prompt
    if drawing.cost_ticks is not None:
        body["usage"]["cost_in_usd_ticks"] = drawing.cost_ticks
    return body


def _shape(asked: ImageRequest, *, alone: bool) -> tuple[dict[str, str], tuple[str, ...]]:
    """XAI's shape of the pictures, and the names of parameters that it does without."""
    given = asked.official
    shape = {name: given[name] for name in ("aspect_ratio", "resolution") if name in given}
    size = given.get("size", "")
    sides = sides_of(size)
    if sides is None or alone:
        return shape, ("size",) if size and size.lower() != "auto" else ()
    shape.setdefault("aspect_ratio", nearest_ratio(*sides, PICTURE_RATIOS))
    if max(sides) >= LARGE_PIXELS:
        shape.setdefault("resolution", "2k")
    return shape, ()
