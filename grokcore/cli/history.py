"""The history of use over a restart: its file beside the state file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..protocol.wall import set_since
from ..runtime.disk.history_file import HistoryFile, HistoryKeeper
from ..runtime.disk.state_file import StateFile
from ..web.state import ServerState

__all__ = ["HISTORY_FILE", "kept_history"]

HISTORY_FILE = "history.json.gz"


def kept_history(state_file: StateFile, state: ServerState) -> HistoryKeeper:
    """Load the history, and save it from now on. It is read like the state file: never raises."""
    file = HistoryFile(state_file.path.parent / HISTORY_FILE, state_file.hold)
    wall, history = state.wall, state.long_history
    record = file.load()
    if record is not None:
        clock = record.get("clock") if isinstance(record, Mapping) else None
        set_by = set_since(clock, wall.look()) if isinstance(clock, Mapping) else 0.0
        if not history.recall(record, set_by):
            file.refuse()

    def take() -> Callable[[], object] | None:
        reading = wall.look()
        return history.take_unsaved(
            {"clock": {"at": round(reading.wall, 3), **wall.stamp(reading)}}
        )

    keeper = HistoryKeeper(file, take)
    state.faults["history"] = lambda: keeper.fault
    return keeper
