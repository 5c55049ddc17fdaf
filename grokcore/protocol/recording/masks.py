"""Text and ids made unreadable one character for one, so that what a program finds in them stays
where it was.

Theory
------
A piece of text may end anywhere: in an element's name, in an attribute, in the JSON of a tool call.
So a mask never waits for what comes next. It gives back one character for one, and its state goes
from piece to piece: masking the pieces and masking the whole text are the same.

White space and ASCII punctuation stay; every other character becomes an ``x``. What is to stay
readable is spelled out: the names and attributes of Grok's elements, kinds of cards, names of tools
and of their arguments (:class:`Words`). In a place where such a word may stand, letters stay as
long as they may still become one of them.

Ids become other ids (:class:`Pseudonyms`), so that what refers to something still does.

Rules
-----
1. A word of a person's text survives only if it is one of the words that are spelled out.
2. The filter (:mod:`grokcore.protocol.grok_web.markup`) takes the same elements out of a masked
   text as out of the text itself.
"""

from __future__ import annotations

import enum
import hashlib
import re
import string

from attrs import define, field

__all__ = ["Pseudonyms", "TextMask", "Words", "covered"]

LONGEST_TAG_CHARS = 4096
"""A tag that is longer is none; the filter has the same limit."""

MOST_LEARNED = 100
MOST_REMEMBERED = 1000
DEEPEST_JSON = 64

_COVERED = re.compile(r"[^\s!-/:-@\[-`{-~]")
_ASCII_SPACE = " \t\n\r\f\v"

_TAGS = (
    "grok:render",
    "argument",
    "xaiartifact",
    "xai:tool_usage_card",
    "xai:tool_usage_card_id",
    "xai:tool_name",
    "xai:tool_args",
)
_CDATA = "![CDATA["
_ATTRIBUTES = (
    "card_id",
    "card_type",
    "type",
    "name",
    "artifact_id",
    "title",
    "contenttype",
    "language",
)
_KIND_ATTRIBUTES = frozenset({"card_type", "type", "name"})
_KINDS = (
    "citation_card",
    "citation",
    "image_card",
    "generated_image_card",
    "edited_image_card",
    "rendered_file_card",
    "render_inline_citation",
    "render_searched_image",
    "render_generated_image",
    "render_edited_image",
    "render_file",
    "citation_id",
    "image_id",
    "size",
)
_TOOLS = (
    "web_search",
    "x_search",
    "x_keyword_search",
    "x_semantic_search",
    "browse_page",
    "search_images",
    "image_search",
    "view_image",
    "code_execution",
    "chatroom_send",
    "call_connected_tool",
    "wait",
)
_ARGUMENTS = (
    "query",
    "url",
    "image_description",
    "imageDescription",
    "message",
    "toolName",
    "tool_name",
    "toolArgsJson",
    "num_results",
    "instructions",
    "code",
    "language",
    "to",
)
_LITERALS = ("true", "false", "null")

_WHOLE_TAG = re.compile(
    r"<((?:grok|xai):[a-z_]{1,30})((?:\s+[A-Za-z_]{1,30}=\"[^\"<>]{0,200}\")*)\s*/?>"
)
_ATTRIBUTE = re.compile(r"([A-Za-z_]{1,30})=\"([^\"]*)\"")
_WHOLE_TOOL = re.compile(r"<xai:tool_name>\s*([a-z][a-z_]{0,39})\s*</xai:tool_name>")
_KIND = re.compile(r"[a-z_]{1,40}")

_ALPHABETS = ("0123456789abcdef", "ghijklmnopqrstuvwxyz", string.ascii_uppercase)
"""A character becomes another of the same alphabet, so that a uuid stays one."""


def covered(text: str) -> str:
    """*text* with an ``x`` for every character but white space and ASCII punctuation."""
    return _COVERED.sub("x", text)


# Ids --------------------------------------------------------------------------------------------


