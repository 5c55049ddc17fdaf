"""Answers to the questions of the other workers: figures, metrics, history, and kept files and
responses.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import orjson
import trio

from ..protocol.conversation.made_media import VideoStage, VideoState
from ..protocol.dialects.openai_responses.store import Shelf
from ..protocol.dialects.openai_responses.travel import item_text, response_text
from ..protocol.workers.figures import Figures
from ..protocol.workers.metric_sums import written
from ..runtime.disk.media_cache import MediaCache
from ..runtime.threads import in_thread
from .observing.metrics import Metrics
from .observing.whole_metrics import families_in
from .services import Services
from .topics import DROP, FIGURES, HISTORY, ITEM, MEDIA, METRICS, RESPONSE, VIDEO
from .usage import used_rows

__all__ = ["answer_peers", "own_figures"]


def answer_peers(services: Services, metrics: Metrics) -> None:
    """Answer the other workers from now on."""
    peers, history = services.fellows.peers, services.state.long_history

    async def figures(_: object) -> Figures:
        return own_figures(services)

    async def metrics_page(_: object) -> object:
        return {"worker": peers.index, "page": written(families_in(metrics))}

    async def history_record(_: object) -> object:
        # In a thread: a full history takes some 50 ms.
        text = await in_thread(functools.partial(_dumped, history.record()))
        return text.decode()

    peers.answer(FIGURES, figures)
    peers.answer(METRICS, metrics_page)
    peers.answer(HISTORY, history_record)
    _answer_about_responses(services)
    _answer_about_videos(services)
    if services.deliveries.cache is not None:
        _answer_about_media(services, services.deliveries.cache)


def _dumped(make: Callable[[], object]) -> bytes:
    return orjson.dumps(make())


def own_figures(services: Services) -> Figures:
    """This worker's figures; see :mod:`grokcore.protocol.workers.figures`."""
    peers, state = services.fellows.peers, services.state
    return {
        "worker": peers.index,
        "restarts": peers.restarts,
        "open": services.gateway.open_count,
        "waiting": services.gateway.pool.waiting,
        "minutes": [attrs.asdict(one) for one in state.history.minutes() if one.requests],
        "faults": [attrs.asdict(one) for one in state.history.faults()],
        "keys": used_rows(services),
    }


def _answer_about_responses(services: Services) -> None:
    peers = services.fellows.peers

    def shelf(value: Mapping[str, str]) -> Shelf:
        return services.state.responses.shelf(value["owner"], trio.current_time())

    async def response(value: Mapping[str, str]) -> Any:
        found = shelf(value).response(value["id"])
        return None if found is None else response_text(found)

    async def item(value: Mapping[str, str]) -> Any:
        found = shelf(value).item(value["id"])
        return None if found is None else item_text(found)

    async def drop(value: Mapping[str, str]) -> bool | None:
        return shelf(value).delete(value["id"]) or None

    peers.answer(RESPONSE, response)
    peers.answer(ITEM, item)
    peers.answer(DROP, drop)


def _answer_about_videos(services: Services) -> None:
    async def video(value: Mapping[str, Any]) -> None:
        maker = services.media_maker()
        if maker is not None:
            stage, fault = VideoStage(value["stage"]), value["fault"]
            maker.settle(value["id"], VideoState(stage, fault=fault, cost_ticks=value["cost"]))

    services.fellows.peers.answer(VIDEO, video)


def _answer_about_media(services: Services, cache: MediaCache) -> None:
    fellows = services.fellows

    async def media(name: str) -> str | None:
        path = cache.lend(name)
        return None if path is None else str(path)

    async def elsewhere(name: str) -> Path | None:
        path = await fellows.first(MEDIA, name)
        return None if path is None else Path(path)

    fellows.peers.answer(MEDIA, media)
    cache.elsewhere = elsewhere
