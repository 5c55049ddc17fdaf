"""Commands. The composition root is :mod:`grokcore.cli.assembly`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from .. import __version__
from ..errors import ConfigError
from ..languages.streams import speaking
from ..web.server import PortInUse
from .build import add_build_command
from .check import add_check_command
from .import_curl import add_import_curl_command
from .keys import add_key_commands
from .migrate import add_migrate_command
from .models import add_models_command
from .program import program
from .redaction import without_secrets
from .replay import add_replay_command
from .serve import serve_command
from .speech import Help, command_language
from .tokens import add_token_commands

__all__ = ["EXIT_CONFIG", "main"]

EXIT_CONFIG = 78
"""EX_CONFIG of sysexits.h: systemd can be configured not to start the server again after it."""


def main(argv: Sequence[str]) -> int:
    """Run a command. Returns the exit code: 0, 1 (could not run), 78 (configuration)."""
    with speaking(command_language(argv, os.environ)):
        return _run(argv)


def _run(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    try:
        command: Callable[[argparse.Namespace], int] = arguments.run
        return command(arguments)
    except ConfigError as error:
        print(_fault(str(error)), file=sys.stderr)
        return EXIT_CONFIG
    except PortInUse as error:
        print(_fault(str(error)), file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of a pipe has left, as in `check | head`
        # Else Python reports the broken pipe at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _fault(message: str) -> str:
    """A fault as one line for a person, without secrets."""
    return f"grok2api: {without_secrets(message)}"


class _Parser(argparse.ArgumentParser):
    """argparse that exits with the code of every other configuration fault."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"formatter_class": Help, **options})

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EXIT_CONFIG, f"{_fault(message)}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=program(),
        description="Your own Grok web sessions as an OpenAI- and Anthropic-compatible API.",
        parents=[_flags(default=None)],
    )
    parser.add_argument("--version", action="version", version=f"grok2api {__version__}")
    parser.set_defaults(run=serve_command)
    commands: Any = parser.add_subparsers(title="commands", metavar="COMMAND")
    # Flags may stand before or after the command. After it, an absent flag must not undo one
    # before it.
    parents = [_flags(default=argparse.SUPPRESS)]
    serve = commands.add_parser("serve", help="run the server (the default)", parents=parents)
    serve.set_defaults(run=serve_command)
    add_models_command(commands, parents)
    add_token_commands(commands, parents)
    add_key_commands(commands, parents)
    add_import_curl_command(commands, parents)
    add_migrate_command(commands, parents)
    add_check_command(commands, parents)
    add_replay_command(commands, parents)
    add_build_command(commands)
    return parser


def _flags(*, default: Any) -> _Parser:
    flags = _Parser(add_help=False, argument_default=default)
    flags.add_argument(
        "--config",
        metavar="FILE",
        help="configuration (default: config.toml, else data/config.toml)",
    )
    flags.add_argument(
        "--tokens", metavar="FILE", help="tokens (default: tokens.json, else data/token.json)"
    )
    flags.add_argument(
        "--data-dir", metavar="DIR", help="for learned state (default: $STATE_DIRECTORY, else data)"
    )
    flags.add_argument(
        "--host", metavar="ADDRESS", help="address to listen on (default: 127.0.0.1)"
    )
    flags.add_argument("--port", metavar="PORT", type=int, help="port to listen on (default: 8000)")
    flags.add_argument(
        "--workers",
        metavar="NUMBER",
        type=int,
        help="processes that serve together on one port (default: 1)",
    )
    flags.add_argument(
        "--record",
        metavar="DIR",
        type=Path,
        help="record Grok's responses there, without personal data",
    )
    flags.add_argument(
        "--demo",
        action="store_const",
        const=True,
        help="a simulated Grok and made-up tokens; reads no file",
    )
    return flags
