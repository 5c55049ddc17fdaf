"""``models``: the table of models, as ``/v1/models`` lists them."""

from __future__ import annotations

import argparse
import os
import sys

from ..config import Config
from ..protocol.model_order import best_first
from ..protocol.models import Model
from ..protocol.pool.book import TokenBook
from ..protocol.token_file.reading import parse_token_file
from ..protocol.wall import set_since
from ..runtime.disk.state_file import peek
from ..runtime.wall import wall_reading
from ..simulator.demo_tokens import DEMO_TOKENS
from .parsing import Commands, Parents, add_command
from .setup import InputFiles, data_folder
from .tables import Column, print_table
from .tokens.states import STATE_FILE

__all__ = ["add_models_command"]

GAP = 1
"""Spaces between columns; a wider gap would push the shipped table over 80 columns."""


def add_models_command(commands: Commands, parents: Parents) -> None:
    """Add ``models`` to a parser's commands."""
    about = "list the models, best first, and what they mean at Grok"
    more = "Only models that a token may use, as a server with these files last knew."
    parser = add_command(commands, parents, "models", models_command, about, more)
    parser.add_argument("--all", action="store_true", help="all models; the token file is not read")


def models_command(arguments: argparse.Namespace) -> int:
    """Print the models that a server with these files would list, and what they mean at Grok.

    :raises ConfigError: if the configuration is at fault, or, without ``--all``, the token file.
    """
    inputs = InputFiles(arguments, os.environ)
    config = inputs.read_config().config
    models = best_first(config.models.values())
    if arguments.all:
        _print(models)
        return 0
    pool = _pool(inputs, config)
    _print(pool.listed(models))
    unserved = [model.name for model in models if not pool.serves(model)]
    if len(unserved) == len(models):
        print("no token can be used yet, so all models are listed", file=sys.stderr)
    elif unserved:
        print(f"no token may use {', '.join(unserved)} (--all lists all)", file=sys.stderr)
    return 0


def _pool(inputs: InputFiles, config: Config) -> TokenBook:
    """The tokens, with the state that a server with these files last wrote. Nothing is changed."""
    if inputs.demo:
        return TokenBook(parse_token_file(DEMO_TOKENS))
    book = TokenBook(inputs.read_tokens())
    reading = wall_reading()
    book.recall(
        peek(data_folder(config, os.environ) / STATE_FILE),
        reading.wall,
        0.0,
        lambda record: set_since(record, reading),
    )
    return book


def _print(models: list[Model]) -> None:
    rows = [_row(model) for model in models]
    columns = (
        Column("model", whole=True),
        # Names and modes at Grok are not split, but may stand on two lines.
        Column(
            "at Grok", least=max((len(word) for row in rows for word in row[1].split()), default=0)
        ),
        Column("cost", whole=True),
        Column("tier", whole=True),
        Column("clocks (s)", whole=True),  # first response, chunk, total
    )
    print_table(columns, rows, gap=GAP)


def _row(model: Model) -> tuple[str, ...]:
    assert model.limits is not None
    clocks = f"{model.limits.first_response:g} / {model.limits.chunk:g} / {model.limits.total:g}"
    at_grok = model.mode_id or f"{model.grok_model}, {model.mode}"
    return model.name, at_grok, str(model.cost), model.tier.value, clocks
