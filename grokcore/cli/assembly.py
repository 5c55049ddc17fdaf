"""The composition root: builds the whole server from its parts, runs it, and changes it while it
runs.
"""

from __future__ import annotations

import logging
import re
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from attrs import evolve

from ..config import AlertsConfig, Config, ImageMode, LongContext
from ..errors import ConfigError
from ..logs import FOLD_S, write_folded
from ..protocol.browser_values import RECORD_KEYS
from ..protocol.condition import Condition, SharedPool
from ..protocol.emulation.forms import WORDS
from ..protocol.emulation.tools_text import ToolTexts
from ..protocol.grok_web.identity import Identity
from ..protocol.grok_web.question_text import LongTexts
from ..protocol.models import WebLane
from ..protocol.pool.book import TokenBook
from ..protocol.pool.records import record_of
from ..protocol.pool.roster import Adoption
from ..protocol.tokens import TokenEntry
from ..runtime.attachments.fetch import Fetcher
from ..runtime.attachments.lookups import Lookups
from ..runtime.completion.gateway import Gateway
from ..runtime.disk.media_cache import MediaCache
from ..runtime.disk.state_file import Record, StateFile
from ..runtime.disk.state_keeper import StateKeeper, pruned
from ..runtime.lanes.grok_socket.by_model import GrokComLanes
from ..runtime.lanes.grok_socket.lane import GrokSocketLane
from ..runtime.lanes.grok_socket.users import Users
from ..runtime.lanes.grok_web.lane import GrokWebLane
from ..runtime.lanes.grok_web.quota_polling import QuotaAsker, QuotaKeeper
from ..runtime.lanes.grok_web.settings import GrokWebSettings
from ..runtime.pool.leases import TokenPool
from ..runtime.running_clock import RunningClock
from ..runtime.transport.curl import CurlSettings, CurlTransport, check_library
from ..runtime.wall import WallClock, clock_reader
from ..runtime.workers.peers import NoPeers, Peers
from ..web.app import create_app
from ..web.condition import ConditionWatch
from ..web.delivery import Deliveries
from ..web.edits import Edits
from ..web.fellows import Fellows
from ..web.media_maker import MediaMaker
from ..web.observing.asked_models import AskedModels
from ..web.observing.census import Census
from ..web.observing.condition_log import ConditionLog
from ..web.observing.metrics import Metrics, watch_lag
from ..web.observing.request_log import RequestLog
from ..web.server import serve
from ..web.services import Services
from ..web.state import ServerState
from .alerting import RECORD_KEY as ALERTS_KEY
from .alerting import Alerting
from .history import kept_history
from .official import RECORD_KEYS as OFFICIAL_KEYS
from .official import Official
from .program import command
from .setup import Settings, naming

if TYPE_CHECKING:  # a server that shares its pool with nobody, and records nothing, does without
    from ..runtime.sharing.sharer import Sharer
    from ..runtime.sharing.table_seam import SharedTable
    from ..runtime.transport.recording import RecordingTransport

__all__ = [
    "Server",
    "check_curl",
    "curl_settings",
    "identity_of",
    "lane_settings",
    "quota_asker",
    "with_simulator",
]

MEDIA_FOLDER = "media"
"""Folder of the media cache, beside the state file."""

LOGGED_ABOVE_S = 5.0
"""Missed time above this many seconds is logged."""

_log = logging.getLogger(__name__)


