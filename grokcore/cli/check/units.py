"""Services of systemd that run this program: their settings, and the command that examines them.

The settings are read from the text of the unit with its drop-ins (``systemctl cat``), whose form is
documented in systemd.syntax(7): a line ends in a backslash if it goes on, and an empty value takes
back a list.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from attrs import field, frozen

from .surroundings import Surroundings

__all__ = ["USUAL_UNIT", "Unit", "check_command_of", "find_unit", "read_unit"]

USUAL_UNIT = "grok2api.service"

_LISTS = frozenset({"Environment", "EnvironmentFile", "LoadCredential"})
_CREDENTIAL = re.compile(
    r"(?:%d|\$\{?CREDENTIALS_DIRECTORY\}?|/run/credentials/[^/]+|/run/user/\d+/credentials/[^/]+)/(.+)"
)
_SECRET = re.compile(r"KEY|TOKEN|PROXY|CLEARANCE|STATSIG")
_PROGRAM = re.compile(r"(?:.*/)?grok2api(?:\.pyz?)?|grokcore")


@frozen
class Unit:
    """A service.

    :ivar user_s: whether it belongs to the user's own service manager.
    :ivar state: active, inactive, failed, ….
    :ivar pid: its main process; 0 if there is none.
    :ivar command: the words of ``ExecStart=``.
    :ivar user: the user that it names; empty for root, and for one that exists while it runs.
    :ivar credentials: by name, the files that it gets copies of.
    :ivar environ: variables for this program that stand in the unit.
    """

    name: str
    user_s: bool = False
    state: str = ""
    pid: int = 0
    command: tuple[str, ...] = ()
    user: str = ""
    folder: str = ""
    state_directory: str = ""
    credentials: Mapping[str, str] = field(factory=dict)
    environ: Mapping[str, str] = field(factory=dict)
    environment_files: tuple[str, ...] = ()

    @property
    def control(self) -> str:
        """The beginning of commands to its service manager."""
        return "systemctl --user" if self.user_s else "sudo systemctl"

    @property
    def journal(self) -> str:
        """The command that shows the end of its log."""
        manager = "--user " if self.user_s else ""
        return f"journalctl {manager}-u {self.name.removesuffix('.service')} -n 20 -o cat"


def find_unit(surroundings: Surroundings, name: str = USUAL_UNIT) -> Unit | None:
    """The service *name* of the system, else of the user; None if there is neither."""
    for user_s in (False, True):
        manager = ["systemctl", "--user"] if user_s else ["systemctl"]
        text = surroundings.run([*manager, "--no-pager", "cat", "--", name])
        if text:
            asked = [*manager, "show", "-p", "ActiveState", "-p", "MainPID", "--", name]
            shown = dict(line.partition("=")[::2] for line in surroundings.run(asked).splitlines())
            return read_unit(text, name, shown, user_s=user_s)
    return None


def read_unit(text: str, name: str, shown: Mapping[str, str], *, user_s: bool = False) -> Unit:
    """A service by its text.

    :param shown: properties that ``systemctl show`` knows of it.
    """
    settings: dict[str, list[str]] = {}
    for key, value in _assignments(text):
        if not value or key not in _LISTS:
            settings[key] = []
        if value:
            settings.setdefault(key, []).append(value)
    last = {key: values[-1] for key, values in settings.items() if values}
    dynamic = last.get("DynamicUser", "").lower() in ("yes", "true", "1", "on")
    pid = shown.get("MainPID", "")
    return Unit(
        name,
        user_s=user_s,
        state=shown.get("ActiveState", ""),
        pid=int(pid) if pid.isdecimal() else 0,
        command=tuple(_words(last.get("ExecStart", "").lstrip("-@:+!"))),
        user="" if dynamic or last.get("User") == "root" else last.get("User", ""),
        folder=last.get("WorkingDirectory", "").lstrip("-"),
        state_directory=last.get("StateDirectory", "").partition(" ")[0].partition(":")[0],
        credentials=_pairs(settings.get("LoadCredential", []), ":"),
        environ=_variables(settings.get("Environment", [])),
        environment_files=tuple(settings.get("EnvironmentFile", [])),
    )


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    """Settings of the section ``[Service]``, in order."""
    section = ""
    for line in re.sub(r"\\\n(?:[#;][^\n]*\n)*", " ", text).splitlines():
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped
        elif section == "[Service]" and "=" in stripped and stripped[0] not in "#;":
            key, _, value = stripped.partition("=")
            yield key.strip(), value.strip()


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quote that is not closed
        return text.split()


def _pairs(values: Sequence[str], mark: str) -> dict[str, str]:
    return dict(value.partition(mark)[::2] for value in values if mark in value)


def _variables(values: Sequence[str]) -> dict[str, str]:
    """The variables that this program reads."""
    pairs = _pairs([word for value in values for word in _words(value)], "=")
    return {name: text for name, text in pairs.items() if name.startswith(("GROK2API_", "XAI_"))}


# The command -------------------------------------------------------------------------------------


def check_command_of(unit: Unit) -> str:
    """The command that examines the installation of *unit*, with the unit's own files.

    Variables that may be secrets are named without their values.
    """
    secret = [name for name in unit.environ if _SECRET.search(name)]
    shown = [f"{name}={value}" for name, value in unit.environ.items() if name not in secret]
    words = _check_words(unit)
    if unit.environment_files:
        words = [*_transient(unit), *(f"--setenv={pair}" for pair in shown), *words]
    else:
        words = [*_as_its_user(unit), *_env(unit, shown), *words]
    line = shlex.join(words)
    return f"{line} (with {', '.join(secret)} of the unit set)" if secret else line


def _check_words(unit: Unit) -> list[str]:
    """The unit's command line with ``check`` for ``serve``, and credentials by their sources."""
    words = list(unit.command) or ["grok2api"]
    at = next((i for i, word in enumerate(words) if _PROGRAM.fullmatch(word)), 0)
    program, flags = words[: at + 1], [word for word in words[at + 1 :] if word != "serve"]
    flags = [_source(word, unit.credentials) for word in flags]
    has_folder = any(flag.startswith("--data-dir") for flag in flags)
    if unit.state_directory and not unit.user_s and not has_folder:
        flags += ["--data-dir", f"/var/lib/{unit.state_directory}"]
    return [*program, "check", *flags]


