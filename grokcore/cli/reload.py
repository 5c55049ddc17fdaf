"""Taking over changed files while the server runs: read, check, swap; or keep the old and say why.

Tokens and configuration are read apart, so that a fault in one does not hold up the other.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from attrs import evolve

from ..config import Config
from ..errors import ConfigError
from ..logs import configure_logging
from ..protocol.tokens import TokenEntry
from ..runtime.curl import check_library
from ..runtime.watch import Watch
from .server import Server, curl_settings
from .setup import Sources, naming, refuse_open_door

__all__ = ["NEEDS_RESTART", "Reloader", "differences"]

NEEDS_RESTART = frozenset(
    {
        ("server", "host"),
        ("server", "port"),
        ("server", "data_dir"),
        ("server", "grace_seconds"),
        ("server", "write_timeout_seconds"),
    }
)
"""Settings that are read once, at the start."""

_log = logging.getLogger(__name__)


class Reloader:
    """Keeps a running server up to date with its files.

    :param tokens: those that the server runs with.
    """

    def __init__(self, sources: Sources, server: Server, tokens: tuple[TokenEntry, ...]) -> None:
        self._sources = sources
        self._server = server
        self._tokens = tokens
        self._had_token_file = sources.token_file is not None
        self._warnings = frozenset[str]()
        self.watch = Watch(lambda: (sources.config_file, sources.token_file))

    async def run(self) -> None:
        """Reload whenever a file has changed, or :meth:`hurry` was called."""
        while True:
            await self.watch.changed()
            self.reload()

    def hurry(self) -> None:
        """Reload now: somebody sent SIGHUP."""
        self.watch.hurry()

    def reload(self) -> None:
        """Read both files and take over what is right in them; one line of the log for each change and each fault."""
        self._note("config", self._reload_config)
        self._note("tokens", self._reload_tokens)

    def _note(self, what: str, take_over: Any) -> None:
        notices = self._server.state.notices
        try:
            take_over()
        except ConfigError as error:
            if notices.get(what) != str(error):
                _log.error("not taken over, the old one stays in use: %s", error)
            notices[what] = str(error)
        else:
            notices.pop(what, None)

    def _reload_config(self) -> None:
        old = self._server.state.config
        settings = self._sources.read_config()
        # What can't change while the server runs keeps its value, so that what is checked is what will be.
        config = evolve(settings.config, server=_pinned(settings.config, old))
        with naming(settings.file):
            refuse_open_door(config, "")
            if curl_settings(config) != curl_settings(old):
                check_library(curl_settings(config))
        for warning in settings.warnings:
            if warning not in self._warnings:
                _log.warning("%s", warning)
        self._warnings = frozenset(settings.warnings)
        told = [*differences(old, config)]
        restart = [f"[{section}] {name}" for section, name in _changed(old, settings.config) & NEEDS_RESTART]
        if restart:
            _log.warning("%s: takes effect after a restart: %s", settings.file or "environment", ", ".join(restart))
        if told:
            self._server.adopt_config(config)
            if config.global_ != old.global_:
                configure_logging(config.global_)
            _log.info("%s taken over: %s", settings.file or "defaults", ", ".join(told))

    def _reload_tokens(self) -> None:
        file = self._sources.token_file
        if file is None and self._had_token_file:
            raise ConfigError("the token file is gone")
        tokens = self._sources.read_tokens()
        if tokens != self._tokens:
            adoption = self._server.adopt_tokens(tokens)
            able = sum(not entry.disabled for entry in tokens)
            _log.info("%s taken over: %s (%d in use)", file, adoption, able)
        self._tokens = tokens
        self._had_token_file = file is not None


def _pinned(new: Config, old: Config) -> Any:
    kept = {name: getattr(old.server, name) for section, name in NEEDS_RESTART if section == "server"}
    return evolve(new.server, **kept)


def _changed(old: Config, new: Config) -> set[tuple[str, str]]:
    return {
        (section.rstrip("_"), field.name)
        for section, before, after in _sections(old, new)
        for field in attrs.fields(type(before))
        if getattr(before, field.name) != getattr(after, field.name)
    }


def _sections(old: Config, new: Config) -> Iterator[tuple[str, Any, Any]]:
    for section in ("server", "grok", "global_", "pool", "fetch"):
        yield section, getattr(old, section), getattr(new, section)


def differences(old: Config, new: Config) -> Iterator[str]:
    """What is different, setting by setting: ``[pool] queue_seconds 10 -> 5``. Secrets are named, not shown."""
    for section, before, after in _sections(old, new):
        for field in attrs.fields(type(before)):
            was, is_now = getattr(before, field.name), getattr(after, field.name)
            if was != is_now:
                shown = f"{_shown(was)} -> {_shown(is_now)}" if field.repr else "changed"
                yield f"[{section.rstrip('_')}] {field.name} {shown}"
    if old.keys != new.keys:
        yield "[[keys]] changed"
    yield from _table_differences(old.models, new.models)


def _table_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            how = "added" if name not in old else "removed" if name not in new else "changed"
            yield f'[models."{name}"] {how}'


def _shown(value: Any) -> str:
    value = getattr(value, "value", value)
    if isinstance(value, frozenset):
        value = sorted(value)
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
