"""Changed settings of the official lanes while the server runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from attrs import evolve

from grokcore.config import Config
from grokcore.protocol.models import LaneUse
from grokcore.simulator.official.answers import Answer, Break, Manner
from grokcore.simulator.official.app import KEY
from grokcore.simulator.scripts import HANG
from tests.servers import Site, on_site, run_on_site
from tests.web.lanes.paid_site import API, answered_by, ask, nothing_left, questions


def change(site: Site, **fields: Any) -> None:
    """Have the running server take over other settings of ``[api]``."""
    old: Config = site.server.state.config
    site.server.adopt_config(evolve(old, api=evolve(old.api, **fields)))


@on_site(official=True, config=API, tokens=())
async def test_a_rotated_key_takes_effect_at_once(site: Site) -> None:
    """Also behind a refusal of the old one."""
    site.official.keys = {"xai-rotated"}
    assert (await ask(site)).status_code == 503
    change(site, key="xai-rotated")
    assert answered_by(await ask(site)) == ("api", "reported", "1")
    assert questions(site)[-1].headers["authorization"] == "Bearer xai-rotated"


def test_a_rotated_key_file_takes_effect_in_the_request_that_is_refused(tmp_path: Path) -> None:
    """Without a reload: the file is read anew after a refusal."""
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")

    async def scenario(site: Site) -> None:
        assert (await ask(site)).status_code == 200
        site.official.keys = {"xai-rotated"}
        file.write_text("xai-rotated\n")
        assert answered_by(await ask(site))[0] == "api"

    config = f'[api]\nkey_file = "{file}"\nbase_url = "{{api_url}}"\n'
    run_on_site(scenario, official=True, config=config, tokens=())


@on_site(official=True, config=API + '[api.stand_ins]\n"grok-3-fast" = "grok-4.6"\n')
async def test_another_use_takes_effect_at_once(site: Site) -> None:
    """Off, first, overflow, and off again."""
    for use, lane in [("first", "api"), ("overflow", "web"), ("only", "api"), ("off", "web")]:
        change(site, use=LaneUse(use))
        assert answered_by(await ask(site, "grok-3-fast"))[0] == lane
    assert (await ask(site)).status_code == 404


@on_site(official=True, config="", tokens=())
async def test_a_key_that_comes_later_opens_the_lane(site: Site) -> None:
    """Its models are listed within moments, without a restart."""
    change(site, key=KEY, base_url=site.official_urls.api)
    with trio.fail_after(5):
        while (await ask(site)).status_code != 200:
            await trio.testing.wait_all_tasks_blocked(0.02)
    change(site, key="")
    assert (await ask(site)).status_code == 404


@on_site(official=True, config=API, tokens=())
async def test_another_host_takes_effect_at_once(site: Site) -> None:
    """The next question goes there."""
    change(site, base_url="http://127.0.0.1:9/v1")
    assert (await ask(site)).status_code in (502, 503)
    assert questions(site) == []
    change(site, base_url=site.official_urls.api)
    with trio.fail_after(20):
        while (await ask(site)).status_code != 200:
            await trio.testing.wait_all_tasks_blocked(0.05)


@pytest.mark.parametrize("fields", [{"use": LaneUse.OFF}, {"key": "other"}, {"daily_usd": 0.0}])
@on_site(official=True, config=API, tokens=())
async def test_an_answer_under_way_keeps_its_settings(site: Site, fields: dict[str, Any]) -> None:
    """A change in its middle neither cuts it nor moves it."""
    site.official.pace_s = 0.01
    replies = []

    async def one() -> None:
        replies.append(await ask(site))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        await site.official.until(lambda: bool(questions(site)))
        change(site, **fields)
    assert [reply.status_code for reply in replies] == [200]
    assert nothing_left(site)


def test_a_server_that_stops_ends_the_answers_of_the_paid_lane() -> None:
    """Within its grace, with nothing left upstream."""

    async def scenario(site: Site) -> None:
        site.official.always(Answer("one two three four", manner=Manner(breaks=Break(8, HANG))))

        async def one() -> None:
            await ask(site)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(one)
            await site.official.until(lambda: bool(questions(site)))
            site.stop.set()
            await site.official.until(lambda: not site.official.open_calls)
        assert not any(desk.open for desk in site.server.official.desks)

    run_on_site(scenario, official=True, config=f"[server]\ngrace_seconds = 0.3\n{API}", tokens=())
