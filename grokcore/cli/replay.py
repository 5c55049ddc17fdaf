"""``replay``: what the decoder makes of a recorded stream, one event per line."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from ..errors import GrokApiError
from ..protocol.conversation.events import Event, Failed, Finished
from ..protocol.counters import Counters
from ..protocol.grok_web.markup import parse_tag_names
from .parsing import Commands, Parents, add_command
from .setup import InputFiles, naming, read_file

__all__ = ["add_replay_command"]

SHOWN_CHARS = 200


_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def add_replay_command(commands: Commands, parents: Parents) -> None:
    """Add ``replay`` to a parser's commands.

    It sets ``run`` to a function that takes the parsed arguments, returns the exit code (0; 1 if
    the answer did not finish) and raises ConfigError if the file can't be read.

    :param parents: parsers of the common flags, ``--config`` among them, without defaults.
    """
    about = "show what the decoder makes of a recorded stream"
    more = "The exit code is 0 if the answer finished, else 1."
    parser = add_command(commands, parents, "replay", replay, about, more)
    parser.add_argument(
        "file", metavar="FILE", help="written by serve --record, or a stream as Grok sent it"
    )
    parser.add_argument(
        "--filtered-tags", metavar="NAMES", help="as [grok] filtered_tags (default: as configured)"
    )
    parser.add_argument(
        "--json", action="store_true", help="for programs: whole texts, one JSON object per line"
    )


def replay(arguments: argparse.Namespace) -> int:
    """Print the events, counts of skipped input, and how the answer ended.

    :returns: 0 if it finished, 1 if not.
    :raises ConfigError: the file can't be read, is damaged, is neither a recording nor a stream of
        Grok's, or was written by another version; or the configuration is at fault.
    """
    # Late, since a server does without its memory.
    from .records import read_record

    path = Path(arguments.file)
    with naming(path):
        record = read_record(read_file(path))
    events, counters = record.decoded(_filtered_tags(arguments))
    finished = isinstance(events[-1], Finished)
    tell = _tell_json if arguments.json else _tell_text
    for line in tell(events, counters, record.missing(finished=finished)):
        print(_encodable(line))
    return 0 if finished else 1


def _filtered_tags(arguments: argparse.Namespace) -> frozenset[str]:
    if arguments.filtered_tags is not None:
        return parse_tag_names(arguments.filtered_tags)
    return InputFiles(arguments, os.environ).read_config().config.grok.filtered_tags


# Output -----------------------------------------------------------------------------------------


def _tell_text(events: Sequence[Event], counters: Counters, cut: str) -> Iterator[str]:
    for event in events:
        if not isinstance(event, Failed | Finished):
            yield " ".join([_kind(event).ljust(13), *map(_shown, attrs.astuple(event))]).rstrip()
    counts = attrs.asdict(counters)
    unknown = counts.pop("unknown_keys")
    yield "passed over: " + ", ".join(f"{name} {count}" for name, count in counts.items())
    yield "unknown keys: " + (
        ", ".join(f"{_shown(key)} {count}" for key, count in unknown.items()) or "none"
    )
    if cut:
        yield f"the record is not whole: {_shown(cut)}"
    error = _failure(events)
    yield f"failed: {error.code}: {_printable(error.message)}" if error else "finished"


def _tell_json(events: Sequence[Event], counters: Counters, cut: str) -> Iterator[str]:
    for event in events:
        if not isinstance(event, Failed | Finished):
            yield _json({"event": _kind(event), **attrs.asdict(event)})
    yield _json({"passed_over": attrs.asdict(counters)})
    error = _failure(events)
    end: dict[str, Any] = {"end": "finished"}
    if error is not None:
        end = {"end": "failed", "code": error.code, "message": error.message}
    yield _json(end | ({"record": cut} if cut else {}))


def _failure(events: Sequence[Event]) -> GrokApiError | None:
    last = events[-1]
    return last.error if isinstance(last, Failed) else None


def _kind(event: Event) -> str:
    return _HUMP.sub("_", type(event).__name__).lower()


def _shown(value: Any) -> str:
    """A value of an event, or several, short enough to be read."""
    if isinstance(value, tuple | list):
        return " ".join(map(_shown, value))
    if isinstance(value, str):
        return _json(value if len(value) <= SHOWN_CHARS else f"{value[:SHOWN_CHARS]}…")
    return str(value)


def _json(value: Any) -> str:
    return _printable(json.dumps(value, ensure_ascii=False))


def _printable(text: str) -> str:
    r"""*text* without what would move a terminal's cursor; in JSON it is the same text in another
    spelling.
    """
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return json.dumps(char)[1:-1]


def _encodable(line: str) -> str:
    encoding = sys.stdout.encoding or "utf-8"
    return line.encode(encoding, "replace").decode(encoding)
