"""Records of requests, read back: log lines and scraped metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.servers import Site

CANARY = "canary-7f3a"
"""In the prompt, the answer, the key, the token, the query and a header: in no line of the log."""


def lines_of(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The fields of the requests that were logged at INFO."""
    return [
        record.fields["request"]  # type: ignore[attr-defined]
        for record in caplog.records
        if record.name == "grokcore.requests" and record.levelno == logging.INFO
    ]


async def scraped(site: Site, key: str = "") -> Callable[..., float | None]:
    """The value of a sample by its name and labels; None if there is none."""
    answer = await site.client.get("/metrics", headers={"x-api-key": key} if key else {})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    return lambda name, **labels: samples.get((f"grok2api_{name}", frozenset(labels.items())))
