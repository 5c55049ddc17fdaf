"""Alerts as messages for a person."""

from __future__ import annotations

import attrs
import pytest

from grokcore.protocol.alerts.alert import AlertState
from grokcore.protocol.alerts.kinds import AlertKind
from grokcore.protocol.alerts.message import Words, message_of

from .messages import BEGUN, MENDED, told


def test_a_message_says_where_what_and_what_to_do() -> None:
    """The name of the program is in it: robots of DingTalk and Feishu ask for a keyword."""
    message = told()
    assert message.title == "[grok2api vps] The allowance is used up."
    assert message.subject == "grok-4, grok-3"
    assert message.text.splitlines() == [
        "[grok2api vps] The allowance is used up.",
        "grok-4 can't be answered now.",
        "grok-3 can't be answered now.",
        "Wait, or add a token.",
    ]
    assert message.body == message.text.partition("\n")[2]


def test_a_message_without_words_has_its_title_as_body() -> None:
    """No service takes an empty one."""
    message = told(MENDED)
    assert message.text == message.body == "[grok2api vps] There is an allowance again."


@pytest.mark.parametrize("state", AlertState)
@pytest.mark.parametrize("kind", AlertKind)
def test_each_kind_has_a_title(kind: AlertKind, state: AlertState) -> None:
    """A whole sentence, which can be translated."""
    title = told(attrs.evolve(BEGUN, kind=kind, state=state)).title
    assert title.endswith((".", ": this target works."))


def test_each_sentence_is_translated_by_itself() -> None:
    """Owners read alerts in their language."""
    seen: list[str] = []
    message_of(BEGUN, Words("vps", say=lambda sentence: seen.append(sentence) or sentence))  # type: ignore[func-returns-value]
    assert seen == ["The allowance is used up.", *BEGUN.words, *BEGUN.advice]


SECRETS = [
    "http://user:canary@proxy.example.com:1",
    "sso=canary-canary",
    "the value canary-value of a setting",
    "eyJcanaryOfAToken.x.y",
    "Bearer canary0123456789abcdef",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_in_a_message(secret: str) -> None:
    """A notification lies on other people's servers, and on a lock screen."""
    alert = attrs.evolve(BEGUN, subjects=(secret,), words=(secret,), advice=(secret,))
    message = message_of(alert, Words("vps", secrets=("", "the", "canary-value")))
    for text in (message.text, message.subject):
        assert "canary" not in text


def test_a_secret_that_is_an_ordinary_word_is_not_masked() -> None:
    """A key of three letters would leave no sentence whole."""
    words = Words("vps", secrets=("can",))
    assert "grok-4 can't be answered now." in message_of(BEGUN, words).text


def test_markup_and_line_ends_of_strangers_are_not_in_a_message() -> None:
    """A sentence is one line; nothing in it is a link or a heading."""
    alert = attrs.evolve(BEGUN, words=("one\r\ntwo <a href=x>three</a>",), advice=())
    assert message_of(alert, Words("vps")).words == "one two three"
