"""``python3 -m bench [--growth] [--quick] [--markdown]``, from the project's folder, on a machine
that has nothing but Python.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python3 -m bench",
        description="Measure the gateway against its budgets, on loopback only.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="a short version, under 60 s: noisier figures"
    )
    parser.add_argument(
        "--growth",
        action="store_true",
        help="instead of the budgets: lag, CPU and memory over 1 to 1 000 open streams",
    )
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument(
        "--plot",
        metavar="FILE",
        type=Path,
        help="where the plot goes; otherwise bench/plot.png, with --growth bench/growth.png",
    )
    arguments = parser.parse_args()
    arguments.plot = arguments.plot or HERE / ("growth.png" if arguments.growth else "plot.png")
    return arguments


def _machine() -> str:
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} "
        f"{platform.release()}"
    )


def _measure() -> int:
    from .figures import as_markdown, as_text
    from .growth import table
    from .run import FULL, FULL_GROWTH, QUICK, QUICK_GROWTH, measure, measure_growth

    arguments = _parse()
    if not sys.platform.startswith("linux"):
        print(
            "the benchmark reads /proc and per-process clocks: it runs on Linux only",
            file=sys.stderr,
        )
        return 1
    if arguments.growth:
        extent = QUICK_GROWTH if arguments.quick else FULL_GROWTH
        curves, figures = measure_growth(extent, arguments.plot)
        print(f"\n{table(curves)}")
    else:
        figures = measure(QUICK if arguments.quick else FULL, arguments.plot)
    print(f"\n{_machine()}\n")
    print(as_markdown(figures) if arguments.markdown else as_text(figures))
    print(f"\nplot: {arguments.plot}")
    return 0


if __name__ == "__main__":
    if any(flag in sys.argv[1:] for flag in ("-h", "--help")):
        _parse()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    from grok2api import main_in_environment

    sys.exit(main_in_environment(["-m", "bench", *sys.argv[1:]], ("bench",), _measure))
