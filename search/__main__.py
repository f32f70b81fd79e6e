"""`python -m search ...` is `headrace ...`."""

import sys

from search.cli.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
