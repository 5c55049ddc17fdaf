"""All settings: one frozen class per section of the file, with defaults, units and limits."""

from __future__ import annotations

import calendar
import enum
import ipaddress
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs
from attrs import field, frozen

from ..protocol.alerts.kinds import KINDS
from ..protocol.alerts.smtp_url import parse_smtp_url
from ..protocol.alerts.styles import WebhookStyle
from ..protocol.dialects.rendering import ThinkingStyle
from ..protocol.emulation.forms import DEFAULT_WORDS, WORDS
from ..protocol.grok_web.markup import parse_tag_names
from ..protocol.models import LaneName, LaneUse, Limits, Model, Tier, WebLane
from ..protocol.urls.proxy_url import parse_proxy_url
from .strict import SettingFault
from .text import name_shown

__all__ = [
    "DEFAULT_LIMITS",
    "DEFAULT_STATSIG_ID",
    "AlertsConfig",
    "ApiConfig",
    "CliConfig",
    "Config",
    "EarlierPictures",
    "FetchConfig",
    "GlobalConfig",
    "GrokConfig",
    "ImageMode",
    "KeyConfig",
    "LogFormat",
    "LongContext",
    "ModelRow",
    "PoolConfig",
    "ServerConfig",
    "is_loopback",
]

DEFAULT_STATSIG_ID = (
    "ZTpUeXBlRXJyb3I6IENhbm5vdCByZWFkIHByb3BlcnRpZXMgb2YgdW5kZWZp"
    "bmVkIChyZWFkaW5nICdjaGlsZE5vZGVzJyk="
)
"""The original project's constant, which Grok accepted until June 2026 and has refused since.

It is sent because Grok requires the header. A value that works comes from the owner's browser, by
``import-curl``.
"""

DEFAULT_LIMITS = Limits(first_response=30, chunk=120, total=600)


class ImageMode(enum.Enum):
    """The form in which pictures reach the client. ``CACHE`` acts as ``URL`` without a writable
    data directory.
    """

    URL = "url"
    CACHE = "cache"
    BASE64 = "base64"


class LongContext(enum.Enum):
    """The treatment of a conversation that is too long for one message."""

    FILE = "file"
    ERROR = "error"


class EarlierPictures(enum.Enum):
    """The treatment of pictures of earlier turns."""

    NAME = "name"
    ATTACH = "attach"


class LogFormat(enum.Enum):
    """The layout of log lines."""

    TEXT = "text"
    JSON = "json"


# Validators -------------------------------------------------------------------------------------


