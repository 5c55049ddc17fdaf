"""``python3 -m tests [pytest arguments]``, from the project's folder, on a machine that has nothing
but Python.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _run_pytest() -> int:
    import pytest

    return pytest.main(sys.argv[1:])


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.path.insert(0, ROOT)
    from grok2api import main_in_environment

    sys.exit(main_in_environment(["-m", "tests"] + sys.argv[1:], ("test", "build"), _run_pytest))
