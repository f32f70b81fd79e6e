"""`python -m search ...` is `headrace ...`."""

import sys
from pathlib import Path

# Before the working folder, where a module of the user's may bear the name of one of ours.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from search.cli.commands import entry

if __name__ == "__main__":
    entry()
