"""The server's parts, bundled for the routes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import field, frozen

from ..protocol.condition import Condition, SharedPool
from ..protocol.models import LaneName, LaneUse, Model
from ..runtime.attachments.fetch import Fetcher
from ..runtime.completion.gateway import Gateway
from .condition import ConditionWatch
from .delivery import Deliveries
from .edits import Edits
from .fellows import Fellows
from .media_maker import MediaMaker
from .observing.census import Census
from .observing.gauges import Sources
from .state import ServerState

__all__ = ["Services"]


@frozen
class Services:
    """The server's parts that routes use.

    :ivar fetcher: returns a :class:`~grokcore.runtime.attachments.fetch.Fetcher` for one request,
        built from the current settings; takes the API key's name.
    :ivar deliveries: delivery of pictures and videos in answers.
    :ivar census: shared token counts.
    :ivar watch: judges whether the server works.
    :ivar media_maker: returns the maker of pictures and videos of xAI's API; None while it is not
        offered (``[api] images``).
    :ivar command: begins the command lines that the owner is advised to run.
    :ivar edits: returns the means to edit the owner's files; None while the server has none.
    :ivar fellows: the other workers of this server.
    """

    gateway: Gateway
    state: ServerState
    fetcher: Callable[[str], Fetcher]
    deliveries: Deliveries
    census: Census
    watch: ConditionWatch
    media_maker: Callable[[], MediaMaker | None] = lambda: None
    command: str = "python3 grok2api.py"
    edits: Callable[[], Edits | None] = lambda: None
    fellows: Fellows = field(factory=Fellows)

    def condition(self) -> Condition:
        """The server's condition at the moment."""
        return self.watch.take()

    @property
    def shared(self) -> SharedPool | None:
        """The server's part of a shared pool; None if it shares none."""
        return self.watch.shared()

    @property
    def measured(self) -> Sources:
        """The parts that metrics are read from."""
        faults, use = self.state.all_faults, self.deliveries.cache_use
        return Sources(self.gateway, self.census, self.condition, faults, use, self.watch.shared)

    @property
    def paid_pictures_are_off(self) -> bool:
        """Whether the paid lane could draw, if the owner let it."""
        desk = self.gateway.lending.desk(LaneName.API)
        in_use = desk is not None and desk.use is not LaneUse.OFF
        return in_use and not self.state.config.api.images

    @property
    def models(self) -> Mapping[str, Model]:
        """The models of all lanes, by their names."""
        return self.state.models(self.gateway.lending.names)

    def unlisted(self, name: str, lanes: frozenset[LaneName]) -> Mapping[str, Model]:
        """The model *name*, if it is in no list and an official lane among *lanes* may have it."""
        known = name not in self.models and self.gateway.lending.knows(name, lanes)
        return {name: self.state.unlisted(name)} if known else {}
