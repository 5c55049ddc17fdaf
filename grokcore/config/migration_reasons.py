"""Reasons why settings of the original project are left behind in a migration."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["reason_for"]

_CLOCKS = "each model has its own clocks here: [models]"
_OWN_STATE = "learned state is kept and refreshed without settings"
_STATUS_PAGE = "the status page asks for the API key instead of a password"
_ONE_PROXY = "everything goes through the one proxy_url"
_NO_CHALLENGES = "challenges are not solved here: import-curl takes cf_clearance from your browser"
_CACHE = "the cache is one for pictures and videos: [grok] cache_mb"
_BOUNDS = "[server] max_streams and [pool] max_in_flight_per_token are the bounds here"
_NO_PAGE = "there is no page for chats and pictures: use a client"
_NO_ACTION = "accounts and their files at Grok are not changed here"
_NO_STATSIG = "values of x-statsig-id are not made up here; chats need none"
_CLIENTS_SAY = "a client says that itself in each request"
_CERTIFICATES = "certificates are always checked; [grok] ca_file names another authority"
_RETRIES = "failed questions go to another token by fixed rules"

_REASONS: tuple[tuple[str, str], ...] = (
    (r"app\.app_key|global\.admin_(username|password)", _STATUS_PAGE),
    (r"app\.(webui|function)_\w+|imagine_fast\..+", _NO_PAGE),
    (r"\w+\.dynamic_statsig|statsig\..+", _NO_STATSIG),
    (r"\w+\.stream|features\.custom_instruction", _CLIENTS_SAY),
    (r"proxy\.clearance\..+", _NO_CHALLENGES),
    (r"proxy\.(enabled|flaresolverr_url|refresh_interval|timeout)", _NO_CHALLENGES),
    (r"proxy\.egress\.mode", "the mode follows from proxy_url"),
    (r"proxy\.(egress\.)?skip_\w*ssl\w*", _CERTIFICATES),
    (r"proxy\..+|network\.asset_proxy_url|grok\.(cache_proxy_url|proxy_pool_\w+)", _ONE_PROXY),
    (r"(retry|retry_)\b.*|grok\.retry_status_codes", _RETRIES),
    (r"logging\..+", "the log goes to stderr, and the service manager keeps it"),
    (r"global\.(image|video)_cache_max_size_mb|cache\..+", _CACHE),
    (r"global\.max_\w+_concurrency|performance\..+|batch\..+|account\.selection\..+", _BOUNDS),
    (r"global\.batch_save_\w+|token\..+|account\..+|usage\..+", _OWN_STATE),
    (r"(timeout|network|chat|image|video|voice)\.(\w*timeout\w*)", _CLOCKS),
    (r"nsfw\..+|asset\..+|\w+\.enable_nsfw|image\.\w*nsfw\w*", _NO_ACTION),
    (r"\w+\.video_format", "a video is linked as pictures are: [grok] image_mode"),
)  # fmt: skip
"""Patterns of places, and why they are left."""


def reason_for(place: Sequence[str]) -> str:
    """The reason for the setting at *place*, which is a path of keys."""
    dotted = ".".join(place)
    found = (why for pattern, why in _REASONS if re.fullmatch(pattern, dotted))
    return next(found, "there is nothing like it here")
