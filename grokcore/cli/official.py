"""The official lanes of a server: credentials, models, desks, and their saved state."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import trio

from ..config import ApiConfig, CliConfig, Config
from ..protocol.conversation.usage import TICKS_PER_USD
from ..protocol.models import LaneName, LaneUse
from ..protocol.official.refusals import refusal_of_response
from ..protocol.pool.spending import Spending
from ..runtime.days import Days
from ..runtime.disk.state_file import Record
from ..runtime.lanes.official.asker import OfficialAsker
from ..runtime.lanes.official.catalogue import CatalogueKeeper
from ..runtime.lanes.official.cli_session import CliSessionFile, find_auth_file
from ..runtime.lanes.official.client_version import ClientVersion
from ..runtime.lanes.official.credentials import CredentialSource, FixedKey
from ..runtime.lanes.official.credits import CreditsLook
from ..runtime.lanes.official.holder import SourceHolder
from ..runtime.lanes.official.key_file import KeyFile
from ..runtime.lanes.official.lane import OfficialLane, headers_of
from ..runtime.lanes.official.offer import Offer
from ..runtime.lanes.official.token_command import TokenCommand
from ..runtime.lanes.official.uploads import FileUploads
from ..runtime.pool.desk import Desk
from ..runtime.transport.seam import Transport

__all__ = ["RECORD_KEYS", "Official", "OfficialWay", "is_set_up", "source_of"]

FIRST_LIST_S = 2.0
"""Longest wait of a starting server for its first list of an official lane's models, in seconds."""

_SPENDING = "official spending"
_MODELS = {LaneName.CLI: "official models cli", LaneName.API: "official models api"}

RECORD_KEYS = frozenset({_SPENDING, *_MODELS.values()})
"""Keys of the records in the state file."""

LaneConfig: TypeAlias = ApiConfig | CliConfig


def is_set_up(settings: LaneConfig) -> bool:
    """Whether the lane has a credential, as far as the settings say."""
    if isinstance(settings, ApiConfig):
        return bool(settings.key or settings.key_file)
    return bool(settings.auth_file or settings.token_command)


def source_of(settings: LaneConfig) -> CredentialSource:
    """The place that the lane's credential comes from."""
    if isinstance(settings, ApiConfig):
        in_file = settings.key_file and not settings.key
        return KeyFile(Path(settings.key_file)) if in_file else FixedKey(settings.key)
    home, search_path = Path.home(), os.environ.get("PATH")
    file = find_auth_file(settings.auth_file or "auto", os.environ, home)
    version = ClientVersion(settings.client_version, file, search_path)
    if settings.token_command:
        return TokenCommand(settings.token_command, version, time.time)
    return CliSessionFile(file, version, time.time)


