"""Doing one thing to several items at once, for somebody who needs all of the results."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import trio

from ..errors import GrokApiError

__all__ = ["for_all"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


async def for_all(
    items: Sequence[_Item],
    work: Callable[[_Item], Awaitable[_Result]],
    *,
    at_once: int | None = None,
) -> list[_Result]:
    """What *work* returns for each, in their order.

    :param at_once: how many are under way at the same time; None is all.
    :raises GrokApiError: of one of them. The others are cancelled then; it is raised as itself, not
        in a group.
    """
    found: dict[int, _Result] = {}
    failures: list[GrokApiError] = []
    places = trio.CapacityLimiter(at_once or max(1, len(items)))

    async def do_one(index: int, item: _Item) -> None:
        try:
            async with places:
                found[index] = await work(item)
        except GrokApiError as error:
            failures.append(error)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for index, item in enumerate(items):
            nursery.start_soon(do_one, index, item)
    if failures:
        raise failures[0]
    return [found[index] for index in range(len(items))]
