"""The models that an official lane offers: xAI's list, cut to what the owner allows."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ....protocol.conversation.usage import Usage
from ....protocol.official.costs import cost_of
from ....protocol.official.model_list import is_likely_chat
from .catalogue import CatalogueKeeper

__all__ = ["Offer"]


class Offer:
    """See :class:`~grokcore.runtime.pool.official_seams.Wares`.

    :ivar allowed: xAI's names that may be asked for; empty allows all.
    :ivar ours: names of grok.com's models here: they are not xAI's.
    :ivar stand_ins: by a name of this server's, xAI's name of the model that answers for it.
    """

    def __init__(
        self,
        keeper: CatalogueKeeper,
        allowed: Collection[str] = (),
        stand_ins: Mapping[str, str] | None = None,
    ) -> None:
        self.keeper = keeper
        self.allowed = frozenset(allowed)
        self.stand_ins = dict(stand_ins or {})
        self.ours: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        """The names that clients may ask for: stand-ins' and xAI's own."""
        known = self.keeper.catalogue.models or sorted(self.allowed)
        listed = (name for name in known if self._has(name))
        stand_ins = (name for name in self.stand_ins if self.upstream_name(name))
        return tuple(dict.fromkeys((*stand_ins, *listed)))

    def upstream_name(self, model: str) -> str:
        """The name at xAI of the model that answers for *model*; empty if there is none.

        A stand-in is believed even if xAI's list could not be had yet.
        """
        stand_in = self.stand_ins.get(model)
        if stand_in is not None:
            return stand_in if self._has(stand_in) or not self.keeper.catalogue.models else ""
        return model if self._has(model) else ""

    def _has(self, name: str) -> bool:
        listed = self.keeper.catalogue.models
        if not listed:  # the owner's own list is believed until xAI's can be had
            return name in self.allowed or self._is_believed(name)
        return name in listed and (not self.allowed or name in self.allowed)

    def _is_believed(self, name: str) -> bool:
        """Whether a client's word is taken for a model, as xAI has never listed any."""
        never_listed = self.keeper.catalogue.at is None and not self.allowed
        return never_listed and name not in self.ours and is_likely_chat(name)

    def reasons(self, model: str) -> bool:
        """Whether *model* (xAI's name) takes parameters for its reasoning."""
        known = self.keeper.catalogue.models.get(model)
        return known is None or known.reasons

    def facts(self, model: str) -> Mapping[str, object]:
        """The facts of xAI's list about the model that answers for *model*: its context, the
        efforts that a request may name, and what it takes.
        """
        known = self.keeper.catalogue.models.get(self.upstream_name(model))
        if known is None:
            return {}
        facts: dict[str, object] = {
            "input_modalities": ["text", "image"] if known.pictures_in else ["text"]
        }
        if known.context_window is not None:
            facts["context_window"] = known.context_window
        if known.efforts:
            facts["reasoning_efforts"] = list(known.efforts)
        return facts

    def cost_of(self, usage: Usage, model: str) -> int | None:
        """The cost in ticks by xAI's prices; None if they are unknown."""
        known = self.keeper.catalogue.models.get(model)
        return usage.cost_ticks if known is None else cost_of(usage, known)

    def gone(self, model: str) -> None:  # noqa: ARG002  the list is asked for as a whole
        """Have the list asked for anew: a model of it does not exist any more."""
        self.keeper.demand()
