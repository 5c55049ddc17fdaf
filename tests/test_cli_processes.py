"""The command line in real processes: first starts, the original's files, the demo, recordings."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from grokcore import __version__
from grokcore.cli import main
from tests.cli_place import contents, lay_out, place
from tests.server_process import started
from tests.servers import chat, free_port

__all__ = ["place"]  # a fixture


def test_without_any_file_it_starts_on_loopback_and_says_what_is_missing(place: Path) -> None:
    """503 no_tokens with a sentence that helps; nothing is created but the folder for learned
    state.
    """
    port = free_port()
    with started(place, "--port", str(port)) as (_, said):
        sources, ready = said.splitlines()
        assert "configuration: none (config.toml, data/config.toml, " in sources
        assert "tokens: none (tokens.json, data/token.json in " in sources
        assert ready == (
            f"grok2api {__version__} ready on http://127.0.0.1:{port} (no tokens yet: `tokens add` asks for one)"
        )
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/chat/completions", data=json.dumps(chat()).encode()
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=10)
        with caught.value as answer:
            assert answer.code == 503
            error = json.loads(answer.read())["error"]
        assert error["code"] == "no_tokens"
        assert "token" in error["message"]
        assert "`tokens add`" in error["message"]
    assert set(contents(place)) == {"data", "data/history.json.gz", "data/state.jsonl"}


def test_the_files_of_the_original_project_are_found_and_left_alone(place: Path) -> None:
    """data/setting.toml and data/token.json count; settings without effect are named in one line
    each.
    """
    setting = '[global]\nbase_url = "http://localhost:9"\nadmin_username = "admin"\n[grok]\nshow_thinkin = true\n'
    tokens = {
        "sso": {"token-1": {"remainingQueries": -1}},
        "ssoSuper": {"token-2": {"status": "active"}},
    }
    lay_out(place, {"data/setting.toml": setting, "data/token.json": json.dumps(tokens)})
    (place / "data/token.json").chmod(0o600)
    before = contents(place)
    with started(place, "--port", "0") as (_, said):
        *warnings, sources, ready = said.splitlines()
        assert "configuration: " in sources
        assert all(f"{place}/data/{name}" in sources for name in ("setting.toml", "token.json"))
        assert ready.endswith(" (2 tokens)")
        assert len(warnings) == 2
        assert (
            "data/setting.toml: settings of the original project without effect here: [global] admin_username"
            in said
        )
        assert (
            "data/setting.toml: unknown [grok] show_thinkin has no effect; did you mean show_thinking?"
            in said
        )
    assert contents(place) == before


def test_the_demo_shows_pictures(place: Path) -> None:
    """As links to itself, which are good without a key and lead to the simulated Grok."""
    port = free_port()
    with started(place, "--demo", "--port", str(port)):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/chat/completions",
            data=json.dumps(chat("draw a cat")).encode(),
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = json.load(answer)["choices"][0]["message"]["content"]
        link = text.partition("[![image](")[2].partition(")](http://")[0]
        assert link.startswith(f"http://127.0.0.1:{port}/media/")
        with urllib.request.urlopen(link, timeout=10) as picture:
            assert picture.headers["content-type"] == "image/png"


@pytest.mark.parametrize("lane", ["rest", "socket"])
def test_an_answer_is_recorded_without_what_is_personal_and_replayed(
    lane: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--record`` writes it by the time the server has stopped; ``replay`` shows events of the
    same kinds.
    """
    port = free_port()
    options = ["--demo", "--port", str(port), "--record", "records"]
    with started(place, *options, GROK2API_GROK_WEB_LANE=lane):
        body = json.dumps({**chat("my secret herring"), "model": "grok-4.1-thinking"}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", data=body)
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert b"herring" in answer.read()
    (record,) = (place / "records").iterdir()
    assert b"herring" not in record.read_bytes()
    assert main(["replay", str(record)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in told[:-3]} - {"thinking", "activity"} == {"text"}
    assert told[-1] == "finished"
