"""axe-core, which finds what keeps people from using a page, and its run in a page.

It comes from npm into a cache folder and is no part of the package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.sync_api import Page

__all__ = ["axe_script", "violations"]

VERSION = "axe-core@4"
SCRIPT = Path("node_modules/axe-core/axe.min.js")
INSTALL_S = 120

FEW_ROWS = "#rows tr:nth-child(n+13)"
"""Further rows are built like the first ones."""

RUN = """(whole) => axe.run(
  { include: [document], exclude: [["%s"]] },
  { resultTypes: ["violations"], preload: false, rules: { "color-contrast": { enabled: whole } } },
).then(({ violations }) => violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes[0].html}`))"""


def axe_script() -> str:
    """The script. Without npm, tests are skipped; on CI (``GROKCORE_CI``) they fail."""
    folder = _cache()
    complaint = "" if (folder / SCRIPT).exists() else _install(folder)
    if complaint and os.environ.get("GROKCORE_CI"):
        pytest.fail(complaint)
    if complaint:
        pytest.skip(complaint)
    return (folder / SCRIPT).read_text(encoding="utf-8")


def violations(page: Page, *, with_contrast: bool) -> list[str]:
    """The rules that the page breaks.

    :param with_contrast: whether contrast is looked at too, which takes most of the time.
    """
    return cast(list[str], cast(Any, page.evaluate(RUN % FEW_ROWS, with_contrast)))


def _cache() -> Path:
    named = os.environ.get("AXE_NPM_PREFIX")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(base) / "grok2api-tests" / VERSION


def _install(folder: Path) -> str:
    """Install it. Returns npm's complaint; empty if it is there."""
    if shutil.which("npm") is None:
        return "there is no npm, so no axe-core"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        options = ("--prefix", scratch, "--no-audit", "--no-fund", "--loglevel=error")
        try:
            subprocess.run(
                ["npm", "install", *options, VERSION],
                capture_output=True,
                check=True,
                timeout=INSTALL_S,
            )
        except subprocess.CalledProcessError as error:
            return f"npm did not bring axe-core: {error.stderr.decode()[-300:]}"
        except subprocess.TimeoutExpired:
            return f"npm took more than {INSTALL_S} s"
        (Path(scratch) / "node_modules").rename(_emptied(folder) / "node_modules")
    return ""


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
