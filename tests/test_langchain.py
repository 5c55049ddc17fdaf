"""LangChain's own integration tests pass against a server."""

from __future__ import annotations

import faulthandler
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.langchain.grok import answer_langchain
from tests.servers import Site, on_site

SUITE = Path(__file__).parent / "langchain"

PLUGINS = ("pytest_asyncio.plugin", "pytest_socket", "pytest_benchmark.plugin")
"""Plugins that langchain-tests wants. This suite does without them: see pyproject.toml."""

LEFT_OUT = {"test_stream_time": "it times the replay of a provider's recorded answers"}
"""Tests that are not run, and why. Those that skip themselves are named in the suite."""

LEAST = 141
"""Tests that pass with langchain-tests 1.1.9: fewer, and something is left out unseen."""


def run_suite(url: str) -> subprocess.CompletedProcess[str]:
    """LangChain's tests, in a pytest of their own."""
    plugins = [part for name in PLUGINS for part in ("-p", name)]
    chosen = " and ".join(f"not {name}" for name in LEFT_OUT)
    settings = ("-c", str(SUITE / "pytest.ini"), "-k", chosen, *plugins)
    return subprocess.run(
        [sys.executable, "-m", "pytest", *settings, str(SUITE / "suite.py")],
        env={**os.environ, "SERVER_URL": url, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.once
@on_site(patience_s=280)
async def test_langchains_own_tests_pass_over_all_three_apis(site: Site) -> None:
    """What LangChain requires of a provider: calls, forced calls, histories, structured output,
    usage, streams, pictures, PDFs.
    """
    faulthandler.cancel_dump_traceback_later()  # a slow machine takes more than a minute
    site.simulator.default = answer_langchain
    outcome = await trio.to_thread.run_sync(run_suite, site.url)
    assert outcome.returncode == 0, outcome.stdout[-6000:]
    passed = re.search(r"(\d+) passed", outcome.stdout)
    assert passed is not None
    assert int(passed[1]) >= LEAST, outcome.stdout[-2000:]
