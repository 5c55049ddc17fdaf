"""The configuration: defaults, precedence, the original project's files, and every fault with its
key.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from attrs import asdict, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.config import (
    DEFAULT_LIMITS,
    DEFAULT_STATSIG_ID,
    SECTIONS,
    EarlierPictures,
    FetchConfig,
    GlobalConfig,
    GrokConfig,
    ImageMode,
    KeyConfig,
    LogFormat,
    LongContext,
    PoolConfig,
    ServerConfig,
    is_loopback,
    load_config,
)
from grokcore.errors import ConfigError
from grokcore.protocol.alerts.styles import WebhookStyle
from grokcore.protocol.dialects.rendering import ThinkingStyle
from grokcore.protocol.models import LaneUse, Limits, WebLane
from tests.config_cases import Value, config_of, read, warnings_of

# Defaults ---------------------------------------------------------------------------------------

DEFAULTS: dict[str, dict[str, Any]] = {
    "server": {
        "host": "127.0.0.1",
        "port": 8000,
        "public_url": "",
        "data_dir": "",
        "max_body_mb": 96,
        "max_streams": 256,
        "responses_mb": 32,
        "responses_hours": 24,
        "grace_seconds": 10,
        "heartbeat_seconds": 10,
        "hold_seconds": 45,
        "write_timeout_seconds": 30,
        "page_edits": False,
        "allowed_hosts": (),
        "timezone": "UTC",
        "workers": 1,
        "trusted_proxies": (),
        "cors_origins": (),
    },
    "grok": {
        "api_key": "",
        "base_url": "https://grok.com",
        "assets_url": "https://assets.grok.com",
        "ca_file": "",
        "proxy_url": "",
        "impersonate": "chrome",
        "user_agent": "",
        "cf_clearance": "",
        "x_statsig_id": DEFAULT_STATSIG_ID,
        "web_lane": WebLane.SOCKET,
        "socket_path": "/ws/mgw/",
        "filtered_tags": frozenset({"xaiartifact", "xai:tool_usage_card", "grok:render"}),
        "show_thinking": True,
        "thinking_format": "reasoning_content",
        "temporary": True,
        "memory": False,
        "citations": True,
        "long_context": LongContext.FILE,
        "long_context_chars": 100_000,
        "tool_text_chars": 24_000,
        "tool_form": "call",
        "earlier_pictures": EarlierPictures.NAME,
        "image_mode": ImageMode.CACHE,
        "cache_mb": 512,
        # None: the model's own, else 30 / 120 / 600.
        "stream_first_response_timeout": None,
        "stream_chunk_timeout": None,
        "stream_total_timeout": None,
    },
    "global": {"log_level": "INFO", "log_format": LogFormat.TEXT, "language": "auto"},
    "pool": {
        "max_in_flight_per_token": 2,
        "queue_seconds": 10,
        "share": "",
        "share_name": "default",
        "share_seconds": 15,
    },
    "fetch": {"allow_hosts": ()},
    "alerts": {
        "kinds": (),
        "repeat_minutes": 60,
        "webhook": "",
        "webhook_style": WebhookStyle.AUTO,
        "ntfy": "",
        "ntfy_token": "",
        "email_to": (),
        "email_from": "",
        "smtp": "",
        "smtp_password": "",
        "proxy_url": "",
    },
    "api": {
        "key": "",
        "key_file": "",
        "base_url": "https://api.x.ai/v1",
        "use": LaneUse.OVERFLOW,
        "daily_usd": 1.0,
        "timezone": "",
        "models": (),
        "stand_ins": {},
        "images": False,
    },
    "cli": {
        "auth_file": "",
        "base_url": "https://cli-chat-proxy.grok.com/v1",
        "client_version": "",
        "use": LaneUse.OVERFLOW,
        "token_command": (),
        "models": (),
        "stand_ins": {},
    },
}


def test_everything_may_be_left_out() -> None:
    """An empty file is a whole configuration, with these values."""
    config = config_of()
    found = {
        name: asdict(getattr(config, "global_" if name == "global" else name)) for name in SECTIONS
    }
    assert found == DEFAULTS
    assert config.keys == ()
    assert (config.server, config.grok, config.global_) == (
        ServerConfig(),
        GrokConfig(),
        GlobalConfig(),
    )
    assert (config.pool, config.fetch) == (PoolConfig(), FetchConfig())


def test_the_models_are_the_shipped_ones_with_their_clocks() -> None:
    """30 / 120 / 600; thinking, expert and heavy 120 / 300 / 900; imagine 120 / 120 / 900."""
    usual, thinking = Limits(30, 120, 600), Limits(120, 300, 900)
    assert usual == DEFAULT_LIMITS
    assert {name: model.limits for name, model in config_of().models.items()} == {
        "grok-3-fast": usual,
        "grok-4-fast": thinking,
        "grok-4-fast-expert": thinking,
        "grok-4-expert": thinking,
        "grok-4-heavy": thinking,
        "grok-4.1": usual,
        "grok-4.1-thinking": thinking,
        "grok-imagine-0.9": Limits(120, 120, 900),
        "grok-auto": thinking,
        "grok-fast": usual,
        "grok-expert": thinking,
        "grok-heavy": thinking,
    }


# Values -----------------------------------------------------------------------------------------


VALUES = [
    Value("server.port", "0", 0),
    Value("server.max_body_mb", "1", 1.0),
    Value("server.grace_seconds", "0.5", 0.5),
    Value("server.public_url", '"https://me.example/"', "https://me.example"),
    Value("server.allowed_hosts", '["a.example", "b.example"]', ("a.example", "b.example")),
    Value("grok.base_url", '"http://127.0.0.1:9000/"', "http://127.0.0.1:9000"),
    Value("grok.proxy_url", '"socks5://proxy.example:1080"', "socks5h://proxy.example:1080"),
    Value("grok.proxy_url", '"socks5h://proxy.example:1080"', "socks5h://proxy.example:1080"),
    Value(
        "grok.proxy_url",
        '" http://user:secret@proxy.example:1 "',
        "http://user:secret@proxy.example:1",
    ),
    Value("grok.cf_clearance", '"cf_clearance=abc-1.2;"', "abc-1.2"),
    Value("grok.cf_clearance", '"abc"', "abc"),
    Value("grok.x_statsig_id", '""', DEFAULT_STATSIG_ID),
    Value("grok.x_statsig_id", '"mine"', "mine"),
    Value("grok.x_statsig_id", '{ "/rest/a" = "x", "*" = "y" }', {"/rest/a": "x", "*": "y"}),
    Value(
        "grok.filtered_tags",
        '"XaiArtifact, grok:render"',
        frozenset({"xaiartifact", "grok:render"}),
    ),
    Value("grok.filtered_tags", '["Grok:Render"]', frozenset({"grok:render"})),
    Value("grok.filtered_tags", '""', frozenset()),
    Value("grok.image_mode", '"base64"', ImageMode.BASE64),
    Value("grok.stream_total_timeout", "60", 60.0),
    Value("global.log_level", '"debug"', "DEBUG"),
    Value("alerts.webhook_style", '"feishu"', WebhookStyle.FEISHU),
    Value("alerts.ntfy", '"https://ntfy.example/topic/"', "https://ntfy.example/topic"),
    Value("alerts.kinds", '["down", "file"]', ("down", "file")),
    Value("global.log_format", '"json"', LogFormat.JSON),
]


@pytest.mark.parametrize("case", VALUES, ids=lambda case: f"{case.key} = {case.written}")
def test_values_are_understood(case: Value) -> None:
    """In every form that people write them."""
    section, name = case.key.split(".")
    assert read(config_of(f"[{section}]\n{name} = {case.written}"), case.key) == case.value


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("", ThinkingStyle.REASONING_CONTENT),
        ('thinking_format = "think_tags"', ThinkingStyle.THINK_TAGS),
        ("show_thinking = false", ThinkingStyle.HIDDEN),
        ('show_thinking = false\nthinking_format = "think_tags"', ThinkingStyle.HIDDEN),
    ],
)
def test_two_settings_say_what_becomes_of_thinking(text: str, style: ThinkingStyle) -> None:
    """Hidden wins."""
    assert config_of(f"[grok]\n{text}").grok.thinking is style


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ("", ""),
        ('smtp = "smtps://me@example.com@smtp.example.com"', "me@example.com"),
        ('smtp = "smtps://me@smtp.example.com"\nemail_from = "it@example.com"', "it@example.com"),
    ],
)
def test_e_mails_come_from_the_user_of_the_mail_server(text: str, sender: str) -> None:
    """Most servers take no other sender."""
    assert config_of(f"[alerts]\n{text}").alerts.sender == sender


def test_keys_are_listed_in_clear_or_hashed() -> None:
    """Each with a name."""
    digest = "0a" * 32
    text = (
        f'[[keys]]\nname = "laptop"\nkey = "secret"\n[[keys]]\nname = "phone"\nsha256 = "{digest}"'
    )
    config = config_of(text)
    assert config.keys == (KeyConfig("laptop", "secret"), KeyConfig("phone", sha256=digest))
    assert "secret" not in repr(config)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ('"2026-12-31"', "2026-12-31"),
        ("2026-12-31", "2026-12-31"),
        ("2024-02-29", "2024-02-29"),
        ('"2026-12-31T18:00:00Z"', "2026-12-31T18:00:00Z"),
        ("2026-12-31 18:00:00.5+08:00", "2026-12-31T18:00:00.500000+08:00"),
        ("2026-12-31T18:00:00", "2026-12-31T18:00:00"),
        ('"2026-12-31 18:00"', "2026-12-31 18:00"),
        ('"2026-12-31t18:00:00z"', "2026-12-31t18:00:00z"),
        ('""', ""),
    ],
)
def test_a_key_may_have_an_end(written: str, kept: str) -> None:
    """A day or a time; TOML has both without quotes, too, and owners write them so."""
    (key,) = config_of(f'[[keys]]\nname = "a"\nkey = "b"\nexpires = {written}').keys
    assert key.expires == kept


def test_secrets_are_not_shown() -> None:
    """A configuration turns up in logs and tracebacks."""
    text = """
        [grok]
        api_key = "secret-1"
        proxy_url = "http://user:secret-2@proxy.example:1"
        cf_clearance = "secret-3"
        x_statsig_id = "secret-4"
        [alerts]
        webhook = "https://example.com/secret-5"
        ntfy = "https://example.com/secret-6"
        ntfy_token = "secret-7"
        smtp_password = "secret-8"
        proxy_url = "http://user:secret-9@proxy.example:1"
    """
    assert "secret" not in repr(config_of(text))


DAY_OR_TIME = 'must be a day such as "2026-12-31", or a time such as "2026-12-31T18:00:00Z"'

# Faults -----------------------------------------------------------------------------------------


@frozen
class Fault:
    """A text that can't be, and the one line that says so."""

    text: str
    message: str


