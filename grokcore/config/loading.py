"""From a file's text, the environment and the flags to a :class:`~grokcore.config.Config`."""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias, get_args, get_type_hints

from attrs import evolve, fields_dict, frozen

from ..errors import ConfigError
from ..protocol.grok_socket.mode_names import mode_of
from ..protocol.models import SHIPPED, Limits, Model, WebLane, official_model
from .original import is_newer_original, take_over, take_over_newer
from .pasted import taken_out
from .places import place_of
from .sections import (
    DEFAULT_LIMITS,
    AlertsConfig,
    ApiConfig,
    CliConfig,
    Config,
    FetchConfig,
    GlobalConfig,
    GrokConfig,
    KeyConfig,
    ModelRow,
    PoolConfig,
    ServerConfig,
)
from .strict import SettingFault, structured
from .text import name_shown, text_fault

__all__ = ["SECTIONS", "load_config", "official_row"]

Path: TypeAlias = tuple[str, ...]
"""Section and key of a setting."""

SECTIONS: dict[str, type] = {
    "server": ServerConfig,
    "grok": GrokConfig,
    "global": GlobalConfig,
    "pool": PoolConfig,
    "fetch": FetchConfig,
    "alerts": AlertsConfig,
    "api": ApiConfig,
    "cli": CliConfig,
}

# From text to Config -----------------------------------------------------------------------------


def load_config(
    text: str,
    *,
    name: str = "",
    environ: Mapping[str, str] | None = None,
    flags: Mapping[tuple[str, str], Any] | None = None,
) -> tuple[Config, list[str]]:
    """The configuration in a TOML *text*, and warnings about parts of it without effect.

    :param name: the file's name, for messages.
    :param environ: variables; those named ``GROK2API_<SECTION>_<KEY>`` count.
    :param flags: ``(section, key)`` to value, from the command line.
    :raises ConfigError: with one line that names the file and key at fault, or the variable, or the
        flag.
    """
    in_file = f"{name}: " if name else ""
    text = text.replace("\r\n", "\n")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{in_file}is not valid TOML: {_toml_fault(str(error), text)}") from None
    except (RecursionError, ValueError):  # too many brackets, or too many digits
        raise ConfigError(
            f"{in_file}is not valid TOML: it is nested too deeply, or a number is too long"
        ) from None
    origin = Origin(in_file, text, environ or {}, flags or {})
    try:
        return _from_document(document, origin)
    except SettingFault as fault:
        raise ConfigError(origin.fault(fault)) from None


@frozen
class Origin:
    """The sources of settings, for messages.

    :ivar in_file: the file's name with a colon; empty without a file.
    """

    in_file: str
    text: str
    environ: Mapping[str, str]
    flags: Mapping[tuple[str, str], Any]

    def of(self, path: Path) -> str:
        """The flag, the variable or the place in the file that a setting comes from."""
        return _elsewhere(path, self.environ, self.flags) or self.in_file + _shown(path)

    def fault(self, fault: SettingFault) -> str:
        """A fault in one line, with its place; of a file, line and column."""
        if _elsewhere(fault.path, self.environ, self.flags):  # a variable is always a string
            return f"{self.of(fault.path)}: {fault.message.removesuffix(', not a string')}"
        return f"{self.of(fault.path)}: {fault.message}{self._line(fault.path)}"

    def _line(self, path: Path) -> str:
        keys = tuple(
            int(key) - 1 if path[0] == "keys" and key.isdigit() else key
            for key in path
            if ":" not in key
        )
        # A key that is missing has no place, but its table has.
        for length in range(len(keys), 0, -1):
            place = place_of(self.text, keys[:length])
            if place is not None:
                return f" (line {place[0]}, column {place[1]})"
        return ""


def _elsewhere(path: Path, environ: Mapping[str, str], flags: Mapping[tuple[str, str], Any]) -> str:
    """The flag or variable that a setting at fault came from; empty if it was the file."""
    if path[:2] in flags:
        return f"--{path[1].replace('_', '-')}"
    variable = "_".join(("GROK2API", *path[:2])).upper()
    return variable if variable in environ else ""


