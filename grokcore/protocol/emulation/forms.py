"""The written form of calls: elements with a prefix that occurs nowhere else in a request.

No other text holds the prefix. So nothing that the client quotes can begin or end a call, and
values are written raw.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from attrs import frozen

from .values import written_value

__all__ = [
    "DEFAULT_WORDS",
    "JSON_WORDS",
    "RAW_KEY",
    "WORDS",
    "CallForm",
    "CallWords",
    "free_prefix",
    "render_call",
]

RAW_KEY = "input"
"""The argument that holds the raw text of a custom tool."""

_STEM = "fn"

_PREFIX_IN_TAG = re.compile(rf"{_STEM}(\d*):")
"""A prefix; what stands before it decides whether it is in a tag."""

_BEFORE_PREFIX = re.compile(r"(?:<|\\u003[cC]|&lt;)\s*\\?/?\s*\Z")
"""The beginning of a tag, also as JSON or HTML writes it."""

_LONGEST_BEFORE = 12


@frozen
class CallWords:
    """Local names of the elements: of a call, and of one of its arguments."""

    call: str
    arg: str

    @property
    def in_json(self) -> bool:
        """Whether a call is one JSON object in an element without a prefix."""
        return not self.arg


WORDS: Mapping[str, CallWords] = {
    "call": CallWords("call", "arg"),
    # Grok's own names for its own tools, in our namespace (its prompts of 2025 and 2026).
    "function_call": CallWords("function_call", "parameter"),
}
"""The forms that the owner can choose from, by name."""

DEFAULT_WORDS = "call"

JSON_WORDS = CallWords("tool_call", "")
"""The form of Hermes and Qwen models, to compare with. Owners can't choose it: a text that the
client quotes may hold such an element.
"""


@frozen
class CallForm:
    """The form of all calls of one question: ``<fn:call name="…"><fn:arg name="…">…``.

    :ivar prefix: ``fn``, or ``fn2`` and so on; it occurs nowhere else in the question.
    :ivar quoted: names of foreign elements that the question holds; they are no calls.
    """

    prefix: str = _STEM
    words: CallWords = WORDS[DEFAULT_WORDS]
    quoted: frozenset[str] = frozenset()

    @property
    def call_tag(self) -> str:
        """The name of a call's element."""
        return self.words.call if self.words.in_json else f"{self.prefix}:{self.words.call}"


def free_prefix(texts: Collection[str], *, secret: bool = False) -> str:
    """The first of ``fn``, ``fn2``, … that begins no tag in any of *texts*.

    :param secret: choose one that only a reader of all *texts* could name. Grok may read pages
        then that are not among them, and their authors must not know it.
    """
    taken = {number for text in texts for number in _numbers_in_tags(text)}
    if "" not in taken and not secret:
        return _STEM
    number = _number_of(texts) if secret else 2
    while str(number) in taken:
        number += 1
    return f"{_STEM}{number}"


def _number_of(texts: Iterable[str]) -> int:
    """A number of five digits that follows from all *texts*."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return 10_000 + int.from_bytes(digest.digest()[:8]) % 90_000


def _numbers_in_tags(text: str) -> Iterable[str]:
    for found in _PREFIX_IN_TAG.finditer(text):
        before = text[max(0, found.start() - _LONGEST_BEFORE) : found.start()]
        if _BEFORE_PREFIX.search(before):
            yield found.group(1)


def render_call(form: CallForm, name: str, arguments: Mapping[str, Any] | str) -> str:
    """A call as the model writes it, for prompts.

    :param name: with its namespace.
    :param arguments: a JSON object; the raw text of a custom tool is written as :data:`RAW_KEY`.
    """
    written = {RAW_KEY: arguments} if isinstance(arguments, str) else arguments
    tag = form.call_tag
    if form.words.in_json:
        value = json.dumps({"name": name, "arguments": written}, ensure_ascii=False)
        return f"<{tag}>\n{value}\n</{tag}>"
    lines = [_opening(tag, name)]
    lines += (_argument(form, key, value) for key, value in written.items())
    return "\n".join([*lines, f"</{tag}>"])


def _argument(form: CallForm, key: str, value: Any) -> str:
    tag = f"{form.prefix}:{form.words.arg}"
    return f"{_opening(tag, key)}{written_value(value, key)}</{tag}>"


def _opening(tag: str, name: str) -> str:
    return f'<{tag} name="{html.escape(name)}">'
