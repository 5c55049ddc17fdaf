"""The form of a measured token: its stream's number and the time of sending, in its text.

``CLOCK_MONOTONIC`` is the same for all processes of a machine, so a reader of a token can compute
its age.
"""

from __future__ import annotations

import re
import time

__all__ = ["PARAMETERS", "TOKEN", "now", "token_text"]

TOKEN = re.compile(rb'"(?:content|token)":" s(\d+) t(\d+\.\d+)"')
"""A token in a Grok line or in a client's event: ``(stream, sent)``."""

PARAMETERS = re.compile(r"\{.*\}", re.DOTALL)
"""The request to the measured servers, in a question's text: a JSON object."""


def now() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def token_text(stream: int, sent: float) -> str:
    """A token's text: always of the same length, so that everything around it can be rendered
    beforehand.
    """
    return f" s{stream:05d} t{sent:017.6f}"
