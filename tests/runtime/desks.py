"""Desks of official lanes without an xAI, and what they need."""

from __future__ import annotations

from collections.abc import Callable

import trio
from attrs import define, field

from grokcore.protocol.conversation.usage import Usage
from grokcore.protocol.models import SHIPPED, LaneName, LaneUse, official_model
from grokcore.protocol.pool.spending import Spending
from grokcore.runtime.pool.desk import Desk

__all__ = ["DAY", "EVERYWHERE", "OFFICIAL_ONLY", "WEB_ONLY", "FakeHolder", "FakeWares", "desk_of"]

DAY = "2026-11-29"
EVERYWHERE = SHIPPED["grok-3-fast"]
"""A model that tokens and official lanes have."""

OFFICIAL_ONLY = official_model("grok-official")
WEB_ONLY = SHIPPED["grok-4-fast"]


@define
class FakeHolder:
    """A credential. *next_keys* are those that refreshes after a refusal bring."""

    key: str = "key-1"
    fault: str = "There is no credential."
    next_keys: list[str] = field(factory=list)
    refreshed: list[str] = field(factory=list)
    versions_forgotten: int = 0
    slow: Callable[[], float] = lambda: 0.0

    @property
    def id(self) -> str:
        return f"id of {self.key}"

    @property
    def secrets(self) -> tuple[str, ...]:
        return (f"secret {self.key}",)

    async def refresh(self, *, stale: str = "") -> None:
        await trio.sleep(self.slow())
        if stale:
            self.refreshed.append(stale)
        if stale == self.key and self.next_keys:
            self.key = self.next_keys.pop(0)

    def forget_version(self) -> None:
        self.versions_forgotten += 1


@define
class FakeWares:
    """Models, by the name that clients know, and their cost."""

    models: dict[str, str] = field(
        factory=lambda: {EVERYWHERE.name: "grok-x", OFFICIAL_ONLY.name: "grok-official"}
    )
    cost: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.models)

    def upstream_name(self, model: str) -> str:
        return self.models.get(model, "")

    def facts(self, model: str) -> dict[str, object]:
        return {"context_window": 9} if self.upstream_name(model) else {}

    def cost_of(self, usage: Usage, model: str) -> int | None:
        return self.cost

    def gone(self, model: str) -> None:
        self.models = {name: known for name, known in self.models.items() if known != model}


def desk_of(
    name: LaneName = LaneName.API,
    *,
    use: LaneUse = LaneUse.OVERFLOW,
    cap: int | None = None,
    cost: int = 0,
    holder: FakeHolder | None = None,
    wares: FakeWares | None = None,
) -> Desk:
    """A desk at noon.

    :param cap: the daily cap in ticks; None for a lane that costs nothing.
    :param cost: what an answer of each model has cost before, if that is known.
    """
    wares = wares or FakeWares()
    spending = None if cap is None else Spending(cap)
    if spending is not None and cost:
        spending.recall({"costs": {model: [cost] for model in wares.models.values()}})
    return Desk(
        name,
        holder or FakeHolder(f"{name.value}-1"),
        wares,
        use=use,
        spending=spending,
        calendar=lambda: (DAY, 43_200.0 - trio.current_time() % 43_200.0),
    )
