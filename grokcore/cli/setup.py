"""The input of every command: which files count, and their content."""

from __future__ import annotations

import argparse
import codecs
import contextlib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import evolve, field, fields_dict, frozen

from ..config import SECTIONS, Config, is_loopback, load_config, text_fault
from ..config.original import is_newer_original
from ..config.remarks import remarks_on
from ..config.rights import Said, settings_in
from ..errors import ConfigError
from ..protocol.models import LaneUse
from ..protocol.token_file.reading import Note, entries_of, notes_on, read_tokens
from ..protocol.tokens import TokenEntry
from ..runtime.days import Days
from ..runtime.disk.files import read_regular
from ..runtime.disk.watch import fingerprint
from .redaction import name_of

__all__ = [
    "CONFIG_PLACES",
    "TOKEN_PLACES",
    "InputFiles",
    "OpenDoor",
    "Settings",
    "Unreadable",
    "chosen_file",
    "data_folder",
    "naming",
    "read_file",
    "refuse_open_door",
]

CONFIG_PLACES = ("config.toml", "data/config.toml", "data/setting.toml")
TOKEN_PLACES = ("tokens.json", "data/token.json")
"""Default places, in this order. Those in ``data`` are the original project's, the newer one first.
"""


class OpenDoor(ConfigError):
    """The server would be open to other machines without a key."""


class Unreadable(ConfigError):
    """A file can't be read."""


NEIGHBOURS = ("config.toml", "setting.toml")
"""Names of configurations beside a token file."""


@frozen
class Settings:
    """A configuration with the sources of its settings.

    :ivar file: its file; None if there is none.
    :ivar said: the settings that the file has.
    :ivar elsewhere: by section and key, the flag or variable that a setting comes from, if not from
        the file.
    """

    config: Config
    warnings: tuple[str, ...] = ()
    file: Path | None = None
    said: Said = frozenset()
    elsewhere: Mapping[tuple[str, str], str] = field(factory=dict)

    def source(self, section: str, key: str) -> Path | str | None:
        """The source that a fault of this setting is blamed on: a flag, a variable, or the file."""
        return self.elsewhere.get((section, key), self.file)


class InputFiles:
    """The files, flags and variables that configuration and tokens come from. All can be read again
    at any time.

    :param arguments: the parsed command line.
    :param environ: the environment.
    :ivar record: the folder of ``--record``.
    :ivar seen: fingerprints of the files from before the first read.
    :raises ConfigError: if a flag's path has a character that no path may have; the message names
        the flag.
    """

    def __init__(self, arguments: argparse.Namespace, environ: Mapping[str, str]) -> None:
        for name in ("config", "tokens", "record"):
            _refuse_unusable(f"--{name}", str(getattr(arguments, name, None) or ""))
        self.demo: bool = bool(arguments.demo)
        self.record: Path | None = getattr(arguments, "record", None)
        self._config_flag: str | None = arguments.config
        self._token_flag: str | None = arguments.tokens
        self._environ = environ
        flags = {
            ("server", name): getattr(arguments, name, None)
            for name in ("host", "port", "data_dir", "workers")
        }
        self._flags = {key: value for key, value in flags.items() if value is not None}
        self.seen = fingerprint(self.files)

    @property
    def files(self) -> tuple[Path | None, Path | None]:
        """The files of configuration and tokens."""
        return self.config_file, self.token_file

    @property
    def config_file(self) -> Path | None:
        """The file that the flag names, or the first default one that exists."""
        return None if self.demo else chosen_file(self._config_flag, CONFIG_PLACES)

    @property
    def token_file(self) -> Path | None:
        """The token file, chosen as :attr:`config_file`."""
        return None if self.demo else chosen_file(self._token_flag, TOKEN_PLACES)

    def read_config(self) -> Settings:
        """Read the configuration.

        :raises ConfigError: with one line that names the file and key at fault, or the variable, or
            the flag.
        """
        file = self.config_file
        text = _text_of(read_file(file)) if file else ""
        config, warnings = load_config(
            text, name=str(file or ""), environ=self._environ, flags=self._flags
        )
        settings = Settings(config, tuple(warnings), file, settings_in(text), self._elsewhere())
        self._refuse_lost_proxy(settings, text)
        remarks = (
            f"{settings.source(*path) or 'defaults'}: [{path[0]}] {path[1]}: {words}"
            for path, words in remarks_on(config)
        )
        settings = evolve(settings, warnings=(*warnings, *remarks))
        refuse_open_door(config, str(settings.source("server", "host") or ""))
        _check_zones(settings)
        _check_official(settings)
        return settings

    def _refuse_lost_proxy(self, settings: Settings, text: str) -> None:
        """Refuse to use tokens without the proxy that a configuration beside them names.

        :raises ConfigError: if there is such a proxy, and the configuration in use has no proxy
            setting.
        """
        tokens = self.token_file
        document = tomllib.loads(text)
        written = "proxy_url" in document.get("grok", {}) or is_newer_original(document)
        decided = written or "GROK2API_GROK_PROXY_URL" in self._environ
        if tokens is None or settings.config.grok.proxy_url or decided:
            return
        beside = (tokens.parent / name for name in NEIGHBOURS)
        for file in (
            path for path in beside if path.is_file() and not _is_same(path, settings.file)
        ):
            try:
                proxy = load_config(_text_of(read_file(file)))[0].grok.proxy_url
            except ConfigError as error:
                proxy = str(error)
            if proxy:
                raise ConfigError(
                    f"{tokens}: {file} beside it names a proxy or can't be read, and "
                    f"{settings.file or 'no configuration'} "
                    'names none: write [grok] proxy_url there; proxy_url = "" is for none'
                )

    def _elsewhere(self) -> dict[tuple[str, str], str]:
        """The settings that come from flags and variables; flags win."""
        named = {
            (section, key): variable
            for section, cls in SECTIONS.items()
            for key in fields_dict(cls)
            if (variable := f"GROK2API_{section}_{key}".upper()) in self._environ
        }
        return named | {
            (section, key): f"--{key.replace('_', '-')}" for section, key in self._flags
        }

    def read_tokens(self) -> tuple[TokenEntry, ...]:
        """Read the tokens; none if there is no file.

        :raises ConfigError: with one line that names the file and quotes none of it.
        """
        return self.read_tokens_with_notes()[0]

    def read_tokens_with_notes(self) -> tuple[tuple[TokenEntry, ...], list[Note]]:
        """The tokens as :meth:`read_tokens`, with notes on entries that are passed over or changed.

        :raises ConfigError: as there.
        """
        file = self.token_file
        with naming(file):
            readings = read_tokens(read_file(file)) if file else []
            return entries_of(readings), notes_on(readings)


