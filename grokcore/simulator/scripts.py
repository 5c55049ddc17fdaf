"""Scripts of the simulated Grok: the steps of its response to one request.

The builders make whole answers. The helpers at the end make them nasty (grok-protocol.md §7): cut
anywhere, glued, without their last newline, stalled, broken off, compressed.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from attrs import evolve, frozen

from . import lines

__all__ = [
    "CUT",
    "HANG",
    "Cut",
    "Script",
    "Send",
    "Step",
    "Wait",
    "answer",
    "answer_lines",
    "error",
    "gzipped",
    "paced",
    "page",
    "play_lines",
    "recut",
    "tokens_of",
    "trace",
    "wrapped",
]


@frozen
class Send:
    """Write these bytes, as one piece."""

    data: bytes


@frozen
class Wait:
    """Pause for some seconds; infinity waits until the client gives up."""

    seconds: float


@frozen
class Cut:
    """Break the connection off, without the end of the response."""


HANG = Wait(math.inf)
CUT = Cut()

Step: TypeAlias = Send | Wait | Cut


@frozen
class Script:
    """A response.

    :ivar before: seconds before the head is sent.
    """

    steps: tuple[Step, ...]
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    before: float = 0.0

    @property
    def body(self) -> bytes:
        """All bytes that are sent."""
        return b"".join(step.data for step in self.steps if isinstance(step, Send))


def tokens_of(text: str) -> list[str]:
    """*text* in pieces like Grok's: a word with the space before it, or some CJK characters."""
    pieces: list[str] = []
    for char in text:
        starts = char == " " or (ord(char) > 0x2E80 and (not pieces or len(pieces[-1]) > 1))
        if starts or not pieces:
            pieces.append(char)
        else:
            pieces[-1] += char
    return pieces


def trace(user_agent: str, ip: str = "127.0.0.1") -> Script:
    """Cloudflare's description of a client: lines of ``name=value``, as under ``/cdn-
    cgi/trace``.
    """
    described = {
        "fl": "1f1",
        "h": "grok.com",
        "ip": ip,
        "ts": "1790000000.000",
        "visit_scheme": "https",
        "uag": user_agent,
    }
    described |= {
        "colo": "SIM",
        "sliver": "none",
        "http": "http/2",
        "loc": "XX",
        "tls": "TLSv1.3",
        "warp": "off",
    }
    text = "".join(f"{name}={value}\n" for name, value in described.items())
    return Script((Send(text.encode()),), headers=(("content-type", "text/plain"),))


def wrapped(payload: dict[str, Any], *, flat: bool = False) -> dict[str, Any]:
    """A response-level object in its envelope: that of a new conversation, or the flat one of a
    follow-up.
    """
    return {"result": payload if flat else {"response": payload}}


