"""No credential leaves its own lane: every request of every lane is looked at."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from grokcore.protocol.models import WebLane
from grokcore.simulator import lines
from grokcore.simulator.assets import jpeg
from grokcore.simulator.official.app import KEY, TOKEN
from grokcore.simulator.scripts import answer, error
from tests.lanes import each_lane
from tests.servers import TOKENS, Site, run_on_site
from tests.web.lanes.paid_site import API, ask, auth_file, with_cli

PICTURE = {
    "type": "image_url",
    "image_url": {"url": f"data:image/jpeg;base64,{base64.b64encode(jpeg()).decode()}"},
}
OF_XAI = (KEY, TOKEN, "owner@example.com", "never-used", "renewed")
OF_WEB = (*(entry.sso for entry in TOKENS), "cf_clearance", "statsig", "sso=", "sso-rw", "mozilla")


def sent_to_web(site: Site) -> Iterator[str]:
    """All requests to grok.com, as text."""
    simulator = site.simulator
    rest = [simulator.calls, simulator.asks, simulator.uploads, simulator.fetches]
    for calls in (*rest, simulator.traces, simulator.sessions, simulator.modes):
        for call in calls:
            yield f"{call.path} {call.headers} {call.body}".lower()
    for socket in simulator.sockets.calls:
        yield f"{socket.target} {socket.headers} {socket.frames}".lower()


@each_lane
def test_every_lane_sends_its_own_credential_alone(tmp_path: Path, lane: WebLane) -> None:
    """Mixed traffic, with overflows in the middle of requests, pictures, and refusals."""
    file = auth_file(tmp_path, refresh_token="never-used")

    async def scenario(site: Site) -> None:
        for text in ("hello", "simulate:server_error", "simulate:expired_session"):
            await ask(site, "grok-4.7", text=text)
            await ask(site, "grok-4.6", text=text)
        content = [{"type": "text", "text": "look"}, PICTURE]
        for model in ("grok-3-fast", "grok-4.20-0309-non-reasoning"):
            messages = [{"role": "user", "content": content}]
            await ask(site, model, messages=messages, user="someone")
        pdf = base64.b64encode(b"%PDF-1.4 simulated").decode()
        part = {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{pdf}"}
        messages = [{"role": "user", "content": [{"type": "file", "file": part}]}]
        await ask(site, "grok-4.20-0309-non-reasoning", messages=messages)
        await site.client.post("/v1/images/generations", json={"prompt": "a cat"})
        site.play(error(429, lines.ERROR_429))
        for _ in range(4):
            await ask(site, "grok-3-fast")
        site.play(answer("ok"))
        lanes = {call.service for call in site.official.calls}
        assert {"api", "cli"} <= lanes
        web = list(sent_to_web(site))
        assert web
        for sent in web:
            assert not [secret for secret in OF_XAI if secret in sent]
        for call in site.official.calls:
            sent = f"{call.path} {call.headers} {call.raw!r}".lower()
            other = KEY if call.service == "cli" else TOKEN
            assert not [secret for secret in (*OF_WEB, "never-used", other) if secret in sent]
            assert call.headers["user-agent"].startswith("grok2api/")
            assert "cookie" not in call.headers
            if call.service == "api":
                assert "owner@example.com" not in sent
                assert not [name for name in call.headers if name.startswith("x-grok")]

    config = (
        f'[grok]\ncf_clearance = "cf-value"\n{API}use = "overflow"\n'
        '[api.stand_ins]\n"grok-3-fast" = "grok-4.6"\n'
    )
    run_on_site(
        scenario, official=True, config=config + with_cli(file), tokens=TOKENS[:2], lane=lane
    )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_never_carries_the_key(status: int) -> None:
    """It is a failure of xAI's: no second address is asked."""

    async def scenario(site: Site) -> None:
        target = (("location", f"{site.grok_url}/rest/stolen"),)
        site.official.fail_next(status, b"", target, times=20)
        refused = await ask(site)
        assert refused.status_code == 502
        assert list(sent_to_web(site)) == []
        assert {call.path for call in site.official.calls} <= {
            "/responses",
            "/models",
            "/language-models",
        }

    run_on_site(scenario, official=True, config=API, tokens=())
