"""An alert as a message for a person."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

from ..upstream_words import cleaned
from .alert import Alert, AlertState
from .kinds import AlertKind

__all__ = ["Message", "Words", "message_of"]

_BEGUN: Mapping[AlertKind, str] = {
    AlertKind.DOWN: "No request can be answered.",
    AlertKind.SESSION_ENDED: "A session at Grok has ended.",
    AlertKind.CHALLENGE: "Grok refuses this server's requests.",
    AlertKind.USED_UP: "The allowance is used up.",
    AlertKind.SPENDING_CAP: "The day's money is spent.",
    AlertKind.FILE: "A file is at fault.",
    AlertKind.LANE: "An official lane is refused.",
    AlertKind.EGRESS: "Grok can't be reached.",
    AlertKind.MODEL: "Requests to a model fail.",
    AlertKind.TEST: "A test alert: this target works.",
}

_MENDED: Mapping[AlertKind, str] = {
    AlertKind.DOWN: "Requests are answered again.",
    AlertKind.SESSION_ENDED: "No session at Grok is at fault any more.",
    AlertKind.CHALLENGE: "Grok does not refuse this server's requests any more.",
    AlertKind.USED_UP: "There is an allowance again.",
    AlertKind.SPENDING_CAP: "Money may be spent again.",
    AlertKind.FILE: "No file is at fault any more.",
    AlertKind.LANE: "No official lane is refused any more.",
    AlertKind.EGRESS: "Grok can be reached again.",
    AlertKind.MODEL: "No model fails any more.",
    AlertKind.TEST: "A test alert: this target works.",
}

_USER_INFO = re.compile(r"(?<=://)[^\s/@]*@")

MASKED_CHARS = 6
"""Shortest secret that is masked; shorter ones may be ordinary words."""


@frozen
class Words:
    """How sentences are put.

    :ivar server: the server's name.
    :ivar say: translates a whole sentence.
    :ivar secrets: texts that no message may hold.
    """

    server: str
    say: Callable[[str], str] = str
    secrets: Sequence[str] = ()


@frozen
class Message:
    """An alert in the words of its reader.

    :ivar title: one line, with the program's and the server's name.
    :ivar subject: models, files, egresses or lanes; may be empty.
    :ivar words: lines of whole sentences; *advice* likewise. Both may be empty.
    """

    alert: Alert
    server: str
    title: str
    subject: str
    words: str
    advice: str

    @property
    def body(self) -> str:
        """Everything but the title; never empty."""
        return "\n".join(filter(None, (self.words, self.advice))) or self.title

    @property
    def text(self) -> str:
        """The whole."""
        return "\n".join(filter(None, (self.title, self.words, self.advice)))


def message_of(alert: Alert, words: Words) -> Message:
    """*alert* as a message."""
    titles = _BEGUN if alert.state is AlertState.BEGUN else _MENDED
    title = f"[grok2api {words.server}] {words.say(titles[alert.kind])}"
    return Message(
        alert,
        words.server,
        title,
        _clean(", ".join(alert.subjects), words),
        "\n".join(_clean(words.say(sentence), words) for sentence in alert.words),
        "\n".join(_clean(words.say(sentence), words) for sentence in alert.advice),
    )


def _clean(text: str, words: Words) -> str:
    """*text* in one line, without anything that is or looks like a secret."""
    for secret in words.secrets:
        if len(secret) >= MASKED_CHARS:
            text = text.replace(secret, "…")
    return cleaned(_USER_INFO.sub("…@", text))
