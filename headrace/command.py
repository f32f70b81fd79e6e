"""The installed command `headrace`."""

from headrace import own_packages


def entry() -> None:
    """Runs the command to the end of the process, whatever lies in the working folder."""
    own_packages.claim()
    from search.cli.commands import entry as run_command

    run_command()
