"""Settings of the original project as a configuration of ours: text in, text out, and a line for
each setting that was taken or left.

The names of the original are in :mod:`grokcore.config.original`. Its environment file (``.env`` of
2026) may override three of them. Its list of keys (``api_keys.json`` of 2026) has hashes.

Rules
-----
1. Nothing is lost in silence: each setting of the file is taken, left with the reason, or is as
   here by default.
2. No value stands in a line, since any of them may be a secret.
3. A User-Agent and a browser are taken with a clearance only. Without one they are the original's
   defaults of an old browser.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import fields_dict, frozen

from ..errors import ConfigError
from .editing import quoted
from .loading import SECTIONS, load_config
from .migration_reasons import reason_for
from .original import is_newer_original, take_over, take_over_newer
from .pasted import taken_out
from .sections import DEFAULT_LIMITS
from .strict import SettingFault

__all__ = ["GuestKey", "Left", "MigratedSettings", "Taken", "migrate_settings", "read_guest_keys"]

Path = tuple[str, ...]

GUESTS_RPM = 600
"""Requests per minute of a key that was a user's in the original. Any limit makes it a guest's."""


_CLOCKS_OF_BOTH = {
    "stream_first_response_timeout": DEFAULT_LIMITS.first_response,
    "stream_chunk_timeout": DEFAULT_LIMITS.chunk,
    "stream_total_timeout": DEFAULT_LIMITS.total,
}


@frozen
class Taken:
    """A setting that was taken.

    :ivar old: its place there, such as ``[app] api_key``; *new* likewise.
    :ivar same: whether it is as here by default, so that it is not written.
    """

    old: str
    new: str
    same: bool = False


@frozen
class Left:
    """A setting, or another thing, that was left, with the reason."""

    old: str
    why: str


@frozen
class GuestKey:
    """A further API key: its name, and its SHA-256 in hex."""

    name: str
    sha256: str


@frozen
class MigratedSettings:
    """The result.

    :ivar text: the new configuration; empty if nothing differs from the defaults.
    """

    text: str
    taken: tuple[Taken, ...] = ()
    left: tuple[Left, ...] = ()


def migrate_settings(
    text: str,
    *,
    variables: Mapping[str, str] | None = None,
    keys: Sequence[GuestKey] = (),
    proxy_url: str | None = None,
) -> MigratedSettings:
    """The original's configuration as ours.

    :param text: the file; empty if there is none.
    :param variables: those of its environment file.
    :param keys: its users' keys.
    :param proxy_url: the proxy to write in place of the file's; empty for none.
    :raises ConfigError: if the file is no TOML, or names a proxy that can't be used here.
    """
    try:
        document = tomllib.loads(text.replace("\r\n", "\n"))
    except (ValueError, RecursionError):
        raise ConfigError("is not valid TOML") from None
    named = dict(_override(document, variables or {}))
    if proxy_url is not None:
        _replace_proxy(document, proxy_url)
    everything = set(_places(document))
    try:
        raw, moved = _ours(document)
        left = list(_drop_foreign(raw, moved))
        new = dict(_values(raw, moved))
    except SettingFault as fault:
        raise ConfigError(f"{_shown(fault.path)}: {fault.message}") from None
    is_default = _judge_defaults(new)
    taken = [
        Taken(
            named.get(moved.get(path, path)) or _shown(moved.get(path, path)),
            _shown(path),
            is_default(path),
        )
        for path in new
    ]
    written = {path: new[path] for path, one in zip(new, taken, strict=True) if not one.same}
    used = {moved.get(path, path) for path in new} | {_parse_shown(one.old) for one in left}
    left += [Left(_shown(place), reason_for(place)) for place in sorted(everything - used)]
    result = _as_text(written, _guests(document, keys, new.get(("grok", "api_key"))))
    load_config(result)  # a value that is no setting's is refused before anything is written
    return MigratedSettings(result, tuple(taken), tuple(left))


def _ours(document: dict[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[Path, Path]]:
    """The settings with our names, and the places of those that had others."""
    raw = {name: _table(document.pop(name, {})) for name in SECTIONS}
    moved = take_over_newer(document, raw)[0] if is_newer_original(document) else {}
    moved |= take_over(raw)[0]
    known = {
        name: {key: value for key, value in table.items() if key in fields_dict(SECTIONS[name])}
        for name, table in raw.items()
    }
    return known, moved


def _table(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _drop_foreign(raw: dict[str, dict[str, Any]], moved: Mapping[Path, Path]) -> Iterator[Left]:
    """Take out empty values, and a browser that belongs to no clearance."""
    for table in raw.values():
        for key in [key for key, value in table.items() if value in ("", [])]:
            del table[key]
    if raw["grok"].get("cf_clearance"):
        return
    for key in ("user_agent", "impersonate"):
        if raw["grok"].pop(key, None) is not None:
            path = ("grok", key)
            why = "belongs to a clearance, and there is none; the newest browser is used"
            yield Left(_shown(moved.get(path, path)), why)


def _values(
    raw: Mapping[str, Mapping[str, Any]], moved: Mapping[Path, Path]
) -> Iterator[tuple[Path, Any]]:
    for section, table in raw.items():
        for key, value in table.items():
            path = (section, key)
            try:
                yield path, taken_out(key, value)[0]
            except ValueError as error:
                raise SettingFault(moved.get(path, path), str(error)) from None


def _judge_defaults(settings: Mapping[Path, Any]) -> Callable[[Path], bool]:
    """A function that says of each setting whether an empty configuration has its value.

    :raises ConfigError: if one of the *settings* is at fault.
    """
    loaded, defaults = load_config(_as_text(settings, []))[0], load_config("")[0]

    def is_default(path: Path) -> bool:
        section, key = path
        if section == "grok" and key in _CLOCKS_OF_BOTH:
            return bool(settings[path] == _CLOCKS_OF_BOTH[key])
        name = "global_" if section == "global" else section
        return bool(getattr(getattr(loaded, name), key) == getattr(getattr(defaults, name), key))

    return is_default


def _places(table: Mapping[str, Any], above: Path = ()) -> Iterator[Path]:
    """The places of all settings that have a value."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _places(value, (*above, key))
        elif value not in ("", []):
            yield (*above, key)


