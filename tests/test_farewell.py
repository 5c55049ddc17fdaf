"""The log's lines on the stop: what became of the answers under way."""

from __future__ import annotations

import contextlib
import json
import logging
import signal

import httpx
import pytest
import trio.testing

from grokcore.cli.farewell import Farewell
from grokcore.simulator.scripts import answer
from tests.examples import FIRST_TOKEN
from tests.servers import Site, chat, http_request, read_until, run_on_site
from tests.wire import upstream_free


@pytest.mark.parametrize("kept", [True, False], ids=["cut by the server", "left by the client"])
def test_an_answer_that_did_not_end_is_counted_by_who_ended_it(
    kept: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """An owner sees whether a restart cost somebody an answer; later requests are none."""

    async def scenario(site: Site) -> None:
        farewell = Farewell(site.server)
        site.simulator.always(FIRST_TOKEN)
        async with await site.connect() as stream:
            await stream.send_all(http_request(json.dumps(chat(stream=True)).encode()))
            await read_until(stream, b"data: ")
            farewell.begin(signal.SIGTERM)
            if kept:
                site.stop.set()
                await read_until(stream, b"shutting_down")
        await upstream_free(site)()
        while site.server.gateway.open_count:
            await trio.testing.wait_all_tasks_blocked(0.001)
        site.stop.set()
        with contextlib.suppress(httpx.TransportError):
            await site.ask()
        farewell.end()

    with caplog.at_level(logging.INFO, "grokcore.cli.farewell"):
        run_on_site(scenario, config="[server]\ngrace_seconds = 0.1")
    begun, ended = (record.getMessage() for record in caplog.records if "farewell" in record.name)
    assert begun == "SIGTERM: stopping; answers under way: 1, which have 0.1 s to end"
    what = "1 cut" if kept else "1 left by their clients"
    assert ended == f"stopped by SIGTERM after 1 s; last answers: {what}"


def test_a_server_without_answers_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """A stop that waits for nobody has no numbers."""

    async def scenario(site: Site) -> None:
        site.simulator.always(answer("ok"))
        await site.ask()
        await site.settled()
        farewell = Farewell(site.server)
        farewell.begin(signal.SIGINT)
        farewell.end()

    with caplog.at_level(logging.INFO, "grokcore.cli.farewell"):
        run_on_site(scenario)
    told = [record.getMessage() for record in caplog.records if "farewell" in record.name]
    assert told == ["SIGINT: stopping; no answer is under way", "stopped by SIGINT after 1 s"]
