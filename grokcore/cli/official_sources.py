"""The credentials of the official lanes as their owner configured them, for the commands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from ..config import CliConfig, Config
from ..protocol.models import LaneName
from ..protocol.tokens import token_key
from ..runtime.lanes.official.asker import OfficialAsker
from ..runtime.lanes.official.cli_session import find_auth_file
from ..runtime.lanes.official.credentials import CredentialSource
from ..runtime.transport.seam import Transport
from .official import LaneConfig, asker_of, is_set_up, source_of

__all__ = ["Configured", "configured_lanes"]

KEY_VARIABLES = ("GROK2API_API_KEY", "XAI_API_KEY")
"""Variables that a key of xAI's API comes from; the first that is set wins."""


@frozen
class Configured:
    """An official lane with a credential in the settings.

    :ivar place: where the credential comes from, in words; no value of it.
    :ivar runs_program: whether a program of the owner's has to be run for it.
    """

    lane: LaneName
    settings: LaneConfig
    source: CredentialSource
    place: str
    runs_program: bool = False

    def asker(self, transport: Transport, proxy_url: str) -> OfficialAsker:
        """A part that asks xAI about the account."""
        return asker_of(self.lane, self.settings, self.source, transport, proxy_url)


def configured_lanes(config: Config, environ: Mapping[str, str]) -> tuple[Configured, ...]:
    """The official lanes with a credential in the settings, the CLI's first; also those that are
    switched off.
    """
    lanes = ((LaneName.CLI, config.cli), (LaneName.API, config.api))
    return tuple(
        Configured(
            lane,
            settings,
            source_of(settings),
            _place(settings, environ),
            runs_program=isinstance(settings, CliConfig) and bool(settings.token_command),
        )
        for lane, settings in lanes
        if is_set_up(settings)
    )


def _place(settings: LaneConfig, environ: Mapping[str, str]) -> str:
    if isinstance(settings, CliConfig):
        if settings.token_command:
            return "[cli] token_command"
        return str(find_auth_file(settings.auth_file, environ, Path.home()))
    if not settings.key:
        return settings.key_file
    keys = {name: environ.get(name, "").strip() for name in KEY_VARIABLES}
    holder = next((name for name, key in keys.items() if key and _same(key, settings.key)), None)
    return f"the variable {holder}" if holder else "[api] key"


def _same(one: str, other: str) -> bool:
    return token_key(one) == token_key(other)
