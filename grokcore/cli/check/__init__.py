"""``check``: the doctor. Examines everything that has to be right before Grok answers, with advice
for each fault.

* :mod:`~grokcore.cli.check.findings`: the result of one examination, and the reports for people and
  programs.
* :mod:`~grokcore.cli.check.files`: configuration, token file, data directory.
* :mod:`~grokcore.cli.check.identity`: the identity that Grok's edge sees: browser,
  ``x-statsig-id``, ``cf_clearance``.
* :mod:`~grokcore.cli.check.network`: names, the way to Grok, TLS, the clock, the assets host.
* :mod:`~grokcore.cli.check.accounts`: Grok's answer for each token.
* :mod:`~grokcore.cli.check.looks`: the requests themselves.
* :mod:`~grokcore.cli.check.doctor` and :mod:`~grokcore.cli.check.journey`: the order of all
  examinations, on this machine and beyond, and which of them a failure makes impossible.

Functions that judge get plain values and return findings; they do no I/O. Nothing costs a
generation, and nothing is written.
"""

from __future__ import annotations

import argparse
import sys

from ..parsing import Commands, Parents, add_command

__all__ = ["add_check_command"]

EXIT_INTERRUPTED = 130
"""The exit code that shells report for a program that SIGINT has ended."""


def add_check_command(commands: Commands, parents: Parents) -> None:
    """Add ``check`` to a parser's commands.

    It sets ``run`` to a function that takes the parsed arguments and returns the exit code: 0 (all
    is well, or there are warnings only), 1 (something has failed), 78 (the server could not start
    with this configuration), 130 (interrupted).

    :param parents: parsers of the common flags, ``--config`` among them, without defaults.
    """
    about = "examine everything from the configuration to Grok, with advice on each fault"
    more = (
        "No answer is generated, nothing is written, and a running server is not disturbed. The "
        "exit code is 0 if nothing "
        "has failed, 1 if something has, 78 if the server could not start."
    )
    parser = add_command(commands, parents, "check", check_command, about, more)
    parser.add_argument("--json", action="store_true", help="for programs: one JSON object")


def check_command(arguments: argparse.Namespace) -> int:
    """Examine everything. Prints a line for each finding at once, or JSON at the end; returns the
    exit code.
    """
    # Late: a server has no use for these.
    from .doctor import examine
    from .findings import JsonReport, TextReport

    report = JsonReport() if arguments.json else TextReport()
    interrupted = False
    try:
        examine(arguments, report.add)
    except* KeyboardInterrupt:  # trio raises it in a group
        interrupted = True
    if interrupted:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    return report.finish()
