"""OpenAI's image requests and answers, and how Grok is asked: by its chat, with a prompt that wants a picture (§2.4)."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from ..errors import AttachmentRefused, InvalidRequest
from .attachments import AttachmentPart, parse_attachment_part
from .request import without_effect
from .usage import estimate

__all__ = ["DEFAULT_MODEL", "ImageRequest", "Made", "images_body", "parse_image_request"]

DEFAULT_MODEL = "grok-4.1"

ALIASES = frozenset(
    {
        "grok-2-image",
        "grok-2-image-1212",
        "grok-imagine-1.0",
        "grok-imagine-1.0-edit",
        "grok-imagine-1.0-fast",
        "grok-imagine-image",
        "grok-imagine-image-pro",
    }
)
"""Names of Grok's image models elsewhere (xAI's own API, other gateways); here each is :data:`DEFAULT_MODEL`."""

MOST_PICTURES = 4

FORMATS = ("b64_json", "url")

_USED = frozenset({"model", "prompt", "n", "response_format", "partial_ok", "image", "images", "image[]"})


@frozen
class ImageRequest:
    """What a client asked for.

    :ivar model: the public model name.
    :ivar n: how many pictures.
    :ivar formats: in which of :data:`FORMATS` each is wanted.
    :ivar partial_ok: whether fewer pictures than asked for are an answer.
    :ivar sources: pictures that are to be edited; none draws anew.
    :ivar ignored: names of the parameters without effect, sorted.
    """

    model: str
    prompt: str
    n: int
    formats: tuple[str, ...]
    partial_ok: bool
    sources: tuple[AttachmentPart, ...]
    ignored: tuple[str, ...]

    @property
    def message(self) -> str:
        """What Grok is told."""
        if not self.sources:
            return f"Drawing: {self.prompt}"
        return f"Edit the attached image{'s' if len(self.sources) > 1 else ''}: {self.prompt}"


@frozen
class Made:
    """A picture as the client gets it: its content, its address, or both."""

    data: bytes = b""
    url: str = ""


def parse_image_request(
    fields: Mapping[str, Any], files: Sequence[AttachmentPart] = (), *, editing: bool
) -> ImageRequest:
    """Validate a request.

    :param fields: a JSON object, or the fields of a form, whose values are strings.
    :param files: pictures that came along in the form.
    :param editing: whether there must be a picture.
    :raises InvalidRequest: with the field at fault in ``param``.
    :raises AttachmentRefused: a picture is named in a way that is not known.
    """
    sources = (*files, *_sources(fields)) if editing else ()
    if editing and not sources:
        raise AttachmentRefused("image is required: a file, or a data: or https: URL.", param="image")
    for name, why in (("mask", "Grok's edits take no mask."), ("stream", "Pictures are not streamed.")):
        if fields.get(name) not in (None, False, "false"):
            raise InvalidRequest(f"{why} Leave {name} out.", param=name)
    return ImageRequest(
        model=_model(fields.get("model")),
        prompt=_prompt(fields.get("prompt")),
        n=_count(fields.get("n")),
        formats=_formats(fields.get("response_format")),
        partial_ok=_flag(fields, "partial_ok"),
        sources=sources,
        ignored=without_effect(fields, _USED),
    )


def images_body(request: ImageRequest, made: Sequence[Made], created: int) -> dict[str, Any]:
    """The answer: each picture in the formats that were wanted, and an estimate of the tokens."""
    told = estimate(request.message)
    return {
        "created": created,
        "data": [_told(one) for one in made],
        "usage": {
            "input_tokens": told,
            "input_tokens_details": {"text_tokens": told, "image_tokens": 0},
            "output_tokens": 0,
            "total_tokens": told,
        },
    }


def _told(one: Made) -> dict[str, str]:
    found = {"b64_json": base64.b64encode(one.data).decode("ascii"), "url": one.url}
    return {name: value for name, value in found.items() if value}


def _sources(fields: Mapping[str, Any]) -> list[AttachmentPart]:
    """``image`` (a URL, an object with one, or a list) and ``images``, as the SDKs of 2026 send them."""
    found = []
    for name in ("image", "images", "image[]"):
        value = fields.get(name)
        if isinstance(value, list):
            found += [_source(item, f"{name}[{index}]") for index, item in enumerate(value)]
        elif value is not None:
            found.append(_source(value, name))
    return found


def _source(value: Any, path: str) -> AttachmentPart:
    part = value if isinstance(value, dict) and "image_url" in value else {"image_url": value}
    return parse_attachment_part("image_url", part, path)


def _model(value: Any) -> str:
    if value is None or value == "":
        return DEFAULT_MODEL
    if not isinstance(value, str):
        raise InvalidRequest("model must be a string.", param="model")
    return DEFAULT_MODEL if value in ALIASES else value


def _prompt(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequest("prompt is required and must be a string.", param="prompt")
    return value


def _count(value: Any) -> int:
    number = 1 if value is None else int(value) if isinstance(value, str) and value in "1234" and value else value
    if isinstance(number, float) and number.is_integer():  # some languages write whole numbers so
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST_PICTURES:
        raise InvalidRequest(f"n must be a number from 1 to {MOST_PICTURES}.", param="n")
    return number


def _formats(value: Any) -> tuple[str, ...]:
    """Both when nothing is said: clients that ask for neither expect the one or the other."""
    if value is None:
        return FORMATS
    if value not in FORMATS:
        raise InvalidRequest("response_format must be b64_json or url.", param="response_format")
    return (value,)


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if value in (None, "true", "false") or isinstance(value, bool):
        return value in (True, "true")
    raise InvalidRequest(f"{name} must be true or false.", param=name)
