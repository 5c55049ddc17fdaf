"""The official lanes of a server: credentials, models, desks, and their saved state."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import trio

from ..config import ApiConfig, CliConfig, Config
from ..protocol.conversation.usage import TICKS_PER_USD
from ..protocol.models import LaneName, LaneUse
from ..protocol.official.model_list import ModelKind
from ..protocol.official.refusals import refusal_of_response
from ..protocol.pool.desk_view import Plan, Stock
from ..protocol.pool.spending import Spending
from ..runtime.days import Days
from ..runtime.disk.state_file import Record
from ..runtime.lanes.official.asker import OfficialAsker
from ..runtime.lanes.official.catalogue import CatalogueKeeper
from ..runtime.lanes.official.cli_session import CliSessionFile, find_auth_file
from ..runtime.lanes.official.client_version import ClientVersion
from ..runtime.lanes.official.credentials import CredentialSource, FixedKey
from ..runtime.lanes.official.credits import CreditsLook
from ..runtime.lanes.official.key_file import KeyFile
from ..runtime.lanes.official.offer import Offer
from ..runtime.lanes.official.token_command import TokenCommand
from ..runtime.lanes.official.uploads import FileUploads
from ..runtime.pool.desk import Desk
from ..runtime.transport.curl import CurlTransport
from ..runtime.transport.seam import Transport

if TYPE_CHECKING:  # a server whose official lanes are not in use does without their memory
    from ..runtime.lanes.official.lane import OfficialLane
    from ..runtime.lanes.official.media_calls import OfficialMedia
    from ..runtime.sharing.shared_ledger import SharedLedger
    from ..runtime.sharing.table_seam import SharedTable

__all__ = [
    "RECORD_KEYS",
    "LaneConfig",
    "Official",
    "OfficialWay",
    "asker_of",
    "is_set_up",
    "source_of",
]

WATCH_S = 1.0
"""Pause between two looks at the file of a credential, in seconds."""

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


def asker_of(
    name: LaneName,
    settings: LaneConfig,
    source: CredentialSource,
    transport: Transport,
    proxy_url: str,
) -> OfficialAsker:
    """A part that asks about the account of a lane."""
    # Late, since a server whose official lanes are not in use does without their memory.
    from ..runtime.lanes.official.lane import headers_of

    return OfficialAsker(
        transport,
        name,
        settings.base_url,
        source,
        lambda credential: headers_of(name, credential, ""),
        lambda status, headers, body: refusal_of_response(status, headers, body, lane=name),
        proxy_url,
    )


class OfficialWay:
    """An official lane with all its parts.

    :ivar settings: of the moment; changed by :meth:`adopt` only.
    :ivar source: the place that its credential comes from.
    :ivar desk: lends its credential.
    :ivar lane: asks its questions; None while the settings don't let any be asked.
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
        self.source = source_of(self.settings)
        self.keeper = CatalogueKeeper(self.asker, time.time, self._listed)
        self.offer = Offer(self.keeper)
        self.credits = CreditsLook(self.asker, self._told)
        self.desk = Desk(
            name, self.source, self.offer, spending=spending, stock=self._stock, plan=self._plan
        )
        self._uploads = FileUploads(transport)
        self.lists_changed = False
        self._open = False
        self._in_use = trio.Event()
        self._asking = trio.CancelScope()
        self.lane = self._lane()
        self._apply(config)

    @property
    def in_use(self) -> bool:
        """Whether the settings let questions be asked of the lane."""
        return is_set_up(self.settings) and self.settings.use is not LaneUse.OFF

    def open(self) -> None:
        """Have the desk lend: requests can be made from now on."""
        self._open = True
        self._switch()

    def adopt(self, config: Config) -> None:
        """Use other settings from now on. Answers under way finish with those they have."""
        old, self.settings = self.settings, _settings(config, self.name)
        if _credential_settings(old) != _credential_settings(self.settings):
            self.source = self.desk.holder = source_of(self.settings)
            self.desk.standing.forget()
            self.keeper.hurry()
        self._apply(config)

    def _apply(self, config: Config) -> None:
        settings = self.settings
        self._proxy_url = self.desk.proxy_url = config.grok.proxy_url
        self.offer.allowed = frozenset(settings.models)
        self.offer.ours = frozenset(config.models)
        self.offer.stand_ins = dict(settings.stand_ins)
        if isinstance(settings, ApiConfig):
            self.desk.calendar = Days(settings.timezone or config.server.timezone, time.time)
            if self.desk.spending is not None:
                self.desk.spending.cap = round(settings.daily_usd * TICKS_PER_USD)
        self.lane = self._lane()
        self._switch()
        self.desk.changed()

    def _switch(self) -> None:
        """Open or shut the desk; begin or end the questions for the list of models."""
        self.desk.use = self.settings.use if self.in_use and self._open else LaneUse.OFF
        if self.in_use:
            self._in_use.set()
        elif self._in_use.is_set():
            self._in_use = trio.Event()
            self._asking.cancel()

    def _lane(self) -> OfficialLane | None:
        if not self.in_use:
            return None
        # Late, as above.
        from ..runtime.lanes.official.lane import OfficialLane

        base_url, source = self.settings.base_url, self.source
        return OfficialLane(self.name, self._transport, base_url, source, self.offer, self._uploads)

    def asker(self) -> OfficialAsker:
        """A part that asks about the account, with the settings of the moment."""
        return asker_of(self.name, self.settings, self.source, self._transport, self._proxy_url)

    def secret(self) -> str:
        """The key or token; empty if there is none."""
        current = self.source.current
        return "" if current is None else current.secret

    def listed(self, kind: ModelKind) -> tuple[str, ...]:
        """Names of the listed models of one kind."""
        return tuple(one.name for one in self.keeper.catalogue.listed if one.kind is kind)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the list of models, while the lane is in use."""
        task_status.started()
        while True:
            await self._in_use.wait()
            with trio.CancelScope() as self._asking:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.keeper.run)
                    nursery.start_soon(self._watch)
                    if self.name is LaneName.CLI:
                        nursery.start_soon(self.credits.run)

    async def _watch(self) -> None:
        """Have the list asked for whenever there is another credential in the owner's file."""
        known = self.source.key
        while True:
            await trio.sleep(WATCH_S)
            if isinstance(self.settings, CliConfig) and self.settings.token_command:
                continue  # the program is run when its token is needed
            await self.source.refresh()
            if self.source.key not in ("", known):
                self.keeper.hurry()
                self.desk.changed()
            known = self.source.key or known

    def _listed(self) -> None:
        self.lists_changed = True
        self.desk.changed()

    # For the owner -------------------------------------------------------------------------------

    def _stock(self) -> Stock:
        catalogue = self.keeper.catalogue
        age = None if catalogue.at is None else max(0.0, time.time() - catalogue.at)
        return Stock(len(self.offer.names), age, catalogue.fault)

    def _plan(self) -> Plan | None:
        found = self.credits.look() if self.name is LaneName.CLI else None
        if found is None:
            return None
        return Plan(found.percent_used, found.period, found.period_end)

    def _told(self) -> None:
        self.desk.changed()


