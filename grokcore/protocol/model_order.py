"""The order in which models are listed: best first.

Rules
-----
1. Many clients take the first model of a list, so it is the one with the best answers.
2. The order depends on names alone: it is the same on each call, whatever the accounts have left.
3. First come the modes of Grok's page, then the names of the original project, each from the most
   thorough to the quickest. The rows of the owner's configuration follow, in its order.
4. Models that make videos come last: a chat client that takes one by accident would get no text.
"""

from __future__ import annotations

from collections.abc import Iterable

from .models import Model

__all__ = ["BEST_FIRST", "best_first"]

BEST_FIRST = (
    "grok-heavy",
    "grok-expert",
    "grok-auto",
    "grok-fast",
    "grok-4-heavy",
    "grok-4-expert",
    "grok-4-fast-expert",
    "grok-4.1-thinking",
    "grok-4.1",
    "grok-4-fast",
    "grok-3-fast",
    "grok-imagine-0.9",
)
"""The names of the shipped models."""


def best_first(models: Iterable[Model]) -> list[Model]:
    """*models* in their order; those of the owner keep the order among themselves."""
    places = {name: place for place, name in enumerate(BEST_FIRST)}
    return sorted(models, key=lambda model: (model.video, places.get(model.name, len(BEST_FIRST))))
