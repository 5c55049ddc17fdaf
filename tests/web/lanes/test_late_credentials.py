"""A credential that is wrong at the start, and mended while the server runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from tests.servers import Site, run_on_site

MODEL = "grok-4.6"


@pytest.mark.parametrize("at_first", ["", "xai-wrong"])
def test_a_mended_key_is_used_within_seconds(tmp_path: Path, at_first: str) -> None:
    """Its file may come late, or hold a key that xAI does not know."""
    file = tmp_path / "key"
    if at_first:
        file.write_text(at_first)

    async def scenario(site: Site) -> None:
        assert (await site.ask(model=MODEL)).status_code >= 400
        file.write_text("xai-test")
        with trio.fail_after(10):
            while (  # noqa: ASYNC110  a file's change has no event
                reply := await site.ask(model=MODEL)
            ).status_code != 200:
                await trio.sleep(0.1)
        assert reply.headers["x-grok2api-lane"] == "api"

    config = f'[api]\nkey_file = "{file}"\nbase_url = "{{api_url}}"\n'
    run_on_site(scenario, official=True, config=config)
