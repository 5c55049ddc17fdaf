"""Questions on which the demo shows something, in English and Chinese.

A question of any other words is echoed, or left to the simulated agent if it has functions.
"""

from __future__ import annotations

import enum
import re
import zlib
from typing import Any

from attrs import frozen

from . import frames, lines
from .agent.pieces import Answer, Break, Cite, Drawn, Pages, Thought, Words

__all__ = [
    "PICTURES",
    "REFUSALS",
    "Refusal",
    "Scene",
    "drawn",
    "moon_is_asked",
    "picture_paths",
    "scene_of",
    "searched",
    "torn",
]

PICTURES = 2


class Scene(enum.Enum):
    """Something that the demo shows.

    Those with *once* meet one attempt; the next one is answered.
    """

    DRAW = "draw"
    SEARCH = "search"
    USED_UP = "used_up"
    ENDED = "ended"
    FAIL_ONCE = "fail_once"
    FAIL = "fail"
    MODERATED = "moderated"
    BREAK_OFF = "break_off"

    @property
    def once(self) -> bool:
        """Whether only one attempt fails, so that the client sees nothing of it."""
        return self in (Scene.USED_UP, Scene.ENDED, Scene.FAIL_ONCE)


_WORDS = {
    Scene.DRAW: r"drawing:|draw\b|edit the attached image|(?:请|给我|帮我|为我)*画",
    Scene.SEARCH: r"search\b|(?:请|给我|帮我|为我)*搜索",
    Scene.USED_UP: r"use up a token\b|用完一个令牌",
    Scene.ENDED: r"end a session\b|结束一个会话",
    Scene.FAIL_ONCE: r"fail once\b|失败一次",
    Scene.FAIL: r"fail\b|失败",
    Scene.MODERATED: r"be moderated\b|触发审核",
    Scene.BREAK_OFF: r"break off\b|中途断开",
}
_PATTERNS = {
    scene: re.compile(rf"\s*(?:{words})", re.IGNORECASE) for scene, words in _WORDS.items()
}


def scene_of(words: str) -> Scene | None:
    """The scene that a question begins with; None for any other question."""
    return next((scene for scene, found in _PATTERNS.items() if found.match(words)), None)


@frozen
class Refusal:
    """Grok's refusal, on either lane.

    :ivar kind: the word for it in the websocket.
    """

    status: int
    body: dict[str, Any]
    kind: str
    message: str

    @property
    def events(self) -> tuple[frames.Event, ...]:
        """The events of it over the websocket."""
        return (
            frames.stream_error(self.kind, self.message),
            frames.done("failed", "stream_error"),
        )


_INTERNAL = {"error": {"code": 13, "message": "Internal", "details": []}}
_BROKEN = Refusal(500, _INTERNAL, "internal", "Internal")

REFUSALS = {
    Scene.USED_UP: Refusal(429, lines.ERROR_429, "usageLimitReached", "You reached your limit"),
    Scene.ENDED: Refusal(401, lines.ERROR_401, "unauthenticated", "Failed to look up session ID."),
    Scene.FAIL_ONCE: _BROKEN,
    Scene.FAIL: _BROKEN,
    Scene.MODERATED: Refusal(403, lines.ERROR_403_MODERATED, "moderated", "rejected"),
}


def searched(words: str) -> Answer:
    """An answer from a search with three pages, two of them cited."""
    topic = re.sub(r"(?i)^\s*search(?: the web)?(?: for)?|^.*?搜索", "", words).strip(" 。.?？")
    topic = topic or "grok"
    pages = tuple(
        (f"https://example.com/{name}", f"{title}: {topic}")
        for name, title in (("news", "News"), ("encyclopedia", "Encyclopedia"), ("forum", "Forum"))
    )
    (news, _), (encyclopedia, _), _ = pages
    return (
        Thought(f"Searching the web for {topic}. "),
        Pages(topic, pages),
        Thought("Three pages have something on it."),
        Words(f"This is a simulated Grok, and this is what it found about {topic}: there is news"),
        Cite(news),
        Words(", and an article that explains it"),
        Cite(encyclopedia),
        Words("."),
    )


def drawn(words: str, count: int = PICTURES) -> Answer:
    """An answer with pictures, whose paths are those of :func:`picture_paths`."""
    return (Words("Here they are."), *map(Drawn, picture_paths(words, count)))


def picture_paths(words: str, count: int = PICTURES) -> list[str]:
    """Paths of the pictures for a question; other words have other pictures."""
    night = "moon" if moon_is_asked(words) else "sun"
    seed = f"{zlib.crc32(words.encode()):08x}"
    folder = f"users/{lines.USER_ID}/generated/{night}-{seed}"
    return [f"{folder}-{index:x}/image.png" for index in range(count)]


def moon_is_asked(words: str) -> bool:
    """Whether a question or a path is about the moon."""
    return bool(re.search(r"(?i)moon|月|night|夜", words))


def torn() -> Answer:
    """An answer that breaks off in its middle."""
    return (Words("This answer of the simulated Grok breaks off in the mid"), Break())
