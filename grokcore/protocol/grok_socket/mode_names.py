"""Which of the page's modes stands for a row of the model table."""

from __future__ import annotations

from collections.abc import Mapping

from ..models import Model

__all__ = ["DEFAULT_MODE", "mode_of"]

DEFAULT_MODE = "auto"

# Of the eight names of the original, by their modelMode. Until March 2026 these were models; since
# then the page has modes (grok-protocol.md §8.7), and a free account has `fast` and `auto`. So the
# names that a free account could use become these two.
_BY_MODEL_MODE: Mapping[str, str] = {
    "MODEL_MODE_FAST": "fast",
    "MODEL_MODE_GROK_4_1": "auto",
    "MODEL_MODE_AUTO": "auto",
    "MODEL_MODE_GROK_4_MINI_THINKING": "fast",
    "MODEL_MODE_EXPERT": "expert",
    "MODEL_MODE_HEAVY": "heavy",
}


def mode_of(model: Model) -> str:
    """The id of a row's mode: its own, else the one that its ``modelMode`` has become."""
    return model.mode_id or _BY_MODEL_MODE.get(model.mode, DEFAULT_MODE)