TIMEOUT = "must be between 0.05 and 86400, not"

FAULTS = [
    # Types.
    Fault('[server]\nport = "8000"', "[server] port: must be a whole number, not a string"),
    Fault("[server]\nport = true", "[server] port: must be a whole number, not a boolean"),
    Fault("[server]\nport = 8000.0", "[server] port: must be a whole number, not a number"),
    Fault("[server]\nhost = 5", "[server] host: must be a string, not a number"),
    Fault('[server]\ngrace_seconds = "10"', "[server] grace_seconds: must be a number, not a string"),
    Fault('[grok]\napi_key = "k"\n[[keys]]\nname = "a"\nkey = "k"\nrpm = 1', "[[keys]] a: is the same key as [grok] api_key"),
    Fault(
        f'[[keys]]\nname = "a"\nkey = "k"\n[[keys]]\nname = "b"\nsha256 = "{hashlib.sha256(b"k").hexdigest().upper()}"',
        "[[keys]] b: is the same key as [[keys]] a",
    ),
    Fault('[server]\nallowed_hosts = "a"', "[server] allowed_hosts: must be a list of strings, not a string"),
    Fault("[server]\ncors_origins = [1]", "[server] cors_origins: must be a list of strings, not a list"),
    Fault("[fetch]\nallow_hosts = {}", "[fetch] allow_hosts: must be a list of strings, not a table"),
    Fault('[alerts]\nkinds = ["file", "disk"]', "[alerts] kinds: each must be one of challenge, down, egress, file, lane, model, session_ended, spending_cap, used_up, and 'disk' is not"),
    Fault('[alerts]\nkinds = ["test"]', "[alerts] kinds: each must be one of challenge, down, egress, file, lane, model, session_ended, spending_cap, used_up, and 'test' is not"),
    Fault('[alerts]\nwebhook = "ftp://example.com"', "[alerts] webhook: must be a URL that starts with https:// or http://"),
    Fault('[alerts]\nwebhook_style = "teams"', "[alerts] webhook_style: must be one of auto, json, slack, discord, telegram, feishu, dingtalk, wecom, bark, not 'teams'"),
    Fault('[alerts]\nntfy_token = "\u4e2d"', "[alerts] ntfy_token: must be printable ASCII: it goes into a request header"),
    Fault("[alerts]\nrepeat_minutes = 0", "[alerts] repeat_minutes: must be between 1 and 10080, not 0"),
    Fault('[alerts]\nsmtp = "smtp://me:pw@smtp.example.com"', "[alerts] smtp: must be without the password, which belongs into smtp_password"),
    Fault('[alerts]\nemail_to = ["me"]\nsmtp = "smtp://me@example.com@smtp.example.com"', '[alerts] email_to: each must be like "me@example.com", and number 1 is not'),
    Fault('[alerts]\nemail_from = "Me <me@example.com>"', "[alerts] email_from: must be a bare address, such as me@example.com"),
    Fault('[alerts]\nemail_to = ["me@example.com"]', "[alerts] email_to: needs [alerts] smtp, the mail server"),
    Fault('[alerts]\nemail_to = ["me@example.com"]\nsmtp = "smtp://smtp.example.com"', "[alerts] email_to: needs [alerts] email_from, since smtp has no address as its user"),
    Fault('[grok]\ntemporary = "yes"', "[grok] temporary: must be true or false, not a string"),
    Fault("[grok]\nmemory = 1", "[grok] memory: must be true or false, not a number"),
    Fault("[grok]\napi_key = 5", "[grok] api_key: must be a string, not a number"),
    Fault("[grok]\nfiltered_tags = 5", "[grok] filtered_tags: must be a list of strings, not a number"),
    Fault("[grok]\nx_statsig_id = 5", "[grok] x_statsig_id: must be a string, or a table of request path to string"),
    Fault("[grok]\nx_statsig_id = { a = 5 }", "[grok] x_statsig_id: must be a string, or a table of request path to string"),
    # Ranges and choices.
    Fault("[server]\nport = 65536", "[server] port: must be between 0 and 65535, not 65536"),
    Fault("[server]\nmax_streams = 0", "[server] max_streams: must be between 1 and 100000, not 0"),
    Fault("[server]\nhold_seconds = -1", "[server] hold_seconds: must be between 0 and 3600, not -1"),
    Fault("[server]\nheartbeat_seconds = nan", "[server] heartbeat_seconds: must be between 0.05 and 3600, not nan"),
    Fault("[server]\nwrite_timeout_seconds = inf", "[server] write_timeout_seconds: must be between 0.05 and 3600, not inf"),
    Fault("[server]\nmax_body_mb = 0", "[server] max_body_mb: must be between 0.001 and 4096, not 0"),
    Fault("[pool]\nmax_in_flight_per_token = 0", "[pool] max_in_flight_per_token: must be between 1 and 1000, not 0"),
    Fault("[pool]\nshare = 'http://h'", "[pool] share: must be a Redis URL: redis://HOST:PORT/DB, rediss:// (TLS), or unix:///PATH?db=DB; user and password come before the host, as USER:PASSWORD@"),
    Fault("[pool]\nshare_name = 'a b'", "[pool] share_name: must be 1 to 64 letters, digits and . _ -"),
    Fault("[pool]\nshare_seconds = 4", "[pool] share_seconds: must be between 5 and 600, not 4"),
    Fault("[pool]\nqueue_seconds = -0.1", "[pool] queue_seconds: must be between 0 and 3600, not -0.1"),
    Fault("[grok]\nstream_chunk_timeout = 0", f"[grok] stream_chunk_timeout: {TIMEOUT} 0"),
    Fault("[grok]\ncache_mb = -1", "[grok] cache_mb: must be between 0 and 1000000, not -1"),
    Fault('[grok]\nimage_mode = "links"', "[grok] image_mode: must be one of url, cache, base64, not 'links'"),
    Fault('[grok]\nthinking_format = "xml"', "[grok] thinking_format: must be one of reasoning_content, think_tags, not 'xml'"),
    Fault('[global]\nlog_format = "xml"', "[global] log_format: must be one of text, json, not 'xml'"),
    Fault('[global]\nlanguage = "cn"', "[global] language: must be one of auto, en, zh, not 'cn'"),
    Fault('[global]\nlog_level = "LOUD"', "[global] log_level: must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, not 'LOUD'"),
    # URLs and headers.
    Fault('[server]\npublic_url = "me.example"', "[server] public_url: must be a URL that starts with https:// or http://"),
    Fault('[grok]\nbase_url = "ftp://a"', "[grok] base_url: must be a URL that starts with https:// or http://"),
    Fault('[grok]\nassets_url = "//a"', "[grok] assets_url: must be a URL that starts with https:// or http://"),
    Fault('[grok]\nproxy_url = "user:secret@a:1"', "[grok] proxy_url: must be a proxy URL: http://, https://, socks5:// or socks5h:// with a host; there is no scheme, write it as in http://USER:PW@HOST:PORT, with %40 %23 %2F %3F %3A %25 for @ # / ? : % in USER and PW"),
    Fault('[grok]\nproxy_url = "socks4://a:1"', "[grok] proxy_url: must be a proxy URL: http://, https://, socks5:// or socks5h:// with a host"),
    Fault('[grok]\nuser_agent = "a\\r\\nb: c"', "[grok] user_agent: holds a line end (its character 2)"),
    Fault('[grok]\ncf_clearance = "é"', "[grok] cf_clearance: must be printable ASCII: it goes into a request header"),
    Fault('[grok]\nx_statsig_id = { a = "x\\ny" }', "[grok] x_statsig_id: holds a line end (its character 2)"),
    # Tables.
    Fault("server = 5", "[server]: must be a table"),
    Fault("models = 5", "[models]: must be a table"),
    Fault("[models]\nx = 5", '[models."x"]: must be a table'),
    Fault("keys = 5", "[[keys]]: must be written as [[keys]], once for each key"),
    Fault('keys = ["a"]', "[[keys]] number 1: must be a table"),
    Fault('[keys]\nname = "a"', "[[keys]]: must be written as [[keys]], once for each key"),
    # Keys.
    Fault('[[keys]]\nkey = "secret"', "[[keys]] number 1 name: is missing"),
    Fault('[[keys]]\nname = 5\nkey = "secret"', "[[keys]] number 1 name: must be a string, not a number"),
    Fault('[[keys]]\nname = "a"', "[[keys]] a: needs key, or sha256 with 64 hex digits"),
    Fault('[[keys]]\nname = "a"\nsha256 = "abc"', "[[keys]] a: needs key, or sha256 with 64 hex digits"),
    Fault('[[keys]]\nname = "a"\nkey = "b"\nmodels = ["grok-5"]', "[[keys]] a models: there is no model 'grok-5'; did you mean grok-4.1?"),
    Fault('[[keys]]\nname = "a"\nkey = "b"\nmodels = ["?"]', "[[keys]] a models: there is no model something else"),
    Fault('[server]\nallowed_hosts = ["http://a"]', '[server] allowed_hosts: each must be like a name such as "grok.example.com", and number 1 is not'),
    Fault('[server]\ncors_origins = ["a.example"]', '[server] cors_origins: each must be like "https://app.example.com" or "*", and number 1 is not'),
    Fault('[server]\ncors_origins = ["http://a/b"]', '[server] cors_origins: each must be like "https://app.example.com" or "*", and number 1 is not'),
    *(
        Fault(f'[[keys]]\nname = "a"\nkey = "b"\nexpires = {end}', f"[[keys]] a expires: {words}")
        for end, words in (
            *((f'"{end}"', DAY_OR_TIME) for end in ("soon", "2026-02-29", "2026-00-10", "2026-1-1", "31.12.2026", "0001-01-01", "2026-12-31T25:00:00Z", "2026-12-31T10", "2026-12-31Z", "2026-12-31T10:00:00+24:00", "10:00:00")),
            ("07:32:00", DAY_OR_TIME),
            ("20261231", "must be a string, not a number"),
        )
    ),
    Fault('[[keys]]\nname = "a"\nkey = "b"\nper_day = -5', "[[keys]] a per_day: must be between 0 and 1000000000, not -5"),
    Fault('[[keys]]\nname = "a"\nkey = "b"\ntokens_per_day = true', "[[keys]] a tokens_per_day: must be a whole number, not a boolean"),
    Fault('[[keys]]\nname = "a"\nkey = "b"\nrpm = -5', "[[keys]] a rpm: must be between 0 and 1000000, not -5"),
    # Models.
    Fault('[models."mine"]\ncost = 2', '[models."mine"]: a new model needs grok_model and mode, or mode_id'),
    Fault('[models."mine"]\ngrok_model = "x"', '[models."mine"]: a new model needs grok_model and mode, or mode_id'),
    Fault('[models."grok-4.1"]\ntier = "gold"', "[models.\"grok-4.1\"] tier: must be one of basic, super, not 'gold'"),
    Fault('[models."grok-4.1"]\ncost = 0', '[models."grok-4.1"] cost: must be between 1 and 1000, not 0'),
    Fault('[models."grok-4.1"]\nsearch = "no"', '[models."grok-4.1"] search: must be true or false, not a string'),
    Fault('[models."grok-4.1"]\nmode_id = 5', '[models."grok-4.1"] mode_id: must be a string, not a number'),
    Fault('[models."grok-4.1"]\ntotal_timeout = 0', f'[models."grok-4.1"] total_timeout: {TIMEOUT} 0'),
]  # fmt: skip


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: case.text.replace("\n", " "))
def test_a_fault_is_one_line_that_names_the_key(case: Fault) -> None:
    """The value, the expected form, and the place; secrets are not quoted."""
    with pytest.raises(ConfigError) as caught:
        load_config(case.text)
    message, place, _ = str(caught.value).partition(" (line ")
    assert message == case.message
    assert place
    assert "secret" not in case.message


