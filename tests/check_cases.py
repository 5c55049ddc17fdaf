"""What the looks of ``check`` may find."""

from __future__ import annotations

import base64

REAL_STATSIG = base64.b64encode(bytes(range(130, 200))).decode().rstrip("=")
"""Of the form of a browser's: 94 characters, and no text."""

CLEARANCE = "c1eAr4nce" * 5 + "-1790000000-1.2.1.1-" + "x" * 40
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