_QUOTED = re.compile(r"\('[^)]*\)|'[^']*'|\"[^\"]*\"")


LONGEST_CHARACTER = len("'\\\\x00'")
"""The form of one character in a quoted part of a message."""

_PATH_HINT = (
    ". A backslash in double quotes begins a special character: write a Windows path "
    "in single quotes, 'C:\\path'"
)


def _toml_fault(message: str, text: str) -> str:
    """The message of tomllib without quotes of the file, and with advice on Windows paths."""
    hint = ""
    if "\\" in text and any(words in message for words in ("Unescaped", "escape", "hex value")):
        hint = _PATH_HINT
    elif "Invalid value" in message:
        hint = ". Text is written in straight quotes, double or single"
    return (
        _QUOTED.sub(
            lambda found: found.group() if len(found.group()) <= LONGEST_CHARACTER else "a key",
            message,
        )
        + hint
    )


def _from_document(document: dict[str, Any], origin: Origin) -> tuple[Config, list[str]]:
    warnings: list[str] = []
    raw = {name: _table(document.pop(name, {}), (name,)) for name in SECTIONS}
    moved, more = take_over_newer(document, raw) if is_newer_original(document) else ({}, [])
    warnings += more
    keys, models = document.pop("keys", []), _table(document.pop("models", {}), ("models",))
    homeless = {
        key: f"{key} stands under no section and has no effect; it belongs under [{name}]"
        for name, cls in SECTIONS.items()
        for key in fields_dict(cls)
        if key in document
    }
    warnings += [
        homeless.get(key, warning)
        for key, warning in zip(
            [*document],
            _unknown(document, [*SECTIONS, "keys", "models"], "section [{}]"),
            strict=True,
        )
    ]
    also_moved, more = take_over(raw)
    moved |= also_moved
    warnings += more
    about_variables = _overlay_environment(raw, origin.environ)
    for (section, key), value in origin.flags.items():
        raw[section][key] = value
    _take_usual_key(raw["api"], origin.environ)
    for name, cls in SECTIONS.items():
        warnings += _unknown(raw[name], fields_dict(cls), f"[{name}] {{}}")
    try:
        about_values = [
            f"{origin.of(_as_written((name, key), moved, origin))}: {words}"
            for name in SECTIONS
            for key, words in _tidy(raw[name], name)
        ]
        parts: dict[str, Any] = {
            name: structured(raw[name], cls, (name,)) for name, cls in SECTIONS.items()
        }
    except SettingFault as fault:
        raise SettingFault(
            _as_written(fault.path[:2], moved, origin) + fault.path[2:], fault.message
        ) from None
    parts["global_"] = parts.pop("global")
    table, more = _model_table(models, parts["grok"])
    api_keys, more_still = _keys(keys)
    if not _official(parts["api"], parts["cli"]):
        _check_key_models(api_keys, table)
    _check_key_twice(api_keys, parts["grok"].api_key)
    about_the_file = [origin.in_file + warning for warning in warnings + more + more_still]
    return Config(
        **parts, keys=api_keys, models=table
    ), about_the_file + about_variables + about_values


def _official(api: ApiConfig, cli: CliConfig) -> bool:
    """Whether there may be models that only xAI's own list names."""
    return bool(api.key or api.key_file or cli.auth_file or cli.token_command)


def _as_written(path: Path, moved: Mapping[Path, Path], origin: Origin) -> Path:
    """The path of a setting in a file of the original project; its own if it does not come from
    there.
    """
    return path if _elsewhere(path, origin.environ, origin.flags) else moved.get(path, path)


def _tidy(table: dict[str, Any], section: str) -> Iterator[tuple[str, str]]:
    """Replace pasted texts in a table by the values in them; returns warnings on texts with more
    than a value.

    :raises SettingFault: if a text holds no value.
    """
    for key, value in table.items():
        try:
            table[key], words = taken_out(key, value)
        except ValueError as error:
            raise SettingFault((section, key), str(error)) from None
        if words:
            yield key, words


