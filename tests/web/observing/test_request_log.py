"""A log line for each request."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
import trio
import trio.testing
from attrs import field, frozen

from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator.scripts import (
    CUT,
    Script,
    answer,
    error,
    page,
)
from tests.examples import FIRST_TOKEN
from tests.servers import Site, chat, on_site, read_until, run_on_site
from tests.web.observing.records import CANARY, lines_of, scraped
from tests.wire import post, upstream_free

KEYED = f'[[keys]]\nname = "laptop"\nkey = "key-{CANARY}"'
TOKENS = (TokenEntry(f"sso-{CANARY}"),)


@frozen
class Case:
    """A request, and what its line says."""

    name: str
    body: dict[str, Any] = field(factory=lambda: chat(f"say {CANARY}"))
    script: Script = field(factory=lambda: answer(f"well {CANARY}"))
    path: str = "/v1/chat/completions"
    key: str = f"key-{CANARY}"
    says: dict[str, Any] = field(factory=dict)
    lacks: tuple[str, ...] = ("code", "client_left")


CASES = [
    Case(
        "answered",
        says={
            "method": "POST",
            "path": "/v1/chat/completions",
            "status": 200,
            "model": "grok-3-fast",
            "key": "laptop",
            "attempts": 1,
            "tokens_in": 4,
            "tokens_out": 4,
        },
        lacks=("code", "client_left", "stream", "upload"),
    ),
    Case(
        "streamed",
        body=chat("hi", stream=True),
        says={"status": 200, "stream": True, "tokens_out": 4},
    ),
    Case(
        "a query is not told",
        path=f"/v1/chat/completions?q={CANARY}",
        says={"path": "/v1/chat/completions"},
    ),
    Case(
        "refused by Grok",
        script=page(),
        says={"status": 502, "code": "upstream_challenge", "attempts": 1, "tokens_out": 0},
        lacks=("first", "client_left"),
    ),
    Case(
        "broken off",
        body=chat("hi", stream=True),
        script=Script((*FIRST_TOKEN.steps[:1], CUT)),
        says={"status": 200, "code": "upstream_error", "tokens_out": 1},
        lacks=("client_left",),
    ),
    Case(
        "unknown model",
        body=chat("hi", model=f"model-{CANARY}"),
        says={"status": 404, "code": "model_not_found"},
        lacks=("model", "attempts", "client_left"),
    ),
    Case(
        "wrong key",
        key=f"wrong-{CANARY}",
        says={"status": 401, "code": "invalid_api_key"},
        lacks=("key", "model"),
    ),
    Case(
        "no such route",
        path=f"/v1/nothing/%0a{CANARY[:6]}",
        says={"status": 404, "path": "/v1/nothing/%0acanary"},
        lacks=(),
    ),
    Case("no chat", body={}, says={"status": 400, "code": "invalid_request_error"}, lacks=()),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_request_has_one_line(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    """With what happened to it, and with nothing that is the client's or Grok's own words."""

    async def scenario(site: Site) -> None:
        site.simulator.always(case.script)
        headers = {
            "x-request-id": "mine-1",
            "authorization": f"Bearer {case.key}",
            "user-agent": CANARY,
        }
        await site.client.post(case.path, json=case.body, headers=headers)

    with caplog.at_level(logging.INFO):
        run_on_site(scenario, tokens=TOKENS, config=KEYED)
    (line,) = lines_of(caplog)
    assert line["id"] == "mine-1"
    assert {name: line.get(name) for name in case.says} == case.says
    assert not [name for name in case.lacks if name in line]
    ours = [record for record in caplog.records if record.name.startswith("grokcore")]
    assert not [record for record in ours if CANARY in record.getMessage()]
    told = [record.getMessage() for record in caplog.records if record.name == "grokcore.requests"]
    assert re.fullmatch(r"mine-1 POST \S+ \d{3}( [a-z_]+=\S+)+", told[0])


def test_each_failed_attempt_is_found_by_the_id_of_its_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also where the lines of the attempts are folded: the request's own line has them all. A token
    that Grok refuses is not "no valid tokens" while others are left.
    """
    tokens = tuple(TokenEntry(name) for name in ("one", "two", "three"))

    async def scenario(site: Site) -> None:
        for number in range(2):
            site.simulator.dead = {"one", "two"} if number == 0 else set()
            site.simulator.always(answer("ok") if number == 0 else error(500, {}))
            await site.ask()

    with caplog.at_level(logging.INFO):
        run_on_site(scenario, tokens=tokens)
    first, second = lines_of(caplog)
    attempts = [record for record in caplog.records if "attempt" in getattr(record, "fields", {})]
    told = [record.fields["attempt"] for record in attempts]  # type: ignore[attr-defined]
    for line in (first, second):
        mine = [f"{one['code']}@{one['token']}" for one in told if one["id"] == line["id"]]
        assert line.get("failed", "").split(",") == (mine or [""])
    assert {one["code"] for one in told} == {"refused_token", "upstream_error"}
    assert all(
        record.getMessage().startswith(
            f"{one['id']}: attempt {one['number']}, token {one['token']}"
        )
        for record, one in zip(attempts, told, strict=True)
    )


def test_a_client_that_left_is_told_apart(caplog: pytest.LogCaptureFixture) -> None:
    """From a failure of Grok's: no code, and the token is not to blame."""

    async def scenario(site: Site) -> None:
        site.simulator.always(FIRST_TOKEN)
        async with await site.connect() as stream:
            await stream.send_all(post(chat(stream=True)))
            await read_until(stream, b"data: ")
        await upstream_free(site)()
        while not lines_of(caplog):
            await trio.testing.wait_all_tasks_blocked(0.001)

    with caplog.at_level(logging.INFO):
        run_on_site(scenario)
    (line,) = lines_of(caplog)
    assert line["client_left"] is True
    assert line["status"] == 200
    assert "code" not in line


@on_site
async def test_only_what_asks_is_counted_as_asking(site: Site) -> None:
    """OPTIONS of the same route does not."""
    assert (await site.client.options("/v1/chat/completions")).status_code == 204
    assert (await scraped(site))("requests_total", model="", code="ok") is None


def test_what_asks_nothing_of_grok_is_told_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    """Health checks and scrapers come every few seconds; only when they are refused is it worth a
    line. A server that is not ready refuses nobody who asks about that.
    """

    async def scenario(site: Site) -> None:
        for path in ("/health", "/v1/models", "/metrics"):
            assert (await site.client.get(path)).status_code == 200
        for account in list(site.server.pool.book.accounts):
            site.server.pool.disable(account.entry.key)
        assert (await site.client.get("/ready")).status_code == 503

    with caplog.at_level(logging.DEBUG, "grokcore.requests"):
        run_on_site(scenario)
    told = [record for record in caplog.records if record.name == "grokcore.requests"]
    assert [record.levelno for record in told] == [logging.DEBUG] * 4
