"""The answer while it is put together: text, thinking, sources, pictures, signs of loss.

The parts are those of the REST lane (:mod:`grokcore.protocol.grok_web`): both lanes of grok.com
carry the same elements, cards and pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ...errors import (
    AnswerTooLong,
    ContentPolicyViolation,
    EmptyAnswer,
    GrokApiError,
    IncompleteAnswer,
    QuotaExhausted,
    UpstreamFailure,
)
from ..conversation.events import (
    Activity,
    Event,
    FoundPicture,
    Text,
    Thinking,
    ToolUse,
)
from ..grok_web.cards import MOST_ADDRESS_CHARS, Card
from ..grok_web.citations import Citations
from ..grok_web.gallery import Gallery
from ..grok_web.markup import Element, TagFilter
from ..grok_web.references import References
from ..grok_web.server_tools import tool_use_in_element
from ..grok_web.wholeness import Agreement, AnswerText, is_visible
from ..upstream_words import cleaned
from .chunk_values import citation

__all__ = ["MAX_ANSWER_CHARS", "MOST_CITATIONS", "MOST_TOOL_USES", "Answer", "Thought"]

MAX_ANSWER_CHARS = 8 * 1024 * 1024
"""Characters of one answer, its thinking included."""

MOST_TOOL_USES = 2000
"""Tool calls of one answer that become events."""

MOST_CITATIONS = 2000
"""Places of one answer that cite something."""

MOST_MODERATED = 500
"""Names of moderated pictures. With more of them no picture is shown any more."""

_RENDERED = frozenset({"grok:render"})
"""Elements whose place is filled with what they stand for, whatever else is filtered."""


@frozen
class Thought:
    """A piece of the reasoning.

    :ivar step: the step that it belongs to; each begins a line. Empty if that is not known.
    """

    text: str
    step: str = ""


class Answer:
    """An answer that is being put together.

    :param filtered_tags: names for :class:`~grokcore.protocol.grok_web.markup.TagFilter`.
    :param assets_url: the address of relative paths, without a slash at its end; empty leaves them.
    :ivar events: events that the decoder has not taken yet.
    :ivar failure: why the answer can't be right; None if nothing speaks against it.
    :ivar proven: whether Grok's own copy of the text begins with all pieces that have come.
    """

    def __init__(self, filtered_tags: frozenset[str], assets_url: str) -> None:
        self.events: list[Event] = []
        self.failure: GrokApiError | None = None
        self.proven = False
        self._filtered_tags = filtered_tags
        self._thinking_filter = TagFilter(filtered_tags)
        self._thought_mid_line = False
        self._step = ""
        self._answer_filter = TagFilter(filtered_tags | _RENDERED)
        self._sources = Citations()
        self._gallery = Gallery(assets_url)
        self._references = References(self._sources, self._gallery, filtered_tags)
        self._visible = False
        self._chars = 0
        self._whole = AnswerText()
        self._part = self._whole  # the pieces since Grok's last copy of a part
        self._tool_uses: set[ToolUse] = set()
        self._citations = 0
        self._moderated: set[str] = set()

    # Text ----------------------------------------------------------------------------------------

    def think(self, thought: Thought) -> None:
        """A piece of the reasoning, before the answer's first."""
        text = thought.text
        self._chars += len(text)
        if self._chars > MAX_ANSWER_CHARS:
            self._fail_for_length()
            return
        if self._thought_mid_line and thought.step != self._step:
            text = f"\n{text}"
        self._step, self._thought_mid_line = thought.step, not text.endswith("\n")
        if "<" not in text and not self._thinking_filter.holding:
            self.events.append(Thinking(text))
            return
        pieces = self._thinking_filter.split(text)
        for piece in pieces:
            if isinstance(piece, Element):
                self.use_tool(tool_use_in_element(piece.text))
        passed = "".join(piece for piece in pieces if isinstance(piece, str))
        self.events.append(Thinking(passed) if passed else Activity())

    def write(self, text: str) -> None:
        """A piece of the answer's text."""
        self._chars += len(text)
        if self._chars > MAX_ANSWER_CHARS:
            self._fail_for_length()
            return
        if not self._whole:
            self._end_thinking()
        self._whole.add(text)
        if self._part is not self._whole:
            self._part.add(text)
        self.proven = False
        if "<" not in text and not self._answer_filter.holding:
            self.events.append(Text(text))
            self._visible = self._visible or is_visible(text)
            return
        before = len(self.events)
        for piece in self._answer_filter.split(text):
            shown = piece if isinstance(piece, str) else self._references.in_place_of(piece)
            if isinstance(shown, str):
                self._show_text(shown)
            elif shown is not None:
                self.show(shown)
        if len(self.events) == before:
            self.events.append(Activity())

    def compare(self, text: str) -> None:
        """Grok's own copy of the text, or of its last part: what no piece brought is added.

        A copy that shows that text was lost makes the answer fail.
        """
        rest = self._whole.rest_in(text)
        if rest is None and self._part:
            rest = self._part.rest_in(text)
        if rest is not None:
            self._write_rest(rest)
        elif self._part and self._lost_text(text):
            self.fail(
                IncompleteAnswer(
                    "Parts of the answer were lost on the way: Grok's own copy of it has more."
                )
            )
        self._part = AnswerText()

    def _write_rest(self, rest: str) -> None:
        if rest:
            self.write(rest)
        self.proven = True

    def _lost_text(self, text: str) -> bool:
        names = self._filtered_tags | _RENDERED
        return all(
            pieces.agreement(text, names) is Agreement.BROKEN
            for pieces in (self._part, self._whole)
        )

    def _fail_for_length(self) -> None:
        size = MAX_ANSWER_CHARS // (1024 * 1024)
        self.fail(
            AnswerTooLong(
                f"Grok's answer has more than {size} million characters; it was stopped there."
            )
        )

    def _show_text(self, text: str) -> None:
        if text:
            self.events.append(Text(text))
            self._visible = self._visible or is_visible(text)

    def _end_thinking(self) -> None:
        held_back = self._thinking_filter.close()
        if held_back:
            self.events.append(Thinking(held_back))

    # Sources and tools ---------------------------------------------------------------------------

    def use_tool(self, tool_use: ToolUse | None) -> None:
        """A tool call. Grok repeats it as it goes on; the same one becomes one event."""
        if (
            tool_use is None
            or tool_use in self._tool_uses
            or len(self._tool_uses) >= MOST_TOOL_USES
        ):
            self.events.append(Activity())
        else:
            self._tool_uses.add(tool_use)
            self.events.append(tool_use)

    def find(self, results: list[dict[str, Any]]) -> None:
        """Pages that a search has found; an activity if there is nothing new."""
        self.events.append(self._sources.read_results(results) or Activity())

    def cite(self, value: Mapping[str, Any]) -> None:
        """A citation at this place of the text."""
        self._citations += 1
        cited = self._sources.cite(*citation(value)) if self._citations <= MOST_CITATIONS else None
        self.events.append(cited or Activity())

    def find_cited(self, value: Mapping[str, Any]) -> None:
        """A citation that has no place in the text, since that has not begun: a page."""
        _, card = citation(value)
        self.find([{"url": card.url}] if card else [])

    # Pictures, videos, files ---------------------------------------------------------------------

    def note_card(self, card: Card) -> None:
        """A card of any kind: of a picture that is being made, or for an element to come."""
        if card.is_generated:
            self.note_picture(card)
        else:
            self.events += self._references.note(card) or [Activity()]

    def note_picture(self, card: Card) -> None:
        """How far a picture is. One that was moderated once is never shown."""
        names = {card.id, card.url} - {""}
        if card.moderated:
            self._moderated |= {name[:MOST_ADDRESS_CHARS] for name in names}
        elif len(self._moderated) > MOST_MODERATED or names & self._moderated:
            self.events.append(Activity())
            return
        self.events += self._gallery.note_card(card)

    def note_progress(self, key: str, value: dict[str, Any]) -> None:
        """How far a video is, or the work as a whole."""
        self.events += self._gallery.note(key, value)

    def note_file(self, card: Card) -> None:
        """A file, which is shown where it comes."""
        shown = self._gallery.show_file(card) if card.url else None
        self.events.append(shown or Activity())

    def show_found_picture(self, card: Card) -> None:
        """A picture of the web."""
        if card.url.startswith(("https://", "http://")):
            self.show(FoundPicture(card.url, card.title, card.link))
        else:
            self.events.append(Activity())

    def show(self, event: Event) -> None:
        """Something else than text."""
        self._visible = self._visible or isinstance(event, FoundPicture)
        self.events.append(event)

    # The end -------------------------------------------------------------------------------------

    def fail(self, error: GrokApiError) -> None:
        """Note why the answer can't be right; the first reason counts."""
        self.failure = self.failure or error

    def conclude(self) -> None:
        """Show the rest, since Grok calls the answer complete, and look for signs of loss."""
        if not self._whole:
            self._end_thinking()
        self._show_text(self._answer_filter.close())
        for event in self._references.late():
            self.show(event)
        for event in self._gallery.rest():
            self.show(event)
        if self._gallery.all_moderated:
            self.fail(
                ContentPolicyViolation("Grok moderated what it had made, and shows nothing of it.")
            )
        elif self._gallery.fault and self._gallery.empty:
            self.fail(_not_made(self._gallery.fault))
        elif self._gallery.unfinished:
            self.fail(
                IncompleteAnswer(
                    "Grok began a picture or a video, and its answer ended without it."
                )
            )
        elif not self._visible and self._gallery.empty:
            self.fail(EmptyAnswer("Grok ended its answer in good order, with nothing in it."))


def _not_made(fault: str) -> GrokApiError:
    if "limit" in fault:
        return QuotaExhausted("The Grok account has used up its allowance for pictures.")
    return UpstreamFailure(f"Grok could not make the picture ({cleaned(fault)}).")
