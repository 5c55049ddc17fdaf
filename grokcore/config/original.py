"""Configurations of the original project: the settings that have a meaning here, and their names.

*2025*: ``data/setting.toml`` with ``[grok]`` and ``[global]``. Its names are ours, with few
exceptions.

*2026*: ``data/config.toml`` in three layouts. The first two have ``[app]``, and name proxy and
clearance under ``[network]`` and ``[security]``, later under ``[proxy]``. The third has
``[proxy.egress]``, ``[proxy.clearance]`` and ``[features]``.

Taken over are the API key, the address for links, proxy, clearance, User-Agent, browser, and which
parts of an answer are shown. One line names the rest. Admin passwords are never read.

*Rule*: a proxy that is configured there is used here, or the configuration is refused: tokens that
came from behind a proxy must not be seen from another address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .strict import SettingFault

__all__ = ["is_newer_original", "take_over", "take_over_newer"]

Raw = dict[str, dict[str, Any]]
Path = tuple[str, ...]

_MOVED = {
    ("global", "base_url"): ("server", "public_url"),
    ("global", "image_mode"): ("grok", "image_mode"),
}
_RETIRED = {
    "global": {
        *("admin_username", "admin_password", "image_cache_max_size_mb", "video_cache_max_size_mb"),
        *(
            "max_upload_concurrency",
            "max_request_concurrency",
            "batch_save_interval",
            "batch_save_threshold",
        ),
    },
    "grok": {
        "cache_proxy_url",
        "dynamic_statsig",
        "proxy_pool_url",
        "proxy_pool_interval",
        "retry_status_codes",
    },
}
_NEWER_SECTIONS = frozenset(
    {
        *(
            "app",
            "proxy",
            "network",
            "security",
            "chat",
            "features",
            "retry",
            "timeout",
            "image",
            "video",
            "voice",
            "token",
        ),
        *(
            "cache",
            "performance",
            "logging",
            "account",
            "asset",
            "nsfw",
            "batch",
            "usage",
            "imagine_fast",
            "statsig",
        ),
    }
)


def take_over(raw: Raw) -> tuple[dict[Path, Path], list[str]]:
    """Rename or drop the keys of a file of 2025 that are not ours; our own names win.

    Returns the sources of keys (new path to the one in the file), and a warning about those without
    effect.

    :raises SettingFault: if the file names a pool of proxies, and no proxy.
    """
    moved: dict[Path, Path] = {}
    original = raw["global"]
    if original.get("image_mode") == "url" and original.get("base_url"):
        original["image_mode"] = (
            "cache"  # there it means links below base_url, to copies that the server keeps
        )
    for (section, key), (new_section, new_key) in _MOVED.items():
        if key in raw[section]:
            value = raw[section].pop(key)
            if new_key not in raw[new_section]:
                raw[new_section][new_key] = value
                moved[new_section, new_key] = section, key
    if raw["grok"].get("proxy_pool_url") and not raw["grok"].get("proxy_url"):
        raise SettingFault(("grok", "proxy_pool_url"), _NO_POOL)
    dropped = [
        f"[{section}] {key}"
        for section, keys in _RETIRED.items()
        for key in list(raw[section])
        if key in keys
    ]
    for section, keys in _RETIRED.items():
        raw[section] = {key: value for key, value in raw[section].items() if key not in keys}
    return moved, _without_effect(dropped)


_NO_POOL = (
    "a pool of proxies is not used here, and the tokens must not go past it: write one of its "
    "proxies as [grok] proxy_url, "
    "or give each token its own proxy_url in the token file"
)


def _without_effect(names: list[str]) -> list[str]:
    return (
        [f"settings of the original project without effect here: {', '.join(names)}"]
        if names
        else []
    )


# 2026 -------------------------------------------------------------------------------------------


def is_newer_original(document: Mapping[str, Any]) -> bool:
    """Whether a file is the original project's of 2026."""
    app, proxy = document.get("app"), document.get("proxy")
    named = isinstance(app, dict) and not {"app_key", "api_key", "app_url"}.isdisjoint(app)
    return named or (
        isinstance(proxy, dict) and not {"egress", "clearance", "base_proxy_url"}.isdisjoint(proxy)
    )


def take_over_newer(document: dict[str, Any], raw: Raw) -> tuple[dict[Path, Path], list[str]]:
    """Take the original's sections of 2026 out of *document*, and put their values into *raw*.

    Returns as :func:`take_over`.

    :raises SettingFault: if it names a proxy that can't be used here.
    """
    theirs = {name: document.pop(name) for name in [*document] if name in _NEWER_SECTIONS}
    moved: dict[Path, Path] = {}
    for place, (section, key), convert in _NEWER:
        value = _at(theirs, place)
        if value is None or value in ("", []) or (section, key) in moved or key in raw[section]:
            continue
        try:
            raw[section][key] = convert(value)
        except ValueError as error:
            raise SettingFault(place, str(error)) from None
        moved[section, key] = place
    _split_keys(document, raw)
    _refuse_lost_proxy(theirs, raw)
    used = set(moved.values())
    dropped = sorted(
        {
            f"[{'.'.join(place[:-1])}]"
            for place in _leaves(theirs)
            if place not in used and place not in _QUIET
        }
    )
    told = ", ".join(f"[{new[0]}] {new[1]}" for new in moved) or "nothing"
    said = [f"is the original project's configuration of 2026; taken over: {told}"]
    return moved, said + _without_effect([f"the rest of {', '.join(dropped)}"] if dropped else [])


