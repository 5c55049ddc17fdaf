"""A server that makes pictures and videos with the simulated API of xAI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import openai
import trio
from attrs import define, field, frozen

from grokcore.protocol.conversation.usage import TICKS_PER_USD, Usage
from grokcore.protocol.models import LaneName, LaneUse
from grokcore.protocol.pool.spending import Spending
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.lanes.official.media_calls import OfficialMedia
from grokcore.runtime.pool.desk import Desk
from grokcore.simulator.official.app import KEY
from tests.scenarios import decorator, in_tmp_path
from tests.servers import TOKENS, Site
from tests.web.media_site import run_on_media_site

_T = TypeVar("_T")


@define
class Holding:
    """A credential that the tests change."""

    secret: str = KEY

    @property
    def key(self) -> str:
        return self.secret and "of-the-key"

    id = "key"
    fault = "There is no API key of xAI."

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.secret,)

    async def refresh(self, *, stale: str = "") -> None:
        await trio.lowlevel.checkpoint()

    def forget_version(self) -> None:
        raise AssertionError


@frozen
class NoWares:
    names: tuple[str, ...] = ()

    def facts(self, model: str) -> dict[str, object]:
        return {}

    def upstream_name(self, model: str) -> str:
        return model

    def cost_of(self, usage: Usage, model: str) -> int | None:
        return None

    def gone(self, model: str) -> None:
        raise AssertionError(model)


@frozen
class Studio:
    """A site, and its maker of media."""

    site: Site
    maker: OfficialMedia
    spending: Spending
    holding: Holding = field(factory=Holding)

    async def sdk(self, call: Callable[[openai.OpenAI], _T], key: str = "none") -> _T:
        """The result of a call of OpenAI's SDK."""

        def ask() -> _T:
            url = f"{self.site.url}/v1"
            with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
                return call(client)

        return await trio.to_thread.run_sync(ask)

    @property
    def at_assets(self) -> list[dict[str, str]]:
        """Headers of the requests to the site of xAI's contents."""
        return [call.headers for call in self.site.official.calls if call.service == "assets"]


def run_in_studio(
    scenario: Callable[[Studio], Awaitable[None]],
    folder: Path | None,
    *,
    config: str = "",
    tokens: tuple[TokenEntry, ...] = TOKENS,
    use: LaneUse = LaneUse.OVERFLOW,
    usd: float = 100.0,
) -> None:
    """A server with the paid lane for media; without a *folder* it keeps nothing."""

    async def with_maker(site: Site) -> None:
        studio = studio_of(site, use=use, usd=usd)
        site.server.media_maker = lambda: studio.maker
        await scenario(studio)
        assert studio.maker.desk.open == 0

    run_on_media_site(with_maker, folder, config=config, tokens=tokens, official=True)


def studio_of(site: Site, *, use: LaneUse = LaneUse.OVERFLOW, usd: float = 100.0) -> Studio:
    """A new maker, as of a process that has just begun."""
    holding, spending = Holding(), Spending(int(usd * TICKS_PER_USD))
    desk = Desk(LaneName.API, holding, NoWares(), use=use, spending=spending)
    maker = OfficialMedia(
        site.server._transport,
        site.server._fetching,
        site.official_urls.api,
        desk,
        lambda: holding.secret,
    )
    return Studio(site, maker, spending, holding)


in_studio = decorator(run_in_studio, gives=1, folder=in_tmp_path)
