"""What the command line gives, as the values of a config; what cannot be used is refused."""

from collections.abc import Sequence
from pathlib import Path

from search.errors import UsageError
from search.prepare.option import absolute, check_file, check_folder, is_file, known_model
from search.store.screen_file import read_offer
from spaces import split_spec
from trainables.data.corrections import no_corrections
from trainables.data.known_corrections import KNOWN
from trainables.given_paths import no_folder


def absolute_spaces(given: Sequence[str]) -> tuple[str, ...]:
    """Returns specs of spaces whose files are absolute paths."""
    # A resumed run may be started from another folder.
    return tuple(map(_absolute_space, given))


def _absolute_space(spec: str) -> str:
    name, file = split_spec(spec)
    if not file.endswith(".py") or (name or file).startswith("attribute:"):
        return spec
    return f"{name}={absolute(file)}" if name else absolute(file)


def weights_dir(folder: str) -> str:
    """Returns a folder of weights; UsageError where it is none."""
    why = no_folder(folder)
    if not why and not any(Path(folder).glob("*.safetensors")):
        why = "it has no such file"
    if why:
        raise UsageError(
            f"--weights-dir must be a folder of <timm name>.safetensors, got {folder}: {why}; "
            "leave it out to use the model hub, or --no-pretrained to train from scratch"
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
        if why := no_corrections(source):
            raise UsageError(
                f"--corrections must be CSV files or known sets ({', '.join(KNOWN)}), got "
                f"{source}: {why}"
            )
    return tuple(
        source if source in KNOWN and not is_file(source) else absolute(source)
        for source in sources
    )


def added(folders: Sequence[str]) -> tuple[str, ...]:
    """Returns absolute paths of folders of added data; UsageError where one is no folder."""
    every = [folders] if isinstance(folders, str) else folders  # from Python, one may be alone
    for folder in every:
        check_folder("data that is added", folder)
    return tuple(map(absolute, every))


def photos_dir(folder: str) -> str:
    """Returns a folder of photos; UsageError where it is none."""
    check_folder("--pseudo-labels", folder, "a folder of photos")
    return absolute(folder)


def portfolios(given: Sequence[str]) -> tuple[str, ...]:
    """Returns files as absolute paths; UsageError where one is none."""
    for path in given:
        check_file("--warm-start", path, "files that headrace export NAME --to portfolio writes")
    return tuple(absolute(path) for path in given)
