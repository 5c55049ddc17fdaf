"""The lanes that a configuration's models take, and a model for each. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

from ...config import Config
from ...protocol.models import Model, Tier, WebLane

__all__ = ["LANE_WORDS", "cheapest_model", "lanes_in_use"]

LANE_WORDS: Mapping[WebLane, str] = {WebLane.SOCKET: "websocket", WebLane.REST: "REST"}


def lanes_in_use(config: Config) -> tuple[WebLane, ...]:
    """The lanes of the models that chat, the websocket first. Videos are made over REST alone, and
    say nothing of it.
    """
    used = {model.web_lane for model in config.models.values() if not model.video}
    return tuple(lane for lane in WebLane if lane in used)


def cheapest_model(config: Config, lane: WebLane, tier: Tier) -> Model | None:
    """The model of *lane* that costs an account of *tier* least and answers soonest; None if it may
    use none.
    """
    rows = [
        model
        for model in config.models.values()
        if model.web_lane is lane
        and not model.video
        and (model.tier is Tier.BASIC or tier is Tier.SUPER)
    ]
    return min(rows, key=_price, default=None)


def _price(model: Model) -> tuple[bool, int, float]:
    patience = model.limits.first_response if model.limits else 0.0
    return model.tier is Tier.SUPER, model.cost, patience
