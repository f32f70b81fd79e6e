"""The demo data: drawn people, written to disk in the competition's own layout."""

import json
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from trainables.data.bounded_files import load_json, read_text
from trainables.data.demo.people import MIN_PEOPLE, OLD_SHARE, Person, check_request, plan_people
from trainables.data.demo.photo import STEMS, Sitting, mask_class
from trainables.data.demo.studio import Progress, photograph_all
from trainables.drafts import clear_drafts, draft_of
from trainables.errors import DataError

__all__ = ["OLD_SHARE", "VERSION", "Person", "demo_dir", "generate", "plan_people"]

VERSION: Final = 1
"""Raised whenever the same request would give other pictures."""
DEFAULT_SIZE: Final = (192, 256)
_MARK: Final = "demo.json"
_MIN_SIDE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What decides every byte of the demo data."""

    num_people: int
    num_eval_people: int
    seed: int
    size: tuple[int, int]
    old_share: float

    def __post_init__(self) -> None:
        for part in (self.num_people, self.num_eval_people):
            check_request(part, self.old_share)
        if min(self.size) < _MIN_SIDE:
            raise DataError(
                f"photos need at least {_MIN_SIDE} pixels a side, got (width, height) = "
                f"{self.size}; the default is {DEFAULT_SIZE}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON: equal ones draw equal photos."""
        return {
            "generator": VERSION,
            "seed": self.seed,
            "num_people": self.num_people,
            "num_eval_people": self.num_eval_people,
            "size": list(self.size),
            "old_share": self.old_share,
        }


def demo_dir(
    cache: Path,
    num_people: int = 300,
    seed: int = 0,
    size: tuple[int, int] = DEFAULT_SIZE,
    *,
    num_eval_people: int | None = None,
    old_share: float = OLD_SHARE,
) -> Path:
    """Returns the folder of the cache that belongs to this request; creates nothing."""
    name = f"demo-v{VERSION}-{num_people}p-seed{seed}-{size[0]}x{size[1]}"
    if num_eval_people is not None:
        name += f"-eval{num_eval_people}"
    if old_share != OLD_SHARE:
        name += f"-old{old_share:g}"
    return cache / name


def generate(
    root: Path,
    *,
    num_people: int = 300,
    seed: int = 0,
    size: tuple[int, int] = DEFAULT_SIZE,
    num_eval_people: int | None = None,
    old_share: float = OLD_SHARE,
    num_workers: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Draws the demo data into `root` and returns it; at once if it is already there.

    Args:
        root: Folder to create; it appears complete or not at all.
        num_people: People with labels, seven photos each.
        seed: Decides everything, together with the sizes below.
        size: Width and height of a photo in pixels.
        num_eval_people: People of the unlabelled part; default a third of `num_people`, at
            least 18.
        old_share: Share of people of 60.
        num_workers: Drawing processes; default the processors available. The bytes do not
            depend on it.
        progress: Called from this process with (photos done, photos in all).

    Raises:
        DataError: too few people, too small photos, or `root` holds something else.
    """
    request = _Request(
        num_people=num_people,
        num_eval_people=(
            max(num_people // 3, MIN_PEOPLE) if num_eval_people is None else num_eval_people
        ),
        seed=seed,
        size=(int(size[0]), int(size[1])),
        old_share=old_share,
    )
    if _is_there(root, request):
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    clear_drafts(root.parent, held=False)
    draft = draft_of(root)
    try:
        _write(draft, request, num_workers, progress)
        draft.rename(root)
    except OSError:
        # Another process finished the same folder first.
        if not _is_there(root, request):
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return root


def _is_there(root: Path, request: _Request) -> bool:
    """Whether `root` holds exactly the requested data; False if there is no `root`.

    Raises:
        DataError: `root` holds something else.
    """
    if not root.exists():
        return False
    way_out = "give another folder, or delete this one"
    try:
        found = load_json(read_text(root / _MARK))
    except FileNotFoundError:
        raise DataError(f"{root} exists but holds no demo data (no {_MARK}); {way_out}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{root / _MARK} cannot be read ({error}); {way_out}") from error
    if not isinstance(found, dict):
        raise DataError(f"{root / _MARK} must hold a mapping, got {found!r}; {way_out}")
    wanted = request.to_dict()
    differing = [
        f"{name} {found.get(name)!r} instead of {value!r}"
        for name, value in wanted.items()
        if found.get(name) != value
    ]
    if differing:
        raise DataError(f"{root} holds other demo data: {', '.join(differing)}; {way_out}")
    return True


def _write(
    root: Path, request: _Request, num_workers: int | None, progress: Progress | None
) -> None:
    # Late: drawing processes import their parent's main script, and would pay for torch.
    from trainables.seeding import derive_seed, numpy_generator

    people = plan_people(request.num_people, request.seed, request.old_share)
    eval_people = plan_people(
        request.num_eval_people, derive_seed(request.seed, "eval"), request.old_share
    )
    rng = numpy_generator(request.seed, "extensions")
    sittings = _write_train(root / "train", people, request, rng)
    rng = numpy_generator(request.seed, "eval names")
    sittings += _write_eval(root, eval_people, request, rng)
    photograph_all(sittings, num_workers, progress)
    mark = request.to_dict() | {"counts": _counts(people)}
    (root / _MARK).write_text(json.dumps(mark, indent=1) + "\n", encoding="utf-8")


def _write_train(
    folder: Path, people: list[Person], request: _Request, rng: np.random.Generator
) -> list[Sitting]:
    """Writes train.csv and the empty folders; returns the photos to take."""
    rows, sittings = ["id,gender,race,age,path"], []
    for person in people:
        rows.append(f"{person.number:06d},{person.gender},Asian,{person.age},{person.folder}")
        home = folder / "images" / person.folder
        home.mkdir(parents=True)
        ending = str(rng.choice(("jpg", "png", "jpeg"), p=(0.94, 0.03, 0.03)))
        files = tuple(home / f"{stem}.{ending}" for stem in STEMS)
        sittings.append(Sitting(person=person, files=files, size=request.size))
    _write_lines(folder / "train.csv", rows)
    return sittings


def _write_eval(
    root: Path, people: list[Person], request: _Request, rng: np.random.Generator
) -> list[Sitting]:
    """Writes info.csv and the truth; the file names tell neither person nor kind of photo."""
    images = root / "eval" / "images"
    images.mkdir(parents=True)
    truth, sittings = [], []
    for person in people:
        names = [f"{rng.bytes(20).hex()}.jpg" for _ in STEMS]
        files = tuple(images / name for name in names)
        sittings.append(Sitting(person=person, files=files, size=request.size))
        for name, stem in zip(names, STEMS, strict=True):
            truth.append(f"{name},{_joint_code(person, stem)},{person.number:06d}")
    order = rng.permutation(len(truth))
    shuffled = [truth[index] for index in order]
    _write_lines(root / "eval_truth.csv", ["ImageID,ans,group", *shuffled])
    blank = [f"{row.split(',')[0]},0" for row in shuffled]
    _write_lines(root / "eval" / "info.csv", ["ImageID,ans", *blank])
    return sittings


def _joint_code(person: Person, stem: str) -> int:
    return 6 * mask_class(stem) + 3 * int(person.gender == "female") + person.age_class


def _counts(people: list[Person]) -> dict[str, int]:
    bands = ("<30", "30-59", ">=60")
    counts = Counter(f"{person.gender} {bands[person.age_class]}" for person in people)
    return dict(sorted(counts.items()))


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
