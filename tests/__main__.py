"""``python3 -m tests [pytest arguments]``, from the project's folder, on a machine that has nothing
but Python.

Without arguments the whole suite runs, and branch coverage is required (``tests/measuring.py``);
``--coverage`` measures all of it also where that is slow. ``--quick`` checks in seconds: linters,
types, and the pure half with few examples.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

QUICK = ["tests/protocol", "tests/test_quality.py", "--few-examples"]


def _run_pytest() -> int:
    import pytest

    arguments = sys.argv[1:]
    if arguments in ([], ["--coverage"]):
        from tests.measuring import Measurement

        rest = bool(arguments) or sys.version_info >= (3, 14)
        return pytest.main([], plugins=[Measurement(rest=rest)])
    if "--quick" in arguments:
        arguments.remove("--quick")
        arguments += QUICK
    return pytest.main(arguments)


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.path.insert(0, ROOT)
    from grok2api import main_in_environment

    sys.exit(main_in_environment(["-m", "tests"] + sys.argv[1:], ("test", "build"), _run_pytest))