def _source(word: str, credentials: Mapping[str, str]) -> str:
    """The file that a credential is a copy of; *word* itself if it names none."""
    flag, mark, value = word.partition("=") if word.startswith("--") else ("", "", word)
    match = _CREDENTIAL.fullmatch(value)
    if match is None or match[1] not in credentials:
        return word
    source = credentials[match[1]]
    if match[1].endswith(".toml") and _is_missing(source):
        source = "/dev/null"  # all settings have their defaults
    return f"{flag}{mark}{source}"


def _is_missing(path: str) -> bool:
    """Whether *path* surely does not exist."""
    try:
        Path(path).stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _as_its_user(unit: Unit) -> list[str]:
    if unit.user_s:
        return []
    return ["sudo", "-u", unit.user] if unit.user else ["sudo"]


def _env(unit: Unit, pairs: Sequence[str]) -> list[str]:
    folder = ["-C", unit.folder] if unit.folder else []
    return ["env", *folder, *pairs] if folder or pairs else []


def _transient(unit: Unit) -> list[str]:
    """A service of its own: only the service manager may read the unit's file of variables."""
    begin = ["systemd-run", "--user"] if unit.user_s else ["sudo", "systemd-run"]
    settings = {
        "User": [unit.user] if unit.user else [],
        "WorkingDirectory": [unit.folder] if unit.folder else [],
        "EnvironmentFile": unit.environment_files,
    }
    properties = [f"--property={key}={value}" for key, all_ in settings.items() for value in all_]
    return [*begin, "--pipe", "--wait", "--quiet", "--collect", *properties]
