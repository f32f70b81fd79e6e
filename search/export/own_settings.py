"""Settings that other programs read from the environment, for as long as they work for us."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def settings(**variables: str) -> Iterator[None]:
    """Sets variables of the environment inside a block, and puts them back behind it."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
