"""The two messages of a step: a server's to the table, and the reply.

Tokens are named by their keys, which are hashes. Neither message holds a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

import attrs
from attrs import field, frozen

__all__ = ["Reply", "Step", "read_reply", "read_step", "written"]

MOST_TASKS = 100
"""Actions that wait for one token's owner; more are dropped."""


@frozen
class Step:
    """The message of a server to the table.

    :ivar server: name of the server's run, which no other run has.
    :ivar ttl_ms: how long the table shall hold the server's tokens for it, and remember the server
        itself, from the step's arrival on.
    :ivar table: name of the table that the server takes it to be; nothing is taken from another
        one, which may not know yet what belongs to whom. Empty in a server's first step.
    :ivar keep: tokens that the server owns and wants to keep.
    :ivar give: tokens that it owns and gives back.
    :ivar want: tokens that it would take if nobody owns them, the best first.
    :ivar take: how many of *want* it takes at most.
    :ivar short: the number of tokens that it lacks, by the name of a kind
        (:class:`~grokcore.protocol.sharing.kinds.Kind`).
    :ivar records: the states of its tokens that have changed, as JSON texts. Those of tokens that
        another server owns are not taken.
    :ivar tasks: actions of the owner on tokens that other servers may own, as JSON texts.
    :ivar since: version of the news that the server has.
    :ivar bye: whether it stops: it is not counted as a server, and has no share.
    """

    server: str
    ttl_ms: int
    table: str = ""
    keep: tuple[str, ...] = ()
    give: tuple[str, ...] = ()
    want: tuple[str, ...] = ()
    take: int = 0
    short: Mapping[str, int] = field(factory=dict)
    records: Mapping[str, str] = field(factory=dict)
    tasks: Mapping[str, str] = field(factory=dict)
    since: int = 0
    bye: bool = False


@frozen
class Reply:
    """The reply of the table.

    :ivar table: name of this table. A table that has lost what it knew, or was another one's
        replica, has another name.
    :ivar age_s: for how long the table has had this name, at least (seconds).
    :ivar time: the table's clock (seconds since 1970): the one clock that all servers share.
    :ivar lost: the part of *keep* that another server owns.
    :ivar taken: the part of *want* that the server owns from now on.
    :ivar servers: number of servers that are there, this one included.
    :ivar short: what the other servers lack together, by kind.
    :ivar news: what other servers have learned of tokens since *since*, as JSON texts.
    :ivar version: version of the news, for the next step.
    :ivar tasks: actions of the owner, in their order, on tokens that this server owns: a JSON text
        each.
    """

    table: str
    age_s: float
    time: float
    lost: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    servers: int = 1
    short: Mapping[str, int] = field(factory=dict)
    news: Mapping[str, str] = field(factory=dict)
    version: int = 0
    tasks: Mapping[str, tuple[str, ...]] = field(factory=dict)


def written(message: Step | Reply) -> dict[str, Any]:
    """*message* as JSON's types."""
    return attrs.asdict(message)


def read_step(value: object) -> Step:
    """:raises ValueError: if *value* is no step."""
    return Step(**_read(value, Step))


def read_reply(value: object) -> Reply:
    """:raises ValueError: if *value* is no reply of a table."""
    return Reply(**_read(value, Reply))


def _read(value: object, kind: type[Step | Reply]) -> dict[str, Any]:
    """The fields of a message. Fields of a newer version are passed over."""
    if not isinstance(value, dict):
        raise ValueError(f"A {kind.__name__.lower()} of a shared pool is an object.")  # noqa: TRY004
    fields = {field.name: field for field in attrs.fields(kind)}
    missing = [
        name
        for name, field in fields.items()
        if field.default is attrs.NOTHING and name not in value
    ]
    if missing:
        raise ValueError(f"A {kind.__name__.lower()} of a shared pool lacks {missing[0]}.")
    return {
        name: _field(name, value[name], str(field.type))
        for name, field in fields.items()
        if name in value
    }


def _field(name: str, value: object, kind: str) -> object:
    match kind:
        case "float" if isinstance(value, int | float):
            return float(value)
        case "bool" | "int" | "str" if type(value).__name__ == kind:
            return value
        case "tuple[str, ...]" if _is_texts(value):
            return tuple(value)
        case "Mapping[str, str]" if isinstance(value, dict) and _is_texts([*value.values()]):
            return value
        case "Mapping[str, int]" if isinstance(value, dict) and set(map(type, value.values())) <= {
            int
        }:
            return value
        case "Mapping[str, tuple[str, ...]]" if isinstance(value, dict):
            if all(map(_is_texts, value.values())):
                return {key: tuple(texts) for key, texts in value.items()}
    raise ValueError(f"{name} of a shared pool's message is of another type.")


def _is_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list | tuple) and all(isinstance(text, str) for text in value)
