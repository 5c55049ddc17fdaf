"""``keys``: make, list and remove the keys of ``[[keys]]``.

A key is shown once, when it is made. The configuration has its SHA-256.
"""

from __future__ import annotations

from ..parsing import Commands, Parents, add_command
from .adding import add_key
from .listing import list_keys
from .removing import remove_keys

__all__ = ["add_key_commands"]


def add_key_commands(commands: Commands, parents: Parents) -> None:
    """Add ``keys`` with its own commands to a parser's.

    Each sets ``run`` to a function that takes the parsed arguments, returns the exit code (0; 1 if
    a key was not found) and raises ConfigError.

    :param parents: parsers of the common flags, ``--config`` among them, without defaults.
    """
    about = "make, list and remove API keys for others"
    keys = commands.add_parser(
        "keys", help=about, description=f"{about.capitalize()}.", parents=parents
    )
    inner = keys.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (_add_add, _add_list, _add_remove):
        add(inner, parents)


def _add_add(commands: Commands, parents: Parents) -> None:
    more = (
        "The key alone goes to stdout, once; the configuration has its SHA-256. A key without any "
        "limit is an owner's: it may see and change the server's state."
    )
    parser = add_command(commands, parents, "add", add_key, "make a key", more)
    parser.add_argument("name", metavar="NAME", nargs="?", help="whose it is (default: key-1 …)")
    parser.add_argument(
        *("--models",), metavar="NAMES", action="append", help="with commas; default: all"
    )
    for flag, about in (
        ("--rpm", "requests per minute"),
        ("--per-day", "requests per day"),
        ("--tokens-per-day", "estimated tokens of questions and answers per day"),
        ("--concurrent", "requests at once"),
    ):
        parser.add_argument(flag, metavar="N", type=int, default=0, help=about)
    parser.add_argument(
        "--expires",
        metavar="DATE",
        default="",
        help="its last day, such as 2026-12-31, or the time of its end, such as "
        "2026-12-31T18:00:00Z",
    )
    parser.add_argument(
        "--lanes",
        metavar="LANES",
        action="append",
        help="of web, cli, api, with commas; default: web alone for a key with limits",
    )


def _add_list(commands: Commands, parents: Parents) -> None:
    about = "show the keys, by their names, with what they have used today"
    parser = add_command(commands, parents, "list", list_keys, about)
    parser.add_argument("--json", action="store_true", help="for programs")


def _add_remove(commands: Commands, parents: Parents) -> None:
    parser = add_command(commands, parents, "remove", remove_keys, "remove keys")
    parser.add_argument("name", metavar="NAME", nargs="+", help="from 'keys list'")
