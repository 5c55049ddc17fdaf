"""Which files are watched, when a change is seen, and what a real process does at a signal."""

from __future__ import annotations

import json
import signal
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

import grokcore.cli.reload
import grokcore.cli.setup
from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator.scripts import Script, Wait, answer
from tests.desk import (
    BOTH,
    SECRET,
    A,
    B,
    C,
    D,
    Desk,
    Running,
    at_desk,
    desk,
    run_watched,
    token_file,
    watched,
)
from tests.server_process import said_until, started
from tests.servers import Site, run_on_site

__all__ = ["desk"]  # a fixture

# Which files count -------------------------------------------------------------------------------


@at_desk(files={})
async def test_a_token_file_that_appears_later_is_taken_over(running: Running) -> None:
    """A server may be started before there are tokens; whatever comes first, rubbish included."""
    assert await running.reload() == []
    running.write("tokens.json", "")
    assert len(await running.reload()) == 1
    (running.place / "tokens.json").unlink()
    (mended,) = await running.reload()
    assert mended.startswith("INFO mended: tokens.json: ")
    assert running.notices == {}
    running.write("data/token.json", token_file(A))
    assert await running.reload() == [
        f"INFO {Path('data/token.json')} taken over: 1 added (1 in use)"
    ]
    running.write("tokens.json", token_file(B))
    assert await running.reload() == ["INFO tokens.json taken over: 1 added, 1 removed (1 in use)"]
    assert running.tokens == [B]
    (running.place / "tokens.json").unlink()
    (running.place / "data/token.json").unlink()
    assert await running.reload() == [
        "ERROR not taken over, the old one stays in use: tokens.json: is gone"
    ]
    assert running.tokens == [B]


@at_desk(files={})
async def test_a_configuration_that_appears_later_is_taken_over(running: Running) -> None:
    """In either of its places; and it stays in use when it vanishes then."""
    running.write("data/setting.toml", "[pool]\nqueue_seconds = 5")
    (line,) = await running.reload()
    assert line == f"INFO {Path('data/setting.toml')} taken over: [pool] queue_seconds 10 -> 5"
    running.write("config.toml", "[pool]\nqueue_seconds = 6")
    assert await running.reload() == ["INFO config.toml taken over: [pool] queue_seconds 5 -> 6"]
    (running.place / "config.toml").unlink()
    (running.place / "data/setting.toml").unlink()
    assert len(await running.reload()) == 1
    assert running.server.pool.queue_s == 6


@pytest.mark.parametrize("flags", [{}, {"config": "config.toml"}], ids=["found", "named"])
@at_desk(
    files={
        **BOTH,
        "config.toml": f'[grok]\napi_key = "{SECRET}"\nproxy_url = "http://proxy.example.com:1"',
    },
    flags=lambda flags: flags,
)
async def test_a_configuration_that_vanishes_stays_in_use(
    running: Running, flags: dict[str, object]
) -> None:
    """Without its key the server would be open, without its proxy Grok would see another
    address.
    """
    (running.place / "config.toml").rename(running.place / "config.toml~")
    assert [line.partition(":")[0] for line in await running.reload()] == [
        "ERROR not taken over, the old one stays in use"
    ]
    assert running.notices.keys() == {"config"}
    assert await running.reload() == []
    assert (running.may(SECRET), running.may("")) == (True, False)
    assert running.server.pool.book.accounts[0].egress.proxy_url == "http://proxy.example.com:1"
    (running.place / "config.toml~").rename(running.place / "config.toml")
    (mended,) = await running.reload()
    assert mended.startswith("INFO mended: config.toml: ")
    assert running.notices == {}


@at_desk(
    files={"mine.toml": "", "mine.json": token_file(A)},
    flags={"config": "mine.toml", "tokens": "mine.json", "port": 9},
    environ={"GROK2API_GROK_USER_AGENT": "from outside"},
)
async def test_files_that_were_named_count_wherever_they_lie(running: Running) -> None:
    """And none of the usual ones; a flag and a variable win over a changed file as they did at the
    start.
    """
    running.write("config.toml", "[pool]\nqueue_seconds = 3")
    running.write("tokens.json", token_file(D))
    assert await running.reload() == []
    running.write(
        "mine.toml",
        '[server]\nport = 3\n[pool]\nqueue_seconds = 4\n[grok]\nuser_agent = "from the file"',
    )
    running.write("mine.json", token_file(B))
    assert await running.reload() == [
        "INFO mine.toml taken over: [pool] queue_seconds 10 -> 4",
        "INFO mine.json taken over: 1 added, 1 removed (1 in use)",
    ]
    assert running.config.grok.user_agent == "from outside"
    (running.place / "mine.json").unlink()
    (line,) = await running.reload()
    assert line.endswith("mine.json: can't be read: No such file or directory")


# When -------------------------------------------------------------------------------------------


@watched
async def test_a_change_is_taken_over_within_a_second_and_by_a_signal_at_once(
    running: Running,
) -> None:
    """It is seen by looking; SIGHUP is for those who can't wait."""
    await trio.sleep(3.2)
    running.write("tokens.json", token_file(C))
    await trio.sleep(1)
    assert running.tokens == [C]
    running.write("tokens.json", token_file(D))
    running.reloader.hurry()
    await trio.testing.wait_all_tasks_blocked()
    assert running.tokens == [D]
    assert len(running.said()) == 2
    await trio.sleep(100)
    assert running.said() == []


