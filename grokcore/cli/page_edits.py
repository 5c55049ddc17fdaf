"""Edits from the status page: the same changes as by the commands, then taken over at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import trio
from attrs import evolve

from ..config import GrokConfig, load_config
from ..errors import ConfigError
from ..protocol.browser_copy.reading import read_copy
from ..protocol.models import Tier
from ..protocol.token_file.editing import EditResult, Outcome, added, removed, replaced
from ..protocol.token_file.reading import parse_token_file, token_in
from ..protocol.tokens import TokenEntry
from ..runtime.disk.disk_thread import in_disk_thread
from ..simulator.demo_tokens import DEMO_TOKENS
from ..web.edits import Edited
from .assembly import Server
from .import_curl.changes import (
    BrowserValue,
    browser_values,
    config_change,
    pasted_value,
    session_in,
    token_change,
)
from .redaction import name_of, without_secrets
from .reload import Reloader
from .setup import CONFIG_PLACES, TOKEN_PLACES, InputFiles, naming, read_file
from .tokens.file import any_changed, backup_of, edit, preview

__all__ = ["DemoFiles", "EditableFiles", "OwnersFiles", "PageEdits"]

PATIENCE_S = 10.0
"""Seconds that an edit may take; a disk takes milliseconds."""

NOT_IN_USE = "The server does not use it yet: {fault}."
WINS = "The variable {variable} is set, and wins over the file."

_T = TypeVar("_T")


class EditableFiles(Protocol):
    """The files that edits go to."""

    @property
    def token_file(self) -> Path:
        """The token file, which may not exist yet."""

    @property
    def config_file(self) -> Path:
        """The configuration, which may not exist yet."""

    async def take_over(self) -> dict[str, str]:
        """Have the server use the files as they are now. Returns the faults of ``tokens`` and
        ``config`` that prevent it.
        """


class OwnersFiles:
    """The files that the server was started with, taken over by its reloader."""

    def __init__(self, inputs: InputFiles, server: Server, reloader: Reloader) -> None:
        self._inputs = inputs
        self._server = server
        self._reloader = reloader

    @property
    def token_file(self) -> Path:
        """See :class:`EditableFiles`."""
        return self._inputs.token_file or Path(TOKEN_PLACES[0])

    @property
    def config_file(self) -> Path:
        """See :class:`EditableFiles`."""
        return self._inputs.config_file or Path(CONFIG_PLACES[0])

    async def take_over(self) -> dict[str, str]:
        """See :class:`EditableFiles`."""
        await self._reloader.reload()
        return self._server.state.notices


class DemoFiles:
    """Files of a demo, in its temporary folder; no file of the owner's is touched."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.token_file = folder / "tokens.json"
        self.config_file = folder / "config.toml"
        self._server = server
        self.token_file.write_bytes(DEMO_TOKENS)
        self.token_file.chmod(0o600)

    async def take_over(self) -> dict[str, str]:
        """See :class:`EditableFiles`."""
        tokens = parse_token_file(read_file(self.token_file))
        self._server.adopt_tokens(tokens)
        if self.config_file.exists():
            written = load_config(read_file(self.config_file).decode())[0].grok
            self._server.adopt_config(
                evolve(self._server.state.config, grok=self._with_values(written))
            )
        return {}

    def _with_values(self, written: GrokConfig) -> GrokConfig:
        names = ("cf_clearance", "user_agent", "x_statsig_id")
        values = {name: getattr(written, name) for name in names}
        return evolve(self._server.state.config.grok, **values)


