"""Configurations with official lanes, and requests to servers that have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import openai
import trio

from grokcore.simulator.official.app import KEY, TOKEN
from grokcore.simulator.official.calls import OfficialCall
from tests.servers import Site, chat

MODEL = "grok-4.6"
CENT = 100_000_000
OWNER = {"x-api-key": "owner"}
VERSION = "1.0.13"

API = f"""
[api]
key = "{KEY}"
base_url = "{{api_url}}"
"""
"""The paid lane as it is after a key is set; more settings of its section can follow."""

_T = TypeVar("_T")


def auth_file(folder: Path, token: str = TOKEN, **fields: Any) -> Path:
    """A file as ``grok login`` writes it."""
    entry = {"key": token, "user_id": "u-1", "email": "owner@example.com", **fields}
    file = folder / "auth.json"
    file.write_text(json.dumps({"https://auth.x.ai::client": entry}))
    return file


def with_cli(file: Path) -> str:
    """The lane of the CLI, with the session in *file*; more settings of its section can follow."""
    return f'[cli]\nauth_file = "{file}"\nclient_version = "{VERSION}"\nbase_url = "{{cli_url}}"\n'


def questions(site: Site) -> list[OfficialCall]:
    """The questions that the simulated official services were asked."""
    return site.official.asked()


def answered_by(reply: httpx.Response) -> tuple[str, str, str]:
    """Lane, manner of the usage, and attempts, as the answer's headers say."""
    assert reply.status_code == 200, reply.text
    names = ("lane", "usage", "attempts")
    lane, usage, attempts = (reply.headers[f"x-grok2api-{name}"] for name in names)
    return lane, usage, attempts


async def ask(
    site: Site, model: str = MODEL, text: str = "hello", key: str = "owner", **fields: Any
) -> httpx.Response:
    """A question to a model, answered as a whole."""
    body = {**chat(text, **fields), "model": model}
    return await site.client.post("/v1/chat/completions", json=body, headers={"x-api-key": key})


def error_of(reply: httpx.Response) -> dict[str, Any]:
    """The error that a refused request got."""
    found: dict[str, Any] = reply.json()["error"]
    return found


async def sdk(site: Site, call: Callable[[openai.OpenAI], _T], key: str = "owner") -> _T:
    """The result of a call of OpenAI's SDK."""

    def run() -> _T:
        with openai.OpenAI(base_url=f"{site.url}/v1", api_key=key, max_retries=0) as client:
            return call(client)

    return await trio.to_thread.run_sync(run)


def nothing_left(site: Site) -> bool:
    """Whether no lease and no upstream request is left."""
    return (
        not any(desk.open for desk in site.server.official.desks) and not site.official.open_calls
    )
