"""``serve --demo`` with the simulated official services beside the simulated Grok."""

from __future__ import annotations

import json
import re
import stat
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from grokcore.cli.assembly import with_simulator
from grokcore.cli.demo import AUTH_FILE, serve_demo
from grokcore.config import Config, load_config
from tests.cli_place import place
from tests.server_process import started
from tests.servers import chat, free_port

__all__ = ["place"]  # a fixture

OWN = '[api]\nkey = "xai-own"\nkey_file = "own"\n[cli]\nauth_file = "auto"\ntoken_command = ["own"]'
"""Credentials of the owner's, which no demo may use."""

ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    },
}


@contextmanager
def demo(place: Path, xai_key: str = "", seconds: float = 20) -> Iterator[str]:
    """A demo in a process of its own; yields the URL of its chat completions."""
    port = free_port()
    with started(place, "--demo", "--port", str(port), seconds=seconds, XAI_API_KEY=xai_key):
        yield f"http://127.0.0.1:{port}/v1/chat/completions"


def ask(url: str, model: str, **body: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers (by names in small letters) and JSON of an answer."""
    asked = {**chat("Hello!"), "model": model, **body}
    request = urllib.request.Request(url, data=json.dumps(asked).encode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return 200, _small(answer.headers), json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, _small(refused.headers), json.load(refused)


def ask_for(url: str, model: str, words: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    """The same for a question of these *words*."""
    return ask(url, model, messages=chat(words)["messages"])


def _small(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def test_each_lane_answers_and_a_tool_loop_runs_over_the_paid_one(place: Path) -> None:
    """Nothing but ``--demo`` is needed, and a key in the environment is not used."""
    with demo(place, "xai-own") as url:
        lanes = {}
        for model in ("grok-4.6", "grok-4.7", "grok-4.1"):
            status, headers, _ = ask(url, model)
            assert status == 200
            lanes[model] = headers.get("x-grok2api-lane"), headers["x-grok2api-usage"]
        assert lanes["grok-4.6"] == ("api", "reported")
        assert lanes["grok-4.7"] == ("cli", "reported")
        assert lanes["grok-4.1"] == ("web", "estimated")

        messages = chat('call add with {"a": 1}')["messages"]
        _, _, first = ask(url, "grok-4.6", messages=messages, tools=[ADD])
        said = first["choices"][0]["message"]
        (call,) = said["tool_calls"]
        assert json.loads(call["function"]["arguments"]) == {"a": 1}
        outcome = {"role": "tool", "tool_call_id": call["id"], "content": "one"}
        _, _, second = ask(url, "grok-4.6", messages=[*messages, said, outcome], tools=[ADD])
        assert "The tool answered: one" in second["choices"][0]["message"]["content"]


def test_it_shows_what_a_server_does_on_some_words(place: Path) -> None:
    """On both ways to grok.com: sources, whole pictures, failures that are mended, and others."""
    with demo(place, seconds=40) as url:
        _, _, found = ask_for(url, "grok-4.1", "search the web for the moon")
        message = found["choices"][0]["message"]
        assert len(message["annotations"]) == 3
        assert "[1]" in message["content"]
        _, _, drawn = ask_for(url, "grok-3-fast", "给我画一个月亮")
        pictures = re.findall(r"\((http://[^)]+/media/[^)]+)\)", str(drawn))
        assert len(pictures) == 2
        with urllib.request.urlopen(pictures[0], timeout=10) as picture:
            assert len(picture.read()) > 200_000
        for model, words in (("grok-4.1", "use up a token"), ("grok-3-fast", "end a session")):
            status, headers, _ = ask_for(url, model, words)
            assert (status, headers["x-grok2api-attempts"]) == (200, "2")
        status, _, refused = ask_for(url, "grok-4.1", "be moderated")
        assert (status, refused["error"]["code"]) == (400, "content_policy_violation")
        with urllib.request.urlopen(url.replace("/v1/chat/completions", "/health")) as health:
            assert json.load(health)["tokens"]["cooling"] == 2


def test_the_cap_is_reached_soon(place: Path) -> None:
    """A user of the demo sees it, and that the other lanes go on."""
    dear = {"role": "system", "content": "word " * 500}
    long = {"messages": [dear, *chat("Hello!")["messages"]]}
    with demo(place) as url:
        statuses: list[int] = []
        while not statuses or statuses[-1] == 200:
            assert len(statuses) < 20
            status, _, answer = ask(url, "grok-4.6", **long)
            statuses.append(status)
        assert statuses[:1] == [200]
        assert statuses[-1] == 429
        assert answer["error"]["code"] == "rate_limit_exceeded"
        assert "daily_usd" in answer["error"]["message"]
        assert ask(url, "grok-4.7")[0] == 200
        assert ask(url, "grok-4.1")[0] == 200


@pytest.mark.parametrize("config", ["", OWN], ids=["of its own", "over the owner's"])
def test_its_credentials_are_the_simulated_ones(config: str, tmp_path: Path) -> None:
    """The session's file is in the demo's folder, and only its owner may read it."""
    demo: list[Config] = []

    async def look() -> None:
        async with trio.open_nursery() as nursery:
            demo.append(await nursery.start(serve_demo, load_config(config)[0], tmp_path))
            nursery.cancel_scope.cancel()

    trio.run(look)
    (found,) = demo
    assert found.api.key != "xai-own"
    assert found.api.key_file == ""
    assert found.cli.token_command == ()
    assert found.cli.auth_file == str(tmp_path / AUTH_FILE)
    assert stat.S_IMODE((tmp_path / AUTH_FILE).stat().st_mode) == 0o600
    urls = (found.grok.base_url, found.api.base_url, found.cli.base_url)
    assert all(url.startswith("http://127.0.0.1:") for url in urls)


def test_a_simulated_grok_alone_leaves_the_official_lanes_off() -> None:
    """``check --demo`` asks no official host with the owner's credentials."""
    found = with_simulator(load_config(OWN)[0], "http://127.0.0.1:9")

    assert (found.api.key, found.api.key_file) == ("", "")
    assert (found.cli.auth_file, found.cli.token_command) == ("", ())
