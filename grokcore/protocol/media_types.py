"""Media types of pictures and files, and the extensions of their names.

Grok's pictures, clients' files and the cache share this table. No type in it can hold a program
that a browser would run.
"""

from __future__ import annotations

__all__ = ["EXTENSIONS", "UNKNOWN_TYPE", "extension_of", "media_type_of"]

EXTENSIONS = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/bmp": ".bmp",
    "image/avif": ".avif",
    "image/heic": ".heic",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/quicktime": ".mov",
    "audio/flac": ".flac",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
}

UNKNOWN_TYPE = "application/octet-stream"

# Browsers show no HEIC, and save it as a file of an unknown type.
_TYPES = {extension: media_type for media_type, extension in EXTENSIONS.items()} | {
    ".jpeg": "image/jpeg",
    ".txt": "text/plain; charset=utf-8",
    ".heic": UNKNOWN_TYPE,
}


def extension_of(media_type: str) -> str:
    """Return the extension for a media type, with the dot; empty if the type is not in the table.

    :param media_type: as a server writes it: parameters and capitals don't matter.
    """
    return EXTENSIONS.get(media_type.partition(";")[0].strip().lower(), "")


def media_type_of(name: str) -> str:
    """Return the media type under which a file of this name is served."""
    _, dot, extension = name.rpartition(".")
    return _TYPES.get(dot + extension.lower(), UNKNOWN_TYPE)
