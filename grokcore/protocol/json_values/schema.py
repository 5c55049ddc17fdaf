"""JSON schemas of clients: are they readable, and does a value fit?

Theory
------
The keywords are those of JSON Schema 2020-12 that clients use in tools and text formats. Their
older forms, of draft 4 to draft 7, are read too. A keyword that is missing in the table below, or
has a value of the wrong type, allows everything: a client's own validator has the last word. The
same holds for ``format``, and for patterns that could take too long (:mod:`.patterns`).

Rules
-----
1. :func:`faults` raises nothing for any schema. What :func:`check` refuses allows everything.
2. Cost and recursion are bounded. A value that takes too long to check counts as faulty.
3. A fault is a sentence for the model. It quotes names, cut to :data:`MOST_NAME` characters, and no
   values.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import islice
from typing import Any
from urllib.parse import unquote

from attrs import evolve, frozen

from ...errors import InvalidRequest
from .patterns import Searches

__all__ = ["TYPES", "check", "faults", "is_a", "resolved"]

MOST_BYTES = 64 * 1024
"""Bytes of a schema, as JSON without white space."""

MOST_DEPTH = 100
"""Levels of a schema, of a value, and of both together."""

MOST_STEPS = 200_000
"""Pairs of a value and a schema that are compared for one value."""

MOST_NAME = 60
"""Characters of a name, and of a path's last part, in a fault."""

MOST_LISTED = 10
"""Values of an ``enum`` that a fault lists."""


def faults(value: object, schema: object, most: int = 5, root: object = None) -> tuple[str, ...]:
    """The first faults of a JSON value, in plain English with their places; none if it fits.

    :param root: the schema that ``$ref`` refers to; None for *schema*.
    """
    checker = _Checker(schema if root is None else root)
    try:
        return tuple(islice(checker.faults(value, _Place(schema)), most))
    except (_TooMuch, RecursionError):
        return ("The value is too large or nested too deeply to be checked.",)


def check(schema: object, param: str) -> None:
    """Check that a client's schema can be read.

    :param param: the field of the request that holds it.
    :raises InvalidRequest: if it is no object, too large or nested too deeply, or has a ``$ref``
        that leads nowhere or to itself.
    """
    if not isinstance(schema, Mapping):
        raise InvalidRequest("The JSON schema has to be an object.", param=param)
    try:
        size = len(json.dumps(schema, ensure_ascii=False, separators=(",", ":")).encode())
        if size > MOST_BYTES:
            raise InvalidRequest("The JSON schema is larger than 64 kB.", param=param)
        fault = _Walk(schema).fault()
    except (RecursionError, _TooMuch):
        fault = f"The JSON schema has more than {MOST_DEPTH} levels."
    if fault:
        raise InvalidRequest(fault, param=param)


def resolved(schema: object, root: object) -> object:
    """The schema that a chain of ``$ref`` leads to; *schema* itself if it has none, and an empty
    one if the chain leads nowhere or is too long.
    """
    for _ in range(MOST_DEPTH):
        if not isinstance(schema, Mapping) or "$ref" not in schema:
            return schema
        schema = _target(schema["$ref"], root)
    return {}


def is_a(value: object, kind: str) -> bool:
    """Whether *value* has one of :data:`TYPES`. 5.0 is an integer, and true is no number."""
    return TYPES[kind][1](value)


# Schemas ----------------------------------------------------------------------------------------

_ONE = ("additionalProperties", "items", "not")
_SEVERAL = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_NAMED = ("properties", "patternProperties", "$defs", "definitions")
_IN_PLACE = ("allOf", "anyOf", "oneOf")


class _TooMuch(Exception):
    """The work exceeds a bound."""


def _target(ref: object, root: object) -> object:
    """The schema at ``#/…``; an empty one if there is none."""
    found = _look_up(ref, root)
    return {} if found is None else found


def _look_up(ref: object, root: object) -> object:
    if not isinstance(ref, str) or not (ref == "#" or ref.startswith("#/")):
        return None
    place = root
    for part in ref.split("/")[1:]:
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(place, Mapping):
            place = place.get(name)
        elif isinstance(place, list) and name.isdecimal() and int(name[:9]) < len(place):
            place = place[int(name[:9])]
        else:
            return None
    return place if isinstance(place, Mapping | bool) else None


