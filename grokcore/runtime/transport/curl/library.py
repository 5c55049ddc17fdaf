"""The demands on the installed curl_cffi, and the browsers it can show."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import get_args

from attrs import frozen
from curl_cffi import Curl
from curl_cffi._wrapper import lib
from curl_cffi.requests.impersonate import BrowserTypeLiteral, resolve_latest_browser_type

from ....errors import ConfigError

__all__ = ["CurlSettings", "browser_shown", "browsers_known", "check_library"]

SUPPORTED_LIBRARY = ("0.16", "0.17")

PRIVATE_NAMES = (
    "curl_multi_init",
    "curl_multi_cleanup",
    "curl_multi_setopt",
    "curl_multi_add_handle",
    "curl_multi_remove_handle",
    "curl_multi_perform",
    "curl_multi_poll",
    "curl_multi_wakeup",
    "curl_multi_info_read",
    "curl_multi_strerror",
    "curl_ws_recv",
    "curl_ws_send",
    "_curl_easy_setopt",
    "write_callback",
    "seek_buffer_callback",
)

_GOOD_ORDER = 0


@frozen
class CurlSettings:
    """The settings that all requests share.

    :ivar impersonate: a browser that curl_cffi knows; ``"chrome"`` is its newest.
    :ivar ca_file: PEM file of trusted authorities; empty for the usual ones.
    """

    impersonate: str = "chrome"
    ca_file: str = ""


def check_library(settings: CurlSettings) -> None:
    """Make sure that the installed curl_cffi has all functions that are used here.

    :raises ConfigError: if it lacks one; the message names the version, the missing function, or
        the setting at fault.
    """
    version = importlib.metadata.version("curl_cffi")
    missing = [name for name in PRIVATE_NAMES if not hasattr(lib, name)]
    if missing or version.rpartition(".")[0] not in SUPPORTED_LIBRARY:
        lacking = f" (missing: {', '.join(missing)})" if missing else ""
        raise ConfigError(
            f"curl_cffi {version} is installed; this version needs "
            f"{' or '.join(SUPPORTED_LIBRARY)}{lacking}"
        )
    if settings.ca_file and not Path(settings.ca_file).is_file():
        raise ConfigError(f"[grok] ca_file: there is no file {settings.ca_file}")
    curl = Curl()
    try:
        if curl.impersonate(browser_shown(settings)) != _GOOD_ORDER:
            raise ConfigError(
                f"[grok] impersonate: curl_cffi {version} does not know {settings.impersonate!r}"
            )
    finally:
        curl.close()


def browser_shown(settings: CurlSettings) -> str:
    """The browser whose handshake is shown, by curl_cffi's name for it and with its version."""
    return str(resolve_latest_browser_type(settings.impersonate))  # type: ignore[no-untyped-call]


def browsers_known() -> tuple[str, ...]:
    """All browsers that could be shown. A name without a version stands for its newest one."""
    return tuple(map(str, get_args(BrowserTypeLiteral)))
