"""``tokens``: show the token file, edit it, and ask Grok about its tokens.

All commands but ``export`` show a token by its id only.
"""

from __future__ import annotations

from ..parsing import Commands, Parents, add_command
from .adding import add_tokens, import_tokens
from .check import add_check_flags, check_tokens
from .converting import convert_tokens
from .exporting import export_tokens
from .listing import list_tokens
from .removing import remove_tokens

__all__ = ["add_token_commands"]


def add_token_commands(commands: Commands, parents: Parents) -> None:
    """Add ``tokens`` with its own commands to a parser's.

    Each sets ``run`` to a function that takes the parsed arguments, returns the exit code (0; 1 if
    something was refused or not found) and raises ConfigError.

    :param parents: parsers of the common flags, ``--tokens`` among them, without defaults.
    """
    about = "list, add, remove, import, convert, export and check tokens"
    tokens = commands.add_parser(
        "tokens", help=about, description=f"{about.capitalize()}.", parents=parents
    )
    inner = tokens.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (
        _add_list,
        _add_add,
        _add_remove,
        _add_import,
        _add_convert,
        _add_export,
        _add_check,
    ):
        add(inner, parents)


def _add_list(commands: Commands, parents: Parents) -> None:
    parser = add_command(commands, parents, "list", list_tokens, "show the tokens, by their ids")
    parser.add_argument("--json", action="store_true", help="for programs")


def _add_add(commands: Commands, parents: Parents) -> None:
    more = (
        "Arguments stay in the shell's history, and other users see them in the list of processes. "
        "Without arguments, or for -, tokens are read from standard input, one per line. On a "
        "terminal, the command asks for one token, which is not shown."
    )
    parser = add_command(commands, parents, "add", add_tokens, "add tokens to the file", more)
    parser.add_argument(
        "token",
        metavar="TOKEN",
        nargs="*",
        help="value of the sso cookie, sso=…, or a cookie header; or -",
    )
    parser.add_argument("--super", action="store_true", help="the tokens belong to Super accounts")
    parser.add_argument(
        "--note", metavar="TEXT", default="", help="whose they are; a reminder for you"
    )
    parser.add_argument(
        "--proxy", metavar="URL", help="a proxy for these tokens; 'direct' for none"
    )


def _add_remove(commands: Commands, parents: Parents) -> None:
    parser = add_command(commands, parents, "remove", remove_tokens, "remove tokens from the file")
    parser.add_argument(
        "id",
        metavar="ID",
        nargs="+",
        help="from 'tokens list'; its first four digits, if only one id begins with them",
    )


def _add_import(commands: Commands, parents: Parents) -> None:
    more = "A line for each place reports what became of it. The exit code is 1 if one is refused."
    parser = add_command(
        commands, parents, "import", import_tokens, "add the tokens of another file", more
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        help="JSON, one token per line, or a browser's cookies (cookies.txt or JSON); - for stdin",
    )


def _add_convert(commands: Commands, parents: Parents) -> None:
    more = (
        "A list, a text file and another program's export are read as they are, but only a JSON "
        "object is edited. The file as it was stays beside the new one, as .bak."
    )
    about = "rewrite the token file as a JSON object"
    add_command(commands, parents, "convert", convert_tokens, about, more)


def _add_export(commands: Commands, parents: Parents) -> None:
    more = "Only you can read the file. Tokens are never written to a terminal."
    parser = add_command(
        commands, parents, "export", export_tokens, "write the tokens themselves to a file", more
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        default="-",
        help="the file to write; - (the default) for stdout",
    )
    parser.add_argument(
        "--format", choices=("json", "text"), default="json", help="text has only the tokens"
    )
    parser.add_argument("--force", action="store_true", help="replace a file that is there")


def _add_check(commands: Commands, parents: Parents) -> None:
    more = (
        "The question is for the remaining allowance: no answer is generated, and nothing is "
        "changed. The exit code is 1 if Grok refuses any token."
    )
    add_check_flags(
        add_command(
            commands, parents, "check", check_tokens, "ask Grok whether it takes the tokens", more
        )
    )