@pytest.mark.parametrize("text", ["[server", "port = ", "[server]\nport = 1\nport = 2", "\x00"])
def test_what_is_no_toml_says_where(text: str) -> None:
    """With tomllib's own words."""
    with pytest.raises(ConfigError, match=r"^is not valid TOML: .*(line|end of document)"):
        load_config(text)


@pytest.mark.parametrize("key", ["server.public_url", "grok.base_url", "grok.proxy_url"])
def test_a_url_that_cannot_be_split_is_named_by_its_key(key: str) -> None:
    """Like every other fault."""
    section, name = key.split(".")
    with pytest.raises(ConfigError) as caught:
        load_config(f'[{section}]\n{name} = "http://[::1"')
    assert str(caught.value).startswith(f"[{section}] {name}: ")


def test_a_fault_in_the_originals_key_is_named_by_that_key() -> None:
    """The path is one that the user can find in the file."""
    with pytest.raises(ConfigError, match=r"\[global\] base_url"):
        load_config('[global]\nbase_url = "localhost:8000"')


TOML_VALUES = st.sampled_from(
    [
        "1",
        "-1",
        "0.5",
        "nan",
        "true",
        '""',
        '"x"',
        '"http://["',
        "[]",
        '["x"]',
        "[1]",
        "{}",
        "{ a = 1 }",
        "1979-05-27",
    ]
)
ALL_KEYS = [(name, key) for name, keys in DEFAULTS.items() for key in keys]


