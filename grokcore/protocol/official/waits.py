"""The wait that a refusal of xAI's API names in its headers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..waits import believed_wait

__all__ = ["wait_named"]

_SECONDS = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?\Z")
_SPAN = re.compile(
    r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,9}(?:\.\d{1,9})?)s)?"
    r"(?:(\d{1,9}(?:\.\d{1,9})?)ms)?\Z",
    re.ASCII,
)
_UNITS_S = (86400.0, 3600.0, 60.0, 1.0, 0.001)

_RESET = "x-ratelimit-reset"


def wait_named(headers: Mapping[str, str]) -> float | None:
    """Seconds until a retry makes sense, a day at most; None if the headers don't say.

    A date in ``Retry-After`` is not read: that would take a clock. Of several limits, the one that
    is back last counts; but only those that are used up, where the headers say so.

    :param headers: names in lower case.
    """
    after = _seconds(headers.get("retry-after", ""))
    if after is not None:
        return after
    resets = {
        name.removeprefix(_RESET): seconds
        for name, value in headers.items()
        if name.startswith(_RESET) and (seconds := _seconds(value)) is not None
    }
    used_up = [
        seconds
        for name, seconds in resets.items()
        if headers.get(f"x-ratelimit-remaining{name}", "").strip() == "0"
    ]
    return max(used_up or resets.values(), default=None)


def _seconds(text: str) -> float | None:
    """A number of seconds, or a span such as ``6m0s`` or ``120ms``; None if it is neither."""
    text = text.strip()
    if _SECONDS.match(text):
        return believed_wait(float(text)) if text.strip("0.") else 0.0
    span = _SPAN.match(text) if text else None
    if span is None:
        return None
    parts = zip(span.groups(), _UNITS_S, strict=True)
    return believed_wait(sum(float(number) * unit for number, unit in parts if number))