class Pseudonyms:
    """Other names for ids, of the same length and shape: the same one for the same id, different
    ones for different ids.

    A character is moved on in its alphabet by a number that follows, with the key, from the letters
    and digits before it. So a name can be given while the id is still being read, and what begins
    with an id (the address of a picture) begins with its pseudonym.

    :param key: secret bytes, made for one file and forgotten with it.
    """

    def __init__(self, key: bytes) -> None:
        self._start = hashlib.blake2b(key=key, digest_size=8)
        self._known: dict[str, str] = {}

    def of(self, name: str) -> str:
        """The pseudonym of a whole id."""
        known = self._known.get(name)
        if known is None:
            spelling = self.begin()
            known = "".join(map(spelling.next, name))
            if len(self._known) < MOST_REMEMBERED:
                self._known[name] = known
        return known

    def of_citation(self, name: str) -> str:
        """As :meth:`of`; but numbers, by which sources are counted, stay."""
        return "".join(map(self.begin(kept_digits=4).next, name))

    def begin(self, *, kept_digits: int = 0) -> _Pseudonym:
        """A pseudonym to be given character by character.

        :param kept_digits: how many leading digits stay.
        """
        return _Pseudonym(self._start.copy(), kept_digits)


class _Pseudonym:
    def __init__(self, before: hashlib.blake2b, kept_digits: int) -> None:
        self._before = before
        self._kept_digits = kept_digits

    def next(self, char: str) -> str:
        alphabet = next((letters for letters in _ALPHABETS if char in letters), "")
        if not alphabet:
            self._kept_digits = self._kept_digits if char in " \"'" else 0
            return covered(char)
        moved_by = 1 + int.from_bytes(self._before.digest()) % (
            len(alphabet) - 1
        )  # never by 0: no character stays
        self._before.update(char.encode())
        if self._kept_digits and char.isdigit():
            self._kept_digits -= 1
            return char
        self._kept_digits = 0
        return alphabet[(alphabet.index(char) + moved_by) % len(alphabet)]


# Words ------------------------------------------------------------------------------------------


def _words(names: tuple[str, ...]) -> set[str]:
    return set(names)


@define
class Words:
    """The words that may stay, by the places where they may stand.

    Whole tags of Grok's own kind add theirs (:meth:`learn`): what is new in them is what a report
    is about.

    :param tags: names of elements, lower case; those of a configuration may be added.
    """

    tags: set[str] = field(factory=lambda: _words(_TAGS))
    attributes: set[str] = field(factory=lambda: _words(_ATTRIBUTES))
    kinds: set[str] = field(factory=lambda: _words(_KINDS))
    tools: set[str] = field(factory=lambda: _words(_TOOLS))
    arguments: set[str] = field(factory=lambda: _words(_ARGUMENTS))
    literals: set[str] = field(factory=lambda: _words(_LITERALS))
    _room: int = MOST_LEARNED

    def learn(self, text: str) -> None:
        """Add the names in the whole tags of *text* that can be nothing but Grok's: a person's
        words don't look so.
        """
        for name, attributes in _WHOLE_TAG.findall(text):
            if any(_runs_on(name, known) for known in self.tags):
                continue
            self._add(self.tags, name)
            for attribute, value in _ATTRIBUTE.findall(attributes):
                self._add(self.attributes, attribute.lower())
                if attribute.lower() in _KIND_ATTRIBUTES and _KIND.fullmatch(value):
                    self._add(self.kinds, value)
        for tool in _WHOLE_TOOL.findall(text):
            self._add(self.tools, tool)

    def _add(self, words: set[str], word: str) -> None:
        if word not in words and self._room:
            self._room -= 1
            words.add(word)


def _runs_on(name: str, known: str) -> bool:
    """Whether text may have run into a name: ``grok:renderer``, other than ``grok:render_file``."""
    return len(name) > len(known) and name.startswith(known) and name[len(known)] != "_"


class _Spelling:
    """A word that is being read, at a place where some may stay."""

    def __init__(self) -> None:
        self.word: str | None = ""

    def next(self, char: str, words: set[str]) -> str:
        if char.isspace() and not self.word:
            return char
        if self.word is not None:
            longer = self.word + char
            if any(word.startswith((longer, longer.lower())) for word in words):
                self.word = longer
                return char
            self.word = None
        return covered(char)


# Text -------------------------------------------------------------------------------------------


class _Content(enum.Enum):
    """What stands behind a tag."""

    TEXT = enum.auto()
    TOOL = enum.auto()
    ARGUMENTS = enum.auto()
    CITATION = enum.auto()


