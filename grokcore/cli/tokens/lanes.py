"""The credentials of official lanes, for ``tokens list``. xAI is not asked, and no token command is
run.
"""

from __future__ import annotations

import argparse
import os
import time

import trio
from attrs import frozen

from ...errors import ConfigError
from ...protocol.models import LaneUse
from ..official_sources import Configured, configured_lanes
from ..setup import InputFiles
from .states import duration

__all__ = ["ListedLane", "listed_lanes"]

NOT_ASKED = "its program is not run here"


@frozen
class ListedLane:
    """A credential of an official lane.

    :ivar id: short hash; ``-`` if it is not known.
    :ivar key: name that no other has; empty if it is not known.
    :ivar place: where it comes from, in words.
    :ivar state: a few words; empty if there is nothing to say.
    """

    lane: str
    id: str
    key: str
    place: str
    disabled: bool
    state: str


def listed_lanes(arguments: argparse.Namespace) -> list[ListedLane]:
    """The official lanes with a credential in the settings; none if these can't be used."""
    try:
        config = InputFiles(arguments, os.environ).read_config().config
    except ConfigError:
        return []
    lanes = configured_lanes(config, os.environ)
    return list(trio.run(_read, lanes)) if lanes else []


async def _read(lanes: tuple[Configured, ...]) -> list[ListedLane]:
    return [await _listed(lane) for lane in lanes]


async def _listed(lane: Configured) -> ListedLane:
    if not lane.runs_program:
        await lane.source.refresh()
    current = lane.source.current
    state = NOT_ASKED if lane.runs_program else lane.source.fault
    if current is not None:
        ends = current.expires_at
        state = "ok" if ends is None else f"ok, expires in {duration(ends - time.time())}"
    return ListedLane(
        lane.lane.value,
        "-" if current is None else current.id,
        "" if current is None else current.key,
        lane.place,
        lane.settings.use is LaneUse.OFF,
        state,
    )
