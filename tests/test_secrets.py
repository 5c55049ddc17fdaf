"""A canary: a session token that goes through everything and must be found nowhere."""

from __future__ import annotations

import contextlib
import json
import logging
from pathlib import Path

import pytest

from grokcore.cli import main
from grokcore.protocol.tokens import TokenEntry, token_id
from grokcore.runtime.lanes.grok_web.lane import GrokWebQuestion
from grokcore.simulator import lines
from grokcore.simulator.limits import Limit
from grokcore.simulator.scripts import (
    CUT,
    HANG,
    Script,
    answer,
    answer_lines,
    error,
    page,
    play_lines,
)
from tests.servers import Site, http_request, read_all, run_on_site

CANARY = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzZXNzaW9uX2lkIjoiY2FuYXJ5In0.c4n4ry-c4n4ry-c4n4ry-c4n4ry"
PIECES = [CANARY[at : at + 10] for at in range(0, len(CANARY) - 10, 5)]
PROXY_PASSWORD = "canary-password"

ECHO = f"no such session: sso={CANARY}; sso-rw={CANARY}; the token {CANARY} is not known"
TRAFFIC = [
    answer("fine"),
    answer(f"your cookie is not {CANARY[::-1]}"),
    error(401, lines.ERROR_401),
    error(403, lines.ERROR_403_BLOCKED),
    error(400, {"code": 3, "message": ECHO}),
    error(500, {"error": {"code": 13, "message": ECHO}}),
    error(429, {"error": {"code": 8, "message": f"too many requests for {CANARY}"}}),
    play_lines([{"error": {"code": 8, "message": ECHO}}]),
    play_lines(answer_lines(["half"])[:-3]),
    play_lines([{"strange": CANARY[:4]}, *answer_lines(["fine"])]),
    page(),
    page(500, f"<html>{ECHO}</html>"),
    Script((CUT,)),
    Script((HANG,)),
]


OFFICIAL = f"""
[api]
key = "{CANARY}"
base_url = "{{api_url}}"
use = "first"
[cli]
auth_file = "auth.json"
client_version = "1.0.13"
base_url = "{{cli_url}}"
use = "first"
"""
SESSION = json.dumps(
    {"https://auth.x.ai::c": {"key": CANARY, "email": f"{CANARY[:20]}@example.com"}}
)


PATHS = ("/health", "/v1/models", "/status", "/metrics", "/openapi.json", f"/{CANARY[::-1]}")


def search(where: str, text: str) -> None:
    """Fail if a piece of the canary is in *text*."""
    found = [piece for piece in (*PIECES, PROXY_PASSWORD) if piece in text]
    assert found == [], f"{where}: {found}"


