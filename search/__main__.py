"""`python -m search ...` is `headrace ...`."""

from search.cli.commands import entry

if __name__ == "__main__":
    entry()
