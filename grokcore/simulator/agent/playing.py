"""Answers of the simulated model as scripts of both lanes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .. import frames, lines
from ..page_socket import Say, SocketScript
from ..page_socket import Step as SocketStep
from ..scripts import CUT, Script, Send, Step, Wait, tokens_of, wrapped
from .pieces import Answer, Break, Piece, Thought, Words

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
        ends = (lines.soft_stop(), lines.model_response(words, model))
        steps += [_sent(wrapped(payload)) for payload in ends]
        steps.append(_sent({"result": {"title": lines.title("A title")}}))
    return Script(tuple(steps))


def _sent(value: object) -> Send:
    return Send(lines.line(value))


def _rest_steps(piece: Piece, pace_s: float) -> Iterable[Step]:
    match piece:
        case Thought(text):
            payloads = [lines.thought(token) for token in tokens_of(text)]
        case Words(text):
            payloads = [lines.token(token) for token in tokens_of(text)]
        case Break():
            return (CUT,)
    return (step for payload in payloads for step in _paced(_sent(wrapped(payload)), pace_s))


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
    channel = frames.THINKING if isinstance(piece, Thought) else frames.ANSWER
    waits = (Wait(pace_s),) if pace_s else ()
    said = (Say(frames.text(token, channel)) for token in tokens_of(piece.text))
    return (step for one in said for step in (*waits, one))


def socket_script(answer: Answer, **options: object) -> SocketScript:
    """The same as a script; *options* as in :func:`over_socket`."""
    return SocketScript(over_socket(answer, **options))  # type: ignore[arg-type]


def _words(answer: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in answer if isinstance(piece, Words))


def _broken(answer: Sequence[Piece]) -> bool:
    return bool(answer) and isinstance(answer[-1], Break)