# Other sources ------------------------------------------------------------------------------------

_VARIABLES = {
    "GROK_APP_API_KEY": ("app", "api_key"),
    "GROK_APP_APP_URL": ("app", "app_url"),
    "SERVER_PORT": ("server", "port"),
}


def _override(document: dict[str, Any], variables: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Put the variables into *document*; yields their places with their names."""
    for name, place in _VARIABLES.items():
        section, key = place
        value = variables.get(name, "").strip()
        if value and isinstance(document.setdefault(section, {}), dict):
            is_port = key == "port" and value.isdecimal()
            document[section][key] = int(value) if is_port else value
            yield place, f".env {name}"


def _replace_proxy(document: dict[str, Any], proxy_url: str) -> None:
    """Take all proxies out of *document*, and write this one."""
    for section, keys in (
        ("grok", ("proxy_url", "proxy_pool_url")),
        ("proxy", ("egress", "base_proxy_url")),
        ("network", ("base_proxy_url",)),
    ):
        table = _table(document.get(section))
        kept = {key: value for key, value in table.items() if key not in keys}
        if table:
            document[section] = kept
    if proxy_url:
        document["grok"] = {**_table(document.get("grok")), "proxy_url": proxy_url}


def read_guest_keys(value: Any) -> tuple[list[GuestKey], list[Left]]:
    """The users' keys in the value of ``api_keys.json``, and those that are left."""
    keys: list[GuestKey] = []
    left: list[Left] = []
    for number, listed in enumerate(value if isinstance(value, list) else [], 1):
        item = _table(listed)
        name = item.get("name") if isinstance(item.get("name"), str) else ""
        digest = item.get("key_hash")
        if item.get("enabled") is False:
            left.append(Left(f"key {number}", "it is disabled there"))
        elif not isinstance(digest, str) or not re.fullmatch("[0-9a-fA-F]{64}", digest):
            left.append(Left(f"key {number}", "it has no hash; make a new one in [[keys]]"))
        else:
            keys.append(GuestKey(name or f"original-key-{number}", digest.lower()))
    return keys, left


def _guests(
    document: Mapping[str, Any], keys: Sequence[GuestKey], owners_key: Any
) -> list[dict[str, Any]]:
    """Entries for ``[[keys]]``: first those of a list in *document*, equal to the owner's key.

    The key stands last in each: a file that ends too early has no key without its limits.
    """
    listed = document.get("keys")
    own = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    known = {_digest(key) for key in (owners_key, *(one.get("key") for one in own))}
    fresh = {key.sha256: key for key in keys if key.sha256 not in known}
    guests = [{"name": key.name, "rpm": GUESTS_RPM, "sha256": key.sha256} for key in fresh.values()]
    return [*own, *guests]


def _digest(key: Any) -> str:
    return hashlib.sha256(str(key).encode()).hexdigest()


# Text ---------------------------------------------------------------------------------------------


def _as_text(settings: Mapping[Path, Any], keys: Sequence[Mapping[str, Any]]) -> str:
    sections: dict[str, list[str]] = {}
    for (section, key), value in settings.items():
        sections.setdefault(section, []).append(f"{key} = {_literal(value)}")
    parts = ["\n".join([f"[{name}]", *lines]) for name, lines in sections.items()]
    parts += [
        "\n".join(["[[keys]]", *(f"{name} = {_literal(value)}" for name, value in key.items())])
        for key in keys
    ]
    return "\n\n".join(parts) + "\n" if parts else ""


def _literal(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case list():
            return f"[{', '.join(_literal(item) for item in value)}]"
        case dict():
            pairs = (f"{quoted(str(name))} = {_literal(inner)}" for name, inner in value.items())
            return f"{{ {', '.join(pairs)} }}"
        case _:
            return quoted(str(value))


def _shown(path: Path) -> str:
    return f"[{'.'.join(path[:-1])}] {path[-1]}" if len(path) > 1 else path[0]


def _parse_shown(text: str) -> Path:
    """The place that :func:`_shown` wrote."""
    section, _, key = text.rpartition("] ")
    return (*section.removeprefix("[").split("."), key) if section else (key,)
