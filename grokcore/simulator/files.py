"""Uploads to the simulated Grok, and the posts made of them (grok-protocol.md §1.4, §1.5)."""

from __future__ import annotations

import base64
import uuid
from typing import Any

from attrs import define, field

from . import lines
from .scripts import Script, error

__all__ = ["POST_PATH", "UPLOAD_PATH", "Files"]

UPLOAD_PATH = "/rest/app-chat/upload-file"
POST_PATH = "/rest/media/post/create"

_POST_TYPES = ("MEDIA_POST_TYPE_IMAGE", "MEDIA_POST_TYPE_VIDEO")


@define(eq=False)
class Files:
    """Files and posts, each of one account.

    :ivar contents: uploaded contents, by session token and file id.
    :ivar scripts: answers to uploads by their content, for all accounts.
    :ivar posts: ids of posts, by session token.
    """

    contents: dict[tuple[str, str], bytes] = field(factory=dict)
    posts: set[tuple[str, str]] = field(factory=set)
    scripts: dict[bytes, Script] = field(factory=dict)

    def upload(self, sso: str, body: dict[str, Any]) -> Script:
        """Receive an upload; one sent as a ``data:`` URL, or without its type, is refused."""
        name, kind, content = (body.get(key) for key in ("fileName", "fileMimeType", "content"))
        try:
            data = base64.b64decode(str(content), validate=True)
        except ValueError:
            data = b""
        if not data or not name or "/" not in str(kind):
            return error(400, lines.ERROR_400)
        if data in self.scripts:
            return self.scripts[data]
        file_id = str(uuid.uuid4())
        self.contents[sso, file_id] = data
        return error(
            200,
            {
                "fileMetadataId": file_id,
                "fileMimeType": kind,
                "fileName": name,
                "fileUri": f"users/{lines.USER_ID}/{file_id}/content",
                "parsedFileUri": "",
                "createTime": "2026-03-08T12:00:00.000000000Z",
                "fileSource": "SELF_UPLOAD_FILE_SOURCE",
            },
        )

    def post(self, sso: str, body: dict[str, Any]) -> Script:
        """Make a post, of an uploaded picture or of words."""
        url, prompt = str(body.get("mediaUrl", "")), body.get("prompt", "")
        if body.get("mediaType") not in _POST_TYPES or not (url or prompt):
            return error(400, lines.ERROR_400)
        if url and not any(sso == owner and file_id in url for owner, file_id in self.contents):
            return error(404, lines.ERROR_404_POST)
        post_id = str(uuid.uuid4())
        self.posts.add((sso, post_id))
        return error(
            200,
            {
                "post": {
                    "id": post_id,
                    "mediaType": body["mediaType"],
                    "prompt": prompt,
                    "mediaUrl": url,
                }
            },
        )

    def has_all(self, sso: str, ids: object) -> bool:
        """Whether all files that a chat names are this account's."""
        return isinstance(ids, list) and all((sso, file_id) in self.contents for file_id in ids)
