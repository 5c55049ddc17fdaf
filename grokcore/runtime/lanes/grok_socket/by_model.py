"""Both ways to ask grok.com with a session token: the page's websocket, and its older REST call."""

from __future__ import annotations

from attrs import frozen

from ....protocol.conversation.question import Question
from ....protocol.models import WebLane
from ..grok_web.lane import GrokWebLane
from ..lane import RenderedQuestion
from .lane import GrokSocketLane

__all__ = ["GrokComLanes"]


@frozen(eq=False)
class GrokComLanes:
    """Renders each question by the lane that its model's row names."""

    rest: GrokWebLane
    socket: GrokSocketLane

    def render(self, question: Question) -> RenderedQuestion:
        """Render *question*.

        :raises GrokApiError: as :meth:`grokcore.runtime.lanes.lane.Renderer.render`.
        """
        if question.model.web_lane is WebLane.SOCKET:
            return self.socket.render(question)
        return self.rest.render(question)