@pytest.mark.parametrize("number", range(len(TRAFFIC)))
def test_of_a_token_nothing_is_found_in_logs_answers_headers_or_state(
    number: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Whatever Grok does, at every level of every logger; its short hash is all there is."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "grokcore.http")
    state_file = tmp_path / "state.jsonl"
    told: list[str] = []

    async def scenario(site: Site) -> None:
        site.simulator.script(CANARY, TRAFFIC[number])
        site.simulator.script_asks(
            CANARY, *(TRAFFIC[number : number + 1] or [answer("")]), error(401, lines.ERROR_401)
        )
        site.simulator.limits[CANARY, "grok-4"] = Limit(3, 0, wait_s=60)
        for fields in ({}, {"stream": True}, {"model": "grok-4-expert"}):
            reply = await site.ask(**fields)
            told.append(f"{reply.status_code} {dict(reply.headers)} {reply.text}")
        told.extend([(await site.client.get(path)).text for path in PATHS])
        async with await site.connect() as stream:
            await stream.send_all(
                http_request(b"{", path="/health", method="GET").replace(
                    b"host:", b"connection: close\r\nhost:"
                )
            )
            told.append((await read_all(stream)).decode())
        site.server.adopt_tokens([TokenEntry(CANARY, note="mine"), TokenEntry("other")])

    entry = TokenEntry(CANARY, proxy_url="direct")
    run_on_site(
        scenario,
        config="[grok]\nstream_first_response_timeout = 0.1",
        tokens=(entry,),
        state_file=state_file,
    )
    out, err = capfd.readouterr()
    places = {
        "answers": "\n".join(told),
        "state": state_file.read_text(),
        "stdout": out,
        "stderr": err,
        "log": caplog.text,
    }
    for where, text in places.items():
        search(where, text)
    assert entry.id in places["answers"]
    assert entry.id in places["state"]


@pytest.mark.parametrize("status", [200, 400, 401, 403, 426, 429, 500])
def test_of_an_official_credential_nothing_is_found(
    status: int,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither of the key nor of the session, also if xAI echoes them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "auth.json").write_text(SESSION)
    caplog.set_level(logging.DEBUG)
    state_file = tmp_path / "state.jsonl"
    told: list[str] = []

    async def scenario(site: Site) -> None:
        site.official.keys.add(CANARY)
        site.official.tokens.add(CANARY)
        if status != 200:
            site.official.fail_next(status, {"error": ECHO, "code": "x"}, times=8, path="")
        for fields in ({"model": "grok-4.6"}, {"model": "grok-4.6", "stream": True}, {}):
            reply = await site.ask(**fields)
            told.append(f"{reply.status_code} {dict(reply.headers)} {reply.text}")
        told.extend([(await site.client.get(path)).text for path in PATHS])

    run_on_site(scenario, config=OFFICIAL, state_file=state_file, official=True)
    out, err = capfd.readouterr()
    search("answers", "\n".join(told))
    search("log", caplog.text + out + err)
    search("state", state_file.read_text())
    assert token_id(CANARY) in "\n".join(told)


@pytest.mark.parametrize(
    "words", [["tokens", "list"], ["tokens", "list", "--json"], ["check"], ["check", "--json"]]
)
def test_nor_do_commands_print_an_official_credential(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Its short hash and its place are all there is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "auth.json").write_text(SESSION)
    nobody = "http://127.0.0.1:9"
    text = OFFICIAL.replace("{api_url}", nobody).replace("{cli_url}", nobody)
    grok = f'[grok]\nbase_url = "{nobody}"\nassets_url = "{nobody}"\n'
    (tmp_path / "config.toml").write_text(f"{grok}{text}")
    main(words)
    out, err = capfd.readouterr()
    search("stdout", out)
    search("stderr", err)
    assert out.count(token_id(CANARY)) >= 2
    assert "auth.json" in out


def test_nor_when_a_bug_is_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A traceback names lines, not values; and what is raised has no token in it."""
    caplog.set_level(logging.DEBUG)

    def fail(*arguments: object, **more: object) -> None:
        raise RuntimeError(repr((arguments, more)))

    monkeypatch.setattr(GrokWebQuestion, "open", fail)

    async def scenario(site: Site) -> None:
        reply = await site.ask()
        assert reply.status_code == 500
        search("answer", reply.text)

    run_on_site(
        scenario,
        tokens=(TokenEntry(CANARY, proxy_url=f"http://user:{PROXY_PASSWORD}@proxy.example.com:1"),),
    )
    assert "Traceback" in caplog.text
    search("log", caplog.text)


@pytest.mark.parametrize(
    "words",
    [
        ["tokens", "list"],
        ["tokens", "list", "--json"],
        ["tokens", "add", CANARY],
        ["tokens", "add", f"sso={CANARY}; x=y", "--note", "n"],
        ["tokens", "remove", CANARY],
        ["tokens", "remove", token_id(CANARY)],
        ["tokens", "import", "tokens.json"],
        ["tokens", "import", CANARY],
        ["tokens", "check", CANARY],
        ["tokens", "export", "out.json"],
        ["tokens", "export", "tokens.json", "--force"],
        ["tokens", CANARY],
        ["models", CANARY],
        ["check", CANARY],
        ["build", CANARY],
        [CANARY],
        ["--port", CANARY],
        ["--config", CANARY],
        ["--tokens", CANARY],
        ["tokens", "list", "--tokens", f"sso={CANARY}"],
        ["models"],
    ],
    ids=lambda words: " ".join(words).replace(CANARY, "CANARY"),
)
def test_nor_in_what_the_commands_print(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Also where a token was typed in the wrong place."""
    monkeypatch.chdir(tmp_path)
    proxied = {"proxy_url": f"http://user:{PROXY_PASSWORD}@proxy.example.com:1"}
    (tmp_path / "tokens.json").write_text(json.dumps({"sso": {CANARY: proxied}}))
    (tmp_path / "config.toml").write_text('[grok]\nbase_url = "http://127.0.0.1:9"\n')
    with contextlib.suppress(SystemExit):
        main(words)
    out, err = capfd.readouterr()
    search("stdout", out)
    search("stderr", err)
    assert out + err
