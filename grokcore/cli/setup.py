"""What a command starts with: which files count, and what is in them."""

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
from ..protocol.token_file.reading import Note, entries_of, notes_on, read_tokens
from ..protocol.tokens import TokenEntry
from ..runtime.disk.files import read_regular
from ..runtime.disk.watch import fingerprint
from .redaction import name_of

__all__ = [
    "CONFIG_PLACES",
    "TOKEN_PLACES",
    "InputFiles",
    "Settings",
    "chosen_file",
    "data_folder",
    "naming",
    "read_file",
    "refuse_open_door",
]

CONFIG_PLACES = ("config.toml", "data/config.toml", "data/setting.toml")
TOKEN_PLACES = ("tokens.json", "data/token.json")
"""Where files are looked for that no flag names; those in ``data`` are the original project's, the
newer one first.
"""

NEIGHBOURS = ("config.toml", "setting.toml")
"""Names of configurations beside a token file."""


@frozen
class Settings:
    """A configuration, and where it came from.

    :ivar file: None if there is no file.
    :ivar said: the settings that the file has.
    :ivar elsewhere: by section and key, the flag or variable that a setting comes from, if it does
        not come from the file.
    """

    config: Config
    warnings: tuple[str, ...] = ()
    file: Path | None = None
    said: Said = frozenset()
    elsewhere: Mapping[tuple[str, str], str] = field(factory=dict)

    def source(self, section: str, key: str) -> Path | str | None:
        """What a fault of a setting is to be blamed on: a flag, a variable, or the file."""
        return self.elsewhere.get((section, key), self.file)


class InputFiles:
    """Where configuration and tokens come from; both can be read again at any time.

    :param arguments: the parsed command line.
    :param environ: the environment.
    :ivar record: the folder of ``--record``.
    :ivar seen: what the files looked like before they were read for the first time.
    :raises ConfigError: if a flag's path holds what no path should; the message names the flag.
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
            ("server", name): getattr(arguments, name) for name in ("host", "port", "data_dir")
        }
        self._flags = {key: value for key, value in flags.items() if value is not None}
        self.seen = fingerprint(self.files)

    @property
    def files(self) -> tuple[Path | None, Path | None]:
        """Configuration and tokens."""
        return self.config_file, self.token_file

    @property
    def config_file(self) -> Path | None:
        """The file that was named, or the first usual one that is there."""
        return None if self.demo else chosen_file(self._config_flag, CONFIG_PLACES)

    @property
    def token_file(self) -> Path | None:
        """As :attr:`config_file`, for the tokens."""
        return None if self.demo else chosen_file(self._token_flag, TOKEN_PLACES)

    def read_config(self) -> Settings:
        """Read the configuration.

        :raises ConfigError: one line that names file and key at fault, or the variable, or the
            flag.
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
        return settings

    def _refuse_lost_proxy(self, settings: Settings, text: str) -> None:
        """Make sure that tokens are not used without the proxy that a configuration beside them
        names.

        :raises ConfigError: if there is such a proxy, and the configuration that is used says
            nothing of proxies.
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
        """The settings that flags and variables make; flags win."""
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

        :raises ConfigError: one line with the file's name, and without a piece of it.
        """
        return self.read_tokens_with_notes()[0]

    def read_tokens_with_notes(self) -> tuple[tuple[TokenEntry, ...], list[Note]]:
        """As :meth:`read_tokens`, and what the owner should know of entries that are not taken, or
        not as they are.

        :raises ConfigError: as there.
        """
        file = self.token_file
        with naming(file):
            readings = read_tokens(read_file(file)) if file else []
            return entries_of(readings), notes_on(readings)


def _is_same(one: Path, other: Path | None) -> bool:
    return other is not None and one.resolve() == other.resolve()


def chosen_file(flag: str | None, usual: tuple[str, ...]) -> Path | None:
    """The file that was named, which must be there, or the first usual one that is."""
    if flag is not None:
        return Path(flag)
    return next((path for path in map(Path, usual) if _may_be_there(path)), None)


def _may_be_there(path: Path) -> bool:
    """Whether it is, or can't be told; whoever reads it then is told why not."""
    try:
        return path.exists()
    except OSError:
        return True


def data_folder(config: Config, environ: Mapping[str, str]) -> Path:
    """Where learned state is kept: the setting, else the first of systemd's ``$STATE_DIRECTORY``,
    else ``data``.

    :raises ConfigError: if the variable holds what no path should.
    """
    passed = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if not config.server.data_dir:
        _refuse_unusable("STATE_DIRECTORY", passed)
    return Path(config.server.data_dir or passed or "data")


def _refuse_unusable(name: str, text: str) -> None:
    """Raise a ConfigError for *text* that can't be a path. *name* is the flag or variable that it
    comes from.
    """
    fault = text_fault(text)
    if fault:
        raise ConfigError(f"{name}: {fault}")


def _text_of(data: bytes) -> str:
    """A configuration's text. What is no UTF-8 becomes lone surrogates: harmless in a comment,
    named in a value.
    """
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):  # "Unicode" to editors of Windows
            return data[len(mark) :].decode(encoding, "replace")
    return data.decode("utf-8-sig", "surrogateescape")


def read_file(path: Path) -> bytes:
    """The content of *path*.

    :raises ConfigError: it can't be read, or is something else than a file: a pipe, a device.
    """
    try:
        return read_regular(path)
    except OSError as error:
        raise ConfigError(f"{name_of(path)}: can't be read: {error.strerror}") from None


@contextlib.contextmanager
def naming(path: Path | str | None) -> Iterator[None]:
    """Put the name of the file, flag or variable before what is wrong with it."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(
            f"{path}: {error}" if path and not str(error).startswith(f"{path}:") else str(error)
        ) from None


def refuse_open_door(config: Config, name: str) -> None:
    """Make sure that nobody from another machine is served without a key.

    :param name: of the configuration's file, or of the flag or variable that names the host, for
        the message.
    :raises ConfigError: the host is not a loopback one, and there is no key.
    """
    if not is_loopback(config.server.host) and not config.grok.api_key and not config.keys:
        in_file = f"{name}: " if name else ""
        host = config.server.host or "every address"
        fault = (
            f"[server] host: {host} is reachable from other machines, so [grok] api_key must be set"
        )
        raise ConfigError(in_file + fault)
