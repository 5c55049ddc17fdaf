"""``import-curl``: take session and browser values out of a browser's "Copy as cURL".

No value is ever shown.
"""

from __future__ import annotations

import argparse

from ..parsing import Commands, Parents, add_command

__all__ = ["add_import_curl_command"]


def add_import_curl_command(commands: Commands, parents: Parents) -> None:
    """Add ``import-curl`` to a parser's commands.

    :param parents: parsers of the common flags, without defaults.
    """
    more = (
        "In the browser's developer tools, under Network, choose Copy as cURL (bash or cmd) or "
        "Copy as PowerShell at any request to grok.com, then paste it here. The session goes into "
        "the token file; cf_clearance, User-Agent and x-statsig-id go into the configuration, "
        "whose former content stays beside it as .bak. No value is shown."
    )
    about = "take session and browser values from a browser's Copy as cURL"
    parser = add_command(commands, parents, "import-curl", import_curl_command, about, more)
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        default="-",
        help="a file with the copied request; - (the default) for stdin",
    )
    parser.add_argument(
        "--super", action="store_true", help="the session belongs to a Super account"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be done, and write nothing"
    )


def import_curl_command(arguments: argparse.Namespace) -> int:
    """Take what a copied request has. Returns 0.

    :raises ConfigError: if the copy, a flag or a file is at fault, or can't be written.
    """
    # Late: a server has no use for it.
    from .command import import_curl

    return import_curl(arguments)
