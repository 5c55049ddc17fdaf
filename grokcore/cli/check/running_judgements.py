"""Judgements of the address that the server listens on, and of the server that runs there. No I/O.

Rules
-----
1. A running server's condition is shown in its own words, beside the doctor's own looks.
2. A server that uses other files is named with the command that examines those.
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from ... import __version__
from .findings import Finding, fail, ok, warn
from .listener import Listener
from .running import Answer, ServerLook
from .units import Unit, check_command_of

__all__ = ["judge_port", "judge_running"]

_LOG_HAS_MORE = "The status page and the server's log have more."

_STATES = {"ok": "it says ok", "draining": "it is stopping"}

_PROGRAM = ("grok2api", "grok2api.py", "grok2api.pyz", "grokcore")


# The port ----------------------------------------------------------------------------------------


def judge_port(look: ServerLook) -> Finding:
    """The finding on whether the server can listen, or does."""
    match look.answer:
        case Answer.OURS:
            version = look.report.get("version", "")
            return ok("port", f"{look.where}: a server answers, grok2api {version}{_by(look)}")
        case Answer.ANOTHER:
            advice = (
                "Stop that program, or give this server another port: [server] port, --port or "
                "GROK2API_SERVER_PORT."
            )
            return fail("port", f"{look.where} is in use by another program{_by(look)}", advice)
        case Answer.SILENT:
            advice = "If it is this server, restart it, and look at the end of its log."
            message = f"{look.where} is in use, and there was no answer within 5 s{_by(look)}"
            return fail("port", message, advice)
        case Answer.NOTHING:
            return _judge_quiet_port(look)


def _judge_quiet_port(look: ServerLook) -> Finding:
    if look.fault:
        advice = (
            "Choose an address of this machine, and a port above 1023: [server] host and port. "
            "systemd can open a lower port for the server (docs/systemd.md)."
        )
        return fail("port", f"{look.where} can't be listened on: {look.fault}", advice)
    return ok("port", f"{look.where} is free; no server runs there")


def _by(look: ServerLook) -> str:
    """The owner of the port, as the end of a message."""
    if look.container:
        return f", in the container {look.container}"
    process = f", {look.listener.name}, process {look.listener.pid}" if look.listener else ""
    return f"{process} of {look.unit.name}" if look.unit else process


# The server --------------------------------------------------------------------------------------


def judge_running(look: ServerLook, *, holds_our_data: bool, user: int | None) -> list[Finding]:
    """Findings on the server that runs, or that systemd should run.

    :param holds_our_data: whether a server uses the data directory of the examined files.
    :param user: the number of the user who runs the doctor; None where users have no numbers.
    """
    if look.answer is not Answer.OURS:
        return _judge_unit(look.unit)
    findings = list(_judge_other_files(look, user)) if not holds_our_data else []
    if look.knows_key is False and holds_our_data:
        findings.append(
            warn(
                "server",
                "it does not take the API key of these files",
                "Set the same [grok] api_key, or restart it if the key has changed.",
            )
        )
    about = (_judge_version(look), _judge_condition(look.report), _judge_workers(look.report))
    return [*findings, *itertools.chain(*about)]


def _judge_unit(unit: Unit | None) -> list[Finding]:
    """The finding on a service that is installed, while nothing answers on the address."""
    if unit is None:
        return []
    if unit.state == "active":
        message = f"{unit.name} runs elsewhere (process {unit.pid}), with files of its own"
        return [warn("server", message, f"Examine those: {check_command_of(unit)}")]
    name = unit.name.removesuffix(".service")
    message = f"{unit.name} is installed, and {unit.state or 'its state is unknown'}"
    advice = f"Its files are examined by: {check_command_of(unit)}"
    if unit.state == "failed":
        return [fail("server", message, f"Look why: {unit.journal}. {advice}")]
    return [warn("server", message, f"Start it: {unit.control} start {name}. {advice}")]


def _judge_other_files(look: ServerLook, user: int | None) -> Iterator[Finding]:
    key = " and another API key" if look.knows_key is False else ""
    message = f"the server on {look.where} uses other files{key} than those examined here"
    yield warn("server", message, f"Examine its own: {_command_for(look, user)}")


def _command_for(look: ServerLook, user: int | None) -> str:
    """The command that examines the server's own installation."""
    if look.container:
        return f"docker exec {look.container} grok2api check"
    if look.unit is not None:
        return check_command_of(look.unit)
    process = look.listener
    if process is None or process.folder is None:
        return "call check as the user who runs it, in the folder where it was started"
    return _command_of_process(process, process.folder, user)


def _command_of_process(process: Listener, folder: PurePath, user: int | None) -> str:
    at = next(
        (i for i, word in enumerate(process.arguments) if PurePath(word).name in _PROGRAM), None
    )
    words: Sequence[str] = ("grok2api", "check")
    if at is not None:
        flags = [word for word in process.arguments[at + 1 :] if word != "serve"]
        words = (*process.arguments[: at + 1], "check", *flags)
    if process.user == user:
        return f"cd {shlex.quote(str(folder))} && {shlex.join(words)}"
    return shlex.join(["sudo", "-u", f"#{process.user}", "env", "-C", str(folder), *words])


def _judge_version(look: ServerLook) -> list[Finding]:
    theirs = look.report.get("version", "")
    if not isinstance(theirs, str) or theirs in ("", __version__):
        return []
    return [
        warn(
            "server",
            f"it runs grok2api {theirs}, and this is {__version__}",
            "Restart it, so that it runs the version that is installed.",
        )
    ]


def _judge_condition(report: Mapping[str, Any]) -> list[Finding]:
    """Findings on the server's own view: its condition, and a line for each reason."""
    state = report.get("status")
    state = state if isinstance(state, str) else "unknown"
    reasons = [_judge_reason(reason) for reason in _reasons(report)]
    message = f"it is {state} by its own view"
    if state in _STATES:
        return [ok("server", _STATES[state]), *reasons]
    if reasons:
        advice = "The next lines have the reasons."
    else:
        advice = _LOG_HAS_MORE
    return [(fail if state == "down" else warn)("server", message, advice), *reasons]


def _judge_workers(report: Mapping[str, Any]) -> list[Finding]:
    """The finding on the processes of a server that has several."""
    workers = report.get("workers")
    if not isinstance(workers, dict):
        return []
    count, missing, restarts = (workers.get(name) for name in ("count", "missing", "restarts"))
    if missing:
        message = f"of its {count} workers, these do not answer: {', '.join(map(str, missing))}"
        return [warn("server", message, f"They hang, or are being started. {_LOG_HAS_MORE}")]
    if restarts:
        message = f"it has {count} workers, restarted after crashes: {restarts}"
        return [warn("server", message, "Its log has the reasons, in the lines before each start.")]
    return [ok("server", f"it has {count} workers, and all answer")]


def _reasons(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    reasons = report.get("reasons")
    return [one for one in reasons if isinstance(one, dict)] if isinstance(reasons, list) else []


def _judge_reason(reason: Mapping[str, Any]) -> Finding:
    words = str(reason.get("words") or reason.get("subject") or reason.get("matter") or "")
    message = words.strip().removesuffix(".") or "a reason without words"
    advice = str(reason.get("advice") or "") or _LOG_HAS_MORE
    match reason.get("weight"):
        case "ok":
            return ok("server", message)
        case "down":
            return fail("server", message, advice)
        case _:
            return warn("server", message, advice)
