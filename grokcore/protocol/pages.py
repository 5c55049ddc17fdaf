"""Web pages in place of an upstream's answer: how they differ from its own refusals."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["PAGE_MARKERS", "REFUSAL_BODY_BYTES", "is_challenge", "is_html"]

REFUSAL_BODY_BYTES = 64 * 1024
"""How much of a refusal's body is read. A challenge page is about 11 kB, everything else under 1
kB.
"""

PAGE_MARKERS = re.compile(
    rb"just a moment|challenge-platform|__cf_chl|attention required|not available in your region",
    re.IGNORECASE,
)
"""Words of pages of Cloudflare, and of region blocks."""


def is_html(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a response is a page. *headers* have lower-case names."""
    return "text/html" in headers.get("content-type", "").lower() or body.lstrip()[:1] == b"<"


def is_challenge(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a page is a challenge, or a region block, and not just any page. *headers* have
    lower-case names.
    """
    return "cf-mitigated" in headers or PAGE_MARKERS.search(body[:REFUSAL_BODY_BYTES]) is not None