class Server:
    """A server with all its parts. Made within trio, run once.

    :param state_file: file for learned state, with the media cache beside it; None keeps nothing.
    :param record: folder for recordings of Grok's responses; None records nothing.
    :param table: the table in which the pool is shared with other servers; None shares nothing.
    :param peers: the other workers of this server; None if it is one process.
    :ivar state: the part that routes see and change.
    :ivar media_maker: returns the maker of pictures and videos at xAI; None while that is not
        offered.
    :ivar lane: the lanes of questions that clients ask from now on.
    :ivar services: the parts that routes use.
    :ivar edits: the means to edit the owner's files; None for a server without files.
    """

    def __init__(
        self,
        config: Config,
        tokens: Sequence[TokenEntry],
        state_file: StateFile | None = None,
        *,
        record: Path | None = None,
        table: SharedTable | None = None,
        peers: Peers | None = None,
    ) -> None:
        self._peers: Peers = peers or NoPeers()
        self._transport = CurlTransport(curl_settings(config))
        # A transport of its own for files that clients refer to: no cookie and no connection of
        # Grok's can reach another host.
        self._fetching = CurlTransport(curl_settings(config))
        # A third one for xAI's official hosts: their connections are a plain client's.
        self._to_xai = CurlTransport(curl_settings(config))
        self.official = Official(config, self._to_xai, self._fetching)
        self._lookups = Lookups()
        book = TokenBook(
            tokens,
            default_proxy=config.grok.proxy_url,
            max_in_flight=config.pool.max_in_flight_per_token,
        )
        self.pool = TokenPool(book, queue_s=config.pool.queue_seconds)
        self._recorder: RecordingTransport | None = None
        if record is not None:
            # Late, since a server that records nothing does without its memory.
            from ..runtime.transport.recording import RecordingTransport

            self._recorder = RecordingTransport(self._transport, record, config.grok.filtered_tags)
        self._users = Users(self._transport)
        rest = GrokWebLane(self._recorder or self._transport, lane_settings(config))
        self.lane = self._lanes(rest, config)
        self.gateway = Gateway(
            self.lane, self.pool, desks=self.official.desks, official=self.official.lanes
        )
        self._wall = self._watched_wall(rest)
        self.state = ServerState(config, trio.current_time(), self._wall)
        self._tokens = tuple(tokens)
        self._quotas = QuotaKeeper(
            self.pool, lambda: quota_asker(self.state.config, self._transport)
        )
        self._alerting = Alerting(config, self._wall, self._fetching, self._to_alert)
        self.state.warned["alerts"] = self._alerting.fault
        self._keeper = self._recall(state_file) if state_file is not None else None
        self._sharer = None if table is None else self._share(table)
        self._history = kept_history(state_file, self.state) if state_file is not None else None
        self._media: MediaCache | None = None
        if state_file is not None:
            self._media = MediaCache(state_file.path.parent / MEDIA_FOLDER, _cache_bytes(config))
        deliveries = Deliveries(self._media)
        self.media_maker: Callable[[], MediaMaker | None] = self._offered_media
        self.edits: Edits | None = None
        census = Census(self.gateway)
        self.services = Services(
            self.gateway,
            self.state,
            self._fetcher,
            deliveries,
            census,
            ConditionWatch(self.gateway, self.state, AskedModels(), census, self._shared_pool),
            lambda: self.media_maker(),  # noqa: PLW0108  another one may be put in its place
            command(),
            lambda: self.edits,
            self._fellows(),
        )
        self._metrics = Metrics(self.services.measured)
        if not self.services.fellows.alone:
            # Late, as above.
            from ..web.peer_answers import answer_peers

            answer_peers(self.services, self._metrics)
        self._listen()

    def _fellows(self) -> Fellows:
        if self._peers.count == 1:
            return Fellows()
        # Late, since a server that is one process does without its memory.
        from ..web.team import Team

        return Team(self._peers)

    def _watched_wall(self, rest: GrokWebLane) -> WallClock:
        """A wall clock whose leaps are passed on to all parts with times of their own."""
        wall = WallClock(clock_reader())
        wall.on_missed += [
            self.pool.shift,
            self.official.shift,
            rest.uploads.shift,
            self._time_missed,
        ]
        wall.on_set.append(self._clock_set)
        self.pool.look = wall.look
        return wall

    def _listen(self) -> None:
        """Have the records of requests and attempts kept."""
        self.state.on_request_end += [
            self._metrics.request_ended,
            RequestLog(self.state.refusals).request_ended,
        ]
        self.gateway.on_failed_attempt += [
            self.state.history.attempt_failed,
            self.state.attempt_failed,
            self._metrics.attempt_failed,
            lambda _: self.pool.changed(),  # so that a refusal of the browser values is saved
        ]

    def _lanes(self, rest: GrokWebLane, config: Config) -> GrokComLanes:
        sockets, path = self._recorder or self._transport, config.grok.socket_path
        return GrokComLanes(rest, GrokSocketLane(rest, sockets, self._users, time.time, path))

    def _recall(self, file: StateFile) -> StateKeeper:
        """Load the learned state, and save every change of it from now on."""
        book = self.pool.book
        keys = {entry.key for entry in self._tokens}
        reading = self._wall.look()
        records = pruned(
            file.load(), keys | RECORD_KEYS | OFFICIAL_KEYS | {ALERTS_KEY}, reading.wall
        )
        set_since = self._wall.recall(records)
        book.recall(records, reading.now, reading.offset, set_since)
        self.state.browser.recall(records, reading.wall, set_since)
        self.official.recall(records)
        self._alerting.recall(records, set_since)
        self.state.key_days.recall(records)
        keeper = StateKeeper(file, self._unsaved_records, records)
        self.pool.on_change.append(keeper.changed)
        self._alerting.on_change.append(keeper.changed)
        self.state.on_key_use.append(keeper.changed)
        for desk in self.official.desks:
            desk.on_change.append(keeper.changed)
        keeper.changed()  # a value that is new since the last run
        self.pool.written = keeper.write_now
        self.state.faults["state"] = lambda: keeper.fault
        return keeper

    def _share(self, table: SharedTable) -> Sharer:
        """Share the pool with other servers."""
        # Late, since a server that shares with nobody does without its memory.
        from ..runtime.sharing.sharer import Sharer

        pool = self.state.config.pool
        sharer = Sharer(
            self.pool,
            table,
            ttl_s=pool.share_seconds,
            max_in_flight=pool.max_in_flight_per_token,
        )
        self._wall.on_missed.append(sharer.shift)
        self.official.share_cap(table)
        return sharer

    def _shared_pool(self) -> SharedPool | None:
        return None if self._sharer is None else self._sharer.state

    def _unsaved_records(self) -> Mapping[str, Record | None]:
        reading = self._wall.look()
        stamp = self._wall.stamp(reading)
        values = self.state.browser.take_unsaved() | self._alerting.take_unsaved()
        official = self.official.take_unsaved()
        made = {"at": round(reading.wall, 3)} | stamp
        return (
            {
                account.entry.key: record_of(account, reading.now, reading.offset) | stamp
                for account in self.pool.book.take_unsaved()
            }
            | {key: record and record | made for key, record in values.items()}
            | {name: day | made for name, day in self.state.key_days.take_records().items()}
            | official
        )

    def _to_alert(self) -> Condition | None:
        """The condition as the alerts see it: a server that is stopping has none."""
        return None if self.state.draining else self.services.condition()

    def _time_missed(self, seconds: float) -> None:
        if seconds >= LOGGED_ABOVE_S:
            message = (
                "%.0f s have passed in which the server did not run (the machine slept, "
                "say); waits have gone on"
            )
            _log.info(message, seconds)

    def _clock_set(self, seconds: float) -> None:
        """Rewrite the state file, whose times are those of the wall clock."""
        _log.info("the wall clock was set by %+.0f s; waits go on as they were", seconds)
        self.pool.book.rewrite()
        self.pool.changed()

    def _offered_media(self) -> MediaMaker | None:
        """The maker of pictures and videos at xAI; None while that is not offered."""
        api = self.official.api
        return self.official.media if self.state.config.api.images and api.in_use else None

    def _fetcher(self, key: str) -> Fetcher:
        config = self.state.config
        resolve = self._lookups.of(key)
        return Fetcher(
            self._fetching, frozenset(config.fetch.allow_hosts), config.grok.proxy_url, resolve
        )

    def _warn_of_no_cache(self) -> None:
        grok = self.state.config.grok
        if grok.image_mode is ImageMode.CACHE and not (self._media and grok.cache_mb):
            lacking = (
                "a [grok] cache_mb above 0" if self._media else "a data directory that can be used"
            )
            _log.warning(
                "Pictures and videos keep Grok's own addresses, which open only with the account "
                "signed in at Grok: "
                '[grok] image_mode = "cache" needs %s. If that is meant, set image_mode = "url".',
                lacking,
            )

    # Running -------------------------------------------------------------------------------------

    async def run(
        self,
        sockets: Sequence[socket.socket],
        stop: trio.Event,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve on bound *sockets* until *stop* is set and everything has drained."""
        app = create_app(self.services, self._metrics)
        self._warn_of_no_cache()
        if self._media is not None:
            await _unless(stop, self._media.load)
        async with trio.open_nursery() as nursery:
            for keeper in (self._keeper, self._history):
                if keeper is not None:
                    await nursery.start(keeper.run)
            async with trio.open_nursery() as helpers:
                await helpers.start(self._transport.run)
                await helpers.start(self._fetching.run)
                if self._recorder is not None:
                    await helpers.start(self._recorder.run)
                await helpers.start(self.gateway.alarm.run)
                async with trio.open_nursery() as serving:
                    await helpers.start(self._quotas.run)
                    await helpers.start(self.official.run)
                    if self._sharer is not None:
                        await helpers.start(self._sharer.run)
                        helpers.start_soon(_after, stop, self._sharer.stopping)
                    helpers.start_soon(watch_lag, self._metrics.lagged)
                    self._watch_standstills()
                    helpers.start_soon(self._wall.run)
                    helpers.start_soon(_log_faults, self.services.condition)
                    if self._peers.index == 0:
                        helpers.start_soon(self._alerting.run)
                    await serving.start(serve, app, self.gateway, self.state, sockets, stop)
                    task_status.started()
                helpers.cancel_scope.cancel()
            # last, so that state which the others learned at their end is saved
            nursery.cancel_scope.cancel()

    def doubt_disk(self, reason: str) -> None:
        """Report that learned state can't be saved, until a write has succeeded."""
        if self._keeper is not None:
            self._keeper.doubt(reason)

    def _watch_standstills(self) -> None:
        """Report standstills to the metrics: a clock that leaves them out is the only part that
        notices.
        """
        clock = trio.lowlevel.current_clock()
        if isinstance(clock, RunningClock):
            clock.on_standstill.append(self._metrics.lagged)

    # Changes while it runs -----------------------------------------------------------------------

    def adopt_tokens(self, tokens: Sequence[TokenEntry]) -> Adoption:
        """Use these tokens from now on. Answers under way finish with those they have."""
        self._tokens = tuple(tokens)
        return self._adopt()

    def adopt_config(self, config: Config) -> None:
        """Use these settings from now on. Answers under way finish with those they began with.

        Where the server listens, and how it stops, stay as they are.
        """
        old = self.state.config
        self.state.adopt(config)
        self._transport.adopt(curl_settings(config))
        self._fetching.adopt(curl_settings(config))
        self._to_xai.adopt(curl_settings(config))
        self.official.adopt(config)
        self._alerting.adopt(config)
        self.gateway.official = dict(self.official.lanes)
        rest = evolve(self.lane.rest, settings=lane_settings(config))
        self.lane = self.gateway.lane = self._lanes(rest, config)
        self.pool.queue_s = config.pool.queue_seconds
        if self._media is not None:
            self._media.most_bytes = _cache_bytes(config)
        if (config.grok.image_mode, config.grok.cache_mb) != (
            old.grok.image_mode,
            old.grok.cache_mb,
        ):
            self._warn_of_no_cache()
        if (config.grok.proxy_url, config.pool) != (old.grok.proxy_url, old.pool):
            self._adopt()
        if self._sharer is not None:
            self._sharer.part.max_in_flight = config.pool.max_in_flight_per_token
        if (identity_of(config), curl_settings(config)) != (identity_of(old), curl_settings(old)):
            self.pool.book.forget_egresses()
        self.pool.changed()

    def _adopt(self) -> Adoption:
        config = self.state.config
        adoption = self.pool.book.adopt(
            self._tokens,
            default_proxy=config.grok.proxy_url,
            max_in_flight=config.pool.max_in_flight_per_token,
            now=trio.current_time(),
        )
        self.pool.changed()
        return adoption


def curl_settings(config: Config) -> CurlSettings:
    """The part of the configuration that the transport needs."""
    return CurlSettings(impersonate=config.grok.impersonate, ca_file=config.grok.ca_file)


def check_curl(settings: Settings) -> None:
    """Check that the installed libcurl supports the configured browser and certificate file.

    :raises ConfigError: if it doesn't; the message names the flag, variable or file of the setting.
    """
    try:
        check_library(curl_settings(settings.config))
    except ConfigError as error:
        found = re.match(r"\[grok\] (\w+):", str(error))
        with naming(settings.source("grok", found.group(1)) if found else settings.file):
            raise


def quota_asker(config: Config, transport: CurlTransport) -> QuotaAsker:
    """A client for Grok's rate limits, as configured."""
    lanes: dict[WebLane, set[str]] = {WebLane.SOCKET: set(), WebLane.REST: set()}
    for model in config.models.values():
        lanes[model.web_lane].add(model.rate_limit_name)
    modes = frozenset(lanes[WebLane.SOCKET] - lanes[WebLane.REST])
    return QuotaAsker(transport, config.grok.base_url, identity_of(config), modes)


def with_simulator(config: Config, url: str) -> Config:
    """*config* with a simulated Grok at *url* in the place of the real one, no credential of an
    official lane, and no target of alerts: nothing goes to places that the environment names.
    """
    grok = evolve(config.grok, base_url=url, assets_url=url, proxy_url="")
    api = evolve(config.api, key="", key_file="")
    cli = evolve(config.cli, auth_file="", token_command=())
    return evolve(config, grok=grok, api=api, cli=cli, alerts=AlertsConfig())


def lane_settings(config: Config) -> GrokWebSettings:
    """The part of the configuration that the lanes of grok.com need."""
    grok = config.grok
    return GrokWebSettings(
        base_url=grok.base_url,
        identity=identity_of(config),
        filtered_tags=grok.filtered_tags,
        temporary=grok.temporary,
        memory=grok.memory,
        assets_url=grok.assets_url,
        long_texts=LongTexts(
            grok.long_context_chars, refused=grok.long_context is LongContext.ERROR
        ),
        tool_texts=ToolTexts(grok.tool_text_chars, WORDS[grok.tool_form]),
    )


def _cache_bytes(config: Config) -> int:
    return config.grok.cache_mb * 1024 * 1024


def identity_of(config: Config) -> Identity:
    """The browser that Grok's edge is shown, as configured."""
    return Identity(config.grok.x_statsig_id, config.grok.cf_clearance, config.grok.user_agent)


async def _unless(stop: trio.Event, work: Callable[[], Awaitable[None]]) -> None:
    """Do *work*, but give up when *stop* is set: a hung disk must not keep a starting server from
    stopping.
    """

    async def give_up() -> None:
        await stop.wait()
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give_up)
        await work()
        nursery.cancel_scope.cancel()


async def _after(event: trio.Event, action: Callable[[], None]) -> None:
    await event.wait()
    action()


async def _log_faults(condition: Callable[[], Condition]) -> None:
    """Log counts of repeated faults, and reasons for the condition that have come or gone."""
    log = ConditionLog()
    while True:
        await trio.sleep(FOLD_S / 6)
        write_folded()
        log.look(condition())
