"""Configurations as tests write them."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from grokcore.config import (
    Config,
    load_config,
)


def config_of(text: str = "", **more: Any) -> Config:
    """The configuration of a text without anything strange in it."""
    config, warnings = load_config(text, **more)
    assert warnings == []
    return config


def warnings_of(text: str = "", **more: Any) -> list[str]:
    return load_config(text, **more)[1]


@frozen
class Value:
    """A setting as written (TOML), and as it is understood."""

    key: str
    written: str
    value: Any


def read(config: Config, key: str) -> Any:
    section, name = key.split(".")
    return getattr(getattr(config, "global_" if section == "global" else section), name)


ORIGINAL = """
[grok]
api_key = "sk-mine"
proxy_url = "socks5://127.0.0.1:1080"
proxy_pool_url = ""
proxy_pool_interval = 300
cache_proxy_url = ""
cf_clearance = "cf_clearance=abc"
x_statsig_id = "mine"
dynamic_statsig = true
filtered_tags = "xaiartifact,xai:tool_usage_card,grok:render"
stream_chunk_timeout = 100
stream_total_timeout = 500
stream_first_response_timeout = 40
temporary = false
show_thinking = false
retry_status_codes = [401, 429]

[global]
base_url = "http://me.example:8000/"
log_level = "DEBUG"
image_mode = "base64"
admin_username = "admin"
admin_password = "secret"
image_cache_max_size_mb = 512
video_cache_max_size_mb = 1024
max_upload_concurrency = 20
max_request_concurrency = 100
batch_save_interval = 1.0
batch_save_threshold = 10
"""
