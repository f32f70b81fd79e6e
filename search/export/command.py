"""`headrace export NAME`: a run's winners for other programs."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from search.console import StepBar, say
from search.errors import ResultsError, UsageError, near
from search.export.formats import FORMATS, TRACKERS
from search.export.parity import LIMIT, Parity, Photos
from search.export.to_onnx import check_packages, export_onnx
from search.export.to_portfolio import portfolio_of
from search.export.to_timm import CLASS_FOLDERS, PROGRAM, read_best, write_classes, write_timm
from search.export.trackers import export_to_tracker
from search.predict.photos import decode
from search.predict.spec import EnsembleSpec
from search.prepare.config import RunConfig
from search.prepare.dataset import DEMO_SEED, labelled
from search.prepare.one_side import on_one_side
from search.store.commands import headrace
from search.store.files import check_writable
from search.store.portfolio_file import PORTFOLIO_FILE, write_portfolio
from search.store.reading import is_there, reading
from search.store.run_store import RunStore
from trainables.data.demo import generate as synthetic
from trainables.data.sample_table import SampleTable
from trainables.data.schema import LabelSchema
from trainables.errors import DataError
from trainables.machine import Machine

NUM_PHOTOS = 64
"""That exported networks are compared on with the originals."""
_DONE, _DIFFERS = 0, 1


def export_run(
    store: RunStore,
    to: str,
    console: Console,
    *,
    spaces: Sequence[str] | None = None,
    cache: Path | None = None,
) -> int:
    """Writes `timm/`, `onnx/` or `portfolio.json` into the folder of a run, or to a tracker.

    Args:
        store: of the run.
        to: one of `FORMATS`.
        console: where to show what was written.
        spaces: whose best configs go to timm or into the portfolio; None is every space.
        cache: where the photos of the demo lie, to compare ONNX networks on; None is nowhere.

    Returns:
        The exit code: 1 where an exported network does not predict what the original does.

    Raises:
        UsageError: no such format, spaces for a format that takes all, or a package is missing.
        ResultsError: the run lacks what is to be exported.
    """
    if to not in FORMATS:
        raise UsageError(
            f"--to must be one of {', '.join(FORMATS)}, got {to!r}{near(to, FORMATS)}"
        )
    check_writable("--results", store.root if to == "portfolio" else store.root / to)
    if to == "portfolio":
        return _to_portfolio(store, console, spaces)
    if to == "timm":
        return _to_timm(store, console, spaces, cache)
    if spaces:
        what = "every trial of the run" if to in TRACKERS else "the whole ensemble"
        raise UsageError(f"--to {to} exports {what}, got --space {' '.join(spaces)}; leave it out")
    if to in TRACKERS:
        export_to_tracker(store, to, console)
        return _DONE
    return _to_onnx(store, console, cache)


def comparison_photos(
    store: RunStore, spec: EnsembleSpec, cache: Path | None
) -> tuple[Photos, str]:
    """Returns photos to compare networks on, uint8 [n, H, W, 3], and where they are from.

    Returns:
        Photos of the training data spread over it, or made-up ones where it is not here.
    """
    table = _table(store, cache)
    if table is not None:
        picked = np.unique(np.linspace(0, table.num_samples - 1, NUM_PHOTOS).round())
        paths = [table.root / table.paths[int(i)] for i in picked]
        pixels, broken = decode(paths, spec.stored_size, Machine().cpus(), spec.max_pixels)
        if not broken:
            return pixels, "photos of the run's data"
    return made_up_photos(spec.stored_size), "random colours: the run's photos are not here"


def made_up_photos(size: tuple[int, int]) -> Photos:
    """Returns uint8 [64, H, W, 3]: coarse random colours, for noise would turn grey when scaled.

    Args:
        size: (H, W) in pixels.
    """
    rng = np.random.default_rng(0)
    rows, columns = (-(-side // 8) for side in size)
    coarse = rng.integers(0, 256, (NUM_PHOTOS, rows, columns, 3), dtype=np.uint8)
    whole = coarse.repeat(8, axis=1).repeat(8, axis=2)
    return np.ascontiguousarray(whole[:, : size[0], : size[1]])


def _every_best(folder: Path) -> list[Path]:
    """Returns the best configs in a folder; raises OSError where nobody may look into it."""
    # Path.glob would find nothing there.
    paths = sorted(folder.iterdir()) if is_there(folder) else []
    return [path for path in paths if path.suffix == ".yaml" and path.name[0] != "."]


def _to_portfolio(store: RunStore, console: Console, spaces: Sequence[str] | None) -> int:
    path, found = store.root / PORTFOLIO_FILE, portfolio_of(store, spaces)
    write_portfolio(path, found)
    counts = Counter(candidate.space for candidate in found)
    listed = ", ".join(f"{space} {number}" for space, number in counts.items())
    say(console, f"{path}: {len(found)} configs ({listed})")
    say(
        console,
        f"begin a run with them: {headrace()} run --warm-start {shlex.quote(str(path))} ...",
    )
    return _DONE


def _to_timm(
    store: RunStore, console: Console, spaces: Sequence[str] | None, cache: Path | None
) -> int:
    schema = LabelSchema.from_dict(store.read_study()["data"]["schema"])
    best = store.root / "best"
    paths = [store.best_path(name) for name in spaces or ()] or _every_best(best)
    if not paths:
        raise ResultsError(f"{store.root} has no best config yet; resume the run")
    # All are read before the first is written: a wrong name leaves nothing behind.
    every, table = [read_best(path, schema) for path in paths], _table(store, cache)
    missing: dict[str, tuple[str, ...]] = {}
    for found in every:
        path, arguments = write_timm(
            store.root / "timm", found, schema, data_is_here=table is not None
        )
        missing[found.space] = arguments.missing
        say(console, f"{path}: the options of timm's train.py for {found.space}", "bold")
        if table is not None:
            _say_folders(console, write_classes(path.with_suffix(".csv"), found, table), table)
        else:
            say(console, "  class folders: none, for the run's photos are not here as they were")
        say(console, f"  training: python train.py --config {_quoted(path)} --data-dir FOLDER")
    say(console, f"train.py is no part of the package timm: {PROGRAM}")
    _say_missing(console, missing)
    return _DONE


def _say_missing(console: Console, missing: Mapping[str, Sequence[str]]) -> None:
    """Says what timm cannot do: what holds for all spaces once, then the rest of each."""
    first, *others = missing.values()
    common = [text for text in first if all(text in other for other in others)]
    own = {name: [t for t in texts if t not in common] for name, texts in missing.items()}
    of_all = {"no counterpart in timm": common}
    of_each = {f"no counterpart in timm of {name}": texts for name, texts in own.items()}
    for heading, texts in (of_all | of_each).items():
        if texts:
            say(console, f"{heading}:", "bold")
        for text in texts:
            say(console, f"  - {text}")


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _say_folders(console: Console, classes: Path, table: SampleTable) -> None:
    program = _quoted(classes.with_name(CLASS_FOLDERS))
    command = f"python {program} {_quoted(classes)} {_quoted(table.root)} FOLDER"
    say(console, f"  class folders: {command}")


def _to_onnx(store: RunStore, console: Console, cache: Path | None) -> int:
    check_packages()
    folder, out = store.root / "ensemble", store.root / "onnx"
    photos, source = comparison_photos(store, EnsembleSpec.read(folder), cache)
    bar = StepBar(console, "exporting networks")
    parity = export_onnx(folder, out, photos, source, bar)
    _show(console, parity)
    if parity.holds:
        say(console, f"{out}: onnxruntime predicts the same")
        program = shlex.quote(str(out / "run_onnx.py"))
        say(console, f"without headrace: python {program} PHOTOS > answers.csv")
        return _DONE
    said = (
        f"{out}: onnxruntime does not predict the same: a probability differs by {LIMIT:g} or "
        "more, or a class does; see parity.json"
    )
    say(console, said, style="red")
    return _DIFFERS


def _show(console: Console, parity: Parity) -> None:
    table = Table(title=f"{parity.photos} photos ({parity.source})", title_justify="left")
    table.add_column("network")
    table.add_column("largest difference", justify="right")
    table.add_column("same classes")
    for each in (*parity.networks, parity.ensemble):
        cells = (each.name, f"{each.max_difference:.1e}", "yes" if each.same_classes else "NO")
        table.add_row(*cells, style=None if each.holds else "red")
    console.print(table)


def _nothing(done: int, total: int) -> None:
    """Shows no progress."""


def _table(store: RunStore, cache: Path | None) -> SampleTable | None:
    """Returns the run's data; None where it is not here or not what it was."""
    study = store.read_study()
    with reading(store.root / "study.json", "copy the run whole"):
        config = RunConfig.from_dict(study["config"])
    if config.data:
        root = Path(config.data)
    elif cache is not None:
        root = synthetic.demo_dir(cache, config.people, DEMO_SEED)
    else:
        return None
    try:
        table, _ = labelled(root, config, _nothing)
        if cache is not None and config.data:
            table = on_one_side(table, cache, lambda _: _nothing)
        table.check_files()
    except DataError:
        return None
    return table if table.fingerprint == study["data"]["fingerprint"] else None
