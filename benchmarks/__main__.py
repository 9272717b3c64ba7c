"""`make bench`, or `make bench ONLY=queue`: measure, print a table, write build/bench.json."""

import json
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from benchmarks.figure import Figure

SUBJECTS: Final = ("queue", "listeners", "replication", "bundles", "link", "memory")
REPORT: Final = Path("build/bench.json")
MARKS: Final = {True: "met", False: "NOT met", None: ""}


def main(chosen: list[str]) -> int:
    """Run the chosen subjects, or all of them; return how many bounds were missed."""
    unknown = set(chosen) - set(SUBJECTS)
    if unknown:
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
        return 2
    REPORT.parent.mkdir(exist_ok=True)  # the subjects work beside it
    figures: list[Figure] = []
    for subject in chosen or SUBJECTS:
        print(f"== {subject}", flush=True)
        measure: Callable[[], Iterator[Figure]] = import_module(f"benchmarks.{subject}").measure
        for figure in measure():
            figures.append(figure)
            print(line(figure), flush=True)
    told = [figure.told() for figure in figures]
    REPORT.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    missed = [figure.name for figure in figures if figure.met is False]
    print(f"{len(figures)} figures in {REPORT}; missed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


def line(figure: Figure) -> str:
    """Return a figure as one row of the printed table."""
    value = f"{figure.value:12.3f} {figure.unit}"
    return (
        f"{figure.name:58} {value:26} {figure.target:>12}  {MARKS[figure.met]:8} {figure.against}"
    )


if __name__ == "__main__":
    sys.exit(main([word for word in sys.argv[1:] if word]))