def _check_zones(settings: Settings) -> None:
    """Check time zones, which only this machine can judge.

    :raises ConfigError: if it does not know one.
    """
    for section in ("server", "api"):
        with naming(settings.source(section, "timezone")):
            zone = getattr(settings.config, section).timezone
            Days(zone, lambda: 0.0, f"[{section}] timezone")


def _check_official(settings: Settings) -> None:
    """Check settings of the official lanes that only both together can judge.

    :raises ConfigError: if a lane that shall come first has no credential.
    """
    api, cli = settings.config.api, settings.config.cli
    first = (LaneUse.FIRST, LaneUse.ONLY)
    for section, use, has, needed in (
        ("api", api.use, api.key or api.key_file, "key, key_file or $XAI_API_KEY"),
        ("cli", cli.use, cli.auth_file or cli.token_command, "auth_file or token_command"),
    ):
        if use in first and not has:
            with naming(settings.source(section, "use")):
                raise ConfigError(f"[{section}] use: {use.value!r} needs {needed}")


def _is_same(one: Path, other: Path | None) -> bool:
    return other is not None and one.resolve() == other.resolve()


def chosen_file(flag: str | None, usual: tuple[str, ...]) -> Path | None:
    """The file that the flag names, whether or not it exists, else the first default one that
    exists.
    """
    if flag is not None:
        return Path(flag)
    return next((path for path in map(Path, usual) if _may_be_there(path)), None)


def _may_be_there(path: Path) -> bool:
    """Whether *path* exists, or can't be looked at; the reader then reports why."""
    try:
        return path.exists()
    except OSError:
        return True


def data_folder(config: Config, environ: Mapping[str, str]) -> Path:
    """The folder for learned state: the setting, else the first of systemd's ``$STATE_DIRECTORY``,
    else ``data``.

    :raises ConfigError: if the variable has a character that no path may have.
    """
    passed = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if not config.server.data_dir:
        _refuse_unusable("STATE_DIRECTORY", passed)
    return Path(config.server.data_dir or passed or "data")


def _refuse_unusable(name: str, text: str) -> None:
    """Raise a ConfigError if *text* can't be a path. *name* is the flag or variable that it comes
    from.
    """
    fault = text_fault(text)
    if fault:
        raise ConfigError(f"{name}: {fault}")


def _text_of(data: bytes) -> str:
    """A configuration's text. Bytes that are not UTF-8 become lone surrogates: harmless in a
    comment, reported in a value.
    """
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):  # "Unicode" to editors of Windows
            return data[len(mark) :].decode(encoding, "replace")
    return data.decode("utf-8-sig", "surrogateescape")


def read_file(path: Path) -> bytes:
    """The content of *path*.

    :raises ConfigError: if it can't be read, or is not a regular file but a pipe or a device.
    """
    try:
        return read_regular(path)
    except OSError as error:
        raise Unreadable(f"{name_of(path)}: can't be read: {error.strerror}") from None


@contextlib.contextmanager
def naming(path: Path | str | None) -> Iterator[None]:
    """Put the name of a file, flag or variable before the message of a ConfigError."""
    try:
        yield
    except Unreadable:  # names its file already
        raise
    except ConfigError as error:
        raise ConfigError(
            f"{path}: {error}" if path and not str(error).startswith(f"{path}:") else str(error)
        ) from None


def refuse_open_door(config: Config, name: str) -> None:
    """Refuse to serve other machines without a key.

    :param name: the configuration's file, or the flag or variable that names the host, for the
        message.
    :raises ConfigError: if the host is not a loopback one, and there is no key.
    """
    if not is_loopback(config.server.host) and not config.grok.api_key and not config.keys:
        in_file = f"{name}: " if name else ""
        host = config.server.host or "every address"
        fault = (
            f"[server] host: {host} is reachable from other machines, so [grok] api_key must be set"
        )
        raise OpenDoor(in_file + fault)
