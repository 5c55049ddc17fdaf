"""``GET /usage`` and the limits of a key's day, over real sockets."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
from attrs import define

from grokcore.config import load_config
from grokcore.protocol.wall import ClockReading
from grokcore.runtime.disk.state_file import StateFile, peek
from grokcore.simulator.scripts import CUT, Script, answer, error
from tests.examples import FIRST_TOKEN
from tests.servers import Site, chat, on_site, run_on_site

DAILY = """
[server]
timezone = "Asia/Shanghai"
[grok]
api_key = "owner"
[[keys]]
name = "bob"
per_day = 2
key = "bob"
[[keys]]
name = "ann"
rpm = 5
per_day = 4
tokens_per_day = 1000
models = ["grok-3-fast", "grok-4.1"]
key = "ann"
[[keys]]
name = "few"
tokens_per_day = 1
key = "few"
[[keys]]
name = "free"
key = "free"
"""


async def ask_as(site: Site, key: str, **fields: Any) -> httpx.Response:
    return await site.client.post(
        "/v1/chat/completions", json=chat(**fields), headers={"x-api-key": key}
    )


async def usage_of(site: Site, key: str, path: str = "/v1/usage") -> dict[str, Any]:
    reply = await site.client.get(path, headers={"x-api-key": key})
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


@define
class Clock:
    """A site's wall clock, which stands at a time of the test's and can be moved on."""

    site: Site
    ahead: float = 0.0

    @classmethod
    def at(cls, site: Site, moment: str) -> Clock:
        """Set it, before anybody has asked; *moment* is in UTC."""
        wall = site.server.state.wall
        read = wall._read
        assert read is not None
        wall._keeper = None
        clock = cls(site, dt.datetime.fromisoformat(f"{moment}+00:00").timestamp() - read().wall)

        def moved() -> ClockReading:
            real = read()
            return attrs.evolve(real, wall=real.wall + clock.ahead)

        wall._read = moved
        return clock


@on_site(config=DAILY)
async def test_two_guests_have_each_their_requests_a_day(site: Site) -> None:
    """The refusal says when the owner's day ends, and with the next day they may ask again; what
    the limits have refused does not count.
    """
    clock = Clock.at(site, "2026-11-29T14:30:00")  # half past ten in the evening there
    site.simulator.always(answer("ok"))
    for _ in range(2):
        assert (await ask_as(site, "bob")).status_code == 200
    for _ in range(2):
        refused = await ask_as(site, "bob")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "key_limit_exceeded")
        assert "(2); the day ends in 1 h 30 min." in refused.json()["error"]["message"]
        assert 5300 < int(refused.headers["retry-after"]) <= 5400
        assert refused.headers["x-should-retry"] == "false"
        assert refused.headers["x-ratelimit-remaining-requests"] == "0"
        assert refused.headers["x-ratelimit-reset-requests"].startswith("1h")
    assert (await ask_as(site, "ann")).status_code == 200
    assert (await usage_of(site, "bob"))["requests"]["day"]["used"] == 2

    clock.ahead -= 86400  # a clock that was set back gives nothing
    assert (await ask_as(site, "bob")).status_code == 429
    clock.ahead += 86400 + 5400
    found = await usage_of(site, "bob")
    assert (found["requests"]["day"]["used"], found["day"]["date"]) == (0, "2026-11-30")
    assert (await ask_as(site, "bob")).status_code == 200


@on_site(config=DAILY)
async def test_a_key_sees_its_own_figures_and_no_others(site: Site) -> None:
    """Limits, use, models and end; asking for them costs nothing, with or without ``/v1``."""
    Clock.at(site, "2026-11-29T14:30:00")
    site.simulator.always(answer("ok"))
    await ask_as(site, "bob")
    assert (await ask_as(site, "ann", n=2)).status_code == 200
    found = await usage_of(site, "ann")
    minute, day, tokens = found["requests"]["minute"], found["requests"]["day"], found["tokens"]
    assert (minute["limit"], minute["used"], minute["left"]) == (5, 2, 3)
    assert 50 < minute["resets_in"] <= 60
    assert (day["limit"], day["used"], day["left"]) == (4, 2, 2)
    assert 5300 < day["resets_in"] <= 5400
    assert found["requests"]["at_once"] == {"limit": None, "used": 0, "left": None}
    assert tokens["in"] > 0
    assert tokens["out"] > 0
    assert tokens["left"] == 1000 - tokens["used"] == 1000 - tokens["in"] - tokens["out"]
    assert found["models"] == ["grok-4.1", "grok-3-fast"]
    assert found["day"] == {"date": "2026-11-29", "timezone": "Asia/Shanghai"}
    assert (found["key"], found["owner"], found["lanes"], found["expires"]) == (
        *("ann", False),
        *(["web"], None),
    )
    assert "keys" not in found
    for path in ("/usage", "/v1/usage/"):
        again = await usage_of(site, "ann", path)
        assert again["requests"]["day"] == {**day, "resets_in": again["tokens"]["resets_in"]}
    assert (await site.client.get("/v1/usage")).status_code == 401


@on_site(config=DAILY)
async def test_an_owner_sees_all_keys_by_their_names(site: Site) -> None:
    """Also the requests of keys without limits; no key and no digest is shown."""
    site.simulator.always(answer("ok"))
    for key in ("free", "bob", "owner", "owner"):
        assert (await ask_as(site, key)).status_code == 200
    for key, name in (("owner", None), ("free", "free")):
        found = await usage_of(site, key)
        assert (found["key"], found["owner"], found["requests"]["minute"]) == (name, True, None)
        rows = {row["key"]: row["requests"]["day"]["used"] for row in found["keys"]}
        assert rows == {None: 2, "bob": 1, "ann": 0, "few": 0, "free": 1}


@on_site()
async def test_a_server_without_keys_has_figures_too(site: Site) -> None:
    """Of all requests; there is no list of keys."""
    site.simulator.always(answer("ok"))
    assert (await site.client.post("/v1/chat/completions", json=chat())).status_code == 200
    found = (await site.client.get("/v1/usage")).json()
    assert (found["key"], found["owner"], found["requests"]["day"]["used"]) == (None, True, 1)
    assert "keys" not in found


@on_site(config=DAILY)
async def test_tokens_of_the_day_are_counted_at_the_end_of_an_answer(site: Site) -> None:
    """The answer that goes over the limit is whole; the next one is refused. Streams count, too."""
    site.simulator.always(answer("more than one token"))
    first = await ask_as(site, "few", stream=True)
    assert "[DONE]" in first.text
    assert first.headers["x-ratelimit-remaining-tokens"] == "1"
    assert (await usage_of(site, "few"))["tokens"]["left"] == 0
    refused = await ask_as(site, "few")
    assert "limit of tokens per day (1)" in refused.json()["error"]["message"]
    assert refused.headers["x-ratelimit-remaining-tokens"] == "0"
    assert "x-ratelimit-limit-requests" not in refused.headers


@pytest.mark.parametrize("stream", [False, True])
@on_site(config=DAILY)
async def test_a_request_that_got_nothing_leaves_the_day(site: Site, stream: bool) -> None:
    """An outage must not use up a guest's day; its minute counts. A fault of the request's own
    counts, and so does an answer that broke off.
    """
    assert (await ask_as(site, "ann", model="?")).status_code == 404
    site.simulator.always(Script((*FIRST_TOKEN.steps[:1], CUT)))
    await ask_as(site, "ann", stream=True)
    assert (await usage_of(site, "ann"))["requests"]["day"]["used"] == 2
    site.simulator.always(error(500, {}))
    for _ in range(2):
        assert (await ask_as(site, "ann", stream=stream)).status_code == 502
    requests = (await usage_of(site, "ann"))["requests"]
    assert (requests["day"]["used"], requests["minute"]["used"]) == (2, 4)
    assert requests["at_once"]["used"] == 0


@on_site(config=DAILY)
async def test_a_reload_changes_limits_and_forgets_no_use(site: Site) -> None:
    """Also of a key that is missing from the file for a moment, as while an editor saves it."""
    site.simulator.always(answer("ok"))
    for _ in range(2):
        assert (await ask_as(site, "bob")).status_code == 200
    for text in (
        DAILY.split('[[keys]]\nname = "bob"', maxsplit=1)[0],
        DAILY.replace("per_day = 2", "per_day = 3"),
    ):
        config = site.server.state.config
        whole, _ = load_config(text)
        site.server.adopt_config(attrs.evolve(config, keys=whole.keys))
    assert (await ask_as(site, "bob")).headers["x-ratelimit-remaining-requests"] == "0"
    assert (await ask_as(site, "bob")).status_code == 429


EXPIRING = """
[grok]
api_key = "owner"
[[keys]]
name = "old"
expires = 2026-11-28
key = "old"
[[keys]]
name = "bob"
expires = "2026-11-29T18:00:00+02:00"
key = "bob"
"""


@on_site(config=EXPIRING)
async def test_a_key_ends_when_it_is_written(site: Site) -> None:
    """To the second; the message says since when, and clients do not repeat it. The key is a
    guest's, even with no other limit.
    """
    clock = Clock.at(site, "2026-11-29T15:59:30")
    site.simulator.always(answer("ok"))
    expired = await ask_as(site, "old")
    assert (expired.status_code, expired.json()["error"]["code"]) == (401, "invalid_api_key")
    assert expired.json()["error"]["message"] == (
        "The key 'old' has expired: it was valid until 2026-11-28. Ask this server's owner for "
        "another one."
    )
    assert expired.headers["x-should-retry"] == "false"
    assert (await ask_as(site, "bob")).status_code == 200
    found = await usage_of(site, "bob")
    assert (found["owner"], found["expired"]) == (False, False)
    assert found["expires_at"] == dt.datetime.fromisoformat(found["expires"]).timestamp()
    both = {"authorization": "Bearer old", "x-api-key": "bob"}
    assert (await site.client.get("/v1/models", headers=both)).status_code == 200

    clock.ahead += 30
    assert (await ask_as(site, "bob")).status_code == 401
    assert (await site.client.get("/v1/models", headers=both)).status_code == 401
    reply = await site.client.post(
        "/v1/messages", json=chat(max_tokens=9), headers={"x-api-key": "bob"}
    )
    assert (reply.status_code, reply.json()["error"]["type"]) == (401, "authentication_error")
    rows = {row["key"]: row["expired"] for row in (await usage_of(site, "owner"))["keys"]}
    assert rows == {None: False, "old": True, "bob": True}


def test_a_restart_keeps_what_was_used(tmp_path: Path) -> None:
    """The state file has it by a hash of the key: neither the key nor its digest is in there."""
    file = tmp_path / "state.jsonl"

    async def use(site: Site) -> None:
        site.simulator.always(answer("ok"))
        for _ in range(2):
            assert (await ask_as(site, "bob")).status_code == 200

    async def go_on(site: Site) -> None:
        assert (await ask_as(site, "bob")).status_code == 429
        assert (await usage_of(site, "bob"))["tokens"]["used"] > 0

    run_on_site(use, config=DAILY, state_file=file)
    (record,) = [one for name, one in peek(file).items() if name.startswith("key use ")]
    assert (record["requests"], "at" in record) == (2, True)
    assert "bob" not in file.read_text()
    run_on_site(go_on, config=DAILY, state_file=file)
    assert StateFile(file).load()
