"""The differences between two configurations, setting by setting, for the log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from attrs import evolve

from ..config import Config

__all__ = ["changed_settings", "differences"]

LONGEST_VALUE = 60
"""Characters of a value that are shown."""


def changed_settings(old: Config, new: Config) -> set[tuple[str, str]]:
    """The sections and names of settings that differ."""
    return {
        (section.rstrip("_"), field.name)
        for section, before, after in _sections(old, new)
        for field in attrs.fields(type(before))
        if getattr(before, field.name) != getattr(after, field.name)
    }


def _sections(old: Config, new: Config) -> Iterator[tuple[str, Any, Any]]:
    for section in ("server", "grok", "api", "cli", "global_", "pool", "fetch", "alerts"):
        yield section, getattr(old, section), getattr(new, section)


def differences(old: Config, new: Config) -> Iterator[str]:
    """The differences, setting by setting: ``[pool] queue_seconds 10 -> 5``. Values of secrets are
    not shown.
    """
    for section, before, after in _sections(old, new):
        for field in attrs.fields(type(before)):
            was, is_now = getattr(before, field.name), getattr(after, field.name)
            if was != is_now:
                shown = f"{_shown(was)} -> {_shown(is_now)}" if field.repr else "changed"
                yield f"[{section.rstrip('_')}] {field.name} {shown}"
    if old.keys != new.keys:
        yield "[[keys]] changed"
    clocks = ("stream_first_response_timeout", "stream_chunk_timeout", "stream_total_timeout")
    if all(getattr(old.grok, name) == getattr(new.grok, name) for name in clocks):
        yield from _table_differences(old.models, new.models)
    else:  # these are the clocks of all models, and reported once
        yield from _table_differences(_without_clocks(old), _without_clocks(new))


def _without_clocks(config: Config) -> Mapping[str, Any]:
    return {name: evolve(model, limits=None) for name, model in config.models.items()}


def _table_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            how = "added" if name not in old else "removed" if name not in new else "changed"
            yield f'[models."{name}"] {how}'


def _shown(value: Any) -> str:
    text = _in_toml(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _in_toml(value: Any) -> str:
    """*value* as an owner writes it in the file; ``unset`` for None."""
    value = getattr(value, "value", value)
    if value is None:
        return "unset"
    if isinstance(value, frozenset):
        value = sorted(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_in_toml, value))}]"
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value, ensure_ascii=False, default=str)
