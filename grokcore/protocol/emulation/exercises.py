"""Questions with tools whose right answers are known, to measure how well a model makes calls.

There are sixty, ten of each kind. Every value that a call needs stands in its question to the
character, so a call is either right or wrong. None of the tools runs.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from ..conversation.tools import Choice, Tool, Toolbox

__all__ = ["EXERCISES", "Exercise", "Kind", "Wanted", "first_of"]


class Kind(enum.Enum):
    """The difficulty of an exercise."""

    SINGLE = "one call of the only tool"
    CHOICE = "one call of one of many tools"
    PARALLEL = "several calls at once"
    IRRELEVANCE = "no call, since no tool helps"
    FORCED = "a call that the client demands"
    EDIT = "a call with a text of several lines"


@frozen
class Wanted:
    """A call that is right: a tool's name, and values that must be equal."""

    name: str
    values: Mapping[str, Any] = field(repr=False)


@frozen
class Exercise:
    """A question, its tools, and the right calls in any order; none if no call is right."""

    kind: Kind
    asked: str
    toolbox: Toolbox = field(repr=False)
    wanted: tuple[Wanted, ...] = ()


def _tool(name: str, description: str, required: str, **others: Any) -> Tool:
    """A tool whose required parameters are texts, but for the given schemas of *others*."""
    keys = required.split()
    known = {key: others.pop(key, {"type": "string"}) for key in keys}
    schema = {"type": "object", "properties": {**known, **others}, "required": keys}
    return Tool(name, description, schema)


_NUMBER = {"type": "number"}
_INTEGER = {"type": "integer"}
_TEXTS = {"type": "array", "items": {"type": "string"}}

_TOOLS = {
    tool.name: tool
    for tool in (
        _tool("get_weather", "The weather in a city now.", "city"),
        _tool("get_stock_price", "The last price of a stock.", "symbol"),
        _tool("translate_text", "Translate a text.", "text language"),
        _tool("send_email", "Send an email from the user's account.", "to subject body"),
        _tool(
            "convert_currency", "Convert an amount of money.", "amount source target",
            amount=_NUMBER,
        ),
        _tool("set_timer", "Start a timer.", "minutes label", minutes=_INTEGER),
        _tool("add_tags", "Add tags to a note.", "note tags", tags=_TEXTS),
        _tool(
            "set_lamp", "Change the lamp of a room.", "room state",
            state={"type": "string", "enum": ["on", "off", "dimmed"]},
        ),
        _tool("find_contact", "The address of a person in the user's contacts.", "name"),
        _tool("play_song", "Play a song in the living room.", "title artist"),
        _tool("edit_file", "Replace a text in a file; it must occur once.", "path old new"),
        _tool("write_file", "Write a whole file.", "path content"),
    )
}  # fmt: skip
_MANY = Toolbox(tuple(_TOOLS.values()))


def _only(name: str) -> Toolbox:
    return Toolbox((_TOOLS[name],))


@frozen
class _Row:
    """An exercise in short: a pattern for the question, the tool, and its values."""

    pattern: str
    name: str
    values: tuple[Any, ...]

    @property
    def asked(self) -> str:
        """The question, with each value where the pattern has ``{}``."""
        return self.pattern.format(*self.values)

    @property
    def wanted(self) -> Wanted:
        """The right call."""
        keys = _TOOLS[self.name].parameters["required"]
        return Wanted(self.name, dict(zip(keys, self.values, strict=True)))


