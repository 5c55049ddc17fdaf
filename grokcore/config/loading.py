"""From the text of a file, the environment and the flags to one :class:`~grokcore.config.Config`."""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, get_args, get_type_hints

from attrs import evolve, fields_dict

from ..errors import ConfigError
from ..protocol.models import SHIPPED, Limits, Model
from .sections import (
    DEFAULT_LIMITS,
    Config,
    FetchConfig,
    GlobalConfig,
    GrokConfig,
    KeyConfig,
    ModelRow,
    PoolConfig,
    ServerConfig,
)
from .strict import Fault, structured

__all__ = ["SECTIONS", "load_config"]

SECTIONS: dict[str, type] = {
    "server": ServerConfig,
    "grok": GrokConfig,
    "global": GlobalConfig,
    "pool": PoolConfig,
    "fetch": FetchConfig,
}

# The original project's keys that live elsewhere here, and those that mean nothing here.
_MOVED = {("global", "base_url"): ("server", "public_url"), ("global", "image_mode"): ("grok", "image_mode")}
_RETIRED = {
    "global": {
        "admin_username",
        "admin_password",
        "image_cache_max_size_mb",
        "video_cache_max_size_mb",
        "max_upload_concurrency",
        "max_request_concurrency",
        "batch_save_interval",
        "batch_save_threshold",
    },
    "grok": {
        "cache_proxy_url",
        "dynamic_statsig",
        "proxy_pool_url",
        "proxy_pool_interval",
        "retry_status_codes",
    },
}


# From text to Config ----------------------------------------------------------------------------------------------


def load_config(
    text: str,
    *,
    name: str = "",
    environ: Mapping[str, str] | None = None,
    flags: Mapping[tuple[str, str], Any] | None = None,
) -> tuple[Config, list[str]]:
    """The configuration in a TOML *text*, and warnings about what in it has no effect.

    :param name: what the text's faults are to be named after: the file's name.
    :param environ: variables; those named ``GROK2API_<SECTION>_<KEY>`` count.
    :param flags: ``(section, key)`` to value, from the command line.
    :raises ConfigError: one line that names file and key at fault, or the variable, or the flag.
    """
    in_file = f"{name}: " if name else ""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{in_file}is not valid TOML: {error}") from None
    except (RecursionError, ValueError):  # brackets without end; a number that is too long to be one
        raise ConfigError(f"{in_file}is not valid TOML: something in it is beyond all measure") from None
    try:
        return _from_document(document, environ or {}, flags or {}, in_file)
    except Fault as fault:
        elsewhere = _elsewhere(fault.path, environ or {}, flags or {})
        raise ConfigError(f"{elsewhere or in_file + _shown(fault.path)}: {fault.message}") from None


def _elsewhere(path: tuple[str, ...], environ: Mapping[str, str], flags: Mapping[tuple[str, str], Any]) -> str:
    """The flag or variable that a setting at fault came from; empty if it was the file."""
    if path[:2] in flags:
        return f"--{path[1].replace('_', '-')}"
    variable = "_".join(("GROK2API", *path[:2])).upper()
    return variable if variable in environ else ""


def _from_document(
    document: dict[str, Any], environ: Mapping[str, str], flags: Mapping[tuple[str, str], Any], in_file: str
) -> tuple[Config, list[str]]:
    warnings: list[str] = []
    raw = {name: _table(document.pop(name, {}), (name,)) for name in SECTIONS}
    keys, models = document.pop("keys", []), _table(document.pop("models", {}), ("models",))
    warnings += _unknown(document, [*SECTIONS, "keys", "models"], "section [{}]")
    moved, more = _take_over_original(raw)
    warnings += more
    about_variables = _overlay_environment(raw, environ)
    for (section, key), value in flags.items():
        raw[section][key] = value
    for name, cls in SECTIONS.items():
        warnings += _unknown(raw[name], fields_dict(cls), f"[{name}] {{}}")
    try:
        parts: dict[str, Any] = {name: structured(raw[name], cls, (name,)) for name, cls in SECTIONS.items()}
    except Fault as fault:
        raise Fault(moved.get(fault.path, fault.path), fault.message) from None
    parts["global_"] = parts.pop("global")
    table, more = _model_table(models, parts["grok"])
    api_keys, more_still = _keys(keys)
    _check_key_models(api_keys, table)
    _check_key_twice(api_keys, parts["grok"].api_key)
    about_the_file = [in_file + warning for warning in warnings + more + more_still]
    return Config(**parts, keys=api_keys, models=table), about_the_file + about_variables


