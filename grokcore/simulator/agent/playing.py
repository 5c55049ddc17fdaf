"""Answers of the simulated model as scripts of both lanes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .. import frames, lines
from ..page_socket import Say, SocketScript
from ..page_socket import Step as SocketStep
from ..scripts import CUT, Script, Send, Step, Wait, tokens_of, wrapped
from .pieces import Answer, Break, Cite, Drawn, Pages, Piece, Thought, Words

__all__ = ["over_rest", "over_socket", "socket_script"]


def over_rest(
    answer: Answer, *, question: str = "hello", model: str = "grok-3", pace_s: float = 0.0
) -> Script:
    """The lines of an answer over REST.

    :param pace_s: seconds before each token.
    """
    words = _words(answer)
    head = [
        lines.user_response(question, model),
        lines.ui_layout(),
        lines.llm_info(),
        lines.ui_layout("FUNCTION_CALL"),
    ]
    steps: list[Step] = [_sent({"result": {"conversation": lines.conversation()}})]
    steps += [_sent(wrapped(payload)) for payload in head]
    for piece in answer:
        steps += _rest_steps(piece, pace_s)
    if not _broken(answer):
        drawn = [piece.path for piece in answer if isinstance(piece, Drawn)]
        ends = (
            lines.soft_stop(),
            lines.model_response(words, model, **({"generatedImageUrls": drawn} if drawn else {})),
        )
        steps += [_sent(wrapped(payload)) for payload in ends]
        steps.append(_sent({"result": {"title": lines.title("A title")}}))
    return Script(tuple(steps))


def _sent(value: object) -> Send:
    return Send(lines.line(value))


def _rest_steps(piece: Piece, pace_s: float) -> Iterable[Step]:
    if isinstance(piece, Break):
        return (CUT,)
    return (
        step for payload in _payloads(piece) for step in _paced(_sent(wrapped(payload)), pace_s)
    )


def _payloads(piece: Piece) -> Iterator[dict[str, Any]]:
    """The response-level objects of a piece over REST."""
    match piece:
        case Thought(text):
            yield from map(lines.thought, tokens_of(text))
        case Words(text):
            yield from map(lines.token, tokens_of(text))
        case Pages(_, found):
            yield from (lines.search_results(url, name) for url, name in found)
        case Cite(url):
            yield lines.citation_card(_card_id(url), url)
            yield lines.token(lines.citation(_card_id(url)))
        case Drawn(path):
            for percent in (50, 100):
                yield lines.image_progress(_index(path), percent, path)


def _card_id(url: str) -> str:
    return f"{zlib.crc32(url.encode()):08x}"


def _index(path: str) -> int:
    """The number of a picture within its answer: the last figure of its folder."""
    return int(path.split("/")[-2][-1], 16)


def _paced(step: Send, pace_s: float) -> tuple[Step, ...]:
    return (Wait(pace_s), step) if pace_s else (step,)


def over_socket(
    answer: Answer, *, model: str = "fast", pace_s: float = 0.0
) -> tuple[SocketStep, ...]:
    """The events of an answer over the websocket."""
    begin = [
        frames.response_created(model),
        frames.chunk({"ui_layout": {"reasoning_ui_layout": "UNIFIED"}}, phase=0),
    ]
    steps: list[SocketStep] = [Say(event) for event in begin]
    for piece in answer:
        steps += _socket_steps(piece, pace_s)
    if not _broken(answer):
        steps.append(Say({"type": "response.output_text.done", "response_id": lines.RESPONSE_ID}))
        steps += [Say(frames.done()), Say(frames.response_persisted())]
    return tuple(steps)


def _socket_steps(piece: Piece, pace_s: float) -> Iterable[SocketStep]:
    if isinstance(piece, Break):
        return (CUT,)
    waits = (Wait(pace_s),) if pace_s else ()
    return (step for event in _events(piece) for step in (*waits, Say(event)))


def _events(piece: Piece) -> Iterator[frames.Event]:
    """The events of a piece over the websocket."""
    match piece:
        case Thought(text):
            yield from (frames.text(token, frames.THINKING) for token in tokens_of(text))
        case Words(text):
            yield from map(frames.text, tokens_of(text))
        case Pages(query, found):
            yield frames.tool_call("1", "web_search", query=query)
            yield frames.web_pages("1", *found)
        case Cite(url):
            yield frames.citation(url)
        case Drawn(path):
            for percent in (50, 100):
                yield frames.picture(path, percent)


def socket_script(answer: Answer, **options: object) -> SocketScript:
    """The same as a script; *options* as in :func:`over_socket`."""
    return SocketScript(over_socket(answer, **options))  # type: ignore[arg-type]


def _words(answer: Sequence[Piece]) -> str:
    return "".join(
        lines.citation(_card_id(piece.url)) if isinstance(piece, Cite) else piece.text
        for piece in answer
        if isinstance(piece, Words | Cite)
    )


def _broken(answer: Sequence[Piece]) -> bool:
    return bool(answer) and isinstance(answer[-1], Break)
