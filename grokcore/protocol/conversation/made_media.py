"""Pictures and videos that xAI's API makes, apart from any conversation."""

from __future__ import annotations

import enum

from attrs import field, frozen

__all__ = ["Drawing", "DrawnPicture", "VideoStage", "VideoState"]


@frozen
class DrawnPicture:
    """A picture of a :class:`Drawing`.

    :ivar url: xAI's address of it; empty if its content came.
    :ivar content: base64; empty if its address came.
    :ivar media_type: of the content, as xAI says; may be empty.
    :ivar prompt: the prompt as xAI revised it; empty if it did not.
    """

    url: str = ""
    content: str = field(default="", repr=False)
    media_type: str = ""
    prompt: str = field(default="", repr=False)


@frozen
class Drawing:
    """The answer to a request for pictures.

    :ivar cost_ticks: what xAI charges for all, in 1e-10 USD; None if it does not say.
    """

    pictures: tuple[DrawnPicture, ...]
    cost_ticks: int | None = None


class VideoStage(enum.Enum):
    """How far a video is."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"


@frozen
class VideoState:
    """A video as xAI describes it.

    :ivar progress: percent.
    :ivar url: xAI's address of the whole video; empty until then, and for a moderated one.
    :ivar duration: seconds; None if it is unknown.
    :ivar moderated: whether it was made and is withheld.
    :ivar fault: xAI's code for a failure; empty without one.
    :ivar words: xAI's words for it.
    :ivar cost_ticks: as in :class:`Drawing`.
    """

    stage: VideoStage
    progress: int = 0
    model: str = ""
    url: str = ""
    duration: int | None = None
    moderated: bool = False
    fault: str = ""
    words: str = ""
    cost_ticks: int | None = None
