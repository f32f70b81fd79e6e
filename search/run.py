"""`python search/run.py ...` is `headrace run ...`, from any working folder."""

import sys
from pathlib import Path

# Python puts this folder first on the path, where the repository root belongs.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from search.cli.commands import entry

if __name__ == "__main__":
    entry(["run", *sys.argv[1:]])
