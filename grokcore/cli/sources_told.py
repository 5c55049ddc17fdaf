"""The log's line on what a starting server has read, and where it writes."""

from __future__ import annotations

from pathlib import Path

from .setup import CONFIG_PLACES, TOKEN_PLACES, InputFiles, Settings

__all__ = ["sources_line"]


def sources_line(inputs: InputFiles, settings: Settings, tokens: int, folder: Path) -> str:
    """The files, flags and variables in use, whole paths; of variables the names only.

    :param tokens: number of tokens that the token file has.
    :param folder: the data directory.
    """
    config = _file(settings.file, CONFIG_PLACES)
    pool = _file(inputs.token_file, TOKEN_PLACES)
    others = ", ".join(sorted(set(settings.elsewhere.values()))) or "none"
    return (
        f"configuration: {config}; settings from flags and variables: {others}; "
        f"tokens: {pool}, with {tokens}; data directory: {folder.absolute()}"
    )


def _file(path: Path | None, places: tuple[str, ...]) -> str:
    return str(path.absolute()) if path else f"none ({', '.join(places)} in {Path.cwd()})"
