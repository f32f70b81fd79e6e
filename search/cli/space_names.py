"""Data and spaces that are not there, told before anything is drawn, decoded or loaded."""

from pathlib import Path

import spaces
from search.errors import UsageError, near
from search.prepare.config import RunConfig
from search.prepare.option import check_folder
from spaces.errors import SpaceError
from spaces.space import Schema

_ALL = "all"


def check_data_and_spaces(config: RunConfig) -> None:
    """Refuses a folder or a layout that is not there, and spaces that the data does not know.

    The attributes of the demo are known without it, those of a folder are read.

    Raises:
        UsageError: a space is neither a file nor a name, or the folder or the layout is none.
        DataError: the data breaks a rule.
    """
    check_layout(config.layout)
    if config.data:
        check_folder("--data", config.data)
    unknown = [spec for spec in config.spaces if not _exists(spec, of_demo=not config.data)]
    if not unknown:
        return
    schema = _schema(config)
    try:
        for spec in unknown:
            spaces.load(spec, schema)
    except SpaceError as error:
        raise UsageError(f"--space: {error}") from error


def check_layout(layout: str | None) -> None:
    """Raises UsageError where there is no layout of a name; None is to be found out."""
    from trainables.data import layouts

    known = layouts.names()
    if layout is not None and layout not in known:
        raise UsageError(
            f"--layout must be one of {', '.join(known)}, got {layout!r}{near(layout, known)}"
        )


def _exists(spec: str, *, of_demo: bool) -> bool:
    """Returns whether a space is there whatever the attributes of the data are.

    Of the demo, whose drawing takes half a minute, a file has to be a space, too.
    """
    name, file = spaces.split_spec(spec)
    if name != spec:
        # A name that no file can have is told where files are read.
        return not of_demo and len(file) < 200 and Path(file).is_file()
    return name in (_ALL, *spaces.WHOLE) or (of_demo and name in spaces.names())


def _schema(config: RunConfig) -> Schema:
    from trainables.data import layouts
    from trainables.data.layouts.profiles import SCHEMA

    if not config.data:
        return SCHEMA
    return layouts.load(Path(config.data), config.layout, config.corrections).schema
