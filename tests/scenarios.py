"""Decorators that run an async test: in a world of its own, on a clock of its own.

A *runner* is a function such as ``run_on_site(scenario, *, config="", …)``: it makes a world,
awaits the scenario with it, and looks that nothing is left behind. :func:`decorator` makes
``@on_site`` of it, for tests that are one scenario::

    @on_site(config="[server]\\nmax_streams = 1")
    async def test_beyond_max_streams_a_request_is_turned_away(site: Site) -> None: ...

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    @on_site(config=lambda case: case.config)
    async def test_every_shape_is_read(site: Site, case: Case, tmp_path: Path) -> None: ...

The runner gives the first arguments; pytest's parameters and fixtures come after them. A test that
does something before the world is made or after it has ended keeps its scenario as a function
within, and calls the runner itself.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

import trio
import trio.testing

P = ParamSpec("P")
W = TypeVar("W")
V = TypeVar("V")
T = TypeVar("T")

PATIENCE_S = 30.0
"""Real seconds that a scenario may take at most."""


# The clocks -------------------------------------------------------------------------------------


def run_on_fake_clock(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run *scenario* with a clock that jumps over every wait; real seconds are bounded by pytest's
    fault handler.
    """
    trio.run(scenario, clock=trio.testing.MockClock(autojump_threshold=0))


def run_on_real_clock(
    scenario: Callable[[], Awaitable[None]], *, patience_s: float = PATIENCE_S
) -> None:
    """Run *scenario* on the machine's clock, the only one that threads and sockets know."""

    async def main() -> None:
        with trio.fail_after(patience_s):
            await scenario()

    trio.run(main)


# Decorators -------------------------------------------------------------------------------------


class Decorator(Generic[P]):
    """A runner as a decorator, with or without the runner's arguments in brackets.

    A function among the arguments is called with the test's parameters and fixtures of its own
    parameters' names, and stands for its result. Fixtures that only such functions name need not be
    among the test's parameters.
    """

    def __init__(self, run: Callable[..., None], gives: int, options: Mapping[str, object]) -> None:
        self._run = run
        self._gives = gives
        self._options = options
        self._signature = inspect.signature(run)

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, test: Callable[P, Awaitable[None]], /
    ) -> Callable[..., None]: ...

    @overload
    def __call__(
        self, *arguments: object, **options: object
    ) -> Callable[[Callable[P, Awaitable[None]]], Callable[..., None]]: ...

    def __call__(self, *arguments: Any, **options: object) -> Any:
        """Decorate a test, or take the runner's arguments for one."""
        if len(arguments) == 1 and not options and inspect.iscoroutinefunction(arguments[0]):
            return self._test(arguments[0], (), self._options)
        options = {**self._options, **options}
        self._signature.bind(
            None, *arguments, **options
        )  # a misspelt option is an error where it is written
        return lambda test: self._test(test, arguments, options)

    def _test(
        self,
        test: Callable[..., Awaitable[None]],
        arguments: tuple[object, ...],
        options: Mapping[str, object],
    ) -> Callable[..., None]:
        if not test.__name__.startswith("test_"):
            raise TypeError(
                f"{test.__name__} is no test: call {self._run.__name__}({test.__name__}) to run it now"
            )
        own = list(inspect.signature(test).parameters.values())[self._gives :]
        names = {parameter.name for parameter in own}

        @functools.wraps(test)
        def run_test(**found: object) -> None:
            scenario = functools.partial(test, **{name: found[name] for name in names})
            chosen = {name: resolved(option, found) for name, option in options.items()}
            self._run(scenario, *(resolved(argument, found) for argument in arguments), **chosen)

        wanted = {
            name for option in (*arguments, *options.values()) for name in parameters_of(option)
        } - names
        more = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in sorted(wanted)]
        run_test.__signature__ = inspect.Signature([*own, *more])  # type: ignore[attr-defined]
        return run_test


def parameters_of(option: object) -> list[str]:
    """The names of what a runner's argument depends on: none, unless it is a function."""
    return list(inspect.signature(option).parameters) if inspect.isfunction(option) else []


def resolved(option: object, found: Mapping[str, object]) -> object:
    """The argument that a runner gets."""
    return (
        option(**{name: found[name] for name in parameters_of(option)})
        if inspect.isfunction(option)
        else option
    )


@overload
def decorator(
    run: Callable[Concatenate[Callable[[], Awaitable[None]], ...], None],
    *,
    gives: int = 0,
    **options: object,
) -> Decorator[...]: ...


@overload
def decorator(
    run: Callable[Concatenate[Callable[[W], Awaitable[None]], ...], None],
    *,
    gives: int,
    **options: object,
) -> Decorator[Concatenate[W, ...]]: ...


@overload
def decorator(
    run: Callable[Concatenate[Callable[[W, V], Awaitable[None]], ...], None],
    *,
    gives: int,
    **options: object,
) -> Decorator[Concatenate[W, V, ...]]: ...


def decorator(run: Callable[..., None], *, gives: int = 0, **options: object) -> Any:
    """Make a decorator of a runner.

    :param gives: how many arguments the runner calls a scenario with.
    :param options: further arguments of the runner, unless a test gives others.
    """
    return Decorator(run, gives, options)


def in_tmp_path(tmp_path: T) -> T:
    """pytest's folder for the test, as an option's value."""
    return tmp_path


on_fake_clock = decorator(run_on_fake_clock)
"""Every wait of the test takes no time, and exactly as long as it says by ``trio.current_time``."""

on_real_clock = decorator(run_on_real_clock)
"""For tests with threads or sockets."""
