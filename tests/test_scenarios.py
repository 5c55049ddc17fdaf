"""The decorators of async tests: what a test gets, and that one that is not run does not pass."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from tests.scenarios import decorator, in_tmp_path, on_fake_clock, on_real_clock


def run_in_a_world(
    scenario: Callable[[str], Awaitable[None]],
    *names: str,
    suffix: str = "",
    folder: Path | None = None,
) -> None:
    trio.run(scenario, f"{'+'.join(names)}{suffix} in {folder and folder.name}")


in_a_world = decorator(run_in_a_world, gives=1)
in_a_folder = decorator(run_in_a_world, gives=1, folder=in_tmp_path)


@pytest.fixture
def ending() -> str:
    return "?"


@in_a_world
async def test_a_bare_decorator_gives_the_world_first(world: str, ending: str) -> None:
    """Fixtures come after it."""
    assert (world, ending) == (" in None", "?")


@pytest.mark.parametrize("number", [1, 2])
@in_a_world("a", lambda number: f"b{number}", suffix=lambda number, ending: ending * number)
async def test_a_runner_s_arguments_may_depend_on_parameters(world: str, number: int) -> None:
    """By the names of the function's own parameters; a fixture that only they name is had as
    well.
    """
    assert world == f"a+b{number}{'?' * number} in None"


@in_a_folder
async def test_an_option_may_have_another_default(world: str, tmp_path: Path) -> None:
    """Such as a folder of the test's own."""
    assert world == f" in {tmp_path.name}"


@on_fake_clock
async def test_waits_take_no_time_on_the_fake_clock() -> None:
    """A day is over at once, and has been a day."""
    began = trio.current_time()
    await trio.sleep(86400)
    assert trio.current_time() == began + 86400


def test_pytest_sees_a_plain_function_without_the_world() -> None:
    """And with the fixtures that it has to bring."""

    @in_a_folder(suffix=lambda ending: ending)
    async def test_it(world: str, case: str) -> None:
        """Its rule."""

    assert list(inspect.signature(test_it).parameters) == ["case", "ending", "tmp_path"]
    assert (test_it.__name__, test_it.__doc__) == ("test_it", "Its rule.")
    assert not inspect.iscoroutinefunction(test_it)


@pytest.mark.parametrize("decorate", [on_fake_clock, on_real_clock, on_real_clock(patience_s=5)])
def test_what_fails_within_fails_the_test(decorate: Callable[..., Callable[..., None]]) -> None:
    """The error comes out as it is."""

    async def test_it() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        decorate(test_it)()


def test_an_option_that_the_runner_does_not_have_is_an_error_at_once() -> None:
    """Not only when the test is run."""
    with pytest.raises(TypeError, match="sufix"):
        in_a_world(sufix="!")


def test_a_scenario_within_a_test_is_not_decorated_by_mistake() -> None:
    """It would never run, and the test would pass."""

    async def scenario(world: str) -> None:
        pytest.fail("run")

    with pytest.raises(TypeError, match=r"call run_in_a_world\(scenario\) to run it now"):
        in_a_world(scenario)
