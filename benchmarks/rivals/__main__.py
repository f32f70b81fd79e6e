"""One search in a process of its own: `python -m benchmarks.rivals METHOD TASK FOUND`."""

import sys
from pathlib import Path

from benchmarks.rivals.task import Task


def main() -> None:
    """Searches, and writes what was found."""
    method, task_file, found_file = sys.argv[1:]
    task = Task.read(Path(task_file))
    if method.startswith("recipe"):
        from benchmarks.rivals import by_recipe

        found = by_recipe.search(task, warm=method == "recipe-warm")
    else:
        from benchmarks.rivals import by_drawing

        found = by_drawing.search(task, discarding=method == "one-epoch")
    found.write(Path(found_file))


if __name__ == "__main__":
    main()
