"""``python -m grokcore``: the same as ``python grok2api.py``, in an environment that has the
packages already.
"""

import sys

from .cli import main


def run() -> None:
    """The console script."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