_SINGLE = (
    _Row('How is the weather in "{}"?', "get_weather", ("Trondheim",)),
    _Row('What does the stock price of "{}" stand at?', "get_stock_price", ("NVDA",)),
    _Row(
        'Translate the text "{}" into the language "{}".', "translate_text",
        ("Where is the station?", "pt-BR"),
    ),
    _Row(
        'Please send an email to "{}". Its subject is "{}" and its body "{}".', "send_email",
        ("li@example.com", "Lunch & more", "Tomorrow at <12>?"),
    ),
    _Row(
        'Convert {} in the currency "{}" to "{}".', "convert_currency", (129.95, "EUR", "JPY"),
    ),
    _Row('Set a timer of {} minutes with the label "{}".', "set_timer", (25, "tea; 2nd cup")),
    _Row('Is the weather nice in "{}" at the moment?', "get_weather", ("São Paulo",)),
    _Row(
        'Which language is it? Never mind: the text "{}" has to be translated into "{}".'
        " Translate it.", "translate_text", ("猫は本を読む。", "en"),
    ),
    _Row('I need the stock price of "{}".', "get_stock_price", ("BRK.B",)),
    _Row('A timer of {} minutes, label "{}", please.', "set_timer", (3, "egg #1")),
)  # fmt: skip

_CHOICE = (
    _Row('Who is "{}"? Look the contact up.', "find_contact", ("Ada O'Neill",)),
    _Row('Play the song "{}" by "{}".', "play_song", ("Crime of the Century", "Supertramp")),
    _Row('Do I need an umbrella in "{}"? Check the weather.', "get_weather", ("Bergen",)),
    _Row('Set a timer for {} minutes and label it "{}".', "set_timer", (45, "laundry")),
    _Row(
        'Send an email to "{}" with the subject "{}" and the body "{}".', "send_email",
        ("team@example.com", "Release 2.0", "It is out: https://example.com/?a=1&b=2"),
    ),
    _Row(
        'How much is {} "{}" in "{}"? Convert the currency.', "convert_currency",
        (2500, "SEK", "CHF"),
    ),
    _Row(
        'Say "{}" in the language "{}": translate the text.', "translate_text",
        ("Good night, moon.", "de"),
    ),
    _Row('What did the stock "{}" close at? I mean its price.', "get_stock_price", ("SAP.DE",)),
    _Row('Find the contact of "{}".', "find_contact", ("Müller, Jörg (work)",)),
    _Row('I want to hear the song "{}" by "{}".', "play_song", ("99 Luftballons", "Nena")),
)  # fmt: skip

_IRRELEVANT = (
    "How much is 17 + 4?",
    "Name three prime numbers above fifty.",
    "Write a haiku about autumn.",
    "What does HTTP status 404 mean?",
    "Explain in one sentence why the sky is blue.",
    "Which is older, Python or Java?",
    "Give me a synonym for happy.",
    "Is a tomato a fruit?",
    "What would a function call look like in XML, in general? A short example is enough.",
    "Thank you, that was all for today.",
)

_FORCED = (
    _Row('Hello! "{}" is a lovely place.', "get_weather", ("Kyoto",)),
    _Row('I was thinking about "{}" all day.', "get_stock_price", ("TSM",)),
    _Row('"{}", as they say in the language "{}".', "translate_text", ("Break a leg", "it")),
    _Row('There are {} minutes left until "{}".', "set_timer", (90, "kick-off")),
    _Row('My friend "{}" moved last year.', "find_contact", ("Grace H.",)),
    _Row('"{}" by "{}" is my favourite.', "play_song", ("Hoppípolla", "Sigur Rós")),
    _Row('He paid {} "{}" and not "{}".', "convert_currency", (0.5, "BTC", "USD")),
    _Row(
        'Inform "{}" about "{}": "{}"', "send_email",
        ("bob@example.com", "the party", "bring a cake, 100% vegan"),
    ),
    _Row('"{}" was sunny when I left.', "get_weather", ("Val-d'Or",)),
    _Row('Everybody talks about "{}".', "get_stock_price", ("005930.KS",)),
)  # fmt: skip

