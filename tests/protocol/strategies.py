"""Hypothesis strategies for streams, texts with markup and JSON, and for cutting them anywhere."""

from __future__ import annotations

from typing import Any, AnyStr

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from grokcore.simulator import lines
from grokcore.simulator.scripts import answer_lines

__all__ = [
    "answers",
    "chunked",
    "cut_everywhere",
    "json_objects",
    "json_values",
    "marked_up_text",
    "plain_text",
    "stream_bytes",
]


@st.composite
def chunked(draw: DrawFn, whole: AnyStr) -> list[AnyStr]:
    """*whole* in pieces: cut anywhere, empty pieces included."""
    cuts: list[int] = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    return [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


def cut_everywhere(whole: AnyStr) -> list[AnyStr]:
    """*whole* character by character, or byte by byte."""
    return [whole[at : at + 1] for at in range(len(whole))]


plain_text: SearchStrategy[str] = st.text(st.characters(codec="utf-8"), max_size=12)
"""Anything that can be encoded, line separators and emoji included."""

# Numbers as they are on the wire: what int32, int64 and double can hold.
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | plain_text
)

json_values: SearchStrategy[Any] = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain_text, inner, max_size=3),
    max_leaves=8,
)

json_objects: SearchStrategy[dict[str, Any]] = st.dictionaries(plain_text, json_values, max_size=4)

_FRAGMENTS = [
    "<",
    "</",
    ">",
    "/>",
    " ",
    "grok:render",
    "<grok:render",
    "<grok:render>",
    "</grok:render>",
    '<grok:render card_id="92" type="a > b">',
    "<grok:render/>",
    "<grok:renderer>",
    "<GROK:Render\n>",
    "<xaiArtifact title='x'>",
    "</xaiArtifact>",
    "<xai:tool_usage_card>",
    "</xai:tool_usage_card>",
    "<![CDATA[",
    "]]>",
    "<b>",
    "a < b",
    "'",
    '"',
    "text",
    "\u212a<gro\u212a",
]

marked_up_text: SearchStrategy[str] = st.lists(
    st.sampled_from(_FRAGMENTS) | plain_text, max_size=12
).map("".join)
"""Text in which nearly everything is, or looks like, an element of Grok's."""


_thoughts = st.one_of(
    marked_up_text.map(lines.thought),
    plain_text.map(lambda text: lines.thought(text, tag="header")),
    plain_text.map(lines.tool_call),
    plain_text.map(lambda text: lines.search_results("https://example.com/", text)),
)


@st.composite
def answers(draw: DrawFn) -> list[dict[str, Any]]:
    """The objects of a whole answer with something in it, in either envelope."""
    tokens = draw(st.lists(marked_up_text, max_size=6))
    thoughts = draw(st.lists(_thoughts, max_size=4))
    return answer_lines(["Well:", *tokens], thoughts=thoughts, flat=draw(st.booleans()))


@st.composite
def stream_bytes(draw: DrawFn, objects: list[dict[str, Any]]) -> bytes:
    """*objects* in any framing that has been seen: prefixes, ends of line, glue, a missing last
    newline.
    """
    prefix = draw(st.sampled_from([b"", b"data: ", b"data:"]))
    end = draw(st.sampled_from([b"\n", b"\r\n", b"\n\n", b""]))
    whole = end.join(prefix + lines.line(value).rstrip(b"\n") for value in objects)
    return whole + draw(st.sampled_from([b"", end, end + b"data: [DONE]\n\n"]))