class Official:
    """Both official lanes, the CLI's first.

    :param transport: of requests to official hosts alone. It runs once a lane is in use, since its
        thread costs memory.
    :param outside: transport of requests to any other host.
    """

    def __init__(self, config: Config, transport: CurlTransport, outside: Transport) -> None:
        self._transport = transport
        self._wanted = trio.Event()
        self._ledger: SharedLedger | None = None
        self.spending = Spending(0)
        self.cli = OfficialWay(LaneName.CLI, config, transport, None)
        self.api = OfficialWay(LaneName.API, config, transport, self.spending)
        self.ways = (self.cli, self.api)
        self._outside = outside
        self._media: OfficialMedia | None = None
        self._look()

    def _look(self) -> None:
        if any(way.in_use for way in self.ways):
            self._wanted.set()

    @property
    def media(self) -> OfficialMedia:
        """Makes pictures and videos with the API's key."""
        if self._media is None:
            # Late, as above.
            from ..runtime.lanes.official.media_calls import (
                PICTURE_MODELS,
                VIDEO_MODELS,
                OfficialMedia,
            )

            self._media = OfficialMedia(
                self._transport,
                self._outside,
                self.api.settings.base_url,
                self.api.desk,
                self.api.secret,
                listed_pictures=lambda: self.api.listed(ModelKind.IMAGE) or PICTURE_MODELS,
                listed_videos=lambda: self.api.listed(ModelKind.VIDEO) or VIDEO_MODELS,
            )
        return self._media

    @property
    def desks(self) -> tuple[Desk, ...]:
        """The desks of both."""
        return tuple(way.desk for way in self.ways)

    @property
    def lanes(self) -> dict[LaneName, OfficialLane]:
        """The lanes in use, with the settings of the moment."""
        return {way.name: way.lane for way in self.ways if way.lane is not None}

    def adopt(self, config: Config) -> None:
        """Use other settings from now on.

        :raises ConfigError: if this machine does not know the time zone; nothing has changed then.
        """
        Days(config.api.timezone or config.server.timezone, time.time)
        for way in self.ways:
            way.adopt(config)
        if self._media is not None:
            self._media.base_url = config.api.base_url
        self._look()

    def shift(self, seconds: float) -> None:
        """Count *seconds* that trio's clock has missed."""
        for way in self.ways:
            way.desk.standing.shift(seconds)

    def share_cap(self, table: SharedTable) -> None:
        """Keep the daily cap together with other servers that have the same key."""
        # Late, since a server that shares with nobody does without its memory.
        from ..runtime.sharing.shared_ledger import SharedLedger

        desk = self.api.desk
        self._ledger = desk.ledger = SharedLedger(
            table,
            lambda: desk.holder.key,
            self.spending,
            lambda: desk.calendar(),  # noqa: PLW0108  another one may be put in its place
            on_change=desk.changed,
        )

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
            if not self._wanted.is_set():
                task_status.started()
                task_status = trio.TASK_STATUS_IGNORED
            await self._wanted.wait()
            await nursery.start(self._transport.run)
            if self._ledger is not None:
                await nursery.start(self._ledger.run)
            for way in self.ways:
                way.open()
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
