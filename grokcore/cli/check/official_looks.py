"""The requests of ``check`` to the official lanes: lists and credits, which cost nothing."""

from __future__ import annotations

import os
import time

import trio

from ...config import ApiConfig, Config
from ...errors import GrokApiError, TransportFailure
from ...protocol.models import LaneName
from ...protocol.official.billing import Credits
from ...protocol.official.model_list import OfficialModel, by_name
from ...runtime.transport.curl import CurlTransport
from ..assembly import curl_settings
from ..official_sources import Configured, configured_lanes
from .findings import OnFinding
from .official import LaneLook, judge_lane

__all__ = ["examine_lanes"]

LANE_S = 20.0
"""Bound for all requests about one lane, in seconds."""


async def examine_lanes(config: Config, report: OnFinding) -> None:
    """Report a finding for each official lane that has a credential in the settings."""
    lanes = configured_lanes(config, os.environ)
    if not lanes:
        return
    async with trio.open_nursery() as nursery:
        transport = CurlTransport(curl_settings(config))
        await nursery.start(transport.run)
        for lane in lanes:
            report(judge_lane(await look_at(lane, transport, config.grok.proxy_url)))
        nursery.cancel_scope.cancel()


async def look_at(lane: Configured, transport: CurlTransport, proxy_url: str) -> LaneLook:
    """Ask xAI for a lane's models, and for the credits of a session."""
    source, settings = lane.source, lane.settings
    found: tuple[OfficialModel, ...] = ()
    credit: Credits | None = None
    error: GrokApiError | None = TransportFailure(f"xAI did not answer within {LANE_S:g} s.")
    asker = lane.asker(transport, proxy_url)
    await source.refresh()
    used = source.current
    if used is None:
        return LaneLook(lane.lane, settings.use, lane.place, fault=source.fault)
    with trio.move_on_after(LANE_S):
        try:
            found, error = await asker.models(), None
            credit = await asker.credits() if lane.lane is LaneName.CLI else None
        except GrokApiError as failure:
            error = None if found else failure
    used = source.current or used
    names = by_name(found)
    allowed = frozenset(settings.models)
    return LaneLook(
        lane.lane,
        settings.use,
        lane.place,
        used.id,
        error=error,
        models=sum(not allowed or name in allowed for name in names),
        listed=len(names),
        expires_in=None if used.expires_at is None else used.expires_at - time.time(),
        version=used.version,
        daily_usd=settings.daily_usd if isinstance(settings, ApiConfig) else None,
        used_percent=None if credit is None else credit.percent_used,
        period="" if credit is None else credit.period,
    )