@settings(deadline=None, max_examples=80)
@given(st.dictionaries(st.sampled_from(ALL_KEYS), TOML_VALUES, max_size=3))
def test_any_value_is_a_configuration_or_a_fault_of_it(values: dict[tuple[str, str], str]) -> None:
    """Never another exception, and one line."""
    text = "\n".join(f"{section}.{key} = {value}" for (section, key), value in values.items())
    said = "["
    try:
        load_config(text)
    except ConfigError as error:
        said = str(error)
    assert said.startswith("[")
    assert "\n" not in said


# Unknown keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("[server]\nprot = 1", "unknown [server] prot has no effect; did you mean port?"),
        ("[grok]\nzzz = 1", "unknown [grok] zzz has no effect"),
        (
            "[global]\nlog_levle = 'INFO'",
            "unknown [global] log_levle has no effect; did you mean log_level?",
        ),
        ("[serve]\nport = 1", "unknown section [serve] has no effect; did you mean server?"),
        ("port = 1", "port stands under no section and has no effect; it belongs under [server]"),
        (
            '[models."grok-4.1"]\nmodeid = "x"',
            'unknown [models."grok-4.1"] modeid has no effect; did you mean mode_id?',
        ),
    ],
)
def test_an_unknown_key_is_a_warning_with_the_nearest_name(text: str, warning: str) -> None:
    """A typo does not stop the server, and does not go by silently."""
    config, warnings = load_config(text)
    assert warnings == [warning]
    assert config == config_of()


