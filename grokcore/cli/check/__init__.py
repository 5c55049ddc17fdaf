"""``check``: the doctor. Examines everything that has to be right before Grok answers, with advice
for each fault.

* :mod:`~grokcore.cli.check.findings`: the result of one examination, and the reports for people and
  programs.
* :mod:`~grokcore.cli.check.files`: configuration, token file, data directory.
* :mod:`~grokcore.cli.check.surroundings`, :mod:`~grokcore.cli.check.units` and
  :mod:`~grokcore.cli.check.listener`: the installation, systemd's services, the process that has
  the port.
* :mod:`~grokcore.cli.check.running` and :mod:`~grokcore.cli.check.running_judgements`: the server
  that runs there, by its own view.
* :mod:`~grokcore.cli.check.identity`: the identity that Grok's edge sees: browser,
  ``x-statsig-id``, ``cf_clearance``.
* :mod:`~grokcore.cli.check.network`: names, the way to Grok, TLS, the clock, the assets host.
* :mod:`~grokcore.cli.check.token_rounds`: each token, over the lanes in use:
  :mod:`~grokcore.cli.check.account_looks` and :mod:`~grokcore.cli.check.account_judgements` over
  the websocket, :mod:`~grokcore.cli.check.accounts` over REST.
* :mod:`~grokcore.cli.check.official_looks` and :mod:`~grokcore.cli.check.official`: the official
  lanes.
* :mod:`~grokcore.cli.check.looks`: the requests themselves.
* :mod:`~grokcore.cli.check.doctor` and :mod:`~grokcore.cli.check.journey`: the order of all
  examinations, on this machine and beyond, and which of them a failure makes impossible.
* :mod:`~grokcore.cli.check.ask_command`: the questions of ``--ask``, and their price;
  :mod:`~grokcore.cli.check.asking` puts them, :mod:`~grokcore.cli.check.answers` judges.
* :mod:`~grokcore.cli.check.alert_command`: the test alert of ``--alert``.
* :mod:`~grokcore.cli.check.tools_command`, :mod:`~grokcore.cli.check.tools_asking` and
  :mod:`~grokcore.cli.check.tools_report`: the same for the exercises of ``--tools``.

Functions that judge get plain values and return findings; they do no I/O. Nothing is written, and
nothing but ``--ask`` and ``--tools`` costs a generation.
"""

from __future__ import annotations

import argparse
import sys

from ..parsing import Commands, Parents, add_command

__all__ = ["add_check_command"]

EXIT_INTERRUPTED = 130
"""The exit code that shells report for a program that SIGINT has ended."""

MOST_QUESTIONS = 20
"""Questions of ``--ask``, unless the owner wants more."""

EXERCISES = 12
"""Exercises of ``--tools`` in each form, unless the owner wants another number: two of each kind.
A free account has some thirty questions a day.
"""


def add_check_command(commands: Commands, parents: Parents) -> None:
    """Add ``check`` to a parser's commands.

    It sets ``run`` to a function that takes the parsed arguments and returns the exit code: 0 (all
    is well, or there are warnings only), 1 (something has failed), 78 (the server could not start
    with this configuration), 130 (interrupted).

    :param parents: parsers of the common flags, ``--config`` among them, without defaults.
    """
    about = "examine everything from the configuration to Grok, with advice on each fault"
    more = (
        "No answer is generated (without --ask and --tools), nothing is written, and a running "
        "server is not disturbed. The exit code is 0 if nothing "
        "has failed, 1 if something has, 78 if the server could not start."
    )
    parser = add_command(commands, parents, "check", check_command, about, more)
    parser.add_argument("--json", action="store_true", help="for programs: one JSON object")
    parser.add_argument(
        "--ask",
        action="store_true",
        help="then ask Grok one real question for each token and lane; it says first what that "
        "costs, and asks whether you agree",
    )
    parser.add_argument(
        "--alert",
        action="store_true",
        help="only send a test alert to each target of [alerts], and report how each try ended",
    )
    parser.add_argument("--yes", action="store_true", help="with --ask or --tools: you agree")
    parser.add_argument(
        "--most",
        type=int,
        metavar="N",
        help=f"with --ask: at most so many questions (default: {MOST_QUESTIONS})",
    )
    _add_tool_flags(parser)


def _add_tool_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tools",
        action="store_true",
        help="then measure how well Grok calls a client's tools, in several written forms; it says "
        "first how many questions that costs, and asks whether you agree",
    )
    parser.add_argument(
        "--questions",
        type=int,
        metavar="N",
        help=f"with --tools: so many exercises in each form, 60 at most (default: {EXERCISES})",
    )
    parser.add_argument(
        "--form",
        action="append",
        choices=("call", "function_call", "json"),
        help="with --tools: this form only (may be repeated)",
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="with --tools: the model that is measured (default: the one that costs least)",
    )


def check_command(arguments: argparse.Namespace) -> int:
    """Examine everything. Prints a line for each finding at once, or JSON at the end; returns the
    exit code.
    """
    # Late: a server has no use for these.
    from .alert_command import refuse_alert_with_others, send_test_alerts
    from .ask_command import ask_grok, refuse_without_consent
    from .doctor import examine
    from .findings import JsonReport, TextReport
    from .tools_command import evaluate_tools, refuse_tools_without_consent

    refuse_alert_with_others(arguments)
    refuse_without_consent(arguments)
    refuse_tools_without_consent(arguments)
    report = JsonReport() if arguments.json else TextReport()
    interrupted = left = False
    try:
        if arguments.alert:
            send_test_alerts(arguments, report.add)
            return report.finish()
        examined = examine(arguments, report.add)
        if arguments.ask:
            ask_grok(examined, arguments, report.add, MOST_QUESTIONS)
        if arguments.tools:
            evaluate_tools(examined, arguments, report.add, EXERCISES)
    except* KeyboardInterrupt:  # trio raises it in a group
        interrupted = True
    except* BrokenPipeError:  # likewise: the reader of a pipe has left
        left = True
    if left:
        raise BrokenPipeError
    if interrupted:
        if arguments.ask or arguments.tools:
            report.finish()  # what the questions have cost and shown so far
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    return report.finish()
