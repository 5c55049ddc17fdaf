"""A question, as a lane gets it."""

from __future__ import annotations

from collections.abc import Callable, Collection

from attrs import evolve, field, frozen

from ..models import Limits, Model
from .attachments import Attachment

__all__ = ["Question"]


@frozen
class Question:
    """A request for one answer: model, clocks, prompt, attachments.

    :ivar attachments: pictures and files that go up with it.
    :ivar pictures: how many pictures Grok draws if the prompt wants one.
    :ivar search: whether Grok may search; None leaves it to the model's row.
    :ivar asker: the name of the client's API key; empty without a key.
    :ivar ignored: names, for the response header, of fields and parts without effect.
    :ivar spare: paths of attachments that can be left out, since they are history.
    :ivar without: returns the question without the spare attachments of these paths, which the
        prompt names then.
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
        """The question without its attachments, to be kept while the answer lasts: they are large,
        and only sending needs them.
        """
        if not self.attachments and self.without is None:
            return self
        return evolve(self, attachments=(), spare=frozenset(), without=None)

    def leave_out(self, paths: Collection[str]) -> Question:
        """The question without the spare attachments of these paths (at least one)."""
        assert self.without is not None, "it has spare attachments"
        assert self.spare.issuperset(paths), paths
        return self.without(paths)