def _table(value: Any, path: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingFault(path, "must be a table")
    return dict(value)


def _overlay_environment(raw: dict[str, dict[str, Any]], environ: Mapping[str, str]) -> list[str]:
    variables = {
        f"GROK2API_{name}_{key}".upper(): (name, key)
        for name, cls in SECTIONS.items()
        for key in fields_dict(cls)
    }
    for variable, (section, key) in variables.items():
        if variable in environ:
            raw[section][key] = _from_variable(
                environ[variable], get_type_hints(SECTIONS[section])[key]
            )
    strange = [name for name in environ if name.startswith("GROK2API_") and name not in variables]
    return [_guess(name, variables, "environment variable {}") for name in strange]


def _from_variable(text: str, kind: Any) -> Any:
    """A variable's text as the type that the key has: text stays text, anything else is read as a
    TOML value.
    """
    is_list = kind in (tuple[str, ...], frozenset[str])
    if kind is str or (str in get_args(kind) and not is_list):
        return text
    text = text.strip()
    # An environment file may keep its quotes.
    if not is_list and len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    try:
        return tomllib.loads(
            f"value = {text.lower() if text.lower() in ('true', 'false') else text}"
        )["value"]
    except (RecursionError, ValueError):
        return [part.strip() for part in text.split(",") if part.strip()] if is_list else text


def _take_usual_key(api: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Take the key from the variable of xAI's own programs, unless it is set otherwise."""
    usual = environ.get("XAI_API_KEY", "").strip()
    if usual and not api.get("key") and not api.get("key_file"):
        api["key"] = usual


def _unknown(table: dict[str, Any], names: Iterable[str], place: str) -> list[str]:
    """Remove unknown keys from *table*; returns a warning for each."""
    strange = [key for key in table if key not in set(names)]
    for key in strange:
        del table[key]
    return [_guess(key, names, place) for key in strange]


def _guess(name: str, names: Iterable[str], place: str) -> str:
    near = difflib.get_close_matches(name, list(names), n=1)
    bare = name_shown(name).strip("'")
    return f"unknown {place.format(bare)} has no effect" + (
        f"; did you mean {near[0]}?" if near else ""
    )


def _keys(value: Any) -> tuple[tuple[KeyConfig, ...], list[str]]:
    if not isinstance(value, list):
        raise SettingFault(("keys",), "must be written as [[keys]], once for each key")
    keys: list[KeyConfig] = []
    warnings: list[str] = []
    for number, item in enumerate(value, 1):
        table = _table(item, ("keys", str(number)))
        path = ("keys", str(number), *_key_name(table))
        warnings += _unknown(table, fields_dict(KeyConfig), f"{_shown(path)} {{}}")
        warnings += [f"{_shown((*path, name))}: {words}" for name, words in _tidy(table, "keys")]
        if hasattr(table.get("expires"), "isoformat"):  # a TOML date or time, without quotes
            table["expires"] = table["expires"].isoformat()
        key = structured(table, KeyConfig, path)
        if not (key.key or key.sha256) or (
            key.sha256 and not re.fullmatch("[0-9a-fA-F]{64}", key.sha256)
        ):
            raise SettingFault(path, "needs key, or sha256 with 64 hex digits")
        keys.append(key)
    return tuple(keys), warnings


def _key_name(table: Mapping[str, Any]) -> tuple[str, ...]:
    """The name of a key as part of a path, marked as absent from the file; empty if it has none."""
    name = table.get("name")
    return (f"name:{name}",) if isinstance(name, str) and name and not text_fault(name) else ()


def _check_key_twice(keys: tuple[KeyConfig, ...], api_key: str) -> None:
    """Refuse the same key in two places: it would have two sets of rights."""
    seen = {hashlib.sha256(api_key.encode()).hexdigest(): "[grok] api_key"} if api_key else {}
    for number, key in enumerate(keys, 1):
        digests = {
            key.sha256.lower(),
            hashlib.sha256(key.key.encode()).hexdigest() if key.key else "",
        } - {""}
        for digest in digests:
            if digest in seen:
                raise SettingFault(
                    ("keys", str(number), f"name:{key.name}"), f"is the same key as {seen[digest]}"
                )
        seen.update(dict.fromkeys(digests, f"[[keys]] {key.name}"))


def _check_key_models(keys: tuple[KeyConfig, ...], table: Mapping[str, Model]) -> None:
    """Refuse unknown names in a key's models: a key with mistyped models could ask nothing."""
    for number, key in enumerate(keys, 1):
        for name in key.models:
            if name not in table:
                near = difflib.get_close_matches(name, table, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise SettingFault(
                    ("keys", str(number), f"name:{key.name}", "models"),
                    f"there is no model {name_shown(name)}{hint}",
                )


def _model_table(rows: dict[str, Any], grok: GrokConfig) -> tuple[dict[str, Model], list[str]]:
    warnings: list[str] = []
    table = dict(SHIPPED)
    overrides: dict[str, ModelRow] = {}
    for name, value in rows.items():
        if text_fault(name):
            raise SettingFault(("models",), f"a model's name {text_fault(name)}")
        fields = _table(value, ("models", name))
        warnings += _unknown(fields, fields_dict(ModelRow), f'[models."{name}"] {{}}')
        overrides[name] = structured(fields, ModelRow, ("models", name))
        table[name] = _changed(table.get(name), overrides[name], name)
    return {
        name: _with_lane(
            evolve(model, limits=_limits(overrides.get(name, ModelRow()), grok, model)),
            overrides.get(name, ModelRow()),
            grok,
        )
        for name, model in table.items()
    }, warnings


def _with_lane(model: Model, row: ModelRow, grok: GrokConfig) -> Model:
    """*model* with its way to grok.com. Over the websocket there are modes in the place of models,
    and each is counted by itself. A video is made over REST alone.
    """
    if model.video or (row.web_lane or grok.web_lane) is WebLane.REST:
        return model
    mode = mode_of(model)
    return evolve(
        model,
        web_lane=WebLane.SOCKET,
        mode_id=mode,
        rate_limit_name=row.rate_limit_name or mode,
        cost=row.cost or 1,
    )


def _changed(shipped: Model | None, row: ModelRow, name: str) -> Model:
    if shipped is None and not row.mode_id and not (row.grok_model and row.mode):
        raise SettingFault(("models", name), "a new model needs grok_model and mode, or mode_id")
    model = shipped or Model(name, row.grok_model or "", row.mode or "", row.grok_model or "")
    changes: dict[str, Any] = {
        key: getattr(row, key)
        for key in ("grok_model", "mode", "mode_id", "rate_limit_name", "cost", "tier", "search")
        if getattr(row, key) is not None
    }
    # Upstream counts by mode id where there is one, by model name otherwise (grok-protocol.md
    # §2.5).
    named_anew = row.mode_id or row.grok_model
    if named_anew and row.rate_limit_name is None:
        changes["rate_limit_name"] = named_anew
    return evolve(model, **changes)


def _limits(row: ModelRow, grok: GrokConfig, model: Model) -> Limits:
    """The clocks of a model, by precedence: the user's row, the user's [grok], the shipped row, the
    shipped default.
    """
    shipped = model.limits or DEFAULT_LIMITS
    return Limits(
        first_response=_first(
            row.first_response_timeout, grok.stream_first_response_timeout, shipped.first_response
        ),
        chunk=_first(row.chunk_timeout, grok.stream_chunk_timeout, shipped.chunk),
        total=_first(row.total_timeout, grok.stream_total_timeout, shipped.total),
    )


def official_row(name: str, grok: GrokConfig) -> Model:
    """A row for a model that only an official lane lists, with its clocks."""
    model = official_model(name)
    return evolve(model, limits=_limits(ModelRow(), grok, model))


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def _shown(path: Path) -> str:
    if path[0] == "keys":
        name = next((part.removeprefix("name:") for part in path if part.startswith("name:")), "")
        number = f"number {path[1]}" if len(path) > 1 and not name else ""
        fields = (part for part in path[2:] if not part.startswith("name:"))
        return " ".join(filter(None, ("[[keys]]", name or number, *fields)))
    if path[0] == "models" and len(path) > 1:
        return " ".join((f'[models."{path[1]}"]', *path[2:]))
    return f"[{path[0]}]" if len(path) == 1 else f"[{'.'.join(path[:-1])}] {path[-1]}"