def _inner(schema: Mapping[str, Any]) -> Iterator[object]:
    """The schemas directly inside of *schema*."""
    yield from (schema[word] for word in _ONE if word in schema)
    for word in _SEVERAL:
        if isinstance(schema.get(word), list):
            yield from schema[word]
    for word in _NAMED:
        if isinstance(schema.get(word), Mapping):
            yield from schema[word].values()


class _Walk:
    """A walk through all schemas of one, and those that its references lead to."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._seen: set[int] = set()
        self._circle_free: set[int] = set()

    def fault(self) -> str:
        """The first fault, as a sentence; empty without one."""
        levels: list[object] = [self._root]
        for _ in range(MOST_DEPTH):
            new = [each for each in levels if isinstance(each, Mapping) and self._is_new(each)]
            if not new:
                return ""
            for schema in new:
                if fault := self._fault_of(schema):
                    return fault
            levels = [inner for schema in new for inner in self._next(schema)]
        raise _TooMuch

    def _is_new(self, schema: Mapping[str, Any]) -> bool:
        new = id(schema) not in self._seen
        self._seen.add(id(schema))
        return new

    def _next(self, schema: Mapping[str, Any]) -> Iterator[object]:
        yield from _inner(schema)
        if "$ref" in schema:
            yield _target(schema["$ref"], self._root)

    def _fault_of(self, schema: Mapping[str, Any]) -> str:
        if "$ref" in schema and _look_up(schema["$ref"], self._root) is None:
            return f"The JSON schema has a $ref that leads nowhere: {_short(schema['$ref'])}."
        if self._is_endless(schema, frozenset()):
            return "The JSON schema has a $ref that leads to itself."
        return ""

    def _is_endless(self, schema: object, way: frozenset[int]) -> bool:
        """Whether a value would be compared with the same schema again and again."""
        if not isinstance(schema, Mapping) or id(schema) in self._circle_free:
            return False
        if id(schema) in way:
            return True
        if len(way) > MOST_DEPTH:
            raise _TooMuch
        inner = [
            each
            for word in _IN_PLACE
            if isinstance(schema.get(word), list)
            for each in schema[word]
        ]
        inner += [schema["not"]] if "not" in schema else []
        inner += [_target(schema["$ref"], self._root)] if "$ref" in schema else []
        if any(self._is_endless(each, way | {id(schema)}) for each in inner):
            return True
        self._circle_free.add(id(schema))
        return False


# Values -----------------------------------------------------------------------------------------


@frozen
class _Place:
    """A schema, and the place in the value to which it applies.

    :ivar path: ``edits[0].path``; empty for the whole value.
    :ivar depth: levels of schemas above.
    """

    schema: Any
    path: str = ""
    depth: int = 0

    @property
    def subject(self) -> str:
        """The beginning of a sentence about the place."""
        return self.path or "The value"

    def under(self, schema: object) -> _Place:
        """The same place under another schema."""
        return evolve(self, schema=schema, depth=self.depth + 1)

    def key(self, name: str, schema: object) -> _Place:
        """The place of a value in an object."""
        path = f"{self.path}.{_short(name)}" if self.path else _short(name)
        return _Place(schema, path, self.depth + 1)

    def item(self, number: int, schema: object) -> _Place:
        """The place of a value in an array."""
        return _Place(schema, f"{self.path}[{number}]", self.depth + 1)


def _short(name: object) -> str:
    text = str(name)
    return text if len(text) <= MOST_NAME else f"{text[:MOST_NAME]}…"


def _key(value: object) -> object:
    """A hashable value that is equal for equal JSON."""
    match value:
        case bool() | None:
            return (value,)
        case Mapping():
            return frozenset((name, _key(item)) for name, item in value.items())
        case list():
            return ("list", *map(_key, value))
        case _:
            return value


class _Checker:
    """A comparison of one value with one schema.

    :ivar searches: for patterns.
    """

    def __init__(self, root: object) -> None:
        self._root = root
        self._steps = MOST_STEPS
        self.searches = Searches()

    def faults(self, value: object, place: _Place) -> Iterator[str]:
        """The faults of *value*, one by one."""
        self.spend(1)
        if place.depth > MOST_DEPTH:
            raise _TooMuch
        if place.schema is False:
            yield f"{place.subject} is not allowed."
        if not isinstance(place.schema, Mapping):
            return
        if value is None and place.schema.get("nullable") is True:  # as OpenAPI 3.0 has it
            return
        for word, argument in place.schema.items():
            rule = _RULES.get(word)
            if rule is not None:
                yield from rule(self, value, argument, place)

    def spend(self, steps: int) -> None:
        """Count steps.

        :raises _TooMuch: if there were too many.
        """
        self._steps -= steps
        if self._steps < 0:
            raise _TooMuch

    def fits(self, value: object, place: _Place) -> bool:
        """Whether *value* has no fault."""
        return next(self.faults(value, place), None) is None

    def reference(self, value: object, ref: object, place: _Place) -> Iterator[str]:
        """``$ref``"""
        yield from self.faults(value, place.under(_target(ref, self._root)))


_Rule = Callable[[_Checker, Any, Any, _Place], Iterator[str]]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


TYPES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "object": ("an object", lambda value: isinstance(value, Mapping)),
    "array": ("an array", lambda value: isinstance(value, list)),
    "string": ("a string", lambda value: isinstance(value, str)),
    "integer": ("an integer", lambda value: _is_number(value) and value == value // 1),
    "number": ("a number", _is_number),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "null": ("null", lambda value: value is None),
}
"""Types by their names in schemas: words for a fault, and a test."""


def _type(_: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
    names = argument if isinstance(argument, list) else [argument]
    known = [TYPES[name] for name in names if isinstance(name, str) and name in TYPES]
    if len(known) == len(names) and not any(fits(value) for _, fits in known):
        yield f"{place.subject} must be {' or '.join(words for words, _ in known) or 'absent'}."


def _enum(checker: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
    if not isinstance(argument, list):
        return
    checker.spend(len(argument))
    key = _key(value)
    if all(key != _key(each) for each in argument):
        listed = ", ".join(_short(json.dumps(each)) for each in argument[:MOST_LISTED])
        more = ", …" if len(argument) > MOST_LISTED else ""
        yield f"{place.subject} must be one of: {listed}{more}."


def _const(_: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
    if _key(value) != _key(argument):
        yield f"{place.subject} must be {_short(json.dumps(argument))}."


# Numbers and sizes ------------------------------------------------------------------------------


def _limit(holds: Callable[[Any, Any], bool], words: str, older: str = "") -> _Rule:
    """A rule for numbers.

    :param older: the keyword with the number, if the value is true: so draft 4 wrote it.
    """

    def rule(_: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
        limit = place.schema.get(older) if argument is True else argument
        if _is_number(value) and _is_number(limit) and not holds(value, limit):
            yield f"{place.subject} must be {words} {limit}."

    return rule


def _multiple(_: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
    if not _is_number(value) or not _is_number(argument) or argument <= 0:
        return
    if Fraction(str(value)) % Fraction(str(argument)):
        yield f"{place.subject} must be a multiple of {argument}."


def _size(
    kind: type[str | list[Any] | dict[str, Any]],
    holds: Callable[[Any, Any], bool],
    words: str,
    unit: str,
) -> _Rule:
    def rule(_: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
        if isinstance(value, kind) and _is_number(argument) and not holds(len(value), argument):
            yield f"{place.subject} must have {words} {argument} {unit}."

    return rule


def _pattern(checker: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
    if isinstance(value, str) and checker.searches.found_in(argument, value) is False:
        yield f"{place.subject} must match the pattern {_short(argument)}"


# Objects ----------------------------------------------------------------------------------------


def _named(schema: Mapping[str, Any], word: str) -> Mapping[str, Any]:
    found = schema.get(word)
    return found if isinstance(found, Mapping) else {}


def _properties(checker: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
    if isinstance(value, Mapping) and isinstance(argument, Mapping):
        for name, schema in argument.items():
            if name in value:
                yield from checker.faults(value[name], place.key(name, schema))


def _of_patterns(checker: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
    if isinstance(value, Mapping) and isinstance(argument, Mapping):
        checker.spend(len(argument) * len(value))
        for pattern, schema in argument.items():
            for name in value:
                if checker.searches.found_in(pattern, name):
                    yield from checker.faults(value[name], place.key(name, schema))


def _others(checker: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
    """``additionalProperties``"""
    if not isinstance(value, Mapping):
        return
    declared = _named(place.schema, "properties")
    patterns = _named(place.schema, "patternProperties")
    checker.spend(len(patterns) * len(value))
    for name in value:
        if name in declared or any(
            checker.searches.found_in(each, name) is not False for each in patterns
        ):
            continue
        if argument is False:
            yield f'{place.subject} has an unknown key: "{_short(name)}".'
        else:
            yield from checker.faults(value[name], place.key(name, argument))


def _required(_: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
    if isinstance(value, Mapping) and isinstance(argument, list):
        for name in argument:
            if isinstance(name, str) and name not in value:
                yield f'{place.subject} lacks the key "{_short(name)}".'


# Arrays -----------------------------------------------------------------------------------------


def _first_items(checker: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
    """``prefixItems``, and ``items`` with a list, as draft 4 to 2019-09 wrote it."""
    if isinstance(value, list) and isinstance(argument, list):
        for number, (item, schema) in enumerate(zip(value, argument, strict=False)):
            yield from checker.faults(item, place.item(number, schema))


def _items(checker: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
    if isinstance(argument, list):
        yield from _first_items(checker, value, argument, place)
    elif isinstance(value, list):
        first = place.schema.get("prefixItems")
        start = len(first) if isinstance(first, list) else 0
        for number, item in enumerate(value[start:], start):
            yield from checker.faults(item, place.item(number, argument))


def _unique(_: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
    if isinstance(value, list) and argument is True and len(set(map(_key, value))) < len(value):
        yield f"{place.subject} must not have the same item twice."


# Combinations -----------------------------------------------------------------------------------


def _all(checker: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
    for schema in _list(argument):
        yield from checker.faults(value, place.under(schema))


def _any(checker: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
    options = _list(argument)
    if options and not any(checker.fits(value, place.under(each)) for each in options):
        yield from _no_option(checker, value, options, place)


def _one(checker: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
    options = _list(argument)
    fitting = sum(checker.fits(value, place.under(each)) for each in options)
    if fitting > 1:
        yield f"{place.subject} fits {fitting} of the forms of which it must fit exactly one."
    elif options and not fitting:
        yield from _no_option(checker, value, options, place)


def _no_option(
    checker: _Checker, value: Any, options: Sequence[object], place: _Place
) -> Iterator[str]:
    """The faults in the only form beside null, if there is one; else a sentence on all forms."""
    real = [each for each in options if each != {"type": "null"}]
    if len(real) == 1:
        yield from checker.faults(value, place.under(real[0]))
    else:
        yield f"{place.subject} fits none of the {len(options)} forms that it may have."


def _not(checker: _Checker, value: Any, argument: Any, place: _Place) -> Iterator[str]:
    if isinstance(argument, Mapping | bool) and checker.fits(value, place.under(argument)):
        yield f"{place.subject} has a form that the schema excludes."


def _list(argument: Any) -> Sequence[object]:
    return argument if isinstance(argument, list) else ()


_RULES: Mapping[str, _Rule] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minimum": _limit(operator.ge, "at least"),
    "maximum": _limit(operator.le, "at most"),
    "exclusiveMinimum": _limit(operator.gt, "more than", "minimum"),
    "exclusiveMaximum": _limit(operator.lt, "less than", "maximum"),
    "multipleOf": _multiple,
    "minLength": _size(str, operator.ge, "at least", "characters"),
    "maxLength": _size(str, operator.le, "at most", "characters"),
    "pattern": _pattern,
    "properties": _properties,
    "patternProperties": _of_patterns,
    "additionalProperties": _others,
    "required": _required,
    "minProperties": _size(dict, operator.ge, "at least", "keys"),
    "maxProperties": _size(dict, operator.le, "at most", "keys"),
    "items": _items,
    "prefixItems": _first_items,
    "minItems": _size(list, operator.ge, "at least", "items"),
    "maxItems": _size(list, operator.le, "at most", "items"),
    "uniqueItems": _unique,
    "allOf": _all,
    "anyOf": _any,
    "oneOf": _one,
    "not": _not,
    "$ref": _Checker.reference,
}
