"""Events as pieces of ``content`` and ``reasoning_content``, with the annotations and the token
count that belong to them.

Rules
-----
1. Hidden thinking leaves no trace in either field, nor do tools, searches and progress then.
2. Reasoning comes before content. Tools and searches after the answer's first text are not shown.
3. An annotation is complete, or it is not there: clients fail on incomplete ones.
"""

from __future__ import annotations

import enum
import html
import re
from collections.abc import Iterable, Iterator
from typing import Any, assert_never
from urllib.parse import quote

from attrs import frozen

from ..conversation.events import (
    Cited,
    Event,
    File,
    Finished,
    Found,
    FoundPicture,
    KeptPicture,
    Picture,
    Progress,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolUse,
    Used,
    Video,
)
from ..conversation.usage import TokenEstimate, Usage

__all__ = ["Renderer", "Style", "ThinkingStyle"]

SHOWN_SOURCES = 20
"""Pages of one search that are listed in the reasoning."""


class ThinkingStyle(enum.Enum):
    """Where Grok's thinking goes."""

    HIDDEN = "hidden"
    REASONING_CONTENT = "reasoning_content"
    THINK_TAGS = "think_tags"


@frozen
class Style:
    """How an answer is shown.

    :ivar citations: whether cited sources are marked ``[n]`` in the text.
    :ivar links: whether such a mark is a Markdown link to its source, as in xAI's own API
        (``[[1]](https://…)``).
    """

    thinking: ThinkingStyle
    citations: bool = True
    links: bool = False


