"""Each credential goes to its own host: a session token to grok.com, a key and the CLI's token to
xAI.
"""

from __future__ import annotations

import json
from pathlib import Path

from grokcore.simulator.official.app import KEY, TOKEN
from tests.servers import TOKENS, Site, chat, run_on_site

CONFIG = f"""
[api]
key = "{KEY}"
base_url = "{{api_url}}"
models = ["grok-4.6"]
[cli]
auth_file = "AUTH"
base_url = "{{cli_url}}"
client_version = "1.0.30"
models = ["grok-4.7"]
"""


def test_no_host_sees_a_credential_of_another(tmp_path: Path) -> None:
    """In no header and no body of any request, whichever lane answers."""
    file = tmp_path / "auth.json"
    file.write_text(json.dumps({"https://auth.x.ai::id": {"key": TOKEN, "user_id": "me"}}))

    async def scenario(site: Site) -> None:
        for model, lane in (("grok-4.6", "api"), ("grok-4.7", "cli"), ("grok-4.1", "web")):
            reply = await site.client.post(
                "/v1/chat/completions", json={**chat("Hello!"), "model": model}
            )
            assert reply.status_code == 200
            assert reply.headers["x-grok2api-lane"] == lane
        sessions = [entry.sso for entry in TOKENS]
        grok = site.simulator.calls + site.simulator.asks
        assert any(sessions[0] in repr(vars_of(call)) for call in grok)
        for call in grok:
            assert not any(secret in repr(vars_of(call)) for secret in (KEY, TOKEN))
        for service, foreign in (("api", TOKEN), ("cli", KEY)):
            seen = [one for one in site.official.calls if one.service == service]
            assert {"GET", "POST"} <= {one.method for one in seen}
            for asked in seen:
                sent = repr((asked.headers, asked.raw))
                assert not any(secret in sent for secret in (foreign, *sessions))
                assert "cookie" not in asked.headers

    run_on_site(scenario, config=CONFIG.replace("AUTH", str(file)), official=True)


def vars_of(call: object) -> dict[str, object]:
    """All fields of a recorded request, those without a place in its ``repr`` too."""
    slots = getattr(type(call), "__slots__", ())
    return {name: getattr(call, name) for name in slots if name != "__weakref__"}