_SEVERAL: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ('How is the weather in "{}" and in "{}"?', "get_weather", ("Lima", "Quito")),
    ('The weather in "{}", "{}" and "{}", please.', "get_weather", ("Oslo", "Rome", "Cork")),
    ('Stock prices of "{}" and "{}"?', "get_stock_price", ("AMD", "INTC")),
    ('Compare the stock price of "{}", "{}" and "{}".', "get_stock_price", ("F", "GM", "VOW3.DE")),
    ('Find the contacts "{}" and "{}".', "find_contact", ("Ann Lee", "Bo Ek")),
    ('I need the contact of "{}", of "{}" and of "{}".', "find_contact", ("Zoë", "Liú", "O'Hara")),
    ('Weather: "{}" or "{}", where is it warmer?', "get_weather", ("Porto", "Faro")),
    ('Is the stock price of "{}" above the one of "{}"?', "get_stock_price", ("ASML", "SHOP")),
    ('Both contacts: "{}", "{}".', "find_contact", ("mum", "dad")),
    ('Weather in "{}", "{}", "{}"?', "get_weather", ("Nuuk", "Malé", "Apia")),
)
"""A question, its tool, and the value of each of its calls."""

_TEXTS_TO_WRITE = (
    "import sys\n\nif len(sys.argv) < 2 and not sys.stdin.isatty():\n    print(\"usage: a 'b'\")",
    "#!/bin/sh\ncat <<'END' && echo \"done\"\n$HOME stays $HOME\nEND",
    '<div class="a">\n  <p>5 &gt; 3 &amp; 2</p>\n</div>',
    'build:\n\tgo build ./... && \\\n\t  echo "ok"',
    '{\n  "name": "x",\n  "re": "^\\\\d+\\\\.txt$"\n}',
    "# 标题\n\n第一行。\n  · 第二行 – naïve café",
    "<![CDATA[\n]]>\n</parameter>\n</content>",
    "SELECT *\nFROM t\nWHERE a <> 'x''y' -- note\n  AND b >= 1;",
    'if (s && !/^<\\/b>$/.test(s)) {\n  t += "${s}";\n}\n// "end"',
    "  indented\n\n\n    deeper\nback",
)
_OLD_TEXT = "def run():\n    pass  # <todo> & more"

_EDIT = tuple(
    _Row(
        "Write the file `{}` with exactly this content:\n```\n{}\n```", "write_file",
        (f"src/part{index}.txt", text),
    )
    if index % 2
    else _Row(
        "Edit the file `{}`. Replace exactly this:\n```\n{}\n```\nby exactly this:\n```\n{}\n```",
        "edit_file", (f"src/part{index}.txt", _OLD_TEXT, text),
    )
    for index, text in enumerate(_TEXTS_TO_WRITE)
)  # fmt: skip


def _several(pattern: str, name: str, values: Sequence[str]) -> Exercise:
    wanted = tuple(_Row("", name, (value,)).wanted for value in values)
    return Exercise(Kind.PARALLEL, pattern.format(*values), _MANY, wanted)


def _forced(row: _Row) -> Exercise:
    toolbox = Toolbox(_MANY.tools, Choice.REQUIRED, row.name)
    return Exercise(Kind.FORCED, row.asked, toolbox, (row.wanted,))


EXERCISES: tuple[Exercise, ...] = (
    *(Exercise(Kind.SINGLE, row.asked, _only(row.name), (row.wanted,)) for row in _SINGLE),
    *(Exercise(Kind.CHOICE, row.asked, _MANY, (row.wanted,)) for row in _CHOICE),
    *(_several(*row) for row in _SEVERAL),
    *(Exercise(Kind.IRRELEVANCE, asked, _MANY) for asked in _IRRELEVANT),
    *(_forced(row) for row in _FORCED),
    *(Exercise(Kind.EDIT, row.asked, _MANY, (row.wanted,)) for row in _EDIT),
)
"""All exercises, kind by kind."""


def first_of(number: int) -> tuple[Exercise, ...]:
    """A choice of *number* exercises: of each kind the same number, as far as possible."""
    of_kind = [[one for one in EXERCISES if one.kind is kind] for kind in Kind]
    mixed = [one for turn in zip(*of_kind, strict=True) for one in turn]
    return tuple(mixed[:number])