def _split_keys(document: dict[str, Any], raw: Raw) -> None:
    """A setting of several keys, in a list or with commas: the first is our key, the others are
    equal to it.
    """
    value = raw["grok"].get("api_key")
    keys = value.split(",") if isinstance(value, str) else value
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        return
    keys = list(dict.fromkeys(key.strip() for key in keys if key.strip()))
    raw["grok"]["api_key"] = keys[0] if keys else ""
    more = [{"name": f"original-{number}", "key": key} for number, key in enumerate(keys[1:], 2)]
    if more:
        document["keys"] = [*document.get("keys", []), *more]


def _at(theirs: Mapping[str, Any], place: Path) -> Any:
    value: Any = theirs
    for key in place:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _leaves(value: Mapping[str, Any], place: Path = ()) -> Iterator[Path]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _leaves(inner, (*place, key))
        else:
            yield (*place, key)


def _refuse_lost_proxy(theirs: Mapping[str, Any], raw: Raw) -> None:
    """Refuse a configuration whose proxy would not be used here."""
    if raw["grok"].get("proxy_url"):
        return
    mode = _at(theirs, ("proxy", "egress", "mode"))
    pool = _at(theirs, ("proxy", "egress", "proxy_pool"))
    if pool or mode == "proxy_pool":
        raise SettingFault(("proxy", "egress", "proxy_pool"), _NO_POOL)
    if mode not in (None, "", "direct"):
        raise SettingFault(
            ("proxy", "egress", "mode"),
            "asks for a proxy, and proxy_url names none; write it as [grok] proxy_url",
        )


def _as_it_is(value: Any) -> Any:
    return value


def _inverted(value: Any) -> Any:
    return not value if isinstance(value, bool) else value


def _one_proxy(value: Any) -> Any:
    """A proxy's URL. The original took lists in one text; here one proxy only can be used."""
    if (
        isinstance(value, str)
        and len([part for part in value.replace("\n", ",").split(",") if part.strip()]) > 1
    ):
        raise ValueError(_NO_POOL)
    return value.strip().rstrip(",") if isinstance(value, str) else value


def _browser(value: Any) -> Any:
    return value.replace("_", "") if isinstance(value, str) else value


def _image_mode(value: Any) -> Any:
    text = str(value)
    return (
        "base64"
        if text in ("base64", "b64_json")
        else "cache"
        if text in ("url", "local_url", "local_md")
        else "url"
    )


_NEWER: tuple[tuple[Path, tuple[str, str], Callable[[Any], Any]], ...] = (
    (("app", "api_key"), ("grok", "api_key"), _as_it_is),
    (("app", "app_url"), ("server", "public_url"), _as_it_is),
    (("proxy", "egress", "proxy_url"), ("grok", "proxy_url"), _one_proxy),
    (("proxy", "base_proxy_url"), ("grok", "proxy_url"), _one_proxy),
    (("network", "base_proxy_url"), ("grok", "proxy_url"), _one_proxy),
    (("proxy", "clearance", "cf_cookies"), ("grok", "cf_clearance"), _as_it_is),
    (("proxy", "cf_clearance"), ("grok", "cf_clearance"), _as_it_is),
    (("proxy", "cf_cookies"), ("grok", "cf_clearance"), _as_it_is),
    (("security", "cf_clearance"), ("grok", "cf_clearance"), _as_it_is),
    (("proxy", "clearance", "user_agent"), ("grok", "user_agent"), _as_it_is),
    (("proxy", "user_agent"), ("grok", "user_agent"), _as_it_is),
    (("security", "user_agent"), ("grok", "user_agent"), _as_it_is),
    (("proxy", "clearance", "browser"), ("grok", "impersonate"), _browser),
    (("proxy", "browser"), ("grok", "impersonate"), _browser),
    (("security", "browser"), ("grok", "impersonate"), _browser),
    *(
        ((section, "temporary"), ("grok", "temporary"), _as_it_is)
        for section in ("features", "app", "chat")
    ),
    (("features", "memory"), ("grok", "memory"), _as_it_is),
    *(((section, "disable_memory"), ("grok", "memory"), _inverted) for section in ("app", "chat")),
    *(
        ((section, "thinking"), ("grok", "show_thinking"), _as_it_is)
        for section in ("features", "app", "chat")
    ),
    *(
        ((section, "filter_tags"), ("grok", "filtered_tags"), _as_it_is)
        for section in ("app", "chat")
    ),
    *(
        ((section, "image_format"), ("grok", "image_mode"), _image_mode)
        for section in ("features", "app")
    ),
)
"""Places of the same setting, by precedence: the first with a value counts."""

_QUIET = frozenset(
    {("app", "app_key"), ("proxy", "egress", "mode"), ("proxy", "clearance", "mode")}
)
