"""What changes while the server runs, as the routes see it."""

from __future__ import annotations

from collections.abc import Callable

from ..config import Config
from .auth import KeyRing

__all__ = ["ServerState"]


class ServerState:
    """The settings in force, and what is wrong at the moment.

    :ivar config: the settings in force; changed by :meth:`adopt` only.
    :ivar keys: the API keys in force.
    :ivar draining: the server is stopping and takes nothing new.
    :ivar notices: faults that stay until they are mended, by what is at fault: a file that could not be taken over.
    :ivar followers: are told of other settings.
    :ivar faults: faults that are asked for: each returns its words, or nothing.
    """

    def __init__(self, config: Config) -> None:
        self.draining = False
        self.notices: dict[str, str] = {}
        self.faults: dict[str, Callable[[], str]] = {}
        self.followers: list[Callable[[Config], None]] = []
        self.adopt(config)

    def adopt(self, config: Config) -> None:
        """Use other settings from now on."""
        self.config = config
        self.keys = KeyRing(
            [config.grok.api_key, *(key.key for key in config.keys)],
            [key.sha256 for key in config.keys if key.sha256],
        )
        for follower in self.followers:
            follower(config)

    def all_faults(self) -> dict[str, str]:
        """What is wrong at the moment, by what is at fault."""
        asked = {name: fault() for name, fault in self.faults.items()}
        return {**self.notices, **{name: words for name, words in asked.items() if words}}
