"""Concurrent work on several items, for a caller that needs all of the results."""

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
    """Run *work* for all items at once, and return the results in the order of the items.

    :param at_once: how many items are worked on at the same time; None is all.
    :raises GrokApiError: if *work* does for an item. The other items are cancelled then; the error
        is raised as itself, not in a group.
    """
    if len(items) < 2:  # nothing runs beside: a nursery costs more than most items do
        return [await work(item) for item in items]
    results: dict[int, _Result] = {}
    failures: list[GrokApiError] = []
    places = trio.CapacityLimiter(at_once or max(1, len(items)))

    async def do_one(index: int, item: _Item) -> None:
        try:
            async with places:
                results[index] = await work(item)
        except GrokApiError as error:
            failures.append(error)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for index, item in enumerate(items):
            nursery.start_soon(do_one, index, item)
    if failures:
        raise failures[0]
    return [results[index] for index in range(len(items))]