class OfficialWay:
    """An official lane with all its parts.

    :ivar settings: of the moment; changed by :meth:`adopt` only.
    :ivar desk: lends its credential.
    :ivar lane: asks its questions.
    :ivar keeper: keeps its list of models.
    :ivar credits: looks at the account's credits.
    """

    def __init__(
        self, name: LaneName, config: Config, transport: Transport, spending: Spending | None
    ) -> None:
        self.name = name
        self.settings = _settings(config, name)
        self._transport = transport
        self._proxy_url = config.grok.proxy_url
        self.holder = SourceHolder(source_of(self.settings))
        self.keeper = CatalogueKeeper(self.asker, time.time, self._listed)
        self.offer = Offer(self.keeper)
        self.desk = Desk(name, self.holder, self.offer, spending=spending)
        self._uploads = FileUploads(transport)
        self.credits = CreditsLook(self.asker)
        self.lists_changed = False
        self._in_use = trio.Event()
        self._asking = trio.CancelScope()
        self.lane = self._lane()
        self._apply(config)

    @property
    def in_use(self) -> bool:
        """Whether questions may be asked of the lane."""
        return self.desk.use is not LaneUse.OFF

    def adopt(self, config: Config) -> None:
        """Use other settings from now on. Answers under way finish with those they have."""
        old, self.settings = self.settings, _settings(config, self.name)
        if _credential_settings(old) != _credential_settings(self.settings):
            self.holder.source = source_of(self.settings)
            self.desk.standing.forget()
            self.keeper.demand()
        self._apply(config)

    def _apply(self, config: Config) -> None:
        settings = self.settings
        self._proxy_url = self.desk.proxy_url = config.grok.proxy_url
        self.offer.allowed = frozenset(settings.models)
        self.offer.stand_ins = dict(settings.stand_ins)
        self.desk.use = settings.use if is_set_up(settings) else LaneUse.OFF
        if isinstance(settings, ApiConfig):
            self.desk.calendar = Days(settings.timezone, time.time)
            if self.desk.spending is not None:
                self.desk.spending.cap = round(settings.daily_usd * TICKS_PER_USD)
        self.lane = self._lane()
        self._switch()
        self.desk.changed()

    def _switch(self) -> None:
        """Begin or end the questions for the list of models."""
        if self.in_use:
            self._in_use.set()
        elif self._in_use.is_set():
            self._in_use = trio.Event()
            self._asking.cancel()

    def _lane(self) -> OfficialLane:
        base_url, source = self.settings.base_url, self.holder.source
        return OfficialLane(self.name, self._transport, base_url, source, self.offer, self._uploads)

    def asker(self) -> OfficialAsker:
        """A part that asks about the account, with the settings of the moment."""
        name = self.name
        return OfficialAsker(
            self._transport,
            name,
            self.settings.base_url,
            self.holder.source,
            lambda credential: headers_of(name, credential, ""),
            lambda status, headers, body: refusal_of_response(status, headers, body, lane=name),
            self._proxy_url,
        )

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the list of models, while the lane is in use."""
        task_status.started()
        while True:
            await self._in_use.wait()
            with trio.CancelScope() as self._asking:
                await self.keeper.run()

    def _listed(self) -> None:
        self.lists_changed = True
        self.desk.changed()


class Official:
    """Both official lanes, the CLI's first.

    :param transport: of requests to official hosts alone.
    """

    def __init__(self, config: Config, transport: Transport) -> None:
        self.spending = Spending(0)
        self.cli = OfficialWay(LaneName.CLI, config, transport, None)
        self.api = OfficialWay(LaneName.API, config, transport, self.spending)
        self.ways = (self.cli, self.api)

    @property
    def desks(self) -> tuple[Desk, ...]:
        """The desks of both."""
        return tuple(way.desk for way in self.ways)

    @property
    def lanes(self) -> dict[LaneName, OfficialLane]:
        """The lanes of both, with the settings of the moment."""
        return {way.name: way.lane for way in self.ways}

    def adopt(self, config: Config) -> None:
        """Use other settings from now on.

        :raises ConfigError: if this machine does not know the time zone; nothing has changed then.
        """
        Days(config.api.timezone, time.time)
        for way in self.ways:
            way.adopt(config)

    def shift(self, seconds: float) -> None:
        """Count *seconds* that trio's clock has missed."""
        for way in self.ways:
            way.desk.standing.shift(seconds)

    # The state file ------------------------------------------------------------------------------

    def recall(self, records: Mapping[str, Record]) -> None:
        """Restore the day's spending and the lists of models."""
        self.spending.recall(records.get(_SPENDING, {}))
        for way in self.ways:
            way.keeper.recall(records.get(_MODELS[way.name], {}))

    def take_unsaved(self) -> dict[str, Record | None]:
        """The records that have changed since the last call."""
        changed: dict[str, Record | None] = {}
        spending = self.spending.take_record()
        if spending is not None:
            changed[_SPENDING] = spending
        for way in self.ways:
            if way.lists_changed:
                way.lists_changed = False
                changed[_MODELS[way.name]] = way.keeper.record() or None
        return changed

    # Running -------------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the lists of models until cancelled. Has started when the lanes in use have been
        asked once, or after a short wait.
        """
        async with trio.open_nursery() as nursery:
            for way in self.ways:
                nursery.start_soon(way.run)
            with trio.move_on_after(FIRST_LIST_S):
                for way in self.ways:
                    if way.in_use and way.keeper.catalogue.at is None:
                        await way.keeper.asked.wait()
            task_status.started()


def _settings(config: Config, name: LaneName) -> LaneConfig:
    return config.api if name is LaneName.API else config.cli


def _credential_settings(settings: LaneConfig) -> object:
    if isinstance(settings, ApiConfig):
        return settings.key, settings.key_file, settings.base_url
    return (
        settings.auth_file,
        settings.token_command,
        settings.client_version,
        settings.base_url,
    )
