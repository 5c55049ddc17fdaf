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
