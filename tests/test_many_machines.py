"""``deploy/nginx-many.conf``, tried with nginx, two servers and a simulated Grok."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import trio
from attrs import evolve

from grokcore.simulator.app import Call, Simulator
from grokcore.simulator.scripts import Script, Wait, answer
from tests.balanced import (
    NAMES,
    SETTINGS,
    Balanced,
    answered_by,
    balanced,
    nginx_program,
    request,
)
from tests.server_process import with_grok
from tests.servers import chat, read_all, read_until

pytestmark = pytest.mark.once

KEYS = [f"key-{number}" for number in range(12)]
FOREVER = Wait(3600)
A_MOMENT = Wait(0.3)


def scripted(call: Call) -> Script:
    """Grok's answer, by a word of the question."""
    whole = answer("one two three")
    half = next(n for n, step in enumerate(whole.steps) if "two" in str(step))
    if "silent" in call.body["message"]:
        return evolve(whole, steps=(FOREVER,))
    if "stuck" in call.body["message"]:
        return evolve(whole, steps=(*whole.steps[:half], FOREVER))
    if "slow" in call.body["message"]:
        return evolve(whole, steps=(*whole.steps[:half], A_MOMENT, *whole.steps[half:]))
    return whole


async def key_for(site: Balanced, name: str) -> str:
    """A key whose questions come to the server *name*."""
    for key in KEYS:
        assert await site.ask(f"who answers {key}?", key) == 200
        if answered_by(site.simulator, f"who answers {key}?") == [name]:
            return key
    raise AssertionError(f"no key of {len(KEYS)} comes to {name}")


@with_grok
async def test_a_client_stays_at_its_server_and_what_is_kept_elsewhere_is_found(
    simulator: Simulator, url: str, tmp_path: Path
) -> None:
    """A kept response is where its client's next question comes to. A link has no key and comes to
    either server: one that lacks it is not the last word.
    """
    nginx_program()
    simulator.default = scripted
    async with balanced(tmp_path, simulator, url) as site:
        for turn in range(2):
            for key in KEYS:
                assert await site.ask(f"turn {turn} {key}?", key) == 200
        turns = [[answered_by(simulator, f"turn {n} {key}?") for key in KEYS] for n in range(2)]
        here, there = (KEYS[turns[0].index([name])] for name in NAMES)
        path = f"/v1/responses/{await kept_response(site, here)}"
        found = [(await site.fetch("GET", path, key))[0] for key in (here, there)]
        absent, error = await site.fetch("GET", "/v1/responses/resp_0", there)
    assert turns[0] == turns[1]
    assert {name for (name,) in turns[0]} == set(NAMES)
    assert found == [200, 200]
    assert absent == 404
    assert b'"code"' in error


async def kept_response(site: Balanced, key: str) -> str:
    """The id of a response that a server keeps."""
    body = {"model": "grok-3-fast", "input": "keep this"}
    status, content = await site.fetch("POST", "/v1/responses", key, body)
    assert status == 200
    found: str = json.loads(content[content.index(b"{") : content.rindex(b"}") + 1])["id"]
    return found


@with_grok
async def test_the_questions_of_a_killed_server_are_not_asked_twice(
    simulator: Simulator, url: str, tmp_path: Path
) -> None:
    """Grok may have counted them. Each client learns it, before its answer or within; the next
    question of each is answered by the server that is left. Before the end, a token is passed on
    while Grok is silent about the rest.
    """
    nginx_program()
    simulator.default = scripted
    async with balanced(tmp_path, simulator, url) as site:
        key = await key_for(site, "left")
        async with await site.connect() as silent, await site.connect() as stuck:
            for stream, word in ((silent, "silent"), (stuck, "stuck")):
                await stream.send_all(question(word, key))
            await simulator.until(lambda: bool(answered_by(simulator, "silent")))
            begun = await read_until(stuck, b'"content":"one')
            site.servers["left"].kill()
            refused, cut = await read_all(silent), begun + await read_all(stuck)
        after = [await site.ask(f"after {key}?", key) for key in KEYS]
    assert refused.startswith(b"HTTP/1.1 502 ")
    assert cut.startswith(b"HTTP/1.1 200 ")
    assert b'"content":" two' not in cut
    assert [answered_by(simulator, word) for word in ("silent", "stuck")] == [["left"], ["left"]]
    assert after == [200] * len(KEYS)
    assert [answered_by(simulator, f"after {key}?") for key in KEYS] == [["right"]] * len(KEYS)


def question(word: str, key: str) -> bytes:
    return request("POST", "/v1/chat/completions", key, chat(word, stream=True))


@with_grok
async def test_a_server_that_is_updated_loses_no_answer(
    simulator: Simulator, url: str, tmp_path: Path
) -> None:
    """A stop lets answers end, while new questions go to the other server."""
    nginx_program()
    simulator.default = scripted
    async with balanced(tmp_path, simulator, url) as site:
        key = await key_for(site, "left")
        async with await site.connect() as stream:
            await stream.send_all(question("slow", key))
            begun = await read_until(stream, b'"content":"one')
            site.servers["left"].terminate()
            reply = begun + await read_all(stream)
        assert b"[DONE]" in reply
        assert await trio.to_thread.run_sync(site.servers["left"].wait) == 0
        assert await site.ask("after it?", key) == 200
    assert answered_by(simulator, "slow") == ["left"]
    assert answered_by(simulator, "after it?") == ["right"]


def test_a_question_that_was_sent_is_never_repeated_by_these_settings() -> None:
    """``non_idempotent``, or a status that a question can have, would ask Grok twice."""
    text = re.sub(r"#.*", "", SETTINGS.read_text("utf-8"))
    conditions = re.findall(r"proxy_next_upstream ([^;]+);", text)
    assert len(conditions) == 2
    assert {word for words in conditions for word in words.split()} == {
        *("error", "timeout", "http_404")
    }
