"""One question, as a lane is asked it."""

from __future__ import annotations

from collections.abc import Callable, Collection

from attrs import evolve, field, frozen

from ..models import Limits, Model
from .attachments import Attachment

__all__ = ["Question"]


@frozen
class Question:
    """What a client wants to know.

    :ivar attachments: pictures and files that go up with it.
    :ivar pictures: how many are drawn if one is asked for.
    :ivar search: whether Grok may search; None leaves it to the model's row.
    :ivar asker: the name of the API key that it came with; empty without one.
    :ivar ignored: names, for the response header, of what of the request has no effect.
    :ivar spare: paths of the attachments that it may be asked without, since they are history.
    :ivar without: writes the question anew without spare attachments of these paths, and names
        them.
    """

    model: Model
    limits: Limits
    message: str = field(repr=False)
    attachments: tuple[Attachment, ...] = ()
    pictures: int = 2
    search: bool | None = None
    asker: str = ""
    ignored: tuple[str, ...] = ()
    spare: frozenset[str] = frozenset()
    without: Callable[[Collection[str]], Question] | None = field(
        default=None, repr=False, eq=False
    )

    def asked(self) -> Question:
        """The question without what only asking it takes: large contents, for as long as the answer
        lasts.
        """
        if not self.attachments and self.without is None:
            return self
        return evolve(self, attachments=(), spare=frozenset(), without=None)

    def leave_out(self, paths: Collection[str]) -> Question:
        """The question without the spare attachments of these paths (at least one)."""
        assert self.without is not None, "it has spare attachments"
        assert self.spare.issuperset(paths), paths
        return self.without(paths)
