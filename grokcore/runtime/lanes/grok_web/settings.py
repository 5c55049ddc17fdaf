"""The settings that the web lane needs of the configuration."""

from __future__ import annotations

from attrs import field, frozen

from ....protocol.conversation.question import Question
from ....protocol.emulation.tools_text import ToolTexts
from ....protocol.grok_web.identity import Identity
from ....protocol.grok_web.question_text import LongTexts, WebRendering, render_question

__all__ = ["GrokWebSettings"]


@frozen
class GrokWebSettings:
    """See ``[grok]`` in the reference.

    :ivar base_url: and *assets_url*: without a slash at their ends.
    """

    base_url: str
    identity: Identity
    filtered_tags: frozenset[str]
    temporary: bool = True
    memory: bool = False
    assets_url: str = "https://assets.grok.com"
    long_texts: LongTexts = field(factory=LongTexts)
    tool_texts: ToolTexts = field(factory=ToolTexts)

    def render(self, question: Question) -> WebRendering:
        """The words and files of *question*.

        :raises ContextLengthExceeded: if the conversation is too long.
        """
        return render_question(question, self.long_texts, self.tool_texts)
