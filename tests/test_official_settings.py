"""Settings of the official lanes that a start and a reload refuse."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from grokcore.cli.setup import InputFiles
from grokcore.errors import ConfigError


def inputs(folder: Path, text: str, **environ: str) -> InputFiles:
    file = folder / "config.toml"
    file.write_text(text, "utf-8")
    names = ("host", "port", "data_dir", "tokens", "record")
    arguments = argparse.Namespace(demo=False, config=str(file), **dict.fromkeys(names))
    return InputFiles(arguments, environ)


REFUSED = [
    ('[api]\ntimezone = "Mars/Olympus"', "[api] timezone: is no time zone"),
    ('[api]\nuse = "only"', "[api] use: 'only' needs key, key_file or $XAI_API_KEY"),
    ('[api]\nuse = "first"', "[api] use: 'first' needs key"),
    ('[cli]\nuse = "only"', "[cli] use: 'only' needs auth_file or token_command"),
]


@pytest.mark.parametrize(("text", "fault"), REFUSED)
def test_what_could_not_work_is_refused_with_its_place(
    tmp_path: Path, text: str, fault: str
) -> None:
    """The owner reads the file and the setting, not a failure of each question."""
    with pytest.raises(ConfigError) as caught:
        inputs(tmp_path, text).read_config()
    assert str(caught.value).startswith(f"{tmp_path / 'config.toml'}: {fault}")


TAKEN = [
    ("", {}),
    ('[api]\nkey = "xai-1"\nuse = "first"\ntimezone = "Europe/Berlin"', {}),
    ('[api]\nuse = "only"', {"XAI_API_KEY": "xai-1"}),
    ('[cli]\nuse = "first"\nauth_file = "auto"', {}),
    ('[cli]\nuse = "only"\ntoken_command = ["print-token"]', {}),
]


@pytest.mark.parametrize(("text", "environ"), TAKEN)
def test_a_lane_that_comes_first_needs_a_credential_only(
    tmp_path: Path, text: str, environ: dict[str, str]
) -> None:
    """From wherever it comes."""
    inputs(tmp_path, text, **environ).read_config()


def test_the_usual_variable_is_the_last_place_for_a_key(tmp_path: Path) -> None:
    """A key of the file, or a file of it, is the owner's decision."""
    usual = {"XAI_API_KEY": " xai-usual\n"}
    for text, key in (
        ("", "xai-usual"),
        ('[api]\nkey = "xai-own"', "xai-own"),
        ('[api]\nkey_file = "/run/key"', ""),
    ):
        assert inputs(tmp_path, text, **usual).read_config().config.api.key == key
    own = {**usual, "GROK2API_API_KEY": "xai-variable"}
    assert inputs(tmp_path, "", **own).read_config().config.api.key == "xai-variable"
