"""OpenAI's image requests and answers.

Rules
-----
1. A field is used, refused (its name in ``param``), or named in :attr:`ImageRequest.ignored`; none
   is passed over.
2. null, an empty field of a form, and a word such as ``None`` are the same as absent.
3. A parameter that would make the answer a wrong one is refused: a mask, streaming, a moving or a
   drawn format.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Container, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from attrs import field, frozen

from ....errors import AttachmentRefused, InvalidRequest
from ...conversation.attachment_part import AttachmentPart
from .sources import (
    Fields,
    FormFile,
    holds_mask,
    holds_picture,
    is_absent,
    refuse_stray_pictures,
    sources_of,
)

__all__ = [
    "ALIAS_PATTERN",
    "DEFAULT_MODEL",
    "ImageRequest",
    "Made",
    "images_body",
    "model_named",
    "parse_image_request",
    "resolve_model",
]

DEFAULT_MODEL = "grok-4.1"

ALIAS_PATTERN = (
    r"^(?:[a-z0-9_.-]+/)?"  # LiteLLM and OpenRouter put the vendor in front
    r"(?:gpt-image(?:-[a-z0-9._-]+)?|gpt-\d[a-z0-9.]*-image(?:-[a-z0-9._-]+)?"
    r"|dall-?e(?:-?\d[a-z0-9._-]*)?|chatgpt-image(?:-[a-z0-9._-]+)?"
    r"|grok-\d[a-z0-9.]*-image(?:-[a-z0-9._-]+)?|grok-imagine-image(?:-[a-z0-9._-]+)?"
    r"|grok-imagine(?:-\d[0-9.]*)?(?:-(?:edit|fast|pro|quality))?)$"
)
"""Names of image models of OpenAI and xAI, and of other gateways, also those to come; each is
:data:`DEFAULT_MODEL` here. A pattern of Python and of ECMA-262 alike; case does not count."""

_ALIAS = re.compile(ALIAS_PATTERN, re.IGNORECASE)
_LONGEST_NAME = 100

MOST_PICTURES = 4

FORMATS = ("b64_json", "url")

MOST_PROMPT_CHARS = 1_000_000

LONGEST_WORD = 500
"""Characters of a parameter that is passed on."""

MOST_NAMED = 40
"""Names of parameters without effect that the response's header lists."""

_USED = frozenset({"model", "prompt", "n", "response_format", "partial_ok", "stream"})

OFFICIAL = frozenset({"size", "aspect_ratio", "resolution", "quality", "user"})
"""Further parameters that have an effect if xAI's API draws."""

MOST_OFFICIAL_PICTURES = 10
"""Pictures of one request to xAI's API (docs.x.ai, images, 2026-11)."""

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_WHOLE_NUMBER = re.compile(r"[+]?0*(\d{1,9})(?:\.0*)?")


@frozen
class ImageRequest:
    """A validated image request.

    :ivar model: the model's name as the client wrote it; empty if it named none.
    :ivar n: how many pictures.
    :ivar formats: in which of :data:`FORMATS` each is wanted.
    :ivar partial_ok: whether fewer pictures than asked for are an answer.
    :ivar sources: pictures that are to be edited; none draws anew.
    :ivar ignored: names of the parameters without effect, sorted, safe to put into a header.
    :ivar official: the values of :data:`OFFICIAL` parameters, if xAI's API draws.
    """

    model: str
    prompt: str
    n: int
    formats: tuple[str, ...]
    partial_ok: bool
    sources: tuple[AttachmentPart, ...]
    ignored: tuple[str, ...]
    official: Mapping[str, str] = field(factory=dict)


@frozen
class Made:
    """A picture as the client gets it: its content, its address, or both."""

    data: bytes = b""
    url: str = ""


def parse_image_request(fields: Fields, *, editing: bool, official: bool = False) -> ImageRequest:
    """Validate a request. Pictures in it make it an edit, whichever route it came by.

    :param editing: whether there must be a picture.
    :param official: whether xAI's API draws, which takes more parameters and draws more pictures.
    :raises InvalidRequest: with the field at fault in ``param``.
    :raises AttachmentRefused: a picture is missing, in a wrong place, or named in a way that is not
        known.
    """
    _refuse_masks(fields)
    effective = _USED | OFFICIAL if official else _USED
    others = [
        (name, value)
        for name, value in fields
        if not _is_taken(name, effective) and not is_absent(value)
    ]
    sources = sources_of(fields)
    refuse_stray_pictures(others)
    if editing and not sources:
        raise AttachmentRefused(
            "image is required: a file, a data: or https: URL, or base64.", param="image"
        )
    used = _used(fields, effective)
    _refuse_what_changes_the_answer(used, dict(others))
    return ImageRequest(
        model=_model(used.get("model")),
        prompt=_prompt(used.get("prompt")),
        n=_count(used.get("n"), MOST_OFFICIAL_PICTURES if official else MOST_PICTURES),
        formats=_formats(used.get("response_format")),
        partial_ok=_flag(used, "partial_ok"),
        sources=sources,
        ignored=_names([name for name, _ in others]),
        official={name: _word(used[name], name) for name in OFFICIAL & used.keys()},
    )


