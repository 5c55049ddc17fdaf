"""A server that alerts its owner, from a fault to a web server that receives the alert."""

from __future__ import annotations

import json
import logging
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
import trio.testing
from attrs import evolve

import grokcore.protocol.alerts.book
import grokcore.runtime.alerts.sender
import grokcore.runtime.alerts.watch
from grokcore.cli.alerting import RECORD_KEY
from grokcore.cli.assembly import with_simulator
from grokcore.config import AlertsConfig, load_config
from grokcore.protocol.alerts.kinds import Span
from grokcore.simulator.scripts import answer
from grokcore.web.services import Services
from tests.alert_receivers import WebReceiver, answering
from tests.servers import Site, run_on_site

SOON = Span(0.05, 0.05)
"""How long a state of these tests has to last, in seconds."""

CANARY = "canary-of-a-setting"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds with short times, and a book that is shown the condition all the time."""
    monkeypatch.setattr(grokcore.protocol.alerts.book, "span_of", lambda _: SOON)
    monkeypatch.setattr(grokcore.runtime.alerts.watch, "LOOK_S", 0.01)
    monkeypatch.setattr(grokcore.runtime.alerts.sender, "WAITS_S", (0.01,))


def run(
    scenario: Callable[[Site, WebReceiver], Awaitable[None]],
    *,
    state_file: Path | None = None,
    receiver: WebReceiver | None = None,
    **alerts: object,
) -> None:
    """Run *scenario* with a server whose alerts go to a web server."""
    place = receiver or WebReceiver()

    async def with_receiver(site: Site) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(place.serve)
            alert_to(site, webhook=place.url, **alerts)
            await scenario(site, place)
            nursery.cancel_scope.cancel()

    run_on_site(with_receiver, state_file=state_file)


def alert_to(site: Site, **alerts: object) -> None:
    """Take other settings over, as a reload does."""
    config = evolve(site.server.state.config, alerts=AlertsConfig(**alerts))  # type: ignore[arg-type]
    site.server.adopt_config(config)


def break_file(site: Site) -> None:
    site.server.state.notices["config"] = "config.toml: is gone"


def told(receiver: WebReceiver) -> list[str]:
    return [f"{posted.json['kind']} {posted.json['state']}" for posted in receiver.posted]


def delivered(site: Site) -> bool:
    """Whether the first alert has been settled."""
    book = site.server._alerting._book
    return book is not None and bool(book._kept)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await trio.testing.wait_all_tasks_blocked(0.005)


def test_a_fault_and_its_end_are_alerted() -> None:
    """With the words of the status page."""

    async def scenario(site: Site, receiver: WebReceiver) -> None:
        break_file(site)
        await receiver.until(1)
        del site.server.state.notices["config"]
        await receiver.until(2)
        assert told(receiver) == ["file begun", "file mended"]
        body = receiver.posted[0].json
        assert (body["subject"], body["words"]) == ("config", "config.toml: is gone")
        assert abs(body["at"] - time.time()) < 60

    run(scenario)


def test_what_was_alerted_is_known_after_a_restart(tmp_path: Path) -> None:
    """The same fault rings once; its end rings once, too."""
    state_file, receiver = tmp_path / "state.jsonl", WebReceiver()

    async def first(site: Site, receiver: WebReceiver) -> None:
        break_file(site)
        await until(lambda: delivered(site))

    async def second(site: Site, receiver: WebReceiver) -> None:
        break_file(site)
        await trio.sleep(0.3)
        assert told(receiver) == ["file begun"]
        del site.server.state.notices["config"]
        await receiver.until(2)
        assert told(receiver) == ["file begun", "file mended"]

    run(first, state_file=state_file, receiver=receiver)
    assert RECORD_KEY in state_file.read_text()
    assert "canary" not in state_file.read_text()
    run(second, state_file=state_file, receiver=receiver)


def test_settings_are_taken_over_while_it_runs() -> None:
    """Targets come and go; an alert under way goes to the new one."""

    async def scenario(site: Site, receiver: WebReceiver) -> None:
        alert_to(site)  # as it was before
        server = site.server.state.config.server
        site.server.adopt_config(
            evolve(site.server.state.config, server=evolve(server, public_url="http://vps.example"))
        )
        alert_to(site, webhook=receiver.url)
        receiver.responses = [None]
        break_file(site)
        await receiver.until(1)
        assert receiver.posted[0].json["server"] == "vps.example"
        other = WebReceiver()
        async with trio.open_nursery() as nursery:
            await nursery.start(other.serve)
            alert_to(site, webhook=other.url)
            await other.until(1)
            assert told(other) == ["file begun"]
            await until(lambda: delivered(site))
            alert_to(site)
            del site.server.state.notices["config"]
            await trio.sleep(0.2)
            assert told(other) == ["file begun"]
            alert_to(site, webhook=other.url, kinds=("file",))
            await other.until(2)
            nursery.cancel_scope.cancel()
        assert told(other) == ["file begun", "file mended"]
        assert len(receiver.posted) == 1

    run(scenario)


def test_a_dead_target_is_a_warning_until_it_is_well(caplog: pytest.LogCaptureFixture) -> None:
    """One line in the log; /health names neither its host nor its URL, for anybody may read it."""
    caplog.set_level(logging.WARNING)

    async def scenario(site: Site, receiver: WebReceiver) -> None:
        receiver.responses = [answering(403)]
        break_file(site)
        await until(lambda: "alerts" in site.server.state.warnings())
        health = (await site.client.get("/health")).json()
        said = "The webhook of [alerts] does not take alerts; the log has the reason."
        assert health["warnings"]["alerts"] == said
        receiver.responses = [answering(200)]
        site.server.state.notices["tokens"] = "tokens.json: is gone"
        alert_to(site, webhook=receiver.url, repeat_minutes=1)
        await until(lambda: "alerts" not in site.server.state.warnings())

    run(scenario)
    lines = [record.getMessage() for record in caplog.records if "alerts" in record.getMessage()]
    assert lines == ["alerts: webhook: 127.0.0.1 answered 403"]
    assert "canary" not in caplog.text


def test_a_dead_target_costs_no_request_time() -> None:
    """It hangs; answers come as quickly as before."""

    async def scenario(site: Site, receiver: WebReceiver) -> None:
        site.play(answer("fine"))
        before = await timed(site)
        receiver.responses = [None]
        break_file(site)
        await receiver.until(1)
        during = await timed(site)
        assert during < before + 0.05
        assert len(receiver.posted) == 1

    async def timed(site: Site) -> float:
        taken = []
        for _ in range(15):
            began = time.perf_counter()
            assert (await site.ask()).status_code == 200
            taken.append(time.perf_counter() - began)
        return statistics.median(taken)

    run(scenario)


def test_no_setting_is_in_an_alert(caplog: pytest.LogCaptureFixture) -> None:
    """A fault may quote the value that it is about."""

    async def scenario(site: Site, receiver: WebReceiver) -> None:
        config = site.server.state.config
        grok = evolve(config.grok, cf_clearance=CANARY, proxy_url=f"http://u:{CANARY}@127.0.0.1:9")
        site.server.adopt_config(evolve(config, grok=grok))
        site.server.state.notices["config"] = f"config.toml: {CANARY} is no URL; sso={CANARY}"
        await receiver.until(1)
        assert CANARY not in receiver.posted[0].body.decode()
        assert receiver.posted[0].json["words"] == "config.toml: … is no URL; sso=…"

    run(scenario)
    assert CANARY not in caplog.text


def test_a_bug_of_the_alerts_ends_no_server(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged, and requests are answered."""
    faulty = [True]
    judge = Services.condition

    def condition(services: Services) -> object:
        if faulty[0]:
            raise RuntimeError("a bug")
        return judge(services)

    async def scenario(site: Site, receiver: WebReceiver) -> None:
        monkeypatch.setattr(Services, "condition", condition)
        await until(lambda: "a bug kept alerts from being sent" in caplog.text)
        faulty[0] = False
        break_file(site)
        await receiver.until(1)

    run(scenario)


def test_a_server_that_stops_alerts_nothing() -> None:
    """Its owner stops it; what the end brings is no news."""

    async def scenario(site: Site, receiver: WebReceiver) -> None:
        site.server.state.draining = True
        break_file(site)
        await trio.sleep(0.3)
        assert receiver.posted == []

    run(scenario)


def test_a_demo_alerts_nobody() -> None:
    """The environment's targets are the real server's."""
    config, _ = load_config("", environ={"GROK2API_ALERTS_WEBHOOK": "https://example.com/x"})
    assert config.alerts.wanted
    assert not with_simulator(config, "http://127.0.0.1:9").alerts.wanted


def test_without_a_target_nothing_of_it_is_imported() -> None:
    """Its memory is for those who want alerts."""
    code = "import sys, json, grokcore.cli.serve; print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = json.loads(done.stdout)
    assert "grokcore.cli.alerting" in modules
    assert [name for name in modules if name == "smtplib" or "runtime.alerts" in name] == []
