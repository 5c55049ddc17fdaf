"""Changes in Grok's answers that this version does not understand: counted, named, and logged once.

Names only, never a value; and of a refusal only the message that the client got.
"""

from __future__ import annotations

import heapq
import logging
import re

from ...errors import GrokApiError, UpstreamRefused
from ...protocol.counters import MAX_UNKNOWN_KEYS, Counters
from ...protocol.upstream_words import cleaned

__all__ = ["Drift", "shown_keys"]

SHOWN_KEYS = 20
SHOWN_CHARS = 60

_NOT_PRINTABLE = re.compile(r"[^ -~]")

_log = logging.getLogger(__name__)


class Drift:
    """Counts of input that was not understood since this process began.

    :ivar counters: the sum of all decoders' counters.
    :ivar refused_models: our name of a model -> how often Grok refused a question to it for a
        reason of its own.
    """

    def __init__(self) -> None:
        self.counters = Counters()
        self.refused_models: dict[str, int] = {}

    @property
    def unknown_keys(self) -> dict[str, int]:
        """See :func:`shown_keys`."""
        return shown_keys(self.counters)

    def note(self, model: str, passed_over: Counters, error: GrokApiError | None) -> None:
        """Count an answer that has ended.

        :param model: our name of its model.
        :param passed_over: its decoder's counters.
        :param error: its failure, without secrets; None if it did not fail.
        """
        before = frozenset(self.counters.unknown_keys)
        self.counters.add(passed_over)
        for key in self.counters.unknown_keys:
            if key not in before:
                _log.warning(
                    "Grok sent a key that nobody here knows: %s (model %s)", _shown(key), model
                )
        if isinstance(error, UpstreamRefused):
            self._note_refusal(model, error)

    def _note_refusal(self, model: str, error: UpstreamRefused) -> None:
        count = self.refused_models.get(model, 0)
        if count or len(self.refused_models) < MAX_UNKNOWN_KEYS:
            self.refused_models[model] = count + 1
            if not count:
                _log.warning("Grok refuses the model %s: %s", model, error.message)


def shown_keys(counters: Counters) -> dict[str, int]:
    """The most frequent unknown keys, as they may be shown, with their counts; the highest count
    first.
    """
    shown: dict[str, int] = {}
    for key, count in counters.unknown_keys.items():
        name = _shown(key)
        shown[name] = shown.get(name, 0) + count
    return dict(heapq.nlargest(SHOWN_KEYS, shown.items(), key=lambda item: item[1]))


def _shown(key: str) -> str:
    """A name that is safe to publish: if a token ever stands in its place, it is not repeated."""
    return _NOT_PRINTABLE.sub("?", cleaned(key))[:SHOWN_CHARS] or "?"
