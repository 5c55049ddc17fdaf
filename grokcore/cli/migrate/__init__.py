"""``migrate``: the files of the original project (chenyme/grok2api) as files of ours.

* :mod:`~grokcore.cli.migrate.sources`: the files that its three generations have, and their
  content.
* :mod:`~grokcore.cli.migrate.plan`: the two new files, and a line for each thing that was taken or
  left. Judged in :mod:`grokcore.config.migration` and :mod:`grokcore.protocol.token_file.original`.
* :mod:`~grokcore.cli.migrate.writing`: both files or none, beside the old ones and never over
  others.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ..parsing import Commands, Parents, add_command

__all__ = ["add_migrate_command"]


def add_migrate_command(commands: Commands, parents: Parents) -> None:
    """Add ``migrate`` to a parser's commands."""
    about = "make config.toml and tokens.json of the original grok2api's files"
    more = (
        "It shows what it would take and what not, with the reason, and no secret. Then it asks "
        "whether to write. The original's files stay as they are."
    )
    parser = add_command(commands, parents, "migrate", migrate_command, about, more)
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        type=Path,
        help="the original's folder, its data folder, or a file that it exported",
    )
    parser.add_argument(
        "--to", metavar="DIR", type=Path, help="where the new files go (default: here)"
    )
    parser.add_argument("--write", action="store_true", help="write without asking")
    parser.add_argument(
        "--proxy",
        metavar="URL",
        help='the proxy to use in place of the original\'s ("" for none)',
    )


def migrate_command(arguments: argparse.Namespace) -> int:
    """Show each thing that is taken or left; write the two files if the owner agrees.

    Returns the exit code: 0, or 1 if there is nothing to take.

    :raises ConfigError: if a file is at fault, or one of the new files is there already.
    """
    # Late: a server has no use for these.
    from .plan import planned
    from .sources import find_sources
    from .writing import agreed, refuse_existing, write

    folder = arguments.to or Path()
    plan = planned(find_sources(arguments.folder), arguments.proxy)
    for line in plan.lines:
        print(line)
    if not plan.files:
        print("nothing to take was found")
        return 1
    refuse_existing(folder, plan.files)
    if not (arguments.write or agreed(folder, plan.files)):
        print("nothing was written; --write writes without asking")
        return 0
    write(folder, plan.files)
    return 0
