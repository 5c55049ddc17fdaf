"""The pictures, videos and files of one answer: their progress, and which are finished or
moderated.

Source of the forms: grok-protocol.md §3.7, §3.8.

Three forms bring them: lines of their own (2025, and image edits since), cards (2026), and the
lists in the modelResponse. A picture that is moderated is not shown, whichever form brings its
address.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import evolve

from ..conversation.events import Activity, Event, File, Picture, Progress, Video
from ..conversation.media import is_picture, parse_data_url, sniff
from .asset_requests import whole_address
from .cards import MOST_ADDRESS_CHARS, Card

__all__ = ["Gallery"]

FINISHED_PERCENT = 100
"""Progress of a picture that will not change any more; before it, previews come under other
addresses.
"""

MOST_FILES = 100

MOST_SHOWN = 32
"""Pictures, videos and files of one answer."""

MOST_INLINE_BYTES = 8 * 1024 * 1024
"""Of all pictures of one answer that come within it, as ``data:`` URLs."""

MOST_SUBJECTS = 500
"""Things of one answer whose progress is followed, and names of moderated ones."""

_SHOWN_OF_A_STATE = 200


class Gallery:
    """See the module.

    :param assets_url: where relative addresses belong, without a slash at its end; empty leaves
        them as they are.
    :ivar fault: why a picture could not be made, in Grok's word; empty if none failed.
    """

    def __init__(self, assets_url: str = "") -> None:
        self.fault = ""
        self._assets_url = assets_url
        self._progress: dict[str, str] = {}
        self._moderated: set[str] = set()
        self._begun = False
        self._inline_left = MOST_INLINE_BYTES
        self._drawn: list[str] = []
        self._files: dict[str, File] = {}
        self._shown: set[str] = set()

    @property
    def empty(self) -> bool:
        """Whether nothing has been shown."""
        return not self._shown

    @property
    def all_moderated(self) -> bool:
        """Whether something was moderated and nothing shown."""
        return bool(self._moderated) and not self._shown

    @property
    def unfinished(self) -> bool:
        """Whether a picture or video was begun, and neither shown nor moderated nor called a
        fault.
        """
        return self._begun and self.empty and not self._moderated and not self.fault

    def note(self, key: str, value: dict[str, Any]) -> list[Event]:
        """A line of progress: of a picture, a video, or a report."""
        self._begun = self._begun or bool(value.get("imageId") or value.get("videoId"))
        events = self._moved(
            f"{key} {value.get('imageId') or value.get('videoId') or value.get('category')}",
            [value.get(name) for name in ("progress", "state", "percentage", "message")],
            value.get("progress"),
        )
        if value.get("moderated") is True:
            self._moderate(value.get(name) for name in ("imageId", "videoId", "imageUrl"))
        elif _is_address(value.get("videoUrl")):
            events += self._show(Video(str(value["videoUrl"])))
        elif _is_address(value.get("imageUrl")) and value.get("progress") == FINISHED_PERCENT:
            self._drawn = [*self._drawn, str(value["imageUrl"])][:MOST_SHOWN]
        return events

    def note_card(self, card: Card) -> list[Event]:
        """A card of a picture that is being made."""
        self._begun = self._begun or card.percent is not None
        events = self._moved(f"card {card.id}", [card.percent, card.url], card.percent)
        if card.moderated:
            self._moderate((card.id, card.url))
        elif card.fault:
            self.fault = card.fault
        elif card.url and card.percent == FINISHED_PERCENT:
            events += self._show(Picture(card.url))
        return events

    def keep_file(self, card: Card) -> None:
        """A file: shown where the text refers to it, else at the end (the recorded card has nothing
        to refer to).
        """
        if card.url and len(self._files) < MOST_FILES:
            self._files[card.url] = File(card.url, card.title)

    def show_file(self, card: Card) -> Event | None:
        """The text refers to this file here; None if it has done so before."""
        return next(iter(self._show(File(card.url, card.title))), None)

    def conclude(self, urls: Any) -> None:
        """The modelResponse's own list, which is the word that counts."""
        if isinstance(urls, list) and urls:
            self._drawn = [url for url in urls if _is_address(url)][:MOST_SHOWN]

    def rest(self) -> list[Event]:
        """Finished pictures, and files, that were not shown yet."""
        fit = [url for url in self._drawn if not any(mark in url for mark in self._moderated)]
        finished: list[Picture | File] = [*map(Picture, fit), *self._files.values()]
        return [shown for event in finished for shown in self._show(event)]

    def _moved(self, subject: str, state: list[object], percent: object) -> list[Event]:
        """Events for news of *subject*, unless its state is the last one that was seen."""
        subject, known = subject[:_SHOWN_OF_A_STATE], str(state)[:_SHOWN_OF_A_STATE]
        if self._progress.get(subject) == known:
            return []
        if subject in self._progress or len(self._progress) < MOST_SUBJECTS:
            self._progress[subject] = known
        whole = isinstance(percent, int | float) and not isinstance(percent, bool)
        return [Progress(max(0, min(100, int(percent))))] if whole else [Activity()]  # type: ignore[call-overload]

    def _moderate(self, names: Iterable[object]) -> None:
        self._moderated |= {str(name)[:MOST_ADDRESS_CHARS] for name in names if name}
        if len(self._moderated) > MOST_SUBJECTS:
            self._moderated = {""}  # a part of every address: from here on nothing is shown

    def _show(self, event: Picture | Video | File) -> list[Event]:
        if event.url in self._shown or len(self._shown) >= MOST_SHOWN:
            return []
        if event.url[:5].lower() == "data:" and not (
            isinstance(event, Picture) and self._fits_inline(event.url)
        ):
            self.fault = "the data in its place is no picture"
            return []
        self._shown.add(event.url)
        return (
            [evolve(event, url=whole_address(event.url, self._assets_url))]
            if self._assets_url
            else [event]
        )

    def _fits_inline(self, url: str) -> bool:
        """Whether a ``data:`` URL holds a picture, whatever it says, and one that there is room
        for.
        """
        try:
            data = parse_data_url(url, most=self._inline_left)
        except ValueError:
            return False
        self._inline_left -= len(data)
        return url.startswith("data:image/") and is_picture(sniff(data))


def _is_address(url: object) -> bool:
    return (
        isinstance(url, str)
        and bool(url)
        and (len(url) <= MOST_ADDRESS_CHARS or url[:5].lower() == "data:")
    )