class TextMask:
    """One text, masked piece by piece.

    :param markup: whether it may have elements of Grok's in it; their names stay in any case.
    """

    def __init__(self, words: Words, pseudonyms: Pseudonyms, *, markup: bool = True) -> None:
        self._words = words
        self._pseudonyms = pseudonyms
        self._markup = markup
        self._name: str | None = None  # what has been read of one, behind a "<"
        self._tag: _Tag | None = None
        self._content = _Content.TEXT
        self._spelling = _Spelling()
        self._json = _JsonMask(words)
        self._citation = pseudonyms.begin()
        self._in_cdata = False
        self._brackets = 0

    def feed(self, text: str) -> str:
        """Take a piece of text, return as many characters."""
        if self._markup and "<" in text:
            self._words.learn(text)
        masked: list[str] = []
        at = 0
        while at < len(text):
            if self._at_rest:
                end = text.find("<", at)
                end = len(text) if end < 0 else end
                masked.append(covered(text[at:end]))
                at = end
            if at < len(text):
                masked.append(self._next(text[at]))
                at += 1
        return "".join(masked)

    @property
    def _at_rest(self) -> bool:
        return (
            self._name is None
            and self._tag is None
            and self._content is _Content.TEXT
            and not self._in_cdata
        )

    def _next(self, char: str) -> str:
        behind = self._name
        if behind is not None:
            if self._goes_on(char):
                return char
            self._name_ended(behind, char)
        if char == "<":
            self._name = ""
        masked = self._read(char)
        # No letter may stand where the filter looks for the first one of a name: it would wait for
        # the others.
        return "?" if behind in ("", "/") and masked == "x" else masked

    def _goes_on(self, char: str) -> bool:
        """Whether a name may still become one of those that stay."""
        assert self._name is not None
        longer = self._name + char
        begun = longer.lower().removeprefix("/")
        if not _CDATA.startswith(longer) and not any(
            name.startswith(begun) for name in self._words.tags
        ):
            return False
        self._name = None if longer == _CDATA else longer
        if longer == _CDATA and self._content is _Content.ARGUMENTS:
            self._in_cdata = True
        return True

    def _name_ended(self, name: str, char: str) -> None:
        self._name = None
        known = name.lower().removeprefix("/")
        opens = (
            known in self._words.tags and name.isascii() and (char in _ASCII_SPACE or char in "/>")
        )
        # The filter does not know arguments: one that never closes hides no other tag from it.
        in_other = self._tag is not None and self._tag.name.removeprefix("/") != "argument"
        if opens and self._markup and not in_other and not self._in_cdata:
            self._tag = _Tag(name.lower(), self._words, self._pseudonyms)

    def _read(self, char: str) -> str:
        if self._tag is not None:
            masked = self._tag.next(char)
            if self._tag.ended:
                self._begin_content(self._tag)
                self._tag = None
            return masked
        self._heed_end_of_cdata(char)
        match self._content:
            case _Content.TOOL:
                return self._spelling.next(char, self._words.tools)
            case _Content.ARGUMENTS:
                return self._json.next(char)
            case _Content.CITATION:
                return self._citation.next(char)
            case _Content.TEXT:
                return covered(char)

    def _begin_content(self, tag: _Tag) -> None:
        self._content = _Content.TEXT
        if tag.name == "xai:tool_name":
            self._content = _Content.TOOL
            self._spelling = _Spelling()
        elif tag.name == "xai:tool_args":
            self._content = _Content.ARGUMENTS
            self._json = _JsonMask(self._words)
        elif tag.name == "argument" and tag.argument == "citation_id":
            self._content = _Content.CITATION
            self._citation = self._pseudonyms.begin(kept_digits=4)

    def _heed_end_of_cdata(self, char: str) -> None:
        if char == ">" and self._brackets >= 2 and self._in_cdata:
            self._in_cdata = False
            self._content = _Content.TEXT
        self._brackets = self._brackets + 1 if char == "]" else 0


