"""What the command line gives, as the values of a config; what cannot be used is refused."""

from collections.abc import Sequence
from pathlib import Path

from search.errors import UsageError
from search.prepare.option import absolute, is_file, is_folder, known_model
from search.store.screen_file import read_offer
from trainables.data.known_corrections import KNOWN


def absolute_spaces(given: Sequence[str]) -> tuple[str, ...]:
    """Returns specs of spaces whose files are absolute paths."""
    # A resumed run may be started from another folder.
    split = (space.rpartition("=") for space in given)
    return tuple(
        f"{name}{equals}{absolute(file)}"
        if file.endswith(".py") and not (name or file).startswith("attribute:")
        else f"{name}{equals}{file}"
        for name, equals, file in split
    )


def weights_dir(folder: str) -> str:
    """Returns a folder of weights; UsageError where it is none."""
    if not is_folder(folder):
        raise UsageError(f"--weights-dir must be a folder, got {folder}")
    if not any(Path(folder).glob("*.safetensors")):
        raise UsageError(
            f"--weights-dir must hold files <timm name>.safetensors, {folder} has none; leave it "
            "out to use the model hub, or --no-pretrained to train from scratch"
        )
    return absolute(folder)


def backbones(given: Sequence[str]) -> tuple[str, ...]:
    """Returns names of models, those of a screen.json too; UsageError where timm lacks one."""
    # The names are kept, not the file: a resumed run must not depend on it.
    each = (read_offer(Path(one)) if one.endswith(".json") else (one,) for one in given)
    found = tuple(dict.fromkeys(name for names in each for name in names))
    for name in found:
        known_model("--backbones", name)
    return found


def corrections(sources: Sequence[str]) -> tuple[str, ...]:
    """Returns files as absolute paths, and names of known sets; UsageError for anything else."""
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
    """Returns a folder of photos; UsageError where it is none."""
    if not is_folder(folder):
        raise UsageError(f"--pseudo-labels must be a folder of photos, got {folder}")
    return absolute(folder)


def portfolios(given: Sequence[str]) -> tuple[str, ...]:
    """Returns files as absolute paths; UsageError where one is none."""
    for path in given:
        if not is_file(path):
            raise UsageError(
                f"--warm-start must be files that headrace export NAME --to portfolio writes, got "
                f"{path}"
            )
    return tuple(absolute(path) for path in given)