def _table(value: Any, path: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Fault(path, "must be a table")
    return dict(value)


def _take_over_original(
    raw: dict[str, dict[str, Any]],
) -> tuple[dict[tuple[str, ...], tuple[str, ...]], list[str]]:
    """Rename and drop what a file of the original project has otherwise; our own names win over the original's.

    Returns where keys came from (new path to the one in the file), and a warning about those without effect.
    """
    moved: dict[tuple[str, ...], tuple[str, ...]] = {}
    original = raw["global"]
    if original.get("image_mode") == "url" and original.get("base_url"):
        original["image_mode"] = "cache"  # there it means links below base_url, to copies that the server keeps
    for (section, key), (new_section, new_key) in _MOVED.items():
        if key in raw[section]:
            value = raw[section].pop(key)
            if new_key not in raw[new_section]:
                raw[new_section][new_key] = value
                moved[new_section, new_key] = section, key
    dropped = [f"[{section}] {key}" for section, keys in _RETIRED.items() for key in list(raw[section]) if key in keys]
    for section, keys in _RETIRED.items():
        raw[section] = {key: value for key, value in raw[section].items() if key not in keys}
    told = [f"settings of the original project without effect here: {', '.join(dropped)}"] if dropped else []
    return moved, told


def _overlay_environment(raw: dict[str, dict[str, Any]], environ: Mapping[str, str]) -> list[str]:
    known = {
        f"GROK2API_{name}_{key}".upper(): (name, key) for name, cls in SECTIONS.items() for key in fields_dict(cls)
    }
    for variable, (section, key) in known.items():
        if variable in environ:
            raw[section][key] = _from_variable(environ[variable], get_type_hints(SECTIONS[section])[key])
    strange = [name for name in environ if name.startswith("GROK2API_") and name not in known]
    return [_guess(name, known, "environment variable {}") for name in strange]


def _from_variable(text: str, kind: Any) -> Any:
    """A variable's text as the type the key has: text stays text, anything else is read as a TOML value."""
    is_list = kind in (tuple[str, ...], frozenset[str])
    if kind is str or (str in get_args(kind) and not is_list):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (RecursionError, ValueError):
        return [part.strip() for part in text.split(",") if part.strip()] if is_list else text


def _unknown(found: dict[str, Any], known: Iterable[str], shown: str) -> list[str]:
    """Take what is not known out of *found*; one warning for each."""
    strange = [key for key in found if key not in set(known)]
    return [_guess(key, known, shown) for key in strange if found.pop(key, None) is not None or True]


def _guess(name: str, known: Iterable[str], shown: str) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"unknown {shown.format(name)} has no effect" + (f"; did you mean {near[0]}?" if near else "")


def _keys(value: Any) -> tuple[tuple[KeyConfig, ...], list[str]]:
    if not isinstance(value, list):
        raise Fault(("keys",), "must be written as [[keys]], once for each key")
    tables = [_table(item, ("keys",)) for item in value]
    warnings = [warning for table in tables for warning in _unknown(table, fields_dict(KeyConfig), "[[keys]] {}")]
    keys = tuple(structured(table, KeyConfig, ("keys",)) for table in tables)
    for key in keys:
        if not (key.key or key.sha256) or (key.sha256 and not re.fullmatch("[0-9a-fA-F]{64}", key.sha256)):
            raise Fault(("keys", key.name), "needs key, or sha256 with 64 hex digits")
    return keys, warnings


def _check_key_twice(keys: tuple[KeyConfig, ...], api_key: str) -> None:
    """Of the same key in two places, nobody could tell whose rights it has."""
    seen = {hashlib.sha256(api_key.encode()).hexdigest(): "[grok] api_key"} if api_key else {}
    for key in keys:
        digests = {key.sha256.lower(), hashlib.sha256(key.key.encode()).hexdigest() if key.key else ""} - {""}
        for digest in digests:
            if digest in seen:
                raise Fault(("keys", key.name), f"is the same key as {seen[digest]}")
        seen.update(dict.fromkeys(digests, f"[[keys]] {key.name}"))


def _check_key_models(keys: tuple[KeyConfig, ...], table: Mapping[str, Model]) -> None:
    """A key whose models were mistyped would be good for nothing."""
    for key in keys:
        for name in key.models:
            if name not in table:
                near = difflib.get_close_matches(name, table, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise Fault(("keys", key.name, "models"), f"there is no model {name!r}{hint}")


def _model_table(rows: dict[str, Any], grok: GrokConfig) -> tuple[dict[str, Model], list[str]]:
    warnings: list[str] = []
    table = dict(SHIPPED)
    overrides: dict[str, ModelRow] = {}
    for name, value in rows.items():
        fields = _table(value, ("models", name))
        warnings += _unknown(fields, fields_dict(ModelRow), f'[models."{name}"] {{}}')
        overrides[name] = structured(fields, ModelRow, ("models", name))
        table[name] = _changed(table.get(name), overrides[name], name)
    return {
        name: evolve(model, limits=_limits(overrides.get(name, ModelRow()), grok, model))
        for name, model in table.items()
    }, warnings


def _changed(shipped: Model | None, row: ModelRow, name: str) -> Model:
    if shipped is None and not row.mode_id and not (row.grok_model and row.mode):
        raise Fault(("models", name), "a new model needs grok_model and mode, or mode_id")
    model = shipped or Model(name, row.grok_model or "", row.mode or "", row.grok_model or "")
    changes: dict[str, Any] = {
        key: getattr(row, key)
        for key in ("grok_model", "mode", "mode_id", "rate_limit_name", "cost", "tier", "search")
        if getattr(row, key) is not None
    }
    # Upstream counts by mode id where there is one, by model name otherwise (grok-protocol.md §2.5).
    named_anew = row.mode_id or row.grok_model
    if named_anew and row.rate_limit_name is None:
        changes["rate_limit_name"] = named_anew
    return evolve(model, **changes)


def _limits(row: ModelRow, grok: GrokConfig, model: Model) -> Limits:
    """Order: the user's row, the user's [grok], the shipped row, the shipped default."""
    shipped = model.limits or DEFAULT_LIMITS
    return Limits(
        first_response=_first(row.first_response_timeout, grok.stream_first_response_timeout, shipped.first_response),
        chunk=_first(row.chunk_timeout, grok.stream_chunk_timeout, shipped.chunk),
        total=_first(row.total_timeout, grok.stream_total_timeout, shipped.total),
    )


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def _shown(path: tuple[str, ...]) -> str:
    if path[0] == "keys":
        return " ".join(("[[keys]]", *path[1:]))
    if path[0] == "models" and len(path) > 1:
        return " ".join((f'[models."{path[1]}"]', *path[2:]))
    return " ".join((f"[{path[0]}]", *path[1:]))