class _Tag:
    """A tag of Grok's, from behind its name to its end.

    :ivar name: with its slash, if it closes an element.
    :ivar argument: the value of the attribute ``name``, if it is one of the words that stay.
    """

    def __init__(self, name: str, words: Words, pseudonyms: Pseudonyms) -> None:
        self.name = name
        self.argument = ""
        self.ended = False
        self._words = words
        self._pseudonyms = pseudonyms
        self._length = len(name)
        self._quote = ""
        self._attribute = _Spelling()
        self._behind_equals = False
        self._after_space = False
        self._id = pseudonyms.begin()
        self._kind = _Spelling()

    def next(self, char: str) -> str:
        self._length += 1
        self.ended = (char == ">" and not self._quote) or self._length >= LONGEST_TAG_CHARS
        return self._in_value(char) if self._quote else self._outside(char)

    def _outside(self, char: str) -> str:
        if char in "\"'":
            self._quote = char
            self._id = self._pseudonyms.begin()
            self._kind = _Spelling()
        elif char == "=":
            self._behind_equals = True
            self._after_space = False
        elif char.isspace():
            self._after_space = True
        elif self._behind_equals and not self._after_space:
            return covered(char)  # a value without quotes
        else:
            return self._in_name(char)
        return char

    def _in_name(self, char: str) -> str:
        if self._after_space or self._behind_equals:
            self._attribute = _Spelling()
            self._after_space = self._behind_equals = False
        return self._attribute.next(char, self._words.attributes)

    def _in_value(self, char: str) -> str:
        attribute = (self._attribute.word or "").lower()
        if char == self._quote:
            self._quote = ""
            self._after_space = True
            if attribute == "name":
                self.argument = self._kind.word or ""
            return char
        if attribute == "card_id":
            return self._id.next(char)
        if attribute in _KIND_ATTRIBUTES:
            return self._kind.next(char, self._words.kinds)
        return covered(char)


class _JsonMask:
    """The JSON of a tool call: the names of its arguments stay, if they are known, and so does what
    makes it JSON.
    """

    def __init__(self, words: Words) -> None:
        self._words = words
        self._open: list[str] = []
        self._key_follows = False
        self._in_string = False
        self._in_key = False
        self._escaping = False
        self._code_point: str | None = None
        self._spelling = _Spelling()
        self._in_number = False

    def next(self, char: str) -> str:
        if self._in_string:
            return self._inside(char)
        if char.isascii() and char.isdigit():
            self._in_number = True
            return "1"
        in_number, self._in_number = self._in_number, False
        if in_number and char in "eE":
            return char
        if char.isspace() or covered(char) == char:
            self._note(char)
            self._spelling = _Spelling()
            return char
        return self._spelling.next(char, self._words.literals)

    def _note(self, char: str) -> None:
        match char:
            case '"':
                self._in_string = True
                self._in_key = self._key_follows
            case "{" | "[":
                if len(self._open) < DEEPEST_JSON:
                    self._open.append(char)
                self._key_follows = char == "{"
            case "}" | "]":
                if self._open:
                    self._open.pop()
                self._key_follows = False
            case ",":
                self._key_follows = bool(self._open) and self._open[-1] == "{"
            case ":":
                self._key_follows = False

    def _inside(self, char: str) -> str:
        if self._code_point is not None:
            return self._digit(char, self._code_point)
        if self._escaping:
            self._escaping = False
            self._code_point = "" if char == "u" else None
            return char if char in '"\\/bfnrtu' else covered(char)
        if char == "\\":
            self._escaping = True
        elif char == '"':
            self._in_string = False
            self._spelling = _Spelling()
        elif self._in_key:
            return self._spelling.next(char, self._words.arguments)
        return covered(char)

    def _digit(self, char: str, before: str) -> str:
        r"""One of the four digits of ``\u003c``: ASCII punctuation stays, as it does elsewhere, and
        a pair stays one.
        """
        self._code_point = before + char.lower() if len(before) < 3 else None
        if char not in string.hexdigits:
            self._code_point = None
            return self._inside(char)
        place = len(before)
        if before.startswith("d") or (not before and char in "dD"):
            return char if place < 2 else "0"
        if before in ("00", "000", "001", "002") or (before == "003" and char in "abcdefABCDEF"):
            return char if before != "00" or char in "0123" else "7"
        return "0078"[place] if before != "003" else "f"
