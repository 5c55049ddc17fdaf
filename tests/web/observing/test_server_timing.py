"""``Server-Timing``: where the time of an answer went."""

from __future__ import annotations

import httpx
import trio
import trio.testing
from attrs import evolve

from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator.scripts import answer, page
from tests.servers import Site, on_site

PICTURE = {
    "type": "image_url",
    "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="},
}


def timing(answer: httpx.Response) -> dict[str, float]:
    """The header, in milliseconds by name."""
    parts = (part.split(";dur=") for part in answer.headers["server-timing"].split(", "))
    return {name: float(duration) for name, duration in parts}


@on_site
async def test_an_answer_says_where_its_time_went(site: Site) -> None:
    """The wait for a token, the upload, the time to Grok's first event, and the total."""
    site.simulator.always(evolve(answer("ok"), before=0.05))
    whole = timing(await site.ask())
    assert list(whole) == ["queue", "upload", "first", "total"]
    assert 50 <= whole["first"] <= whole["total"] < 5000
    assert list(timing(await site.ask(stream=True))) == ["queue", "upload", "first"]
    content = [{"type": "text", "text": "what is it?"}, PICTURE]
    with_picture = timing(await site.ask(messages=[{"role": "user", "content": content}]))
    assert with_picture["upload"] > 0
    site.simulator.always(page())
    assert list(timing(await site.ask())) == ["queue", "upload", "total"]
    assert "server-timing" not in (await site.client.get("/v1/models")).headers


@on_site(tokens=(TokenEntry("only"),), config="[pool]\nmax_in_flight_per_token = 1")
async def test_the_wait_for_a_token_is_the_queue(site: Site) -> None:
    """The second request waits for the first one's token."""
    site.simulator.always(evolve(answer("ok"), before=0.1))
    found: list[dict[str, float]] = []

    async def one() -> None:
        found.append(timing(await site.ask()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        nursery.start_soon(one)
    waited = sorted(one["queue"] for one in found)
    assert waited[0] < 50
    assert waited[1] >= 90
