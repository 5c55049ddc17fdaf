"""Ways to write or to spoil an answer, each by a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from attrs import evolve

from ..scripts import CUT, HANG
from .answers import Answer, Break, End

__all__ = ["MANNERS"]


def _in(**fields: Any) -> Callable[[Answer], Answer]:
    return lambda answer: evolve(answer, manner=evolve(answer.manner, **fields))


def _ending(end: End) -> Callable[[Answer], Answer]:
    return lambda answer: evolve(answer, end=end)


JUNK = (b'data: {"type": "response.outp\n\n', b"data: [1, 2]\n\n", b"nonsense\n\n", b"\xff\xfe\n\n")

MANNERS: Mapping[str, Callable[[Answer], Answer]] = MappingProxyType(
    {
        "crlf": _in(newline="\r\n"),
        "cr": _in(newline="\r"),
        "unnamed": _in(named=False),
        "unspaced": _in(spaced=False),
        "pretty": _in(pretty=True),
        "comments": _in(comments=True),
        "done_mark": _in(done_mark=True),
        "no_deltas": _in(deltas=False),
        "no_items": _in(items=False),
        "unknown": _in(unknown=True),
        "junk": _in(junk=JUNK),
        "big_line": _in(padding=4_000_000),
        "bytewise": _in(piece=1),
        "glued": _in(glued=True),
        "open_end": _in(open_end=True),
        "gzip": _in(gzip=True),
        "slow": _in(pace_s=0.02),
        "stall": _in(breaks=Break(6, HANG)),
        "stall_at_once": _in(breaks=Break(0, HANG)),
        "cut": _in(breaks=Break(6, CUT)),
        "cut_at_once": _in(breaks=Break(0, CUT)),
        "no_end": _ending(End.NONE),
        "failed": _ending(End.FAILED),
        "error_event": _ending(End.ERROR),
        "incomplete": _ending(End.MAX_OUTPUT_TOKENS),
        "content_filter": _ending(End.CONTENT_FILTER),
        "no_usage": lambda answer: evolve(answer, reports_usage=False),
        "no_cost": lambda answer: evolve(answer, usage={"cost_in_usd_ticks": None}),
        "empty": lambda _: Answer(),
        "thoughts_only": lambda _: Answer(thoughts=("- Hm.",), end=End.NONE),
        "ruined_call": lambda answer: evolve(
            answer, calls=tuple(evolve(call, arguments='{"a": ') for call in answer.calls)
        ),
    }
)
"""Ways to write, or to spoil, an answer."""
