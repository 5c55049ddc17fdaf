"""Limits of a reload: a changed configuration must give no client more than its owner has written
down.

Theory
------
An editor that is half-way through saving leaves a file that is valid and ends too early. Settings
beyond that end fall back to their defaults, and some defaults mean "everything": no limit, no key,
no proxy. Such a loss is taken over at a start only.

The loss of a right, such as a key that has gone, is taken over at once: its owner may be in a
hurry.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import attrs
from attrs import define, field

from ..protocol.models import LaneName
from .sections import Config, KeyConfig

__all__ = ["Guard", "Said", "digests_of", "limits_of", "settings_in"]

Said: TypeAlias = frozenset[tuple[str, str]]
"""Section and key of each setting that a file has; the key is empty for the section itself."""

IDENTITY = frozenset({"name", "key", "sha256"})
"""Fields that identify a key. All others in ``[[keys]]`` are limits, with "no limit" as default."""

SAFEGUARDS: Mapping[tuple[str, str], str] = {
    ("grok", "proxy_url"): "Grok would see this machine's own address",
    ("grok", "base_url"): "the tokens would go to another address",
    ("server", "allowed_hosts"): "every Host header would be let in",
    ("server", "timezone"): "the day of each key would end at another hour",
    ("api", "base_url"): "the key would go to another address",
    ("api", "daily_usd"): "a day could cost another amount",
    ("api", "use"): "questions could cost money",
    ("cli", "base_url"): "the session would go to another address",
}
"""Settings that keep something in or out, and the effect of their loss."""


def settings_in(text: str) -> Said:
    """The settings that a TOML *text* has, whatever their meaning.

    :raises tomllib.TOMLDecodeError: if it is not valid.
    """
    return frozenset(_named(tomllib.loads(text)))


def _named(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for section, value in document.items():
        yield section, ""
        if isinstance(value, dict):
            yield from ((section, key) for key in value)


@define
class Guard:
    """Examines each configuration that would replace the one in force.

    :ivar config: the one in force; *said* are the settings in its file.
    """

    config: Config
    said: Said
    _limits: dict[bytes | str, frozenset[str]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._remember()

    def adopt(self, config: Config, said: Said) -> None:
        """Take *config* as the one in force."""
        self.config, self.said = config, said
        self._remember()

    def objection(self, config: Config, said: Said) -> str:
        """The reason why only a start may take *config* over; empty if a reload may."""
        if _is_keyed(self.config) and not _is_keyed(config):
            return "has no API key any more, so everybody could use the server"
        if _has_owner(self.config) and not _has_owner(config):
            return (
                "has no owner's key any more ([grok] api_key, or one of [[keys]] without a "
                "limit), only guests' keys"
            )
        if self.said and not said:
            return "has no setting in it any more"
        return next(self._gains(config), "") or next(self._lost_safeguards(config, said), "")

    def _gains(self, config: Config) -> Iterator[str]:
        if config.grok.api_key and self._limits.get(_digest(config.grok.api_key)):
            yield "[grok] api_key: is a guest's key, and would lose its limits"
        for key in config.keys:
            lost = self._had(key) - limits_of(key)
            if lost:
                yield (
                    f"[[keys]] {key.name}: has no {' and no '.join(sorted(lost))} any more, "
                    "so the key could do more"
                )

    def _had(self, key: KeyConfig) -> frozenset[str]:
        """The limits of a former key with these digests, else of one with this name."""
        if key in self.config.keys:
            return frozenset()
        had = [self._limits[digest] for digest in digests_of(key) if digest in self._limits]
        return frozenset[str]().union(*(had or [self._limits.get(key.name, frozenset())]))

    def _remember(self) -> None:
        """Remember each key's limits: a half-saved file may lack a key that comes back."""
        for key in self.config.keys:
            identities: tuple[bytes | str, ...] = (*digests_of(key), key.name)
            for identity in identities:
                self._limits[identity] = self._limits.get(identity, frozenset()) | limits_of(key)

    def _lost_safeguards(self, config: Config, said: Said) -> Iterator[str]:
        for setting, consequence in SAFEGUARDS.items():
            section, name = setting
            before, after = (
                getattr(getattr(each, section), name) for each in (self.config, config)
            )
            default = attrs.fields_dict(type(getattr(config, section)))[name].default
            if before not in (after, default) and after == default and setting not in said:
                yield f"[{section}] {name}: is gone, so {consequence}"


def _is_keyed(config: Config) -> bool:
    return bool(config.grok.api_key or config.keys)


def _has_owner(config: Config) -> bool:
    return bool(config.grok.api_key) or any(not limits_of(key) for key in config.keys)


def limits_of(key: KeyConfig) -> frozenset[str]:
    """The names of a key's limits."""
    if key.lanes is not None and set(key.lanes) == set(LaneName):
        key = attrs.evolve(key, lanes=None)  # all lanes are no limit
    limits = [limit for limit in attrs.fields(KeyConfig) if limit.name not in IDENTITY]
    return frozenset(limit.name for limit in limits if getattr(key, limit.name) != limit.default)


def digests_of(key: KeyConfig) -> Iterator[bytes]:
    """The digests of a key's forms: in clear, and hashed."""
    if key.key:
        yield _digest(key.key)
    if key.sha256:
        yield bytes.fromhex(key.sha256)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
