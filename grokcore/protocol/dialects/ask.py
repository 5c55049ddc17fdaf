"""A request for an answer in words, as each dialect reads it."""

from __future__ import annotations

from attrs import field, frozen

from ..conversation.bounds import Bounds
from ..conversation.extras import Extras
from ..conversation.messages import Message
from ..conversation.tools import Toolbox

__all__ = ["Ask"]


@frozen(kw_only=True)
class Ask:
    """A validated request. The dialects add fields that only their writers need.

    :ivar model: the public model name, as the client wrote it.
    :ivar messages: at least one, unless the request refers to a stored one.
    :ivar stream: whether the answer is wanted as server-sent events.
    :ivar ignored: names of fields and parts without effect, sorted, each safe in a header; there
        may be many.
    :ivar choices: how many answers are wanted, each a question to Grok.
    :ivar search: whether Grok may search the web; None leaves it to the model's row and the tools.
    :ivar extras: parameters for lanes that take some; their names are not among *ignored*.
    """

    model: str
    messages: tuple[Message, ...] = field(repr=False)
    stream: bool = False
    ignored: tuple[str, ...] = ()
    choices: int = 1
    search: bool | None = None
    toolbox: Toolbox = field(factory=Toolbox, repr=False)
    bounds: Bounds = field(factory=Bounds)
    extras: Extras = field(factory=Extras)
