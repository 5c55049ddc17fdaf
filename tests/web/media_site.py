"""A server whose pictures and videos are the simulated Grok's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from attrs import evolve

from grokcore.protocol.models import WebLane
from grokcore.protocol.tokens import TokenEntry
from tests.scenarios import PATIENCE_S, decorator, in_tmp_path
from tests.servers import TOKENS, Site, run_on_site


def run_on_media_site(
    scenario: Callable[[Site], Awaitable[None]],
    folder: Path | None,
    *,
    config: str = "",
    tokens: tuple[TokenEntry, ...] = TOKENS,
    lane: WebLane = WebLane.REST,
    patience_s: float = PATIENCE_S,
    official: bool = False,
) -> None:
    """A server whose assets are the simulated Grok's too; without a *folder* it keeps nothing.

    :param patience_s: real seconds that the scenario may take at most.
    :param official: as for :func:`run_on_site`.
    """

    async def with_assets(site: Site) -> None:
        grok = evolve(site.server.state.config.grok, assets_url=site.grok_url)
        site.server.adopt_config(evolve(site.server.state.config, grok=grok))
        await scenario(site)

    run_on_site(
        with_assets,
        config=config,
        tokens=tokens,
        state_file=folder / "state.jsonl" if folder else None,
        lane=lane,
        patience_s=patience_s,
        official=official,
    )


on_media_site = decorator(run_on_media_site, gives=1, folder=in_tmp_path)
"""By default the server keeps its state and its media in the test's folder."""