def _within(least: float, most: float) -> Any:
    def check(_: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
        if value is not None and not least <= value <= most:
            raise SettingFault(
                (attribute.name,),
                f"must be between {_plain(least)} and {_plain(most)}, not {_plain(value)}",
            )

    return check


def _plain(number: float) -> str:
    """*number* with all its digits: 1000000, where ``:g`` writes 1e+06."""
    return f"{number:.15g}"


def _one_of(*choices: str) -> Any:
    def check(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
        if value not in choices:
            raise SettingFault(
                (attribute.name,), f"must be one of {', '.join(choices)}, not {name_shown(value)}"
            )

    return check


def _url(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    try:
        usable = not value or (
            value.startswith(("http://", "https://")) and urlsplit(value).hostname is not None
        )
    except ValueError:
        usable = False
    if not usable or re.search(r"\s", value):
        raise SettingFault((attribute.name,), "must be a URL that starts with https:// or http://")


def _url_path(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    if not re.fullmatch(r"/[!-~]*", value) or re.search(r"[?#]", value):
        raise SettingFault(
            (attribute.name,), "must be a path that starts with a slash, such as /ws/mgw/"
        )


def _proxy(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    try:
        parse_proxy_url(value or "http://none")
    except ValueError as error:
        raise SettingFault((attribute.name,), str(error)) from None


def _address(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    """Check for an address or a name to listen on, without scheme, port and path."""
    bare = value.strip("[]")
    if "://" in value or "/" in value:
        raise SettingFault(
            (attribute.name,),
            "must be an address or a name alone, such as 127.0.0.1, without http:// and path",
        )
    is_one = bare.count(":") >= 2 and value.count("]:") == 0
    if ":" in bare and not is_one:
        raise SettingFault(
            (attribute.name,),
            "must be without the port, which is [server] port (--port); such as 127.0.0.1",
        )


_HOST = re.compile(r"\*|(\*?\.)?[^\s/*:]+(:\d+)?|\[?[0-9a-fA-F:]+\]?(:\d+)?")
_ORIGIN = re.compile(r"\*|null|[A-Za-z][A-Za-z0-9+.-]*://[^\s/]+/?")


def _each_like(pattern: re.Pattern[str], example: str) -> Any:
    def check(_: object, attribute: attrs.Attribute[Any], value: tuple[str, ...]) -> None:
        for number, text in enumerate(value, 1):
            if not pattern.fullmatch(text):
                raise SettingFault(
                    (attribute.name,), f"each must be like {example}, and number {number} is not"
                )

    return check


def _header_value(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    values = value.values() if isinstance(value, dict) else [value]
    if any(not isinstance(text, str) or re.search(r"[^\x20-\x7e]", text) for text in values):
        raise SettingFault(
            (attribute.name,), "must be printable ASCII: it goes into a request header"
        )


def _alert_kinds(_: object, attribute: attrs.Attribute[Any], value: tuple[str, ...]) -> None:
    known = sorted(kind.value for kind in KINDS)
    for name in value:
        if name not in known:
            raise SettingFault(
                (attribute.name,),
                f"each must be one of {', '.join(known)}, and {name_shown(name)} is not",
            )


def _smtp(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    try:
        parse_smtp_url(value or "smtp://none")
    except ValueError as error:
        raise SettingFault((attribute.name,), str(error)) from None


def _share_name(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", value):
        raise SettingFault((attribute.name,), "must be 1 to 64 letters, digits and . _ -")


def _share_url(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    if not value:
        return
    # Late, since a server that shares with nobody does without its memory.
    from ..protocol.sharing.redis_address import share_url

    try:
        share_url(value)
    except ValueError as error:
        raise SettingFault((attribute.name,), str(error)) from None


_MAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+")


def _mail_address(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    if value and not _MAIL.fullmatch(value):
        raise SettingFault((attribute.name,), "must be a bare address, such as me@example.com")


_MOMENT = re.compile(
    r"([12][0-9]{3})-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])"
    r"(?:[Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?)?"
)


def _moment(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    found = _MOMENT.fullmatch(value)
    year, month, day = map(int, found.groups()[:3]) if found else (0, 0, 0)
    if value and not (found and 1 <= day <= calendar.monthrange(year, month)[1]):
        raise SettingFault(
            (attribute.name,),
            'must be a day such as "2026-12-31", or a time such as "2026-12-31T18:00:00Z"',
        )


# Converters -------------------------------------------------------------------------------------


def _without_slash(url: str) -> str:
    return url.rstrip("/")


def _upper(value: str) -> str:
    return value.upper()


def _proxy_form(url: str) -> str:
    """A proxy's URL as :func:`parse_proxy_url` returns it. A text that it refuses stays, for the
    validator to report.
    """
    try:
        return parse_proxy_url(url) if url.strip() else ""
    except ValueError:
        return url


def _clearance_form(value: str) -> str:
    return value.strip().removeprefix("cf_clearance=").rstrip("; ")


def _statsig_form(value: str | dict[str, str]) -> str | dict[str, str]:
    return value or DEFAULT_STATSIG_ID


# Sections ---------------------------------------------------------------------------------------


@frozen
class ServerConfig:
    """``[server]``: where and how the server listens. Times are seconds.

    :ivar timezone: whose midnight ends a day; a name of the IANA database.
    :ivar workers: processes that serve together.
    """

    host: str = field(default="127.0.0.1", validator=_address)
    port: int = field(default=8000, validator=_within(0, 65535))
    public_url: str = field(default="", converter=_without_slash, validator=_url)
    data_dir: str = ""
    max_body_mb: float = field(default=96, validator=_within(0.001, 4096))
    max_streams: int = field(default=256, validator=_within(1, 100_000))
    responses_mb: float = field(default=32, validator=_within(0, 4096))
    responses_hours: float = field(default=24, validator=_within(0.001, 8760))
    grace_seconds: float = field(default=10, validator=_within(0, 3600))
    heartbeat_seconds: float = field(default=10, validator=_within(0.05, 3600))
    hold_seconds: float = field(default=45, validator=_within(0, 3600))
    write_timeout_seconds: float = field(default=30, validator=_within(0.05, 3600))
    page_edits: bool = False
    allowed_hosts: tuple[str, ...] = field(
        default=(), validator=_each_like(_HOST, 'a name such as "grok.example.com"')
    )
    timezone: str = "UTC"
    workers: int = field(default=1, validator=_within(1, 64))
    trusted_proxies: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = field(
        default=(), validator=_each_like(_ORIGIN, '"https://app.example.com" or "*"')
    )


@frozen
class GrokConfig:
    """``[grok]``: the way to Grok, and the form of answers. A timeout of None leaves it to the
    model's row.
    """

    api_key: str = field(default="", repr=False)
    base_url: str = field(default="https://grok.com", converter=_without_slash, validator=_url)
    assets_url: str = field(
        default="https://assets.grok.com", converter=_without_slash, validator=_url
    )
    ca_file: str = ""
    proxy_url: str = field(default="", converter=_proxy_form, validator=_proxy, repr=False)
    impersonate: str = "chrome"
    user_agent: str = field(default="", validator=_header_value)
    cf_clearance: str = field(
        default="", converter=_clearance_form, validator=_header_value, repr=False
    )
    x_statsig_id: str | dict[str, str] = field(
        default=DEFAULT_STATSIG_ID, converter=_statsig_form, validator=_header_value, repr=False
    )
    web_lane: WebLane = WebLane.SOCKET
    socket_path: str = field(default="/ws/mgw/", validator=_url_path)
    filtered_tags: frozenset[str] = parse_tag_names("xaiartifact,xai:tool_usage_card,grok:render")
    show_thinking: bool = True
    thinking_format: str = field(
        default="reasoning_content", validator=_one_of("reasoning_content", "think_tags")
    )
    temporary: bool = True
    memory: bool = False
    citations: bool = True
    long_context: LongContext = LongContext.FILE
    long_context_chars: int = field(default=100_000, validator=_within(1000, 10_000_000))
    tool_text_chars: int = field(default=24_000, validator=_within(1000, 1_000_000))
    tool_form: str = field(default=DEFAULT_WORDS, validator=_one_of(*WORDS))
    earlier_pictures: EarlierPictures = EarlierPictures.NAME
    image_mode: ImageMode = ImageMode.CACHE
    cache_mb: int = field(default=512, validator=_within(0, 1_000_000))
    stream_first_response_timeout: float | None = field(
        default=None, validator=_within(0.05, 86400)
    )
    stream_chunk_timeout: float | None = field(default=None, validator=_within(0.05, 86400))
    stream_total_timeout: float | None = field(default=None, validator=_within(0.05, 86400))

    @property
    def thinking(self) -> ThinkingStyle:
        """The two settings about thinking as one value."""
        return ThinkingStyle(self.thinking_format) if self.show_thinking else ThinkingStyle.HIDDEN


@frozen
class GlobalConfig:
    """``[global]``: the log, and the language of messages (``auto``: the reader's)."""

    log_level: str = field(
        default="INFO",
        converter=_upper,
        validator=_one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    )
    log_format: LogFormat = LogFormat.TEXT
    language: str = field(default="auto", validator=_one_of("auto", "en", "zh"))


@frozen
class PoolConfig:
    """``[pool]``: the distribution of tokens to requests.

    :ivar share: the Redis through which several servers share the tokens; empty for none.
    :ivar share_name: the name of the pool there.
    :ivar share_seconds: after how long a killed server's tokens go to the others.
    """

    max_in_flight_per_token: int = field(default=2, validator=_within(1, 1000))
    queue_seconds: float = field(default=10, validator=_within(0, 3600))
    share: str = field(default="", validator=_share_url, repr=False)
    share_name: str = field(default="default", validator=_share_name)
    share_seconds: float = field(default=15, validator=_within(5, 600))


@frozen
class FetchConfig:
    """``[fetch]``: which private hosts a client's picture URLs may name."""

    allow_hosts: tuple[str, ...] = ()


@frozen
class AlertsConfig:
    """``[alerts]``: the targets of alerts to the owner. All empty: no alerts.

    :ivar kinds: the kinds of alerts that are wanted; empty for all.
    :ivar repeat_minutes: the least time between two alerts of one kind.
    :ivar webhook: a URL that takes JSON. Such URLs, and topics of ntfy, are secrets themselves.
    :ivar smtp: the mail server, as ``smtps://user@host:465`` or ``smtp://user@host:587``.
    :ivar email_from: the sender; empty for the user of *smtp*.
    :ivar proxy_url: the way to *webhook* and *ntfy*; empty for a direct one. ``[grok] proxy_url``
        is not used: it may be the fault that the alert is about.
    """

    kinds: tuple[str, ...] = field(default=(), validator=_alert_kinds)
    repeat_minutes: float = field(default=60, validator=_within(1, 10080))
    webhook: str = field(default="", validator=_url, repr=False)
    webhook_style: WebhookStyle = WebhookStyle.AUTO
    ntfy: str = field(default="", converter=_without_slash, validator=_url, repr=False)
    ntfy_token: str = field(default="", validator=_header_value, repr=False)
    email_to: tuple[str, ...] = field(default=(), validator=_each_like(_MAIL, '"me@example.com"'))
    email_from: str = field(default="", validator=_mail_address)
    smtp: str = field(default="", validator=_smtp)
    smtp_password: str = field(default="", repr=False)
    proxy_url: str = field(default="", converter=_proxy_form, validator=_proxy, repr=False)

    def __attrs_post_init__(self) -> None:
        if not self.email_to:
            return
        if not self.smtp:
            raise SettingFault(("email_to",), "needs [alerts] smtp, the mail server")
        if not self.sender:
            raise SettingFault(
                ("email_to",), "needs [alerts] email_from, since smtp has no address as its user"
            )

    @property
    def wanted(self) -> bool:
        """Whether there is a target."""
        return bool(self.webhook or self.ntfy or self.email_to)

    @property
    def sender(self) -> str:
        """The address that e-mails come from; empty if none is known."""
        user = parse_smtp_url(self.smtp).user if self.smtp else ""
        return self.email_from or (user if _MAIL.fullmatch(user) else "")


def _official_names(_: object, attribute: attrs.Attribute[Any], value: Mapping[str, str]) -> None:
    if any(not name or not other for name, other in value.items()):
        raise SettingFault((attribute.name,), 'must give names: { "grok-auto" = "grok-4.7" }, say')


@frozen
class ApiConfig:
    """``[api]``: a key of xAI's API, which is paid per use.

    :ivar key_file: a file that holds the key alone; *key* is preferred.
    :ivar daily_usd: the most that a day may cost, in US dollars.
    :ivar timezone: whose midnight ends a day of this lane; empty for ``[server] timezone``.
    :ivar models: names of xAI's models that this lane may answer; empty for all that xAI lists.
    :ivar stand_ins: by a name of this server's table, the model of xAI's that answers for it here.
    :ivar images: whether the official routes for pictures and videos are offered.
    """

    key: str = field(default="", validator=_header_value, repr=False)
    key_file: str = ""
    base_url: str = field(default="https://api.x.ai/v1", converter=_without_slash, validator=_url)
    use: LaneUse = LaneUse.OVERFLOW
    daily_usd: float = field(default=1.0, validator=_within(0, 1_000_000))
    timezone: str = ""
    models: tuple[str, ...] = ()
    stand_ins: dict[str, str] = field(factory=dict, validator=_official_names)
    images: bool = False


@frozen
class CliConfig:
    """``[cli]``: the session of xAI's own CLI.

    :ivar auth_file: the file that ``grok login`` wrote; ``auto`` for its usual place, empty for
        none. It is never written.
    :ivar client_version: the CLI's version; empty for that of the installed one.
    :ivar token_command: a program of the owner's that prints a token; with its arguments.
    :ivar models: and *stand_ins*: as in ``[api]``.
    """

    auth_file: str = ""
    base_url: str = field(
        default="https://cli-chat-proxy.grok.com/v1", converter=_without_slash, validator=_url
    )
    client_version: str = field(default="", validator=_header_value)
    use: LaneUse = LaneUse.OVERFLOW
    token_command: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    stand_ins: dict[str, str] = field(factory=dict, validator=_official_names)


@frozen
class KeyConfig:
    """An entry of ``[[keys]]``: a key of the API, in clear or as its SHA-256 (hex).

    :ivar per_day: requests a day, and *tokens_per_day* estimated tokens of questions and answers;
        0 is no limit. ``[server] timezone`` ends a day.
    :ivar expires: the last day of the key, or the time of its end (RFC 3339; without an offset in
        ``[server] timezone``). Empty for none.
    :ivar lanes: the lanes that the key may use. None: all for a key without limits, else grok.com's
        web sessions alone, so that no guest spends the owner's money.
    """

    name: str
    key: str = field(default="", repr=False)
    sha256: str = ""
    models: tuple[str, ...] = ()
    rpm: int = field(default=0, validator=_within(0, 1_000_000))
    concurrent: int = field(default=0, validator=_within(0, 1_000_000))
    per_day: int = field(default=0, validator=_within(0, 1_000_000_000))
    tokens_per_day: int = field(default=0, validator=_within(0, 1_000_000_000_000))
    expires: str = field(default="", validator=_moment)
    lanes: tuple[LaneName, ...] | None = None


@frozen
class ModelRow:
    """``[models."name"]``: differences from the shipped row, or a whole row of its own."""

    grok_model: str | None = None
    mode: str | None = None
    mode_id: str | None = None
    rate_limit_name: str | None = None
    cost: int | None = field(default=None, validator=_within(1, 1000))
    tier: Tier | None = None
    search: bool | None = None
    web_lane: WebLane | None = None
    first_response_timeout: float | None = field(default=None, validator=_within(0.05, 86400))
    chunk_timeout: float | None = field(default=None, validator=_within(0.05, 86400))
    total_timeout: float | None = field(default=None, validator=_within(0.05, 86400))


@frozen
class Config:
    """All settings.

    :ivar models: the whole table, each row with its clocks resolved.
    """

    server: ServerConfig = ServerConfig()
    grok: GrokConfig = GrokConfig()
    global_: GlobalConfig = GlobalConfig()
    pool: PoolConfig = PoolConfig()
    fetch: FetchConfig = FetchConfig()
    alerts: AlertsConfig = AlertsConfig()
    api: ApiConfig = ApiConfig()
    cli: CliConfig = CliConfig()
    keys: tuple[KeyConfig, ...] = ()
    models: Mapping[str, Model] = field(factory=dict)


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
