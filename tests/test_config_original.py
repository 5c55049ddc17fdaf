"""A configuration of the original project."""

from __future__ import annotations

import pytest

from grokcore.config import (
    GlobalConfig,
    GrokConfig,
    ImageMode,
    ServerConfig,
    load_config,
)
from tests.config_cases import ORIGINAL, config_of


def test_a_file_of_the_original_project_works() -> None:
    """``[global] base_url`` is this server's address; what means nothing here is named in one line,
    without values.
    """
    config, warnings = load_config(ORIGINAL)
    assert config.server == ServerConfig(public_url="http://me.example:8000")
    assert config.grok == GrokConfig(
        api_key="sk-mine",
        proxy_url="socks5h://127.0.0.1:1080",
        cf_clearance="abc",
        x_statsig_id="mine",
        stream_chunk_timeout=100,
        stream_total_timeout=500,
        stream_first_response_timeout=40,
        temporary=False,
        show_thinking=False,
        image_mode=ImageMode.BASE64,
    )
    assert config.global_ == GlobalConfig(log_level="DEBUG")
    dropped = [
        *("[global] admin_username", "[global] admin_password", "[global] image_cache_max_size_mb"),
        *(
            "[global] video_cache_max_size_mb",
            "[global] max_upload_concurrency",
            "[global] max_request_concurrency",
        ),
        *(
            "[global] batch_save_interval",
            "[global] batch_save_threshold",
            "[grok] cache_proxy_url",
        ),
        *(
            "[grok] dynamic_statsig",
            "[grok] proxy_pool_url",
            "[grok] proxy_pool_interval",
            "[grok] retry_status_codes",
        ),
    ]
    (warning,) = warnings
    prefix, _, names = warning.partition(": ")
    assert prefix == "settings of the original project without effect here"
    assert sorted(names.split(", ")) == sorted(dropped)


def test_our_own_names_win_over_the_originals() -> None:
    """An owner who writes both means ours."""
    text = """
        [global]
        base_url = "https://old.example"
        image_mode = "base64"
        [server]
        public_url = "https://new.example"
        [grok]
        image_mode = "cache"
    """
    config = config_of(text)
    assert (config.server.public_url, config.grok.image_mode) == (
        "https://new.example",
        ImageMode.CACHE,
    )


@pytest.mark.parametrize(("text", "mode"), [
    ('[global]\nimage_mode = "url"\nbase_url = "http://me.example:8000"', ImageMode.CACHE),
    ('[global]\nimage_mode = "url"\nbase_url = ""', ImageMode.URL),
    ('[global]\nimage_mode = "base64"\nbase_url = "http://me.example:8000"', ImageMode.BASE64),
    ('[global]\nbase_url = "http://me.example:8000"', ImageMode.CACHE),
    ('[global]\nimage_mode = "url"\nbase_url = "http://me.example:8000"\n[grok]\nimage_mode = "url"', ImageMode.URL),
])  # fmt: skip
def test_the_originals_links_are_links_to_this_server(text: str, mode: ImageMode) -> None:
    """There ``url`` meant links below ``base_url``, to copies that it kept; so it does here. Our
    own key means what it says.
    """
    assert config_of(text).grok.image_mode is mode