def model_named(fields: Fields) -> str:
    """The model that a request names; empty if it names none.

    :raises InvalidRequest: if that is no text.
    """
    return _model(_used(fields, frozenset({"model"})).get("model"))


def resolve_model(name: str, known: Container[str]) -> str:
    """The name in the model table that a request's *name* stands for.

    :param known: the names of the table, which come before the aliases.
    """
    if not name:
        return DEFAULT_MODEL
    alias = name not in known and len(name) <= _LONGEST_NAME and _ALIAS.match(name)
    return DEFAULT_MODEL if alias else name


def images_body(made: Sequence[Made], created: int, tokens: int) -> dict[str, Any]:
    """The answer: each picture in the formats that were wanted.

    :param tokens: the estimate for the prompt.
    """
    return {
        "created": created,
        "data": [_shown(picture) for picture in made],
        "usage": {
            "input_tokens": tokens,
            "input_tokens_details": {"text_tokens": tokens, "image_tokens": 0},
            "output_tokens": 0,
            "total_tokens": tokens,
        },
    }


def _shown(made: Made) -> dict[str, str]:
    formats = {"b64_json": base64.b64encode(made.data).decode("ascii"), "url": made.url}
    return {name: value for name, value in formats.items() if value}


# Which fields there are -------------------------------------------------------------------------


def _is_taken(name: str, effective: Collection[str]) -> bool:
    return name in effective or holds_picture(name) or holds_mask(name)


def _used(fields: Fields, effective: Collection[str]) -> dict[str, Any]:
    """The parameters with an effect that are there, once each.

    :raises InvalidRequest: one of them is there several times, and differs.
    """
    found: dict[str, Any] = {}
    for name, given in fields:
        if name in effective and not (is_absent(given) and name != "prompt"):
            value = _text_of(given, name) if isinstance(given, FormFile) else given
            if not found.get(name):
                found[name] = value
            elif value not in (found[name], ""):
                raise InvalidRequest(
                    f"{name} is there several times, with different values.", param=name
                )
    return found


def _text_of(file: FormFile, name: str) -> str:
    try:
        return file.data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidRequest(
            f"{name} must be a text in UTF-8, not a file of another kind.", param=name
        ) from None


def _names(names: Sequence[str]) -> tuple[str, ...]:
    """Names as a header can hold them."""
    safe = sorted(
        {quote(name[:40].encode("utf-8", "replace"), safe="[]")[:60] or "unnamed" for name in names}
    )
    return (
        *safe[:MOST_NAMED],
        *([f"{len(safe) - MOST_NAMED}-more"] if len(safe) > MOST_NAMED else []),
    )


# Refusals ---------------------------------------------------------------------------------------


def _refuse_masks(fields: Fields) -> None:
    for name, value in fields:
        if holds_mask(name) and not is_absent(value) and _bool_of(value) is not False:
            raise InvalidRequest(f"Grok's edits take no mask. Leave {name} out.", param=name)


def _refuse_what_changes_the_answer(used: Mapping[str, Any], others: Mapping[str, Any]) -> None:
    if _flag(used, "stream"):
        raise InvalidRequest("Pictures are not streamed. Leave stream out.", param="stream")
    wanted = others.get("output_format")
    if isinstance(wanted, str) and wanted.strip().lower() in ("gif", "svg"):
        message = (
            f"Grok makes no {wanted.strip().upper()}: the picture has the format that "
            "Grok gives it. Leave it out."
        )
        raise InvalidRequest(message, param="output_format")


# Values -----------------------------------------------------------------------------------------


def _model(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise InvalidRequest("model must be a string.", param="model")
    return (value or "").strip()


def _prompt(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequest("prompt is required and must be a string.", param="prompt")
    if len(value) > MOST_PROMPT_CHARS:
        raise InvalidRequest("prompt is too long.", param="prompt")
    return value


def _word(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_WORD:
        raise InvalidRequest(f"{name} must be a short text.", param=name)
    return value.strip()


def _count(value: Any, most: int) -> int:
    number = 1 if value is None else value
    if isinstance(value, str) and (written := _WHOLE_NUMBER.fullmatch(value.strip())):
        number = int(written[1])
    if isinstance(number, float) and number.is_integer():  # some languages write whole numbers so
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= most:
        raise InvalidRequest(f"n must be a number from 1 to {most}.", param="n")
    return number


def _formats(value: Any) -> tuple[str, ...]:
    """Both when the client names none: clients expect the one or the other then."""
    if value is None:
        return FORMATS
    chosen = value.strip().lower() if isinstance(value, str) else value
    if chosen not in FORMATS:
        raise InvalidRequest("response_format must be b64_json or url.", param="response_format")
    return (chosen,)


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    found = _bool_of(fields.get(name, False))
    if found is None:
        raise InvalidRequest(f"{name} must be true or false.", param=name)
    return found


def _bool_of(value: Any) -> bool | None:
    """A boolean as languages write it into JSON and forms; None if it is none."""
    if isinstance(value, str):
        word = value[:20].strip().lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return bool(value) if value in (0, 1) else None