class PageEdits:
    """See :class:`~grokcore.web.edits.Edits`. One edit at a time; files are edited in a thread."""

    def __init__(self, files: EditableFiles) -> None:
        self._files = files
        self._one_at_a_time = trio.Lock()
        self._threads = trio.CapacityLimiter(2)  # one may hang

    async def add_token(self, text: str, tier: Tier, note: str) -> Edited:
        """Add a token, as ``tokens add``."""
        path, name = self._files.token_file, name_of(self._files.token_file)
        entry = TokenEntry(_token(text), tier, note)

        def change(data: bytes | None) -> tuple[bytes | None, Outcome]:
            new, outcomes = added(data, [entry])
            return (new if any_changed(outcomes) else None), outcomes[0]

        outcome = await self._edited(lambda: _edit(path, change))
        if not outcome.changed:
            said = f"The token {outcome.id} is already in {name}; nothing was changed."
            return Edited(said, outcome.id)
        return await self._taken_over(f"The token {outcome.id} was added to {name}.", entry.id)

    async def replace_token(self, key: str, text: str) -> Edited:
        """Replace a token; the new one has the old one's tier, note and proxy."""
        path, name = self._files.token_file, name_of(self._files.token_file)
        sso, old = _token(text), key[:8]

        def change(data: bytes | None) -> tuple[bytes | None, Outcome]:
            new, outcome = replaced(_existing(data), key, sso)
            return (new if outcome.changed else None), _found(outcome)

        outcome = await self._edited(lambda: _edit(path, change))
        if not outcome.changed:
            said = f"The token {outcome.id} is already in {name}; nothing was changed."
            return Edited(said, outcome.id)
        said = (
            f"The token {outcome.id} has taken the place of {old} in {name}; "
            f"{name_of(backup_of(path).name)} has the file as it was."
        )
        return await self._taken_over(said, outcome.id)

    async def remove_token(self, key: str) -> Edited:
        """Remove a token, as ``tokens remove``."""
        path, name = self._files.token_file, name_of(self._files.token_file)

        def change(data: bytes | None) -> tuple[bytes | None, Outcome]:
            new, outcomes = removed(_existing(data), [key])
            return new, _found(outcomes[0])

        outcome = await self._edited(lambda: _edit(path, change))
        said = (
            f"The token {outcome.id} was removed from {name}; {name_of(backup_of(path).name)} has "
            "the file as it was, with the token."
        )
        return await self._taken_over(said, outcome.id)

    async def take_copy(self, text: str, tier: Tier) -> Edited:
        """Take session and browser values out of a copied request, as ``import-curl``."""
        with naming("the copied request"):
            copy = read_copy(text)
            session = session_in(copy, is_super=tier is Tier.SUPER)
            values = browser_values(copy)
        fresh = await self._edited(lambda: self._take(session, values))
        token = session.id if session is not None else ""
        if not fresh:
            said = "Everything in the copied request is in the files already; nothing was changed."
            return Edited(said, token)
        said = f"Taken from the copied request: {', '.join(fresh)}."
        return await self._taken_over(said, token, values)

    async def take_value(self, setting: str, text: str) -> Edited:
        """Set one browser value."""
        value = pasted_value(setting, text)
        fresh = await self._edited(lambda: self._take(None, [value]))
        name = name_of(self._files.config_file)
        if not fresh:
            return Edited(f"{value.label} is in {name} already; nothing was changed.")
        return await self._taken_over(f"{value.label} was written to {name}.", "", [value])

    def _take(self, session: TokenEntry | None, values: list[BrowserValue]) -> list[str]:
        """Write a session and values that the files lack. Returns their names. Runs in a thread.

        Both files are judged before either is written.
        """
        tokens, config = self._files.token_file, self._files.config_file
        if session is not None:
            preview(tokens, token_change(session))
        preview(config, config_change(values))
        fresh = []
        if session is not None and _edit(tokens, token_change(session)).changed:
            fresh.append("sso")
        labels = _edit(config, config_change(values))
        return fresh + [value.label for value in values if value.label in labels]

    async def _edited(self, work: Callable[[], _T]) -> _T:
        """:raises ConfigError: if a file is at fault, or its disk hangs."""
        try:
            with trio.fail_after(PATIENCE_S):
                async with self._one_at_a_time:
                    return await in_disk_thread(work, limiter=self._threads)
        except ConfigError as error:
            raise ConfigError(without_secrets(str(error))) from None
        except OSError as error:
            raise ConfigError(f"the files can't be edited: {error.strerror}") from None
        except trio.TooSlowError:
            raise ConfigError(
                f"the disk took more than {PATIENCE_S:g} s; look at the file before you try again"
            ) from None

    async def _taken_over(
        self, said: str, token: str, values: Sequence[BrowserValue] = ()
    ) -> Edited:
        faults = await self._files.take_over()
        what = "config" if values else "tokens"
        fault = "; ".join(
            dict.fromkeys(faults[name] for name in ("tokens", what) if name in faults)
        )
        variables = (f"GROK2API_GROK_{value.key}".upper() for value in values)
        more = [WINS.format(variable=name) for name in variables if name in os.environ]
        if fault:
            more.append(NOT_IN_USE.format(fault=without_secrets(fault)))
        return Edited(" ".join([said, *more]), token, in_use=not fault)


def _token(text: str) -> str:
    try:
        return token_in(text)
    except ValueError as error:
        raise ConfigError(f"the text {error}") from None


def _existing(data: bytes | None) -> bytes:
    if data is None:
        raise ConfigError("there is no such file")
    return data


def _found(outcome: Outcome) -> Outcome:
    if outcome.refused:
        raise ConfigError(EditResult.NOT_FOUND.value)
    return outcome


def _edit(path: Path, change: Callable[[bytes | None], tuple[bytes | None, _T]]) -> _T:
    """Edit a file; nobody waits for another program here."""

    def refuse_to_wait() -> None:
        raise ConfigError(f"{name_of(path)}: another program is editing it; try again")

    return edit(path, change, waiting=refuse_to_wait)
