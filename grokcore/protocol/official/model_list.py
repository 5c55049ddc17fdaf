"""The models that xAI lists: ``/models``, ``/language-models``, and the list of its CLI's proxy.

Prices are in US cents per 100 million tokens, which is 1e-10 USD per token: 30000 is $3 per million
(docs.x.ai, REST reference, ``/v1/language-models``, 2026-11). Only ``/models`` has context windows;
only the CLI's list has efforts of reasoning. Lists are read leniently: an entry without a usable
name is left out, and an unknown field says nothing.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, frozen

from ..lenient_json import loads
from .moments import moment_of, number_of, object_of

__all__ = [
    "LongPrices",
    "ModelKind",
    "OfficialModel",
    "by_name",
    "is_likely_chat",
    "merged",
    "parse_models",
    "recall",
    "record_of",
]

MOST_MODELS, MOST_ALIASES, MOST_EFFORTS = 500, 50, 20
MOST_TICKS = 10**12
"""A higher price (100 USD per token) is no price."""

MOST_CONTEXT = 10**9
"""Tokens."""

_NAME = re.compile(r"[\x21-\x7e]{1,200}")
_LIKELY = re.compile(r"grok-[\x21-\x7e]{1,100}")
_EFFORT = re.compile(r"[a-z][a-z_-]{0,29}")
_WORDS = re.compile(r"[^a-z]+")


class ModelKind(enum.Enum):
    """The kind of a model's answers."""

    CHAT = "text"
    IMAGE = "image"
    VIDEO = "video"
    OTHER = "other"


_BY_WORD = {
    **dict.fromkeys(("video", "videos"), ModelKind.VIDEO),
    **dict.fromkeys(("image", "images", "imagine"), ModelKind.IMAGE),
    **dict.fromkeys(
        ("embedding", "embeddings", "embed", "tts", "stt", "voice", "audio", "realtime"),
        ModelKind.OTHER,
    ),
}
"""Kinds by a word of a name, in order of precedence, for lists without modalities."""


@frozen
class LongPrices:
    """The prices for a long question, in 1e-10 USD per token; 0 stands for the usual price.

    :ivar above: tokens of input beyond which they apply.
    """

    above: int
    input_ticks: int = 0
    cached_ticks: int = 0
    output_ticks: int = 0


@frozen
class OfficialModel:
    """A model that xAI lists.

    :ivar context_window: tokens; None if it is unknown.
    :ivar efforts: those of reasoning that a request may name, as listed.
    :ivar reasons: whether a request may name an effort at all.
    :ivar input_ticks: 1e-10 USD per token, as *cached_ticks* and *output_ticks*; None if unknown.
    :ivar search_ticks: 1e-10 USD per use of a tool of xAI's; None if unknown.
    :ivar pictures_in: whether it takes pictures; True unless the list denies that.
    :ivar hidden: whether the list itself says not to offer it.
    """

    name: str
    aliases: tuple[str, ...] = ()
    context_window: int | None = None
    efforts: tuple[str, ...] = ()
    reasons: bool = False
    input_ticks: int | None = None
    cached_ticks: int | None = None
    output_ticks: int | None = None
    search_ticks: int | None = None
    long_prices: LongPrices | None = None
    pictures_in: bool = True
    kind: ModelKind = ModelKind.CHAT
    hidden: bool = False

    @property
    def is_chat(self) -> bool:
        """Whether it is offered for answers in text."""
        return self.kind is ModelKind.CHAT and not self.hidden


def parse_models(body: bytes) -> tuple[OfficialModel, ...]:
    """The models of a list (JSON), each name once; none if *body* is no such list."""
    try:
        answer = loads(body)
    except ValueError:
        return ()
    if isinstance(answer, dict):
        answer = answer["data"] if isinstance(answer.get("data"), list) else answer.get("models")
    return _models(answer)


def merged(
    models: Iterable[OfficialModel], more: Iterable[OfficialModel]
) -> tuple[OfficialModel, ...]:
    """*models* with unknown facts filled in from models of the same name in *more*; then the others
    of *more*.
    """
    others = {model.name: model for model in more}
    filled = [_filled(model, others.pop(model.name, model)) for model in models]
    return (*filled, *others.values())[:MOST_MODELS]


def by_name(models: Iterable[OfficialModel]) -> dict[str, OfficialModel]:
    """The models for answers in text, by name and by alias; a name precedes another's alias."""
    offered = [model for model in models if model.is_chat]
    names = {model.name: model for model in offered}
    for model in offered:
        for alias in model.aliases:
            names.setdefault(alias, model)
    return names


def is_likely_chat(name: str) -> bool:
    """Whether a name that no list has could be that of a model for answers in text."""
    return _LIKELY.fullmatch(name) is not None and _kind(name, None) is ModelKind.CHAT


def record_of(models: Iterable[OfficialModel], at: float) -> dict[str, object]:
    """A record for the state file.

    :param at: when the list was made, in seconds since 1970.
    """
    return {"at": at, "models": [_item(model) for model in models]}


def recall(record: Mapping[str, object]) -> tuple[tuple[OfficialModel, ...], float | None]:
    """The models of a record, and when their list was made; ``()`` and None if it is unusable."""
    models, at = _models(record.get("models")), moment_of(record.get("at"))
    return (models, at) if models and at is not None else ((), None)


