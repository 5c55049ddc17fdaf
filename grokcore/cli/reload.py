"""Reload of changed files while the server runs: read, check, swap; or keep the old and log why.

Tokens and configuration are read separately, so that a fault in one does not block the other.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

import trio
from attrs import evolve

from ..config import Config
from ..config.rights import Guard
from ..errors import ConfigError
from ..logs import configure_logging
from ..protocol.token_file.reading import Note
from ..protocol.tokens import TokenEntry
from ..runtime.disk.watch import Watch
from ..runtime.transport.curl import check_library
from .assembly import Server, curl_settings
from .changes import changed_settings, differences
from .setup import InputFiles, Settings, naming, refuse_open_door

__all__ = ["NEEDS_RESTART", "Reloader"]

NEEDS_RESTART = frozenset(
    {
        ("server", "host"),
        ("server", "port"),
        ("server", "data_dir"),
        ("server", "grace_seconds"),
        ("server", "write_timeout_seconds"),
        ("pool", "share"),
        ("pool", "share_name"),
        ("pool", "share_seconds"),
        ("server", "workers"),
    }
)
"""Settings that are read once, at the start."""

LOOK_AGAIN_S = 10.0

_T = TypeVar("_T")
_FoundTokens: TypeAlias = tuple[Path | None, tuple[TokenEntry, ...], Sequence[Note]]

_log = logging.getLogger(__name__)


class Reloader:
    """Keeps a running server up to date with its files.

    :param settings: the settings that the server runs with; *tokens* likewise.
    :param notes: notes on the token file that the start has logged; a reload logs new ones only.
    :ivar on_reload: called after the files have been read, unless another reload was requested
        meanwhile. Listeners must not wait.
    """

    def __init__(
        self,
        inputs: InputFiles,
        server: Server,
        settings: Settings,
        tokens: tuple[TokenEntry, ...],
        notes: Sequence[Note] = (),
    ) -> None:
        self._inputs = inputs
        self._server = server
        self._tokens = tokens
        self._notes = notes
        self._token_file = inputs.token_file
        self._config_file = settings.file
        self._guard = Guard(settings.config, settings.said)
        self._warnings = frozenset(settings.warnings)
        self._needs_restart: list[str] = []
        self._asked_for = False
        self._one_at_a_time = trio.Lock()  # an older reading must not be applied after a newer one
        self.on_reload: list[Callable[[], None]] = []
        self.watch = Watch(lambda: inputs.files, known=inputs.seen)

    async def run(self) -> None:
        """Reload whenever a file has changed or :meth:`hurry` was called; during a fault, every 10
        s as well.

        (A file that could not be read for a moment looks unchanged.)
        """
        while True:
            with trio.move_on_after(LOOK_AGAIN_S if self._server.state.notices else math.inf):
                await self.watch.changed()
            await self.reload()

    def hurry(self) -> None:
        """Reload now, because of a SIGHUP."""
        self._asked_for = True
        self.watch.hurry()

    async def reload(self) -> None:
        """Read both files and apply those without a fault; log a line for each change and each
        fault.
        """
        async with self._one_at_a_time:
            await self._reload()

    async def _reload(self) -> None:
        asked_for, self._asked_for = self._asked_for, False
        changed = [
            await self._note("config", self._inputs.read_config, self._take_config),
            await self._note("tokens", self._read_tokens, self._take_tokens),
        ]
        if asked_for and not any(changed):
            wrong = "; still at fault: " + "; ".join(self._server.state.notices.values())
            nothing = "nothing has changed in configuration and tokens%s"
            _log.info(nothing, wrong if self._server.state.notices else "")
        if not self._asked_for:
            for listener in self.on_reload:
                listener()

    async def _note(self, what: str, read: Callable[[], _T], take: Callable[[_T], bool]) -> bool:
        """Read in a thread, then apply. Returns whether something was logged.

        (A pool of thousands takes a while to read. A hung disk takes for ever, and must not delay
        the end of the server.)
        """
        notices = self._server.state.notices
        try:
            changed = take(await trio.to_thread.run_sync(read, abandon_on_cancel=True))
        except ConfigError as error:
            fault = str(error)
        except Exception:  # boundary: no file may bring the server down
            _log.exception("a bug kept %s from being taken over", what)
            fault = f"{what}: a bug kept it from being taken over; the log has the details"
        else:
            mended = notices.pop(what, "")
            if mended and not changed:  # else "taken over" says it
                _log.info("mended: %s", mended)
            return bool(mended) or changed
        new = notices.get(what) != fault
        if new:
            _log.error("not taken over, the old one stays in use: %s", fault)
        notices[what] = fault
        return new

    def _take_config(self, settings: Settings) -> bool:
        old = self._server.state.config
        self._refuse_loss(settings)
        # Settings that need a restart keep their values, so that the checks see the configuration
        # that will be in force.
        config = _pinned(settings.config, old)
        with naming(settings.file):
            refuse_open_door(config, "")
            if curl_settings(config) != curl_settings(old):
                check_library(curl_settings(config))
        for warning in settings.warnings:
            if warning not in self._warnings:
                _log.warning("%s", warning)
        self._warnings = frozenset(settings.warnings)
        changes = [*differences(old, config)]
        restart = sorted(
            f"[{section}] {name}"
            for section, name in changed_settings(old, settings.config) & NEEDS_RESTART
        )
        new_restart = bool(restart) and restart != self._needs_restart
        if new_restart:
            _log.warning(
                "%s: takes effect after a restart: %s",
                settings.file or "environment",
                ", ".join(restart),
            )
        self._needs_restart = restart
        self._config_file = settings.file
        self._guard.adopt(config, settings.said)
        if changes:
            self._server.adopt_config(config)
            if config.global_ != old.global_:
                configure_logging(config.global_)
            _log.info("%s taken over: %s", settings.file or "defaults", ", ".join(changes))
        return bool(changes) or new_restart

    def _refuse_loss(self, settings: Settings) -> None:
        """Refuse settings from a file that is gone, or cut short by an editor that is still saving
        it.

        :raises ConfigError: if something is lost that only a restart may lose.
        """
        if settings.file is None and self._config_file is not None:
            raise ConfigError(f"{self._config_file}: is gone")
        objection = self._guard.objection(settings.config, settings.said)
        if objection:
            raise ConfigError(
                f"{settings.file or 'environment'}: {objection}; if that is intended, restart the "
                "server"
            )

    def _read_tokens(self) -> _FoundTokens:
        return self._inputs.token_file, *self._inputs.read_tokens_with_notes()

    def _take_tokens(self, tokens_read: _FoundTokens) -> bool:
        file, tokens, notes = tokens_read
        if file is None and self._token_file is not None:
            raise ConfigError(f"{self._token_file}: is gone")
        different = tokens != self._tokens
        change = ""
        if different:
            change = str(self._server.adopt_tokens(tokens))
            able = sum(not entry.disabled for entry in tokens)
            if change:  # none if only the order changed
                _log.info("%s taken over: %s (%d in use)", file, change, able)
        new_notes = [note for note in notes if note not in self._notes]
        for note in new_notes:
            log_note(file, note)
        self._tokens, self._token_file, self._notes = tokens, file, notes
        return bool(change or new_notes)


def log_note(file: Path | None, note: Note) -> None:
    """Log an entry of the token file that was passed over, or taken with a remark."""
    _log.log(logging.INFO if note.expected else logging.WARNING, "%s: %s", file, note.text)


def _pinned(new: Config, old: Config) -> Config:
    """*new* with the values of *old* for settings that need a restart."""
    pinned = new
    for section, name in NEEDS_RESTART:
        kept = evolve(getattr(pinned, section), **{name: getattr(getattr(old, section), name)})
        pinned = evolve(pinned, **{section: kept})
    return pinned