def test_an_unknown_key_of_a_key_is_a_warning_too() -> None:
    """A limit with a typo in it would be no limit."""
    warnings = warnings_of('[[keys]]\nname = "laptop"\nkey = "secret"\nconcurent = 2')
    assert warnings == ["unknown [[keys]] laptop concurent has no effect; did you mean concurrent?"]


def test_every_warning_is_given() -> None:
    """Not only the first."""
    text = "[server]\na = 1\nb = 2\n[zzz]\n[models.'grok-4.1']\nc = 3"
    assert len(warnings_of(text, environ={"GROK2API_QQQ": "1"})) == 5


# Remarks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("example.com", False),
        ("", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, loopback: bool) -> None:
    """Anything else needs an API key; an empty host means all addresses."""
    assert is_loopback(host) is loopback


def test_a_warning_is_named_after_what_it_is_about() -> None:
    """The file for what stands in it, the variable for itself; no file that is not there."""
    environ = {"GROK2API_FOO": "1"}
    _, beside_a_file = load_config("[server]\nprot = 1", name="config.toml", environ=environ)
    _, without = load_config("", environ=environ)
    assert beside_a_file[0].startswith("config.toml: unknown [server] prot")
    assert [warnings[-1].partition(" has")[0] for warnings in (beside_a_file, without)] == [
        "unknown environment variable GROK2API_FOO"
    ] * 2
