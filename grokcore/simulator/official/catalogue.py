"""Models of the simulated API with their prices, and what an answer costs.

Prices are in US cents per 100 million tokens, as ``/language-models`` gives them; as it happens,
that is the same number as ticks (1e-10 US dollars) per token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen

__all__ = ["MODELS", "PICTURE_TICKS", "SEARCH_TICKS", "SECOND_TICKS", "ModelRow", "ticks_of"]

CREATED = 1_790_000_000

SEARCH_TICKS = 50_000_000
"""Half a cent for each search."""

PICTURE_TICKS = 200_000_000
"""Two cents for a picture."""

SECOND_TICKS = 500_000_000
"""Five cents for a second of a video."""


@frozen
class ModelRow:
    """A model.

    :ivar efforts: levels of reasoning that it takes; empty for a model that does not think.
    :ivar prices: of tokens of a prompt, of cached ones, and of an answer.
    :ivar on_cli: whether the CLI's proxy lists it.
    """

    name: str
    context: int = 500_000
    efforts: tuple[str, ...] = ()
    prices: tuple[int, int, int] = (20_000, 5_000, 60_000)
    aliases: tuple[str, ...] = ()
    on_cli: bool = True
    kind: str = "language"

    def brief(self) -> dict[str, Any]:
        """The row of ``/models``."""
        return {"id": self.name, "created": CREATED, "object": "model", "owned_by": "xai"}

    def priced(self) -> dict[str, Any]:
        """The row of ``/language-models``."""
        prompt, cached, completion = self.prices
        return self._described() | {
            "input_modalities": ["text", "image"],
            "output_modalities": ["text"],
            "prompt_text_token_price": prompt,
            "cached_prompt_text_token_price": cached,
            "prompt_image_token_price": prompt,
            "completion_text_token_price": completion,
            "search_price": 0,
        }

    def media(self) -> dict[str, Any]:
        """The row of ``/image-generation-models`` or ``/video-generation-models``."""
        return self._described() | {
            "input_modalities": ["text", "image"],
            "output_modalities": [self.kind],
            "max_prompt_length": 8000,
        }

    def for_cli(self) -> dict[str, Any]:
        """The row of ``/models`` as the CLI gets it."""
        return self.brief() | {
            "name": self.name,
            "model": self.name,
            "context_window": self.context,
            "api_backend": "responses",
            "supported_in_api": True,
            "supports_backend_search": True,
            "supports_reasoning_effort": bool(self.efforts),
            "reasoning_effort": "high" if self.efforts else None,
            "reasoning_efforts": [_level(effort) for effort in reversed(self.efforts)],
        }

    def _described(self) -> dict[str, Any]:
        return self.brief() | {
            "fingerprint": "fp_simulated",
            "version": "1.0",
            "aliases": list(self.aliases),
        }


def _level(effort: str) -> dict[str, Any]:
    default = {"default": True} if effort == "high" else {}
    return {"value": effort, "label": f"{effort} effort".title()} | default


MODELS = (
    ModelRow("grok-4.7", 500_000, ("low", "medium", "high", "xhigh"), aliases=("grok-latest",)),
    ModelRow("grok-4.6", 500_000, ("low", "medium", "high", "xhigh")),
    ModelRow("grok-4.3", 1_000_000, ("none", "low", "medium", "high"), (12_500, 2_000, 25_000)),
    ModelRow("grok-4.20-0309-non-reasoning", 2_000_000, on_cli=False),
    ModelRow("grok-composer-2.5-fast", 200_000),
    ModelRow("grok-imagine-image", kind="image", on_cli=False),
    ModelRow("grok-imagine-video", kind="video", on_cli=False),
)


def ticks_of(usage: dict[str, Any], model: ModelRow, searches: Sequence[object]) -> int:
    """The cost of an answer with these counts."""
    prompt, cached, completion = model.prices
    read = usage["input_tokens_details"]["cached_tokens"]
    tokens = (usage["input_tokens"] - read) * prompt + read * cached
    return int(tokens + usage["output_tokens"] * completion + len(searches) * SEARCH_TICKS)
