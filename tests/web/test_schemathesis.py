"""The server against its own description, by a program that reads nothing else: Schemathesis."""

from __future__ import annotations

import faulthandler
import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.servers import Site
from tests.web.media_site import run_on_media_site

ROOT = Path(__file__).parents[2]

COMMAND = (sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run")

OPTIONS = (
    *(
        "--seed",
        "2026",
        "--generation-database",
        "none",
        "--no-shrink",
        "--no-color",
        "--request-timeout",
        "20",
    ),
    *("--warnings", "off"),
    # A stream without an end, and switching off the tokens that the others need.
    *("--exclude-operation-id", "watchStatus", "--exclude-operation-id", "actOnToken"),
    # Without a key of xAI they are 501, which a fuzzer takes for a bug; see test_openapi_answers.py.
    *("--exclude-path-regex", "^/videos"),
)

_POSITIVE = ("--mode", "positive", "--phases", "examples,fuzzing")
"""A request as described must be answered, and the answer be as described."""

POSITIVE = (*_POSITIVE, "--max-examples", "10")

_NEGATIVE = (
    *("--mode", "negative"),
    # They read the same bodies as the operations that ask.
    *("--exclude-operation-id", "countResponseTokens"),
    *("--exclude-operation-id", "countMessageTokens"),
    "--exclude-checks",
    # The routes with an id fit beside those with a name: /responses/compact has their methods too.
    "negative_data_rejection,allow_header_conformance",
)
"""Other requests may be answered too, since the server is milder than its description. The server
must never fail.
"""

NEGATIVE = (*_NEGATIVE, "--phases", "fuzzing", "--max-examples", "12")
MANY = (
    (*_POSITIVE, "--max-examples", "60"),
    (*_NEGATIVE, "--phases", "fuzzing", "--max-examples", "90"),
)
"""Each example takes some 50 ms of both processes, so a suite has few; the seed is always the same."""
COVERAGE = (*_NEGATIVE, "--phases", "coverage")
"""Every field with every kind of wrong value: some 2000 requests, in two minutes."""


@pytest.mark.once
@pytest.mark.parametrize(
    ("options", "tested"),
    [
        pytest.param(POSITIVE, 27, id="positive"),
        pytest.param(NEGATIVE, 13, id="negative"),
        pytest.param(MANY[0], 27, id="many positive", marks=pytest.mark.on_demand),
        pytest.param(MANY[1], 13, id="many negative", marks=pytest.mark.on_demand),
        pytest.param(COVERAGE, 25, id="coverage", marks=pytest.mark.on_demand),
    ],
)
def test_the_server_is_as_it_describes_itself(
    options: tuple[str, ...], tested: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some hundreds of requests made of the document: no server error, no status, header or body
    that is not in it.
    """
    faulthandler.cancel_dump_traceback_later()  # it may take more than a minute
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "tests.web.schemathesis_hooks",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done: list[subprocess.CompletedProcess[bytes]] = []

    async def scenario(site: Site) -> None:
        command = [*COMMAND, f"{site.url}/v1/openapi.json", *OPTIONS, *options]
        done.append(
            await trio.run_process(
                command,
                cwd=tmp_path,
                env=environment,
                check=False,
                capture_stdout=True,
                stderr=subprocess.STDOUT,
            )
        )

    monkeypatch.setattr("grokcore.simulator.app.NATURAL_PACE_S", 0)
    run_on_media_site(scenario, tmp_path, patience_s=240)
    (process,) = done
    report = process.stdout.decode("utf-8", "replace")
    assert process.returncode == 0, report[-6000:]
    assert f"Tested: {tested}" in report, report[-1500:]
