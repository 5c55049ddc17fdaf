"""The alerts of a server: their targets, as configured, and their saved state."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import trio

from ..config import AlertsConfig, Config
from ..protocol.alerts.kinds import KINDS, AlertKind
from ..protocol.condition import Condition
from ..runtime.disk.state_file import Record
from ..runtime.transport.seam import Transport
from ..runtime.wall import WallClock

if TYPE_CHECKING:
    from ..protocol.alerts.book import AlertBook
    from ..protocol.alerts.message import Words
    from ..runtime.alerts.sender import AlertSender
    from ..runtime.alerts.target import Target

__all__ = ["RECORD_KEY", "Alerting", "targets_of", "words_of"]

RECORD_KEY = "alerts told"
"""Key of the record in the state file; no token has such a key."""

_NAMES = {
    "webhook": "The webhook of [alerts] does not take alerts; the log has the reason.",
    "ntfy": "The ntfy topic of [alerts] does not take alerts; the log has the reason.",
    "e-mail": "The mail server of [alerts] does not take alerts; the log has the reason.",
}


class Alerting:
    """Alerts the owner to faults, while there is a target.

    :param transport: for requests to foreign hosts; runs as long as this does.
    :param condition: returns the condition of the moment; None while nothing shall be alerted.
    :ivar on_change: listeners, called when there is something to save; must not wait.
    """

    def __init__(
        self,
        config: Config,
        wall: WallClock,
        transport: Transport,
        condition: Callable[[], Condition | None],
    ) -> None:
        self._config = config
        self._wall = wall
        self._transport = transport
        self._condition = condition
        self.on_change: list[Callable[[], None]] = []
        self._book: AlertBook | None = None
        self._sender: AlertSender | None = None
        self._recalled: tuple[Record, float] | None = None
        self._wanted = trio.Event()
        self._running = trio.CancelScope()
        self._look()
        wall.on_set.append(self._clock_set)

    def adopt(self, config: Config) -> None:
        """Use other settings from now on. Alerts under way are sent anew to the new targets."""
        old, self._config = self._config, config
        if _settings(old) != _settings(config):
            self._look()
            self._running.cancel()

    def fault(self) -> str:
        """The targets that don't take alerts, in words without their addresses; empty if all do."""
        failing = self._sender.failing if self._sender is not None else ()
        return " ".join(_NAMES[name] for name in failing)

    async def run(self) -> None:
        """Alert the owner to faults, until cancelled."""
        while True:
            await self._wanted.wait()
            with trio.CancelScope() as self._running:
                await self._watch()
            self._sender = None

    def _look(self) -> None:
        """See whether there is a target."""
        if self._config.alerts.wanted:
            self._wanted.set()
        elif self._wanted.is_set():
            self._wanted = trio.Event()

    async def _watch(self) -> None:
        # Late: a server without alerts does without their memory.
        from ..runtime.alerts.sender import AlertSender
        from ..runtime.alerts.watch import AlertWatch

        self._sender = AlertSender(targets_of(self._config, self._transport))
        await AlertWatch(
            self._adapted_book(),
            self._sender,
            self._condition,
            self._wall.time,
            words_of(self._config),
            self._changed,
        ).run()

    def _adapted_book(self) -> AlertBook:
        from ..protocol.alerts.book import AlertBook

        kinds, repeat_s = _kinds(self._config.alerts), self._config.alerts.repeat_minutes * 60
        if self._book is None:
            self._book = AlertBook(kinds, repeat_s)
            if self._recalled is not None:
                record, set_by = self._recalled
                self._book.recall(record, self._wall.time(), set_by)
        self._book.adopt(kinds, repeat_s)
        return self._book

    # The state file ------------------------------------------------------------------------------

    def recall(
        self,
        records: Mapping[str, Record],
        set_since: Callable[[Mapping[str, object]], float],
    ) -> None:
        """Take over what an earlier run has alerted."""
        record = records.get(RECORD_KEY)
        if record is not None:
            self._recalled = record, set_since(record)

    def take_unsaved(self) -> dict[str, dict[str, object] | None]:
        """The record, if it has changed since the last call."""
        if self._book is None or not self._book.unsaved:
            return {}
        return {RECORD_KEY: self._book.record()}

    def _changed(self) -> None:
        for listener in self.on_change:
            listener()

    def _clock_set(self, seconds: float) -> None:
        if self._book is not None:
            self._book.clock_set(seconds)
            self._changed()


def targets_of(config: Config, transport: Transport) -> list[Target]:
    """The configured targets.

    :param transport: for requests to foreign hosts.
    """
    from ..protocol.alerts.smtp_url import parse_smtp_url
    from ..runtime.alerts.web_target import ntfy_target, webhook_target

    alerts = config.alerts
    targets: list[Target] = []
    if alerts.webhook:
        style = alerts.webhook_style
        targets.append(webhook_target(transport, alerts.webhook, style, alerts.proxy_url))
    if alerts.ntfy:
        token = alerts.ntfy_token
        targets.append(ntfy_target(transport, alerts.ntfy, token, alerts.proxy_url))
    if alerts.email_to:
        from ..runtime.alerts.email_target import EmailTarget

        server = parse_smtp_url(alerts.smtp)
        password, ca_file = alerts.smtp_password, config.grok.ca_file
        targets.append(EmailTarget(server, alerts.sender, alerts.email_to, password, ca_file))
    return targets


def words_of(config: Config) -> Words:
    """How this server's alerts are put."""
    from ..protocol.alerts.message import Words

    named = urlsplit(config.server.public_url).hostname
    return Words(named or socket.gethostname() or "server", secrets=_secrets(config))


def _kinds(alerts: AlertsConfig) -> frozenset[AlertKind]:
    return frozenset(map(AlertKind, alerts.kinds)) or KINDS


def _settings(config: Config) -> object:
    """The settings that alerts depend on."""
    return (
        config.alerts,
        config.grok.ca_file,
        config.global_,
        config.server.public_url,
        _secrets(config),
    )


def _secrets(config: Config) -> Sequence[str]:
    """Texts that no alert may hold."""
    grok, alerts = config.grok, config.alerts
    statsig = grok.x_statsig_id
    proxies = (grok.proxy_url, alerts.proxy_url)
    passwords = (urlsplit(url).password or "" for url in proxies)
    return (
        *(grok.api_key, grok.cf_clearance, config.api.key),
        *([statsig] if isinstance(statsig, str) else statsig.values()),
        *(alerts.webhook, alerts.ntfy, alerts.ntfy_token, alerts.smtp_password),
        *(text for password in passwords for text in (password, unquote(password))),
        *(key.key for key in config.keys),
    )
