"""The listener of the long history: which requests count, and as whose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import trio
import trio.testing

from grokcore import errors
from grokcore.cli.history import HISTORY_FILE
from grokcore.simulator import lines
from grokcore.simulator.scripts import answer, error, page
from grokcore.web.observing.long_history import LongHistory
from grokcore.web.observing.trace import Trace
from tests.servers import Site, on_site, run_on_site
from tests.web.dashboard.status_routes import KEYS, bearer

NOW = 1_800_000_000.0


def ended(history: LongHistory, error: errors.GrokApiError | None = None, **more: Any) -> None:
    history.request_ended(Trace("r", "POST", "/", 0.0, **{"asks": True, "error": error, **more}))


def last(history: LongHistory) -> dict[str, Any]:
    rows: Any = history.report("24h")()["all"]
    return dict(rows[-1])


def test_errors_are_failures_for_another_reason_than_the_request() -> None:
    """As on the plots of the hour; requests that ask Grok nothing don't count."""
    history = LongHistory(lambda: NOW)
    ended(history)
    ended(history, errors.Challenge("c"))
    ended(history, errors.InvalidRequest("the client's own fault"))
    ended(history, asks=False)
    assert (last(history)["requests"], last(history)["errors"]) == (3, 1)


def test_a_record_is_taken_once_per_change() -> None:
    """A server that nobody asks writes nothing."""
    history = LongHistory(lambda: NOW)
    assert history.take_unsaved({}) is None
    ended(history)
    take = history.take_unsaved({"clock": {}})
    assert take is not None
    assert history.take_unsaved({}) is None
    again = LongHistory(lambda: NOW)
    assert again.recall(orjson.loads(orjson.dumps(take())), 0.0)
    assert last(again) == last(history)
    history.clock_set(900.0)
    assert history.take_unsaved({}) is not None


async def fetched(site: Site, span: str = "24h", key: str = "owner-key") -> dict[str, Any]:
    reply = await site.client.get(f"/status/history?span={span}", headers=bearer(key))
    assert (reply.status_code, reply.headers["cache-control"]) == (200, "no-store")
    report: dict[str, Any] = reply.json()
    return report


def total(rows: list[dict[str, Any]], name: str) -> int:
    return sum(row[name] for row in rows)


def test_a_restart_shows_requests_by_model_key_and_token(tmp_path: Path) -> None:
    """With their tokens, the failed ones apart; a failure that a further attempt mends is none."""
    file = tmp_path / "state.jsonl"

    async def busy(site: Site) -> None:
        site.play(answer("word " * 40))
        site.play_for("sso-0", error(401, lines.ERROR_401))
        for key in ("owner-key", "second-key", "guest-key"):
            body = {"model": "grok-3-fast", "messages": [{"role": "user", "content": "hello"}]}
            reply = await site.client.post("/v1/chat/completions", json=body, headers=bearer(key))
            assert reply.status_code == 200
        site.play(page())
        for token in ("sso-0", "sso-1", "sso-2", "sso-3", "sso-super"):
            site.play_for(token, page())
        reply = await site.client.post(
            "/v1/chat/completions", json=body, headers=bearer("second-key")
        )
        assert reply.status_code >= 500
        # A request is over a moment after its client has the answer.
        while total((await fetched(site))["all"], "requests") < 4:
            await trio.testing.wait_all_tasks_blocked(0.001)

    async def look(site: Site) -> None:
        for span, count in (("24h", 96), ("30d", 120)):
            report = await fetched(site, span)
            assert (total(report["all"], "requests"), total(report["all"], "errors")) == (4, 1)
            assert {name: total(rows, "requests") for name, rows in report["keys"].items()} == {
                "": 1,
                "second": 2,
                "guest": 1,
            }
            assert list(report["models"]) == ["grok-3-fast"]
            assert sum(total(rows, "requests") for rows in report["tokens"].values()) == 4
            assert total(report["all"], "tokens_out") > 30
            assert all(len(rows) == count for rows in report["models"].values())
            assert report["all"][-1]["at"] + report["step_s"] == report["to"]

    for scenario in (busy, look):
        run_on_site(scenario, config=KEYS, state_file=file)
    assert (tmp_path / HISTORY_FILE).exists()


@on_site(config=KEYS)
async def test_the_history_is_for_owners_and_of_two_spans(site: Site) -> None:
    """Like the rest of the server's state."""
    for query, key, status in (
        ("span=24h", "owner-key", 200),
        ("span=30d", "second-key", 200),
        ("span=24h", "guest-key", 403),
        ("span=24h", "none", 401),
        ("", "owner-key", 400),
        ("span=1h", "owner-key", 400),
    ):
        reply = await site.client.get(f"/status/history?{query}", headers=bearer(key))
        assert reply.status_code == status
    assert reply.json()["error"]["param"] == "span"


def test_a_damaged_file_is_set_aside_and_one_of_another_version_too(tmp_path: Path) -> None:
    """The server starts, and nothing is lost that a person may want to look at."""
    for content in (b"damage", b""):
        (tmp_path / HISTORY_FILE).write_bytes(content)

        async def look(site: Site) -> None:
            assert total((await fetched(site))["all"], "requests") == 0

        run_on_site(look, state_file=tmp_path / "state.jsonl")
    assert len([*tmp_path.glob(f"{HISTORY_FILE}.damaged-*")]) == 2
