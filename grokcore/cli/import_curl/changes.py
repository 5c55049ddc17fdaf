"""The changes that a copied request makes: to a token file, and to a configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from attrs import field, frozen

from ...config import DEFAULT_STATSIG_ID, GrokConfig, load_config
from ...config.editing import with_settings
from ...config.pasted import taken_out
from ...errors import ConfigError
from ...protocol.browser_copy.reading import BrowserCopy
from ...protocol.grok_web.rate_limits import STATSIG_PATHS
from ...protocol.models import Tier
from ...protocol.token_file.editing import Outcome, added
from ...protocol.token_file.reading import token_in
from ...protocol.tokens import TokenEntry
from ..encodings import decoded
from ..tokens.file import any_changed

__all__ = [
    "BrowserValue",
    "browser_values",
    "config_change",
    "pasted_value",
    "session_in",
    "token_change",
]

Settings: TypeAlias = Mapping[tuple[str, ...], "str | Mapping[str, str]"]
TokenChange: TypeAlias = Callable[["bytes | None"], "tuple[bytes | None, Outcome]"]
ConfigChange: TypeAlias = Callable[["bytes | None"], "tuple[bytes | None, frozenset[str]]"]


def session_in(copy: BrowserCopy, *, is_super: bool) -> TokenEntry | None:
    """The session of a copied request; None if it has none.

    :raises ConfigError: if its cookie is no token; nothing is quoted.
    """
    if not copy.sso:
        return None
    try:
        return TokenEntry(token_in(copy.sso), Tier.SUPER if is_super else Tier.BASIC)
    except ValueError as error:
        raise ConfigError(f"its cookie sso {error}") from None


def token_change(entry: TokenEntry) -> TokenChange:
    """The change of a token file that adds *entry*, with its outcome as result."""

    def change(data: bytes | None) -> tuple[bytes | None, Outcome]:
        new, outcomes = added(data, [entry])
        return (new if any_changed(outcomes) else None), outcomes[0]

    return change


@frozen
class BrowserValue:
    """A value of the browser that a setting takes.

    :ivar label: its name for people.
    :ivar key: the setting's, under ``[grok]``.
    :ivar path: the request path that the value is bound to; empty for all.
    """

    label: str
    key: str
    value: str = field(repr=False)
    path: str = ""

    def is_in(self, grok: GrokConfig) -> bool:
        """Whether these settings have it."""
        setting = getattr(grok, self.key)
        if isinstance(setting, dict):
            return bool(setting.get(self.path, setting.get("*")) == self.value)
        return bool(setting == self.value)

    def setting(self, grok: GrokConfig) -> tuple[tuple[str, ...], str | Mapping[str, str]]:
        """Path and value of the setting to write, given those in effect.

        A value for all paths that the owner has set stays in effect for the others.
        """
        now = getattr(grok, self.key)
        if not self.path:
            path = ("grok", self.key, "*") if isinstance(now, dict) else ("grok", self.key)
            return path, self.value
        if isinstance(now, dict):
            return ("grok", self.key, self.path), self.value
        others = {} if now in ("", DEFAULT_STATSIG_ID) else {"*": now}
        return ("grok", self.key), {self.path: self.value, **others}


_LABELS = {
    "cf_clearance": "cf_clearance",
    "user_agent": "User-Agent",
    "x_statsig_id": "x-statsig-id",
}


def pasted_value(key: str, text: str) -> BrowserValue:
    """The value of one setting, as a person pasted it.

    :param key: the setting's, under ``[grok]``.
    :raises ConfigError: if *text* holds no such value; nothing is quoted.
    """
    label = _LABELS[key]
    try:
        value, _ = taken_out(key, text)
    except ValueError as error:
        raise ConfigError(f"{label} {error}") from None
    if not value:
        raise ConfigError(f"{label} is empty")
    return _checked(BrowserValue(label, key, value))


def browser_values(copy: BrowserCopy) -> list[BrowserValue]:
    """The values that a copied request has for the configuration.

    A statsig value is taken only for a path that requests of this program go to.

    :raises ConfigError: if one can't be a header's; nothing is quoted.
    """
    values = [
        value
        for value in (
            BrowserValue(_LABELS["cf_clearance"], "cf_clearance", copy.cf_clearance),
            BrowserValue(_LABELS["user_agent"], "user_agent", copy.user_agent),
            BrowserValue(_LABELS["x_statsig_id"], "x_statsig_id", copy.statsig_id, copy.path),
        )
        if value.value and (not value.path or value.path in STATSIG_PATHS)
    ]
    return [*map(_checked, values)]


def _checked(value: BrowserValue) -> BrowserValue:
    if re.search(r"[^\x20-\x7e]", value.value):
        raise ConfigError(f"its {value.label} has characters that no header may have")
    return value


def config_change(values: list[BrowserValue]) -> ConfigChange:
    """The change of a configuration that sets *values*, with the labels of new ones as result."""

    def change(data: bytes | None) -> tuple[bytes | None, frozenset[str]]:
        encoding, text = decoded(data or b"")
        grok = load_config(text)[0].grok
        fresh = [value for value in values if not value.is_in(grok)]
        if not fresh:
            return None, frozenset()
        text = with_settings(text, dict(value.setting(grok) for value in fresh))
        _refuse_hidden(text, fresh)
        return encoding.encode(text), frozenset(value.label for value in fresh)

    return change


def _refuse_hidden(text: str, values: list[BrowserValue]) -> None:
    """Refuse an edit without effect: a file of another layout may have a setting twice."""
    grok = load_config(text)[0].grok
    for value in values:
        if not value.is_in(grok):
            raise ConfigError(
                f"[grok] {value.key} would not be in effect as copied: write it there by hand"
            )
