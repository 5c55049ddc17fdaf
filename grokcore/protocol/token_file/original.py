"""Accounts of the original project: rows of its database, and the values of its exports, as a list
of entries that :mod:`grokcore.protocol.token_file.reading` understands.

*Python, 2025 and 2026*: ``token.json`` and exports are objects of pools. An entry of 2026 has
``tags``.

*Database of 2026*: a row of the table ``accounts`` has ``token``, ``pool``, ``status``, ``tags`` (a
JSON list) and ``deleted_at``.

*Go*: an export is ``{"provider": "grok_web", "accounts": [{"sso_token": …}]}``, or a list of
accounts with a ``provider`` each. (Read in the project's exports of August 2026.)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..tokens import is_user_id

__all__ = ["entries_of_export", "entries_of_rows"]

_OTHER_PROVIDERS = {
    "grok_build": "a session of Grok Build; the lane [cli] takes one of xAI's own CLI",
    "grok_console": "a session of xAI's console, which is not asked here",
}

_LEFT = object()
"""The mark of a value that is left out."""

_POOLS_OF_OTHERS = ("xai", "_xai")
"""Beginnings of pools in the database that hold sessions of xAI's OAuth."""


def entries_of_rows(rows: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Entries for the rows of the table ``accounts``, and the reason for each that is left."""
    entries: list[dict[str, Any]] = []
    left: list[str] = []
    for row in rows:
        if row.get("deleted_at") is not None:
            left.append("deleted there")
        elif str(row.get("pool") or "").startswith(_POOLS_OF_OTHERS):
            left.append("a session of xAI's OAuth, not of grok.com")
        else:
            entries.append(_with_note({**row, "tags": _json_list(row.get("tags"))}))
    return entries, left


def entries_of_export(value: Any) -> tuple[Any, list[str]]:
    """*value* with notes for tags, without accounts of other providers; and the reason for each
    that is left.
    """
    left: list[str] = []
    return _without_others(value, "", left), left


def _without_others(value: Any, provider: str, left: list[str]) -> Any:
    if isinstance(value, list):
        items = [_without_others(item, provider, left) for item in value]
        return [item for item in items if item is not _LEFT]
    if not isinstance(value, dict):
        return value
    provider = value["provider"] if isinstance(value.get("provider"), str) else provider
    inside = any(isinstance(inner, (list, dict)) for inner in value.values())
    if provider in _OTHER_PROVIDERS and not (inside and "accounts" in value):
        left.append(_OTHER_PROVIDERS[provider])
        return _LEFT
    kept = {key: _without_others(inner, provider, left) for key, inner in value.items()}
    return _with_note({key: inner for key, inner in kept.items() if inner is not _LEFT})


def _with_note(entry: dict[str, Any]) -> dict[str, Any]:
    """*entry* with its tags as a note, and without an id that is no user's."""
    tags = entry.get("tags")
    words = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    if words and not isinstance(entry.get("note"), str):
        entry = {**entry, "note": ", ".join(words)}
    user = entry.get("user_id")
    if isinstance(user, str) and not is_user_id(user):
        entry = {key: inner for key, inner in entry.items() if key != "user_id"}
    return entry


def _json_list(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
