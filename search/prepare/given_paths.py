"""What the options of a run name on the disk: checked, and as absolute paths."""

from collections.abc import Sequence
from pathlib import Path

from search.errors import UsageError
from search.prepare.option import absolute, is_file, is_folder
from trainables.data.known_corrections import KNOWN


def weights_dir(folder: str) -> str:
    """Returns the absolute path of a folder of weights; UsageError where it has none."""
    if not is_folder(folder):
        raise UsageError(f"--weights-dir must be a folder, got {folder}")
    if not any(Path(folder).glob("*.safetensors")):
        raise UsageError(
            f"--weights-dir must hold files <timm name>.safetensors, {folder} has none; leave it "
            "out to use the model hub, or --no-pretrained to train from scratch"
        )
    return absolute(folder)


def corrections(sources: Sequence[str]) -> tuple[str, ...]:
    """Returns absolute paths and names of known sets; UsageError where one is neither."""
    for source in sources:
        if source not in KNOWN and not is_file(source):
            raise UsageError(
                f"--corrections must be CSV files or known sets ({', '.join(KNOWN)}), got {source}"
            )
    return tuple(absolute(source) if is_file(source) else source for source in sources)


def added(folders: Sequence[str]) -> tuple[str, ...]:
    """Returns absolute paths of folders of added data; UsageError where one is no folder."""
    every = [folders] if isinstance(folders, str) else folders  # from Python, one may be alone
    for folder in every:
        if not is_folder(folder):
            raise UsageError(f"data that is added must be a folder, got {folder}")
    return tuple(map(absolute, every))


def photos_dir(folder: str) -> str:
    """Returns the absolute path of a folder of photos; UsageError where it is none."""
    if not is_folder(folder):
        raise UsageError(f"--pseudo-labels must be a folder of photos, got {folder}")
    return absolute(folder)


def portfolios(given: Sequence[str]) -> tuple[str, ...]:
    """Returns absolute paths of portfolios; whether they are there is told when they are read."""
    return tuple(absolute(path) for path in given)
