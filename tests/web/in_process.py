"""The whole app over a scripted Grok, without sockets or threads: for clients' libraries on a faked
clock.
"""

from __future__ import annotations

import httpx
import trio

from grokcore.runtime.attachments.fetch import Fetcher
from grokcore.runtime.attachments.lookups import Lookups
from grokcore.web.app import create_app
from grokcore.web.condition import ConditionWatch
from grokcore.web.delivery import Deliveries
from grokcore.web.edge.asgi import Edge
from grokcore.web.observing.asked_models import AskedModels
from grokcore.web.observing.census import Census
from grokcore.web.observing.metrics import Metrics
from grokcore.web.services import Services
from grokcore.web.state import ServerState
from tests.runtime.worlds import World
from tests.servers import configured

__all__ = ["app_over", "client_of"]


def app_over(world: World) -> Edge:
    """The ASGI app that Hypercorn would serve."""
    state = ServerState(configured(), trio.current_time())

    def fetcher(key: str) -> Fetcher:
        return Fetcher(world.transport, frozenset(), "", Lookups().of(key))

    deliveries = Deliveries(None)
    census = Census(world.gateway)
    watch = ConditionWatch(world.gateway, state, AskedModels(), census)
    services = Services(world.gateway, state, fetcher, deliveries, census, watch)
    return Edge(
        create_app(services, Metrics(services.measured)),
        lambda: state.doors,
        state.request_ended,
    )


def client_of(world: World) -> httpx.AsyncClient:
    """An HTTP client of that app, without patience of its own."""
    transport = httpx.ASGITransport(app_over(world))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost/v1", timeout=None)