def _models(listed: object) -> tuple[OfficialModel, ...]:
    found: dict[str, OfficialModel] = {}
    for item in listed[:MOST_MODELS] if isinstance(listed, list) else []:
        model = _model(object_of(item))
        if model is not None:
            found.setdefault(model.name, model)
    return tuple(found.values())


def _model(item: Mapping[str, Any]) -> OfficialModel | None:
    keys = ("id", "model", "slug", "name")
    name = next((item[key] for key in keys if _is_name(item.get(key))), None)
    if name is None:
        return None
    efforts, inputs = _efforts(item), item.get("input_modalities")
    aliases = item.get("aliases")
    windows = (item.get(key) for key in ("context_window", "context_length", "max_prompt_length"))
    return OfficialModel(
        name,
        tuple(filter(_is_name, aliases[:MOST_ALIASES])) if isinstance(aliases, list) else (),
        next((whole for value in windows if (whole := _whole(value, MOST_CONTEXT))), None),
        efforts,
        bool(efforts) or item.get("supports_reasoning_effort") is True,
        _ticks(item, "prompt_text_token_price"),
        _ticks(item, "cached_prompt_text_token_price"),
        _ticks(item, "completion_text_token_price"),
        _ticks(item, "search_price"),
        _long_prices(item),
        "image" in inputs if isinstance(inputs, list) else True,
        _kind(name, item.get("output_modalities")),
        item.get("hidden") is True or not _by_responses(item.get("api_backend")),
    )


def _kind(name: str, outputs: object) -> ModelKind:
    if isinstance(outputs, list):
        kinds = (kind for kind in ModelKind if kind.value in outputs)
        return next(kinds, ModelKind.OTHER)
    words = _WORDS.split(name.lower())
    return next((kind for word, kind in _BY_WORD.items() if word in words), ModelKind.CHAT)


def _by_responses(backend: object) -> bool:
    """Whether a model answers over the Responses API, as far as the list says."""
    return not isinstance(backend, str) or "responses" in backend.lower()


def _efforts(item: Mapping[str, Any]) -> tuple[str, ...]:
    """Efforts as words, or as objects with a word."""
    listed = item.get("reasoning_efforts")
    if not isinstance(listed, list):
        listed = object_of(item.get("capabilities")).get("reasoning_effort")
    found: dict[str, None] = {}
    for value in listed[:MOST_EFFORTS] if isinstance(listed, list) else []:
        words = [value, *(object_of(value).get(key) for key in ("value", "id", "effort"))]
        word = next((word for word in words if isinstance(word, str)), "")
        if _EFFORT.fullmatch(word):
            found[word] = None
    return tuple(found)


def _long_prices(item: Mapping[str, Any]) -> LongPrices | None:
    above = _whole(item.get("long_context_threshold"), MOST_CONTEXT)
    if not above:
        return None
    names = ("prompt_text_token_price", "cached_prompt_text_token_price")
    keys = (f"{name}_long_context" for name in (*names, "completion_text_token_price"))
    prices = LongPrices(above, *(_ticks(item, key) or 0 for key in keys))
    return None if prices == LongPrices(above) else prices


def _ticks(item: Mapping[str, Any], key: str) -> int | None:
    return _whole(item.get(key), MOST_TICKS)


def _whole(value: object, most: int) -> int | None:
    number = number_of(value)
    return int(number) if number is not None and 0 <= number <= most else None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _filled(model: OfficialModel, other: OfficialModel) -> OfficialModel:
    keys = ("context_window", "input_ticks", "cached_ticks", "output_ticks", "search_ticks")
    known: dict[str, Any] = {
        key: getattr(other, key) for key in (*keys, "long_prices") if getattr(model, key) is None
    }
    aliases = dict.fromkeys((*model.aliases, *other.aliases))
    return evolve(
        model,
        **known,
        aliases=tuple(aliases)[:MOST_ALIASES],
        efforts=model.efforts or other.efforts,
        reasons=model.reasons or other.reasons,
    )


def _item(model: OfficialModel) -> dict[str, object]:
    """An entry of a list, as xAI would write it."""
    long = model.long_prices or LongPrices(0)
    prices = {
        "prompt_text_token_price": (model.input_ticks, long.input_ticks),
        "cached_prompt_text_token_price": (model.cached_ticks, long.cached_ticks),
        "completion_text_token_price": (model.output_ticks, long.output_ticks),
    }
    item: dict[str, object] = {
        "id": model.name,
        "aliases": list(model.aliases),
        "context_window": model.context_window,
        "reasoning_efforts": list(model.efforts),
        "supports_reasoning_effort": model.reasons,
        "search_price": model.search_ticks,
        "long_context_threshold": long.above,
        "input_modalities": ["text", "image"] if model.pictures_in else ["text"],
        "output_modalities": [] if model.kind is ModelKind.OTHER else [model.kind.value],
        "hidden": model.hidden,
        **{key: usual for key, (usual, _) in prices.items()},
        **{f"{key}_long_context": special for key, (_, special) in prices.items()},
    }
    return {key: value for key, value in item.items() if value is not None}
