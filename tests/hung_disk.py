"""The server in a process whose disk hangs: ``python -m tests.hung_disk CALLS FILE …`` with the
server's own arguments.

CALLS are names of functions of ``os``, joined by commas. As long as FILE is there, a call with a
path of ours, or with a descriptor, does not return.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def hanging(real: Callable[..., Any], switch: Path) -> Callable[..., Any]:
    """*real*, as long as there is no *switch*; else a call that never comes back."""
    exists = os.access

    def call(*arguments: Any, **named: Any) -> Any:
        while exists(switch, os.F_OK) and is_ours(arguments[0] if arguments else None):
            time.sleep(0.05)
        return real(*arguments, **named)

    return call


def is_ours(what: object) -> bool:
    if isinstance(what, int):
        return what > 2
    return isinstance(what, (str, os.PathLike)) and str(what).endswith(
        (".json", ".toml", "media", ".png", ".tmp")
    )


def main() -> None:
    calls, switch, *arguments = sys.argv[1:]
    for name in calls.split(","):
        setattr(os, name, hanging(getattr(os, name), Path(switch)))
    from grokcore.cli import main as serve

    sys.exit(serve(arguments))


if __name__ == "__main__":
    main()
