"""The original project's settings as ours: what is taken, what is left, and why."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping

import pytest
from attrs import field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.config import load_config
from grokcore.config.migration import GuestKey, migrate_settings, read_guest_keys
from grokcore.config.migration_reasons import reason_for
from grokcore.errors import ConfigError
from tests.config_cases import ORIGINAL

GO = """
[app]
app_url = "https://me.example"
app_key = "hush"
api_key = "sk-one, sk-two"
[features]
memory = true
temporary = true
image_format = "base64"
[proxy.egress]
mode = "single_proxy"
proxy_url = "http://127.0.0.1:7890"
resource_proxy_url = "http://127.0.0.1:1"
[proxy.clearance]
mode = "flaresolverr"
cf_cookies = "cf_clearance=abc; other=1"
user_agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0.0.0"
browser = "chrome136"
[retry]
on_codes = "429"
"""


@frozen
class Case:
    """A file of the original's, and the new one."""

    name: str
    old: str
    new: str
    variables: Mapping[str, str] = field(factory=dict)
    proxy: str | None = None


CASES = [
    Case("nothing", "", ""),
    Case("defaults of 2025", "[grok]\nproxy_url = ''\nstream_chunk_timeout = 120\ntemporary = true\n[global]\nlog_level = 'INFO'", ""),
    Case("2025", "[grok]\napi_key = 'a'\nstream_chunk_timeout = 100\nshow_thinking = false\n[global]\nimage_mode = 'base64'", '[grok]\napi_key = "a"\nstream_chunk_timeout = 100\nshow_thinking = false\nimage_mode = "base64"\n'),
    Case("a browser without a clearance", "[proxy.clearance]\nuser_agent = 'x'\nbrowser = 'chrome136'", ""),
    Case("a pool, and the owner's choice", "[proxy.egress]\nmode = 'proxy_pool'\nproxy_pool = ['http://a:1', 'http://b:1']", '[grok]\nproxy_url = "http://127.0.0.1:1"\n', proxy="http://127.0.0.1:1"),
    Case("no proxy any more", "[grok]\nproxy_url = 'http://a:1'\nproxy_pool_url = 'http://b'", "", proxy=""),
    Case("variables", "[app]\napi_key = 'old'", '[server]\nport = 8015\n\n[grok]\napi_key = "new"\n', {"SERVER_PORT": "8015", "GROK_APP_API_KEY": "new", "OTHER": "1"}),
    Case("tags and tables", "[grok]\nfiltered_tags = ['a', 'b']\nx_statsig_id = {'*' = 'c'}", '[grok]\nfiltered_tags = ["a", "b"]\nx_statsig_id = { "*" = "c" }\n'),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_becomes_ours_without_defaults(case: Case) -> None:
    """The owner reads a short file that says what differs, and nothing else."""
    result = migrate_settings(case.old, variables=case.variables, proxy_url=case.proxy)
    assert result.text == case.new
    load_config(result.text)


@pytest.mark.parametrize("text", [ORIGINAL, GO], ids=["2025", "2026"])
def test_the_new_file_means_what_the_old_one_means(text: str) -> None:
    """A server with either file does the same, without a warning about the new one."""
    result = migrate_settings(text)
    new, warnings = load_config(result.text)
    old, _ = load_config(text)
    assert warnings == []
    clocks = ("stream_first_response_timeout", "stream_chunk_timeout", "stream_total_timeout")
    for name in ("server", "grok", "global_", "keys"):
        ours, theirs = getattr(new, name), getattr(old, name)
        assert ours == theirs or name == "grok"
    assert new.grok.cf_clearance == old.grok.cf_clearance
    assert new.grok.proxy_url == old.grok.proxy_url
    assert [getattr(new.grok, clock) for clock in clocks] == [
        getattr(old.grok, clock) for clock in clocks
    ]


def test_every_setting_has_a_line_and_no_line_a_value() -> None:
    """Nothing is lost in silence, and no secret is shown."""
    result = migrate_settings(GO)
    lines = [one.old for one in result.taken] + [one.old for one in result.left]
    assert sorted(lines) == sorted(
        [
            *("[app] app_url", "[app] app_key", "[app] api_key", "[features] memory"),
            *("[features] temporary", "[features] image_format", "[proxy.egress] mode"),
            *("[proxy.egress] proxy_url", "[proxy.egress] resource_proxy_url"),
            *("[proxy.clearance] mode", "[proxy.clearance] cf_cookies"),
            *("[proxy.clearance] user_agent", "[proxy.clearance] browser", "[retry] on_codes"),
        ]
    )
    said = repr((result.taken, result.left))
    assert not any(secret in said for secret in ("hush", "sk-one", "abc", "7890"))
    assert {one.old for one in result.taken if one.same} == {"[features] temporary"}


REASONS = {
    "app.app_key": "the status page",
    "global.admin_password": "the status page",
    "app.webui_enabled": "use a client",
    "chat.dynamic_statsig": "not made up",
    "features.stream": "a client says",
    "proxy.clearance.flaresolverr_url": "challenges",
    "proxy.timeout": "challenges",
    "proxy.egress.mode": "follows",
    "proxy.egress.skip_ssl_verify": "ca_file",
    "network.asset_proxy_url": "one proxy_url",
    "retry.max_retry": "fixed rules",
    "grok.retry_status_codes": "fixed rules",
    "logging.max_files": "stderr",
    "cache.local.image_max_mb": "cache_mb",
    "global.max_upload_concurrency": "bounds",
    "account.selection.max_inflight": "bounds",
    "account.refresh.enabled": "learned state",
    "video.timeout": "clocks",
    "asset.cleanup.enabled": "not changed here",
    "image.image_ws_nsfw": "not changed here",
    "features.video_format": "image_mode",
    "features.thinking_summary": "nothing like it",
}


@pytest.mark.parametrize("place", REASONS)
def test_the_reason_is_the_setting_s_own(place: str) -> None:
    """An owner learns what to do instead."""
    assert REASONS[place] in reason_for(place.split("."))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "is not valid TOML"),
        ("[proxy.egress]\nmode = 'proxy_pool'\nproxy_pool = ['http://a:1']", "[proxy.egress] proxy_pool: a pool"),
        ("[grok]\nproxy_url = 'nonsense'", "proxy_url: must be a proxy URL"),
        ("[grok]\ncf_clearance = 'curl https://grok.com'", "[grok] cf_clearance: "),
        ("[app]\napi_key = 'a'\n[server]\nport = 'x'", "port: must be a whole number"),
    ],
)  # fmt: skip
def test_a_file_that_can_not_be_used_is_refused(text: str, words: str) -> None:
    """Before anything is written, and without a value in the message."""
    with pytest.raises(ConfigError) as refused:
        migrate_settings(text)
    assert words in str(refused.value)


