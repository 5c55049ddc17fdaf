"""Pictures, videos and uploaded files of the simulated API."""

from __future__ import annotations

import base64
import email.parser
import email.policy
from typing import Any

from attrs import define, field, frozen

from ..assets import jpeg, mp4
from ..scripts import Script, Send, error
from .catalogue import CREATED, PICTURE_TICKS, SECOND_TICKS
from .failures import invalid, not_found

__all__ = ["Media", "StoredFile", "VideoJob", "stored_asset"]

MOST_PICTURES = 10
MOST_REFERENCES = 5


@frozen
class StoredFile:
    """An uploaded file."""

    id: str
    name: str
    purpose: str
    data: bytes = field(repr=False)

    def described(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.data),
            "created_at": CREATED,
            "expires_at": None,
            "filename": self.name,
            "purpose": self.purpose,
        }


@define
class VideoJob:
    """A video that is made.

    :ivar polls: questions that are answered with "pending" before its end.
    :ivar end: ``done``, ``failed``, ``expired`` or ``moderated``.
    :ivar charged: whether its cost has been counted.
    """

    id: str
    model: str
    duration: int
    polls: int
    end: str
    charged: bool = False

    def charge(self) -> int:
        """The cost of the video in ticks, the first time; 0 after that."""
        ticks = 0 if self.charged else self.duration * SECOND_TICKS
        self.charged = True
        return ticks


@define
class Media:
    """All media so far, and how new ones come.

    :ivar video_polls: questions about a new video that are answered with "pending".
    :ivar video_end: the end of new videos.
    """

    files: dict[str, StoredFile] = field(factory=dict)
    videos: dict[str, VideoJob] = field(factory=dict)
    video_polls: int = 2
    video_end: str = "done"
    _count: int = 0

    def upload(self, content_type: str, body: bytes) -> Script:
        """Store a file of a form with ``file`` and ``purpose``."""
        if not content_type.startswith("multipart/form-data"):
            return error(415, "Invalid `boundary` for `multipart/form-data` request")
        parts = _form(content_type, body)
        if "file" not in parts:
            return invalid("A file is required.")
        name, data = parts["file"]
        purpose = parts.get("purpose", ("", b"assistants"))[1].decode()
        stored = StoredFile(f"file_{self._next()}", name, purpose, data)
        self.files[stored.id] = stored
        return error(200, stored.described())

    def about_file(self, file_id: str, *, delete: bool) -> Script:
        """The description of a stored file, or its end."""
        stored = self.files.get(file_id)
        if stored is None:
            return not_found(f"No file {file_id}.")
        if delete:
            del self.files[file_id]
            return error(200, {"id": file_id, "object": "file", "deleted": True})
        return error(200, stored.described())

    def pictures(self, body: dict[str, Any], base: str, *, edit: bool) -> tuple[Script, int]:
        """Pictures for a prompt, and their cost in ticks."""
        count = body.get("n") or 1
        given = body.get("images") or ([body["image"]] if body.get("image") else [])
        if not body.get("prompt"):
            return invalid("A prompt is required."), 0
        if not 1 <= count <= MOST_PICTURES:
            return invalid(f"n must be between 1 and {MOST_PICTURES}."), 0
        if edit and not 1 <= len(given) <= MOST_REFERENCES:
            return invalid(f"An edit needs 1 to {MOST_REFERENCES} images."), 0
        if any("file_id" in one and one["file_id"] not in self.files for one in given):
            return not_found("No such file."), 0
        data = [
            self._picture(base, inline=body.get("response_format") == "b64_json")
            for _ in range(count)
        ]
        ticks = count * PICTURE_TICKS
        return error(200, {"data": data, "usage": {"cost_in_usd_ticks": ticks}}), ticks

    def begin_video(self, body: dict[str, Any], end: str = "") -> Script:
        """Begin a video.

        :param end: its end, if not that of all new videos.
        """
        if not body.get("prompt"):
            return invalid("A prompt is required.")
        job = VideoJob(
            self._next(),
            str(body.get("model", "grok-imagine-video")),
            int(body.get("duration") or 6),
            self.video_polls,
            end or self.video_end,
        )
        self.videos[job.id] = job
        return error(200, {"request_id": job.id})

    def about_video(self, job_id: str, base: str) -> tuple[Script, int]:
        """How a video stands, and what it costs by this answer, in ticks."""
        job = self.videos.get(job_id)
        if job is None:
            return not_found(f"No video {job_id}."), 0
        if job.polls > 0:
            job.polls -= 1
            told = {"status": "pending", "model": job.model, "progress": 90 // (job.polls + 1)}
            return error(202, told), 0
        if job.end in {"failed", "expired"}:
            why = {"code": "internal_error", "message": "The video could not be made."}
            failure = {"error": why} if job.end == "failed" else {}
            return error(200, {"status": job.end, "model": job.model} | failure), 0
        moderated = job.end == "moderated"
        film = {
            "url": "" if moderated else f"{base}/assets/{job.id}.mp4",
            "duration": job.duration,
            "respect_moderation": not moderated,
        }
        cost = {"usage": {"cost_in_usd_ticks": job.duration * SECOND_TICKS}}
        told = {"status": "done", "video": film, "model": job.model, "progress": 100} | cost
        return error(200, told), job.charge()

    def _picture(self, base: str, *, inline: bool) -> dict[str, Any]:
        where: dict[str, Any] = {"url": f"{base}/assets/{self._next()}.jpg"}
        if inline:
            where = {"b64_json": base64.b64encode(jpeg()).decode()}
        return where | {"mime_type": "image/jpeg", "revised_prompt": ""}

    def _next(self) -> str:
        self._count += 1
        return f"{self._count:08x}-1111-4000-8000-000000000000"


def stored_asset(path: str) -> Script:
    """The bytes of a picture or a video; nobody has to sign in."""
    for ending, make, kind in ((".jpg", jpeg, "image/jpeg"), (".mp4", mp4, "video/mp4")):
        if path.endswith(ending):
            return Script((Send(make()),), headers=(("content-type", kind),))
    return error(404, {"code": "not-found", "error": "No such asset."})


def _form(content_type: str, body: bytes) -> dict[str, tuple[str, bytes]]:
    """The fields of a form, each with its file name and its bytes."""
    head = f"content-type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    found = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True)
        found[str(name)] = (part.get_filename() or "", data if isinstance(data, bytes) else b"")
    return found