class Renderer:
    """The state of one answer. *prompt_tokens* is the estimate for its question.

    :ivar calls: the calls of the client's tools so far; no piece shows them.
    :ivar reported: the upstream's own count of the answer; None until it reports one.
    """

    def __init__(self, style: Style, prompt_tokens: int) -> None:
        self._style = style
        self._prompt_tokens = prompt_tokens
        self._answer = TokenEstimate()
        self._reasoning = TokenEstimate()
        self._think_tag_open = False
        self._mid_line = False
        self._answering = False
        self._after_media = False
        self._length = 0
        self._marks: list[tuple[Source, int, int]] = []
        self._found: dict[str, Source] = {}
        self.calls: list[ToolCall] = []
        self.reported: Usage | None = None

    def pieces(self, events: Iterable[Event]) -> Iterator[tuple[str, str]]:
        """``(field, text)`` for each event that shows something."""
        for event in events:
            match event:
                case Text(text):
                    self._answer.add(text)
                    yield self._content(self._apart(text))
                case Thinking(text):
                    self._reasoning.add(text)
                    yield from self._thought(text)
                case Cited(number, source) if self._style.citations:
                    yield self._cited(number, source)
                case Finished() if self._think_tag_open:
                    yield self._content("")
                case ToolCall():
                    yield from self._called(event)
                case Found() | ToolUse() | Progress():
                    yield from self._work(event)
                case Used(usage):
                    self.reported = usage
                case Picture() | KeptPicture() | Video() | FoundPicture() | File():
                    yield self._content(self._gap() + self._shown(event))
                    self._after_media = True

    def plain(self, text: str) -> bool:
        """The short way of :meth:`pieces` for one text: whether it is shown as it is; it counts
        then.
        """
        if self._think_tag_open or self._after_media:
            return False
        self._answer.add(text)
        self._answering = True
        self._length += len(text)
        return True

    def close_think_tag(self) -> str:
        """The text that closes ``content`` before an error ends the answer; may be empty."""
        return self._content("")[1] if self._think_tag_open else ""

    def usage(self) -> dict[str, Any]:
        """OpenAI's usage object: the upstream's figures, or else an estimate.

        Hidden thinking counts in an estimate too, since Grok produced it.
        """
        if self.reported is not None:
            return _usage_object(self.reported)
        reasoning = self._reasoning.tokens
        completion = self._answer.tokens + reasoning
        return {
            "prompt_tokens": self._prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self._prompt_tokens + completion,
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        }

    def annotations(self) -> list[dict[str, Any]]:
        """OpenAI's ``url_citation`` annotations: the places that cite, then pages that a search
        found and no place cites.

        The latter stand at the end of the text, with no length.
        """
        marks = list(self._marks)
        cited = {source.url for source, _, _ in marks}
        marks += [
            (source, self._length, self._length)
            for source in self._found.values()
            if source.url not in cited
        ]
        return [
            {
                "type": "url_citation",
                "url_citation": {
                    "url": source.url,
                    "title": source.title or source.url,
                    "start_index": start,
                    "end_index": end,
                },
            }
            for source, start, end in marks
        ]

    # Content -------------------------------------------------------------------------------------

    def _content(self, text: str) -> tuple[str, str]:
        self._answering = True
        if self._think_tag_open:
            self._think_tag_open = False
            text = f"\n</think>\n\n{text}"
        self._length += len(text)
        return "content", text

    def _called(self, call: ToolCall) -> Iterator[tuple[str, str]]:
        """Note *call*. What closes the thinking stands before it."""
        self.calls.append(call)
        self._answer.add(call.name)
        self._answer.add(call.arguments)
        if self._think_tag_open:
            yield self._content("")

    def _cited(self, number: int, source: Source) -> tuple[str, str]:
        mark = f"[{number}]"
        if self._style.links:
            mark = f"[{mark}]({_address(source.url)})"
        field, text = self._content(mark)
        self._marks.append((source, self._length - len(mark), self._length))
        return field, text

    def _apart(self, text: str) -> str:
        """Text that follows a picture begins a paragraph of its own."""
        gap = "\n\n" if self._after_media and not text.startswith("\n") else ""
        self._after_media = False
        return gap + text

    def _gap(self) -> str:
        return "\n\n" if self._answering else ""

    def _shown(self, event: Picture | KeptPicture | Video | FoundPicture | File) -> str:
        match event:
            case Picture(url):
                return f"![image]({_address(url)})"
            case KeptPicture(url, origin):
                return f"[![image]({_address(url)})]({_address(origin)})"
            case Video(url):
                address = _address(url)
                # Open WebUI plays the element's text; browsers play its src, and show the text if
                # they can't.
                return (
                    f'[video]({address})\n\n<video src="{_html(address)}" '
                    f"controls>{_html(address)}</video>"
                )
            case FoundPicture(url, title, link):
                picture = f"![{_label(title) or 'image'}]({_address(url)})"
                return (
                    f"[{picture}]({_address(link)})"
                    if link.startswith(("https://", "http://"))
                    else picture
                )
            case File(url, name):
                return f"[{_label(name) or 'file'}]({_address(url)})"
            case _ as never:
                assert_never(never)

    # Reasoning -----------------------------------------------------------------------------------

    def _work(self, event: Found | ToolUse | Progress) -> Iterator[tuple[str, str]]:
        """The lines for a search, a tool or progress, among the reasoning."""
        match event:
            case Found(sources):
                for source in sources:
                    self._found.setdefault(source.url, source)
                lines = [
                    f"- [{_label(source.title) or source.url}]({_address(source.url)})"
                    for source in sources[:SHOWN_SOURCES]
                ]
            case ToolUse(name, detail):
                lines = [f"[{name.replace('_', ' ')}{': ' if detail else ''}{detail}]"]
            case Progress(percent):
                lines = [f"{percent} %"]
            case _ as never:
                assert_never(never)
        if not self._answering:
            gap = "\n" if self._mid_line else ""
            yield from self._thought(gap + "\n".join(lines) + "\n")

    def _thought(self, text: str) -> Iterator[tuple[str, str]]:
        self._mid_line = not text.endswith("\n")
        match self._style.thinking:
            case ThinkingStyle.REASONING_CONTENT:
                yield "reasoning_content", text
            case ThinkingStyle.THINK_TAGS:
                opening = "" if self._think_tag_open else "<think>\n"
                self._think_tag_open = True
                self._length += len(opening) + len(text)
                yield "content", opening + text


def _usage_object(usage: Usage) -> dict[str, Any]:
    """Reported figures as OpenAI's usage object, with the two that only xAI has."""
    xais = {
        "cost_in_usd_ticks": usage.cost_ticks,
        "num_server_side_tools_used": usage.searches or None,
    }
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        **{name: value for name, value in xais.items() if value is not None},
    }


_NOT_IN_ADDRESSES = re.compile(r"[\s\0-\x1f\x7f()<>\"'`\\]")
_MARKS = re.compile(r"[\\`<]|&(?=#?\w{1,40};)")


def _address(url: str) -> str:
    """*url* as it may stand in Markdown's parentheses, and behind them in an attribute of HTML."""
    if url.startswith("data:"):
        return url
    return _NOT_IN_ADDRESSES.sub(lambda found: quote(found[0], safe=""), url.strip())


def _label(text: str) -> str:
    """*text* as it may stand in Markdown's brackets, where none of its characters is a mark."""
    plain = " ".join(text.replace("[", "(").replace("]", ")").split())
    return _MARKS.sub(r"\\\g<0>", plain)


def _html(url: str) -> str:
    """*url*, which went through :func:`_address`, as it may stand in an attribute or as text of
    HTML.
    """
    return html.escape(url)