def test_users_keys_become_guests() -> None:
    """They had no rights over accounts there; a key that is the owner's is not written twice."""
    own, other = (hashlib.sha256(key.encode()).hexdigest() for key in ("own", "other"))
    keys, left = read_guest_keys(
        [
            {"key_hash": own, "name": "same"},
            {"key_hash": other.upper(), "enabled": True},
            {"key_hash": other, "enabled": False},
            {"key": "in clear"},
            5,
        ]
    )
    assert keys == [GuestKey("same", own), GuestKey("original-key-2", other)]
    assert [one.old for one in left] == ["key 3", "key 4", "key 5"]
    config = load_config(migrate_settings("[grok]\napi_key = 'own'", keys=keys).text)[0]
    (guest,) = config.keys
    assert (guest.name, guest.sha256, guest.rpm > 0) == ("original-key-2", other, True)
    assert read_guest_keys({}) == ([], [])


@settings(deadline=None, max_examples=25)
@given(
    st.dictionaries(
        st.sampled_from(["app", "grok", "proxy", "keys", "server", "models"]),
        st.sampled_from(
            [
                "1",
                "'x'",
                "[]",
                "{}",
                "[{a = 1}]",
                "{egress = 1}",
                "{api_key = ['a']}",
                "{app_key = 'a'}",
            ]
        ),
    )
)
def test_any_document_is_taken_or_refused(parts: Mapping[str, str]) -> None:
    """Never a crash: an owner's odd file gets a line."""
    text = "\n".join(f"{name} = {value}" for name, value in parts.items())
    with contextlib.suppress(ConfigError):
        load_config(migrate_settings(text).text)
