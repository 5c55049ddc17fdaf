"""The version of xAI's CLI: from ``grok --version``, or from the file ``version.json``.

The CLI prints ``grok 1.0.30 (04b7ffed98c6)``, perhaps with a channel behind. The file lies beside
``auth.json``; its ``version`` is the installed one, its ``stable_version`` the newest one
(xai-org/grok-build, ``update/src/version.rs``, read 2026-11).
"""

from __future__ import annotations

import re

from ..lenient_json import loads
from .moments import object_of

__all__ = ["parse_version_file", "parse_version_output"]

MOST_OUTPUT_BYTES = 2000

_SEMVER = r"[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}(?:-[0-9A-Za-z][0-9A-Za-z.-]{0,40})?"
_IN_TEXT = re.compile(rf"(?<![\w.-])v?({_SEMVER})(?![\w.])")
_ALONE = re.compile(rf"v?({_SEMVER})(?:\+[0-9A-Za-z.-]{{1,40}})?")


def parse_version_output(data: bytes) -> str:
    """The first version (``1.0.30``) that *data* names; empty if it names none."""
    found = _IN_TEXT.search(data[:MOST_OUTPUT_BYTES].decode("utf-8", "replace"))
    return found[1] if found else ""


def parse_version_file(data: bytes) -> str:
    """The installed version in a file ``version.json``; empty if it has none."""
    try:
        version = object_of(loads(data)).get("version")
    except ValueError:
        return ""
    found = _ALONE.fullmatch(version.strip()) if isinstance(version, str) else None
    return found[1] if found else ""