@watched
async def test_who_asks_for_it_is_told_that_nothing_has_changed(running: Running) -> None:
    """A signal without an answer would leave its sender in doubt; without a signal nothing is
    logged.
    """
    await trio.sleep(100)
    assert running.said() == []
    running.reloader.hurry()
    await trio.sleep(100)
    assert running.said() == ["INFO nothing has changed in configuration and tokens"]
    running.write("tokens.json", f" {token_file(A, B)}")
    await trio.sleep(100)
    assert running.said() == []
    for name, content in (
        ("config.toml", "[pool]\nqueue_seconds = 5"),
        ("config.toml", "[server]\nport = 9\n[pool]\nqueue_seconds = 5"),
        ("tokens.json", token_file(C)),
        ("tokens.json", ""),
    ):
        running.write(name, content)
        running.reloader.hurry()
        await trio.sleep(100)
        assert len(said := running.said()) == 1, said


@watched
async def test_while_there_is_a_fault_files_are_read_now_and_then(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that could not be read for a moment looks as before; within ten seconds it is used, or
    no fault any more.
    """
    await trio.sleep(1)

    def fail(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(grokcore.cli.setup, "read_regular", fail)
        running.write("tokens.json", token_file(C))
        await trio.sleep(30)
        assert running.notices.keys() == {"config", "tokens"}
        assert len(running.said()) == 2
    await trio.sleep(10)
    assert running.notices == {}
    assert running.tokens == [C]
    assert [line.split(":")[0].split()[1] for line in running.said()] == ["mended", "tokens.json"]


@watched
async def test_a_file_that_is_being_written_is_waited_for(running: Running) -> None:
    """No half of it is complained about, and it is taken over once."""
    whole = token_file(A, B, C)
    await trio.sleep(1)
    for part in range(10):
        running.write("tokens.json", whole[: part * len(whole) // 10])
        await trio.sleep(0.3)
    running.write("tokens.json", whole)
    await trio.sleep(2)
    assert running.said() == ["INFO tokens.json taken over: 1 added (3 in use)"]


@watched
async def test_a_file_that_is_replaced_and_one_behind_a_link_are_seen(running: Running) -> None:
    """By rename, as editors do, and by leading a link elsewhere, as orchestrators do."""
    place = running.place
    running.write("new", token_file(C))
    (place / "new").replace(place / "tokens.json")
    await trio.sleep(2)
    assert running.tokens == [C]
    running.write("mounted.json", token_file(D))
    (place / "link").symlink_to("mounted.json")
    (place / "link").replace(place / "tokens.json")
    await trio.sleep(2)
    assert running.tokens == [D]


def test_a_change_between_the_start_s_reading_and_the_first_look_is_not_missed(desk: Desk) -> None:
    """A deployment may be writing the files while it starts the server."""

    async def story(running: Running) -> None:
        await trio.sleep(5)
        assert running.tokens == [C]
        assert running.server.pool.queue_s == 5

    def meanwhile() -> None:
        (desk.place / "tokens.json").write_text(token_file(C))
        (desk.place / "config.toml").write_text("[pool]\nqueue_seconds = 5")

    run_watched(story, desk, meanwhile=meanwhile)


# Real sockets and processes ---------------------------------------------------------------------


def test_a_stream_finishes_with_its_token_after_that_was_taken_out() -> None:
    """Nothing of an answer under way is touched; the next question uses the new settings."""
    old, new = TokenEntry("sso-old"), TokenEntry("sso-new")
    account: Any = None

    async def scenario(site: Site) -> None:
        nonlocal account
        (account,) = site.server.pool.book.accounts
        text = "one two three four"
        steps = answer(text).steps
        site.simulator.script(old.sso, Script((*steps[:6], Wait(0.2), *steps[6:])))
        body = {
            "model": "grok-3-fast",
            "messages": [{"role": "user", "content": "hello"}],
            "stream": True,
        }
        found = ""
        async with site.client.stream("POST", "/v1/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                if not found and '"content":"one' in line:
                    assert str(site.server.adopt_tokens([new])) == "1 added, 1 removed"
                    assert (len(site.simulator.open_calls), account.in_flight) == (1, 1)
                if line.startswith("data: {"):
                    for choice in json.loads(line[6:])["choices"]:
                        found += choice["delta"].get("content") or ""
        assert found == text
        await site.simulator.until(lambda: not site.simulator.open_calls)
        assert [call.outcome for call in site.simulator.calls] == ["complete"]
        assert (await site.ask()).status_code == 200
        assert [call.sso for call in site.simulator.calls] == ["sso-old", "sso-new"]

    run_on_site(scenario, tokens=(old,))
    assert account.in_flight == 0


def health(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answered:
        return dict(json.loads(answered.read()))


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP here")
def test_a_real_server_takes_over_what_a_signal_tells_it_to_read(tmp_path: Path) -> None:
    """Good tokens at once; ``/health`` reports rubbish, and the server keeps its tokens."""
    (tmp_path / "config.toml").write_text("[server]\nport = 0\n")
    (tmp_path / "tokens.json").write_text(token_file(A))
    with started(tmp_path) as (process, ready):
        port = int(ready.rpartition("127.0.0.1:")[2].split()[0])
        assert health(port)["tokens"]["unknown"] == 1
        for content, mark, status in (
            (token_file(A, B, C), "2 added (3 in use)", "ok"),
            (f"{{{SECRET}", "is not valid JSON", "degraded"),
        ):
            (tmp_path / "new").write_text(content)
            (tmp_path / "new").replace(tmp_path / "tokens.json")
            process.send_signal(signal.SIGHUP)
            assert SECRET not in said_until(process, mark)
            report = health(port)
            assert report["tokens"]["unknown"] == 3
            assert report["status"] == status
        assert report["faults"]["tokens"].startswith(
            "tokens.json: is not valid JSON: line 1, column 2: "
        )