def answer_lines(
    tokens: Sequence[str],
    *,
    question: str = "hello",
    model: str = "grok-3",
    thoughts: Iterable[dict[str, Any]] = (),
    flat: bool = False,
    message: str | None = None,
    final: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """The objects of a whole answer, in the recorded order.

    :param thoughts: response-level objects that come before the answer.
    :param message: the modelResponse's text, if it is not the tokens joined.
    :param final: further fields of the modelResponse.
    """
    whole = "".join(tokens) if message is None else message
    payloads = [
        lines.user_response(question, model),
        lines.ui_layout(),
        lines.llm_info(),
        lines.ui_layout("FUNCTION_CALL"),
        *thoughts,
        *map(lines.token, tokens),
        lines.soft_stop(),
        lines.model_response(whole, model, **(final or {})),
    ]
    objects = [wrapped(payload, flat=flat) for payload in payloads]
    if flat:
        return objects
    return [
        {"result": {"conversation": lines.conversation()}},
        *objects,
        {"result": {"title": lines.title("A title")}},
    ]


def play_lines(objects: Iterable[object], **changes: Any) -> Script:
    """A script that sends each object as a line of its own."""
    return Script(tuple(Send(lines.line(value)) for value in objects), **changes)


def answer(text: str, **options: Any) -> Script:
    """A whole, well-behaved answer; *options* as in :func:`answer_lines`."""
    return play_lines(answer_lines(tokens_of(text), **options))


def video(url: str, *, seconds: float = 0.0, moderated: bool = False) -> Script:
    """A video as it came in 2025: progress with heartbeats between, the url with the last, then a
    line of text.

    :param seconds: between two reports of progress.
    """
    objects: list[object] = [
        wrapped(lines.user_response("", "grok-3")),
        *[wrapped(lines.empty())] * 3,
    ]
    for percent in (1, 13, 46, 95, 100):
        last = percent == 100
        report = lines.video_progress(
            percent, url=url if last else "", moderated=moderated and last
        )
        objects += [wrapped(report), wrapped(lines.empty())]
    tail = [*map(lines.token, tokens_of("I generated a video")), lines.soft_stop()]
    said = lines.model_response("I generated a video", "grok-3")
    objects += map(wrapped, [*tail, lines.empty(), said])
    return paced(play_lines(objects), seconds)


def drawing(
    urls: Sequence[str], *, said: str = "I generated images.", seconds: float = 0.0
) -> Script:
    """Pictures as they came in 2025: previews under other addresses, then the whole ones, and a
    list of them at the end.

    :param seconds: between two reports of progress.
    """
    objects: list[object] = [
        wrapped(lines.user_response("", "grok-3")),
        wrapped(lines.image_count(len(urls))),
    ]
    for percent in (50, 100):
        for index, url in enumerate(urls):
            shown = url if percent == 100 else url.replace("/image.", "-part-0/image.")
            objects.append(wrapped(lines.image_progress(index, percent, shown)))
    tail = [*map(lines.token, tokens_of(said)), lines.soft_stop()]
    objects += map(
        wrapped, [*tail, lines.model_response(said, "grok-3", generatedImageUrls=list(urls))]
    )
    return paced(play_lines(objects), seconds)


def error(status: int, body: object, headers: tuple[tuple[str, str], ...] = ()) -> Script:
    """A refusal in JSON."""
    return Script(
        (Send(json.dumps(body).encode()),), status, (("content-type", "application/json"), *headers)
    )


def page(status: int = 403, html: str = lines.PAGE_CHALLENGE) -> Script:
    """An HTML page in the place of JSON."""
    steps = (Send(html.encode()),) if html else ()
    return Script(
        steps, status, (("content-type", "text/html; charset=UTF-8"), ("server", "cloudflare"))
    )


# Nastiness --------------------------------------------------------------------------------------


def recut(script: Script, sizes: Iterator[int]) -> Script:
    """The same bytes in pieces of other *sizes*; waits and cuts stay behind the bytes they were
    behind.
    """
    steps: list[Step] = []
    for step in script.steps:
        if not isinstance(step, Send):
            steps.append(step)
            continue
        rest = step.data
        while rest:
            size = max(1, next(sizes))
            steps.append(Send(rest[:size]))
            rest = rest[size:]
    return evolve(script, steps=tuple(steps))


def paced(script: Script, seconds: float) -> Script:
    """The same, with a pause before every piece."""
    return evolve(
        script, steps=tuple(step for send in script.steps for step in (Wait(seconds), send))
    )


def gzipped(script: Script) -> Script:
    """The same, compressed; every piece is flushed, so that it can be read when it arrives."""
    squeeze = zlib.compressobj(wbits=31)
    steps: list[Step] = [
        Send(squeeze.compress(step.data) + squeeze.flush(zlib.Z_SYNC_FLUSH))
        if isinstance(step, Send)
        else step
        for step in script.steps
    ]
    steps.append(Send(squeeze.flush()))
    return evolve(
        script, steps=tuple(steps), headers=(*script.headers, ("content-encoding", "gzip"))
    )
